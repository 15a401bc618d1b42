"""Pure: where the image to build in comes from, what images are called, and whether `packages` names what there is.

The sources, in the order of ``images`` in crosstasks.toml; an image that the user or Cross.toml names is the only one::

    local      an image that the engine already holds
    mirror     the configured registry
    upstream   where cross's own images are published
    bundle     an archive made by ``invoke offline.bundle``, once ``tools.provision --from`` has loaded it
    build      put together here from Debian's packages
    base       an image with a native compiler, pinned by digest, for where there is a registry and Debian's archive is out of reach;
               it builds for the engine's own platform
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from msgspec import Struct

from ..catalog import recipes
from ..catalog.ingredients import BuildImage, Image, PullImage, Questions, first
from ..catalog.machines import MACHINES
from ..catalog.pins import pins
from ..catalog.recipes import SUITE, SUITES
from ..catalog.targets import default_image
from ..core import references
from ..core.errors import ConfigError
from ..core.steps import Question, Refused
from ..facts import lock
from ..facts.debian import MissingPackages, question
from ..facts.engine import LocalImage
from ..facts.registry import RegistryImage
from ..project.repository import Repository

if TYPE_CHECKING:
    from ..catalog.targets import Target
    from ..facts import Facts
    from ..facts.inventory import BundleImage
    from .request import Request


BASE_GLIBC: Final[Mapping[str, str]] = {
    # The base of cross's images and the glibc in it, from each distribution's release.
    "centos:7": "2.17",
    "ubuntu:16.04": "2.23",
    "ubuntu:18.04": "2.27",
    "ubuntu:20.04": "2.31",
    "ubuntu:22.04": "2.35",
    "ubuntu:24.04": "2.39",
}


class Variant(Struct, frozen=True, kw_only=True):
    """Which image of a target a route asks for: that for one flavour of cross, on one platform."""

    flavour: str
    platform: str


def facts_of(request: Request, flavour: str) -> dict[str, Any]:
    """Return what is known of the image that a flavour of cross has, by the catalogue."""
    row = request.target.images[flavour]
    floor = row.glibc_floor if request.target.libc == "gnu" else ""
    return {"glibc": BASE_GLIBC.get(row.base, ""), "glibc_floor": floor, "runs": bool(row.runners)}


def pinned(ref: str, request: Request) -> str:
    """Return the reference by its locked digest, which is the same in every registry that has a copy; as it is without one."""
    row = request.locked
    return f"{references.parse(ref).name}@{row.digest}" if row and row.digest else ref


def mirrors(variant: Variant, request: Request, facts: Facts) -> list[tuple[str, dict[str, Any]]]:
    """Return where the mirror may have an image, with what is known of it: a copy of cross's own, else one built by us."""
    packages, row, mirror = request.options.packages, request.locked, request.shared.mirror
    upstream = default_image(request.target, variant.flavour)
    places: list[tuple[str, dict[str, Any]]] = []
    if upstream and not request.built_here and not (row and row.recipe):
        places.append((pinned(references.with_prefix(upstream, mirror), request), facts_of(request, variant.flavour)))
    shared: list[tuple[str, dict[str, Any]]] = [] if row and row.recipe else [(recipes.shared_name(request.target.triple, packages), {})]
    listed = [*([] if row and row.digest else local_tag(variant, request, facts)), *shared]
    return places + [(pinned(f"{mirror.rstrip('/')}/{tag}", request), more) for tag, more in listed]


def local_tag(variant: Variant, request: Request, facts: Facts) -> list[tuple[str, dict[str, Any]]]:
    """Return the tag of the image that is, or would be, built by us: the locked one, else what this machine would make."""
    recipe, row = request.recipes[variant.platform], request.locked
    images = [] if isinstance(recipe, Refused) else [(recipe.tag, traits(recipe, request, facts))]
    if row and row.recipe and row.image not in dict(images):
        return [(row.image, {})]
    return images


