"""Pure: the ladder. Every route to a target, best first; each is possible, refused with a reason, or waits for answers.

Chosen by looking::

    engine      in this order
    amd64       cross 0.2.5 with each image source, then each flavour of `fallback` likewise; cargo; zigbuild
    arm64       the same with native images; cargo; zigbuild; last the same with amd64 images under emulation, which is slow
    none        cargo for the host's own target and those that rustc links by itself; zigbuild

Where an image is named, all that can use it comes before zigbuild, which cannot.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from . import cross, images
from .hosted import cargo, zigbuild
from .route import Candidate, Parts

if TYPE_CHECKING:
    from ..facts import Facts
    from .request import Request


def ladder(request: Request, facts: Facts) -> tuple[Candidate, ...]:
    """Return every route that the request allows, best first. Needs the facts host, engine and repository."""
    options, parts = request.options, Parts(request, facts)
    hosted = []
    if options.builder in {"auto", "cargo"}:
        hosted.append(Candidate("cargo", partial(cargo, request, facts, parts)))
    if options.builder == "zigbuild" or (options.builder == "auto" and "zigbuild" in options.fallback):
        hosted.append(Candidate("zigbuild", partial(zigbuild, request, facts, parts)))
    if options.builder not in {"auto", "cross"}:
        return tuple(hosted)
    native, emulated = cross.native(request, facts, parts), cross.emulated(request, facts, parts)
    named = images.sources(request, facts) == ("configured",)
    return (*native, *emulated, *hosted) if named else (*native, *hosted, *emulated)
