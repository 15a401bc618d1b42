"""Pure: choose a route for a request, and list the steps still to be taken.

What a failure makes of the facts, and whether another route may be taken because of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from msgspec import Struct, to_builtins
from msgspec.structs import replace

from ..catalog.ingredients import Provision, Questions
from ..catalog.targets import Target
from ..core import versions
from ..core.about import SCHEMA_VERSION
from ..core.errors import BuildFailed, ConfigError, CrosstasksError, DiskFull, EngineFailed, NoRoute, TimedOut, ToolDamaged
from ..core.steps import Absent, Failure, Refused, Verb
from ..facts import NETWORK, Facts
from ..facts.engine import INSTALL
from ..facts.lock import HINT
from .ladder import ladder
from .request import Request
from .route import Candidate, Isolation, Outcome, Route, alike, better, differs_from_lock
from .toolchains import INSTEAD


class Promise(Struct, frozen=True, kw_only=True):
    """What a target's artifacts hold on every machine: their triple, and the newest glibc that they may need (empty: none is promised)."""

    triple: str
    glibc: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be done for one request.

    Attributes:
        route: the chosen one.
        refused: the routes above it, each with its reason.
        below: the names of those that would be looked at next, if it fails; what is refused already is not among them.
    """

    request: Request
    route: Route
    refused: tuple[Refused, ...] = ()
    below: tuple[str, ...] = ()

    @property
    def target(self) -> str:
        """Return the triple."""
        return self.request.target.triple

    @property
    def verb(self) -> Verb:
        """Return what cargo is asked to do."""
        return self.request.verb

    @property
    def members(self) -> tuple[str, ...]:
        """Return the packages of the workspace that are built; empty for what cargo takes by itself."""
        return tuple(self.request.options.members)

    @property
    def locked(self) -> bool:
        """Tell whether crosstasks.lock holds this route."""
        return self.request.lock_row is not None

    @property
    def steps(self) -> tuple[Provision, ...]:
        """Return what is still to be provided."""
        return self.route.steps

    @property
    def promise(self) -> Promise:
        """Return what is verified: the glibc that is promised everywhere, or a newer one where the route cannot keep that."""
        everywhere, of_route = self.everywhere, self.route.glibc_floor
        broken = versions.numbers(of_route) > versions.numbers(everywhere)
        return Promise(triple=self.target, glibc=of_route if broken else everywhere)

    @property
    def better(self) -> str:
        """Say in one line which better route, or release of Rust, was refused beforehand; empty if none was."""
        refused = self.refused if self.request.target.container else ()
        return "; ".join(filter(None, (better(self.route.name, refused), self.other_release)))

    @property
    def other_release(self) -> str:
        """Say which release of Rust is taken instead of the one that was decided, and why; empty if it is that one."""
        why = self.route.toolchain.why
        return why if INSTEAD in why else ""

    @property
    def everywhere(self) -> str:
        """Return the glibc that is promised on every machine; an image of the user's own promises what is configured, and nothing else."""
        image = self.route.image
        return self.request.options.glibc if image and image.source == "configured" else self.request.promise


NO_PLAN: Final = (NoRoute, EngineFailed)
"""How ``make`` ends where nothing is possible."""


def make(request: Request, facts: Facts) -> Plan | Questions:
    """Choose the first possible route, or return what has to be known for that.

    Raises:
        NoRoute: every route is refused; the error lists each with its reason.
        EngineFailed: that no engine answers is the only reason; or it is why the target would leave its container, and that is no decision.
    """
    refused: list[Refused] = []
    outcomes = _outcomes(request, facts)
    for candidate, outcome in outcomes:
        match outcome:
            case Absent() as refusal:
                refused.append(Refused(name=candidate.name, why=refusal.why, hint=refusal.hint))
            case Route() as route:
                _check_isolation(route, request, refused, facts)
                below = tuple(other.name for other, later in outcomes if not isinstance(later, Absent))
                return Plan(request=request, route=route, refused=tuple(refused), below=below)
            case questions:
                return questions
    engine = facts.engine
    if isinstance(engine, Absent) and {refusal.why for refusal in refused} == {engine.why}:
        raise EngineFailed(f"no container engine to {request.verb} {request.target.triple} with", why=engine.why, hint=engine.hint)
    raise no_route(request, refused)


def _check_isolation(route: Route, request: Request, refused: Sequence[Refused], facts: Facts) -> None:
    """Refuse to leave the container by accident, where a call is strict: an engine is there, or is named, and does not answer.

    Without any engine, or with a `builder` that needs none, the host is what was chosen.

    Raises:
        EngineFailed: with what would choose the host.
    """
    engine = facts.engine
    meant = isinstance(engine, Absent) and engine.hint != INSTALL and any(refusal.why == engine.why for refusal in refused)
    if isinstance(engine, Absent) and meant and request.strict and route.isolation == "host" and request.options.builder == "auto":
        hint = f'{engine.hint}; `builder = "{route.builder}"` builds without a container, `strict = false` allows it'
        raise EngineFailed(f"{request.target.triple} would be built on the host, and not in a container", why=engine.why, hint=hint)


