"""Look: the programs that build: every cross, cargo-zigbuild, zig, cargo-nextest and cargo, on PATH and in our cache.

Each is asked for its version once, and again when its file changes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from ..core import cache, looking
from ..core.errors import CrosstasksError
from ..core.looking import BaseFacts, Look
from ..core.steps import Absent, Done, Env, Question

Kind: TypeAlias = Literal["cross", "cargo-zigbuild", "zig", "cargo-nextest", "cargo"]
Place: TypeAlias = Literal["PATH", "cache"]


class Builder(Struct, frozen=True, kw_only=True):
    """A program that builds.

    Attributes:
        kind: ``cross``, ``cargo-zigbuild``, ``zig``, ``cargo-nextest`` or ``cargo``.
        path: of the program.
        version: ``0.2.5``; *commit* is the suffix in ``cross 0.2.5 (88f49ff 2023-02-04)``, empty if none.
        place: ``PATH`` or ``cache``.
    """

    kind: Kind
    path: str
    version: str
    commit: str = ""
    place: Place = "PATH"


class Builders(Struct, frozen=True, kw_only=True):
    """All that were found, in the order of PATH, then our cache."""

    programs: tuple[Builder, ...] = ()

    def all(self, kind: str) -> tuple[Builder, ...]:
        """Return those of one kind."""
        return tuple(builder for builder in self.programs if builder.kind == kind)


ASK: Final[Mapping[Kind, tuple[str, ...]]] = {
    "cross": ("--version",),
    "cargo-zigbuild": ("--version",),
    "zig": ("version",),
    "cargo-nextest": ("nextest", "--version"),
    "cargo": ("--version",),
}

_VERSION: Final = re.compile(r"(?:cross|cargo-zigbuild|cargo-nextest|cargo)?\s*(\d+\.\d+\S*)(?: \((\w+ \d{4}-\d\d-\d\d)\))?")


def alone(folder: str, stand_in: str) -> Env:
    """Return the environment in which ``cross --version`` does nothing else.

    It prints its version first, and then goes on: it would run the host's cargo, install a toolchain, or fail in CI.
    Without PATH it finds none of them; but 0.2.x asks rustc for its targets before all else, and would fail before it
    has printed anything, so a program that says nothing stands in for rustc.
    """
    return {"PATH": folder, "RUSTC": stand_in, "CROSS_NO_WARNINGS": "0", "CROSS_CONTAINER_ENGINE": None, "RUST_BACKTRACE": "0"}


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Builders:
    """Look on PATH and in our cache. A program that does not tell its version is as good as none."""
    builders = []
    for kind, path, place in (*_on_path(look), *_in_cache(look)):
        version = looking.of_program(look, path, kind, partial(_version, look, kind, path, place), tuple[str, str])
        if not isinstance(version, Absent):
            builders.append(Builder(kind=kind, path=path, version=version[0], commit=version[1], place=place))
    return Builders(programs=tuple(builders))


Program: TypeAlias = tuple[Kind, str, Place]


def _on_path(look: Look) -> Iterator[Program]:
    files = set()
    for kind in ASK:
        for folder in look.path:
            path = folder / kind
            real = os.path.realpath(path)
            # rustup's cargo is a proxy: its version is that of a toolchain, and asking may install one
            proxy = kind == "cargo" and (folder / "rustup").exists()
            if real not in files and not proxy and path.is_file() and os.access(path, os.X_OK):
                files.add(real)
                yield kind, str(path), "PATH"
    if zig := _module(look):
        yield "zig", zig, "PATH"


def _module(look: Look) -> str:
    """Return the zig of the Python on PATH, which cargo-zigbuild calls as ``python3 -m ziglang``."""
    python = look.which("python3")
    if not python:
        return ""
    prefix = Path(python).parent.parent
    programs = sorted(prefix.glob("lib/python3*/site-packages/ziglang/zig"))
    return str(programs[0]) if programs else ""


def _in_cache(look: Look) -> Iterator[Program]:
    kinds: dict[str, Kind] = {"cross": "cross", "cargo-zigbuild": "cargo-zigbuild"}
    for path in sorted((look.cache / "tools").glob("[!.]*/bin/*")):
        kind = kinds.get(path.name)
        if kind and (path.parent.parent / cache.COMPLETE).exists():
            yield kind, str(path), "cache"


def _version(look: Look, kind: Kind, path: str, place: str) -> tuple[str, str] | Absent:
    # one of ours is compared before it is run; ``provided`` does so in each call
    if place == "cache" and (wrong := cache.mismatch(Path(path).parents[1])):
        return Absent(wrong)
    silent = look.which("true")
    with TemporaryDirectory(prefix="crosstasks-") as empty:
        env = alone(empty, silent) if kind == "cross" else {"RUSTUP_AUTO_INSTALL": "0"}
        try:
            return parse(look.run((path, *ASK[kind]), env=env, cwd=empty, timeout=look.timeout))
        except CrosstasksError as error:
            return Absent(error.what)


def parse(done: Done) -> tuple[str, str] | Absent:
    """Read version and commit in the first line; how the program ended does not matter (cross's fails, see ``alone``)."""
    line = done.out.strip().partition("\n")[0]
    match = _VERSION.match(line)
    return (match[1], match[2] or "") if match else Absent(f"{done.argv[0] if done.argv else 'it'} says {line or 'nothing'!r}")
