"""Pure: what the machines that programs run on are called: by kernels, engines, Debian, Rust."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ..core.steps import Absent

if TYPE_CHECKING:
    from ..core.looking import Platform


class Machine(Struct, frozen=True, kw_only=True):
    """A machine that images are made for and toolchains run on.

    Attributes:
        arch: as Rust names it.
        debian: as Debian names it.
        triple: of the programs that run on it, with glibc.
        gnu: what its own compilers are called after.
    """

    arch: str
    debian: str
    triple: str
    gnu: str


MACHINES: Final[Mapping[str, Machine]] = {
    "linux/amd64": Machine(arch="x86_64", debian="amd64", triple="x86_64-unknown-linux-gnu", gnu="x86_64-linux-gnu"),
    "linux/arm64": Machine(arch="aarch64", debian="arm64", triple="aarch64-unknown-linux-gnu", gnu="aarch64-linux-gnu"),
}
"""By the platform of an engine. Another one is another row."""

BY_TRIPLE: Final[Mapping[str, Machine]] = {machine.triple: machine for machine in MACHINES.values()}

NAMES: Final[Mapping[str, str]] = {
    "aarch64": "arm64",
    "arm": "armel armv6l",
    "armv7": "armhf arm armv7l armv8l",
    "i686": "i386 386 i486 i586 x86",
    "loongarch64": "loong64",
    "mips64el": "mips64el mips64le",
    "mipsel": "mipsel mipsle",
    "powerpc": "powerpc ppc",
    "powerpc64": "ppc64",
    "powerpc64le": "ppc64el ppc64le",
    "riscv64gc": "riscv64",
    "x86_64": "amd64 x86-64",
}
"""What Debian calls an architecture, then kernels, engines and QEMU, where a target triple begins otherwise."""

_ARCHES: Final[Mapping[str, str]] = {name: rust for rust, names in NAMES.items() for name in names.split()}


def arch(name: str) -> str:
    """Return an architecture as Rust's triples name it."""
    return _ARCHES.get(name.lower(), name.lower())


def debian_name(arch: str) -> str:
    """Return an architecture of Rust's triples as Debian names it."""
    return NAMES.get(arch, arch).partition(" ")[0]


_NARROW: Final[Mapping[str, str]] = {"x86_64": "i686", "aarch64": "armv7"}
"""The architecture of 32-bit programs on a 64-bit kernel."""

_EABI: Final[Mapping[str, str]] = {"armv7": "eabihf", "arm": "eabi"}


def host_triple(platform: Platform, *, musl: bool = False) -> str | Absent:
    """Return the host triple of Rust's programs on a machine; *musl* tells that musl's loader is there.

    ========  =======  ============================
    system    machine  triple
    ========  =======  ============================
    linux     x86_64   x86_64-unknown-linux-gnu
    linux     aarch64  aarch64-unknown-linux-musl (where musl's loader is, and no glibc)
    darwin    arm64    aarch64-apple-darwin
    ========  =======  ============================
    """
    here = arch(platform.machine)
    match platform.system:
        case "darwin":
            return f"{here}-apple-darwin"
        case "linux":
            here = _NARROW.get(here, here) if platform.bits == 32 else here
            return f"{here}-unknown-linux-{host_libc(platform, musl=musl)}{_EABI.get(here, '')}"
        case other:
            why = f"crosstasks runs on Linux, on macOS and in WSL 2 of Windows, not on {other!r}"
            return Absent(why, "WSL 2: https://learn.microsoft.com/windows/wsl")


def host_libc(platform: Platform, *, musl: bool) -> str:
    """Return the C library of programs on Linux: musl's where its loader is, and no glibc."""
    return "musl" if musl and not platform.glibc else "gnu"
