"""Pure: what the machine's own apt sources offer: toolchains, and the parts of images."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Debian(Struct, frozen=True, kw_only=True):
    """What the machine's own apt sources offer.

    Attributes:
        suite: the code name, ``bookworm``.
        rust: Rust releases (``1.96.0``) of ``rustc-web`` for the host's architecture, newest first, with
            Debian's names of the architectures whose standard library there is in exactly that release.
        source: releases whose library source (``rust-web-src``) there is.
        glibc: the version of ``libc6``, ``2.36``.
    """

    suite: str
    rust: Mapping[str, tuple[str, ...]] = {}
    source: tuple[str, ...] = ()
    glibc: str = ""
