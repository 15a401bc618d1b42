"""Look: what every released file promises, and how each promise is checked. A new check is one function and one row of ``CHECKS``.

Of a symbol of glibc that is newer than promised, the crates are named whose objects ask for it.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, TypeAlias

from msgspec import Struct

from ..catalog.targets import STATIC_PIE, Target, loader
from ..config.options import VerifyCheck
from ..core import results, versions
from . import verify
from .headers import members

SHORTEST: Final = 4
"""Folders with shorter names, such as ``/`` as a home, are in every file."""

_END: Final = re.compile(rb"[^\x20-\x7e]")

_LONGEST: Final = 120


def leftovers(path: Path, folders: Mapping[str, str]) -> tuple[str, ...]:
    """Say of each folder that is named where it is first, and how often.

    Args:
        path: of a file.
        folders: what is looked for, and what to call it: ``{"/home/me": "your home"}``. A path in two of them counts for the inner.
    """
    if not path.stat().st_size or not folders:
        return ()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        return tuple(_leftover(what, offsets, whole, file) for what, offsets in _find(whole, folders).items() if offsets)


def _leftover(what: str, offsets: Sequence[int], whole: mmap.mmap, file: IO[bytes]) -> str:
    first = offsets[0]
    text = _END.split(whole[first : first + _LONGEST], maxsplit=1)[0].decode()
    place = " ".join(filter(None, (section(file, first), f"at {first:#x}")))
    more = f", {len(offsets)} times in all" if len(offsets) > 1 else ""
    return f"names {what}: {text!r} ({place}{more})"


def _find(whole: mmap.mmap, folders: Mapping[str, str]) -> dict[str, list[int]]:
    """Find every folder, the longest first: an offset belongs to one folder only."""
    offsets: dict[str, list[int]] = {what: [] for what in folders.values()}
    starts: set[int] = set()
    for folder in sorted((folder.rstrip("/") for folder in folders), key=len, reverse=True):
        if len(folder) < SHORTEST:
            continue
        for match in re.finditer(re.escape(folder.encode()) + rb"(?![\w.-])", whole):
            if match.start() not in starts:
                starts.add(match.start())
                offsets[folders.get(folder) or folders[f"{folder}/"]].append(match.start())
    return offsets


def section(file: Any, offset: int) -> str:
    """Return the section of an ELF file that a place lies in; empty if it is none, or lies in none."""
    return next((name for start, end, name in sections(file) if start <= offset < end), "")


def sections(file: Any) -> Iterator[tuple[int, int, str]]:
    """Give begin, end and name of what an ELF file holds of each section; of another file, nothing."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        for section in ELFFile(file).iter_sections():
            if section["sh_type"] not in {"SHT_NULL", "SHT_NOBITS"}:
                yield section["sh_offset"], section["sh_offset"] + section["sh_size"], section.name
    except (ELFError, ValueError, KeyError):
        return


_CRATE: Final = re.compile(r"^lib(?P<crate>.+)-[0-9a-f]{16}\.rlib$")
"""How cargo names a library of Rust: ``libserde-0123456789abcdef.rlib``."""

_SCRIPT: Final = re.compile(r"^(?P<package>.+)-[0-9a-f]{16}$")
"""How cargo names the folder of a package's build script: ``build/zstd-sys-0123456789abcdef/out``."""


def newer(path: Path, floor: str) -> tuple[str, ...]:
    """Return what a program asks of glibc that *floor* does not have, as the linker writes it: ``puts@GLIBC_2.17``.

    A file without such tables asks for nothing.
    """
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        elf = ELFFile(file)
        sections = [elf.get_section_by_name(name) for name in (".dynsym", ".gnu.version", ".gnu.version_r")]
        if None in sections:
            return ()
        required = set(_glibc_symbols(*sections))
    symbols = sorted((name, version) for name, version in required if versions.numbers(version) > versions.numbers(floor))
    return tuple(f"{name}@GLIBC_{version}" for name, version in symbols)


def _glibc_symbols(dynamic: Any, numbers: Any, needs: Any) -> Iterator[tuple[str, str]]:
    """Give each symbol that is asked of glibc, and the version that it came with."""
    named = {aux["vna_other"]: aux.name for _, auxiliaries in needs.iter_versions() for aux in auxiliaries}
    for place, symbol in enumerate(dynamic.iter_symbols()):
        number = numbers.get_symbol(place)["ndx"]
        text = named.get(number & 0x7FFF, "") if isinstance(number, int) else ""
        if text.startswith("GLIBC_") and text[6:7].isdigit():
            yield symbol.name, text.removeprefix("GLIBC_")


