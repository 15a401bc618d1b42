"""Pure: what images are called: cross's own, those of a mirror, and those built here; and whether `packages` names what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ..catalog import recipes
from ..catalog.machines import MACHINES
from ..catalog.targets import default_image
from ..core import references
from ..core.errors import ConfigError
from ..core.steps import Refused
from ..facts.debian import MissingPackages, question
from ..project.repository import Repository

if TYPE_CHECKING:
    from ..facts import Facts
    from .ingredients import Questions
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
        places.append((pinned(references.moved(upstream, mirror), request), facts_of(request, variant.flavour)))
    shared: list[tuple[str, dict[str, Any]]] = [] if row and row.recipe else [(recipes.shared(request.target.triple, packages), {})]
    listed = [*([] if row and row.digest else built(variant, request, facts)), *shared]
    return places + [(pinned(f"{mirror.rstrip('/')}/{tag}", request), more) for tag, more in listed]


def built(variant: Variant, request: Request, facts: Facts) -> list[tuple[str, dict[str, Any]]]:
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