def traits(recipe: recipes.Recipe, request: Request, facts: Facts) -> dict[str, Any]:
    """Return what is known of an image by what it is made of. What is put into it for one target, all of its compilers may see."""
    repository = facts.repository
    tables = repository.cross_tables(request.target.triple) if isinstance(repository, Repository) else ()
    changed = request.options.packages or any("pre-build" in table for table in tables)
    return {"glibc": recipe.glibc, "glibc_floor": recipe.glibc_floor, "runs": recipe.runs, "base": "" if changed else recipe.suite}


def unasked_packages(variant: Variant, request: Request, facts: Facts) -> Questions:
    """
    Return what has to be asked of Debian's archive for `packages`; nothing if all is known, and there.

    Where it could not be asked, building the image says so.

    Raises:
        ConfigError: no package is called so; nothing that is tried next would have it either.
    """
    names: dict[str, list[str]] = {}
    for name in request.options.packages:
        native = name.endswith(recipes.NATIVE)
        architecture = MACHINES[variant.platform].debian if native else request.target.debian
        names.setdefault(architecture, []).append(name.removesuffix(recipes.NATIVE))
    questions = [question(request.shared.base, architecture, listed) for architecture, listed in names.items()]
    if unknown := tuple(one for one in questions if one not in facts.answers):
        return unknown
    problems = [problem for one in questions for problem in _problems(facts.answers[one])]
    if problems:
        what = f"`packages` of {request.target.triple} ({request.origin('packages')}) names packages that do not exist"
        hint = f"packages.debian.org finds names; `{recipes.NATIVE}` behind one means a program of the image"
        raise ConfigError(what, problems=problems, hint=hint)
    return ()


def _problems(answer: object) -> list[str]:
    if not isinstance(answer, MissingPackages):
        return []
    no = f"{answer.suite} has no package"
    return [f"{no} {name!r} for {answer.architecture}{f', perhaps {likely!r}' if likely else ''}" for name, likely in answer.names.items()]


Choice: TypeAlias = Image | Refused | Questions


def choose(source: str, variant: Variant, request: Request, facts: Facts) -> Choice:
    """Ask one source for the image."""
    if source in {"upstream", "base"} and request.built_here:
        key = next(name for name in request.named if name in {"packages", "base"})
        return Refused(name=source, why=f"`{key}` asks for Debian packages, which only an image built here can hold")
    row = request.locked
    if row and ((source in {"upstream", "base"} and row.recipe) or (source == "build" and row.digest)):
        return Refused(name=source, why=f"{lock.FILE} holds {row.image}", hint=lock.HINT)
    return SOURCES[source](variant, request, facts)


def sources(request: Request, facts: Facts) -> tuple[str, ...]:
    """Return the sources to ask, in order: only the user's own if an image is named, else the configured ones."""
    if request.options.image or cross_toml(request.target, facts):
        return ("configured",)
    return tuple(request.shared.images)


def cross_toml(target: Target, facts: Facts) -> Mapping[str, Any]:
    """Return what Cross.toml says of the target's image: ``image`` or ``dockerfile``; empty if nothing."""
    repository = facts.repository
    table = repository.cross.get("target", {}).get(target.triple, {}) if isinstance(repository, Repository) else {}
    return {key: table[key] for key in ("image", "dockerfile") if key in table}


def _configured(variant: Variant, request: Request, facts: Facts) -> Choice:
    options = request.options
    if options.image:
        origin = f"`image`, {request.origin('image')}"
        return _named(options.image, origin, variant, request, facts)
    table = cross_toml(request.target, facts)
    origin = facts.repository.cross_origin if isinstance(facts.repository, Repository) else ""
    if "dockerfile" in table:
        return Image(ref="", platform=variant.platform, source="configured", why=f"{origin} has a dockerfile: cross builds it")
    name = table["image"] if isinstance(table["image"], str) else table["image"].get("name", "")
    if not name or name[0] in ":@-":
        return Image(ref="", platform=variant.platform, source="configured", why=f"{origin} names {name or 'a toolchain'}: left to cross")
    return _named(name, origin, variant, request, facts)


