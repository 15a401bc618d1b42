"""Look: what a built file really is, read from its headers, and whether that is what its target promises."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from msgspec.structs import replace

from ..catalog.targets import Target, catalogue
from ..core import files, versions
from ..core.errors import SHAPE, VerificationFailed
from ..core.results import Artifact
from .headers import MAGIC, PREVIEW_1, at, coff, macho, members, pe, wasm

_ABI: Final[Mapping[str, tuple[int, Mapping[int, str]]]] = {
    # machine -> the bits of e_flags that tell, and what they say
    "EM_ARM": (0x600, {0x200: "soft-float", 0x400: "hard-float"}),
    "EM_RISCV": (0x6, {0: "soft-float", 2: "single-float", 4: "double-float", 6: "quad-float"}),
    "EM_PPC64": (0x3, {1: "elfv1", 2: "elfv2"}),
    "EM_LOONGARCH": (0x7, {1: "soft-float", 2: "single-float", 3: "double-float"}),
    "EM_MIPS": (0xF020, {0x20: "n32", 0x1000: "o32"}),
}

NOTES: Final = 64
"""How many notes of a segment are read."""

_RELR: Final = "ABI_DT_RELR"
"""A version without a number: the loader must know DT_RELR, as glibc 2.36 is the first to do."""


def inspect(path: Path | str) -> Artifact:
    """Read what a file is from its headers.

    Raises:
        VerificationFailed: the file is damaged.
        OSError: it cannot be read.
    """
    from elftools.common.exceptions import ELFError

    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        digest = files.sha256(file)
        try:
            artifact = _archive(file, str(path)) if at(file, 0, 8) == b"!<arch>\n" else _file(file, str(path))
        except (ELFError, struct.error, OSError, OverflowError, AssertionError, MemoryError, *SHAPE) as error:
            raise VerificationFailed(f"{path} is damaged", why=f"its headers cannot be read: {error}") from error
    return replace(artifact, size=size, sha256=digest)


def _file(file: IO[bytes], path: str) -> Artifact:
    readers = {b"\x7fELF": _elf, b"\0asm": wasm, **dict.fromkeys((*MAGIC, b"\xca\xfe\xba\xbe"), macho)}
    head = at(file, 0, 4)
    read = pe if head[:2] == b"MZ" else readers.get(head)
    return read(file, path) if read else Artifact(path=path)


def _archive(file: IO[bytes], path: str) -> Artifact:
    """Return what an archive's first object is; an rlib's metadata comes before it."""
    for start, size in members(file):
        member = BytesIO(at(file, start, size))
        artifact = _file(member, path)
        artifact = artifact if artifact.format else coff(member, path)
        if artifact.format:
            return artifact
    return Artifact(path=path)


def _elf(file: IO[bytes], path: str) -> Artifact:
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(file)
    machine = str(elf["e_machine"])
    segments: dict[str, Any] = {segment["p_type"]: segment for segment in elf.iter_segments()}
    tags = list(segments["PT_DYNAMIC"].iter_tags()) if "PT_DYNAMIC" in segments else []
    interpreter = segments["PT_INTERP"].get_interp_name() if "PT_INTERP" in segments else ""
    needed = tuple(tag.needed for tag in tags if tag.entry.d_tag == "DT_NEEDED")
    values = {tag.entry.d_tag: tag.entry.d_val for tag in tags}
    flags_1 = values.get("DT_FLAGS_1", 0)
    now = flags_1 & 1 or values.get("DT_FLAGS", 0) & 8 or "DT_BIND_NOW" in values
    mask, words = _ABI.get(machine, (0, {}))
    system, minimum = _system(elf, interpreter)
    return Artifact(
        path=path,
        format="elf",
        machine=machine,
        bits=elf.elfclass,
        endian="little" if elf.little_endian else "big",
        system=system,
        minimum=minimum,
        entry=elf["e_entry"],
        abi=words.get(elf["e_flags"] & mask, ""),
        interpreter=interpreter,
        needed=needed,
        glibc=_glibc(elf),
        static=bool(segments) and not interpreter and not needed,
        pie=elf["e_type"] == "ET_DYN" and bool(interpreter or flags_1 & 0x08000000),
        relro=("full" if now else "partial") if "PT_GNU_RELRO" in segments else "",
        execstack="PT_GNU_STACK" in segments and bool(segments["PT_GNU_STACK"]["p_flags"] & 1),
    )


_OS_ABI: Final = {"ELFOSABI_LINUX": "linux", "ELFOSABI_FREEBSD": "freebsd", "ELFOSABI_NETBSD": "netbsd", "ELFOSABI_SOLARIS": "solaris"}

_LOADERS: Final = {"/lib/ld-musl": "linux", "/lib/ld-linux": "linux", "/lib64/ld-linux": "linux", "/system/bin/linker": "android"}
"""How the loaders of some systems begin, whose programs need not say more."""


def _system(elf: Any, interpreter: str) -> tuple[str, str]:
    """Return which system a file is for and its oldest release, as its notes, its header and its loader tell."""
    notes = (note for segment in elf.iter_segments("PT_NOTE") for note in islice(segment.iter_notes(), NOTES))
    if release := next(filter(None, map(_system_of_note, notes)), None):
        return release
    marked = _OS_ABI.get(str(elf["e_ident"]["EI_OSABI"]), "")
    return marked or next((system for begin, system in _LOADERS.items() if interpreter.startswith(begin)), ""), ""


def _system_of_note(note: Any) -> tuple[str, str] | None:
    """Return what a note says of the system; those of type 1 have its release in them."""
    data = note["n_descdata"]
    match note["n_name"], note["n_type"]:
        case "GNU", "NT_GNU_ABI_TAG":
            about = note["n_desc"]
            return (
                "linux" if about["abi_os"] == "ELF_NOTE_OS_LINUX" else ""
            ), f"{about['abi_major']}.{about['abi_minor']}.{about['abi_tiny']}"
        case ("FreeBSD" | "NetBSD" | "OpenBSD" | "DragonFly" | "Android") as name, kind if kind in {1, "NT_GNU_ABI_TAG", "NT_VERSION"}:
            return name.lower(), _release(name, int.from_bytes(data[:4], "little"))
        case _:
            return None


def _release(name: str, number: int) -> str:
    """Return a release: FreeBSD writes 14.0 as 1400000 and more, NetBSD 10.1 as 1001000000 and more."""
    releases = {
        "FreeBSD": f"{number // 100_000}.{number // 1000 % 100}",
        "NetBSD": f"{number // 100_000_000}.{number // 1_000_000 % 100}",
        "Android": str(number),
    }
    return releases.get(name, "") if number else ""


def _glibc(elf: Any) -> str:
    """Return the newest ``GLIBC_x.y`` that is asked of a library."""
    section = elf.get_section_by_name(".gnu.version_r")
    if section is None:
        return ""
    names = {aux.name for _, auxiliaries in section.iter_versions() for aux in auxiliaries}
    words = {name.removeprefix("GLIBC_") for name in names if name.startswith("GLIBC_")}
    return versions.highest("2.36" if word == _RELR else word for word in words if word == _RELR or word[0].isdigit())


def _libc(artifact: Artifact) -> str:
    """Return which libc a file is for, as its loader and its symbols tell; empty if they do not."""
    name = artifact.interpreter.rpartition("/")[2]
    if artifact.glibc or name.startswith(("ld-linux", "ld64.so.", "ld.so.")):
        return "gnu"
    if name.startswith("ld-musl"):
        return "musl"
    return "bionic" if artifact.interpreter.startswith("/system/bin/linker") else ""


def _abi(target: Target) -> str:
    """Return what a file of a target must say of its ABI, where Rust's targets differ in nothing else; of others nothing is known."""
    abis = {
        "EM_ARM": "hard-float" if target.triple.endswith("hf") else "soft-float",
        "EM_RISCV": "double-float" if target.arch.startswith("riscv64g") else "soft-float",
        "EM_PPC64": "elfv1" if target.arch == "powerpc64" and target.libc == "gnu" else "elfv2",
        "EM_LOONGARCH": "double-float",
        "EM_MIPS": "o32" if target.bits == 32 else "",
    }
    return "" if target.specification else abis.get(target.machine, "")


