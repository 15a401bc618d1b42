"""Act: files and folders that are written completely or not at all, their checksums, and those that no link may lead away from.

An archive is no more trusted: nothing of it lands elsewhere, and nobody's rights come along. Python's own filter (PEP 706) came with
3.11.4, and Debian 12 has 3.11.2: what it refuses is refused here beforehand, in words of ours.

What a container wrote is not trusted: a name in its folder may be a link to a file of the user's, a pipe that never ends, or lead up.
So every part of a path is opened in the folder that was opened before it (``openat``, ``O_NOFOLLOW``), and only a regular file counts.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath, PurePosixPath
from typing import IO, TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    import tarfile


def unique_name() -> str:
    """Return twelve characters that nobody else gets, for what is there for a while."""
    return os.urandom(6).hex()


def sha256(source: Path | IO[bytes]) -> str:
    """Return the SHA-256 of a file, or of what is still to be read of an open one."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            return sha256(file)
    digest = hashlib.sha256()
    for chunk in iter(lambda: source.read(1 << 16), b""):
        digest.update(chunk)
    return digest.hexdigest()


def read(path: Path) -> str:
    """Return the text of a file; empty if it cannot be read."""
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


@contextmanager
def draft(path: Path, *, label: str = "", sync: bool = False) -> Iterator[IO[bytes]]:
    """Lend a new file beside *path*, with the rights that any new file has; it takes the name *path* at the end of the block.

    Args:
        label: makes the file's name, where whoever finds the file after a crash has to know whose it was.
        sync: wait until the disk has it, before anything is said of it.

    Raises:
        OSError: it cannot be written. Nothing of it is left, as after any other error in the block.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # mkstemp makes files that nobody else may read, whatever the umask says
    name = path.with_name(f".{path.name}.{label or f'{os.getpid()}.{unique_name()}'}")
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


@contextmanager
def draft_folder(path: Path) -> Iterator[Path]:
    """Lend an empty folder beside *path*, which the block may rename; what has not been renamed at the end is removed.

    The caller holds the lock of *path*, or is alone in using this name: drafts of calls that were killed are removed first.
    """
    for rest in path.parent.iterdir():
        if rest.name.startswith(f".{path.name}.") and rest.is_dir():
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
        if folder.exists():  # a Ctrl-C just after it had the name
            shutil.rmtree(folder)
        old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def remove_folder(folder: Path, aside: Path) -> None:
    """Remove a folder that nobody may see half removed: rename it to *aside* first, which the next call removes if this one is killed."""
    shutil.rmtree(aside, ignore_errors=True)
    folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


# by getattr: Windows, where sessions are listed and no more, has none of them
_STAY: Final = getattr(os, "O_NOFOLLOW", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0)
_FILE: Final = os.O_RDONLY | _STAY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

CHUNK: Final = 1 << 20


class AstrayError(OSError):
    """A path leads out of its folder, or to what is no file."""


def path_parts(path: str, folder: str) -> tuple[str, ...]:
    """Return the parts of a path below a folder, both absolute, as they are written.

    Raises:
        AstrayError: it is not below, or goes up on the way.
    """
    names = PurePath(path).parts
    base = PurePath(folder).parts
    if names[: len(base)] != base or len(names) == len(base) or ".." in names[len(base) :]:
        raise AstrayError(f"it does not lie in {folder}")
    return names[len(base) :]


@contextmanager
def open_beneath(folder: Path | str, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Give a handle of the folder that lies by *names* below *folder*, which may itself be a link.

    Args:
        folder: is trusted, as it is named.
        names: one part each.
        make: folders that are not there are made.

    Raises:
        AstrayError: a part is a link, or no folder.
        OSError: it cannot be opened.
    """
    handle = os.open(folder, _FOLDER)
    try:
        for name in names:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=handle)
            below = _open_folder(name, handle)
            os.close(handle)
            handle = below
        yield handle
    finally:
        os.close(handle)