def _named(name: str, origin: str, variant: Variant, request: Request, facts: Facts) -> Choice:
    ref = pinned(name, request)
    bundled = [row.ref for row in _fitting(variant, request, facts) if row.digest and ref.endswith(f"@{row.digest}")]
    refs = dict.fromkeys((ref, *bundled, *([name] if ref != name else [])))
    ways = (
        *(
            ("the engine", _engine_way(candidate, variant, request, facts, source="configured", why=f"named by {origin}"))
            for candidate in refs
        ),
        *([("the mirror", lambda: _copied(name, origin, variant, request, facts))] if request.shared.mirror else []),
        ("its registry", lambda: _served(ref, variant, request, facts, source="configured", why=f"named by {origin}")),
    )
    return first(ways)


def _copied(name: str, origin: str, variant: Variant, request: Request, facts: Facts) -> Choice:
    ref, why = pinned(references.with_prefix(name, request.shared.mirror), request), f"named by {origin}; the mirror has a copy"
    return first(
        (
            ("the engine", lambda: _in_engine(ref, variant, request, facts, source="configured", why=why)),
            ("its registry", lambda: _served(ref, variant, request, facts, source="configured", why=why)),
        )
    )


def ask_registry(name: str, variant: Variant, request: Request, facts: Facts) -> Choice:
    """Ask the registry of an image that the user names."""
    return _served(pinned(name, request), variant, request, facts, source="configured", why="named by the configuration")


def _in_engine(
    ref: str,
    variant: Variant,
    request: Request,
    facts: Facts,
    *,
    source: str = "local",
    why: str = "",
    glibc: str = "",
    glibc_floor: str = "",
    **more: Any,
) -> Choice:
    question = Question("image", ref)
    if question not in facts.answers:
        return (question,)
    image = facts.answers[question]
    if not isinstance(image, LocalImage):
        return Refused(name=source, why=f"the engine has no {ref}")
    if image.platform.split("/")[:2] != variant.platform.split("/")[:2]:
        return Refused(name=source, why=f"the engine's {ref} is for {image.platform}, not {variant.platform}")
    return Image(
        ref=ref,
        platform=variant.platform,
        source=source,
        digest=_digest(image, request, facts),
        why=why or "the engine has it",
        glibc=glibc or image.labels.get("crosstasks.glibc", ""),
        glibc_floor=glibc_floor or image.labels.get("crosstasks.libc", ""),
        compilers=image.labels.get("crosstasks.compilers", ""),
        **more,
    )


def _digest(image: LocalImage, request: Request, facts: Facts) -> str:
    """Return the digest of an image that the engine holds, the locked one if it has that too; its id if it is of no registry."""
    bundled = [f"{references.parse(row.ref).name}@{row.digest}" for row in facts.inventory.images if row.id == image.id and row.digest]
    digests = (*image.digests, *bundled)
    row = request.locked
    same = [digest for digest in digests if row and digest.endswith(f"@{row.digest}")]
    return next(iter((*same, *digests, image.id)))


def _served(ref: str, variant: Variant, request: Request, facts: Facts, *, source: str, why: str, **more: Any) -> Choice:
    if request.shared.offline:
        return Refused(name=source, why="offline = true")
    question = Question("registry", ref)
    if question not in facts.answers:
        return (question,)
    answer = facts.answers[question]
    if not isinstance(answer, RegistryImage):
        return Refused(name=source, why=answer.why)
    if variant.platform not in answer.platforms:
        return Refused(name=source, why=f"{ref} is only for {', '.join(answer.platforms)}, not {variant.platform}")
    # without `local` nobody has asked the engine yet
    if source != "configured" and "local" not in request.shared.images:
        local = _in_engine(ref, variant, request, facts, source=source, why=why, **more)
        if not isinstance(local, Refused) and (not isinstance(local, Image) or local.digest.endswith(f"@{answer.digest}")):
            return local
    step = PullImage(why=f"the engine does not hold {ref}", ref=ref, platform=variant.platform, digest=answer.digest)
    return Image(
        ref=ref,
        platform=variant.platform,
        source=source,
        digest=answer.digest,
        why=why,
        steps=(step,),
        **more,
    )


