"""Act: fill a registry with the images of the targets: copies of upstream's, all their platforms, and those that are built here."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from typing import Final, NamedTuple

from ... import pipeline, provisioning
from ...catalog import recipes, targets
from ...catalog.ingredients import Image
from ...clients import engines
from ...context import Context
from ...core import cache, references
from ...core.errors import ConfigError, ImageFailed
from ...core.steps import Absent, Question
from ...facts import Facts, lock
from ...planning import request
from ...planning.images import Search
from ...planning.request import Request
from ...reporting import progress
from ...reporting.progress import align
from . import registry_copy
from .registry_copy import Copy

SOURCES: Final = ("upstream", "build")


class _Choice(NamedTuple):
    """An image for the mirror: *name* is its reference with the tag, *index_name* that of all platforms of one that is built."""

    image: Image
    name: str
    index_name: str = ""


def fill(context: Context, machines: Sequence[Context], names: Sequence[str], to: str) -> tuple[Copy, ...]:
    """Copy or push an image for each target and each of *machines*: the call as it is here, or as it would be on another platform.

    Raises:
        ConfigError: ``offline = true``, or a platform that there is nothing for.
        ImageFailed: a target has no image for a platform, or a registry refuses.
    """
    if context.config.offline:
        raise ConfigError("a mirror cannot be filled with offline = true")
    if isinstance(machines[0].facts.engine, Absent):
        raise ConfigError(
            "no container engine answers, so --platform must name the engines that the images are for",
            why=machines[0].facts.engine.why,
        )
    done: dict[str, Copy] = {}
    joined: dict[str, list[str]] = {}
    for machine in machines:
        for triple in pipeline.select(names, machine):
            choice = choose(triple, lock.platform(machine.facts), machine)
            ref = references.with_prefix(choice.name, to)
            if choice.index_name:
                joined.setdefault(f"{to.rstrip('/')}/{choice.index_name}", []).append(ref)
            if ref not in done:
                done[ref] = _build_and_push(choice, ref, machine) if choice.index_name else _copy(choice.image.ref, ref, context)
    for ref, parts in joined.items():
        registry_copy.join(ref, tuple(dict.fromkeys(parts)))
    return tuple(done.values())


def choose(triple: str, platform: str, context: Context) -> _Choice:
    """Choose which image of a target the mirror is to have: the user's, else upstream's if it is for the platform, else one built here.

    Raises:
        ImageFailed: there is none; every source is named with its reason.
    """
    target_request = request.make(targets.catalogue()[triple], "build", context.facts, context.config)
    row, options = target_request.lock_row, target_request.options
    flavour = (row.flavour if row else "") or options.cross
    reasons = []
    for source in ("registry",) if options.image else SOURCES:
        image, context = _ask(source, flavour, platform, target_request, context)
        if isinstance(image, Image):
            index = recipes.shared_name(triple, options.packages) if source == "build" else ""
            upstream = options.image or targets.default_image(target_request.target, flavour)
            return _Choice(image, image.ref if index else upstream, index)
        reasons.append(f"{source}: {image.why}")
    raise ImageFailed(f"there is no image of {triple} for {platform}", why="; ".join(reasons))


def _ask(source: str, flavour: str, platform: str, target_request: Request, context: Context) -> tuple[Image | Absent, Context]:
    def thought(facts: Facts) -> Image | Absent | tuple[Question, ...]:
        return Search(flavour=flavour, platform=platform, request=target_request, facts=facts).choose(source)

    return pipeline.think(thought, context)


def _copy(source: str, ref: str, context: Context) -> Copy:
    with progress.timer(f"copy {source}"):
        return registry_copy.copy(source, ref, context.say)


def _build_and_push(choice: _Choice, ref: str, context: Context) -> Copy:
    """Build an image if need be, and push it, unless the mirror has that very image."""
    for step in choice.image.steps:
        provisioning.take(step, context)
    (inspected,) = engines.inspect(context.engine.command, (choice.image.ref,), context.run)
    if there := registry_copy.find(choice.image.ref, ref, str(inspected["Id"]), (choice.image.platform,)):
        return there
    context.say(f"pushing {choice.image.ref} to {references.parse(ref).name}")
    folder = context.cache / "images"
    cache.prepare(context.cache)
    folder.mkdir(exist_ok=True)
    with progress.timer(f"push {choice.image.ref}"), tempfile.TemporaryFile(dir=folder) as file:
        engines.save(context.engine, (choice.image.ref,), file.write)
        file.seek(0)
        return registry_copy.push(file, ref, folder)


def text(done: Sequence[Copy]) -> str:
    """Return what was done as a table for people."""
    head = ("image", "platforms", "digest", "blobs copied", "there")
    rows = [(one.to, " ".join(one.platforms), one.digest[:19], str(one.copied), str(one.there)) for one in done]
    return align([head, *rows])
