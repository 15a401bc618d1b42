"""Pack programs and what goes with them: the same files give the same bytes, whoever packs them, where and when."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import time
import zipfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from msgspec import Struct

from ...config.options import Release
from ...core import cache, files
from ...core.errors import ConfigError, CrosstasksError

if TYPE_CHECKING:
    from .product import Product


@contextmanager
def draft_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write to, which takes its name when all is written.

    Raises:
        CrosstasksError: it cannot be written; nothing is left of it.
    """
    try:
        with files.draft(path, sync=True) as file:
            yield file
            Path(file.name).chmod(0o644)  # it is published, whatever the umask says
    except OSError as error:
        hint = "make room, and call again: what is finished is kept" if error.errno in cache.FULL else ""
        raise CrosstasksError(f"{path} cannot be written", why=error.strerror or str(error), hint=hint) from error


def write(path: Path, content: bytes) -> None:
    """Write a small file; one that says the same already is left as it is."""
    if path.is_file() and path.read_bytes() == content:
        return
    with draft_file(path) as file:
        file.write(content)


DOCUMENTS: Final = ("LICEN[CS]E*", "COPYING*", "UNLICENSE*", "NOTICE*", "README*", "CHANGELOG*")
"""What is always in, of the repository's root and of a crate's own folder, which wins."""


class Entry(Struct, frozen=True, kw_only=True):
    """A file in an archive: its *name* below the archive's folder, where it lies, and whether it is a program.

    *sha256* is the checksum that it was verified with, empty if it was not.
    """

    name: str
    source: Path
    program: bool = False
    sha256: str = ""

    @property
    def mode(self) -> int:
        """Return its permissions, which are not those that it happens to have here."""
        return 0o755 if self.program else 0o644


def documents(product: Product, root: Path, options: Release, committed: Container[Path] | None = None) -> tuple[Entry, ...]:
    """Return the files that go with the programs: licences, readme, changelog and what is configured.

    Args:
        product: of the workspace at *root*.
        committed: the files that the commit has: documents are of these, and what is not is left out. None: of a snapshot, any.

    Raises:
        ConfigError: a configured pattern fits nothing, or leads out of the repository.
    """
    # the documents of several crates would stand in each other's way
    folders = (root, *(Path(crate.folder) for crate in product.crates if len(product.crates) == 1))
    documents = (path for folder in folders for pattern in DOCUMENTS for path in sorted(folder.glob(pattern)))
    paths = {path.name: path for path in documents if path.is_file()}
    for crate in product.crates:
        paths |= {path.name: path for path in map(Path, (crate.readme, crate.licence)) if path.is_file()}
    paths = {name: real for name, path in paths.items() if (real := _within(path, root, committed))}
    for pattern in options.files:
        paths |= dict(_by_pattern(root, pattern))
    return tuple(Entry(name=name, source=path) for name, path in sorted(paths.items()))


def _within(path: Path, root: Path, committed: Container[Path] | None) -> Path | None:
    """Return the file that is packed: a link may lead to another file of the repository, as licences of crates do, and nowhere else."""
    base = root.resolve()
    real = path.resolve()
    if not real.is_relative_to(base) or not real.is_file():
        return None
    below = root / real.relative_to(base)
    return below if committed is None or below in committed else None


def _by_pattern(root: Path, pattern: str) -> Iterable[tuple[str, Path]]:
    where = f"release.files: {pattern!r}"
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        raise ConfigError(f"{where} leads out of the repository", hint="patterns begin at the repository's root")
    paths = [path for path in sorted(root.glob(pattern)) if path.is_file()]
    if astray := next((path for path in paths if _within(path, root, None) is None), None):
        raise ConfigError(f"{where}: {astray} is a link out of the repository", hint="what is packed lies in it")
    if not paths:
        raise ConfigError(f"{where} fits no file", hint=f"patterns begin at {root}")
    return ((path.relative_to(root).as_posix(), path) for path in paths)


def pack(target: Path, stem: str, entries: Iterable[Entry], epoch: int) -> None:
    """Write an archive with one folder in it, called *stem*: a zip if its name ends so, else a tar.gz; all has the time *epoch*.

    Raises:
        CrosstasksError: a file is not what was verified any more; there is no archive then.
    """
    ordered = sorted(entries, key=lambda entry: entry.name)
    with draft_file(target) as file:
        (_zip if target.suffix == ".zip" else _tar)(file, stem, ordered, epoch)
        other = [str(entry.source) for entry in ordered if entry.sha256 and files.sha256(entry.source) != entry.sha256]
        if other:
            hint = "does another build use the same target folder? CARGO_TARGET_DIR names it"
            raise CrosstasksError(f"{', '.join(other)} was changed before it was packed", hint=hint)


def _tar(file: IO[bytes], stem: str, entries: Iterable[Entry], epoch: int) -> None:
    # an empty name and time keep both out of gzip's header
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        top = tarfile.TarInfo(stem)
        top.type, top.mode, top.mtime = tarfile.DIRTYPE, 0o755, epoch
        tar.addfile(top)
        for entry in entries:
            info = tarfile.TarInfo(f"{stem}/{entry.name}")
            info.size, info.mode, info.mtime = entry.source.stat().st_size, entry.mode, epoch
            with entry.source.open("rb") as source:
                tar.addfile(info, source)


def _zip(file: IO[bytes], stem: str, entries: Iterable[Entry], epoch: int) -> None:
    when = max(time.gmtime(epoch)[:6], (1980, 1, 1, 0, 0, 0))  # no zip can hold an earlier time
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for entry in entries:
            info = zipfile.ZipInfo(f"{stem}/{entry.name}", when)
            info.create_system, info.external_attr = 3, (0o100000 | entry.mode) << 16  # as Unix has it, whoever packs
            info.compress_type = zipfile.ZIP_DEFLATED
            info.file_size = entry.source.stat().st_size
            with entry.source.open("rb") as source, packed.open(info, "w") as member:
                shutil.copyfileobj(source, member)


def suffix(os: str) -> str:
    """Return how the name of an archive ends for an operating system."""
    return ".zip" if os == "windows" else ".tar.gz"
