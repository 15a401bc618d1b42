"""Pure: the catalogue of targets. The rows are data, in ``targets.toml``; what follows from a triple is derived here.

The loaders that programs ask for: glibc's are in its ``sysdeps/unix/sysv/linux/**/shlib-versions`` and the processors' ABI
documents, musl's in its ``configure``; zig's table of loaders (``lib/std/Target.zig``, ``DynamicLinker``) agrees: each was compared
with a program that zig 0.17.1 linked.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from ..core.errors import ConfigError

Endian: TypeAlias = Literal["little", "big"]

Format: TypeAlias = Literal["elf", "pe", "wasm", "macho"]


class _Arch(NamedTuple):
    bits: int
    endian: Endian
    machine: str  # of ELF, as pyelftools names it
    oci: str = ""  # architecture (and variant) of an OCI platform
    qemu: str = ""  # qemu-<name>-static
    loader: str = ""  # of glibc; ARM has two, by its calling convention
    musl: str = ""  # what musl calls it otherwise than Rust does, whose 32-bit MIPS has no floating-point unit


ARCHES: Final[Mapping[str, _Arch]] = {
    "aarch64": _Arch(64, "little", "EM_AARCH64", "arm64", "aarch64", "/lib/ld-linux-aarch64.so.1"),
    "aarch64_be": _Arch(64, "big", "EM_AARCH64", "", "aarch64_be", "/lib/ld-linux-aarch64_be.so.1"),
    "arm": _Arch(32, "little", "EM_ARM", "arm/v6", "arm"),
    "armv5te": _Arch(32, "little", "EM_ARM", "arm/v5", "arm"),
    "armv7": _Arch(32, "little", "EM_ARM", "arm/v7", "arm"),
    "asmjs": _Arch(32, "little", ""),
    "i586": _Arch(32, "little", "EM_386", "386", "i386", "/lib/ld-linux.so.2", "i386"),
    "i686": _Arch(32, "little", "EM_386", "386", "i386", "/lib/ld-linux.so.2", "i386"),
    "loongarch64": _Arch(64, "little", "EM_LOONGARCH", "loong64", "loongarch64", "/lib64/ld-linux-loongarch-lp64d.so.1"),
    "mips": _Arch(32, "big", "EM_MIPS", "mips", "mips", "/lib/ld.so.1", "mips-sf"),
    "mips64": _Arch(64, "big", "EM_MIPS", "mips64", "mips64", "/lib64/ld.so.1"),
    "mips64el": _Arch(64, "little", "EM_MIPS", "mips64le", "mips64el", "/lib64/ld.so.1"),
    "mipsel": _Arch(32, "little", "EM_MIPS", "mipsle", "mipsel", "/lib/ld.so.1", "mipsel-sf"),
    "powerpc": _Arch(32, "big", "EM_PPC", "", "ppc", "/lib/ld.so.1"),
    "powerpc64": _Arch(64, "big", "EM_PPC64", "ppc64", "ppc64", "/lib64/ld64.so.1"),
    "powerpc64le": _Arch(64, "little", "EM_PPC64", "ppc64le", "ppc64le", "/lib64/ld64.so.2"),
    "riscv32imac": _Arch(32, "little", "EM_RISCV"),
    "riscv32imc": _Arch(32, "little", "EM_RISCV"),
    "riscv64gc": _Arch(64, "little", "EM_RISCV", "riscv64", "riscv64", "/lib/ld-linux-riscv64-lp64d.so.1", "riscv64"),
    "s390x": _Arch(64, "big", "EM_S390", "s390x", "s390x", "/lib/ld64.so.1"),
    "sparc64": _Arch(64, "big", "EM_SPARCV9", "", "sparc64", "/lib64/ld-linux.so.2"),
    "sparcv9": _Arch(64, "big", "EM_SPARCV9"),
    "thumbv6m": _Arch(32, "little", "EM_ARM"),
    "thumbv7em": _Arch(32, "little", "EM_ARM"),
    "thumbv7m": _Arch(32, "little", "EM_ARM"),
    "thumbv7neon": _Arch(32, "little", "EM_ARM", "arm/v7", "arm"),
    "thumbv8m.base": _Arch(32, "little", "EM_ARM"),
    "thumbv8m.main": _Arch(32, "little", "EM_ARM"),
    "universal2": _Arch(64, "little", "EM_AARCH64"),  # both of its parts are so, but for the machine of the other
    "wasm32": _Arch(32, "little", ""),
    "x86_64": _Arch(64, "little", "EM_X86_64", "amd64", "x86_64", "/lib64/ld-linux-x86-64.so.2"),
}

OCI_ARCH: Final[Mapping[str, str]] = {name: arch.oci.partition("/")[0] for name, arch in ARCHES.items() if arch.oci}
"""The architecture in an OCI platform, by Rust's name."""

_SYSTEMS: Final[tuple[tuple[str, str, str, Format], ...]] = (
    # in the triple -> os, libc, format; the first that is in it
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
    ("-none-eabi", "none", "newlib", "elf"),
    ("-none", "none", "", "elf"),
    ("-fuchsia", "fuchsia", "", "elf"),
    ("-redox", "redox", "", "elf"),
)

