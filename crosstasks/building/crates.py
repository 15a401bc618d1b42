"""Look: whether what cargo keeps of crates is what Cargo.lock names: cargo compares a crate when it comes, and then never.

Its sources lie unpacked beside the crate, and nobody compares them either: whoever could write there once, as a build script on the
host can, would be compiled into every project of the machine.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ..core import toml_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST: Final = 1 << 30
"""Bytes that a crate may unpack to; cargo's own limit is half of it."""


def checksums(lock: Path) -> Mapping[str, str]:
    """Return the checksums of a Cargo.lock by ``name-version``; of what has none, as git dependencies, nothing."""
    packages = toml_file.loads(lock.read_text("utf-8")).get("package", ())
    rows = {f"{package['name']}-{package['version']}": package.get("checksum", "") for package in packages}
    old = toml_file.loads(lock.read_text("utf-8")).get("metadata", {})  # as cargo wrote it before 1.41
    rows |= {"-".join(key.split()[1:3]): value for key, value in old.items() if key.startswith("checksum ")}
    return {name: value for name, value in rows.items() if value and value != "<none>"}


def differing(lock: Path, home: Path) -> Iterator[str]:
    """Give the paths of crates, and of sources, below a CARGO_HOME that are not what a lock file names; no other crates are read."""
    for name, checksum in checksums(lock).items():
        for crate in (home / "registry" / "cache").glob(f"*/{name}.crate"):
            if digest(crate) != checksum:
                yield str(crate)
            elif source := _changed(crate, home / "registry" / "src" / crate.parent.name):
                yield source


def digest(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _changed(crate: Path, folder: Path) -> str:
    """Return the first file of a crate's sources that is not as in the crate; empty if none is, or they are not unpacked."""
    if not (folder / crate.stem).is_dir():
        return ""
    size = 0
    names = set()
    with tarfile.open(crate) as tar:
        for entry in tar:
            size += entry.size
            path = folder.joinpath(*PurePosixPath(entry.name).parts)
            names.add(path)
            if size > MOST or (entry.isfile() and _other(path, tar, entry)):
                return str(path)
    # what came later counts as well: a build script that cargo finds by its name alone, a configuration
    found = (Path(place, name) for place, _, files in os.walk(folder / crate.stem) for name in files)
    return next((str(path) for path in found if path not in names and path.name != ".cargo-ok"), "")


def _other(path: Path, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bool:
    content = tar.extractfile(entry)
    try:
        return path.is_symlink() or path.stat().st_size != entry.size or (content is not None and path.read_bytes() != content.read())
    except OSError:
        return path.name != ".cargo-ok"  # cargo writes that one itself


__all__ = ["checksums", "differing", "digest"]
