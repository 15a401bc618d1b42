"""Pure: dotted versions, compared by their numbers."""

from __future__ import annotations

from collections.abc import Iterable


def numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a dotted version, for comparison; what follows a hyphen does not count, and an empty one is the lowest."""
    return tuple(int(part) for part in version.partition("-")[0].split(".") if part.isdecimal())


def highest(versions: Iterable[str]) -> str:
    """Return the highest of dotted versions; empty if there is none."""
    return max(versions, key=numbers, default="")