_IN_CONTAINER: Final = ("linux", "android", "thumb", "bsd", "dragonfly", "solaris", "illumos", "windows", "emscripten", "apple")
"""cross runs a target in a container if one of these is in its triple (v0.2.5: src/lib.rs:233, ``needs_docker``)."""

_LLD: Final = frozenset({"none", "uefi", "unknown", "wasi"})
"""Systems whose programs rustc links with the linker that it ships, and with no C library but its own."""

STATIC_PIE: Final = ("x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl")
"""Targets whose static programs rustc lets lie anywhere in memory (its target specifications; 1.95)."""


class Image(Struct, frozen=True, kw_only=True):
    """An image of cross.

    Attributes:
        base: what it is made from, ``ubuntu:16.04``.
        glibc_floor: the version of the target's glibc in it; empty if unknown.
        runners: what can run the target's programs in it (``native``, ``qemu-user``, ``qemu-system``, ``qemu-arm``,
            ``wine``, ``node``); empty: nothing.
    """

    base: str
    glibc_floor: str = ""
    runners: tuple[str, ...] = ()


class Target(Struct, frozen=True, kw_only=True):
    """One row of the catalogue.

    Attributes:
        triple, aliases: its names; the first alias is the one in session names.
        arch: as the triple begins; ``bits``, ``endian`` and ``machine`` follow from it: ELF's, as pyelftools names
            it, whatever the format; empty for wasm.
        os, libc, format: of the artifacts: ``linux``, ``gnu``, ``elf``.
        platform: the OCI platform whose images run its programs, ``linux/arm64``; empty if there is none.
        gnu: the GNU triplet of its C tools, ``aarch64-linux-gnu``; empty if Debian has none.
        qemu: QEMU's name of it in user mode.
        debian: Debian's architecture of its libraries, empty if no release has them; ``debian_std``: that whose
            packages hold its std.
        packages: Debian's packages that hold its C and C++ tools.
        container: cross runs it in a container at all, with an image of its own or of the user's.
        images: cross's own images by flavour.
        build_std: rustup ships no standard library for it.
        zig: what zig calls it, if cargo-zigbuild links its programs; empty if not.
        ndk: what the compilers of Android's NDK call it otherwise.
        oldest_glibc: the oldest one that Rust supports for it, of those with a glibc.
        plain_cargo: rustc links its programs by itself, so plain cargo builds them on every machine.
        parts: the targets of which a universal one is joined, in the order in which they stand in a file.
        specification: the file in JSON that describes it; empty for those of the catalogue, which rustc knows.
    """

    triple: str
    aliases: tuple[str, ...]
    arch: str
    bits: int
    endian: Endian
    machine: str
    os: str
    libc: str
    format: Format
    platform: str = ""
    gnu: str = ""
    qemu: str = ""
    debian: str = ""
    debian_std: str = ""
    packages: tuple[str, ...] = ()
    container: bool = True
    images: Mapping[str, Image] = {}
    build_std: bool = False
    zig: str = ""
    ndk: str = ""
    oldest_glibc: str = "2.17"
    plain_cargo: bool = False
    parts: tuple[str, ...] = ()
    specification: str = ""

    @property
    def triples(self) -> tuple[str, ...]:
        """Return what cargo knows it by in its tables and folders: itself, or its parts."""
        return self.parts or (self.triple,)

    @property
    def std(self) -> bool:
        """Tell whether Rust has all of its standard library for it; bare machines have the parts that need no system."""
        return self.os not in {"none", "uefi"}

    @property
    def zig_alone(self) -> bool:
        """Tell whether zig links its programs and cargo-zigbuild 0.24 refuses to: ``unsupported target 'x86_64-unknown-netbsd'``."""
        return self.os == "netbsd"

    @property
    def runners(self) -> tuple[str, ...]:
        """Return what runs its programs in any of cross's images; empty: nothing."""
        return tuple(dict.fromkeys(runner for image in self.images.values() for runner in image.runners))

    @property
    def tags(self) -> tuple[str, ...]:
        """Return what Nox sessions of it are tagged with: architecture, system, libc, triple."""
        return tuple(dict.fromkeys(word for word in (self.arch, self.os, self.libc, self.triple) if word))


@cache
def builtin() -> Mapping[str, Target]:
    """Return every target that comes along, by its triple."""
    rows = tomllib.loads(Path(__file__).with_name("targets.toml").read_text("utf-8"))
    return {triple: _row(triple, row) for triple, row in rows.items()}


_FROM_FILES: Final[dict[str, Target]] = {}
"""The targets that a configuration describes by a file of its own."""


def declare(target: Target) -> None:
    """Add a target that the catalogue does not have, or read anew from the same file; another one of the name is a ConfigError."""
    other = catalogue().get(names().get(target.triple, ""))
    if other and other.specification != target.specification:
        why = f"{target.triple!r} is the name of {other.specification or other.triple}"
        raise ConfigError(f"{target.specification} has the name of another target", why=why, hint="give the file another name")
    _FROM_FILES[target.triple] = target


