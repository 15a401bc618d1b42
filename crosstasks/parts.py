"""Look: the parts that this package has here, and the libraries that they need.

This is read before any library is imported, and by a Python that is too old for the rest: keep it readable for Python 3.8.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

from .core.about import PACKAGE

OLDEST: Final = (3, 11)

PARTS: Final[Mapping[str, Sequence[str]]] = {
    "release": ("extras/release", "extras/packaging", "tasks/release.py", "verifying/smoke.py"),
    "offline": ("extras/offline", "tasks/offline.py"),
    "ci": ("extras/ci", "tasks/ci.py", "reporting/plan.schema.json", "reporting/report.schema.json"),
    "testing": ("testing.py",),
}
"""What a vendored copy can do without, with the folders and files of each part; everything else is the core."""

IMPORT_NAMES: Final[Mapping[str, str]] = {"pyelftools": "elftools"}
"""Libraries that are imported by another name than they are installed by."""

REQUIREMENTS: Final = PACKAGE / "requirements.txt"


class Requirement(NamedTuple):
    """A line of requirements.txt: in ``semver>=3.0.2  # release`` the comment names the parts that need it; without one the core does."""

    text: str
    parts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Return the name that it is installed by."""
        return self.text.partition(">=")[0]

    @property
    def module(self) -> str:
        """Return the name that it is imported by."""
        return IMPORT_NAMES.get(self.name, self.name)


def requirements(text: str) -> Iterator[Requirement]:
    """Read the lines of requirements.txt."""
    for line in text.splitlines():
        library, _, parts = line.partition("#")
        if library.strip():
            yield Requirement(library.strip(), tuple(parts.replace(",", " ").split()))


def has(part: str) -> bool:
    """Tell whether a part is there."""
    return (PACKAGE / PARTS[part][0]).exists()


def check_python() -> None:
    """End the program with one sentence if Python is too old: a traceback would not say what to do."""
    if sys.version_info[:2] < OLDEST:
        raise SystemExit(f"error: {old_python(sys.version_info[:3], sys.executable)}")


def check() -> None:
    """End the program with one sentence if Python is too old, or a library is not installed."""
    check_python()
    if names := missing():
        raise SystemExit(f"error: {sentence(names, sys.executable, REQUIREMENTS)}")


def old_python(version: Sequence[int], python: str) -> str:
    """Return what to say to a Python that is too old."""
    oldest, this = (".".join(map(str, numbers)) for numbers in (OLDEST, version))
    return f"crosstasks needs Python {oldest} or newer, and {python} is {this}: install Python {oldest}, and call nox with it"


def missing(find: Callable[[str], object] = find_spec) -> tuple[str, ...]:
    """Return the libraries of requirements.txt that cannot be imported."""
    return tuple(row.name for row in requirements(REQUIREMENTS.read_text("utf-8")) if find(row.module) is None)


def sentence(names: Sequence[str], python: str, listed: Path) -> str:
    """Return what to say when libraries are not installed."""
    words = f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else names[0]
    return f"crosstasks needs {words}, which {python} does not have: {python} -m pip install -r {listed}"
