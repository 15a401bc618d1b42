"""Act: folders that are whole or not there: made once, with a checksum for each file noted beside it.

::

    <folder>/.sums        every file; compared when a failure suggests damage, which takes a second for a toolchain
    <folder>/.complete    the few that are compared each time before the folder is used; written last

Both are in the form that ``sha256sum --check`` reads. A file that has gone, or holds something else, is damage; one that came later
is not noted, and nobody's business.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import cache, files

if TYPE_CHECKING:
    from .steps import Say

ALL: Final = ".sums"
COMPLETE: Final = ".complete"

SIDE_BY_SIDE: Final = min(8, os.cpu_count() or 1)
"""Files that are read at a time; hashing lets go of Python's lock."""


def once(path: Path, make: Callable[[Path], None], first: Sequence[str], say: Say = lambda _line: None) -> Path:
    """
    Make the folder *path* once, whole or not at all, however many processes want it; one that is damaged is made anew.

    Args:
        path: where it is to be.
        make: fills an empty folder beside it, which then takes its name.
        first: patterns of the files to compare each time.
        say: told of damage, and of waiting.
    """
    if not mismatch(path):
        return path
    with cache.locked(path, say):
        wrong = mismatch(path)
        if not wrong:
            return path
        if path.exists():
            say(f"{path} is made anew: {wrong}")
        with files.draft_folder(path) as draft:
            make(draft)
            draft.chmod(0o755)
            note(draft)
            _write(draft, COMPLETE, (path for pattern in first for path in draft.glob(pattern)))
            files.replace_folder(draft, path)
    return path


def note(folder: Path, but: Collection[str] = ()) -> None:
    """Note every file of a folder, *but* those (``lib/list``) that are written anew when something is added."""
    _write(folder, ALL, (path for path in folder.rglob("*") if path.relative_to(folder).as_posix() not in but))


def mismatch(folder: Path) -> str:
    """Say what keeps a folder from being whole; empty if nothing does. Only what is compared each time is compared."""
    complete = folder / COMPLETE
    if not complete.is_file():
        return "it is not whole"
    # an older crosstasks, or a machine that lost its power, left it so
    return describe(differing(folder, COMPLETE)) if complete.stat().st_size else "it has no checksums"


def differing(folder: Path, listed: str = ALL) -> tuple[str, ...]:
    """Return the files that are not what was installed; none where nothing was noted, as by an older crosstasks."""
    try:
        lines = (folder / listed).read_text("utf-8").splitlines()
    except OSError:
        return ()
    except UnicodeDecodeError:
        return (listed,)
    rows = [line.partition("  ") for line in lines]
    now = _hashed([folder / name for _, _, name in rows])
    return tuple(name or listed for (expected, _, name), digest in zip(rows, now, strict=True) if expected != digest)


def describe(names: Sequence[str]) -> str:
    """Say which files differ; empty if none does."""
    more = f", and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]} is not what was installed{more}" if names else ""


UNNOTED: Final = frozenset({ALL, COMPLETE, "__pycache__"})
"""Our own files, and what Python writes anew when it likes."""


def _write(folder: Path, listed: str, paths: Iterable[Path]) -> None:
    regular = sorted(path for path in paths if path.is_file() and not path.is_symlink() and not UNNOTED & {path.name, path.parent.name})
    rows = zip(_hashed(regular), regular, strict=True)
    files.write(folder / listed, "".join(f"{digest}  {path.relative_to(folder).as_posix()}\n" for digest, path in rows))


def _hashed(paths: Sequence[Path]) -> list[str]:
    if len(paths) < SIDE_BY_SIDE:
        return list(map(_hash, paths))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(_hash, paths))


def _hash(path: Path) -> str:
    """Return a file's checksum; what cannot be read has none."""
    try:
        return files.sha256(path)
    except (OSError, ValueError):  # a damaged list may hold names that none can be
        return ""
