"""Look: where the configuration is, on which line each of its keys stands, and all that is wrong in it, with the likely word.

The nearest folder upward wins, and nothing is merged. Three files can hold it; two of them in one folder is an error::

    crosstasks.toml    the whole file
    pyproject.toml     [tool.crosstasks]
    Cargo.toml         [workspace.metadata.crosstasks] or [package.metadata.crosstasks]
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from ..core import toml_file
from ..core.about import PACKAGE
from ..core.errors import ConfigError
from .options import File, Model, Options, Release, TargetOptions
from .session_cache import FILE, upward

TABLES: Final[Mapping[str, Sequence[tuple[str, ...]]]] = {
    FILE: ((),),
    "pyproject.toml": (("tool", "crosstasks"),),
    "Cargo.toml": (("workspace", "metadata", "crosstasks"), ("package", "metadata", "crosstasks")),
}


@dataclass(frozen=True, kw_only=True)
class Document:
    """A configuration: a file with its text, the table in it (empty: the whole file), and what stands there."""

    path: Path
    table: tuple[str, ...] = ()
    text: str = ""
    raw: Any

    def __str__(self) -> str:
        return self.path.name + (f" [{'.'.join(self.table)}]" if self.table else "")


def find(root: Path) -> Document | None:
    """Return the nearest configuration upward from a folder, not further than the top of its repository.

    Raises:
        ConfigError: one folder holds two, or a file cannot be read.
    """
    for folder in upward(root):
        documents = [document for name in TABLES for document in _documents(folder / name)]
        if len(documents) > 1:
            names = " and ".join(map(str, documents))
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
        inner: Any = raw
        for key in table:
            inner = inner.get(key) if isinstance(inner, dict) else None
        if inner is not None:
            yield Document(path=path, table=table, text=text, raw=inner)


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
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        raise ConfigError(f"{path} is not valid TOML", problems=(message[:1].lower() + message[1:],)) from error


def lines(text: str) -> dict[tuple[str, ...], int]:
    """Return the line on which each key of a valid TOML text stands first, for tables as well.

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


KINDS: Final = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
}
"""What msgspec calls the kinds of values, in the words of our users."""

SCHEMA: Final = PACKAGE / "config" / "crosstasks.schema.json"
"""What tells of every option wherever the package lies, as pages do not."""

BELONGS: Final[Sequence[tuple[Model, str]]] = (
    (Options, "to the top level"),
    (TargetOptions, "in [target.<name>]"),
    (Release, "in [release]"),
)


def without_password(value: Any) -> Any:
    """Return a value without the name and password that an address may hold: messages land in the logs of CI services."""
    before, at, after = value.rpartition("@") if isinstance(value, str) else ("", "", "")
    if not at or ":" not in before or after.startswith("sha256:"):  # the last is an image's digest
        return value
    scheme, slashes, _ = before.rpartition("//")
    return f"{scheme}{slashes}***@{after}"


Where: TypeAlias = str | tuple[str, ...]
"""The place of a problem: the name of a variable or of an option of the command line, or the path of a key in the file."""