def _open_folder(name: str, handle: int) -> int:
    try:
        return os.open(name, _FOLDER | _STAY, dir_fd=handle)
    except NotADirectoryError:
        pass
    except OSError as error:
        if not stat.S_ISLNK(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
            raise error from None
    raise AstrayError(f"{name} on the way to it is a link, or no folder")


@contextmanager
def open_file(folder: Path | str, names: Sequence[str]) -> Iterator[int]:
    """Give a handle of the regular file that lies by *names* below *folder*, to read from.

    Raises:
        AstrayError: it is a link, or lies behind one, or is no regular file.
        OSError: it is not there, or cannot be read.
    """
    with open_beneath(folder, names[:-1]) as place:
        if not stat.S_ISREG(os.stat(names[-1], dir_fd=place, follow_symlinks=False).st_mode):
            raise AstrayError("it is not a regular file")
        handle = os.open(names[-1], _FILE, dir_fd=place)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):  # it was replaced meanwhile
            raise AstrayError("it is not a regular file")
        yield handle
    finally:
        os.close(handle)


def copy_beneath(source: int, folder: Path | str, names: Sequence[str]) -> None:
    """Copy what *source* reads to the file by *names* below *folder*, at once or not at all; one of the same size and time is left alone.

    Raises:
        AstrayError: a folder on the way is a link.
        OSError: it cannot be written.
    """
    now = os.fstat(source)
    with open_beneath(folder, names[:-1], make=True) as place:
        if _same(names[-1], place, now):
            return
        name = f".{names[-1]}.{unique_name()}"
        try:
            target = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _STAY, 0o600, dir_fd=place)
            with os.fdopen(target, "wb") as out:
                _pour(source, out)
                out.flush()
                os.fchmod(target, stat.S_IMODE(now.st_mode) & 0o755)
                os.utime(target, ns=(now.st_atime_ns, now.st_mtime_ns))
            os.replace(name, names[-1], src_dir_fd=place, dst_dir_fd=place)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=place)


def _same(name: str, place: int, now: os.stat_result) -> bool:
    try:
        file = os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(file.st_mode) and (file.st_size, file.st_mtime_ns) == (now.st_size, now.st_mtime_ns)


def _pour(source: int, out: IO[bytes]) -> None:
    with os.fdopen(source, "rb", closefd=False) as read:
        read.seek(0)
        shutil.copyfileobj(read, out, CHUNK)


class UnfitError(OSError):
    """A member that no archive of ours has: *name* is its path, *problem* what is wrong with it."""

    def __init__(self, name: str, problem: str) -> None:
        """Say both."""
        super().__init__(f"{name!r}: {problem}")
        self.name = name
        self.problem = problem


def extract(tar: tarfile.TarFile, folder: Path) -> Sequence[str]:
    """Take every member out, and return the paths of all but folders.

    Args:
        tar: open for reading, also as a stream.
        folder: an empty one.

    Raises:
        UnfitError: a path or link leads out of the folder, or a member is of another kind; what was written before stays.
    """
    links: set[PurePosixPath] = set()
    written = []
    for entry in tar:
        problem = unfit(entry, links)
        if problem:
            raise UnfitError(entry.name, problem)
        if entry.issym():
            links.add(PurePosixPath(entry.name))
        _extract(tar, entry, folder)
        written += [] if entry.isdir() else [entry.name]
    return written


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    import tarfile  # what only lists sessions needs none

    if hasattr(tarfile, "data_filter"):
        tar.extract(entry, folder, filter="data")
        return
    # what is left of the filter's work for a member that is fit: who owns it, and who may do what with it
    entry.uid, entry.gid, entry.uname, entry.gname = os.getuid(), os.getgid(), "", ""
    entry.mode &= 0o755
    tar.extract(entry, folder)


def unfit(entry: tarfile.TarInfo, links: set[PurePosixPath]) -> str:
    """Pure: say what is wrong with an entry; *links* are those that came before it. Empty if nothing is."""
    path = PurePosixPath(entry.name)
    if not (entry.isreg() or entry.isdir() or entry.issym()):
        return "it is neither file, folder nor symbolic link"
    if path.is_absolute() or ".." in path.parts:
        return "it leads out of its folder"
    if path in links or links.intersection(path.parents):
        return "it lies behind a link"
    if not entry.issym():
        return ""
    target = PurePosixPath(entry.linkname)
    depth = len(path.parts) - 1
    for part in target.parts:
        depth += -1 if part == ".." else 1
        if target.is_absolute() or depth < 0:
            return f"it is a link to {entry.linkname!r}, out of its folder"
    return ""