def check(artifact: Artifact, target: Target, *, glibc: str = "") -> tuple[str, ...]:
    """Return in words what of a file is not as its target has it.

    Args:
        artifact: what ``inspect`` read.
        target: what was asked for.
        glibc: the newest version that the file may need; empty: any.
    """
    if not artifact.format:
        script = target.os == "emscripten" and artifact.path.endswith(".js")  # starts the .wasm beside it
        return () if script else (f"is no {target.format} file, nor any other that is known",)
    if artifact.format != target.format:
        return (f"is {artifact.format} for {artifact.machine or 'no machine'}, not {target.format}",)
    abi, system = _abi(target), _runs_on(target) or artifact.system
    machines = ", ".join(sorted(artifact.parts or (artifact.machine,)))
    pairs = (
        (machines, ", ".join(sorted(_machines(target))), "is for {}, not {}"),
        (artifact.bits, target.bits, "has {} bits, not {}"),
        (artifact.endian, target.endian, "is {}-endian, not {}"),
        (artifact.system, system, "is for the system {}, not {}"),
        (artifact.abi if abi and artifact.machine == target.machine else abi, abi, "is built for the ABI {}, not {}"),
        (_libc(artifact) if target.libc in {"gnu", "musl", "bionic"} else target.libc, target.libc, "is for the libc {}, not {}"),
    )
    problems = [words.format(actual, expected) for actual, expected, words in pairs if actual and actual != expected]
    if glibc and artifact.glibc and versions.numbers(artifact.glibc) > versions.numbers(glibc):
        problems.append(f"needs glibc {artifact.glibc}, and {glibc} is promised")
    return (*problems, *_impossible(artifact, target))


