"""Pure: where the image to build in comes from, what images are called, and whether `packages` names what there is.

The sources, in the order of ``images`` in crosstasks.toml; an image that the user or Cross.toml names is the only one::

    local      what the engine already holds of cross's own images, of the mirror's and of bundles
    mirror     the configured registry
    upstream   where cross's own images are published
    bundle     an archive made by ``invoke offline.bundle``, once ``tools.provision --from`` has loaded it
    build      put together here from Debian's packages, now or by an earlier call
    base       an image with a native compiler, pinned by digest, for where there is a registry and Debian's archive is out of reach;
               it builds for the engine's own platform
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from ..catalog import recipes
from ..catalog.ingredients import BuildImage, Image, PullImage, Questions, Recipe, first
from ..catalog.machines import MACHINES
from ..catalog.pins import pins
from ..catalog.recipes import SUITE, SUITES
from ..catalog.targets import Target, default_image
from ..core import references
from ..core.errors import ConfigError
from ..core.steps import Absent, Question
from ..facts import Facts, lock
from ..facts.debian import MissingPackages, question
from ..facts.engine import LocalImage
from ..facts.inventory import BundleImage
from ..facts.registry import RegistryImage
from .request import Request

BASE_GLIBC: Final[Mapping[str, str]] = {
    # The base of cross's images and the glibc in it, from each distribution's release.
    "ubuntu:16.04": "2.23",
    "ubuntu:18.04": "2.27",
    "ubuntu:20.04": "2.31",
    "ubuntu:22.04": "2.35",
    "ubuntu:24.04": "2.39",
}


Choice: TypeAlias = Image | Absent | Questions

Traits: TypeAlias = dict[str, Any]
"""What is known of an image without looking into it: fields of ``Image``."""


def sources(request: Request, facts: Facts) -> tuple[str, ...]:
    """Return the sources to ask, in order: only the user's own if an image is named, else the configured ones."""
    if request.options.image or cross_toml(request.target, facts):
        return ("configured",)
    return tuple(request.config.images)


def cross_toml(target: Target, facts: Facts) -> Mapping[str, Any]:
    """Return what Cross.toml says of the target's image: ``image`` or ``dockerfile``; empty if nothing."""
    table, _ = facts.settings.cross_tables(target.triple)
    return {key: table[key] for key in ("image", "dockerfile") if key in table}


def _problems(answer: object) -> list[str]:
    if not isinstance(answer, MissingPackages):
        return []
    no = f"{answer.suite} has no package"
    return [f"{no} {name!r} for {answer.architecture}{f', perhaps {likely!r}' if likely else ''}" for name, likely in answer.names.items()]


