"""Pure: packages of the archive, and a list of them in a form that is small, and in which a name is looked up without reading the rest.

One line for each package, and one for each name that a package provides, sorted; columns with tabs between. A name is found by
bisection, so that a file of 20 MB is only touched where it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from msgspec import Struct

if TYPE_CHECKING:
    from mmap import mmap

COLUMNS: Final = (
    *(b"Package", b"Version", b"Architecture", b"Multi-Arch", b"Priority", b"Pre-Depends", b"Depends"),
    *(b"Provides", b"Conflicts", b"Filename", b"Size", b"SHA256"),
)

_FIELD: Final = re.compile(rb"\n(" + b"|".join(COLUMNS) + rb"): ([^\n]*)")
_FOLD: Final = re.compile(rb"\n[ \t]+")
_PROVISION: Final = re.compile(r"([^\s(]+)\s*(?:\(=\s*([^)\s]+)\s*\))?")


class Package(Struct, frozen=True, kw_only=True):
    """A package of the archive.

    Attributes:
        url: where it is; *size* is in bytes, *digest* is ``sha256:…``.
        file: its name in our cache, as apt would have it, a version's colon escaped.
        multi: its ``Multi-Arch``; it and the relations are as they stand in the list.
    """

    name: str
    version: str
    architecture: str
    url: str
    size: int
    digest: str
    file: str
    multi: str = ""
    priority: str = ""
    depends: str = ""
    provides: str = ""
    conflicts: str = ""


def megabytes(packages: Iterable[Package]) -> str:
    """Return how large packages are."""
    return f"{sum(package.size for package in packages) / 1e6:.0f}"


class Provision(Struct, frozen=True):
    """A package in a version that provides a name, itself in a *version* or in none."""

    package: str
    package_version: str
    version: str


def lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Give the lines for the whole stanzas in blocks, unsorted, each with its end."""
    for block in blocks:
        for stanza in block.replace(b"\t", b" ").split(b"\n\n"):
            unfolded = _FOLD.sub(b" ", stanza) if b",\n " in stanza else stanza  # the archive writes each relation on one line anyway
            fields = dict(_FIELD.findall(b"\n" + unfolded))
            name, version = fields.get(b"Package", b""), fields.get(b"Version", b"")
            if not name or not version or not fields.get(b"Size", b"0").isdigit():
                continue
            yield b"\t".join([fields.get(column, b"") for column in COLUMNS]) + b"\n"
            if provides := fields.get(b"Provides"):
                yield from (b"\t".join((provided, b"", name, version, own + b"\n")) for provided, own in _provisions(provides))


def _provisions(field: bytes) -> Iterator[tuple[bytes, bytes]]:
    for one in field.decode(errors="replace").split(","):
        match = _PROVISION.match(one.strip())
        if match:
            yield match[1].encode(), (match[2] or "").encode()


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream between two stanzas."""
    rest = b""
    for piece in pieces:
        text = rest + piece
        cut = text.rfind(b"\n\n") + 2
        if cut > 1:
            yield text[:cut]
            text = text[cut:]
        rest = text
    if rest.strip():
        yield rest


class Index:
    """A compact list that is asked for names."""

    def __init__(self, content: mmap | bytes, base: str = "") -> None:
        """Keep the lines, and where the packages' files are."""
        self._content, self._base = content, base

    def packages(self, name: str) -> Iterator[Package]:
        """Give what is called so."""
        for row in self._rows(f"{name}\t".encode()):
            columns = row.decode(errors="replace").split("\t")
            if columns[1]:
                _, version, architecture, multi, priority, before, after, provides, conflicts, path, size, sha256 = columns
                yield Package(
                    name=name,
                    version=version,
                    architecture=architecture,
                    url=f"{self._base}/{quote(path)}",
                    size=int(size or 0),
                    digest=f"sha256:{sha256}",
                    file=f"{name}_{version.replace(':', '%3a')}_{architecture}.deb",
                    multi=multi,
                    priority=priority,
                    depends=", ".join(filter(None, (before, after))),
                    provides=provides,
                    conflicts=conflicts,
                )

    def providers(self, name: str) -> Iterator[Provision]:
        """Give what provides a name."""
        for row in self._rows(f"{name}\t\t".encode()):
            yield Provision(*row.decode(errors="replace").split("\t")[2:5])

    def names(self, beginning: str) -> Iterator[str]:
        """Give the names that begin so, as often as they stand there."""
        for row in self._rows(beginning.encode()):
            yield row[: row.index(b"\t")].decode(errors="replace")

    def _rows(self, beginning: bytes) -> Iterator[bytes]:
        start, size = self._first(beginning), len(self._content)
        while start < size:
            end = self._content.find(b"\n", start)
            row = self._content[start:end]
            if not row.startswith(beginning):
                return
            yield row
            start = end + 1

    def _first(self, beginning: bytes) -> int:
        """Return where the first line starts that is not before *beginning*."""
        low, high = 0, len(self._content)
        while low < high:
            middle = (low + high) // 2
            start = self._content.rfind(b"\n", low, middle) + 1 or low
            end = self._content.find(b"\n", middle)
            if self._content[start:end] < beginning:
                low = end + 1
            else:
                high = start
        return low


class Offered:
    """What several lists offer together, each name read once."""

    def __init__(self, indexes: Sequence[Index]) -> None:
        """Read nothing yet."""
        self.packages = cache(lambda name: tuple(one for index in indexes for one in index.packages(name)))
        self.providers = cache(lambda name: tuple(one for index in indexes for one in index.providers(name)))
