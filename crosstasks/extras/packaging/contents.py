"""What packages hold, and how two folders of them differ: which package, which file in it, and where."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

from msgspec import Struct

from ...catalog.targets import Target, catalogue
from ...core import cache, files
from ...core.errors import NothingSelected, VerificationFailed
from ...verifying.checks import section, sections

SUFFIXES: Final = (".tar.gz", ".tgz", ".zip")

SUMS: Final = "SHA256SUMS"


class Package(Struct, frozen=True, kw_only=True):
    """An archive, and the target that its name tells."""

    path: Path
    target: Target

    @property
    def name(self) -> str:
        """Return the archive's name without its suffix, which is that of the folder in it."""
        return next(self.path.name.removesuffix(suffix) for suffix in SUFFIXES if self.path.name.endswith(suffix))


def find_packages(dist: Path, triples: Collection[str] = ()) -> tuple[Package, ...]:
    """Return the packages in a folder, all or those of some targets.

    Raises:
        NothingSelected: there is none.
    """
    files = sorted(path for path in dist.glob("*") if path.name.endswith(SUFFIXES))
    packages = [Package(path=path, target=target) for path in files if (target := target_of(path.name))]
    selection = tuple(package for package in packages if not triples or package.target.triple in triples)
    missing = sorted(set(triples) - {package.target.triple for package in selection})
    if missing or not selection:
        what = f"there is no package of {', '.join(missing)} in {dist}" if missing else f"there is no package in {dist}"
        raise NothingSelected(what, why="a package is named {name}-{target}-v{version}.tar.gz or .zip", hint="`release.build` makes them")
    return selection


def target_of(name: str) -> Target | None:
    """Return the target that a name like ``hello-aarch64-unknown-linux-gnu-v1.0.0.tar.gz`` tells; the longest that is in it."""
    triples = [triple for triple in catalogue() if f"-{triple}-v" in name or f"-{triple}." in name]
    return catalogue()[max(triples, key=len)] if triples else None


def is_of(name: str, triples: Collection[str]) -> bool:
    """Tell whether a package's name tells one of some targets; any name does if there are none."""
    return not triples or bool((target := target_of(name)) and target.triple in triples)


