"""Pure: the Rust repository: Cargo's view of it, its toolchain file, Cross.toml and cargo's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct


class Package(Struct, frozen=True, kw_only=True):
    """A package of the workspace. *binaries* are the names of its ``bin`` targets."""

    name: str
    version: str
    manifest: str
    binaries: tuple[str, ...] = ()
    rust_version: str = ""


class Setting(Struct, frozen=True, kw_only=True):
    """A value that the user set for cargo or cross, and where (a file with its key, or a variable)."""

    value: str
    origin: str


class Repository(Struct, frozen=True, kw_only=True):
    """The Rust repository.

    Attributes:
        root: the workspace root; *manifest* its Cargo.toml.
        target_directory: cargo's, absolute.
        packages: the members of the workspace.
        lock: Cargo.lock exists.
        outside: folders of path dependencies that do not lie below the root.
        channel: of rust-toolchain.toml or rust-toolchain, empty if there is none; *components* and *targets* likewise.
        rust_version: the highest ``rust-version`` of the members, empty if none says.
        cross: the content of Cross.toml, with ``metadata.cross`` of Cargo.toml below it, as one table.
        cross_origin: the file it came from, empty if there is none.
        linkers, runners: what the user set for a target, by triple (environment, then cargo's config files).
        wrapper: a ``rustc-wrapper`` that the user set, None if there is none.
    """

    root: str
    manifest: str
    target_directory: str
    packages: tuple[Package, ...] = ()
    lock: bool = False
    outside: tuple[str, ...] = ()
    channel: str = ""
    components: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    rust_version: str = ""
    cross: Mapping[str, Any] = {}
    cross_origin: str = ""
    linkers: Mapping[str, Setting] = {}
    runners: Mapping[str, Setting] = {}
    wrapper: Setting | None = None
