"""Pure: every error that is known, what it means and what to do; the rows are data, in ``remedies.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct, convert, to_builtins

if TYPE_CHECKING:
    from ..core.errors import CrosstasksError

ESCAPES: Final = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")


class Remedy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A row of the table; the file's head says what each value is.

    Attributes:
        error: the class of ``errors`` that an ending is, by name.
    """

    name: str
    said: str
    what: str
    remedy: str
    source: str
    example: str
    when: Literal["", "metadata", "ending"] = ""
    error: str = ""
    codes: frozenset[int] = frozenset()
    general: bool = False

    def search(self, text: str) -> re.Match[str] | None:
        """Return where the text says it."""
        return re.search(self.said, text, re.MULTILINE)


@cache
def remedies() -> tuple[Remedy, ...]:
    """Read the table that this copy of crosstasks ships."""
    raw: dict[str, Any] = tomllib.loads(Path(__file__).with_name("remedies.toml").read_text("utf-8"))
    return tuple(convert(row, Remedy) for row in raw["row"])


def find(text: str) -> tuple[Remedy, ...]:
    """Return the rows that fit a text, in the order of the table; a general one only if no other does."""
    plain = ESCAPES.sub("", text)
    rows = tuple(row for row in remedies() if row.search(plain))
    return tuple(row for row in rows if not row.general) or rows[:1]


def when(stage: str) -> tuple[Remedy, ...]:
    """Return the rows of one occasion."""
    return tuple(row for row in remedies() if row.when == stage)


def hint(text: str) -> str:
    """Return the remedy of what a failed program said last, for an error's hint; empty if nothing is known."""
    rows = tuple(row for row in find(text) if not row.general)
    return f"{rows[0].what}: {rows[0].remedy}" if rows else ""


def with_remedy(error: CrosstasksError) -> CrosstasksError:
    """Add to an error the remedy of what a program said in its reason."""
    remedy = hint(error.why) if error.why else ""
    if remedy and remedy not in error.hint:
        error.hint = f"{error.hint}; {remedy}" if error.hint else remedy
    return error


def as_json(rows: tuple[Remedy, ...]) -> list[dict[str, str]]:
    """Return rows as a person or a program may want them, without how they are recognised."""
    keys = ("name", "what", "remedy", "source")
    return [{key: to_builtins(row)[key] for key in keys} for row in rows]


def shown(rows: tuple[Remedy, ...]) -> str:
    """Return rows as text: name and meaning, what to do, where it is known from."""
    return "\n\n".join(f"{row.name}: {row.what}\n  do: {row.remedy}\n  source: {row.source}" for row in rows)
