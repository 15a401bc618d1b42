"""Pure: the machine that crosstasks runs on."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Host(Struct, frozen=True, kw_only=True):
    """The machine that crosstasks runs on.

    Attributes:
        os: ``linux``, ``macos`` or ``windows``.
        arch: as Rust names it, ``x86_64`` or ``aarch64``, …
        triple: the host triple of Rust's programs here, ``x86_64-unknown-linux-gnu``.
        libc: ``gnu``, ``musl``, or empty where there is none to choose.
        libc_version: ``2.36``; empty if unknown.
        container: the kind of container we are in (``docker``, ``podman``, ``unknown``), empty if none.
        ci: the CI service (``github``, ``gitlab``, ``azure``, …, ``unknown``), empty if none.
        apt: ``apt-get`` and ``dpkg-deb`` are there.
        suite: the code name of the distribution, ``bookworm``; empty if there is none.
    """

    os: Literal["linux", "macos", "windows"]
    arch: str
    triple: str
    libc: str = ""
    libc_version: str = ""
    container: str = ""
    ci: str = ""
    apt: bool = False
    suite: str = ""
