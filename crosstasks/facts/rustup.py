"""Pure: rustup, its toolchains, and whether its server can be reached."""

from __future__ import annotations

from msgspec import Struct


class Toolchain(Struct, frozen=True, kw_only=True):
    """A folder that holds a Rust toolchain.

    Attributes:
        name: as rustup lists it, ``1.96.0-x86_64-unknown-linux-gnu`` or a custom one.
        path: the folder with ``bin`` and ``lib/rustlib``.
        release: what ``rustc -vV`` calls the release, ``1.96.0`` or ``1.98.0-nightly``; empty if unknown.
        host: the host triple it runs on.
        targets: triples whose standard library is in it.
        source: ``rust-src`` is in it.
        origin: ``rustup``, or ``debian`` if it was put together from Debian's packages.
        glibc: the lowest glibc that its programs run with, ``2.17`` for those of rustup.
    """

    name: str
    path: str
    release: str = ""
    host: str = ""
    targets: tuple[str, ...] = ()
    source: bool = False
    origin: str = "rustup"
    glibc: str = "2.17"


class Rustup(Struct, frozen=True, kw_only=True):
    """The user's rustup. *active* and *default* are toolchain names, empty if there is none."""

    command: str
    version: str
    home: str
    toolchains: tuple[Toolchain, ...] = ()
    default: str = ""
    active: str = ""


class RustupServer(Struct, frozen=True, kw_only=True):
    """rustup's server answered; *stable* is the release it offers as stable, ``1.96.0``."""

    url: str
    stable: str = ""
