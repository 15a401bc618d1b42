"""Act: provide what a plan lacks, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from .. import context
from ..catalog import targets
from ..catalog.machines import BY_TRIPLE
from ..catalog.recipes import SUITE
from ..clients import engines
from ..core import cache
from ..facts.debian import NAMES
from ..planning.ingredients import BuildImage, CompileCross, InstallToolchain, InstallWheels, Provision, PullImage, RegisterEmulator
from ..reporting import progress, steps
from . import emulation, image, rustup_home, toolchain, tools

if TYPE_CHECKING:
    from ..context import Work


def take(step: Provision, work: Work) -> None:
    """
    Take one step.

    Raises:
        CrosstasksError: it failed; the error says how.
    """
    cache.prepare(work.cache)
    match step:
        case InstallWheels(name=name, projects=projects):
            with progress.shown(steps.words(step)):
                tools.from_pypi(work.cache / "tools", name, projects, run=work.run, say=work.say)
        case CompileCross(name=name, flavour=flavour, install=install, cargo=cargo):
            with progress.shown(steps.words(step)):
                tools.from_cargo(work.cache / "tools", name, flavour, install, cargo=Path(cargo), run=work.run, say=work.say)
        case InstallToolchain():
            _install_toolchain(step, work)
        case PullImage(ref=ref, platform=platform):
            engines.pull(work.engine, ref, platform, work.say)
        case BuildImage(recipe=recipe):
            with progress.shown(steps.words(step)):
                image.provide(recipe, work)
        case RegisterEmulator():
            emulation.install(step, work)
        case _:
            assert_never(step)


def _install_toolchain(step: InstallToolchain, work: Work) -> None:
    spec = rustup_home.ToolchainSpec(release=step.release, host=step.host, targets=step.targets, source=step.library)
    home = work.cache / "rustup"
    if step.source == "rustup":
        with progress.shown(steps.words(step)):
            toolchain.from_rustup(spec, home=home, rustup=step.rustup, run=work.run, say=work.say)
        return
    with progress.shown(steps.words(step)):
        toolchain.from_debian(
            spec,
            home=home,
            archive=context.archive(work.cache, work.config, SUITE, work.say),
            debian_std=_architectures(),
            host_debian=BY_TRIPLE[step.host].debian,
            machine=NAMES.get(work.facts.host.arch, work.facts.host.arch),
            run=work.run,
            say=work.say,
        )


def _architectures() -> Mapping[str, str]:
    return {triple: row.debian_std for triple, row in targets.catalogue().items() if row.debian_std}
