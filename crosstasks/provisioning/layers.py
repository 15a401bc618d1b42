"""Act: compose a layer of an image from the files of Debian's packages, streamed: nothing of them is unpacked on the disk."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from ..clients.deb import PIECE, members
from ..core.errors import ImageFailed

MERGED: Final = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
"""Folders that are links into usr: https://wiki.debian.org/UsrMerge; maintainer scripts make them, and none is run."""

DROPPED: Final = (
    *("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/gdb/"),
    *("usr/share/bash-completion/", "usr/share/bug/", "usr/share/icons/", "usr/share/applications/", "var/cache/", "var/lib/dpkg/"),
)
"""What no build reads."""

UNREAD: Final = re.compile(r"usr/bin/(.+-)?lto-dump(-.+)?")
"""A debugging aid for gcc's own developers, of 30 MB each."""


class Layer(NamedTuple):
    """A layer: the *file* that holds it, its *size* in bytes, its *digest* in hex, and the paths that it *holds*."""

    file: io.BufferedRandom
    size: int
    digest: str
    holds: frozenset[str]


def compose(file: io.BufferedRandom, fill: Callable[[tarfile.TarFile], None]) -> Layer:
    """Write a layer into an empty file."""
    with tarfile.TarFile(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, copybufsize=PIECE) as tar:
        fill(tar)
        holds = frozenset(member.name for member in tar.getmembers())
    size = file.tell()
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return Layer(file, size, digest, holds)


def copy(tar: tarfile.TarFile, debs: Iterable[Path], wanted: Callable[[str], bool], *, last: Collection[str] = ()) -> None:
    """
    Copy what is wanted of packages.

    Args:
        wanted: tells of a path in the image whether it is.
        last: paths behind which a package is not read on.
    """
    seen: set[str] = set()
    for deb in debs:
        for member, content in members(deb):
            name = place(member.name, deb.name)
            # a path that stands twice in a layer is refused by the engine; packages share folders, and nothing else
            if not name or name in seen or f"{name}/".startswith(DROPPED) or UNREAD.fullmatch(name) or not wanted(name):
                continue
            plain = _plain(member, name, deb.name)
            if plain.islnk() and plain.linkname not in seen:
                raise ImageFailed(f"{deb.name} holds {name!r}, a link to {plain.linkname!r}", why="that is not in the image")
            seen.add(name)
            tar.addfile(plain, content)
            if name in last:
                break


def place(name: str, source: str) -> str:
    """
    Return where a file of a package lies in the image; empty for the root of the package.

    Raises:
        ImageFailed: the path leads out of the image.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ImageFailed(f"{source} holds the path {name!r}", why="it leads out of the image", hint="the package is not trusted")
    parts = [part for part in path.parts if part != "."]
    if parts and parts[0] in MERGED:
        parts.insert(0, "usr")
    return "/".join(parts)


def _plain(member: tarfile.TarInfo, name: str, source: str) -> tarfile.TarInfo:
    """Return a member as it enters the image: owned by root, without set-user-id; devices are refused."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise ImageFailed(f"{source} holds the device {member.name!r}", hint="the package is not trusted")
    plain = tarfile.TarInfo(name)
    plain.type, plain.size, plain.mtime = member.type, member.size, member.mtime
    plain.mode = member.mode & 0o1777
    plain.linkname = place(member.linkname, source) if member.islnk() else member.linkname
    return plain


def directory(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    return info


def write(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


__all__ = ["MERGED", "Layer", "compose", "copy", "directory", "link", "place", "write"]