def catalogue() -> Mapping[str, Target]:
    """Return every target by its triple: those that come along, and those that are declared."""
    return {**builtin(), **_FROM_FILES} if _FROM_FILES else builtin()


def names() -> Mapping[str, str]:
    """Return the triple of every name, a triple or an alias."""
    return {name: row.triple for row in catalogue().values() for name in (row.triple, *row.aliases)}


def _row(triple: str, row: Mapping[str, Any]) -> Target:
    name = triple.partition("-")[0]
    arch = ARCHES[name]
    _, os, libc, form = next(system for system in _SYSTEMS if system[0] in triple)
    gnu = row.get("gnu", "")
    return Target(
        triple=triple,
        aliases=tuple(row["aliases"].split()),
        arch=name,
        bits=arch.bits,
        endian=arch.endian,
        machine=arch.machine,
        os=os,
        libc=libc,
        format=form,
        platform=f"linux/{arch.oci}" if os == "linux" and arch.oci else "",
        gnu=gnu,
        qemu=arch.qemu if os in {"linux", "android"} else "",
        debian=row.get("debian", ""),
        debian_std=row.get("std", ""),
        packages=_packages(gnu),
        container=any(word in triple for word in _IN_CONTAINER),
        images=_images(row),
        build_std=row.get("build-std", False),
        zig=row.get("zig", ""),
        ndk=row.get("ndk", ""),
        oldest_glibc=row.get("oldest", "2.17"),
        plain_cargo=os in _LLD,
        parts=tuple(row.get("parts", "").split()),
    )


def _packages(gnu: str) -> tuple[str, ...]:
    """Return Debian's C and C++ compilers, each of which brings the target's libc (mingw's with POSIX threads)."""
    if gnu.endswith("-mingw32"):
        family = gnu.removesuffix("-w64-mingw32").replace("_", "-")
        return (f"gcc-mingw-w64-{family}-posix", f"g++-mingw-w64-{family}-posix")
    package = gnu.replace("_", "-")
    return (f"gcc-{package}", f"g++-{package}") if gnu else ()


def _images(row: Mapping[str, Any]) -> Mapping[str, Image]:
    runners = row.get("run", "")
    texts = {"0.2.5": ("base", runners), "0.2.4": ("base", runners), "git": ("git", row.get("git-run", runners))}
    images: dict[str, Image] = {}
    for flavour, (key, words) in texts.items():
        base, _, glibc = row.get(key, "").partition(" ")
        images |= {flavour: Image(base=base, glibc_floor=glibc, runners=tuple(words.split()))} if base else {}
    return images


def find(name: str) -> Target:
    """Return the target of a triple or an alias; where there is none, a ConfigError names the likely ones."""
    rows = catalogue()
    row = rows.get(name) or rows.get(names().get(name, ""))
    if row is None:
        raise ConfigError(f"no target is called {name!r}", why=likely(name), hint="`crosstasks tools.targets` lists all")
    return row


def likely(name: str) -> str:
    """Return the sentence that names the likely targets, empty if none is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(names()), n=2)
    return f"perhaps {' or '.join(map(repr, near))}" if near else ""


def alias(target: Target) -> str:
    """Return the short name that session names hold."""
    return target.aliases[0] if target.aliases else target.triple


TAGS: Final[Mapping[str, str]] = {"0.2.5": "0.2.5", "0.2.4": "0.2.4", "git": "main"}
"""The tag of each flavour's images."""


def default_image(target: Target, flavour: str) -> str:
    """Return the reference of cross's own image; empty if the flavour has none."""
    return f"ghcr.io/cross-rs/{target.triple}:{TAGS[flavour]}" if flavour in target.images else ""


SYSTEMS: Final[Mapping[str, str]] = {
    "freebsd": "/libexec/ld-elf.so.1",
    "netbsd": "/libexec/ld.elf_so",
}
"""By system, where all its machines have one; NetBSD's own lies in ``/usr/libexec``, and ``/libexec`` leads there."""


def loader(target: Target) -> str:
    """Return the path of a target's loader; empty if it is not known."""
    row, arm = ARCHES.get(target.arch), target.machine == "EM_ARM"
    hard = target.triple.endswith("hf")
    match target.libc:
        case "gnu" if arm:
            return "/lib/ld-linux-armhf.so.3" if hard else "/lib/ld-linux.so.3"
        case "gnu":
            return row.loader if row else ""
        case "musl" if arm:
            return f"/lib/ld-musl-arm{'hf' if hard else ''}.so.1"
        case "musl":
            return f"/lib/ld-musl-{(row and row.musl) or target.arch}.so.1"
        case "":
            return SYSTEMS.get(target.os, "")
        case "bionic":
            return f"/system/bin/linker{'64' if target.bits == 64 else ''}"
        case _:
            return ""


def variable(word: str) -> str:
    """Return a triple, an alias or an option as it stands in the names of variables: those of cargo, and our own."""
    return word.upper().replace("-", "_").replace(".", "_")
