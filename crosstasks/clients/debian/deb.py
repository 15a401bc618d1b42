"""Look: what lies in a package, streamed: nothing is unpacked on the disk, and no dpkg is needed.

A ``.deb`` is an archive of Unix's ar with ``debian-binary``, the control files and ``data.tar`` (deb(5)).
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from ...core.errors import ToolMissing

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE: Final = 1 << 18
"""Bytes that are read at a time; few large steps, since several packages are read side by side, and each step waits for Python's lock."""

MAGIC: Final = b"!<arch>\n"
HEADER: Final = 60
DATA: Final = "data.tar"


class _Part(io.RawIOBase):
    """A part of a file, as a file of its own."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)[: self._left]
        content = self._file.read(len(view))
        view[: len(content)] = content
        self._left -= len(content)
        return len(content)


class _Unpacked(io.RawIOBase):
    """What a file holds that is packed by xz, in pieces that are asked for: ``lzma.open`` takes 8 KB at a time."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._reader, self._rest = file, lzma.LZMADecompressor(format=lzma.FORMAT_XZ), memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        if not self._rest and not self._reader.eof:
            self._rest = memoryview(self._following())
        size = min(len(view), len(self._rest))
        view[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def _following(self) -> bytes:
        piece = b""
        while not piece and not self._reader.eof:
            packed = self._file.read(PIECE) if self._reader.needs_input else b""
            if self._reader.needs_input and not packed:
                raise EOFError("it ends early")
            piece = self._reader.decompress(packed, 4 * PIECE)
        return piece


OPENERS: Final[Mapping[str, Callable[[Any], Any]]] = {"": lambda file: file, ".xz": _Unpacked, ".gz": gzip.open}
"""How the files of a package may be packed, by the name's end; Debian's are ``.xz``."""


def members(deb: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """
    Read the files of a package one by one.

    Raises:
        ToolMissing: the package cannot be read to its end.
    """
    try:
        with deb.open("rb") as file, _data(file) as content, tarfile.open(fileobj=content, mode="r|", bufsize=4 * PIECE) as tar:
            for member in tar:
                yield member, tar.extractfile(member) if member.isreg() else None
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, ValueError, OSError) as error:
        raise ToolMissing(f"{deb.name} cannot be read", why=str(error), hint=f"remove {deb}, and try again") from error


def _data(file: IO[bytes]) -> IO[bytes]:
    """Return the archive of a package's files, unpacked while it is read."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it is no package of Debian")
    while header := file.read(HEADER):
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        if name.startswith(DATA):
            opener = OPENERS.get(name.removeprefix(DATA))
            if not opener:
                raise ValueError(f"its files are in {name!r}: only {', '.join(DATA + end for end in OPENERS)} can be read")
            content: IO[bytes] = opener(io.BufferedReader(_Part(file, size), PIECE))
            return content
        file.seek(size + size % 2, io.SEEK_CUR)
    raise ValueError(f"it has no {DATA}")