def _machines(target: Target) -> tuple[str, ...]:
    return tuple(catalogue()[part].machine for part in target.parts) or (target.machine,)


def _runs_on(target: Target) -> str:
    """Return what a file of a target must say that it is for; empty if it may be anything, or says nothing."""
    other = {"wasi": target.triple.rpartition("-")[2], "illumos": "solaris", "none": "no system", "emscripten": "", "unknown": ""}
    return other.get(target.os, target.os)


def _impossible(artifact: Artifact, target: Target) -> Iterator[str]:
    """Give what of a file its target's systems cannot do: load libraries, call a system that is not there, start what is not signed."""
    if target.os == "none" and (artifact.interpreter or artifact.needed):
        yield f"asks for {', '.join(filter(None, (artifact.interpreter, *artifact.needed)))}, and nothing loads that for {target.triple}"
    if target.os == "unknown" and artifact.system:
        calls = f"imports from {PREVIEW_1}: it " if artifact.system == "wasip1" else ""
        yield f"{calls}is for {artifact.system}, and {target.triple} has no system"
    if target.format == "macho" and "EM_AARCH64" in _machines(target) and artifact.signed == "no":
        yield "is not signed, and Apple's systems start nothing for arm64 that is not"


def verify(paths: Iterable[Path | str], target: Target, *, glibc: str = "") -> tuple[Artifact, ...]:
    """Inspect files, and check each against its target.

    Raises:
        VerificationFailed: with all that is wrong, per file.
    """
    good: list[Artifact] = []
    bad: list[str] = []
    for path in paths:
        try:
            artifact = inspect(path)
            problems = check(artifact, target, glibc=glibc)
        except OSError as error:
            problems = (f"cannot be read: {error.strerror}",)
        except VerificationFailed as error:
            problems = (f"is damaged: {error.why}",)
        else:
            good.append(artifact)
        bad += (f"{path} {problem}" for problem in problems)
    if bad:
        raise VerificationFailed(
            f"not every artifact is what {target.triple} promises",
            why="\n".join(bad),
            hint="a cached or host build may have been taken for it: remove the target folder and build again",
        )
    return tuple(good)


def ready() -> None:
    """Import what reads ELF, beforehand: it is a fiftieth of a call with nothing to do."""
    import elftools.elf.elffile  # noqa: F401