def _upstream(variant: Variant, request: Request, facts: Facts) -> Choice:
    ref = default_image(request.target, variant.flavour)
    if ref is None:
        return Refused(name="upstream", why=f"cross {variant.flavour} has no image for {request.target.triple}")
    return _served(
        pinned(ref, request), variant, request, facts, source="upstream", why="cross's own image", **facts_of(request, variant.flavour)
    )


def _mirror(variant: Variant, request: Request, facts: Facts) -> Choice:
    if not request.shared.mirror:
        return Refused(name="mirror", why="no mirror is configured")
    ways = [(ref, _server(ref, more, variant, request, facts)) for ref, more in mirrors(variant, request, facts)]
    return first(ways, facts.failures)


def _server(ref: str, more: Mapping[str, Any], variant: Variant, request: Request, facts: Facts) -> Callable[[], Choice]:
    return lambda: _served(ref, variant, request, facts, source="mirror", why="the configured mirror has it", **more)


def _local(variant: Variant, request: Request, facts: Facts) -> Choice:
    upstream = default_image(request.target, variant.flavour)
    mirror = request.shared.mirror
    names = [] if request.built_here or not upstream else [*([references.with_prefix(upstream, mirror)] if mirror else []), upstream]
    # cross's own is not taken for being there, where one would be built instead
    if upstream in names and "build" in request.shared.images and "upstream" not in _before_build(request):
        names.remove(upstream)
    refs = [ref for name in names for ref in dict.fromkeys((pinned(name, request), name))]
    ways = [(ref, _engine_way(ref, variant, request, facts, **facts_of(request, variant.flavour))) for ref in refs]
    copies = mirrors(variant, request, facts) if mirror else []
    ways += [(ref, _engine_way(ref, variant, request, facts, **more)) for ref, more in copies if ref not in refs]
    ways += [
        (row.ref, _engine_way(row.ref, variant, request, facts, **_bundle_traits(row, variant, request)))
        for row in _fitting(variant, request, facts)
    ]
    choice = first((*ways, ("built here", lambda: _built_before(variant, request, facts))))
    if isinstance(choice, Image) and choice.ref in dict(_serving(variant, request, facts)):
        return _not_instead(choice, variant, request, facts)
    if not isinstance(choice, tuple):
        return choice
    # all at once: the engine is asked side by side
    refs_to_ask = dict.fromkeys((*(ref for ref, _ in ways), *(tag for tag, _ in _serving(variant, request, facts))))
    return tuple(question for ref in refs_to_ask if (question := Question("image", ref)) not in facts.answers)


def _before_build(request: Request) -> Sequence[str]:
    """Return the sources that come before what is built here; all of them, if nothing is."""
    listed = request.shared.images
    return listed[: listed.index("build")] if "build" in listed else listed


def _not_instead(built_here: Image, variant: Variant, request: Request, facts: Facts) -> Choice:
    """Take an image built by an earlier call only where it would be built now: that it is there is no reason to take it."""
    others = {source: choose(source, variant, request, facts) for source in _before_build(request) if source != "local"}
    if questions := tuple(question for choice in others.values() if isinstance(choice, tuple) for question in choice):
        return questions
    if other := next((source for source, choice in others.items() if isinstance(choice, Image)), ""):
        return Refused(name="local", why=f"the engine has {built_here.ref}, and `images` has {other} before what is built here")
    return built_here


def _engine_way(ref: str, variant: Variant, request: Request, facts: Facts, **more: Any) -> Callable[[], Choice]:
    def way() -> Choice:
        choice = _in_engine(ref, variant, request, facts, **more)
        locked = request.locked
        if isinstance(choice, Image) and locked and locked.digest and not choice.digest.endswith(locked.digest):
            return Refused(name="local", why=f"the engine's {ref} is {choice.digest}, and {lock.FILE} holds {locked.digest}")
        return choice

    return way


def _bundle(variant: Variant, request: Request, facts: Facts) -> Choice:
    fitting = _fitting(variant, request, facts)
    if not fitting:
        return Refused(name="bundle", why=f"no bundle brought an image for {request.target.triple} on {variant.platform}")
    more = {"source": "bundle", "why": "a bundle brought it"}
    return first(
        (row.ref, _engine_way(row.ref, variant, request, facts, **more, **_bundle_traits(row, variant, request))) for row in fitting
    )


