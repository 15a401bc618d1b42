"""Pure: the catalogue of targets, as ``crosstasks targets`` shows it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from ..catalog import targets


class Listed(Struct, frozen=True, kw_only=True):
    """One target.

    Attributes:
        triple, aliases: its names; session names hold the first alias.
        images: the flavours of cross that have an image for it.
        built: an image for it can be built here, from Debian's packages.
        tests: cross's images run its programs.
        std: rustup ships its standard library; else that is built from source.
    """

    triple: str
    aliases: tuple[str, ...]
    arch: str
    os: str
    libc: str
    images: tuple[str, ...]
    built: bool
    tests: bool
    std: bool


def listed() -> tuple[Listed, ...]:
    """Return every target, in the order of the catalogue."""
    return tuple(
        Listed(
            triple=row.triple,
            aliases=row.aliases,
            arch=row.arch,
            os=row.os,
            libc=row.libc,
            images=tuple(row.images),
            built=row.containerised and bool(row.packages),
            tests=bool(row.runners),
            std=not row.build_std,
        )
        for row in targets.catalogue().values()
    )


def text(rows: Sequence[Listed]) -> str:
    """Return the targets as a table for people."""
    head = ("triple", "aliases", "images of cross", "built here", "tests", "std")
    yes, std = {True: "yes", False: "-"}, {True: "shipped", False: "source"}
    lines = [
        head,
        *((row.triple, ", ".join(row.aliases), " ".join(row.images) or "-", yes[row.built], yes[row.tests], std[row.std]) for row in rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
