"""Tell: lines of text: of a table, of a plan's step, and of what says nothing itself while it takes long, such as pip and rustup."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Final, assert_never

from ..catalog import targets
from ..catalog.ingredients import (
    ORIGINS,
    BringGlibc,
    BuildImage,
    CompileCross,
    InstallToolchain,
    InstallWheels,
    Provision,
    PullImage,
    RegisterEmulator,
)
from ..core.errors import without_colours

SILENT: Final = 2.0
"""Seconds after which a terminal shows that something goes on."""

LOG: Final = 30.0
"""Seconds between two lines of a log, which cannot be written over."""


@contextmanager
def timer(words: str) -> Iterator[None]:
    """Show the words, and the seconds since they began: on a terminal in one line that is gone at the end, in a log now and then."""
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" if sys.stderr else False
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(words, done, terminal), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


CLEAR: Final = "\r\x1b[K"
_drawn = threading.Event()


def clear_line() -> str:
    """Return what takes the line away that is drawn now, for whoever writes another."""
    return CLEAR if _drawn.is_set() else ""


def line(words: str, seconds: float, width: int) -> str:
    """Return the line, no wider than a terminal: one that is broken cannot be written over."""
    after = f": {seconds:.0f} s"
    room = width - len(after) - 3
    return f"  {words if len(words) <= room else f'{words[: room - 1]}…'}{after}"


def _watch(words: str, done: threading.Event, terminal: bool) -> None:  # noqa: FBT001
    began, wait = time.monotonic(), SILENT if terminal else LOG
    while not done.wait(wait):
        text = line(words, time.monotonic() - began, shutil.get_terminal_size((80, 24)).columns if terminal else 200)
        if terminal:
            _drawn.set()
        _write(f"{CLEAR}{text}" if terminal else f"{text}\n")
        wait = 1.0 if terminal else LOG
    _write(clear_line())
    _drawn.clear()


def _write(text: str) -> None:
    if sys.stderr:
        sys.stderr.write(text)
        sys.stderr.flush()


UNBROKEN: Final = 36
"""Characters of the longest triple: longer words, such as paths, may be broken in a table."""


def align(rows: Iterable[Sequence[str]]) -> str:
    """Return one line for each row; columns as wide as their widest cells; on a terminal they are narrower where that breaks no word."""
    lines = [tuple(row) for row in rows]
    widths = [max(len(without_colours(cell)) for cell in column) for column in zip(*lines, strict=True)]
    room = (shutil.get_terminal_size().columns if sys.stdout and sys.stdout.isatty() else sys.maxsize) - 2 * len(widths[1:])
    words = (max(len(word) for cell in column for word in ("", *without_colours(cell).split())) for column in zip(*lines, strict=True))
    least = [min(width, UNBROKEN) for width in words]
    if sum(least) <= room < sum(widths):
        widths = _squeeze(widths, least, room)
        lines = [part for line in lines for part in zip_longest(*map(_break, line, widths), fillvalue="")]
    padded = ([cell + " " * (width - len(without_colours(cell))) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _squeeze(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Return widths that have room: each time the column that has most to spare gives one."""
    squeezed = list(widths)
    while sum(squeezed) > room:
        squeezed[max(range(len(widths)), key=lambda column: squeezed[column] - least[column])] -= 1
    return squeezed


def _break(cell: str, width: int) -> Sequence[str]:
    """Return a cell's lines, broken between words; if it is coloured, each of them is."""
    if not (plain := without_colours(cell)):
        return [cell]
    before, _, after = cell.partition(plain)
    return [f"{before}{line}{after}" for line in textwrap.wrap(plain, width, break_on_hyphens=False)]


TOOL_NAMES: Final = {"astral-dev-toolchain-cross": "cross", "ziglang": "zig"}
"""What people call a program that PyPI has under another name."""

WITH_GLIBC: Final = ", and glibc of Debian's packages for it"


def step_words(step: Provision) -> str:
    """Return what a step does, as a sentence without a subject."""
    match step:
        case InstallWheels(projects=projects, glibc=glibc):
            return f"install {join_names([_project(project) for project in projects])} from PyPI{WITH_GLIBC if glibc else ''}"
        case BringGlibc():
            return "bring glibc of Debian's packages, for Rust's programs on this host"
        case CompileCross(flavour=flavour):
            return f"compile cross {flavour} with cargo"
        case InstallToolchain(release=release, targets=triples, library=library, source=source):
            parts = [*([f"the standard library of {some(triples)}"] if triples else []), *(["the library's source"] if library else [])]
            return f"install Rust {release}{' with ' if parts else ''}{' and '.join(parts)}, from {ORIGINS[source]}"
        case PullImage(ref=ref, platform=platform):
            return f"pull {ref} for {platform}"
        case BuildImage(recipe=recipe) if recipe.target.startswith("binfmt-"):
            return f"build an image that runs {recipe.target.removeprefix('binfmt-')} programs from the packages of {recipe.suite}"
        case BuildImage(recipe=recipe):
            return f"build an image for {short(recipe.target)} from the packages of {recipe.suite}, for {recipe.platform}"
        case RegisterEmulator(platform=platform):
            return f"set up emulation of {platform} in the engine's kernel"
        case _:
            assert_never(step)


def _project(project: str) -> str:
    name, _, version = project.partition("==")
    return f"{TOOL_NAMES.get(name, name)} {version}"


def short(triple: str) -> str:
    """Return the name that sessions have for a target."""
    row = targets.catalogue().get(triple)
    return targets.alias(row) if row else triple


def some(triples: Sequence[str]) -> str:
    """Name the first targets, and count the others."""
    names = [short(triple) for triple in triples]
    return join_names(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more targets"


def join_names(names: Sequence[str]) -> str:
    """Return names with commas, and *and* before the last."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else "".join(names)
