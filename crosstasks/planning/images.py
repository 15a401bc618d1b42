"""Pure: where the image to build in comes from.

The sources, in the order of ``images`` in crosstasks.toml; an image that the user or Cross.toml names is the only one::

    local      an image that the engine already holds
    mirror     the configured registry
    upstream   where cross's own images are published
    bundle     an archive made by ``invoke bundle``, once ``provision --from`` has loaded it
    build      put together here from Debian's packages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from ..catalog.targets import Target, default_image
from ..core.steps import Question, Refused, Step
from ..facts import lock
from ..facts.engine import LocalImage
from ..facts.inventory import Bundled
from ..facts.registry import RegistryImage
from ..project.repository import Repository
from . import image_names
from .image_names import BASE_GLIBC, Wanted, built, facts_of, known, mirrored, mirrors, pinned, recipe, repository_of, suite
from .ingredients import Image, Open, first

if TYPE_CHECKING:
    from ..config.configuration import Config
    from ..facts import Facts


def choose(source: str, wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    """Ask one source for the image."""
    if source == "upstream" and config.target(wanted.target.triple).packages:
        return Refused(name=source, why="`packages` asks for Debian packages, which only an image built here can hold")
    held = lock.row(facts, wanted.target.triple)
    if held and ((source == "upstream" and held.recipe) or (source == "build" and held.digest)):
        return Refused(name=source, why=f"{lock.FILE} holds {held.image}", hint=lock.HINT)
    return SOURCES[source](wanted, facts, config)


def sources(target: Target, facts: Facts, config: Config) -> tuple[str, ...]:
    """Return the sources to ask, in order: only the user's own if an image is named, else the configured ones."""
    if config.target(target.triple).image or cross_toml(target, facts):
        return ("configured",)
    return tuple(config.images)


def cross_toml(target: Target, facts: Facts) -> Mapping[str, Any]:
    """Return what Cross.toml says of the target's image: ``image`` or ``dockerfile``; empty if nothing."""
    repository = facts.repository
    table = repository.cross.get("target", {}).get(target.triple, {}) if isinstance(repository, Repository) else {}
    return {key: table[key] for key in ("image", "dockerfile") if key in table}


