"""Act: a layer of an image, written from files of Debian's packages; what a package holds is not trusted."""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple

from msgspec import Struct

from ..clients.debian.deb import members
from ..clients.debian.index import Package
from ..core import files
from ..core.errors import ImageFailed

FORMAT: Final = 1
"""Of layers: whoever changes how a package's files are written makes it another."""

USR_LINKS: Final = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
"""Folders that are links into usr: https://wiki.debian.org/UsrMerge; maintainer scripts make them, and none is run."""

OMIT: Final = (
    *("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/gdb/"),
    *("usr/share/bash-completion/", "usr/share/bug/", "usr/share/icons/", "usr/share/applications/", "var/cache/", "var/lib/dpkg/"),
)
"""What no build reads."""

UNREAD: Final = re.compile(r"usr/bin/(.+-)?lto-dump(-.+)?")
"""A debugging aid for gcc's own developers, of 30 MB each."""


PIECE: Final = 1 << 16
"""Bytes of a file that are copied at a time."""


class Layer(Struct, frozen=True, kw_only=True):
    """A layer: its *size* in bytes, its *digest* in hex, and the *programs* that it holds, paths below usr/bin."""

    size: int
    digest: str
    programs: frozenset[str]


class LayerContents(NamedTuple):
    """A layer to be: its packages, and which of their files it takes.

    Attributes:
        without: paths that are left out, and *outside* beginnings of such paths.
        only: the paths that are taken, if not all; behind one of them a package is not read on.
    """

    packages: tuple[Package, ...]
    without: frozenset[str] = frozenset()
    outside: tuple[str, ...] = ()
    only: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """Return what names the layer before it is made: of the same files, by the same rules, it is the same."""
        files = [(package.file, package.digest) for package in self.packages]
        rules = (FORMAT, OMIT, UNREAD.pattern, sorted(self.without), self.outside, sorted(self.only))
        return hashlib.sha256(json.dumps((files, rules)).encode()).hexdigest()[:32]

    def takes(self, name: str) -> bool:
        """Tell whether a file is copied, by its path in the image."""
        if f"{name}/".startswith(OMIT) or UNREAD.fullmatch(name) or name in self.without or name.startswith(self.outside):
            return False
        return not self.only or name in self.only


def compose(file: IO[bytes], fill: Callable[[tarfile.TarFile], None]) -> tuple[Layer, IO[bytes]]:
    """Write a layer into an empty file."""
    with tarfile.TarFile(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, copybufsize=PIECE) as tar:
        fill(tar)
        programs = frozenset(member.name for member in tar.getmembers() if member.name.startswith("usr/bin/"))
    size = file.tell()
    file.seek(0)
    return Layer(size=size, digest=files.sha256(file), programs=programs), file


def copy(part: LayerContents, debs: Iterable[Path], tar: tarfile.TarFile) -> None:
    """Copy what a part takes of its packages' files."""
    names: set[str] = set()
    for deb in debs:
        for member, content in members(deb):
            name = place(member.name, deb.name)
            # a path that stands twice in a layer is refused by the engine; packages share folders, and nothing else
            if not name or name in names or not part.takes(name):
                continue
            plain = _plain(member, name, deb.name)
            if plain.islnk() and plain.linkname not in names:
                raise ImageFailed(f"{deb.name} holds {name!r}, a link to {plain.linkname!r}", why="that is not in the image")
            names.add(name)
            tar.addfile(plain, content)
            if name in part.only:
                break


def place(name: str, source: str) -> str:
    """Return where a file of a package lies in the image; empty for the root of the package.

    Raises:
        ImageFailed: the path leads out of the image.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ImageFailed(f"{source} holds the path {name!r}", why="it leads out of the image", hint="the package is not trusted")
    parts = [part for part in path.parts if part != "."]
    if parts and parts[0] in USR_LINKS:
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


def entry(name: str, mode: int, kind: bytes = tarfile.REGTYPE, *, target: str = "", size: int = 0) -> tarfile.TarInfo:
    """Return what an archive says of a file, a folder or a symbolic link to *target*."""
    info = tarfile.TarInfo(name)
    info.mode, info.type, info.linkname, info.size = mode, kind, target, size
    return info
