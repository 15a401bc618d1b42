"""Act: keep the toolchains in our RUSTUP_HOME whole, and tell what they hold.

::

    <home>/toolchains/<release>-<host>/                   bin, lib, as rustup and cross know it
    <home>/toolchains/<release>-<host>/.crosstasks.json   what is in it; written last, so what has it is whole
    <home>/toolchains/<release>-<host>/.sums              its files (whole.py)
    <home>/making/                                        drafts and locks; nothing of use when nobody works
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec
from msgspec import Struct, structs

from ..core import cache, files
from ..core.errors import ToolMissing
from ..facts import inventory

if TYPE_CHECKING:
    from ..core.steps import Say
    from ..facts.rustup import Toolchain

SOURCE: Final = "lib/rustlib/src/rust/library"

BOOKS: Final = frozenset(
    {inventory.MARKER, *(f"lib/rustlib/{name}" for name in ("components", "multirust-config.toml", "multirust-channel-manifest.toml"))}
)
"""What we and rustup write anew when something is added, also where that fails half way: all else that is added is new files."""


class ToolchainSpec(Struct, frozen=True, kw_only=True):
    """A toolchain to have.

    Attributes:
        release: ``1.96.0``.
        host: the triple that its programs run on, which need not be this machine's.
        targets: triples whose standard library is wanted; the host's own always comes along.
        source: the library's source is wanted too, for ``-Zbuild-std``.
        components: what else of rustup's, and *profile* its name for a set of them.
    """

    release: str
    host: str
    targets: tuple[str, ...] = ()
    source: bool = False
    components: tuple[str, ...] = ()
    profile: str = ""

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
    components: tuple[str, ...] = ()
    architectures: Mapping[str, str] = {}
    packages: Mapping[str, str] = {}


def name(spec: ToolchainSpec) -> str:
    """Return the name that rustup and cross know the toolchain by."""
    return f"{spec.release}-{spec.host}"


def path(home: Path, spec: ToolchainSpec) -> Path:
    """Return the folder of the toolchain."""
    return home / "toolchains" / name(spec)


def marker(folder: Path) -> Marker | None:
    """Read what a toolchain holds; None if it is not whole, or not ours."""
    try:
        content = msgspec.json.decode((folder / inventory.MARKER).read_bytes(), type=Marker)
    except (OSError, msgspec.MsgspecError):
        return None
    return content if any((folder / "bin" / rustc).is_file() for rustc in ("rustc", "rustc.exe")) else None


def missing(home: Path, spec: ToolchainSpec) -> tuple[str, ...]:
    """Return what is not there yet: ``rustc``, triples, ``source``; nothing if the toolchain is complete."""
    folder = path(home, spec)
    present = marker(folder)
    rustc = () if present else ("rustc",)
    triples = (t for t in spec.triples if not present or t not in present.targets or not (folder / "lib/rustlib" / t).is_dir())
    source = spec.source and not (present and present.source and (folder / SOURCE).is_dir())
    components = (name for name in spec.components if not present or name not in present.components)
    return (*rustc, *triples, *(("source",) if source else ()), *components)


def complete(home: Path, spec: ToolchainSpec) -> bool:
    """Tell whether all that is wanted is there."""
    return not missing(home, spec)


def inspect(home: Path) -> tuple[Toolchain, ...]:
    """Return the whole toolchains of ours in *home*, by name."""
    toolchains = (inventory.parse(place) for place in sorted((home / "toolchains").glob(f"[!.]*/{inventory.MARKER}")))
    return tuple(toolchain for toolchain in toolchains if toolchain)


def union(spec: ToolchainSpec, present: Marker | None) -> ToolchainSpec:
    """Pure: want also what is held already, so that adding a target takes none away."""
    if present is None:
        return spec
    return ToolchainSpec(
        release=spec.release,
        host=spec.host,
        targets=tuple(dict.fromkeys((*present.targets, *spec.targets))),
        source=spec.source or present.source,
        components=tuple(dict.fromkeys((*present.components, *spec.components))),
        profile=spec.profile,
    )


def mark(folder: Path, content: Marker) -> None:
    """Note the files of a toolchain, and then what it holds, which makes it count as whole."""
    cache.note_checksums(folder, but=BOOKS)
    files.write(folder / inventory.MARKER, msgspec.json.format(msgspec.json.encode(content)).decode())


def keep(place: Path, present: Marker, draft_: Path, other: Marker) -> None:
    """
    Put into the toolchain *draft_*, which is to replace the one in *place*, what only that holds: adding takes nothing away.

    rustup's own books do not come along; it then adds what it does not know of by installing anew (``toolchain.from_rustup``).

    Raises:
        ToolMissing: they were built apart, and a standard library fits only the rustc that it was built with.
    """
    more = [triple for triple in present.targets if triple not in other.targets]
    parts = [*more, *(["src"] if present.source and not other.source else [])]
    if not parts:
        return
    if (present.origin, _rustc(present)) != (other.origin, _rustc(other)):
        why = f"{', '.join(parts)} would be lost, which fit no other build of rustc"
        hint = "make one bundle for all targets, or remove the toolchain that is there"
        raise ToolMissing(f"{place.name} is there, and is not that of the bundle", why=why, hint=hint)
    for part in parts:
        shutil.copytree(place / "lib/rustlib" / part, draft_ / "lib/rustlib" / part, symlinks=True)
    union = {
        "targets": (*other.targets, *more),
        "source": present.source or other.source,
        "architectures": {**present.architectures, **other.architectures},
        "packages": {**present.packages, **other.packages},
    }
    mark(draft_, structs.replace(other, **union))


def _rustc(content: Marker) -> str:
    """Return the version of Debian's package; rustup's are told apart by their release."""
    return next((version for name, version in content.packages.items() if name.startswith("rustc-web:")), "")


@contextmanager
def draft(home: Path, name: str, say: Say) -> Iterator[Path]:
    """
    Hold the lock of the toolchain of this *name*, and lend an empty folder beside it that is gone afterwards.

    Its name is new each time: the rustup of a call that was killed goes on, and must not write into what the next one makes.
    """
    place = home / "making" / name
    with cache.locked(place, say), files.draft_folder(place) as folder:
        yield folder
