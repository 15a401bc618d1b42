"""Look: which symbols of glibc are newer than a floor, and which crate's objects ask for them."""

from __future__ import annotations

import mmap
import re
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from msgspec import Struct

from ..core import versions
from .headers import members

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_CRATE: Final = re.compile(r"^lib(?P<crate>.+)-[0-9a-f]{16}\.rlib$")
"""How cargo names a library of Rust: ``libserde-0123456789abcdef.rlib``."""

_SCRIPT: Final = re.compile(r"^(?P<package>.+)-[0-9a-f]{16}$")
"""How cargo names the folder of a package's build script: ``build/zstd-sys-0123456789abcdef/out``."""


class Symbol(Struct, frozen=True, kw_only=True, order=True):
    """A symbol of a library, and the version of glibc that it came with."""

    name: str
    version: str

    def __str__(self) -> str:
        """Return it as the linker writes it."""
        return f"{self.name}@GLIBC_{self.version}"


def newer(path: Path, floor: str) -> tuple[Symbol, ...]:
    """Return what a program asks of glibc that *floor* does not have; a file without such tables asks for nothing."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        elf = ELFFile(file)
        sections = [elf.get_section_by_name(name) for name in (".dynsym", ".gnu.version", ".gnu.version_r")]
        if None in sections:
            return ()
        required = set(_glibc_symbols(*sections))
    return tuple(sorted(symbol for symbol in required if versions.numbers(symbol.version) > versions.numbers(floor)))


def _glibc_symbols(dynamic: Any, numbers: Any, needs: Any) -> Iterator[Symbol]:
    named = {aux["vna_other"]: aux.name for _, auxiliaries in needs.iter_versions() for aux in auxiliaries}
    for place, symbol in enumerate(dynamic.iter_symbols()):
        number = numbers.get_symbol(place)["ndx"]
        text = named.get(number & 0x7FFF, "") if isinstance(number, int) else ""
        if text.startswith("GLIBC_") and text[6:7].isdigit():
            yield Symbol(name=symbol.name, version=text.removeprefix("GLIBC_"))


def rust(path: Path) -> str:
    """Return the release of Rust that a program says it was compiled with, in ``.comment``; empty if it says nothing."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        comment = ELFFile(file).get_section_by_name(".comment")
        match = re.search(rb"rustc version (\d+\.\d+\.\d+)", comment.data()) if comment else None
    return match[1].decode() if match else ""


def askers(names: Iterable[str], folders: Iterable[Path]) -> Mapping[str, tuple[str, ...]]:
    """
    Return for each symbol the crates whose objects refer to it and do not hold it themselves.

    Args:
        names: of the symbols.
        folders: where to look, such as ``target/<triple>/release``; what is not there holds nothing.
    """
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