def _outcomes(request: Request, facts: Facts) -> Iterator[tuple[Candidate, Outcome]]:
    """Look at the candidates in order, but not at a route, or a step that it needs, which has failed in this call.

    A candidate that gives a route that failed, under another name, is refused as well: an image that was pulled is one that
    the engine holds. So is a route that differs from the lock.
    """
    failures = facts.failures
    failed: dict[tuple[object, ...], str] = {}
    for candidate in ladder(request, facts):
        failure, outcome = _failed_before(candidate, failures), candidate.look()
        if failure and isinstance(outcome, Route):
            failed.setdefault(_parts_of(outcome), candidate.name)
        # what the failed route was made of has to be known again, to know it under another name
        waiting = outcome if isinstance(outcome, tuple) else None
        yield candidate, waiting or failure or _refusal(outcome, request, failures, failed) or outcome


def _failed_before(candidate: Candidate, failures: Sequence[Failure]) -> Absent | None:
    reasons = (Absent(f"failed: {failure.what}") for failure in failures if failure.route == candidate.name and failure.step is None)
    return next(reasons, None)


def _refusal(outcome: Outcome, request: Request, failures: Sequence[Failure], failed: Mapping[tuple[object, ...], str]) -> Absent | None:
    if not isinstance(outcome, Route):
        return None
    for failure in failures:
        if failure.step in outcome.steps:
            return Absent(f"needs a step that failed: {failure.what}")
    if name := failed.get(_parts_of(outcome)):
        return Absent(f"it is the same as {name}, which failed")
    return differs_from_lock(outcome, request)


def _parts_of(route: Route) -> tuple[object, ...]:
    """Return what makes a route what it is, wherever its parts come from."""
    image = route.image
    parts = (image.ref, image.digest.rpartition("@")[2], image.platform) if image else ()
    return (route.builder, route.flavour, route.tool and route.tool.path, route.toolchain.path, *parts)


def likely(request: Request, facts: Facts) -> str:
    """Name the route that would be taken as far as is known by now; ``none`` if all are refused."""
    open_ = ((candidate, outcome) for candidate, outcome in _outcomes(request, facts) if not isinstance(outcome, Absent))
    return next((candidate.name for candidate, _ in open_ if not _failed_before(candidate, facts.failures)), "none")


def no_route(request: Request, refused: Sequence[Refused]) -> NoRoute:
    """Say why nothing is possible, route by route, and the first thing that would help."""
    lines = "\n".join(f"  {same[0].name}{f' (and {len(same) - 1} more)' if same[1:] else ''}: {why}" for why, same in alike(refused))
    hints = sorted((refusal.hint for refusal in refused if refusal.hint), key=lambda hint: hint == HINT)
    hint = hints[0] if hints else "`crosstasks doctor` shows what is missing"
    error = NoRoute(f"no route to {request.verb} {request.target.triple}", why=lines, hint=hint)
    error.reason = _main_reason(request.target, refused).why.partition("\n")[0]
    return error


def _main_reason(target: Target, refused: Sequence[Refused]) -> Refused:
    """Return the refusal of the route that is made for such a target: those of the others would not help."""
    ways = {
        "cargo": target.plain_cargo,
        "zigbuild": target.zig,
        "xwin": target.libc == "msvc",
        "upstream image": target.images,
        "ndk": True,
    }
    names = (*(name for name, fits in ways.items() if fits), "zigbuild")
    return next((refusal for name in names for refusal in refused if name in refusal.name), refused[0])


class StepDocument(Struct, frozen=True, kw_only=True):
    """A step as documents have it: in one line, and why."""

    do: str
    why: str


class PlanDocument(Struct, frozen=True, kw_only=True):
    """A plan as JSON has it."""

    schema_version: Literal[2]
    target: str
    verb: Verb
    route: Route
    isolation: Isolation
    refused: tuple[Refused, ...]
    below: tuple[str, ...]
    members: tuple[str, ...]
    locked: bool
    promise: Promise
    steps: tuple[StepDocument, ...]


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON-ready values, with the steps that a command line shows."""
    document = PlanDocument(
        schema_version=SCHEMA_VERSION,
        isolation=plan.route.isolation,
        steps=tuple(StepDocument(do=str(step), why=step.why) for step in plan.steps),
        **{name: getattr(plan, name) for name in PlanDocument.__struct_fields__ if name not in {"schema_version", "isolation", "steps"}},
    )
    plain: dict[str, Any] = to_builtins(document)
    return plain


LAST: Final = (BuildFailed, ConfigError, DiskFull, TimedOut, ToolDamaged)
"""What another route would not mend: a crate's own errors, what the user has to put right, no room, a time limit, and what was damaged."""

STABLE_FACTS: Final = NETWORK | {"host", "engine", "repository", "rustup", "lock"}
"""What provisioning does not change; what the network said stays as well."""


def afresh(facts: Facts, *, but: str = "") -> Facts:
    """Forget what provisioning may have changed, *but* for one more fact: what a failure makes doubtful is asked again as well."""
    answers = {question: fact for question, fact in facts.answers.items() if question.about in STABLE_FACTS - {but}}
    return replace(facts, answers=answers)


def turn(planned: Plan, error: CrosstasksError, facts: Facts) -> Facts:
    """Make a failure a fact.

    Raises:
        CrosstasksError: *error* itself, where no other route may be taken: the hint then says what would be next.
    """
    if isinstance(error, LAST) or not planned.below:
        raise error
    failure = Failure(route=planned.route.name, what=error.what, step=error.step, code=error.code)
    facts_ = replace(facts, failures=(*facts.failures, failure))
    if planned.request.strict:
        following = f"next would be {likely(planned.request, facts_)}, but strict = true"
        error.hint = f"{error.hint}; {following}" if error.hint else following
        raise error
    return afresh(facts_, but="engine" if isinstance(error, EngineFailed) else "")
