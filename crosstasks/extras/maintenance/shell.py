"""Act: a shell in a target's container, which cross starts as it starts a build."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from ... import pipeline
from ...building import commands, dependencies, run
from ...clients import process
from ...context import Context, Extra
from ...core.errors import ConfigError, EngineFailed, NoRoute
from ...reporting import streams

START: Final = "if [ -t 0 ] && command -v bash >/dev/null; then exec bash; fi; exec sh"


def open_shell(names: Sequence[str], context: Context) -> int:
    """Open a shell in the container of one target, and return its exit code; without a terminal it reads its standard input.

    Raises:
        ConfigError: more than one target.
        NoRoute: no container builds it.
        CrosstasksError: something of it cannot be provided.
    """
    selected = pipeline.select(names, context)
    if len(selected) != 1:
        raise ConfigError(f"a shell is opened for one target, not for {len(selected)}", hint=f"name one: --target {selected[0]}")
    planned, context = pipeline.make(selected[0], "build", context)
    route = planned.route
    if route.image is None:
        raise NoRoute(f"{route.target} is built by {route.builder}, without a container")
    if context.engine.remote:
        raise EngineFailed("the engine is on another machine, and cannot mount the project", hint="use an engine of this machine")
    planned, context = pipeline.provide(planned, context)
    route, repository = planned.route, context.repository
    dependencies.fetch(route, context)
    target_dir = run.folder(route, repository)
    target_dir.mkdir(parents=True, exist_ok=True)
    # what is printed there may go to a file
    automatic = dict.fromkeys(("CARGO_TERM_COLOR", "CARGO_TERM_PROGRESS_WHEN"), "auto")
    variables = {"CARGO_BUILD_TARGET": route.target, "HOME": "/tmp", **automatic}  # noqa: S108 - the container's
    context = replace(context, extra=Extra(env=variables, instead=f"exec sh -c {shlex.quote(START)}"))
    # cross gives a terminal only where standard error is one too
    terminal = " --tty" if streams.is_interactive() and sys.stdout.isatty() else ""
    with commands.STARTERS["cross"](route, target_dir, context) as invocation:
        options = f"{invocation.env['CROSS_CONTAINER_OPTS']} --interactive{terminal}"
        done = process.run_on_terminal(
            (*invocation.program, "test", *run.ours(planned, repository)),
            env={**invocation.env, "CROSS_CONTAINER_OPTS": options},
            cwd=repository.root,
            owner=invocation.owner,
        )
        if done.code and (error := invocation.failure(done)):
            raise error
    return done.code
