"""Pure: what crosstasks installs, pinned as data in ``pins.toml`` and renewed by ``nox -s update-pins``."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct, convert


class Crate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a flavour of cross is published: in the crates registry, on PyPI, or at a revision of a git repository; *rust* compiles it."""

    crate: str = ""
    pypi: str = ""
    url: str = ""
    rev: str = ""
    rust: str = ""


class Wheel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release on PyPI and the hashes of all its wheels."""

    version: str
    hashes: tuple[str, ...]


class Image(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image, by digest; the tag that it had stands beside it."""

    ref: str
    tag: str
    digest: str


class Action(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action of GitHub at a commit, and the tag that pointed to it."""

    tag: str
    rev: str


class Pins(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    cross: dict[str, Crate]
    pypi: dict[str, Wheel]
    images: dict[str, Image]
    actions: dict[str, Action]


@cache
def pins() -> Pins:
    """Read the pins that this copy of crosstasks ships."""
    raw: dict[str, Any] = tomllib.loads(Path(__file__).with_name("pins.toml").read_text("utf-8"))
    return convert(raw, Pins)
