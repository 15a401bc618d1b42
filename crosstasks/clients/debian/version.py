"""Pure: Debian's versions in their order, as Debian Policy has it (section 5.6.12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import Final, TypeAlias

Part: TypeAlias = tuple[tuple[int, ...] | int, ...]
Key: TypeAlias = tuple[int, Part, Part]

_PAIR: Final = re.compile(r"(\D*)(\d*)")

OPERATORS: Final[Mapping[str, Callable[[Key, Key], bool]]] = {"<<": lt, "<=": le, "=": eq, ">=": ge, ">>": gt, "<": le, ">": ge}
"""How relations compare; a single sign is the old spelling of ``<=`` and ``>=``."""


@lru_cache(maxsize=8192)
def key(version: str) -> Key:
    """Return what two versions are compared by: epoch, upstream's version, Debian's revision."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    return int(epoch) if epoch.isdigit() else 0, _part(upstream), _part(revision)


def _part(text: str) -> Part:
    """Split a text into what is no digit and what is, in turn; the end sorts after ``~`` and before all else."""
    parts: list[tuple[int, ...] | int] = []
    for letters, digits in _PAIR.findall(text):
        if letters or digits:
            parts += [_letters(letters), int(digits or "0")]
    return (*parts, _letters(""))


def _letters(text: str) -> tuple[int, ...]:
    """Letters come before all other signs."""
    return (*((-1 if sign == "~" else ord(sign) if sign.isalpha() else ord(sign) + 256) for sign in text), 0)


def fits(version: str, operator: str, other: str) -> bool:
    """Tell whether a version is as a relation asks; without an operator each is."""
    return not operator or OPERATORS[operator](key(version), key(other))
