"""Pure: where the image to build in comes from.

The sources, in the order of ``images`` in crosstasks.toml; an image that the user or Cross.toml names is the only one::

    local      an image that the engine already holds
    mirror     the configured registry
    upstream   where cross's own images are published
    bundle     an archive made by ``invoke bundle``
    build      put together here from Debian's packages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from .. import recipes
from ..facts.engine import LocalImage
from ..facts.registry import RegistryImage
from ..facts.repository import Repository
from ..steps import Absent, Question, Refused, Step
from ..targets import Target, default_image
from . import Image, Open, first

if TYPE_CHECKING:
    from ..config import Config
    from ..facts import Facts

BASE_GLIBC: Final[Mapping[str, str]] = {
    # The base of cross's images and the glibc in it, from each distribution's release.
    "centos:7": "2.17",
    "ubuntu:16.04": "2.23",
    "ubuntu:18.04": "2.27",
    "ubuntu:20.04": "2.31",
    "ubuntu:22.04": "2.35",
    "ubuntu:24.04": "2.39",
}


class Wanted(Struct, frozen=True, kw_only=True):
    """Which image a route asks for: that of a target for one flavour of cross, on one platform."""

    target: Target
    flavour: str
    platform: str


def choose(source: str, wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    """Ask one source for the image."""
    if source in {"mirror", "upstream"} and config.target(wanted.target.triple).packages:
        return Refused(name=source, why="`packages` asks for Debian packages, which only an image built here can hold")
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


def _named(ref: str, origin: str, wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    ways = (
        ("the engine", lambda: _held(ref, wanted, facts, source="configured", why=f"named by {origin}")),
        ("its registry", lambda: _served(ref, wanted, facts, config, source="configured", why=f"named by {origin}")),
    )
    return first(ways)


def _held(
    ref: str, wanted: Wanted, facts: Facts, *, source: str = "local", why: str = "", glibc: str = "", libc: str = "", runs: bool = True
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
        digest=image.digests[0] if image.digests else image.id,
        why=why or "the engine has it",
        glibc=glibc or image.labels.get("crosstasks.glibc", ""),
        libc=libc or image.labels.get("crosstasks.libc", ""),
        runs=runs,
    )


def _served(
    ref: str, wanted: Wanted, facts: Facts, config: Config, *, source: str, why: str, glibc: str = "", libc: str = "", runs: bool = True
) -> Image | Refused | Open:
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
        glibc=glibc,
        libc=libc,
        runs=runs,
        steps=(step,),
    )


def _upstream(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    ref = default_image(wanted.target, wanted.flavour)
    if ref is None:
        return Refused(name="upstream", why=f"cross {wanted.flavour} has no image for {wanted.target.triple}")
    return _served(ref, wanted, facts, config, source="upstream", why="cross's own image", **_facts_of(wanted))


def _facts_of(wanted: Wanted) -> dict[str, Any]:
    row = wanted.target.images[wanted.flavour]
    libc = row.libc if wanted.target.libc == "gnu" else ""
    return {"glibc": BASE_GLIBC.get(row.base, ""), "libc": libc, "runs": bool(row.runners)}


def mirrored(ref: str, mirror: str) -> str:
    """Return where *mirror* (``host:port/prefix``) keeps an image of another registry: the path below its host."""
    return f"{mirror.rstrip('/')}/{ref.partition('/')[2]}"


def _mirror(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    if not config.mirror:
        return Refused(name="mirror", why="no mirror is configured")
    ref = default_image(wanted.target, wanted.flavour)
    if ref is None:
        return Refused(name="mirror", why=f"cross {wanted.flavour} has no image for {wanted.target.triple}")
    return _served(
        mirrored(ref, config.mirror), wanted, facts, config, source="mirror", why="the configured mirror has it", **_facts_of(wanted)
    )


def _local(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    ref = default_image(wanted.target, wanted.flavour)
    own = config.target(wanted.target.triple).packages
    refs = () if own or not ref else (*((mirrored(ref, config.mirror),) if config.mirror else ()), ref)
    ways = [(name, _holder(name, wanted, facts)) for name in refs]
    return first((*ways, ("built here", lambda: _made(wanted, facts, config))))


def _holder(ref: str, wanted: Wanted, facts: Facts) -> Callable[[], Image | Refused | Open]:
    return lambda: _held(ref, wanted, facts, **_facts_of(wanted))


def _bundle(wanted: Wanted, _facts: Facts, _config: Config) -> Image | Refused | Open:
    return Refused(name="bundle", why=f"no bundle holds an image for {wanted.target.triple}; what one held is the engine's by now")


def _recipe(wanted: Wanted, facts: Facts, config: Config) -> recipes.Recipe | Refused:
    if not facts.host.apt:
        why = "apt is not here, and an image is put together from its packages"
        return Refused(name="build", why=why, hint="name an image, or use a mirror")
    suite = _suite(facts, config)
    if config.base and not recipes.served(config.base, facts.host.suite):
        why = f"`base` is {config.base}, whose packages are not where apt's sources ({facts.host.suite or 'unknown'}) come from"
        return Refused(name="build", why=why)
    if config.target(wanted.target.triple).pre_build:
        return Refused(name="build", why="`pre-build` is run in cross's own images, and one built here has no apt: name `packages`")
    return recipes.recipe(wanted.target, wanted.platform, suite, packages=config.target(wanted.target.triple).packages)


def _suite(facts: Facts, config: Config) -> str:
    return config.base or facts.host.suite


def _made(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    recipe = _recipe(wanted, facts, config)
    if isinstance(recipe, Refused):
        return recipe
    held = _held(recipe.tag, wanted, facts, why="built here by an earlier call", glibc=recipe.glibc, libc=recipe.libc)
    return replace(held, runs=recipe.runs) if isinstance(held, Image) else held


def _build(wanted: Wanted, facts: Facts, config: Config) -> Image | Refused | Open:
    recipe = _recipe(wanted, facts, config)
    if isinstance(recipe, Refused):
        return recipe
    made = _made(wanted, facts, config)
    if not isinstance(made, Refused):
        return made
    if config.offline:
        return Refused(name="build", why=f"{made.why}, and offline = true")
    step = Step(
        why=made.why,
        call="image.build",
        arguments={
            "target": wanted.target.triple,
            "platform": wanted.platform,
            "suite": _suite(facts, config),
            "packages": list(config.target(wanted.target.triple).packages),
        },
    )
    return Image(
        ref=recipe.tag,
        platform=wanted.platform,
        source="build",
        why=f"put together from {_suite(facts, config)}'s packages",
        glibc=recipe.glibc,
        libc=recipe.libc,
        runs=recipe.runs,
        steps=(step,),
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

__all__ = ["Absent", "Wanted", "choose", "mirrored", "sources"]
