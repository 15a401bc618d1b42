"""Look: a Cargo workspace as its manifests tell it, read without cargo, which need not be there yet; and its rust-toolchain.toml."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ..core import toml_file
from ..core.errors import SHAPE, ConfigError
from ..core.steps import Absent
from ..core.toml_file import table


class Package(Struct, frozen=True, kw_only=True):
    """A package of the workspace. *binaries* are the names of its ``bin`` targets."""

    name: str
    version: str
    manifest: str
    binaries: tuple[str, ...] = ()
    rust_version: str = ""


class Workspace(Struct, frozen=True, kw_only=True):
    """A workspace. *outside* are the folders of path dependencies that do not lie below *root*; *content* is its Cargo.toml's."""

    root: str
    manifest: str
    content: Mapping[str, Any]
    packages: tuple[Package, ...] = ()
    outside: tuple[str, ...] = ()


def find(start: Path) -> Path:
    """Return the nearest Cargo.toml, from *start* upward.

    Raises:
        ConfigError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "Cargo.toml").is_file():
            return folder / "Cargo.toml"
    raise ConfigError(
        f"there is no Cargo.toml in {start} or above it",
        hint="crosstasks works on the Rust repository around its configuration",
    )


def read(path: Path) -> Workspace:
    """Read the workspace that the manifest *path* belongs to.

    Raises:
        ConfigError: a manifest is missing, no TOML, or has values of another kind.
    """
    try:
        return _read(path)
    except SHAPE as error:
        raise ConfigError(f"{path} is not a manifest that cargo reads", why=f"a value of another kind: {error}") from error


def _read(path: Path) -> Workspace:
    root = _root(path)
    content = toml_file.read(root)
    members = tuple(_members(root, content))
    folders = tuple(folder for folder in _closure(root.parent, [root.parent, *members], content) if folder not in {root.parent, *members})
    inside = tuple(folder for folder in folders if folder.is_relative_to(root.parent) and not _is_excluded(folder, root.parent, content))
    root_package = (root.parent,) if "package" in content else ()
    everyone = dict.fromkeys((*root_package, *members, *(inside if "workspace" in content else ())))
    return Workspace(
        root=str(root.parent),
        manifest=str(root),
        content=content,
        packages=tuple(_package(folder, content) for folder in everyone),
        outside=tuple(str(folder) for folder in folders if not folder.is_relative_to(root.parent)),
    )


def _root(path: Path) -> Path:
    """Return the manifest of the workspace: that named by ``package.workspace``, else the nearest that has it as a member."""
    content = toml_file.read(path)
    if "workspace" in content:
        return path
    workspace = table(content, "package").get("workspace")
    if isinstance(workspace, str):
        return _normal(path.parent / workspace) / "Cargo.toml"
    for folder in path.parent.parents:
        above = folder / "Cargo.toml"
        if above.is_file() and "workspace" in (outer := toml_file.read(above)):
            return above if _belongs(path.parent, above, outer) else path
    return path


def _belongs(folder: Path, root: Path, content: Mapping[str, Any]) -> bool:
    members = tuple(_members(root, content))
    reached = not _is_excluded(folder, root.parent, content) and folder in _closure(root.parent, [root.parent, *members], content)
    return folder in members or reached


def _members(root: Path, content: Mapping[str, Any]) -> Iterator[Path]:
    for pattern in table(content, "workspace").get("members", ()):
        folders = sorted(root.parent.glob(str(pattern))) if set("*?[") & set(str(pattern)) else [_normal(root.parent / str(pattern))]
        for folder in map(_normal, folders):
            if (folder / "Cargo.toml").is_file() and not _is_excluded(folder, root.parent, content):
                yield folder


def _is_excluded(folder: Path, root: Path, content: Mapping[str, Any]) -> bool:
    members, names = (set(map(str, table(content, "workspace").get(key, ()))) for key in ("members", "exclude"))
    return any(folder.is_relative_to(_normal(root / name)) for name in names - members)


def _normal(path: Path) -> Path:
    """Take the dots out of a path, but follow no link: cargo does not either."""
    return Path(os.path.normpath(path))


_KINDS: Final = ("dependencies", "dev-dependencies", "build-dependencies", "dev_dependencies", "build_dependencies")


def path_dependencies(folder: Path, content: Mapping[str, Any]) -> Iterator[Path]:
    """Return the folders that a manifest's dependencies, those of its workspace and its patches name."""
    for table_ in dependencies(content):
        for dependency in table_.values():
            if isinstance(dependency, dict) and isinstance(dependency.get("path"), str):
                yield _normal(folder / dependency["path"])


