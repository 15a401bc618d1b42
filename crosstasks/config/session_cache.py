"""Look: what a noxfile declares, kept from its last reading: while no file changes, sessions are listed without the model of the options.

That model and the catalogue take five times as long to import as all else that listing needs. What is kept was right once: a wrong
configuration is never kept, and every session reads its configuration anew.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ..core import cache, files
from ..core.about import PACKAGE, __version__

FILE: Final = "crosstasks.toml"

FILES: Final = (FILE, "pyproject.toml", "Cargo.toml")


def upward(root: Path) -> Iterator[Path]:
    """Give the folders from *root* to the top of its repository, or of the file system."""
    start = root.absolute()
    for folder in (start, *start.parents):
        yield folder
        if (folder / ".git").exists():
            return


class SessionTarget(NamedTuple):
    """A target, and what its sessions are called and tagged with; *file* describes it, if it is none of the catalogue."""

    triple: str
    alias: str
    tags: tuple[str, ...]
    file: str = ""


def session_name(prefix: str, verb: str, alias: str = "") -> str:
    """Return what the session is called that does something with a target; without an *alias* the one that does it with all."""
    return "-".join(filter(None, (prefix, "cross", verb if verb != "build" else "", alias)))


def targets(
    place: Path, names: Sequence[str], environ: Mapping[str, str], read: Callable[[], Sequence[SessionTarget]]
) -> tuple[SessionTarget, ...]:
    """Return what was declared when the same was read last, else what *read* gives now, and keep that, unless it raises an error.

    Args:
        place: the folder of the Rust repository.
        names: what the noxfile names itself.
        environ: for ``CROSSTASKS_*``.
    """
    file = cache.folder(environ) / "answers" / f"declared-{_digest(str(place), *names)}.json"
    key = _key(place, names, environ)
    cached = _read_rows(file, key)
    if cached is not None:
        return cached
    rows = tuple(read())
    if any(row.file for row in rows):  # another file says what the target is
        return rows
    text = json.dumps(rows)
    with suppress(OSError):  # a cache that cannot be written is an error where something is provided, not here
        files.write(file, json.dumps({"key": key, "sum": _digest(text), "rows": text}))
    return rows


def _read_rows(file: Path, key: str) -> tuple[SessionTarget, ...] | None:
    try:
        content = json.loads(file.read_bytes())
        if content["key"] == key and content["sum"] == _digest(content["rows"]):
            return tuple(SessionTarget(triple, alias, tuple(tags), file) for triple, alias, tags, file in json.loads(content["rows"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _key(place: Path, names: Sequence[str], environ: Mapping[str, str]) -> str:
    """Name all that the answer depends on: the files, the variables, the catalogue, and the machine, as ``host`` is a target."""
    catalogue = PACKAGE / "catalog" / "targets.toml"
    state = catalogue.stat()
    machine = (sys.platform, platform.machine(), *platform.libc_ver(), str(sys.maxsize))
    variables = sorted(f"{name}={value}" for name, value in environ.items() if name.startswith("CROSSTASKS_"))
    contents = (part for folder in upward(place) for name in FILES for part in _content(folder / name))
    return _digest(__version__, str(catalogue), f"{state.st_mtime_ns} {state.st_size}", *machine, *names, *variables, *contents)


def _content(path: Path) -> tuple[str, ...]:
    try:
        return (str(path), path.read_bytes().decode("latin-1"))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        return (str(path), str(error))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:32]