def _configured(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    own = config.target(wanted.target.triple)
    if own.image:
        origin = f"`image`, {config.source('image', wanted.target.triple)}"
        return _named(own.image, origin, wanted, facts, config)
    said = cross_toml(wanted.target, facts)
    origin = facts.repository.cross_origin if isinstance(facts.repository, Repository) else ""
    if "dockerfile" in said:
        return Image(ref="", platform=wanted.platform, source="configured", why=f"{origin} has a dockerfile: cross builds it")
    name = said["image"] if isinstance(said["image"], str) else said["image"].get("name", "")
    if not name or name[0] in ":@-":
        return Image(ref="", platform=wanted.platform, source="configured", why=f"{origin} names {name or 'a toolchain'}: left to cross")
    return _named(name, origin, wanted, facts, config)


def _named(name: str, origin: str, wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    ref = pinned(name, wanted, facts)
    brought = [row.ref for row in _fitting(wanted, facts, config) if row.digest and ref.endswith(f"@{row.digest}")]
    refs = dict.fromkeys((ref, *brought, *([name] if ref != name else [])))
    ways = (
        *(("the engine", _holder(held, wanted, facts, source="configured", why=f"named by {origin}")) for held in refs),
        *([("the mirror", lambda: _copied(name, origin, wanted, facts, config))] if config.mirror else []),
        ("its registry", lambda: _served(ref, wanted, facts, config, source="configured", why=f"named by {origin}")),
    )
    return first(ways)


def _copied(name: str, origin: str, wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    ref, why = pinned(mirrored(name, config.mirror), wanted, facts), f"named by {origin}; the mirror has a copy"
    return first(
        (
            ("the engine", lambda: _held(ref, wanted, facts, source="configured", why=why)),
            ("its registry", lambda: _served(ref, wanted, facts, config, source="configured", why=why)),
        )
    )


def served(name: str, wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    """Ask the registry of an image that the user names."""
    return _served(pinned(name, wanted, facts), wanted, facts, config, source="configured", why="named by the configuration")


def _held(
    ref: str, wanted: Wanted, facts: Facts, *, source: str = "local", why: str = "", glibc: str = "", libc: str = "", **more: Any
) -> Image | Refused | Open:
    question = Question("image", ref)
    if question not in facts.answers:
        return (question,)
    image = facts.answers[question]
    if not isinstance(image, LocalImage):
        return Refused(name=source, why=f"the engine has no {ref}")
    if image.platform.split("/")[:2] != wanted.platform.split("/")[:2]:
        return Refused(name=source, why=f"the engine's {ref} is for {image.platform}, wanted {wanted.platform}")
    return Image(
        ref=ref,
        platform=wanted.platform,
        source=source,
        digest=_digest(image, wanted, facts),
        why=why or "the engine has it",
        glibc=glibc or image.labels.get("crosstasks.glibc", ""),
        libc=libc or image.labels.get("crosstasks.libc", ""),
        **more,
    )


def _digest(image: LocalImage, wanted: Wanted, facts: Facts) -> str:
    """Return the digest of an image that the engine holds, the locked one if it has that too; its id if it is of no registry."""
    brought = [f"{repository_of(row.ref)}@{row.digest}" for row in facts.provided.images if row.id == image.id and row.digest]
    known = (*image.digests, *brought)
    held = lock.row(facts, wanted.target.triple)
    same = [digest for digest in known if held and digest.endswith(f"@{held.digest}")]
    return next(iter((*same, *known, image.id)))


def _served(ref: str, wanted: Wanted, facts: Facts, config: Config, *, source: str, why: str, **more: Any) -> Image | Refused | Open:
    if config.offline:
        return Refused(name=source, why="offline = true")
    question = Question("registry", ref)
    if question not in facts.answers:
        return (question,)
    answer = facts.answers[question]
    if not isinstance(answer, RegistryImage):
        return Refused(name=source, why=answer.why)
    if wanted.platform not in answer.platforms:
        return Refused(name=source, why=f"{ref} is only for {', '.join(answer.platforms)}, wanted {wanted.platform}")
    # without `local` nobody has asked the engine yet
    if source != "configured" and "local" not in config.images:
        held = _held(ref, wanted, facts, source=source, why=why, **more)
        if not isinstance(held, Refused) and (not isinstance(held, Image) or held.digest.endswith(f"@{answer.digest}")):
            return held
    step = Step(
        why=f"the engine does not hold {ref}",
        call="image.pull",
        arguments={"ref": ref, "platform": wanted.platform, "digest": answer.digest},
    )
    return Image(
        ref=ref,
        platform=wanted.platform,
        source=source,
        digest=answer.digest,
        why=why,
        steps=(step,),
        **more,
    )


def _upstream(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    ref = default_image(wanted.target, wanted.flavour)
    if ref is None:
        return Refused(name="upstream", why=f"cross {wanted.flavour} has no image for {wanted.target.triple}")
    return _served(pinned(ref, wanted, facts), wanted, facts, config, source="upstream", why="cross's own image", **facts_of(wanted))


def _mirror(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    if not config.mirror:
        return Refused(name="mirror", why="no mirror is configured")
    ways = [(ref, _server(ref, more, wanted, facts, config)) for ref, more in mirrors(wanted, facts, config)]
    return first(ways, facts.failures)


def _server(ref: str, more: Mapping[str, Any], wanted: Wanted, facts: Facts, config: Config) -> Callable[[], Image | Refused | Open]:
    return lambda: _served(ref, wanted, facts, config, source="mirror", why="the configured mirror has it", **more)


def _local(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    upstream = default_image(wanted.target, wanted.flavour)
    own = config.target(wanted.target.triple).packages
    names = [] if own or not upstream else [*([mirrored(upstream, config.mirror)] if config.mirror else []), upstream]
    refs = [ref for name in names for ref in dict.fromkeys((pinned(name, wanted, facts), name))]
    ways = [(ref, _holder(ref, wanted, facts, **facts_of(wanted))) for ref in refs]
    mirror = mirrors(wanted, facts, config) if config.mirror else []
    ways += [(ref, _holder(ref, wanted, facts, **more)) for ref, more in mirror if ref not in refs]
    ways += [(row.ref, _holder(row.ref, wanted, facts, **_known(row, wanted))) for row in _fitting(wanted, facts, config)]
    found = first((*ways, ("built here", lambda: _made(wanted, facts, config))))
    if not isinstance(found, tuple):
        return found
    # all at once: the engine is asked side by side
    asked = dict.fromkeys((*(ref for ref, _ in ways), *(tag for tag, _ in built(wanted, facts, config))))
    return tuple(question for ref in asked if (question := Question("image", ref)) not in facts.answers)


def _holder(ref: str, wanted: Wanted, facts: Facts, **more: Any) -> Callable[[], Image | Refused | Open]:
    def held() -> Image | Refused | Open:
        found = _held(ref, wanted, facts, **more)
        locked = lock.row(facts, wanted.target.triple)
        if isinstance(found, Image) and locked and locked.digest and not found.digest.endswith(locked.digest):
            return Refused(name="local", why=f"the engine's {ref} is {found.digest}, and {lock.FILE} holds {locked.digest}")
        return found

    return held


def _bundle(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    fitting = _fitting(wanted, facts, config)
    if not fitting:
        return Refused(name="bundle", why=f"no bundle brought an image for {wanted.target.triple} on {wanted.platform}")
    more = {"source": "bundle", "why": "a bundle brought it"}
    return first((row.ref, _holder(row.ref, wanted, facts, **more, **_known(row, wanted))) for row in fitting)


def _fitting(wanted: Wanted, facts: Facts, config: Config) -> list[Bundled]:
    """Return the images that bundles brought for this; the engine holds them, whatever they are called there."""
    triple, platform = wanted.target.triple, wanted.platform
    fits = (triple, platform, tuple(config.target(triple).packages))
    return [
        row for row in facts.provided.images if (row.target, row.platform, row.packages) == fits and row.flavour in {"", wanted.flavour}
    ]


def _known(row: Bundled, wanted: Wanted) -> dict[str, Any]:
    return facts_of(wanted) if row.flavour in wanted.target.images else {}


def _made(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    made = built(wanted, facts, config)
    if not made:
        return cast("Refused", recipe(wanted, facts, config))
    ((tag, more),) = made
    return _held(tag, wanted, facts, why="built here by an earlier call", **more)


def _build(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    wished = recipe(wanted, facts, config)
    if isinstance(wished, Refused):
        return wished
    made = _made(wanted, facts, config)
    if not isinstance(made, Refused):
        return made
    if config.offline:
        return Refused(name="build", why=f"{made.why}, and offline = true")
    if unknown := image_names.there(wanted, facts, config):
        return unknown
    step = Step(
        why=made.why,
        call="image.build",
        arguments={
            "target": wanted.target.triple,
            "platform": wanted.platform,
            "suite": suite(facts, config),
            "packages": list(config.target(wanted.target.triple).packages),
        },
    )
    return Image(
        ref=wished.tag,
        platform=wanted.platform,
        source="build",
        why=f"put together from {suite(facts, config)}'s packages",
        steps=(step,),
        **known(wished, wanted, facts, config),
    )


Source = Callable[[Wanted, "Facts", "Config"], Image | Refused | Open]
SOURCES: Final[Mapping[str, Source]] = {
    "configured": _configured,
    "local": _local,
    "mirror": _mirror,
    "upstream": _upstream,
    "bundle": _bundle,
    "build": _build,
}

__all__ = ["BASE_GLIBC", "Wanted", "choose", "mirrored", "sources"]
