"""Pure: a package as the archive offers it, and where its file is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

if TYPE_CHECKING:
    from .index import Stanza


class Package(Struct, frozen=True, kw_only=True):
    """A package of the archive. *size* is in bytes, *digest* is ``sha256:…``; *file* is its name in our cache."""

    name: str
    version: str
    architecture: str
    url: str
    size: int
    digest: str
    file: str


def package(stanza: Stanza) -> Package:
    """Return what a list says of a package, with its address; its file is named as apt would, a version's colon escaped."""
    return Package(
        name=stanza.name,
        version=stanza.version,
        architecture=stanza.architecture,
        url=f"{stanza.base}/{quote(stanza.file)}",
        size=stanza.size,
        digest=f"sha256:{stanza.sha256}",
        file=f"{stanza.name}_{stanza.version.replace(':', '%3a')}_{stanza.architecture}.deb",
    )


def megabytes(packages: Iterable[Package]) -> str:
    """Return how large packages are."""
    return f"{sum(package.size for package in packages) / 1e6:.0f}"
