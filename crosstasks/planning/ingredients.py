"""Pure: where each ingredient of a route can come from, in order. A new source is one function and one row.

An ingredient is there already (no steps), can be provided (its steps say how), is refused with a reason, or
waits for answers: then a source returns the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, TypeVar

from msgspec import Struct

from ..core.steps import Failure, Question, Refused, Step

Open: TypeAlias = tuple[Question, ...]
"""What has to be known before the answer can be given."""


class Ingredient(Struct, frozen=True, kw_only=True):
    """What a route is made of: where it comes from, why, and the steps that provide it (none: it is there)."""

    source: str
    why: str
    steps: tuple[Step, ...] = ()


class Tool(Ingredient, frozen=True, kw_only=True):
    """A program. *path* is where it is, or will be after the steps."""

    name: str
    version: str
    path: str


class Toolchain(Ingredient, frozen=True, kw_only=True):
    """A Rust toolchain.

    Attributes:
        name: ``1.96.0-x86_64-unknown-linux-gnu``, or a name of the user's.
        release: ``1.96.0``.
        host: the triple that it runs on.
        path: its folder, which exists after the steps.
        standard: targets whose standard library is in it; the others are built from source (``-Zbuild-std``).
        glibc: the lowest glibc its programs run with.
        origin: ``rustup`` or ``debian``: who made it, wherever it lies now.
    """

    name: str
    release: str
    host: str
    path: str
    standard: tuple[str, ...]
    glibc: str = ""
    origin: str = "rustup"


class Image(Ingredient, frozen=True, kw_only=True):
    """An image to build in.

    Attributes:
        ref: the reference given to cross; empty if Cross.toml lets cross build its own.
        platform: ``linux/amd64``.
        glibc: of the programs that run in the container; empty if unknown.
        libc: the libc that artifacts are linked against, so the floor of where they run; empty if unknown.
        runs: it can run the target's programs.
        base: what its own programs and libraries are; images of one base differ in what is for the target alone. Empty: unknown.
    """

    ref: str
    platform: str
    digest: str = ""
    glibc: str = ""
    libc: str = ""
    runs: bool = True
    base: str = ""


Made = TypeVar("Made", bound=Ingredient)


def first(ways: Iterable[tuple[str, Callable[[], Made | Refused | Open]]], failures: Sequence[Failure] = ()) -> Made | Refused | Open:
    """
    Return the first way that is possible or waits for answers; else one refusal with every reason.

    A way with a step that has failed in this call is not possible any more, and the next source has its turn.
    """
    reasons = []
    for name, way in ways:
        match way():
            case Refused(why=why):
                reasons.append(f"{name}: {why}")
            case Ingredient(steps=steps) if failed := [failure for failure in failures if failure.step and failure.step in steps]:
                reasons.append(f"{name}: failed: {failed[0].what}")
            case found:
                return found
    return Refused(name="", why="; ".join(reasons) or "no source is configured")


def dotted(text: str) -> tuple[int, ...]:
    """Return a dotted version as numbers to compare; an empty one is lower than all."""
    return tuple(int(part) for part in text.partition("-")[0].split(".") if part.isdigit())
