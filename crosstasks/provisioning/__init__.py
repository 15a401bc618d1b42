"""Act: provide what a plan lacks, step by step."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import assert_never

from ..catalog.ingredients import (
    BringGlibc,
    BuildImage,
    CompileCross,
    InstallToolchain,
    InstallWheels,
    Provision,
    PullImage,
    RegisterEmulator,
)
from ..catalog.machines import host_triple
from ..catalog.recipes import SUITE
from ..clients import engines
from ..context import Context
from ..core import cache
from ..core.steps import Question
from ..facts.engine import Engine
from ..planning.toolchains import DEBIAN_GLIBC, runs
from ..reporting import progress
from . import emulation, image, rust_packages, toolchain, tools


def take(step: Provision, context: Context) -> None:
    """Take one step.

    Raises:
        CrosstasksError: it failed; the error says how.
    """
    cache.prepare(context.cache)
    # a pull shows how far it is, and who registers may have to agree
    timer = nullcontext() if isinstance(step, PullImage | RegisterEmulator) else progress.timer(progress.step_words(step))
    engine = context.facts.answers.get(Question("engine"))
    with engines.no_orphans(engine.command if isinstance(engine, Engine) else ""), timer:
        _take(step, context)


def _take(step: Provision, context: Context) -> None:
    run, say, tools_home = context.run, context.say, context.cache / "tools"
    match step:
        case InstallWheels(name=name, projects=projects, machine=machine):
            then = (partial(tools.glibc_around, name.partition("-")[0], machine, context),) if step.glibc else ()
            tools.from_pypi(tools_home, name, projects, machine=machine, then=then, run=run, say=say)
        case BringGlibc():
            tools.glibc_beside(step, context)
        case CompileCross(name=name, flavour=flavour, install=install, cargo=cargo):
            tools.from_cargo(tools_home, name, flavour, install, cargo=Path(cargo), run=run, say=say)
        case InstallToolchain(source="rustup"):
            toolchain.from_rustup(step, home=context.cache / "rustup", rustup=step.rustup, run=run, say=say)
        case InstallToolchain():
            rust_packages.from_debian(
                step,
                home=context.cache / "rustup",
                archive=context.debian_archive(SUITE),
                # of the machine itself: what a bundle holds is planned as if this were another
                runs_here=host_triple(context.look.platform()) == step.host and runs(DEBIAN_GLIBC, context.facts.host),
                patchelf=partial(tools.patchelf, tools_home, run=run, say=say),
                run=run,
                say=say,
            )
        case PullImage(ref=ref, platform=platform):
            engines.pull(context.engine, ref, platform, say)
        case BuildImage(recipe=recipe):
            image.provide(recipe, context)
        case RegisterEmulator():
            emulation.install(step, context)
        case _:
            assert_never(step)
