"""Pure: the ladder. Every route to a target, best first; each is possible, refused with a reason, or waits for answers.

Chosen by looking::

    engine      in this order
    amd64       cross 0.2.5 with each image source, then each flavour of `fallback` likewise; cargo; zigbuild
    arm64       the same with native images; then the same with amd64 images under emulation; cargo; zigbuild
    none        cargo for the host's own target; zigbuild
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .cross import cross_candidates
from .hosted import cargo, zigbuild
from .route import Candidate, Parts

if TYPE_CHECKING:
    from ..facts import Facts
    from .request import Request


def ladder(request: Request, facts: Facts) -> tuple[Candidate, ...]:
    """Return every route that the request allows, best first. Needs the facts host, engine and repository."""
    options, parts = request.options, Parts(request, facts)
    candidates = []
    if options.builder in {"auto", "cross"}:
        candidates += cross_candidates(request, facts, parts)
    if options.builder in {"auto", "cargo"}:
        candidates.append(Candidate("cargo", partial(cargo, request, facts, parts)))
    if options.builder == "zigbuild" or (options.builder == "auto" and "zigbuild" in options.fallback):
        candidates.append(Candidate("zigbuild", partial(zigbuild, request, facts, parts)))
    return tuple(candidates)
