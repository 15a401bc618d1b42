"""Act: keep the toolchains in our RUSTUP_HOME whole, and tell what they hold.

::

    <home>/toolchains/<release>-<host>/                   bin, lib, as rustup and cross know it
    <home>/toolchains/<release>-<host>/.crosstasks.json   what is in it; written last, so what has it is whole
    <home>/toolchains/<release>-<host>/.sums              its files (whole.py)
    <home>/making/                                        drafts and locks; nothing of use when nobody works
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct, structs

from ..catalog.ingredients import InstallToolchain, Toolchain
from ..core import cache, files
from ..core.errors import ToolMissing
from ..facts import inventory

if TYPE_CHECKING:
    from ..core.steps import Say

SOURCE: Final = "lib/rustlib/src/rust/library"

BUILD_STD: Final = "it can be built from the library's source with -Zbuild-std"

BOOKS: Final = frozenset(
    {inventory.MARKER, *(f"lib/rustlib/{name}" for name in ("components", "multirust-config.toml", "multirust-channel-manifest.toml"))}
)
"""What we and rustup write anew when something is added, also where that fails half way: all else that is added is new files."""


def path(home: Path, step: InstallToolchain) -> Path:
    """Return the folder of the toolchain."""
    return home / "toolchains" / step.name


def missing(home: Path, step: InstallToolchain) -> tuple[str, ...]:
    """Return what is not there yet: ``rustc``, triples, ``source``; nothing if the toolchain is complete."""
    folder = path(home, step)
    present = inventory.toolchain(folder)
    rustc = () if present else ("rustc",)
    triples = (t for t in step.triples if not present or t not in present.standard or not (folder / "lib/rustlib" / t).is_dir())
    source = step.library and not (present and present.library and (folder / SOURCE).is_dir())
    components = (name for name in step.components if not present or name not in present.components)
    return (*rustc, *triples, *(("source",) if source else ()), *components)


class Addition(Struct, frozen=True, kw_only=True):
    """
    What is to be added to a toolchain, or made anew.

    Attributes:
        step: what is asked for, and what is there already, so that adding a target takes none away.
        present: what is there, of the same origin; another's cannot be added to.
        base: the same, if it may be added to: its files are noted again afterwards, and damage would be noted as good.
        folder: an empty one, for what is made aside.
    """

    step: InstallToolchain
    present: Toolchain | None
    base: Toolchain | None
    folder: Path


@contextmanager
def addition(home: Path, step: InstallToolchain, origin: str, say: Say) -> Iterator[Addition | None]:
    """Hold the toolchain's lock, and tell what is to be added; nothing if it is complete."""
    place = path(home, step)
    with draft(home, step.name, say) as folder:
        if not missing(home, step):
            yield None
            return
        present = inventory.toolchain(place)
        if present and present.origin != origin:
            present = None
        wrong = cache.describe(cache.changed_files(place))
        if wrong:
            say(f"{place} is made anew: {wrong}")
        yield Addition(step=union(step, present), present=present, base=None if wrong else present, folder=folder)


def contents(step: InstallToolchain, origin: str, glibc: str) -> Toolchain:
    """Pure: return what a toolchain holds once the step was taken; the marker has no path."""
    return Toolchain(
        name=step.name,
        path="",
        release=step.release,
        host=step.host,
        standard=step.triples,
        library=step.library,
        origin=origin,
        glibc=glibc,
        components=step.components,
    )


def union(step: InstallToolchain, present: Toolchain | None) -> InstallToolchain:
    """Pure: ask also for what is there already, so that adding a target takes none away."""
    if present is None:
        return step
    return structs.replace(
        step,
        targets=tuple(dict.fromkeys((*present.standard, *step.targets))),
        library=step.library or present.library,
        components=tuple(dict.fromkeys((*present.components, *step.components))),
    )


def mark(folder: Path, content: Toolchain) -> None:
    """Note the files of a toolchain, and then what it holds, which makes it count as whole."""
    cache.note_checksums(folder, but=BOOKS)
    files.write(folder / inventory.MARKER, msgspec.json.format(msgspec.json.encode(inventory.marker_content(content))).decode())


def keep(place: Path, present: Toolchain, draft_: Path, other: Toolchain) -> None:
    """
    Put into the toolchain *draft_*, which is to replace the one in *place*, what only that holds: adding takes nothing away.

    rustup's own books do not come along; it then adds what it does not know of by installing anew (``toolchain.from_rustup``).

    Raises:
        ToolMissing: they were built apart, and a standard library fits only the rustc that it was built with.
    """
    more = [triple for triple in present.standard if triple not in other.standard]
    parts = [*more, *(["src"] if present.library and not other.library else [])]
    if not parts:
        return
    if (present.origin, _rustc(present)) != (other.origin, _rustc(other)):
        why = f"{', '.join(parts)} would be lost, which fit no other build of rustc"
        hint = "make one bundle for all targets, or remove the toolchain that is there"
        raise ToolMissing(f"{place.name} is there, and is not that of the bundle", why=why, hint=hint)
    for part in parts:
        shutil.copytree(place / "lib/rustlib" / part, draft_ / "lib/rustlib" / part, symlinks=True)
    union = {
        "standard": (*other.standard, *more),
        "library": present.library or other.library,
        "architectures": {**present.architectures, **other.architectures},
        "packages": {**present.packages, **other.packages},
    }
    mark(draft_, structs.replace(other, **union))


def _rustc(content: Toolchain) -> str:
    """Return the version of Debian's package; rustup's are told apart by their release."""
    return next((version for name, version in content.packages.items() if name.startswith("rustc-web:")), "")


@contextmanager
def draft(home: Path, name: str, say: Say) -> Iterator[Path]:
    """
    Hold the lock of the toolchain of this *name*, and lend an empty folder beside it that is gone afterwards.

    Its name is new each time: the rustup of a call that was killed goes on, and must not write into what the next one makes.
    """
    place = home / "making" / name
    with cache.lock(place, say), files.draft_folder(place) as folder:
        yield folder
