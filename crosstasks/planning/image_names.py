"""Pure: what images are called: cross's own, those of a mirror, and those built here; and whether `packages` names what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ..catalog import recipes
from ..catalog.machines import MACHINES
from ..catalog.targets import Target, default_image
from ..core.errors import ConfigError
from ..core.steps import Refused
from ..facts import lock
from ..facts.debian import Lacking, question
from ..project.repository import Repository

if TYPE_CHECKING:
    from ..config.configuration import Config
    from ..facts import Facts
    from .ingredients import Open

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


def facts_of(wanted: Wanted) -> dict[str, Any]:
    """Return what is known of the image that a flavour of cross has, by the catalogue."""
    row = wanted.target.images[wanted.flavour]
    libc = row.libc if wanted.target.libc == "gnu" else ""
    return {"glibc": BASE_GLIBC.get(row.base, ""), "libc": libc, "runs": bool(row.runners)}


def mirrored(ref: str, mirror: str) -> str:
    """Return where *mirror* (``host:port/prefix``) keeps an image of another registry: the path below its host, if it names one."""
    first, slash, rest = ref.partition("/")
    path = rest if slash and ("." in first or ":" in first or first == "localhost") else ref
    return f"{mirror.rstrip('/')}/{path}"


def pinned(ref: str, wanted: Wanted, facts: Facts) -> str:
    """Return the reference by its locked digest, which is the same in every registry that has a copy; as it is without one."""
    held = lock.row(facts, wanted.target.triple)
    return f"{repository_of(ref)}@{held.digest}" if held and held.digest else ref


def repository_of(ref: str) -> str:
    """Return a reference without tag and digest."""
    name = ref.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}"


def mirrors(wanted: Wanted, facts: Facts, config: Config) -> list[tuple[str, dict[str, Any]]]:
    """Return where the mirror may have an image, with what is known of it: a copy of cross's own, else one built by us."""
    own = config.target(wanted.target.triple).packages
    held = lock.row(facts, wanted.target.triple)
    upstream = default_image(wanted.target, wanted.flavour)
    found: list[tuple[str, dict[str, Any]]] = []
    if upstream and not own and not (held and held.recipe):
        found.append((pinned(mirrored(upstream, config.mirror), wanted, facts), facts_of(wanted)))
    shared: list[tuple[str, dict[str, Any]]] = [] if held and held.recipe else [(recipes.shared(wanted.target.triple, own), {})]
    listed = [*([] if held and held.digest else built(wanted, facts, config)), *shared]
    return found + [(pinned(f"{config.mirror.rstrip('/')}/{tag}", wanted, facts), more) for tag, more in listed]


def built(wanted: Wanted, facts: Facts, config: Config) -> list[tuple[str, dict[str, Any]]]:
    """Return the tag of the image that is, or would be, built by us: the locked one, else what this machine would make."""
    own = recipe(wanted, facts, config)
    held = lock.row(facts, wanted.target.triple)
    made = [] if isinstance(own, Refused) else [(own.tag, known(own, wanted, facts, config))]
    if held and held.recipe and held.image not in dict(made):
        return [(held.image, {})]
    return made


def known(own: recipes.Recipe, wanted: Wanted, facts: Facts, config: Config) -> dict[str, Any]:
    """Return what is known of an image by what it is made of. What is put into it for one target, all of its compilers may see."""
    triple, repository = wanted.target.triple, facts.repository
    tables = repository.cross_tables(triple) if isinstance(repository, Repository) else ()
    changed = config.target(triple).packages or any("pre-build" in table for table in tables)
    return {"glibc": own.glibc, "libc": own.libc, "runs": own.runs, "base": "" if changed else own.suite}


def recipe(wanted: Wanted, facts: Facts, config: Config) -> recipes.Recipe | Refused:
    """Say what an image built on this machine is made of."""
    if not facts.host.apt:
        why = "apt is not here, and an image is put together from its packages"
        return Refused(name="build", why=why, hint="name an image, or use a mirror")
    if config.base and not recipes.served(config.base, facts.host.suite):
        why = f"`base` is {config.base}, whose packages are not where apt's sources ({facts.host.suite or 'unknown'}) come from"
        return Refused(name="build", why=why)
    if config.target(wanted.target.triple).pre_build:
        return Refused(name="build", why="`pre-build` is run in cross's own images, and one built here has no apt: name `packages`")
    packages = config.target(wanted.target.triple).packages
    return recipes.recipe(wanted.target, wanted.platform, suite(facts, config), packages=packages)


def suite(facts: Facts, config: Config) -> str:
    """Return the Debian suite that images built here are made of."""
    return config.base or facts.host.suite


def there(wanted: Wanted, facts: Facts, config: Config) -> Open:
    """
    Return what has to be asked of apt; nothing if all is known, and there.

    Where apt could not be asked, building the image says so.

    Raises:
        ConfigError: no package is called so; nothing that is tried next would have it either.
    """
    names: dict[str, list[str]] = {}
    triple = wanted.target.triple
    for name in config.target(triple).packages:
        native = name.endswith(recipes.NATIVE)
        architecture = MACHINES[wanted.platform].debian if native else wanted.target.debian
        names.setdefault(architecture, []).append(name.removesuffix(recipes.NATIVE))
    asked = [question(suite(facts, config), architecture, found) for architecture, found in names.items()]
    if unknown := tuple(one for one in asked if one not in facts.answers):
        return unknown
    problems = [problem for one in asked for problem in _problems(facts.answers[one])]
    if problems:
        what = f"`packages` of {triple} ({config.source('packages', triple)}) names what cannot be had"
        hint = f"packages.debian.org finds names; `{recipes.NATIVE}` behind one means a program of the image"
        raise ConfigError(what, problems=problems, hint=hint)
    return ()


def _problems(found: object) -> list[str]:
    if not isinstance(found, Lacking):
        return []
    no = f"{found.suite} has no package"
    return [f"{no} {name!r} for {found.architecture}{f', perhaps {likely!r}' if likely else ''}" for name, likely in found.names.items()]


__all__ = ["there"]
