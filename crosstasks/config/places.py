"""Look: where the configuration is, and on which line each of its keys stands.

The nearest folder upward wins, and nothing is merged. Three files can hold it; two of them in one folder is an error::

    crosstasks.toml    the whole file
    pyproject.toml     [tool.crosstasks]
    Cargo.toml         [workspace.metadata.crosstasks] or [package.metadata.crosstasks]
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..core import toml_file
from ..core.errors import ConfigError

FILE: Final = "crosstasks.toml"

FILES: Final = (FILE, "pyproject.toml", "Cargo.toml")


def upward(root: Path) -> Iterator[Path]:
    """Give the folders from *root* to the top of its repository, or of the file system."""
    start = root.absolute()
    for folder in (start, *start.parents):
        yield folder
        if (folder / ".git").exists():
            return


TABLES: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    FILE: ((),),
    "pyproject.toml": (("tool", "crosstasks"),),
    "Cargo.toml": (("workspace", "metadata", "crosstasks"), ("package", "metadata", "crosstasks")),
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the configuration stands: a file, and the table in it (empty: the whole file)."""

    path: Path
    table: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.path.name + (f" [{'.'.join(self.table)}]" if self.table else "")


@dataclass(frozen=True, kw_only=True)
class Document:
    """A place and what stands there."""

    place: Place
    text: str
    raw: Any


def locate(root: Path) -> Place | None:
    """
    Return the nearest configuration upward from a folder, not further than the top of its repository.

    Raises:
        ConfigError: one folder holds two, or a file cannot be read.
    """
    document = find(root)
    return document.place if document else None


def find(root: Path) -> Document | None:
    """
    Return the nearest configuration with what stands there.

    Raises:
        ConfigError: one folder holds two, or a file cannot be read.
    """
    for folder in upward(root):
        documents = [document for name in TABLES for document in _documents(folder / name)]
        if len(documents) > 1:
            names = " and ".join(str(document.place) for document in documents)
            raise ConfigError(f"{folder} holds two configurations", why=names, hint="keep one of them; nothing is merged")
        if documents:
            return documents[0]
    return None


def top(root: Path) -> Path:
    """Return the last folder that is looked at: the top of the repository, or of the file system."""
    return list(upward(root))[-1]


def _documents(path: Path) -> Iterator[Document]:
    text = _text(path)
    # most files of Python and Rust projects hold nothing of ours, and are not worth the parsing
    if text is None or (path.name != FILE and "crosstasks" not in text):
        return
    raw = _toml(path, text)
    for table in TABLES[path.name]:
        inner = _dig(raw, table)
        if inner is not None:
            yield Document(place=Place(path=path, table=table), text=text, raw=inner)


def _dig(raw: Any, table: Sequence[str]) -> Any:
    for key in table:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw


def _text(path: Path) -> str | None:
    """Return what the file holds; None if there is none."""
    try:
        return path.read_text("utf-8", errors="strict" if path.name == FILE else "replace")
    except (FileNotFoundError, NotADirectoryError):
        if not path.is_symlink():
            return None
        raise ConfigError(f"{path} cannot be read", why=f"it is a link to {path.readlink()}, which is not there") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} cannot be read", why=f"it is not UTF-8: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", why=error.strerror or str(error)) from error


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return toml_file.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        message = str(error)
        raise ConfigError(f"{path} is not valid TOML", problems=(message[:1].lower() + message[1:],)) from error


def lines(text: str) -> dict[tuple[str, ...], int]:
    """
    Return the line on which each key of a valid TOML text stands first, for tables as well.

    A statement ends with the first line up to which it is valid TOML by itself, so that texts and lists over several
    lines are read as what they are.
    """
    numbers: dict[tuple[str, ...], int] = {}
    header: tuple[str, ...] = ()
    begun, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        statement += f"{line}\n"
        try:
            paths = list(_paths(toml_file.loads(statement)))
        except tomllib.TOMLDecodeError:
            continue
        if statement.lstrip().startswith("["):
            header = max(paths, key=len)
            paths = [header[:end] for end in range(1, len(header) + 1)]
        else:
            paths = [(*header, *path) for path in paths]
        for path in paths:
            numbers.setdefault(path, begun)
        begun, statement = number + 1, ""
    return numbers


def _paths(raw: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if path:
        yield path
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _paths(value, (*path, key))


def shown(place: Place, root: Path) -> str:
    """Return the file as it is reached from *root*, ready to be opened."""
    try:
        return os.path.relpath(place.path, root.absolute())
    except ValueError:  # another drive of Windows
        return str(place.path)
