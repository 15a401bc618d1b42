"""Pure: whether a release of the distribution has the packages that an image is to hold; asked before anything is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ..core.errors import CrosstasksError, DiskFull
from ..core.steps import Absent, Question
from . import answer_cache

if TYPE_CHECKING:
    from . import Facts, Look


class Lacking(Struct, frozen=True, kw_only=True):
    """Those of the packages asked for that a *suite* has not for an *architecture*, each with a likely name, or an empty one."""

    suite: str
    architecture: str
    names: Mapping[str, str] = {}


LIFE: Final = answer_cache.Life(positive=86_400, negative=300)


def question(suite: str, architecture: str, names: Sequence[str]) -> Question:
    """Return what to ask."""
    return Question("packages", " ".join((suite, architecture, *names)))


def ask(look: Look, asked: Question, facts: Facts) -> Lacking | Absent:
    """Ask apt for the names, once a day."""
    if look.offline:
        return Absent("offline = true")
    return answer_cache.kept(look, f"packages {asked.subject}", Lacking, LIFE, lambda: _ask(look, asked.subject, facts.host.suite))


def _ask(look: Look, subject: str, own: str) -> Lacking | Absent:
    suite, architecture, *names = subject.split()
    try:
        return Lacking(suite=suite, architecture=architecture, names=look.debian_lacking(own, suite, architecture, names))
    except DiskFull:
        raise  # it is not Debian that is missing
    except CrosstasksError as error:
        return answer_cache.absent(error)


__all__ = ["Lacking", "ask", "question"]
