"""What cargo says it built: its JSON messages, the paths in them as they are on the host, and a stable place for each."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

KINDS: Final = {"bin", "cdylib", "staticlib", "example"}
"""Kinds of cargo targets whose files are somebody's to use."""


class Artifact(Struct, frozen=True, kw_only=True):
    """A file that cargo built, as cargo names it: its *path* may be one inside the container."""

    name: str
    kind: str
    path: str
    package: str


class Built(Struct, frozen=True, kw_only=True):
    """What cargo's messages said. *started*: it compiled, or looked at what was compiled; *finished* is None if it never got there."""

    artifacts: tuple[Artifact, ...] = ()
    started: bool = False
    finished: bool | None = None


class _Target(Struct, frozen=True):
    name: str = ""
    kind: tuple[str, ...] = ()


class _Message(Struct, frozen=True):
    reason: str
    package_id: str = ""
    target: _Target = _Target()
    executable: str | None = None
    filenames: tuple[str, ...] = ()
    success: bool | None = None


class Messages:
    """Reads cargo's output as it comes; what is no message of cargo is handed to *other*."""

    def __init__(self, other: Callable[[bytes], None] | None = None) -> None:
        """Begin with nothing said."""
        self._rest = b""
        self._other = other or (lambda _line: None)
        self._found: list[Artifact] = []
        self._started, self._finished = False, None
        self._decoder = msgspec.json.Decoder(_Message)

    def feed(self, chunk: bytes) -> None:
        """Read some bytes of cargo's standard output."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._line(line)

    def _line(self, line: bytes) -> None:
        if not line.startswith(b'{"reason"'):
            self._other(line)
            return
        try:
            message = self._decoder.decode(line)
        except msgspec.DecodeError:
            self._other(line)
            return
        if message.reason == "build-finished":
            self._finished = message.success
        else:
            self._started = True
        if message.reason == "compiler-artifact":
            self._artifact(message)

    def _artifact(self, message: _Message) -> None:
        kinds = KINDS.intersection(message.target.kind)
        if not kinds:
            return
        paths = [message.executable] if message.executable else [name for name in message.filenames if not name.endswith((".rlib", ".rmeta", ".d"))]
        self._found += [
            Artifact(name=message.target.name, kind=sorted(kinds)[0], path=path, package=message.package_id) for path in paths if path
        ]

    def result(self) -> Built:
        """Return what has been said so far."""
        return Built(artifacts=tuple(self._found), started=self._started, finished=self._finished)


def localise(path: str, inside: str, outside: str) -> str:
    """Return a path of the container as it is on the host."""
    return outside + path.removeprefix(inside) if path.startswith(f"{inside}/") else path


def stable(built: Built, target_dir: str, folder: Path, triple: str) -> tuple[Path, ...]:
    """
    Put every artifact at a path that does not depend on the route: ``folder/<profile>/<name>``; and return those paths.

    Cargo puts it into ``<target dir>/<triple>/<profile>``; a hard link costs nothing, a copy serves where there can be none.
    """
    paths = []
    for artifact in built.artifacts:
        source = Path(localise(artifact.path, "/target", target_dir))
        below = Path(target_dir, triple)
        place = folder / (source.relative_to(below) if source.is_relative_to(below) else Path(source.name))
        _link(source, place)
        paths.append(place)
    return tuple(paths)


def _link(source: Path, place: Path) -> None:
    if place.exists() and place.samefile(source):
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}.") as draft:
        linked = Path(draft, place.name)
        try:
            os.link(source, linked)
        except OSError:
            shutil.copy2(source, linked)
        linked.replace(place)


__all__: Sequence[str] = ("Artifact", "Built", "Messages", "localise", "stable")
