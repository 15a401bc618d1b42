"""Look: what earlier calls put into our cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from ..core import cache, looking
from .rustup import Toolchain

if TYPE_CHECKING:
    from ..core.looking import BaseFacts, Look
    from ..core.steps import Question

MARKER: Final = ".crosstasks.json"


BROUGHT: Final = "crosstasks/bundle/"
"""Before the name of an image of a bundle that elsewhere has a digest for its only name."""


class Bundled(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    An image that a bundle brought into the engine.

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
        damaged: what is wrong with the others, by name.
        images: what bundles brought.
    """

    home: str
    toolchains: tuple[Toolchain, ...] = ()
    tools_home: str
    tools: tuple[str, ...] = ()
    damaged: Mapping[str, str] = {}
    images: tuple[Bundled, ...] = ()


class _Marker(Struct, frozen=True, kw_only=True):
    """What provisioning writes last into a toolchain."""

    release: str
    host: str
    targets: tuple[str, ...] = ()
    source: bool = False
    origin: str = "rustup"
    glibc: str = ""
    components: tuple[str, ...] = ()


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Inventory:
    """Look into our cache."""
    home, tools = look.cache / "rustup", look.cache / "tools"
    problems = {path.name: cache.mismatch(path) for path in sorted(tools.glob("[!.]*/"))}
    toolchains = ((path.parent, parse(path)) for path in sorted((home / "toolchains").glob(f"[!.]*/{MARKER}")))
    return Inventory(
        home=str(home),
        toolchains=tuple(problems for _, problems in toolchains if problems),
        tools_home=str(tools),
        tools=tuple(name for name, problem in problems.items() if not problem),
        damaged={name: problem for name, problem in problems.items() if problem},
        images=tuple(filter(None, map(bundled, sorted((look.cache / IMAGES).glob("*.json"))))),
    )


IMAGES: Final = "images/bundled"


def bundled(path: Path) -> Bundled | None:
    """Read what is noted of an image that a bundle brought; None if it cannot be read."""
    try:
        return looking.decode(path.read_bytes(), Bundled)
    except (OSError, msgspec.MsgspecError):
        return None


def parse(path: Path) -> Toolchain | None:
    """Read a toolchain's marker; None if it is not whole, so that it is made again."""
    folder = path.parent
    try:
        marker = looking.decode(path.read_bytes(), _Marker)
    except (OSError, msgspec.MsgspecError):
        return None
    if not any((folder / "bin" / name).is_file() for name in ("rustc", "rustc.exe")):
        return None
    return Toolchain(
        name=folder.name,
        path=str(folder),
        release=marker.release,
        host=marker.host,
        targets=marker.targets,
        source=marker.source,
        origin=marker.origin,
        glibc=marker.glibc,
        components=marker.components,
    )
