"""Pure: the catalogue of targets. The rows are data, in ``targets.toml``; what follows from a triple is derived here."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from msgspec import Struct

from .errors import ConfigError


class _Arch(NamedTuple):
    bits: int
    endian: str
    machine: str  # of ELF, as pyelftools names it
    oci: str = ""  # architecture (and variant) of an OCI platform
    qemu: str = ""  # qemu-<name>-static


ARCHES: Final[Mapping[str, _Arch]] = {
    "aarch64": _Arch(64, "little", "EM_AARCH64", "arm64", "aarch64"),
    "aarch64_be": _Arch(64, "big", "EM_AARCH64", "", "aarch64_be"),
    "arm": _Arch(32, "little", "EM_ARM", "arm/v6", "arm"),
    "armv5te": _Arch(32, "little", "EM_ARM", "arm/v5", "arm"),
    "armv7": _Arch(32, "little", "EM_ARM", "arm/v7", "arm"),
    "asmjs": _Arch(32, "little", ""),
    "i586": _Arch(32, "little", "EM_386", "386", "i386"),
    "i686": _Arch(32, "little", "EM_386", "386", "i386"),
    "loongarch64": _Arch(64, "little", "EM_LOONGARCH", "loong64", "loongarch64"),
    "mips": _Arch(32, "big", "EM_MIPS", "mips", "mips"),
    "mips64": _Arch(64, "big", "EM_MIPS", "mips64", "mips64"),
    "mips64el": _Arch(64, "little", "EM_MIPS", "mips64le", "mips64el"),
    "mipsel": _Arch(32, "little", "EM_MIPS", "mipsle", "mipsel"),
    "powerpc": _Arch(32, "big", "EM_PPC", "", "ppc"),
    "powerpc64": _Arch(64, "big", "EM_PPC64", "ppc64", "ppc64"),
    "powerpc64le": _Arch(64, "little", "EM_PPC64", "ppc64le", "ppc64le"),
    "riscv32imac": _Arch(32, "little", "EM_RISCV"),
    "riscv64gc": _Arch(64, "little", "EM_RISCV", "riscv64", "riscv64"),
    "s390x": _Arch(64, "big", "EM_S390", "s390x", "s390x"),
    "sparc64": _Arch(64, "big", "EM_SPARCV9", "", "sparc64"),
    "sparcv9": _Arch(64, "big", "EM_SPARCV9"),
    "thumbv6m": _Arch(32, "little", "EM_ARM"),
    "thumbv7em": _Arch(32, "little", "EM_ARM"),
    "thumbv7m": _Arch(32, "little", "EM_ARM"),
    "thumbv7neon": _Arch(32, "little", "EM_ARM", "arm/v7", "arm"),
    "thumbv8m.base": _Arch(32, "little", "EM_ARM"),
    "thumbv8m.main": _Arch(32, "little", "EM_ARM"),
    "wasm32": _Arch(32, "little", ""),
    "x86_64": _Arch(64, "little", "EM_X86_64", "amd64", "x86_64"),
}

OCI_ARCH: Final[Mapping[str, str]] = {name: arch.oci.partition("/")[0] for name, arch in ARCHES.items() if arch.oci}
"""The architecture in an OCI platform, by Rust's name."""

_SYSTEMS: Final = (
    # in the triple -> os, libc, format
    ("-linux-gnu", "linux", "gnu", "elf"),
    ("-linux-musl", "linux", "musl", "elf"),
    ("-linux-android", "android", "bionic", "elf"),
    ("-windows-gnu", "windows", "mingw", "pe"),
    ("-windows-msvc", "windows", "msvc", "pe"),
    ("-uefi", "uefi", "", "pe"),
    ("-apple-darwin", "macos", "", "macho"),
    ("-apple-ios", "ios", "", "macho"),
    ("-freebsd", "freebsd", "", "elf"),
    ("-netbsd", "netbsd", "", "elf"),
    ("-dragonfly", "dragonfly", "", "elf"),
    ("-illumos", "illumos", "", "elf"),
    ("-solaris", "solaris", "", "elf"),
    ("-emscripten", "emscripten", "", "wasm"),
    ("-wasip", "wasi", "", "wasm"),
    ("wasm32-unknown-unknown", "unknown", "", "wasm"),
    ("-none-", "none", "newlib", "elf"),
    ("-fuchsia", "fuchsia", "", "elf"),
    ("-redox", "redox", "", "elf"),
)


class Image(Struct, frozen=True, kw_only=True):
    """An image of cross: the *base* it is made from, and the version of the target's *libc* in it, empty if unknown."""

    base: str
    libc: str = ""


