"""Pure: choose a route for a target, and list the steps still to be taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, to_builtins

from ..catalog.targets import Target
from ..core.errors import EngineFailed, NoRoute
from ..core.steps import Absent, Failure, Refused, Step, Verb
from ..facts import lock as lockfile
from ..facts.lock import Locked
from . import lock_rows
from .ingredients import Open
from .ladder import ladder
from .route import Looked, Route, Rung

if TYPE_CHECKING:
    from ..config.configuration import Config
    from ..facts import Facts

SCHEMA_VERSION: Final = 1
"""Of everything that crosstasks writes as JSON; raised when a key changes its meaning or goes."""


class Plan(Struct, frozen=True, kw_only=True):
    """What will be done for one target.

    Attributes:
        target: the triple.
        verb: ``build`` or ``test``.
        route: the chosen one.
        refused: the routes above it, each with its reason.
        below: the names of those that would be looked at next, if it fails; what is refused already is not among them.
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
    refused: list[Refused] = []
    looked = _looked(ladder(target, facts, config, verb), facts.failures)
    for rung, seen in looked:
        match _as_locked(seen, locked, config):
            case Refused() as refusal:
                refused.append(Refused(name=rung.name, why=refusal.why, hint=refusal.hint))
            case Route() as route:
                below = tuple(other.name for other, found in looked if not isinstance(_as_locked(found, locked, config), Refused))
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


def _looked(rungs: Sequence[Rung], failures: Sequence[Failure]) -> Iterator[tuple[Rung, Looked]]:
    """
    Look at the rungs in order, but not at a route, or a step that it needs, which has failed in this call.

    A rung that gives the very route which failed under another name is refused as well: an image that was built here is
    one that the engine holds.
    """
    failed: dict[tuple[object, ...], str] = {}
    for rung in rungs:
        lost, found = _lost(rung, failures), rung.look()
        if lost and isinstance(found, Route):
            failed.setdefault(_made_of(found), rung.name)
        # what the failed route was made of has to be known again, to know it under another name
        waiting = found if isinstance(found, tuple) else None
        yield rung, waiting or lost or _unless_failed(found, failures, failed)


def _lost(rung: Rung, failures: Sequence[Failure]) -> Refused | None:
    what = next((failure.what for failure in failures if failure.route == rung.name and failure.step is None), None)
    return None if what is None else Refused(name=rung.name, why=f"failed: {what}")


def _unless_failed(found: Looked, failures: Sequence[Failure], failed: Mapping[tuple[object, ...], str]) -> Looked:
    if isinstance(found, Route):
        for failure in failures:
            if failure.step in found.steps:
                return Refused(name=found.name, why=f"needs a step that failed: {failure.what}")
        if name := failed.get(_made_of(found)):
            return Refused(name=found.name, why=f"it is the same as {name}, which failed")
    return found


def _as_locked(found: Looked, locked: Locked | None, config: Config) -> Looked:
    return (lock_rows.kept(locked, found, config) or found) if isinstance(found, Route) else found


def _made_of(route: Route) -> tuple[object, ...]:
    """Return what makes a route what it is, wherever its parts come from."""
    image = route.image
    parts = (image.ref, image.digest.rpartition("@")[2], image.platform) if image else ()
    return (route.builder, route.flavour, route.tool and route.tool.path, route.toolchain.path, *parts)


def likely(target: Target, facts: Facts, config: Config, verb: Verb) -> str:
    """Name the route that would be taken as far as is known by now; ``none`` if all are refused."""
    looked = _looked(ladder(target, facts, config, verb), facts.failures)
    return next((rung.name for rung, found in looked if not isinstance(found, Refused) and not _lost(rung, facts.failures)), "none")


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
