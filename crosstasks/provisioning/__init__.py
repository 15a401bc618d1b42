"""Act: provide what a plan lacks. Every call that a step can name is one row of ``CALLS``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..catalog import recipes, targets
from ..clients import apt, docker_api, suites
from ..core import cache
from ..core.errors import CrosstasksError
from ..core.steps import Refused, Step
from . import emulation, image, toolchain, tools

if TYPE_CHECKING:
    from ..context import Work


def take(step: Step, work: Work) -> None:
    """
    Do one step.

    Raises:
        CrosstasksError: it failed; the error says how.
    """
    cache.prepare(work.cache)
    CALLS[step.call](work, **step.arguments)


def archive(work: Work, suite: str = "") -> apt.Archive:
    """Return the machine's apt sources, or the same for another *suite*, with their lists and packages in our cache."""
    return suites.archive(work.cache, work.facts.host.suite, suite, run=work.run, say=work.say)


def _from_pypi(work: Work, name: str, projects: Sequence[str]) -> None:
    tools.from_pypi(work.cache / "tools", name, projects, run=work.run, say=work.say)


def _from_cargo(work: Work, name: str, flavour: str, install: Sequence[str], cargo: str) -> None:
    tools.from_cargo(work.cache / "tools", name, flavour, install, cargo=Path(cargo), run=work.run, say=work.say)


def _toolchain_from_debian(work: Work, release: str, host: str, targets: Sequence[str], source: bool, architecture: str) -> None:  # noqa: FBT001
    wanted = toolchain.Wanted(release=release, host=host, targets=tuple(targets), source=source)
    toolchain.from_debian(
        wanted,
        home=work.cache / "rustup",
        archive=archive(work),
        debian_std=_architectures(),
        host_debian=architecture,
        run=work.run,
        say=work.say,
    )


def _architectures() -> Mapping[str, str]:
    return {triple: row.debian_std for triple, row in targets.catalogue().items() if row.debian_std}


def _toolchain_from_rustup(work: Work, release: str, host: str, targets: Sequence[str], source: bool, rustup: str) -> None:  # noqa: FBT001
    wanted = toolchain.Wanted(release=release, host=host, targets=tuple(targets), source=source)
    toolchain.from_rustup(wanted, home=work.cache / "rustup", rustup=rustup, run=work.run, say=work.say)


def _pull(work: Work, ref: str, platform: str, digest: str) -> None:
    del digest
    docker_api.pull(work.engine.command, ref, platform, run=work.run, say=work.say)


def _build(work: Work, target: str, platform: str, suite: str, packages: Sequence[str]) -> None:
    recipe = recipes.recipe(targets.catalogue()[target], platform, suite, packages=packages)
    if isinstance(recipe, Refused):
        raise CrosstasksError(f"no image can be built for {target}", why=recipe.why, hint=recipe.hint)
    here = Path(__file__).parent
    spawn = (here / "spawn.c", here / "spawn.sh")
    image.build(recipe, engine=work.engine.command, folder=work.cache / "images", archive=archive(work, suite), spawn=spawn, say=work.say)


CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    "tools.from_pypi": _from_pypi,
    "tools.from_cargo": _from_cargo,
    "toolchain.from_debian": _toolchain_from_debian,
    "toolchain.from_rustup": _toolchain_from_rustup,
    "image.pull": _pull,
    "image.build": _build,
    "emulation.install": emulation.install,
}
