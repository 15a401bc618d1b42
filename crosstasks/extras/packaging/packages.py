"""Act: the packages of a release, taken out of their archives into a folder of ours."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ...catalog.targets import Target, catalogue
from ...core import unpacking
from ...core.errors import NothingSelected, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

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


def listed(dist: Path, triples: Collection[str] = ()) -> tuple[Package, ...]:
    """
    Return the packages in a folder, all or those of some targets.

    Raises:
        NothingSelected: there is none.
    """
    files = sorted(path for path in dist.glob("*") if path.name.endswith(SUFFIXES))
    found = [Package(path=path, target=target) for path in files if (target := target_of(path.name))]
    chosen = tuple(package for package in found if not triples or package.target.triple in triples)
    missing = sorted(set(triples) - {package.target.triple for package in chosen})
    if missing or not chosen:
        what = f"there is no package of {', '.join(missing)} in {dist}" if missing else f"there is no package in {dist}"
        raise NothingSelected(what, why="a package is named {name}-{target}-v{version}.tar.gz or .zip", hint="`release.build` makes them")
    return chosen


def target_of(name: str) -> Target | None:
    """Return the target that a name like ``hello-aarch64-unknown-linux-gnu-v1.0.0.tar.gz`` tells; the longest that is in it."""
    held = [triple for triple in catalogue() if f"-{triple}-v" in name or f"-{triple}." in name]
    return catalogue()[max(held, key=len)] if held else None


@contextmanager
def unpacked(package: Package) -> Iterator[tuple[Path, ...]]:
    """
    Give the files of a package, taken out into a folder that is removed afterwards.

    Raises:
        VerificationFailed: the archive is damaged, or would write elsewhere.
    """
    with TemporaryDirectory(prefix="crosstasks-verify-") as place:
        folder = Path(place, "package")
        folder.mkdir(mode=0o755)  # a container's user reads it as well
        try:
            _zip(package.path, folder) if package.path.suffix == ".zip" else _tar(package.path, folder)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
            raise VerificationFailed(f"{package.path.name} cannot be unpacked", why=str(error), hint="package it again") from error
        yield tuple(sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()))


def _tar(path: Path, folder: Path) -> None:
    with tarfile.open(path) as archive:
        unpacking.taken_out(archive, folder)


def _zip(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            mode = (member.external_attr >> 16) & 0o777
            Path(archive.extract(member, folder)).chmod(0o755 if member.is_dir() else mode or 0o644)


def problems(package: Package, files: Collection[Path]) -> tuple[str, ...]:
    """Return what is wrong with the archive itself: its folder, and its checksums."""
    root = next((parent for file in files for parent in file.parents if parent.name == "package"), None)
    heads = sorted({file.relative_to(root).parts[0] for file in files}) if root else []
    found = [] if heads == [package.name] else [f"holds {', '.join(heads) or 'nothing'}, wanted one folder {package.name}"]
    return (*found, *_sums(package.path))


def _sums(path: Path) -> Iterator[str]:
    """Compare a file with every checksum that is told of it."""
    with path.open("rb") as file:
        real = hashlib.file_digest(file, "sha256").hexdigest()
    for source in (path.with_name(SUMS), path.with_name(f"{path.name}.sha256")):
        lines = source.read_text("utf-8").splitlines() if source.is_file() else []
        words = [line.split(maxsplit=1) for line in lines]
        told = {pair[1].lstrip("*"): pair[0] for pair in words if len(pair) == 2}
        if lines and told.get(path.name) is None:
            yield f"is not listed in {source.name}"
        elif lines and told[path.name] != real:
            yield f"is not what {source.name} lists: SHA-256 {real[:16]}…, there {told[path.name][:16]}…"
