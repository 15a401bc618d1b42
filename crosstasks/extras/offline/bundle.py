"""Pure: a bundle, one file with all that plans need, for machines without a network; what it says of itself.

A bundle is a plain tar, so that one member can be read without the others. Members are compressed, each for itself::

    tools/<name>.tar.gz         cross, cargo-zigbuild with zig
    toolchains/<name>.tar.gz    Rust, as it lies in our RUSTUP_HOME
    images/<platform>.tar.gz    what ``docker load`` reads; layers that images share are there once
    crates.tar.gz               what Cargo.lock names, as it lies in a CARGO_HOME
    crosstasks.json             the manifest, last: members, their checksums, and what they are for

::

    archive   write and read the file; nothing in it is trusted
    make      provide for machines of the platforms asked for, and collect
    crates    collect the dependencies, and put them into a CARGO_HOME
    load      check every checksum, then put all in its place
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from ...facts.inventory import Bundled

MANIFEST: Final = "crosstasks.json"

Kind: TypeAlias = Literal["tool", "toolchain", "images", "crates"]


class Member(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    One member.

    Attributes:
        path: in the archive; *name* is what it is called where it is put.
        platforms: of the engines of machines that need it; empty for all.
        sha256, size: of the compressed member.
    """

    path: str
    kind: Kind
    name: str
    platforms: tuple[str, ...] = ()
    sha256: str
    size: int


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a bundle holds.

    Attributes:
        crosstasks: the version that made it.
        targets, platforms: what it was made for.
        images: the images in it; an *id* is what the engine called it where the bundle was made.
    """

    version: Literal[1] = 1
    crosstasks: str
    targets: tuple[str, ...]
    platforms: tuple[str, ...]
    members: tuple[Member, ...]
    images: tuple[Bundled, ...] = ()
