"""Look: rust-toolchain.toml and rust-toolchain, as rustup reads them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ..core import toml_file
from ..core.errors import SHAPE
from ..core.steps import Absent

NAMES: Final = ("rust-toolchain", "rust-toolchain.toml")
"""In one folder, the name without a suffix wins: https://rust-lang.github.io/rustup/overrides.html"""


class ToolchainFile(Struct, frozen=True, kw_only=True):
    """What the file asks for. *path* is a toolchain's folder, given instead of a channel; *profile* names a set of components."""

    origin: str
    channel: str = ""
    components: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    path: str = ""
    profile: str = ""


def find(folder: Path) -> ToolchainFile | Absent | None:
    """Return the nearest, from *folder* upward; None if there is none, ``Absent`` if it cannot be understood."""
    return next((file for place in (folder, *folder.parents) if (file := read(place)) is not None), None)


def read(folder: Path) -> ToolchainFile | Absent | None:
    """Return the file in *folder*."""
    for name in NAMES:
        path = folder / name
        try:
            return parse(str(path), path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
    return None


def parse(origin: str, text: str) -> ToolchainFile | Absent:
    """Read a toolchain file; one with values of another kind is none."""
    try:
        return _parse(origin, text)
    except SHAPE as error:
        return Absent(f"{origin} is no toolchain file: {error}")


def _parse(origin: str, text: str) -> ToolchainFile | Absent:
    """Read a channel alone on its line, or TOML."""
    lines = text.strip().splitlines()
    if len(lines) == 1 and not origin.endswith(".toml") and not set("=[") & set(lines[0]):
        return ToolchainFile(origin=origin, channel=lines[0].strip())
    try:
        table: dict[str, Any] = toml_file.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Absent(f"{origin} is not TOML: {error}", "it should hold [toolchain] with a channel")
    toolchain = table.get("toolchain")
    if not isinstance(toolchain, dict):
        return Absent(f"{origin} has no table [toolchain]", "it should hold [toolchain] with a channel")
    return ToolchainFile(
        origin=origin,
        channel=str(toolchain.get("channel", "")),
        components=tuple(map(str, toolchain.get("components", ()))),
        targets=tuple(map(str, toolchain.get("targets", ()))),
        path=str(toolchain.get("path", "")),
        profile=str(toolchain.get("profile", "")),
    )
