"""The order of the stages, and nothing else: config and facts, routes, plan, provision, run, verify, report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any, Final, TypeVar

from msgspec.structs import replace as changed

from . import provisioning
from .building import run
from .building.artifacts import stable, to_keep
from .catalog import remedies, targets
from .clients import process
from .config import configuration, read
from .config.configuration import Config
from .context import Context, clients, look_of
from .core import cache, files
from .core.errors import BuildFailed, ConfigError, CrosstasksError, NothingSelected
from .core.results import Result, failure
from .core.steps import Question, Say, Verb
from .facts import Facts, ask
from .planning import plan, request
from .planning.plan import Plan
from .project import manifest
from .provisioning import cache_check
from .reporting import ci
from .reporting.report import say as to_stderr
from .verifying import verify

T = TypeVar("T")

FIRST: Final = tuple(Question(about) for about in ("host", "engine", "emulation", "rustup", "builders", "repository", "inventory", "lock"))
"""What every plan needs; all of it is on this machine."""


def start(
    root: Path | str = ".",
    *,
    names: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    overrides: Mapping[str, Any] = {},
    need_config: bool = True,
    say: Say = to_stderr,
) -> Context:
    """Read the configuration, and ask nothing yet.

    Args:
        root: the folder of the Rust repository.
        names: the targets to work on, instead of those that are configured; with them no configuration is needed.
        environ: the user's environment.
        overrides: values of the command line, by option.
        need_config: that there is no configuration is an error.
        say: is told of progress.

    Raises:
        ConfigError: crosstasks.toml, an option, a name or a variable is wrong, or names what the workspace does not have.
    """
    place = Path(root).absolute()
    loaded = configuration.load(place, environ=environ, overrides=overrides, need_config=need_config and not names)
    chosen = read.triples_of(names, place) or loaded.targets
    configuration.check_members(loaded, lambda: _packages(place), place)
    return begin(changed(loaded, targets=chosen), place, environ, say)


def _packages(place: Path) -> frozenset[str] | None:
    try:
        return frozenset(package.name for package in manifest.read(manifest.find(place)).packages)
    except ConfigError:  # it is told where a workspace is needed
        return None


def begin(config: Config, place: Path, environ: Mapping[str, str] = os.environ, say: Say = to_stderr) -> Context:
    """Put together what all stages are given, with nothing known yet."""
    folder = cache.folder(environ)
    look = look_of(place, folder, config, environ, process.run, **clients(folder, config, say))
    return Context(config=config, root=place, cache=folder, environ=environ, run=process.run, say=say, look=look, facts=Facts(answers={}))


def look(context: Context, questions: Iterable[Question] = FIRST) -> Context:
    """Ask what is not known yet, side by side."""
    new = [question for question in dict.fromkeys(questions) if question not in context.facts.answers]
    if not new:
        return context
    with ThreadPoolExecutor(max_workers=len(new)) as pool:
        answers = dict(zip(new, pool.map(lambda question: ask(question, context.look, context.facts), new), strict=True))
    return replace(context, facts=context.facts.with_(answers))


def make(target: str, verb: Verb, context: Context, *, lean: bool = False) -> tuple[Plan, Context]:
    """Plan for one target: think, ask what that needs, think again; *lean* as of ``request.make``.

    Raises:
        ConfigError: no such target or verb, or no Rust repository.
        NoRoute: nothing is possible.
    """
    row, verb = targets.find(read.triple_of(target, context.root)), read.verb(verb)
    context = look(context)
    _ = context.repository  # nothing is provided for a folder that holds none
    target_request = request.make(row, verb, context.facts, context.config, lean=lean)
    return think(lambda facts: plan.make(target_request, facts), context)


def think(thought: Callable[[Facts], T | tuple[Question, ...]], context: Context) -> tuple[T, Context]:
    """Return what a thought comes to, once all that it asks is answered."""
    while isinstance(result := thought(context.facts), tuple):
        context = look(context, result)
    return result, context


def select(names: Sequence[str], context: Context) -> tuple[str, ...]:
    """Return the triples to work on: those named, else all that are configured."""
    triples = read.triples_of(names, context.root) or context.config.targets
    if not triples:
        raise NothingSelected("no target is selected", hint="name one with --target, or list `targets` in crosstasks.toml")
    return triples


def provide(planned: Plan, context: Context) -> tuple[Plan, Context]:
    """Take the plan's steps, then look and plan again: that something is left to provide is an error."""
    for step in planned.steps:
        try:
            with cache.room(planned.target):
                provisioning.take(step, context)
        except CrosstasksError as error:
            error.step = step
            remedies.with_remedy(error)
            raise
    if not planned.steps:
        return planned, context
    again, context = make(planned.target, planned.verb, afresh(context), lean=planned.request.lean)
    if again.steps:
        rest = "; ".join(map(str, again.steps))
        raise CrosstasksError(f"{planned.target}: steps are left after provisioning", why=rest, hint="please report this")
    return again, context


def provision(verb: Verb, context: Context) -> Iterator[Plan]:
    """Provide what the plans of all selected targets need, and give each plan once nothing is left of it."""
    cache.prepare(context.cache)
    for triple in select((), context):
        planned, context = make(triple, verb, context)
        planned, context = provide(planned, context)
        yield planned


def afresh(context: Context) -> Context:
    """Forget what provisioning may have changed; what the network said stays."""
    return replace(context, facts=plan.afresh(context.facts))


