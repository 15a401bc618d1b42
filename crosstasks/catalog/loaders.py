"""Pure: the loader that a target's programs ask for.

glibc's are in its ``sysdeps/unix/sysv/linux/**/shlib-versions`` and the processors' ABI documents, musl's in its ``configure``;
zig's table of loaders (``lib/std/Target.zig``, ``DynamicLinker``) agrees: each was compared with a program that zig 0.17.1 linked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .targets import Target

GLIBC: Final[Mapping[str, str]] = {
    "aarch64": "/lib/ld-linux-aarch64.so.1",
    "aarch64_be": "/lib/ld-linux-aarch64_be.so.1",
    "i586": "/lib/ld-linux.so.2",
    "i686": "/lib/ld-linux.so.2",
    "loongarch64": "/lib64/ld-linux-loongarch-lp64d.so.1",
    "mips": "/lib/ld.so.1",
    "mips64": "/lib64/ld.so.1",
    "mips64el": "/lib64/ld.so.1",
    "mipsel": "/lib/ld.so.1",
    "powerpc": "/lib/ld.so.1",
    "powerpc64": "/lib64/ld64.so.1",
    "powerpc64le": "/lib64/ld64.so.2",
    "riscv64gc": "/lib/ld-linux-riscv64-lp64d.so.1",
    "s390x": "/lib/ld64.so.1",
    "sparc64": "/lib64/ld-linux.so.2",
    "x86_64": "/lib64/ld-linux-x86-64.so.2",
}
"""By architecture as Rust names it; ARM has two, by its calling convention."""

MUSL: Final[Mapping[str, str]] = {"i586": "i386", "i686": "i386", "mips": "mips-sf", "mipsel": "mipsel-sf", "riscv64gc": "riscv64"}
"""What musl calls an architecture otherwise than Rust does, whose 32-bit MIPS has no floating-point unit."""


def loader(target: Target) -> str:
    """Return the path of a target's loader; empty if it is not known."""
    hard = target.triple.endswith("hf")
    arm = target.machine == "EM_ARM"
    match target.libc:
        case "gnu" if arm:
            return "/lib/ld-linux-armhf.so.3" if hard else "/lib/ld-linux.so.3"
        case "gnu":
            return GLIBC.get(target.arch, "")
        case "musl" if arm:
            return f"/lib/ld-musl-arm{'hf' if hard else ''}.so.1"
        case "musl":
            return f"/lib/ld-musl-{MUSL.get(target.arch, target.arch)}.so.1"
        case "bionic":
            return f"/system/bin/linker{'64' if target.bits == 64 else ''}"
        case _:
            return ""