class Problems:
    """Gather what is wrong, and fail once."""

    def __init__(self, document: Document | None, root: Path) -> None:
        """Begin with none; *document* and *root* tell where keys of the file stand."""
        self.messages: list[str] = []
        self._document = document
        self._table = document.table if document else ()
        self._root = root

    def add(self, where: Where, what: str, index: str = "") -> None:
        """Add one, at a place; *index* is of the value in a list: ``[2]``."""
        place = where if isinstance(where, str) else self.place((*self._table, *where))
        self.messages.append(f"{place}{index}: {what}")

    def unknown(self, where: Where, model: Model, key: str) -> None:
        """Add an option that there is not, with the likely one, or where it belongs."""
        place = next((place for other, place in BELONGS if other is not model and key in other.__struct_encode_fields__), "")
        known = (File if model is Options else model).__struct_encode_fields__
        self.add(where, f"unknown option, {key!r} belongs {place}" if place else f"unknown option{likely(key, known)}")

    def wrong(self, where: Where, model: Model, key: str, value: Any, error: msgspec.ValidationError) -> None:
        """Add a value that msgspec refused."""
        message, _, path = str(error).partition(" - at `$.")
        index = path.rstrip("`").removeprefix(key)
        for number in index.strip("[]").split("][") if index else ():
            value = value[int(number)]
        self.add(where, plainly(message, value, property_of(model, key)), index)

    def place(self, keys: tuple[str, ...]) -> str:
        """Return a place in the file, by the whole path of a key: name, line and key."""
        if self._document is None:
            return dotted_key(keys)
        path = os.path.relpath(self._document.path, self._root.absolute())
        line = self._lines.get(keys)
        return ": ".join(filter(None, (f"{path}:{line}" if line else path, dotted_key(keys))))

    @cached_property
    def _lines(self) -> dict[tuple[str, ...], int]:
        return lines(self._document.text) if self._document else {}

    def fail(self, hint: str = f"{SCHEMA} has every option with its meaning") -> None:
        """End here if anything is wrong, with a ConfigError that has all of it."""
        if self.messages:
            raise ConfigError("the configuration is wrong", problems=self.messages, hint=hint)


def dotted_key(keys: Iterable[str]) -> str:
    """Return keys as TOML writes them."""
    return ".".join(key if key.isascii() and key.replace("-", "").replace("_", "").isalnum() else repr(key) for key in keys)


def likely(word: str, words: Iterable[str]) -> str:
    """Return the end of a sentence that names what was likely meant; empty if nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(words), n=1, cutoff=0.6)
    return f", perhaps {near[0]!r}" if near else ""


def plainly(message: str, value: Any, option: Any) -> str:
    """Say in our words why msgspec refused a value; *option* is the option in the JSON schema."""
    allowed = list(_values_of(option, "enum"))
    if ", got " in message:
        return _kind(message, value, allowed)
    if allowed:
        booleans = ["true", "false"] if any(inner.get("type") == "boolean" for inner in option.get("anyOf", ())) else []
        return f"{value!r} is not one of {', '.join((*booleans, *map(repr, allowed)))}{likely(str(value), allowed)}"
    if "matching regex" in message:
        return f"{without_password(value)!r} is not of the form {' or '.join(map(repr, examples(option)))}"
    if "length" in message:
        return "must not be empty"
    return f"{value!r} must be {message.rpartition('` ')[2].removesuffix('.0')}"


def _kind(message: str, value: Any, allowed: Sequence[str]) -> str:
    """Say which kind of value is wanted: msgspec's words are ``Expected `bool | str`, got `int```."""
    expected, actual = (part.strip("`") for part in message.removeprefix("Expected ").split(", got "))
    kinds = [KINDS.get(kind, kind) for kind in expected.split(" | ") if not (kind == "str" and allowed)]
    shown = str(value).lower() if actual == "bool" else KINDS.get(actual, actual)
    values = () if "array" in expected else tuple(map(repr, allowed))  # else they are those of what is in the list
    quotes = f'; write it in quotes, "{value}"' if "str" in expected and not allowed and actual in {"int", "float"} else ""
    return f"must be {' or '.join((*kinds, *values))}, not {shown}{quotes}"


def examples(option: Any) -> tuple[str, ...]:
    """Return what an option may look like, or each of its values if it is a list."""
    values = (one for example in _values_of(option, "examples") for one in (example if isinstance(example, list) else [example]))
    return tuple(dict.fromkeys(map(str, values)))


def _values_of(option: Any, word: str) -> Iterator[Any]:
    if isinstance(option, dict):
        yield from option.get(word, ())
        for inner in (*option.get("anyOf", ()), option.get("items")):
            yield from _values_of(inner, word)


def property_of(model: Model, key: str) -> Any:
    """Return an option as the JSON schema declares it."""
    return msgspec.json.schema(model)["$defs"][model.__name__]["properties"][key]
