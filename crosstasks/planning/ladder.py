"""Pure: the ladder. Every route to a target, best first; each is possible, refused with a reason, or waits for answers.

Chosen by looking::

    engine      in this order
    amd64       cross 0.2.5 with each image source, then each flavour of `fallback` likewise; cargo; zigbuild
    arm64       the same with native images; then the same with amd64 images under emulation; cargo; zigbuild
    none        cargo for the host's own target; zigbuild
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..catalog.targets import Target
from ..core.steps import Refused, Verb
from .cross import cross_rungs
from .hosted import cargo, zigbuild
from .route import Looked, Route, Rung

if TYPE_CHECKING:
    from ..config.configuration import Config
    from ..facts import Facts


def ladder(target: Target, facts: Facts, config: Config, verb: Verb) -> tuple[Rung, ...]:
    """Return every route to *target*, best first. Needs the facts host, engine and repository."""
    builder = config.target(target.triple).builder
    rungs = []
    if builder in {"auto", "cross"}:
        rungs += cross_rungs(target, facts, config, verb)
    if builder in {"auto", "cargo"}:
        rungs.append(Rung("cargo", partial(cargo, target, facts, config)))
    if builder == "zigbuild" or (builder == "auto" and "zigbuild" in config.target(target.triple).fallback):
        rungs.append(Rung("zigbuild", partial(zigbuild, target, facts, config, verb)))
    return tuple(rungs)


def walk(rungs: tuple[Rung, ...]) -> Iterator[tuple[Rung, Looked]]:
    """Look at the rungs from the top, and stop below the first that is possible or waits for answers."""
    for rung in rungs:
        found = rung.look()
        yield rung, found
        if not isinstance(found, Refused):
            return


__all__ = ["Looked", "Route", "Rung", "Verb", "ladder", "walk"]
