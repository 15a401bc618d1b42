"""Look: TOML files of the user, read with their place in every complaint; and values written as TOML."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import ConfigError


def loads(text: str) -> dict[str, Any]:
    """Read a text; a ``tomllib.TOMLDecodeError`` if it is no TOML, or nested too deeply to be read."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise tomllib.TOMLDecodeError("it is nested too deeply") from None


def read(path: Path) -> dict[str, Any]:
    """Return the content of a file.

    Raises:
        ConfigError: it is not there, or is no TOML; the error names file, line and column.
    """
    try:
        return loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML", why=str(error)) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8", why=str(error)) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read", why=error.strerror or str(error)) from error


def table(content: Any, *keys: str) -> dict[str, Any]:
    """Return the table at *keys*; empty if there is none, or something else in its place."""
    for key in keys:
        content = content.get(key) if isinstance(content, dict) else None
    return content if isinstance(content, dict) else {}


def dumps(content: Mapping[str, Any]) -> str:
    """Return values as TOML, one key a line and tables in braces: for programs to read, so that nobody needs a library for it."""
    return "".join(f"{quote(key)} = {_value(value)}\n" for key, value in content.items())


def quote(key: str) -> str:
    """Return a key as TOML wants it: bare if it may be."""
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else _text(key)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return _text(value)
        case Mapping():
            return f"{{ {', '.join(f'{quote(key)} = {_value(inner)}' for key, inner in value.items())} }}" if value else "{}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            return str(value)  # numbers; and dates, which print as TOML has them


def _text(text: str) -> str:
    """Quote as JSON does, which escapes what TOML escapes, but for the control character 127."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
