"""Pure: every error that is known, what it means and what to do; the rows are data, in ``remedies.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from msgspec import Struct, convert

from ..core.errors import CrosstasksError

ESCAPES: Final = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")


class Remedy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the table; the file's head says what each value is.

    Attributes:
        error: the class of ``errors`` that an ending is, by name.
    """

    name: str
    pattern: str
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
        return re.search(self.pattern, text, re.MULTILINE)

    def advice(self, text: str, lock: str = "") -> str:
        """Return what to do about a text, with the names in it of what is missing, and of Debian's package that holds the first.

        *lock* is the text of Cargo.lock: where one of its crates needs a package that brings the first, and more, that is named.
        """
        matches = re.finditer(self.pattern, text, re.MULTILINE)
        words = list(dict.fromkeys(word for match in matches for word in match.groups() if word))
        known = [package for word in words if (package := _raw()["packages"].get(word.lower()))]
        package = next(iter(known), words[0] if words and self.name == "program-missing" else "lib…-dev")
        package = next((row.package for row in crates_in(lock) if package in row.brings), package)
        return self.remedy.replace("{package}", package).replace("{words}", ", ".join(words))


@cache
def _raw() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("remedies.toml").read_text("utf-8"))


@cache
def remedies() -> tuple[Remedy, ...]:
    """Read the table that this copy of crosstasks ships."""
    return tuple(convert(row, Remedy) for row in _raw()["row"])


class Crate(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A crate that links a C library, or starts a program, of the system.

    Attributes:
        package: Debian's, as `packages` names it; *brings* are others that come with it.
        source_crate: the crate that it depends on where it builds its own.
    """

    name: str
    package: str
    source_crate: str = ""
    brings: tuple[str, ...] = ()


def crates_in(lock: str) -> tuple[Crate, ...]:
    """Return the crates of the table that Cargo.lock (its text) holds, without those that build their own library."""
    rows = (convert({"name": name, **row}, Crate) for name, row in _raw()["crates"].items() if f'name = "{name}"' in lock)
    return tuple(row for row in rows if not (row.source_crate and re.search(_DEPENDENCY.format(row.name, row.source_crate), lock)))


_DEPENDENCY: Final = r'(?m)^name = "{}"\n(?:(?!\[\[package|name = ).*\n)*? "{}(?: [^"]*)?",$'
"""The row of Cargo.lock that has one crate depend on another."""


def find(text: str) -> tuple[Remedy, ...]:
    """Return the rows that fit a text, in the order of the table; a general one only if no other does."""
    plain = ESCAPES.sub("", text)
    rows = tuple(row for row in remedies() if row.search(plain))
    return tuple(row for row in rows if not row.general) or rows[:1]


def when(stage: str) -> tuple[Remedy, ...]:
    """Return the rows of one occasion."""
    return tuple(row for row in remedies() if row.when == stage)


LIBRARIES: Final = ("library-missing", "libclang", "program-missing")
"""The rows that `packages` mends; the first error of a build hides those that would follow."""


def hint(text: str, lock: str = "") -> str:
    """Return the remedy of what a failed program said last, for an error's hint; empty if nothing is known.

    Where a library is missing, *lock*, the text of Cargo.lock, tells what else will be.
    """
    rows = tuple(row for row in find(text) if not row.general)
    if not rows:
        return ""
    message = f"{rows[0].what}: {rows[0].advice(ESCAPES.sub('', text), lock)}"
    crates = crates_in(lock) if rows[0].name in LIBRARIES else ()
    more = len(crates) > 1 or any(row.package not in message for row in crates)
    names, packages = ", ".join(row.name for row in crates), ", ".join(f'"{row.package}"' for row in crates)
    return f"{message}; {names} in Cargo.lock: `packages = [{packages}]`" if more else message


def with_remedy(error: CrosstasksError) -> CrosstasksError:
    """Add to an error the remedy of what a program said in its reason."""
    remedy = hint(error.why) if error.why else ""
    if remedy and remedy not in error.hint:
        error.hint = f"{error.hint}; {remedy}" if error.hint else remedy
    return error


def as_json(rows: tuple[Remedy, ...], text: str = "") -> list[dict[str, str]]:
    """Return rows as a person or a program may want them, without how they are recognised."""
    return [{"name": row.name, "what": row.what, "remedy": row.advice(text), "source": row.source} for row in rows]


def remedy_text(rows: tuple[Remedy, ...], text: str = "") -> str:
    """Return rows as text: name and meaning, what to do, where it is known from."""
    return "\n\n".join(f"{row.name}: {row.what}\n  do: {row.advice(text)}\n  source: {row.source}" for row in rows)