@dataclass(frozen=True, kw_only=True)
class Search:
    """The image of a target for one flavour of cross, on one platform.

    Each source is a method that returns the image, why there is none, or the questions that it has to ask first.
    """

    flavour: str
    platform: str
    request: Request
    facts: Facts

    def choose(self, source: str) -> Choice:
        """Ask one source for the image."""
        if source in {"upstream", "base"} and self.request.needs_debian:
            key = next(name for name in self.request.container_options if name in {"packages", "base"})
            return Absent(f"`{key}` asks for Debian packages, which only an image built here can hold")
        row = self.request.lock_row
        if row and ((source in {"upstream", "base"} and row.recipe) or (source == "build" and row.digest)):
            return Absent(f"{lock.FILE} holds {row.image}", lock.HINT)
        _, ask = SOURCES[source]
        return ask(self)

    @property
    def recipe(self) -> Recipe | Absent:
        """Return what an image built here is made of."""
        return self.request.recipes[self.platform]

    @property
    def upstream(self) -> str:
        """Return the name of cross's own image; empty if the flavour has none."""
        return default_image(self.request.target, self.flavour)

    def in_mirror(self, name: str) -> str:
        """Return the name of the mirror's copy; empty without a mirror."""
        mirror = self.request.config.mirror
        return references.with_prefix(name, mirror) if mirror else ""

    def by_digest(self, name: str) -> str:
        """Return the reference by its locked digest, which is the same in every registry that has a copy; as it is without one."""
        row = self.request.lock_row
        return f"{references.parse(name).name}@{row.digest}" if row and row.digest else name

    def upstream_traits(self) -> Traits:
        """Return what is known of cross's own image, by the catalogue."""
        row = self.request.target.images.get(self.flavour)
        if row is None:
            return {}
        floor = row.glibc_floor if self.request.target.libc == "gnu" else ""
        return {"glibc": BASE_GLIBC.get(row.base, ""), "glibc_floor": floor, "runs": bool(row.runners)}

    def recipe_traits(self, recipe: Recipe) -> Traits:
        """Return what is known of an image by what it is made of. What is put into it for one target, all of its compilers may see."""
        tables = self.facts.settings.cross_tables(self.request.target.triple)
        changed = self.request.options.packages or any("pre-build" in table for table in tables)
        return {"glibc": recipe.glibc, "glibc_floor": recipe.glibc_floor, "runs": recipe.runs, "base": "" if changed else recipe.suite}

    def recipe_tag(self) -> dict[str, Traits]:
        """Return the tag of the image that is, or would be, built by us: the locked one, else what this machine would make."""
        row, recipe = self.request.lock_row, self.recipe
        tags = {} if isinstance(recipe, Absent) else {recipe.tag: self.recipe_traits(recipe)}
        return {row.image: {}} if row and row.recipe and row.image not in tags else tags

    def serving_tags(self) -> dict[str, Traits]:
        """Return the tags of what may have been built here for the request, the smallest first; one with the emulator serves all."""
        if not self.request.lean or isinstance(self.recipe, Absent):
            return self.recipe_tag()
        recipe = recipes.lean(self.recipe)
        return {recipe.tag: self.recipe_traits(recipe), **self.recipe_tag()}

    def mirror_refs(self) -> dict[str, Traits]:
        """Return where the mirror may have an image: a copy of cross's own, else one built by us."""
        request, row, mirror = self.request, self.request.lock_row, self.request.config.mirror
        if not mirror:
            return {}
        tags = {} if row and row.digest else self.recipe_tag()
        if not (row and row.recipe):
            tags |= {recipes.shared_name(request.target.triple, request.options.packages): {}}
        refs = {f"{mirror.rstrip('/')}/{tag}": traits for tag, traits in tags.items()}
        if self.upstream and not request.needs_debian and not (row and row.recipe):
            refs = {self.in_mirror(self.upstream): self.upstream_traits(), **refs}
        return {self.by_digest(ref): traits for ref, traits in refs.items()}

    def bundle_refs(self) -> dict[str, Traits]:
        """Return the images that bundles brought for this; the engine holds them, whatever they are called there."""
        return {row.ref: self.upstream_traits() if row.flavour else {} for row in self.bundle_rows()}

    def bundle_rows(self) -> list[BundleImage]:
        """Return what bundles noted of these images."""
        fits = (self.request.target.triple, self.platform, self.request.options.packages)
        rows = self.facts.inventory.images
        return [row for row in rows if (row.target, row.platform, row.packages) == fits and row.flavour in {"", self.flavour}]

    def engine(self, ref: str, *, source: str = "local", why: str = "the engine has it", **traits: Any) -> Choice:
        """Ask the engine, and refuse an image of another digest than the locked one."""
        if unknown := self.facts.open(Question("image", ref)):
            return unknown
        image = self.facts.get(Question("image", ref))
        if not isinstance(image, LocalImage):
            return Absent(f"the engine has no {ref}")
        if image.platform.split("/")[:2] != self.platform.split("/")[:2]:
            return Absent(f"the engine's {ref} is for {image.platform}, not {self.platform}")
        label = {"glibc": "crosstasks.glibc", "glibc_floor": "crosstasks.libc", "compilers": "crosstasks.compilers"}
        traits |= {trait: traits.get(trait) or image.labels.get(key, "") for trait, key in label.items()}
        digest, row = self.digest_of(image), self.request.lock_row
        if row and row.digest and not digest.endswith(row.digest):
            return Absent(f"the engine's {ref} is {digest}, and {lock.FILE} holds {row.digest}", lock.HINT)
        return Image(ref=ref, platform=self.platform, source=source, digest=digest, why=why, **traits)

    def digest_of(self, image: LocalImage) -> str:
        """Return the digest of an image that the engine holds, the locked one if it has that too; its id if it is of no registry."""
        rows = self.facts.inventory.images
        digests = [*image.digests, *(f"{references.parse(row.ref).name}@{row.digest}" for row in rows if row.id == image.id and row.digest)]
        row = self.request.lock_row
        return next((digest for digest in digests if row and digest.endswith(f"@{row.digest}")), (*digests, image.id)[0])

    def registry(self, ref: str, *, source: str, why: str, **traits: Any) -> Choice:
        """Ask a registry."""
        if self.request.config.offline:
            return Absent("offline = true")
        if unknown := self.facts.open(Question("registry", ref)):
            return unknown
        answer, platform = self.facts.get(Question("registry", ref)), self.platform
        if not isinstance(answer, RegistryImage):
            return Absent(answer.why)
        if platform not in answer.platforms:
            return Absent(f"{ref} is only for {', '.join(answer.platforms)}, not {platform}")
        # without `local` nobody has asked the engine yet
        if source != "configured" and "local" not in self.request.config.images:
            local = self.engine(ref, source=source, why=why, **traits)
            if not isinstance(local, Absent) and (not isinstance(local, Image) or local.digest.endswith(f"@{answer.digest}")):
                return local
        step = PullImage(why=f"the engine does not hold {ref}", ref=ref, platform=platform, digest=answer.digest)
        return Image(ref=ref, platform=platform, source=source, digest=answer.digest, why=why, steps=(step,), **traits)

    def from_configuration(self) -> Choice:
        """Take the image that the user names, else what Cross.toml says."""
        if image := self.request.options.image:
            return self.by_name(image, f"named by `image`, {self.request.origin('image')}")
        table, origin = cross_toml(self.request.target, self.facts), self.facts.settings.cross_origin
        why = f"{origin} has a dockerfile: cross builds it"
        if "dockerfile" not in table:
            name = table["image"] if isinstance(table["image"], str) else table["image"].get("name", "")
            if name and name[0] not in ":@-":
                return self.by_name(name, f"named by {origin}")
            why = f"{origin} names {name or 'a toolchain'}: left to cross"
        return Image(ref="", platform=self.platform, source="configured", why=why)

    def by_name(self, name: str, why: str) -> Choice:
        """Take the image of a name: the engine's, a bundle's, the mirror's copy, or that of its registry."""
        ref, more = self.by_digest(name), {"source": "configured", "why": why}
        bundles = [row.ref for row in self.bundle_rows() if row.digest and ref.endswith(f"@{row.digest}")]
        refs = dict.fromkeys((ref, *bundles, name))
        return first(
            (
                *(("the engine", partial(self.engine, candidate, **more)) for candidate in refs),
                *([("the mirror", partial(self.copy_of, name, why))] if self.request.config.mirror else []),
                ("its registry", partial(self.registry, ref, **more)),
            )
        )

    def from_registry(self) -> Choice:
        """Take the image that the user names from its registry, whatever the engine holds."""
        return self.registry(self.by_digest(self.request.options.image), source="configured", why="named by the configuration")

    def copy_of(self, name: str, why: str) -> Choice:
        """Take the mirror's copy of an image that the user names."""
        ref, more = self.by_digest(self.in_mirror(name)), {"source": "configured", "why": f"{why}; the mirror has a copy"}
        return first((("the engine", partial(self.engine, ref, **more)), ("its registry", partial(self.registry, ref, **more))))

    def from_upstream(self) -> Choice:
        """Pull cross's own image."""
        if not self.upstream:
            return Absent(f"cross {self.flavour} has no image for {self.request.target.triple}")
        return self.registry(self.by_digest(self.upstream), source="upstream", why="cross's own image", **self.upstream_traits())

    def from_mirror(self) -> Choice:
        """Pull what the mirror has."""
        refs, more = self.mirror_refs(), {"source": "mirror", "why": "the configured mirror has it"}
        if not refs:
            return Absent("no mirror is configured")
        return first(((ref, partial(self.registry, ref, **more, **traits)) for ref, traits in refs.items()), self.facts.failures)

    def from_engine(self) -> Choice:
        """Take what the engine holds: cross's own, a copy of the mirror's, an image of a bundle."""
        upstream = [] if self.request.needs_debian or not self.upstream else [self.in_mirror(self.upstream), self.upstream]
        listed = self.request.config.images
        # cross's own is not taken for being there, where one would be built instead
        if "build" in listed and "upstream" not in listed[: listed.index("build")]:
            upstream = upstream[:1]
        refs = {ref: self.upstream_traits() for name in upstream if name for ref in (self.by_digest(name), name)}
        for ref, traits in (*self.mirror_refs().items(), *self.bundle_refs().items()):
            refs.setdefault(ref, traits)
        if not refs:
            return Absent("no image of cross's, of a mirror or of a bundle would serve")
        choice = first((ref, partial(self.engine, ref, **traits)) for ref, traits in refs.items())
        if not isinstance(choice, tuple):
            return choice
        # all at once: the engine is asked side by side, also for what an earlier call has most likely built
        return self.facts.open(*(Question("image", ref) for ref in (*refs, *list(self.serving_tags())[:1])))

    def from_bundle(self) -> Choice:
        """Take what a bundle brought."""
        refs, more = self.bundle_refs(), {"source": "bundle", "why": "a bundle brought it"}
        if not refs:
            return Absent(f"no bundle brought an image for {self.request.target.triple} on {self.platform}")
        return first((ref, partial(self.engine, ref, **more, **traits)) for ref, traits in refs.items())

    def from_earlier_call(self) -> Choice:
        """Take what an earlier call has built."""
        why, recipe = "built here by an earlier call", self.recipe
        choices = [self.engine(tag, source="build", why=why, **traits) for tag, traits in self.serving_tags().items()]
        if not choices and isinstance(recipe, Absent):
            return recipe
        return next((choice for choice in choices if not isinstance(choice, Absent)), choices[-1])

    def from_build(self) -> Choice:
        """Build the image here."""
        if isinstance(self.recipe, Absent):
            return self.recipe
        recipe = recipes.lean(self.recipe) if self.request.lean else self.recipe
        before = self.from_earlier_call()
        if not isinstance(before, Absent):
            return before
        if self.request.config.offline:
            return Absent(f"{before.why}, and offline = true")
        if questions := self.package_questions():
            return questions
        return Image(
            ref=recipe.tag,
            platform=self.platform,
            source="build",
            why=f"put together from {recipe.suite}'s packages",
            steps=(BuildImage(why=before.why, recipe=recipe),),
            **self.recipe_traits(recipe),
        )

    def package_questions(self) -> Questions:
        """Return what has to be asked of Debian's archive for `packages`; nothing if all is known, and there.

        Where it could not be asked, building the image says so.

        Raises:
            ConfigError: no package is called so; nothing that is tried next would have it either.
        """
        names: dict[str, list[str]] = {}
        for name in self.request.options.packages:
            native = name.endswith(recipes.NATIVE)
            architecture = MACHINES[self.platform].debian if native else self.request.target.debian
            names.setdefault(architecture, []).append(name.removesuffix(recipes.NATIVE))
        questions = [question(self.request.config.base, architecture, listed) for architecture, listed in names.items()]
        if unknown := self.facts.open(*questions):
            return unknown
        problems = [problem for one in questions for problem in _problems(self.facts.answers[one])]
        if problems:
            what = f"`packages` of {self.request.target.triple} ({self.request.origin('packages')}) names packages that do not exist"
            hint = f"packages.debian.org finds names; `{recipes.NATIVE}` behind one means a program of the image"
            raise ConfigError(what, problems=problems, hint=hint)
        return ()

    def from_base(self) -> Choice:
        """Take the pinned base as it is: its own compiler serves its own platform, and it has none for another."""
        platform, pin = self.platform, pins().images["base"]
        triple = MACHINES[platform].triple
        if self.request.target.triple != triple:
            return Absent(f"{pin.ref}:{pin.tag} compiles for {triple} on {platform}, and for nothing else")
        ref = f"{pin.ref}@{pin.digest}"
        copy, glibc = self.in_mirror(ref), SUITES[SUITE]  # the pinned base is of the suite that images built here are of
        more: Traits = {"source": "base", "why": f"{pin.ref}:{pin.tag}, by digest", "glibc": glibc, "glibc_floor": glibc}
        ways = (
            ("the engine", partial(self.engine, ref, **more)),
            *([("the mirror", partial(self.registry, copy, **more))] if copy else []),
            ("its registry", partial(self.registry, ref, **more)),
        )
        return first(ways, self.facts.failures)


SOURCES: Final[Mapping[str, tuple[str, Callable[[Search], Choice]]]] = {
    "configured": ("configured image", Search.from_configuration),
    "registry": ("configured image of its registry", Search.from_registry),
    "local": ("image of the engine", Search.from_engine),
    "mirror": ("image of the mirror", Search.from_mirror),
    "upstream": ("upstream image", Search.from_upstream),
    "bundle": ("image of a bundle", Search.from_bundle),
    "build": ("image built here", Search.from_build),
    "base": ("pinned base", Search.from_base),
}
"""What users read of a source, and who asks it."""
