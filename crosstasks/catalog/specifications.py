"""Look: targets that a file in JSON describes: what rustc needs to be told of a machine that it does not know (``--target thing.json``).

Of the many fields of such a file only those are read here that a plan, and what is verified, depend on; rustc reads all of them
(https://doc.rust-lang.org/nightly/rustc/targets/custom.html; ``rustc_target::spec::TargetOptions``). What rustc would refuse before it
has compiled anything is refused when the configuration is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..core.errors import ConfigError
from . import targets
from .targets import Format, Target

LARGEST: Final = 1 << 20
"""Bytes of such a file that are read; rustc's own are of 1 to 3 kB."""

STEM: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
"""What may be the name of a session, of a folder, and in that of a variable."""

MANDATORY: Final = ("llvm-target", "arch", "data-layout", "target-pointer-width")
"""Fields that have no default."""

MACHINES: Final[Mapping[str, str]] = {
    "aarch64": "EM_AARCH64",
    "arm": "EM_ARM",
    "arm64ec": "EM_AARCH64",
    "avr": "EM_AVR",
    "bpf": "EM_BPF",
    "csky": "EM_CSKY",
    "hexagon": "EM_QDSP6",
    "loongarch32": "EM_LOONGARCH",
    "loongarch64": "EM_LOONGARCH",
    "m68k": "EM_68K",
    "mips": "EM_MIPS",
    "mips32r6": "EM_MIPS",
    "mips64": "EM_MIPS",
    "mips64r6": "EM_MIPS",
    "msp430": "EM_MSP430",
    "powerpc": "EM_PPC",
    "powerpc64": "EM_PPC64",
    "riscv32": "EM_RISCV",
    "riscv64": "EM_RISCV",
    "s390x": "EM_S390",
    "sparc": "EM_SPARC",
    "sparc64": "EM_SPARCV9",
    "wasm32": "",
    "wasm64": "",
    "x86": "EM_386",
    "x86_64": "EM_X86_64",
    "xtensa": "EM_XTENSA",
}
"""Architectures of rustc (``rustc_target::spec::Arch``), and the machine in the ELF files that they are compiled to."""


def declare(name: str, folder: Path) -> Target:
    """Read the file *name*, seen from *folder*, and put its target beside those of the catalogue, for as long as this program runs.

    Raises:
        ConfigError: it is not there, rustc would refuse it, or another target has the name.
    """
    path = folder.absolute() / name
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        hint = "a target in JSON is named by its file"
        raise ConfigError(f"{path.name} cannot be read", why=f"{path}: {error.strerror}", hint=hint) from error
    target = parse(path, content)
    targets.declare(target)
    return target


def parse(path: Path, content: bytes) -> Target:
    """Return the target that a file describes, unless rustc would refuse it; it is called as the file is, as cargo calls it."""
    if not STEM.fullmatch(path.stem):
        raise ConfigError(f"{path.stem!r} cannot be the name of a target", why="it is what sessions and folders are called")
    spec = _fields(path, content)
    arch, bits, endian = spec["arch"], _bits(path, spec), spec.get("target-endian", "little")
    if arch not in MACHINES:
        raise _wrong(path, f"`arch` is {arch!r}, which is not an architecture of rustc: {', '.join(MACHINES)}")
    if endian not in {"little", "big"}:
        raise _wrong(path, f"`target-endian` is {endian!r}, and must be 'little' or 'big'")
    os = str(spec.get("os", "none"))
    return Target(
        triple=path.stem,
        aliases=(),
        arch=arch,
        bits=bits,
        endian=endian,
        machine=MACHINES[arch],
        os=os,
        libc=str(spec.get("env", "")),
        format=_format(spec, os),
        build_std=True,
        plain_cargo=_links(spec),
        specification=str(path),
    )


def _fields(path: Path, content: bytes) -> Mapping[str, Any]:
    if len(content) > LARGEST:
        raise _wrong(path, f"it has more than {LARGEST} bytes")
    try:
        spec = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"it is not JSON: {error}") from error
    if not isinstance(spec, dict):
        raise _wrong(path, "it is not an object")
    if missing := [f"`{name}`" for name in MANDATORY if name not in spec]:
        raise _wrong(path, f"{', '.join(missing)} {'are' if missing[1:] else 'is'} missing")
    for name in ("llvm-target", "arch", "data-layout", "os", "env", "target-endian"):
        if not isinstance(spec.get(name, ""), str):
            raise _wrong(path, f"`{name}` is not a text")
    return spec


def _bits(path: Path, spec: Mapping[str, Any]) -> int:
    """Return the width of a pointer; rustc had it as a text before 1.91, and has it as a number since."""
    width = spec["target-pointer-width"]
    if isinstance(width, bool) or str(width) not in {"16", "32", "64"}:
        raise _wrong(path, f"`target-pointer-width` is {width!r}, and must be 16, 32 or 64")
    return int(width)


def _links(spec: Mapping[str, Any]) -> bool:
    """Tell whether the file says what links: a program, or the linker that rustc ships; a flavour that ends in cc is any C compiler."""
    flavour = str(spec.get("linker-flavor", ""))
    return bool(spec.get("linker")) or ("lld" in flavour and not flavour.endswith("-cc"))


def _format(spec: Mapping[str, Any], os: str) -> Format:
    if str(spec["arch"]).startswith("wasm") or spec.get("is-like-wasm"):
        return "wasm"
    if spec.get("is-like-windows") or os == "uefi":
        return "pe"
    return "macho" if spec.get("is-like-darwin") or spec.get("is-like-osx") else "elf"


def _wrong(path: Path, why: str) -> ConfigError:
    hint = "`rustc -Zunstable-options --print target-spec-json --target <triple>` writes one to begin with"
    return ConfigError(f"{path.name} describes no target", why=why, hint=hint)
