"""The cache folder: the only place outside ``target/`` that crosstasks writes to.

::

    tools/<name>/            cross, cargo-zigbuild, rustup; whole when it holds ``.complete``
    rustup/toolchains/       our RUSTUP_HOME
    cargo/<project>/         a CARGO_HOME without credentials, given to containers
    debian/                  apt's lists and packages
    images/bundled/          what bundles said of the images that they brought
    answers/                 what the network said a while ago
    runs/<id>/               the guard of a running call
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from .errors import BuildFailed, ConfigError, CrosstasksError, DiskFull

TAG: Final = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of crosstasks; see https://bford.info/cachedir/\n"


def folder(environ: Mapping[str, str]) -> Path:
    """Return the cache folder: ``CROSSTASKS_CACHE_DIR``, else the platform's own place for caches."""
    chosen = environ.get("CROSSTASKS_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("crosstasks", appauthor=False)


def prepare(root: Path) -> None:
    """
    Make the folder, and mark it as a cache for backup programs.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "CACHEDIR.TAG").exists():
            write(root / "CACHEDIR.TAG", TAG)
        if not os.access(root, os.W_OK | os.X_OK):
            raise PermissionError(13, "not writable")
        if not _runs_programs(root):
            raise PermissionError(13, "its file system is mounted noexec, and toolchains could not be run")
    except OSError as error:
        raise ConfigError(
            f"the cache folder {str(root)!r} cannot be used",
            why=error.strerror or str(error),
            hint="name another with CROSSTASKS_CACHE_DIR",
        ) from error


def _runs_programs(root: Path) -> bool:
    told = os.statvfs(root).f_flag if hasattr(os, "statvfs") else 0
    return not told & getattr(os, "ST_NOEXEC", 0)


def write(path: Path, text: str) -> None:
    """Write a file at once or not at all, with the rights that any new file has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.with_name(f".{path.name}.{os.getpid()}.{uuid4().hex[:8]}")
    try:
        # mkstemp makes files that nobody else may read, whatever the umask says
        with name.open("x", encoding="utf-8") as file:
            file.write(text)
        name.replace(path)
    except BaseException:
        name.unlink(missing_ok=True)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of *path*; whoever comes second waits, and finds the work done."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        yield


def once(path: Path, make: Callable[[Path], None]) -> Path:
    """
    Make the folder *path* once, whole or not at all, however many processes want it.

    *make* fills an empty folder beside it, which then takes its name; ``.complete`` inside marks it as whole.
    """
    if (path / ".complete").exists():
        return path
    with locked(path):
        if (path / ".complete").exists():
            return path
        shutil.rmtree(path, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            make(draft)
            draft.chmod(0o755)
            (draft / ".complete").touch()
            draft.replace(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return path


LEAST: Final = 200 * 1000**2
"""
Bytes that must be free before anything is provided: apt's lists of nine architectures take 143 MB, and apt hangs for
ever where they find no room.
"""


def roomy(folder: Path, least: int = LEAST) -> None:
    """
    Refuse to begin where there is next to no room.

    Raises:
        DiskFull: less than *least* bytes are free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < least:
        raise full(f"{folder} has {free / 1000**2:.0f} MB left, and {least / 1000**2:.0f} MB is the least to begin with")


_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

_SAID_FULL: Final = re.compile(
    r"[Nn]o space left on device|ENOSPC|[Dd]isk quota exceeded|not have enough free space|[Nn]ot enough free disk space|os error (28|122)\b"
)
"""How the programs that we call say it: the C library's words, apt's, and Rust's number."""


@contextmanager
def room() -> Iterator[None]:
    """
    Turn what a full disk makes of any write into one error; cargo, pip, apt and the engine say it in their own words.

    Raises:
        DiskFull: no space, or no quota, is left.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise full(f"{error.filename or 'a file'}: {error.strerror}") from error
    except CrosstasksError as error:
        said = "" if isinstance(error, DiskFull | BuildFailed) else said_full(error.why)
        if not said:
            raise
        raise full(f"{error.what}\n{said}") from error


def said_full(text: str) -> str:
    """Return the first line in which a program says that the disk is full; empty if none does."""
    return next((line.strip() for line in text.splitlines() if _SAID_FULL.search(line)), "")


def full(why: str) -> DiskFull:
    """Return the error of a full disk."""
    return DiskFull(
        "the disk is full",
        why=why,
        hint="make room: `crosstasks clean --images --cache` gives back what we took; CROSSTASKS_CACHE_DIR names another disk",
    )
