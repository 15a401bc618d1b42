"""Pure: where a file names folders of the machine that built it."""

from __future__ import annotations

import mmap
import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SHORTEST: Final = 4
"""Folders with shorter names, such as ``/`` as a home, are in every file."""

_END: Final = re.compile(rb"[^\x20-\x7e]")
_LONGEST: Final = 120


class Leftover(Struct, frozen=True, kw_only=True):
    """A path in a file: what folder it lies in (*what*), its *text*, where it is, and how often that folder is named."""

    what: str
    text: str
    offset: int
    section: str = ""
    count: int = 1

    def __str__(self) -> str:
        """Return it for people."""
        place = f"{self.section} " if self.section else ""
        more = f", {self.count} times in all" if self.count > 1 else ""
        return f"names {self.what}: {self.text!r} ({place}at {self.offset:#x}{more})"


def leftovers(path: Path, folders: Mapping[str, str]) -> tuple[Leftover, ...]:
    """
    Return the first place where each folder is named.

    Args:
        path: of a file.
        folders: what is looked for, and what to call it: ``{"/home/me": "your home"}``. A path in two of them counts for the inner.
    """
    if not path.stat().st_size or not folders:
        return ()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
        found = _found(whole, folders)
        places = {what: offsets for what, offsets in found.items() if offsets}
        return tuple(
            Leftover(what=what, text=_text(whole, at[0]), offset=at[0], section=section(file, at[0]), count=len(at))
            for what, at in places.items()
        )


def _found(whole: mmap.mmap, folders: Mapping[str, str]) -> dict[str, list[int]]:
    """Find every folder, the longest first: an offset belongs to one folder only."""
    found: dict[str, list[int]] = {what: [] for what in folders.values()}
    seen: set[int] = set()
    for folder in sorted((folder.rstrip("/") for folder in folders), key=len, reverse=True):
        if len(folder) < SHORTEST:
            continue
        for match in re.finditer(re.escape(folder.encode()) + rb"(?![\w.-])", whole):
            if match.start() not in seen:
                seen.add(match.start())
                found[folders.get(folder) or folders[f"{folder}/"]].append(match.start())
    return found


def _text(whole: mmap.mmap, offset: int) -> str:
    chunk = whole[offset : offset + _LONGEST]
    return _END.split(chunk, maxsplit=1)[0].decode()


def section(file: Any, offset: int) -> str:
    """Return the section of an ELF file that a place lies in; empty if it is none, or lies in none."""
    return next((name for start, end, name in sections(file) if start <= offset < end), "")


def sections(file: Any) -> Iterator[tuple[int, int, str]]:
    """Give begin, end and name of what an ELF file holds of each section; of another file, nothing."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    file.seek(0)
    try:
        for found in ELFFile(file).iter_sections():
            if found["sh_type"] not in {"SHT_NULL", "SHT_NOBITS"}:
                yield found["sh_offset"], found["sh_offset"] + found["sh_size"], found.name
    except (ELFError, ValueError, KeyError):
        return
