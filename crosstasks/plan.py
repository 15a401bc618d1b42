"""Pure: choose a route for a target, and list the steps still to be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, to_builtins

from . import lock
from .errors import EngineFailed, NoRoute
from .facts import lock as lockfile
from .facts.lock import Locked
from .routes import Looked, Route, Rung, Verb, ladder
from .sources import Open
from .steps import Absent, Failure, Refused, Step
from .targets import Target

if TYPE_CHECKING:
    from .config import Config
    from .facts import Facts

SCHEMA_VERSION: Final = 1
"""Of everything that crosstasks writes as JSON; raised when a key changes its meaning or goes."""


class Plan(Struct, frozen=True, kw_only=True):
    """What will be done for one target.

    Attributes:
        target: the triple.
        verb: ``build`` or ``test``.
        route: the chosen one.
        refused: the routes above it, each with its reason.
        below: the names of those that would be looked at next, if it fails.
        members: the packages of the workspace that are built; empty for what cargo takes by itself.
        locked: crosstasks.lock holds this route.
    """

    target: str
    verb: Verb
    route: Route
    refused: tuple[Refused, ...] = ()
    below: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    locked: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return what is still to be provided."""
        return self.route.steps


def make(target: Target, facts: Facts, config: Config, verb: Verb = "build") -> Plan | Open:
    """
    Choose the first possible route, or return what has to be known for that.

    Raises:
        NoRoute: every route is refused; the error lists each with its reason.
        EngineFailed: that no engine answers is the only reason.
    """
    missing = facts.open("host", "engine", "repository")
    if missing:
        return missing
    locked = lockfile.row(facts, target.triple)
    rungs = ladder(target, facts, config, verb)
    refused: list[Refused] = []
    for place, rung in enumerate(rungs):
        match _as_locked(_unless_failed(rung, facts.failures), locked, config):
            case Refused() as refusal:
                refused.append(Refused(name=rung.name, why=refusal.why, hint=refusal.hint))
            case Route() as route:
                below = tuple(other.name for other in rungs[place + 1 :])
                return Plan(
                    target=target.triple,
                    verb=verb,
                    route=route,
                    refused=tuple(refused),
                    below=below,
                    locked=locked is not None,
                    members=tuple(config.target(target.triple).members),
                )
            case questions:
                return questions
    engine = facts.engine
    if isinstance(engine, Absent) and {refusal.why for refusal in refused} == {engine.why}:
        raise EngineFailed(f"no container engine to {verb} {target.triple} with", why=engine.why, hint=engine.hint)
    raise no_route(target, verb, refused)


def _unless_failed(rung: Rung, failures: Sequence[Failure]) -> Looked:
    """Look at a rung, unless its route, or a step that it needs, has failed in this call."""
    for failure in failures:
        if failure.route == rung.name and failure.step is None:
            return Refused(name=rung.name, why=f"failed: {failure.what}")
    found = rung.look()
    if isinstance(found, Route):
        for failure in failures:
            if failure.step in found.steps:
                return Refused(name=rung.name, why=f"needs a step that failed: {failure.what}")
    return found


def _as_locked(found: Looked, locked: Locked | None, config: Config) -> Looked:
    return (lock.kept(locked, found, config) or found) if isinstance(found, Route) else found


def likely(target: Target, facts: Facts, config: Config, verb: Verb) -> str:
    """Name the route that would be taken as far as is known by now; ``none`` if all are refused."""
    rungs = ladder(target, facts, config, verb)
    return next((rung.name for rung in rungs if not isinstance(_unless_failed(rung, facts.failures), Refused)), "none")


def no_route(target: Target, verb: Verb, refused: Sequence[Refused]) -> NoRoute:
    """Say why nothing is possible, route by route, and the first thing that would help."""
    reasons: dict[str, list[str]] = {}
    for refusal in refused:
        reasons.setdefault(refusal.why, []).append(refusal.name)
    lines = "\n".join(f"  {names[0]}{f' (and {len(names) - 1} more)' if names[1:] else ''}: {why}" for why, names in reasons.items())
    hints = sorted((refusal.hint for refusal in refused if refusal.hint), key=lambda hint: hint == lockfile.HINT)
    return NoRoute(
        f"no route to {verb} {target.triple}", why=lines, hint=hints[0] if hints else "`crosstasks doctor` shows what is missing"
    )


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON-ready values, with the steps that a command line shows."""
    raw: dict[str, Any] = to_builtins(plan)
    raw["steps"] = [{"do": str(step), "why": step.why} for step in plan.steps]
    return {"schema_version": SCHEMA_VERSION, **raw}