def carry_out(target: str, verb: Verb, arguments: Sequence[str], context: Context, *, lean: bool = False) -> tuple[Result, Context]:
    """Build or test one target: plan, provide, run, verify; and take the next route when one fails before cargo compiles.

    Args:
        lean: as of ``request.make``; what is built may have to be started afterwards.

    Raises:
        CrosstasksError: no route is left, or it failed in a way that another route would not mend; with the *failures* before.
    """
    begun, route, better = time.monotonic(), "", ""
    cache.prepare(context.cache)
    try:
        while True:
            planned, context = make(target, verb, context, lean=lean)
            if route:
                context.say(f"{planned.target}: taking {planned.route.name} instead")
            elif better := planned.better:
                context.say(f"{planned.target}: {planned.route.name}, since better is refused: {better}")
            route = planned.route.name
            try:
                planned, context = provide(planned, context)
                Thread(target=verify.ready, daemon=True).start()  # while cargo works
                with cache.room(target):
                    cargo_run = run.run(planned, arguments, context)
                if cargo_run.error and not cargo_run.at_work:
                    raise cargo_run.error
            except CrosstasksError as failure:
                error = cache_check.check_after_failure(planned.route, str(failure), context) or failure
                context = replace(context, facts=plan.turn(planned, error, context.facts))
                context.say(f"{planned.target}: {route} failed: {error.what}; looking for another route")
                continue
            return changed(_finish(planned, cargo_run, context, begun), better=better), context
    except CrosstasksError as error:
        error.route, error.failures = route, context.facts.failures
        raise


FAILURES: Final[Mapping[Verb, str]] = {
    "build": "does not build",
    "check": "does not pass the compiler's checks",
    "clippy": "does not pass clippy",
    "doc": "cannot be documented",
    "test": "fails its tests, or does not build",
    "run": "fails when it is run, or does not build",
    "bench": "fails its benchmarks, or does not build",
    "nextest": "fails its tests, or does not build",
    "nextest-archive": "has tests that do not build",
}


def _finish(planned: Plan, cargo_run: run.Run, context: Context, begun: float) -> Result:
    if cargo_run.error:
        raise cargo_run.error
    if cargo_run.code:
        what = FAILURES[planned.verb]
        error = BuildFailed(
            f"{planned.target} {what}",
            why=f"cargo exited with {cargo_run.code}",
            hint=remedies.hint(cargo_run.err, files.read(Path(context.repository.root, "Cargo.lock"))) or "cargo's messages above say why",
        )
        error.route, error.diagnostics = planned.route.name, cargo_run.output.diagnostics
        raise error
    # an older good artifact stays when this one is not what was asked for, as cargo's own does when a build fails
    outputs = to_keep(cargo_run.output, cargo_run.target_dir)
    good = verify.verify(outputs, planned.request.target, glibc=planned.promise.glibc)
    place = Path(context.repository.target_directory)
    paths = stable(outputs, cargo_run.target_dir, place, planned.target)
    if planned.verb == "nextest-archive":
        context.say(f"{planned.target}: the tests are packed in {run.keep_archive(cargo_run.target_dir, place, planned.target)}")
    artifacts = tuple(changed(artifact, path=str(path)) for artifact, path in zip(good, paths, strict=True))
    return Result(
        target=planned.target,
        verb=planned.verb,
        route=planned.route.name,
        isolation=planned.route.isolation,
        container=cargo_run.container,
        failures=context.facts.failures,
        refused=planned.refused,
        artifacts=artifacts,
        seconds=time.monotonic() - begun,
        diagnostics=cargo_run.output.diagnostics,
    )


def build(
    names: Sequence[str] = (), arguments: Sequence[str] = (), *, verb: Verb = "build", context: Context | None = None
) -> tuple[Result, ...]:
    """Build, or test, the named targets, or all configured ones; one that fails does not keep the others from being finished."""
    context = context or start(names=names)
    results: list[Result] = []
    for triple in select(names, context):
        begun = time.monotonic()
        try:
            result, after = _build_one(triple, verb, arguments, context)
            context = replace(after, facts=changed(after.facts, failures=()))
        except CrosstasksError as error:
            result = failure(triple, verb, error, time.monotonic() - begun)
            context = afresh(context)  # what was damaged is no longer there
        results.append(result)
    return tuple(results)


def _build_one(triple: str, verb: Verb, arguments: Sequence[str], context: Context) -> tuple[Result, Context]:
    with ci.fold(triple, verb, context.environ), cache.room(triple):
        return carry_out(triple, verb, arguments, context, lean=True)


def build_and_report(target: str, verb: Verb, arguments: Sequence[str], context: Context) -> Result:
    """Build or test one target, and tell CI services and the report how it went; an error is raised once it is told."""
    ci.ready(context.environ)
    begun = time.monotonic()
    try:
        result, _ = _build_one(target, verb, arguments, context)
    except CrosstasksError as error:
        try:
            ci.finish((failure(target, verb, error, time.monotonic() - begun),), context)
        except ConfigError as other:  # it must not hide why there is nothing else
            context.say(str(other))
        raise
    ci.finish((result,), context)
    return result


def plans(names: Sequence[str] = (), *, verb: Verb = "build", context: Context | None = None) -> tuple[Plan, ...]:
    """Plan for the named targets, or all configured ones; nothing is changed.

    Raises:
        NoRoute: a target has no possible route.
    """
    context = look(context or start(names=names))
    result = []
    for triple in select(names, context):
        planned, context = make(triple, verb, context, lean=True)
        result.append(planned)
    return tuple(result)
