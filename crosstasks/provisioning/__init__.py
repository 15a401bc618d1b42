"""Act: provide what a plan lacks, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from ..catalog import targets
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
from ..catalog.machines import BY_TRIPLE
from ..catalog.recipes import SUITE
from ..catalog.targets import host_triple
from ..clients import engines
from ..context import debian_archive
from ..core import cache
from ..planning.toolchains import DEBIAN_GLIBC, runs
from ..reporting import progress
from . import emulation, glibc, image, toolchain, tools

if TYPE_CHECKING:
    from ..context import Context


def take(step: Provision, context: Context) -> None:
    """
    Take one step.

    Raises:
        CrosstasksError: it failed; the error says how.
    """
    cache.prepare(context.cache)
    with engines.no_orphans():
        _take(step, context)


def _take(step: Provision, context: Context) -> None:
    match step:
        case InstallWheels():
            _install_wheels(step, context)
        case BringGlibc():
            with progress.timer(progress.step_words(step)):
                glibc.beside(step, context)
        case CompileCross(name=name, flavour=flavour, install=install, cargo=cargo):
            with progress.timer(progress.step_words(step)):
                tools.from_cargo(context.cache / "tools", name, flavour, install, cargo=Path(cargo), run=context.run, say=context.say)
        case InstallToolchain():
            _install_toolchain(step, context)
        case PullImage(ref=ref, platform=platform):
            engines.pull(context.engine, ref, platform, context.say)
        case BuildImage(recipe=recipe):
            with progress.timer(progress.step_words(step)):
                image.provide(recipe, context)
        case RegisterEmulator():
            emulation.install(step, context)
        case _:
            assert_never(step)


def _install_wheels(step: InstallWheels, context: Context) -> None:
    then = (partial(glibc.around, step.name.partition("-")[0], step.machine, context),) if step.glibc else ()
    with progress.timer(progress.step_words(step)):
        home = context.cache / "tools"
        tools.from_pypi(home, step.name, step.projects, machine=step.machine, then=then, run=context.run, say=context.say)


def _install_toolchain(step: InstallToolchain, context: Context) -> None:
    home = context.cache / "rustup"
    if step.source == "rustup":
        with progress.timer(progress.step_words(step)):
            toolchain.from_rustup(step, home=home, rustup=step.rustup, run=context.run, say=context.say)
        return
    with progress.timer(progress.step_words(step)):
        toolchain.from_debian(
            step,
            home=home,
            archive=debian_archive(context.cache, context.config, SUITE, context.say),
            debian_std=_architectures(),
            host_debian=BY_TRIPLE[step.host].debian,
            # of the machine itself: what a bundle holds is planned as if this were another
            runs_here=host_triple(context.look.platform()) == step.host and runs(DEBIAN_GLIBC, context.facts.host),
            patchelf=partial(tools.patchelf, context.cache / "tools", run=context.run, say=context.say),
            run=context.run,
            say=context.say,
        )


def _architectures() -> Mapping[str, str]:
    return {triple: row.debian_std for triple, row in targets.catalogue().items() if row.debian_std}
