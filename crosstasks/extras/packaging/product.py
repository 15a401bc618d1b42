"""Pure: what is released: the cargo packages with their versions and tags, and the products that archives are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ...config.documents import likely
from ...config.options import Release
from ...core.errors import ConfigError
from ...core.toml_file import read, table
from ...project.manifest import Package
from ...project.repository import Repository


class Crate(Struct, frozen=True, kw_only=True):
    """A cargo package that is released.

    Attributes:
        folder: where its manifest lies.
        tag: of this version.
        registries: it may be published to these only; None: to any, empty: to none.
        readme, licence: the paths of files that its manifest, or the workspace's, names; empty if it names none.
    """

    name: str
    version: str
    folder: str
    tag: str
    binaries: tuple[str, ...] = ()
    registries: tuple[str, ...] | None = None
    readme: str = ""
    licence: str = ""

    def goes_to(self, registry: str) -> bool:
        """Tell whether its manifest lets it be published there."""
        return self.registries is None or (registry or "crates-io") in self.registries


class Product(Struct, frozen=True, kw_only=True):
    """What one archive for each target holds: the programs of these crates."""

    name: str
    version: str
    tag: str
    crates: tuple[Crate, ...]

    def stem(self, triple: str) -> str:
        """Return the name of a target's archive, and of the folder in it, as cargo-binstall looks for it."""
        return f"{self.name}-{triple}-v{self.version}"

    @property
    def binaries(self) -> tuple[str, ...]:
        """Return the names of its programs."""
        return tuple(name for crate in self.crates for name in crate.binaries)


def crates(repository: Repository, options: Release, names: Sequence[str] = ()) -> tuple[Crate, ...]:
    """Return the cargo packages to release: *names* of the command line, else those of the configuration, else all.

    Raises:
        ConfigError: there is no such package, or packages of different versions would share a tag.
    """
    members = {package.name: package for package in repository.packages}
    selection = names or options.packages or tuple(members)
    for name in selection:
        if name not in members:
            raise ConfigError(f"no cargo package is called {name!r}{likely(name, members)}", hint=f"there are {', '.join(members)}")
    result = tuple(_crate(members[name], Path(repository.manifest), options.tag) for name in dict.fromkeys(selection))
    if len({crate.version for crate in result}) > 1 and ("{package}" not in options.tag or options.name):
        why = ", ".join(f"{crate.name} {crate.version}" for crate in result)
        hint = 'set `tag = "{package}-v{version}"` in [release], or name one with --package or `packages`'
        raise ConfigError("packages of different versions cannot share a release", why=why, hint=hint)
    return result


def tag(template: str, name: str, version: str) -> str:
    """Return the tag of a package's version."""
    return template.replace("{package}", name).replace("{version}", version)


def _crate(package: Package, workspace: Path, template: str) -> Crate:
    manifest = Path(package.manifest)
    own, inherited = table(read(manifest), "package"), table(read(workspace), "workspace", "package")

    def entry(key: str) -> tuple[Any, Path]:
        """Return a value, and the manifest that has it."""
        value = own.get(key)
        return (inherited.get(key), workspace) if isinstance(value, dict) and value.get("workspace") else (value, manifest)

    def path(key: str) -> str:
        value, place = entry(key)
        return str(place.parent / value) if value and isinstance(value, str) else ""

    publish, _ = entry("publish")
    registries = tuple(map(str, publish)) if isinstance(publish, list) else () if publish is False else None
    return Crate(
        name=package.name,
        version=package.version,
        folder=str(manifest.parent),
        tag=tag(template, package.name, package.version),
        binaries=package.binaries,
        registries=registries,
        readme=path("readme"),
        licence=path("license-file"),
    )


def products(crates: Sequence[Crate], options: Release) -> tuple[Product, ...]:
    """Return what there is an archive of: all programs under the configured name, else one for each crate that has some."""
    programs = tuple(crate for crate in crates if crate.binaries)
    if options.name and programs:
        return (Product(name=options.name, version=programs[0].version, tag=programs[0].tag, crates=programs),)
    return tuple(Product(name=crate.name, version=crate.version, tag=crate.tag, crates=(crate,)) for crate in programs)


def snapshot(product: Product, commit: str, *, dirty: bool = False) -> Product:
    """Return a product as it is without a release: its version tells the commit."""
    return replace(product, version=f"{product.version}-SNAPSHOT-{commit[:9]}{'-dirty' if dirty else ''}", tag="")
