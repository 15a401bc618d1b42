"""Act: a package of Debian: as apt offers it, whether its file is whole, and what lies in it, streamed."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote

from msgspec import Struct

from ..core.errors import ToolMissing

_LINE: Final = re.compile(r"^'(?P<url>[^']+)' (?P<file>\S+) (?P<size>\d+) (?:(?P<kind>\w+):(?P<hash>[0-9a-f]+))?")


PIECE: Final = 1 << 18
"""Bytes that are read at a time."""


class Package(Struct, frozen=True, kw_only=True):
    """A package as apt offers it. *size* is in bytes, *digest* is ``sha256:…``; *file* is its name in our cache."""

    name: str
    version: str
    architecture: str
    url: str
    size: int
    digest: str
    file: str


def offered(line: str) -> Package | None:
    """Read a line of ``--print-uris``."""
    found = _LINE.match(line)
    if not found:
        return None
    name, version, architecture = found["file"].removesuffix(".deb").split("_")
    return Package(
        name=name,
        version=unquote(version),
        architecture=architecture,
        url=found["url"],
        size=int(found["size"]),
        digest=f"{found['kind'].lower()}:{found['hash']}" if found["kind"] else "",
        file=found["file"],
    )


def whole(path: Path, package: Package) -> bool:
    """Tell whether a file is the package: its size, and its hash as apt names it."""
    try:
        if path.stat().st_size != package.size:
            return False
        kind, _, wanted = package.digest.partition(":")
        if not wanted:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, kind.replace("md5sum", "md5")).hexdigest() == wanted
    except OSError:
        return False


def megabytes(packages: Iterable[Package]) -> str:
    """Return how large packages are."""
    return f"{sum(package.size for package in packages) / 1e6:.0f}"


def members(deb: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """
    Read the files of a package one by one, streamed: nothing is unpacked on the disk.

    Raises:
        ToolMissing: the package cannot be read to its end.
    """
    broken = ""
    try:
        child = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise ToolMissing("dpkg-deb is not here, and Debian's packages are read with it") from None
    try:
        with tarfile.open(fileobj=child.stdout, mode="r|", bufsize=PIECE) as archive:
            for member in archive:
                yield member, archive.extractfile(member) if member.isreg() else None
    except tarfile.TarError as error:
        broken = str(error)
        _unread(child)
    except BaseException:
        _unread(child)
        raise
    finally:
        _, err = child.communicate()
    if broken or child.returncode:
        why = err.decode(errors="replace").strip() or broken
        raise ToolMissing(f"{deb.name} cannot be read", why=why, hint=f"remove {deb}, and try again")


def _unread(child: subprocess.Popen[bytes]) -> None:
    """End a dpkg-deb whose output is no longer wanted: its own child would go on, with some hundred MB of an emulator's package."""
    if child.stdout:
        child.stdout.close()
    child.kill()


__all__ = ["Package", "megabytes", "members", "offered", "whole"]
