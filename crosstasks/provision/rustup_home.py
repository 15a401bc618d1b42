"""Act: keep the toolchains in our RUSTUP_HOME whole, and tell what they hold.

::

    <home>/toolchains/<release>-<host>/                   bin, lib, as rustup and cross know it
    <home>/toolchains/<release>-<host>/.crosstasks.json   what is in it; written last, so what has it is whole
    <home>/toolchains/<release>-<host>/.sums              its files (whole.py)
    <home>/making/                                        drafts and locks; nothing of use when nobody works
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct

from .. import cache, whole
from ..facts import provided

if TYPE_CHECKING:
    from ..facts.rustup import Toolchain

SOURCE: Final = "lib/rustlib/src/rust/library"


class Wanted(Struct, frozen=True, kw_only=True):
    """A toolchain to have.

    Attributes:
        release: ``1.96.0``.
        host: the triple that its programs run on, which need not be this machine's.
        targets: triples whose standard library is wanted; the host's own always comes along.
        source: the library's source is wanted too, for ``-Zbuild-std``.
    """

    release: str
    host: str
    targets: tuple[str, ...] = ()
    source: bool = False

    @property
    def triples(self) -> tuple[str, ...]:
        """Return all triples whose standard library is wanted."""
        return tuple(dict.fromkeys((self.host, *self.targets)))


class Marker(Struct, frozen=True, kw_only=True):
    """What a toolchain of ours holds.

    Attributes:
        version: of this form.
        release, host, targets, source: as in ``Wanted``.
        origin: ``debian`` or ``rustup``.
        glibc: the lowest that its programs run with.
        architectures: of Debian, by the triple whose standard library came from there.
        packages: of Debian, ``name:architecture`` to version.
    """

    version: Literal[1] = 1
    release: str
    host: str
    targets: tuple[str, ...]
    source: bool
    origin: Literal["debian", "rustup"]
    glibc: str
    architectures: Mapping[str, str] = {}
    packages: Mapping[str, str] = {}


def name(wanted: Wanted) -> str:
    """Return the name that rustup and cross know the toolchain by."""
    return f"{wanted.release}-{wanted.host}"


def path(home: Path, wanted: Wanted) -> Path:
    """Return the folder of the toolchain."""
    return home / "toolchains" / name(wanted)


def marker(folder: Path) -> Marker | None:
    """Read what a toolchain holds; None if it is not whole, or not ours."""
    try:
        found = msgspec.json.decode((folder / provided.MARKER).read_bytes(), type=Marker)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if any((folder / "bin" / rustc).is_file() for rustc in ("rustc", "rustc.exe")) else None


def missing(home: Path, wanted: Wanted) -> tuple[str, ...]:
    """Return what is not there yet: ``rustc``, triples, ``source``; nothing if the toolchain is complete."""
    folder = path(home, wanted)
    found = marker(folder)
    rustc = () if found else ("rustc",)
    triples = (t for t in wanted.triples if not found or t not in found.targets or not (folder / "lib/rustlib" / t).is_dir())
    source = wanted.source and not (found and found.source and (folder / SOURCE).is_dir())
    return (*rustc, *triples, *(("source",) if source else ()))


def complete(home: Path, wanted: Wanted) -> bool:
    """Tell whether all that is wanted is there."""
    return not missing(home, wanted)


def inspect(home: Path) -> tuple[Toolchain, ...]:
    """Return the whole toolchains of ours in *home*, by name."""
    found = (provided.parse(place) for place in sorted((home / "toolchains").glob(f"[!.]*/{provided.MARKER}")))
    return tuple(toolchain for toolchain in found if toolchain)


def union(wanted: Wanted, held: Marker | None) -> Wanted:
    """Pure: want also what is held already, so that adding a target takes none away."""
    if held is None:
        return wanted
    return Wanted(
        release=wanted.release,
        host=wanted.host,
        targets=tuple(dict.fromkeys((*held.targets, *wanted.targets))),
        source=wanted.source or held.source,
    )


def mark(folder: Path, held: Marker) -> None:
    """Note the files of a toolchain, and then what it holds, which makes it count as whole."""
    whole.note(folder, but=provided.MARKER)
    cache.write(folder / provided.MARKER, msgspec.json.format(msgspec.json.encode(held)).decode())


@contextmanager
def draft(home: Path, name: str) -> Iterator[Path]:
    """
    Hold the lock of the toolchain of this *name*, and lend an empty folder beside it that is gone afterwards.

    Its name is new each time: the rustup of a call that was killed goes on, and must not write into what the next one makes.
    """
    lock = home / "making" / name
    with cache.locked(lock):
        for left in lock.parent.glob(f"{lock.name}.*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=lock.parent, prefix=f"{lock.name}."))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
