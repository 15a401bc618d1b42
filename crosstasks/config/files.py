"""Pure: which files can hold the configuration, and in which folders they are looked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

FILE: Final = "crosstasks.toml"

FILES: Final = (FILE, "pyproject.toml", "Cargo.toml")


def upward(root: Path) -> Iterator[Path]:
    """Give the folders from *root* to the top of its repository, or of the file system."""
    start = root.absolute()
    for folder in (start, *start.parents):
        yield folder
        if (folder / ".git").exists():
            return