class Target(Struct, frozen=True, kw_only=True):
    """One row of the catalogue.

    Attributes:
        triple, aliases: its names; the first alias is the one in session names.
        arch: as the triple begins; ``bits``, ``endian`` and ``machine`` (ELF's, as pyelftools names it) follow from it.
        os, libc, format: of the artifacts: ``linux``, ``gnu``, ``elf``.
        platform: the OCI platform whose images run its programs, ``linux/arm64``; empty if there is none.
        gnu: the GNU triplet of its C tools, ``aarch64-linux-gnu``; empty if Debian has none.
        qemu: QEMU's name of it in user mode.
        debian: Debian's architecture of its libraries; ``debian_std``: that whose packages hold its std.
        packages: Debian's packages that hold its C and C++ tools.
        containerised: cross runs it in a container at all.
        images: cross's own images by flavour.
        runners: what runs its programs in cross's images; empty: nothing.
        build_std: rustup ships no standard library for it.
    """

    triple: str
    aliases: tuple[str, ...]
    arch: str
    bits: int
    endian: str
    machine: str
    os: str
    libc: str
    format: str
    platform: str = ""
    gnu: str = ""
    qemu: str = ""
    debian: str = ""
    debian_std: str = ""
    packages: tuple[str, ...] = ()
    containerised: bool = True
    images: Mapping[str, Image] = {}
    runners: tuple[str, ...] = ()
    build_std: bool = False

    @property
    def tags(self) -> tuple[str, ...]:
        """Return what Nox sessions of it are tagged with: architecture, system, libc, triple."""
        return tuple(dict.fromkeys(word for word in (self.arch, self.os, self.libc, self.triple) if word))


@cache
def catalogue() -> Mapping[str, Target]:
    """Return every target by its triple."""
    raw = tomllib.loads(Path(__file__).with_name("targets.toml").read_text("utf-8"))
    return {triple: _row(triple, row) for triple, row in raw.items()}


@cache
def _names() -> Mapping[str, Target]:
    return {name: row for row in catalogue().values() for name in (row.triple, *row.aliases)}


def _row(triple: str, row: Mapping[str, Any]) -> Target:
    name = triple.partition("-")[0]
    arch = ARCHES[name]
    os, libc, form = next(found for mark, *found in _SYSTEMS if mark in triple)
    gnu = row.get("gnu", "")
    return Target(
        triple=triple,
        aliases=tuple(row["aliases"]),
        arch=name,
        bits=arch.bits,
        endian=arch.endian,
        machine=arch.machine,
        os=os,
        libc=libc,
        format=form,
        platform=f"linux/{arch.oci}" if os == "linux" and arch.oci else "",
        gnu=gnu,
        qemu=arch.qemu if os == "linux" else "",
        debian=row.get("debian", ""),
        debian_std=row.get("std", ""),
        packages=_packages(gnu),
        containerised="bare" not in row,
        images=_images(row),
        runners=tuple(row.get("run", "").split()),
        build_std=row.get("build-std", False),
    )


def _packages(gnu: str) -> tuple[str, ...]:
    """Return Debian's C and C++ compilers, each of which brings the target's libc (mingw's with POSIX threads)."""
    if gnu.endswith("-mingw32"):
        family = gnu.removesuffix("-w64-mingw32").replace("_", "-")
        return (f"gcc-mingw-w64-{family}-posix", f"g++-mingw-w64-{family}-posix")
    package = gnu.replace("_", "-")
    return (f"gcc-{package}", f"g++-{package}") if gnu else ()


def _images(row: Mapping[str, Any]) -> Mapping[str, Image]:
    images = {}
    if "base" in row:
        images["0.2.5"] = images["0.2.4"] = Image(base=row["base"], libc=row.get("libc", ""))
    if "git" in row:
        images["git"] = Image(base=row["git"], libc=row.get("git-libc", ""))
    return images


def find(name: str) -> Target:
    """
    Return the target of a triple or an alias.

    Raises:
        ConfigError: there is none; the likely ones are named.
    """
    row = _names().get(name)
    if row is None:
        raise ConfigError(f"no target is called {name!r}", why=likely(name), hint="`crosstasks targets` lists all")
    return row


def likely(name: str) -> str:
    """Return the sentence that names the likely targets, empty if none is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(_names()), n=2)
    return f"perhaps {' or '.join(map(repr, near))}" if near else ""


def alias(target: Target) -> str:
    """Return the short name that session names hold."""
    return target.aliases[0]


TAGS: Final[Mapping[str, str]] = {"0.2.5": "0.2.5", "0.2.4": "0.2.4", "git": "main"}
"""The tag of each flavour's images."""


def default_image(target: Target, flavour: str) -> str | None:
    """Return the reference of cross's own image, or None if the flavour has none."""
    return f"ghcr.io/cross-rs/{target.triple}:{TAGS[flavour]}" if flavour in target.images else None
