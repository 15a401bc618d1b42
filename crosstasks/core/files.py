"""Act: files and folders that are written completely or not at all, and their checksums."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast
from uuid import uuid4


def sha256(source: Path | IO[bytes]) -> str:
    """Return the SHA-256 of a file, or of what is still to be read of an open one."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return sha256(file)
    digest = hashlib.sha256()
    for chunk in iter(lambda: source.read(1 << 20), b""):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def draft(path: Path, *, label: str = "", sync: bool = False) -> Iterator[IO[bytes]]:
    """
    Lend a new file beside *path*, with the rights that any new file has; it takes the name *path* at the end of the block.

    Args:
        label: makes the file's name, where whoever finds the file after a crash has to know whose it was.
        sync: wait until the disk has it, before anything is said of it.

    Raises:
        OSError: it cannot be written. Nothing of it is left, as after any other error in the block.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes files that nobody else may read, whatever the umask says
    name = path.with_name(f".{path.name}.{label or f'{os.getpid()}.{uuid4().hex[:8]}'}")
    try:
        with name.open("x+b") as file:
            yield cast("IO[bytes]", file)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        name.replace(path)
    except OSError as error:
        name.unlink(missing_ok=True)
        if error.errno is None or error.filename not in {None, str(name)}:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error  # the draft's name would tell nobody which file it is
    except BaseException:
        name.unlink(missing_ok=True)
        raise


def write(path: Path, content: str | bytes) -> None:
    """Write a file, completely or not at all."""
    with draft(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def update(path: Path, content: str | bytes) -> None:
    """Write a file unless it has this content."""
    content = content.encode() if isinstance(content, str) else content
    if not path.is_file() or path.read_bytes() != content:
        write(path, content)


@contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """
    Lend an empty folder beside *path*, which the block may rename; what has not been renamed at the end is removed.

    The caller holds the lock of *path*, or is alone in using this name: drafts of calls that were killed are removed first.
    """
    for rest in path.parent.glob(f".{glob.escape(path.name)}.*/"):
        shutil.rmtree(rest, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(new: Path, folder: Path) -> None:
    """Give *new* the name *folder*; what had the name is removed, or keeps it if this fails."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        new.rename(folder)
        return
    old = new.with_name(f"{new.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    folder.rename(old)
    try:
        new.rename(folder)
    except BaseException:
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def remove_folder(folder: Path, aside: Path) -> None:
    """Remove a folder that nobody may see half removed: rename it to *aside* first, which the next call removes if this one is killed."""
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)