def rust(path: Path) -> str:
    """Return the release of Rust that a program says it was compiled with, in ``.comment``; empty if it says nothing."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        comment = ELFFile(file).get_section_by_name(".comment")
        match = re.search(rb"rustc version (\d+\.\d+\.\d+)", comment.data()) if comment else None
    return match[1].decode() if match else ""


def askers(names: Iterable[str], folders: Iterable[Path]) -> Mapping[str, tuple[str, ...]]:
    """Return for each symbol the crates whose objects, in *folders* such as ``target/<triple>/release``, refer to it and do not hold it."""
    texts = {name: name.encode() for name in names}
    crates_by_symbol: dict[str, set[str]] = {name: set() for name in texts}
    for path, crate in sorted(_libraries(folders)):
        for name in _open_references(path, texts):
            crates_by_symbol[name].add(crate)
    return {name: tuple(sorted(crates)) for name, crates in crates_by_symbol.items()}


def _libraries(folders: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for path in (*folder.glob("*.rlib"), *folder.glob("deps/*.rlib")):
            if match := _CRATE.match(path.name):
                yield path, match["crate"]
        for path in folder.glob("build/*/out/**/*.a"):
            if match := _SCRIPT.match(path.relative_to(folder / "build").parts[0]):
                yield path, match["package"]


def _open_references(path: Path, texts: Mapping[str, bytes]) -> set[str]:
    """Return those of the symbols that an archive's objects refer to, and that none of them defines."""
    if not path.stat().st_size:
        return set()
    required: set[str] = set()
    with path.open("rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
            here = {name for name, text in texts.items() if whole.find(text) >= 0}
        if not here:
            return set()
        defined: set[str] = set()
        for start, size in members(file):
            file.seek(start)
            for name, undefined in _symbols(BytesIO(file.read(size))):
                if name in here:
                    (required if undefined else defined).add(name)
    return required - defined


def _symbols(file: IO[bytes]) -> Iterator[tuple[str, bool]]:
    """Give the symbols of an object, and whether it only refers to them; what is no object of ELF has none."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        table: Any = ELFFile(file).get_section_by_name(".symtab")
    except ELFError:
        return
    for symbol in table.iter_symbols() if table else ():
        yield symbol.name, symbol["st_shndx"] == "SHN_UNDEF"


_DYNAMIC_MUSL: Final = ("loongarch64", "mips", "mips64", "mips64el", "mipsel", "powerpc64", "riscv64gc")
"""Architectures whose programs rustc links with musl's shared library by default (its target specifications; 1.95)."""


class Subject(Struct, frozen=True, kw_only=True):
    """A file of a package: its name there, where it lies now, and what its headers say."""

    member: str
    path: Path
    artifact: results.Artifact

    @property
    def library(self) -> bool:
        """It is no program: a shared library, or an archive of objects."""
        name = self.path.name
        return ".so." in name or name.endswith((".so", ".a", ".rlib", ".lib", ".dll", ".dylib"))

    @property
    def archive(self) -> bool:
        """It holds objects that are yet to be linked."""
        return self.path.name.endswith((".a", ".rlib", ".lib"))


class Promise(Struct, frozen=True, kw_only=True):
    """What is asked of the files of a target.

    Attributes:
        glibc: the newest that they may need; empty: any.
        folders: of the machine that built them, and what each is called.
        libraries: folders with those that they were linked from, to name the crate that asks for a symbol.
        standard: folders with the standard library, by release of Rust.
    """

    target: Target
    glibc: str = ""
    folders: Mapping[str, str] = {}
    libraries: tuple[Path, ...] = ()
    standard: Mapping[str, Path] = {}


class Unchecked(Struct, frozen=True):
    """A check that says nothing of a file, and why."""

    why: str


Answer: TypeAlias = "tuple[str, ...] | Unchecked"
"""What is wrong, in words; nothing is good."""

Find: TypeAlias = Callable[[Subject, Promise], Answer]


class Check(NamedTuple):
    """What is promised, how it is looked at, and what to do about a broken promise."""

    promise: str
    find: Find
    hint: str = ""


def static(target: Target) -> bool:
    """Tell whether a target's programs hold their C library: musl's do, as rustc links them by default."""
    return target.libc == "musl" and target.arch not in _DYNAMIC_MUSL


def _interpreter(subject: Subject, promise: Promise) -> Answer:
    actual, expected = subject.artifact.interpreter, loader(promise.target)
    if not actual or not expected:
        return Unchecked("it asks for no loader" if not actual else f"the loader of {promise.target.triple} is not known")
    return () if actual == expected else (f"asks for the loader {actual}, not {expected}",)


NO_PROMISE: Final = "`glibc` is not configured, and no build here promised one"
"""Why the glibc of a program may be any."""


def _glibc(subject: Subject, promise: Promise) -> Answer:
    artifact = subject.artifact
    if not artifact.glibc:
        return Unchecked("it needs no glibc")
    if not promise.glibc:
        return Unchecked(NO_PROMISE)
    if versions.numbers(artifact.glibc) <= versions.numbers(promise.glibc):
        return ()
    symbols = {symbol: symbol.partition("@")[0] for symbol in newer(subject.path, promise.glibc)}
    standard = promise.standard.get(rust(subject.path))
    crates = askers(symbols.values(), (*promise.libraries, *filter(None, [standard])))
    lines = tuple(f"needs {symbol}, which is newer than {promise.glibc}: {_crates(crates[name])}" for symbol, name in symbols.items())
    return lines or (f"needs glibc {artifact.glibc}, and {promise.glibc} is promised",)


def _crates(crates: tuple[str, ...]) -> str:
    return f"asked for by {', '.join(crates)}" if crates else "the crate that asks for it is not known"


def _static(subject: Subject, promise: Promise) -> Answer:
    if not static(promise.target) or subject.library:
        return Unchecked(f"{promise.target.triple} does not promise it" if not subject.library else "it is a library")
    artifact = subject.artifact
    libraries = ", ".join(filter(None, (artifact.interpreter, *artifact.needed)))
    return () if artifact.static else (f"is linked dynamically: it wants {libraries}",)


def _stack(subject: Subject, promise: Promise) -> Answer:
    if promise.target.format != "elf" or subject.archive:
        return Unchecked("only linked files of ELF say it")
    return ("has an executable stack",) if subject.artifact.execstack else ()


def _relro(subject: Subject, promise: Promise) -> Answer:
    if promise.target.os not in {"linux", "android"} or subject.archive:
        return Unchecked(f"rustc does not ask for it on {promise.target.os}" if not subject.archive else "it is not linked yet")
    artifact = subject.artifact
    if artifact.static and not artifact.pie:
        return Unchecked("no loader fills in anything of a static program at a fixed place")
    if artifact.relro == "full":
        return ()
    return (f"has {artifact.relro or 'no'} RELRO, not full: its table of functions can be written to",)


def _pie(subject: Subject, promise: Promise) -> Answer:
    target, artifact = promise.target, subject.artifact
    if target.os not in {"linux", "android", "windows", "macos"} or subject.library:
        return Unchecked("it is a library" if subject.library else f"programs for {target.os} have a fixed place")
    if artifact.static and target.format == "elf" and target.triple not in STATIC_PIE:
        return Unchecked(f"rustc gives static programs for {target.triple} a fixed place")
    return () if artifact.pie else ("is not position-independent: it is always loaded at the same address",)


CHECKS: Final[Mapping[VerifyCheck, Check]] = {
    "format": Check(
        "the format, machine, class, byte order and libc are the target's",
        lambda subject, promise: verify.check(subject.artifact, promise.target),
        "a build for another target was packaged: remove the target folder and build again",
    ),
    "interpreter": Check(
        "the loader is the one that the target's systems have", _interpreter, "does the linker, or patchelf, set another one?"
    ),
    "glibc": Check("no symbol is newer than `glibc`", _glibc, 'builder = "zigbuild" links against the glibc that is configured'),
    "static": Check("musl's programs need no library", _static, "is crt-static turned off in the flags of rustc?"),
    "stack": Check("the stack cannot be executed", _stack, "assembler code without a .note.GNU-stack section makes it so"),
    "relro": Check("what the loader has filled in becomes read-only", _relro, "is relro-level set in the flags of rustc?"),
    "pie": Check("programs can be loaded anywhere", _pie, "is relocation-model set in the flags of rustc?"),
    "paths": Check(
        "no folder of the machine that built it is named",
        lambda subject, promise: leftovers(subject.path, promise.folders),
        "--remap-path-prefix, or `strip` of the profile, takes them out",
    ),
}
"""By name, as ``verify-skip`` has them; ``smoke``, which starts programs, is beside them in ``verify``."""