def _fitting(variant: Variant, request: Request, facts: Facts) -> list[BundleImage]:
    """Return the images that bundles brought for this; the engine holds them, whatever they are called there."""
    triple, platform = request.target.triple, variant.platform
    fits = (triple, platform, request.options.packages)
    return [
        row for row in facts.inventory.images if (row.target, row.platform, row.packages) == fits and row.flavour in {"", variant.flavour}
    ]


def _bundle_traits(row: BundleImage, variant: Variant, request: Request) -> dict[str, Any]:
    return facts_of(request, variant.flavour) if row.flavour in request.target.images else {}


def _serving(variant: Variant, request: Request, facts: Facts) -> list[tuple[str, dict[str, Any]]]:
    """Return the tags of what may have been built here for the request, with what is known of each; one with the emulator serves all."""
    images, whole = local_tag(variant, request, facts), request.recipes[variant.platform]
    if request.lean and not isinstance(whole, Refused):
        recipe = recipes.lean(whole)
        images += [(recipe.tag, traits(recipe, request, facts))] if recipe != whole else []
    return images


def _built_before(variant: Variant, request: Request, facts: Facts) -> Choice:
    images = _serving(variant, request, facts)
    if not images:
        return cast("Refused", request.recipes[variant.platform])
    why = "built here by an earlier call"
    choices = [_in_engine(tag, variant, request, facts, why=why, **more) for tag, more in images]
    return next((choice for choice in choices if not isinstance(choice, Refused)), choices[-1])


def _build(variant: Variant, request: Request, facts: Facts) -> Choice:
    whole = request.recipes[variant.platform]
    if isinstance(whole, Refused):
        return whole
    recipe = recipes.lean(whole) if request.lean else whole
    before = _built_before(variant, request, facts)
    if not isinstance(before, Refused):
        return before
    if request.shared.offline:
        return Refused(name="build", why=f"{before.why}, and offline = true")
    if unknown := unasked_packages(variant, request, facts):
        return unknown
    return Image(
        ref=recipe.tag,
        platform=variant.platform,
        source="build",
        why=f"put together from {recipe.suite}'s packages",
        steps=(BuildImage(why=before.why, recipe=recipe),),
        **traits(recipe, request, facts),
    )


PINNED_GLIBC: Final = SUITES[SUITE]
"""Of the pinned base, which is of the suite that images built here are of: what it makes runs where what they make does."""


def _base(variant: Variant, request: Request, facts: Facts) -> Choice:
    """Take the pinned base as it is: its own compiler serves its own platform, and it has none for another."""
    target, machine, pin = request.target, MACHINES[variant.platform], pins().images["base"]
    if target.triple != machine.triple:
        return Refused(name="base", why=f"{pin.ref}:{pin.tag} compiles for {machine.triple} on {variant.platform}, and for nothing else")
    ref = f"{pin.ref}@{pin.digest}"
    more: dict[str, Any] = {"source": "base", "why": f"{pin.ref}:{pin.tag}, by digest", "glibc": PINNED_GLIBC, "glibc_floor": PINNED_GLIBC}
    copy = references.with_prefix(ref, request.shared.mirror) if request.shared.mirror else ""
    ways: tuple[tuple[str, Callable[[], Choice]], ...] = (
        ("the engine", lambda: _in_engine(ref, variant, request, facts, **more)),
        *((("the mirror", lambda: _served(copy, variant, request, facts, **more)),) if copy else ()),
        ("its registry", lambda: _served(ref, variant, request, facts, **more)),
    )
    return first(ways, facts.failures)


Source: TypeAlias = Callable[[Variant, "Request", "Facts"], Choice]
SOURCES: Final[Mapping[str, Source]] = {
    "configured": _configured,
    "local": _local,
    "mirror": _mirror,
    "upstream": _upstream,
    "bundle": _bundle,
    "build": _build,
    "base": _base,
}