def dependencies(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return every table of dependencies that a Cargo.toml has."""
    for holder in (content, *(table(content, "target", name) for name in table(content, "target"))):
        yield from (table(holder, kind) for kind in _KINDS)
    yield table(content, "workspace", "dependencies")
    yield from (table(content, "patch", source) for source in table(content, "patch"))


def _closure(root: Path, start: list[Path], content: Mapping[str, Any]) -> tuple[Path, ...]:
    """Return *start* and every folder that its path dependencies lead to; one that is not there is cargo's to complain of."""
    closure: dict[Path, None] = {}
    waiting = list(start)
    while waiting:
        folder = waiting.pop(0)
        if folder in closure or not (folder / "Cargo.toml").is_file():
            continue
        closure[folder] = None
        waiting += path_dependencies(folder, content if folder == root else toml_file.read(folder / "Cargo.toml"))
    return tuple(closure)


def _package(folder: Path, workspace: Mapping[str, Any]) -> Package:
    path = folder / "Cargo.toml"
    content = toml_file.read(path)
    package = table(content, "package")
    if "name" not in package:
        raise ConfigError(f"{path} has no package.name")
    return Package(
        name=str(package["name"]),
        version=value_of(package, workspace, "version") or "0.0.0",
        manifest=str(path),
        binaries=tuple(_binaries(folder, content)),
        rust_version=value_of(package, workspace, "rust-version"),
    )


def value_of(package: Mapping[str, Any], workspace: Mapping[str, Any], key: str) -> str:
    """Return what a package says, or inherits from its workspace; empty if it does neither."""
    value = package.get(key, "")
    if isinstance(value, dict):
        value = table(workspace, "workspace", "package").get(key, "") if value.get("workspace") else ""
    return str(value)


def _binaries(folder: Path, content: Mapping[str, Any]) -> Iterator[str]:
    """Return the programs: those listed, and those that cargo finds by their place."""
    package = table(content, "package")
    tables = [binary for binary in content.get("bin", ()) if isinstance(binary, dict) and "name" in binary]
    names = dict.fromkeys(str(binary["name"]) for binary in tables)
    yield from names
    if package.get("autobins") is False:
        return
    paths = {_normal(folder / str(binary["path"])) for binary in tables if "path" in binary}
    automatic = [(str(package["name"]), folder / "src/main.rs")]
    automatic += [(path.stem, path) for path in sorted((folder / "src/bin").glob("*.rs"))]
    automatic += [(path.parent.name, path) for path in sorted((folder / "src/bin").glob("*/main.rs"))]
    yield from (name for name, path in automatic if path.is_file() and path not in paths and name not in names)


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


def find_toolchain_file(folder: Path) -> ToolchainFile | Absent | None:
    """Return the nearest, from *folder* upward; None if there is none, ``Absent`` if it cannot be understood."""
    return next((file for place in (folder, *folder.parents) if (file := read_toolchain_file(place)) is not None), None)


def read_toolchain_file(folder: Path) -> ToolchainFile | Absent | None:
    """Return the file in *folder*."""
    for name in NAMES:
        path = folder / name
        try:
            return parse_toolchain_file(str(path), path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError):
            continue
    return None


def parse_toolchain_file(origin: str, text: str) -> ToolchainFile | Absent:
    """Read a channel alone on its line, or TOML; a file with values of another kind is none."""
    lines = text.strip().splitlines()
    if len(lines) == 1 and not origin.endswith(".toml") and not set("=[") & set(lines[0]):
        return ToolchainFile(origin=origin, channel=lines[0].strip())
    try:
        content = toml_file.loads(text).get("toolchain")
        if not isinstance(content, dict):
            return Absent(f"{origin} has no table [toolchain]", "it should hold [toolchain] with a channel")
        return ToolchainFile(
            origin=origin,
            channel=str(content.get("channel", "")),
            components=tuple(map(str, content.get("components", ()))),
            targets=tuple(map(str, content.get("targets", ()))),
            path=str(content.get("path", "")),
            profile=str(content.get("profile", "")),
        )
    except tomllib.TOMLDecodeError as error:
        return Absent(f"{origin} is not TOML: {error}", "it should hold [toolchain] with a channel")
    except SHAPE as error:
        return Absent(f"{origin} is not a toolchain file: {error}")
