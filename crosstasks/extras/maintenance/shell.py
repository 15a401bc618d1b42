"""Act: a shell in a target's image, with everything mounted where a build of cross has it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ... import pipeline
from ...building import commands, dependencies, environment, run
from ...clients import engines, process
from ...context import Context
from ...core import files
from ...core.errors import ConfigError, EngineFailed, NoRoute
from ...planning.route import Route
from ...reporting import streams

START: Final = 'PATH="$PATH:/rust/bin"; export PATH; if [ -t 0 ] && command -v bash >/dev/null; then exec bash; fi; exec sh'
"""As cross does, the toolchain is put behind everything of the image."""


def open_shell(names: Sequence[str], context: Context) -> int:
    """Open a shell in the image of one target, and return its exit code; without a terminal it reads its standard input.

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
    if not route.image.ref:
        raise NoRoute(
            f"the image of {route.target} is made by cross itself", why=route.image.why, hint="name the image in Cross.toml instead"
        )
    if context.engine.remote:
        raise EngineFailed("the engine is on another machine, and cannot mount the project", hint="use an engine of this machine")
    planned, context = pipeline.provide(planned, context)
    dependencies.fetch(planned.route, context)
    run_id = files.unique_name()
    with engines.reap_containers(context.engine.command, run_id), engines.run_folder(context.cache, run_id) as folder:
        home = Path(shutil.copytree(dependencies.home(context), folder / "home"))
        terminal = streams.is_interactive() and sys.stdout.isatty()
        return process.run_on_terminal(command(planned.route, run_id, home, context, terminal=terminal)).code


def command(route: Route, run_id: str, home: Path, context: Context, *, terminal: bool) -> tuple[str, ...]:
    """Return the call of the engine, with the CARGO_HOME *home*; *terminal* tells that the user sits at one."""
    engine, repository = context.engine, context.repository
    target_dir = run.folder(route, repository)
    target_dir.mkdir(parents=True, exist_ok=True)
    call = commands.container_call(run_id, context, target_dir="/target", cargo_home=str(home))
    # of git's cross everything but the target folder stands at its own path
    inner_home = str(home) if route.flavour == "git" else "/cargo"
    root = repository.root if route.flavour == "git" or repository.around.folders else "/project"
    mounts = {
        str(home): inner_home,
        repository.root: root,
        str(target_dir): "/target",
    }
    target = Path(repository.target_directory)
    if target.is_relative_to(repository.root):  # the host's own is not for containers
        mounts[f"{target_dir}/"] = f"{root}/{target.relative_to(repository.root)}"
    fixed = {
        route.toolchain.path: "/rust",
        **{path: path for path in repository.around.folders},
        **{f"{repository.root}/{name}": f"{root}/{name}" for name in commands.read_only(Path(repository.root))},
    }
    inside = {**environment.cargo(call), "CARGO_HOME": inner_home, "CARGO_BUILD_TARGET": route.target, "HOME": "/tmp"}  # noqa: S108 - the container's
    assert route.image is not None  # noqa: S101
    # whoever runs a rootless engine is root in its containers; elsewhere what is written must be the user's
    return (
        engine.command,
        *("run", "--rm", "--interactive", *(("--tty",) if terminal else ())),
        *environment.options(route, call, context),
        *(f"--env={key}={value}" for key, value in inside.items()),
        *(() if engine.rootless else ("--userns=host", f"--user={os.getuid()}:{os.getgid()}")),
        *_volumes(mounts, "z" if engine.selinux else ""),
        *_volumes(fixed, "ro,z" if engine.selinux else "ro"),
        f"--workdir={root}",
        route.image.ref,
        *("sh", "-c", START),
    )


def _volumes(mounts: Mapping[str, str], how: str) -> tuple[str, ...]:
    return tuple(f"--volume={os.path.normpath(outer)}:{inner}{how and f':{how}'}" for outer, inner in mounts.items())
