"""Look: TOML files of the user, read with their place in every complaint."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from .errors import ConfigError


def read(path: Path) -> dict[str, Any]:
    """
    Return the content of a file.

    Raises:
        ConfigError: it is not there, or is no TOML; the error names file, line and column.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
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
