"""Look: what earlier calls put into our cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from ..catalog.ingredients import Toolchain
from ..catalog.targets import find
from ..core import cache, looking
from ..core.looking import BaseFacts, Look
from ..core.steps import Question

MARKER: Final = ".crosstasks.json"

BUNDLE_PREFIX: Final = "crosstasks/bundle/"
"""Before the name of an image of a bundle that elsewhere has a digest for its only name."""


class BundleImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image that a bundle brought into the engine.

    Attributes:
        ref: its reference there; *id* is what the engine calls it.
        digest: in the registry it came from, which an engine does not keep with an image that it loads; empty if built.
        target, platform, flavour, packages: what it is for; *flavour* is empty for one that was built by us.
        engine: the platform of the engines that use it, which is another under emulation.
    """

    ref: str
    id: str
    digest: str = ""
    target: str
    platform: str
    engine: str = ""
    flavour: str = ""
    packages: tuple[str, ...] = ()


class Inventory(Struct, frozen=True, kw_only=True):
    """What lies in our cache, whole.

    Attributes:
        home: our RUSTUP_HOME; *toolchains* are those in it.
        tools_home: the folder of tools; *tools* are the names of the whole entries in it.
        problems: what is wrong with the others, by name.
        images: what bundles brought.
    """

    home: str
    toolchains: tuple[Toolchain, ...] = ()
    tools_home: str
    tools: tuple[str, ...] = ()
    problems: Mapping[str, str] = {}
    images: tuple[BundleImage, ...] = ()


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Inventory:
    """Look into our cache."""
    home, tools = look.cache / "rustup", look.cache / "tools"
    problems = {path.name: cache.mismatch(path) for path in sorted(tools.glob("[!.]*/"))}
    return Inventory(
        home=str(home),
        toolchains=toolchains(home),
        tools_home=str(tools),
        tools=tuple(name for name, problem in problems.items() if not problem),
        problems={name: problem for name, problem in problems.items() if problem},
        images=tuple(filter(None, map(bundle_image, sorted((look.cache / IMAGES).glob("*.json"))))),
    )


IMAGES: Final = "images/bundled"


def bundle_image(path: Path) -> BundleImage | None:
    """Read what is noted of an image that a bundle brought; None if it cannot be read."""
    try:
        return looking.decode(path.read_bytes(), BundleImage)
    except (OSError, msgspec.MsgspecError):
        return None


def toolchains(home: Path) -> tuple[Toolchain, ...]:
    """Return the whole toolchains of a RUSTUP_HOME of ours, by name."""
    folders = (path.parent for path in sorted((home / "toolchains").glob(f"[!.]*/{MARKER}")))
    return tuple(filter(None, map(toolchain, folders)))


def toolchain(folder: Path) -> Toolchain | None:
    """Read what a toolchain of ours holds; None if it is not whole, so that it is made again, or not ours."""
    try:
        content = looking.decode((folder / MARKER).read_bytes(), dict[str, Any])
        keys = {ATTRIBUTES.get(key, key): value for key, value in content.items()}
        read = looking.convert({**keys, "name": folder.name, "path": str(folder), "source": "cache"}, Toolchain)
    except (OSError, msgspec.MsgspecError):
        return None
    return read if (folder / "bin" / "rustc").is_file() else None


def unused(content: Toolchain | None, triples: Iterable[str]) -> tuple[str, ...]:
    """Return where the standard libraries lie, in a toolchain of ours, that are neither its host's nor any of these targets'."""
    used = {part for triple in triples for part in find(triple).triples}
    return tuple(f"lib/rustlib/{triple}/" for triple in content.standard if triple not in {content.host, *used}) if content else ()


MARKER_KEYS: Final = ("release", "host", "targets", "source", "origin", "glibc", "components", "architectures", "packages")
"""What provisioning writes last into a toolchain."""

ATTRIBUTES: Final = {"targets": "standard", "source": "library"}
"""By its key there, an attribute that is called otherwise."""


def marker_content(folder: Toolchain) -> dict[str, Any]:
    """Return what is written of a toolchain, ready for JSON."""
    return {"version": 1, **{key: getattr(folder, ATTRIBUTES.get(key, key)) for key in MARKER_KEYS}}
