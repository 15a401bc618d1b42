"""Pure: what a failure makes of the facts, and whether another route may be taken because of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from .core.errors import BuildFailed, ConfigError, CrosstasksError, DiskFull, EngineFailed, Interrupted, ToolDamaged
from .core.steps import Failure
from .facts import lock
from .planning import plan

if TYPE_CHECKING:
    from .facts import Facts
    from .planning.plan import Plan

LAST: Final = (BuildFailed, ConfigError, DiskFull, Interrupted, ToolDamaged)
"""What another route would not mend: a crate's own errors, what the user has to put right, no room, an interrupt, and what was damaged."""

LASTING: Final = frozenset(
    {"host", "engine", "registry", "rustup-server", "rust-channel", "debian", "packages", "repository", "rustup", "lock"}
)
"""What provisioning does not change; what the network said stays as well."""

DOUBTED: Final[Mapping[type[CrosstasksError], frozenset[str]]] = {
    EngineFailed: frozenset({"engine"}),
}
"""What is not sure any more after a failure, and is asked again."""


def afresh(facts: Facts, doubted: frozenset[str] = frozenset()) -> Facts:
    """Forget what provisioning may have changed, and what is doubted."""
    answers = {question: fact for question, fact in facts.answers.items() if question.about in LASTING - doubted}
    return replace(facts, answers=answers)


def turn(planned: Plan, error: CrosstasksError, facts: Facts) -> Facts:
    """
    Make a failure a fact.

    Raises:
        CrosstasksError: *error* itself, where no other route may be taken: the hint then says what would be next.
    """
    if isinstance(error, LAST) or not planned.below:
        raise error
    failure = Failure(route=planned.route.name, what=error.what, step=error.step, code=error.code)
    facts_ = replace(facts, failures=(*facts.failures, failure))
    if planned.request.shared.is_strict(facts_.host.ci, lock=bool(lock.lock(facts_).target)):
        following = f"next would be {plan.likely(planned.request, facts_)}, but strict = true"
        error.hint = f"{error.hint}; {following}" if error.hint else following
        raise error
    return afresh(facts_, DOUBTED.get(type(error), frozenset()))
