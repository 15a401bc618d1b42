"""Act: the machine's apt sources, as they would be for another release of its distribution.

Mirrors, credentials, components and keys stay the machine's own; only the names of suites change.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..core import files
from .apt import Archive

if TYPE_CHECKING:
    from ..core.steps import Runner, Say

ETC: Final = Path("/etc/apt")


def translated(text: str, own: str, wanted: str, *, stanzas: bool) -> str:
    """
    Pure: return of a list of sources what names the suite *own*, or its updates and security, for *wanted*.

    Args:
        stanzas: the text is of a ``.sources`` file, else of a ``.list``.
    """
    parts = re.split(r"\n\s*\n", text) if stanzas else text.splitlines()
    names = re.compile(rf"^Suites:.*\b{own}\b" if stanzas else rf"^deb\s.*\s{own}\S*\s", re.MULTILINE)
    line = re.compile(rf"(?<=\s){own}(?=[\s/-]|$)" if not stanzas else rf"(?m)(?<=\s){own}(?=[\s/-]|$)")
    kept = [_suites(part, line, wanted, stanzas=stanzas) for part in parts if names.search(part)]
    return ("\n\n" if stanzas else "\n").join(kept) + "\n" if kept else ""


def _suites(part: str, line: re.Pattern[str], wanted: str, *, stanzas: bool) -> str:
    if not stanzas:
        return line.sub(wanted, part)
    rows = (row for row in part.splitlines() if not row.startswith("#"))
    return "\n".join(line.sub(wanted, row) if row.startswith("Suites:") else row for row in rows)


def sources(folder: Path, own: str, wanted: str, etc: Path = ETC) -> Path:
    """Write the sources for *wanted* into a folder for apt, and return it."""
    for path in (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))):
        if path.suffix in {".list", ".sources"} and path.is_file():
            text = translated(path.read_text("utf-8"), own, wanted, stanzas=path.suffix == ".sources")
            if text:
                files.write(folder / path.name, text)
    return folder


def archive(folder: Path, own: str, wanted: str, *, run: Runner, say: Say) -> Archive:
    """Return apt as the machine has it, or for another suite than its *own*, with lists and packages in our cache, which is *folder*."""
    place = folder / "debian"
    if wanted in {"", own}:
        return Archive(place, run=run, say=say)
    return Archive(place / wanted, run=run, say=say, sources=sources(place / wanted / "sources", own, wanted))