@contextmanager
def unpack(package: Path, root: Path) -> Iterator[Path]:
    """Give a folder with what an archive holds, in the cache *root*; it is removed afterwards.

    Raises:
        VerificationFailed: the archive is damaged, or would write elsewhere.
    """
    with cache.temporary(root) as place:
        folder = place / "package"
        folder.mkdir(mode=0o755)  # a container's user reads it as well
        with _reading(package):
            if package.suffix == ".zip":
                _unzip(package, folder)
            else:
                with tarfile.open(package) as archive:
                    files.extract(archive, folder)
        yield folder


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Translate what Python says of an archive that is damaged, wherever in it that is."""
    try:
        yield
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise VerificationFailed(f"{path.name} cannot be unpacked", why=str(error), hint="package it again") from error


def regular_files(folder: Path) -> tuple[Path, ...]:
    """Return the files in a folder, and no links."""
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()))


def _unzip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            mode = (member.external_attr >> 16) & 0o777
            Path(archive.extract(member, folder)).chmod(0o755 if member.is_dir() else mode or 0o644)


def problems(package: Package, folder: Path) -> tuple[str, ...]:
    """Return what is wrong with an archive that *folder* has the content of: the folder in it, and its checksums."""
    heads = sorted({file.relative_to(folder).parts[0] for file in regular_files(folder)})
    wrong = [] if heads == [package.name] else [f"holds {', '.join(heads) or 'nothing'}, not one folder {package.name}"]
    return (*wrong, *_sums(package.path))


def _sums(path: Path) -> Iterator[str]:
    """Compare a file with every checksum that is told of it."""
    real = files.sha256(path)
    for source in (path.with_name(SUMS), path.with_name(f"{path.name}.sha256")):
        there = checksums(source).get(path.name, "")
        if source.is_file() and source.stat().st_size and there != real:
            what = f"is not what {source.name} lists: SHA-256 {real[:16]}…, there {there[:16]}…"
            yield what if there else f"is not listed in {source.name}"


def checksums(path: Path) -> dict[str, str]:
    """Return what a file of ``sha256sum`` lists, the checksum of each file; nothing if it is not there."""
    words = (line.split(maxsplit=1) for line in path.read_text("utf-8").splitlines()) if path.is_file() else ()
    return {pair[1].lstrip("*"): pair[0] for pair in words if len(pair) == 2}


MOST: Final = 3
"""How many sections are named; code and tables that point into others differ whenever those do."""

CAUSES: Final = (".rodata", ".data", ".debug", ".comment")
"""Sections with what a build puts in: paths, times, versions."""


class Difference(Struct, frozen=True, kw_only=True):
    """One way in which two packages differ.

    Attributes:
        member: the file in the package, empty if it is the package as a whole.
        what: in words; *offset* is the first byte that differs, -1 if that says nothing, and *section* where in an ELF file it lies.
    """

    package: str
    member: str = ""
    what: str
    offset: int = -1
    section: str = ""

    def __str__(self) -> str:
        """Return it for people."""
        place = f" at {self.offset:#x}{f' in {self.section}' if self.section else ''}" if self.offset >= 0 else ""
        return f"{'/'.join(filter(None, (self.package, self.member)))}: {self.what}{place}"


def differences(first: Path, second: Path, root: Path, triples: Collection[str] = ()) -> tuple[Difference, ...]:
    """Compare the packages of two folders, all or those of some targets; nothing is returned if they are the same, byte for byte.

    Args:
        root: our cache, where those that differ are unpacked.

    Raises:
        VerificationFailed: two differ, and one of them is damaged.
    """
    here, there = _packages(first, triples), _packages(second, triples)
    lone = [(name, first if name in here else second) for name in sorted(here.keys() ^ there.keys())]
    result = [Difference(package=name, what=f"is only in {folder}") for name, folder in lone]
    for name in sorted(here.keys() & there.keys()):
        result += _compare(here[name], there[name], root)
    return tuple(result)


def _packages(folder: Path, triples: Collection[str]) -> dict[str, Path]:
    return {path.name: path for path in folder.glob("*") if path.name.endswith(SUFFIXES) and is_of(path.name, triples)}


def _compare(first: Path, second: Path, root: Path) -> list[Difference]:
    offset = _first(first.read_bytes(), second.read_bytes())
    if offset < 0:
        return []
    with unpack(first, root) as folder, unpack(second, root) as other:
        here, there = ({path.relative_to(place).as_posix(): path for path in regular_files(place)} for place in (folder, other))
        lone = [(name, "first" if name in here else "second") for name in sorted(here.keys() ^ there.keys())]
        result = [Difference(package=first.name, member=name, what=f"is only in the {place}") for name, place in lone]
        for name in sorted(here.keys() & there.keys()):
            result += _member(first.name, name, here[name], there[name])
    return result or [Difference(package=first.name, what="the files are the same, but not how they are packed", offset=offset)]


def _member(package: str, name: str, first: Path, second: Path) -> Iterator[Difference]:
    mode, other_mode = (oct(path.stat().st_mode & 0o777) for path in (first, second))
    if mode != other_mode:
        yield Difference(package=package, member=name, what=f"the mode is {mode}, and {other_mode} in the second")
    data, other_data = first.read_bytes(), second.read_bytes()
    offset = _first(data, other_data)
    if offset >= 0:
        sizes = f"{len(data)} and {len(other_data)} bytes, " if len(data) != len(other_data) else ""
        names = _section_names(data, other_data)
        parts = f" in {', '.join(names[:MOST])}{' and others' if names[MOST:] else ''}" if names else ""
        what = f"{sizes}differs{parts}, first"
        yield Difference(package=package, member=name, what=what, offset=offset, section=section(BytesIO(data), offset))


def _section_names(first: bytes, second: bytes) -> list[str]:
    """Return the sections of ELF files whose content differs, texts and data first: what moves with them follows from them."""
    here, there = ({name: data[start:end] for start, end, name in sections(BytesIO(data))} for data in (first, second))
    names = [name for name in (*here, *(name for name in there if name not in here)) if here.get(name) != there.get(name)]
    return sorted(names, key=lambda name: not name.startswith(CAUSES))


def _first(first: bytes, second: bytes) -> int:
    """Return the first offset where two files differ, -1 if nowhere."""
    if first == second:
        return -1
    shorter = min(len(first), len(second))
    return next((place for place in range(shorter) if first[place] != second[place]), shorter)
