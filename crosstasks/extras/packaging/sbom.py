"""Pure: what a product is made of, as CycloneDX JSON: the crates that cargo resolves for one target and its features.

https://cyclonedx.org/docs/1.5/json/. The document is plain JSON of four parts, so it is written here: the library for it would
bring seven packages to every user (1.5 MB). It is what the tests validate with.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from msgspec import Struct

from ...core.about import __version__

if TYPE_CHECKING:
    from .product import Product

TREE: Final = ("tree", "--prefix", "depth", "--format", "{p}\t{l}", "--charset", "ascii", "--locked")
"""Cargo's own answer to what is built: its resolver, with features as they are for one target."""

_LINE: Final = re.compile(r"^(\d++)(\S++) v(\S++)([^\t]*+)\t(.*?)(?: \(\*\))?$")
_SOURCE: Final = re.compile(r"\(((?!proc-macro\))[^()]+)\)")


class Component(Struct, frozen=True, kw_only=True):
    """A crate: its *source* is empty for the registry of crates, else a folder or an address."""

    name: str
    version: str
    source: str = ""
    licence: str = ""

    @property
    def purl(self) -> str:
        """Return its package URL."""
        address, _, revision = self.source.partition("#")
        where = f"?vcs_url=git%2B{quote(address, safe='')}{f'%40{revision}' if revision else ''}" if "://" in self.source else ""
        return f"pkg:cargo/{self.name}@{self.version.replace('+', '%2B')}{where}"


class Tree(Struct, frozen=True, kw_only=True):
    """Crates, each once, the root first, and what each depends on, by package URL."""

    components: Mapping[str, Component]
    edges: Mapping[str, tuple[str, ...]]


def parse(text: str) -> Tree:
    """Read ``cargo tree``: what was shown before comes again without what is below it, and so adds nothing twice."""
    components: dict[str, Component] = {}
    edges: dict[str, dict[str, None]] = {}
    above: list[str] = []
    for match in filter(None, map(_LINE.match, text.splitlines())):
        depth, name, version, rest, licence = match.groups()
        source = _SOURCE.search(rest)
        one = Component(name=name, version=version, source=source[1] if source else "", licence=licence)
        components.setdefault(one.purl, one)
        edges.setdefault(one.purl, {})
        del above[int(depth) :]
        if above:
            edges[above[-1]][one.purl] = None
        above.append(one.purl)
    return Tree(components=components, edges={ref: tuple(sorted(below)) for ref, below in edges.items()})


def document(
    product: Product, target: str, everything: Tree, shipped: Tree, checksums: Mapping[str, str], facts: Mapping[str, str], epoch: int
) -> bytes:
    """Return the document.

    Args:
        product, target: what it describes.
        everything: all that is needed to build it.
        shipped: what of that ends in the program; the rest is marked as excluded.
        checksums: those of Cargo.lock, by ``name-version``.
        facts: properties, by name.
        epoch: the time of the commit, so that the same commit gives the same document.
    """
    ours = {(crate.name, crate.version) for crate in product.crates}
    released = {ref for ref, one in everything.components.items() if (one.name, one.version) in ours}
    listed = [_component(ref, one, checksums, shipped) for ref, one in sorted(everything.components.items()) if ref not in released]
    top = (
        f"pkg:cargo/{product.crates[0].name}@{product.crates[0].version}"
        if len(product.crates) == 1
        else f"{product.name}@{product.version}"
    )
    raw = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{top}#{target}#{facts}')}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "crosstasks", "version": __version__}]},
            "component": {"type": "application", "bom-ref": top, "name": product.name, "version": product.version},
            "properties": [{"name": f"crosstasks:{name}", "value": value} for name, value in sorted({**facts, "target": target}.items())],
        },
        "components": listed,
        "dependencies": _dependencies(everything, released, top),
    }
    return (json.dumps(raw, indent=2) + "\n").encode()


def _component(ref: str, one: Component, checksums: Mapping[str, str], shipped: Tree) -> dict[str, Any]:
    result: dict[str, Any] = {"type": "library", "bom-ref": ref, "name": one.name, "version": one.version, "purl": ref}
    result["scope"] = "required" if ref in shipped.components else "excluded"
    if checksum := checksums.get(f"{one.name}-{one.version}"):
        result["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if one.licence:
        result["licenses"] = [{"expression": one.licence.replace("/", " OR ")}]
    return result


def _dependencies(tree: Tree, released: Iterable[str], top: str) -> list[dict[str, Any]]:
    """Return the edges, with the product's own crates as one."""
    inside = set(released)
    below = sorted({ref for one in inside for ref in tree.edges[one]} - inside)
    others = [{"ref": ref, "dependsOn": list(refs)} for ref, refs in sorted(tree.edges.items()) if ref not in inside]
    return [{"ref": top, "dependsOn": below}, *others]
