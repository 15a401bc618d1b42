"""Pure: the programs that build: every cross, cargo-zigbuild, zig and cargo, on PATH and in our cache."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class Builder(Struct, frozen=True, kw_only=True):
    """A program that builds.

    Attributes:
        kind: ``cross``, ``cargo-zigbuild``, ``zig`` or ``cargo``.
        path: of the program.
        version: ``0.2.5``; *commit* is the suffix in ``cross 0.2.5 (88f49ff 2023-02-04)``, empty if none.
        place: ``PATH`` or ``cache``.
        flavour: of a cross in our cache, the flavour it was installed as.
    """

    kind: Literal["cross", "cargo-zigbuild", "zig", "cargo"]
    path: str
    version: str
    commit: str = ""
    place: Literal["PATH", "cache"] = "PATH"
    flavour: str = ""


class Builders(Struct, frozen=True, kw_only=True):
    """All that were found, in the order of PATH, then our cache."""

    found: tuple[Builder, ...] = ()

    def all(self, kind: str) -> tuple[Builder, ...]:
        """Return those of one kind."""
        return tuple(builder for builder in self.found if builder.kind == kind)
