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
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

from ...core.errors import ToolMissing

MAGIC: Final = b"!<arch>\n"
HEADER: Final = 60
DATA: Final = "data.tar"

OPENERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "": lambda file: file,
    ".xz": partial(lzma.open, format=lzma.FORMAT_XZ),
    ".gz": gzip.open,
}
"""How the files of a package may be packed, by the name's end; Debian's are ``.xz``."""


def members(deb: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Read the files of a package one by one.

    Raises:
        ToolMissing: the package cannot be read to its end.
    """
    try:
        with deb.open("rb") as file, _data(file) as content, tarfile.TarFile(fileobj=content) as tar:
            for member in tar:
                yield member, tar.extractfile(member) if member.isreg() else None
    except EOFError:
        raise _unreadable(deb, "it ends early") from None
    except (tarfile.TarError, lzma.LZMAError, zlib.error, ValueError, OSError) as error:
        raise _unreadable(deb, str(error)) from error


def _unreadable(deb: Path, why: str) -> ToolMissing:
    return ToolMissing(f"{deb.name} cannot be read", why=why, hint=f"remove {deb}, and try again")


def _data(file: IO[bytes]) -> IO[bytes]:
    """Return the archive of a package's files, unpacked while it is read; it is the last part."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ValueError("it is no package of Debian")
    while header := file.read(HEADER):
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        if name.startswith(DATA):
            opener = OPENERS.get(name.removeprefix(DATA))
            if not opener:
                raise ValueError(f"its files are in {name!r}: only {', '.join(DATA + end for end in OPENERS)} can be read")
            content: IO[bytes] = opener(file)
            return content
        file.seek(size + size % 2, io.SEEK_CUR)
    raise ValueError(f"it has no {DATA}")
