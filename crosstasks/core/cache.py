"""Act: the cache folder: the only place outside ``target/`` that crosstasks writes to.

::

    tools/<name>/            cross, cargo-zigbuild, rustup; whole when all that its ``.complete`` names is as installed (whole.py)
    rustup/toolchains/       our RUSTUP_HOME
    zig/                     what zig and cargo-zigbuild keep of compiled parts of libc
    cargo/<project>/         a CARGO_HOME without credentials, given to containers
    debian/<suite>/          Debian's lists, and debian/archives/ its packages
    images/bundled/          what bundles said of the images that they brought
    answers/                 what the network said a while ago, and what noxfiles declared
    runs/<id>/               the guard of a running call
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from . import files
from .errors import BuildFailed, ConfigError, CrosstasksError, DiskFull

if TYPE_CHECKING:
    from .steps import Say

TAG: Final = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of crosstasks; see https://bford.info/cachedir/\n"

ROOM: Final = 50e6
"""Bytes that must be free before anything is provided: less is no room for a tool, let alone a toolchain."""

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
SHUT: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
SAID: Final = re.compile(r"[Nn]o space left on device|ENOSPC|[Dd]isk quota exceeded|os error (28|122)\b|[Nn]ot enough free disk space")
FREE: Final = (
    "`crosstasks doctor` shows which disk; `crosstasks tools.clean --images --cache` gives room, CROSSTASKS_CACHE_DIR names another"
)

CRATES: Final = ".crates-"
"""How a CARGO_HOME that lasts for one call begins."""


def folder(environ: Mapping[str, str]) -> Path:
    """Return the cache folder: ``CROSSTASKS_CACHE_DIR``, else the platform's own place for caches."""
    configured = environ.get("CROSSTASKS_CACHE_DIR")
    if configured:
        return Path(configured).expanduser().absolute()
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
            files.write(root / "CACHEDIR.TAG", TAG)
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
    roomy(root, ROOM)


def _runs_programs(root: Path) -> bool:
    flags = os.statvfs(root).f_flag if hasattr(os, "statvfs") else 0
    return not flags & getattr(os, "ST_NOEXEC", 0)


@contextmanager
def room(what: str) -> Iterator[None]:
    """
    Tell a full disk from all else that can go wrong meanwhile: programs and the engine say so in words of their own.

    Raises:
        ConfigError: a file or folder is closed to us; another route would not help.
        DiskFull: a disk has no room left; another route would not help.
    """
    try:
        yield
    except OSError as error:
        if error.errno in SHUT:
            hint = "let it be written; CARGO_TARGET_DIR and CROSSTASKS_CACHE_DIR name other folders"
            raise ConfigError(f"{what}: {error.filename or 'a file'} cannot be used", why=error.strerror or "", hint=hint) from error
        if error.errno not in FULL:
            raise
        raise DiskFull(f"{what}: a disk is full", why=f"{error.strerror}: {error.filename or 'no name'}", hint=FREE) from error
    except CrosstasksError as error:
        if isinstance(error, DiskFull | BuildFailed) or not SAID.search(f"{error.what}\n{error.why}"):
            raise
        raise DiskFull(f"{what}: a disk is full", why=f"{error.what}: {error.why}", hint=FREE) from error


PATIENCE: Final = 2.0
"""Seconds of waiting for a lock until the user is told."""


@contextmanager
def locked(path: Path, say: Say = lambda _line: None) -> Iterator[None]:
    """Hold the lock of *path*; whoever comes second says that he waits, and finds the work done."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        say(f"waiting for another crosstasks, which is making {path}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


LISTS: Final = 250e6
"""Bytes for Debian's lists of nine architectures: 23 MB each, and 9 while they are fetched."""


def roomy(root: Path, least: float) -> None:
    """
    Refuse to begin what would not fit. A quota is in no figure of the disk: the bytes are asked for, and given back.

    Raises:
        DiskFull: less than *least* bytes are free, or a quota allows less.
    """
    root.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(root).free
    why = "" if free >= least else f"{free / 1e6:.0f} MB are free, {least / 1e6:.0f} MB are needed (a toolchain takes 700 MB)"
    if not why and hasattr(os, "posix_fallocate"):  # macOS has none
        try:
            with tempfile.TemporaryFile(dir=root) as file:
                os.posix_fallocate(file.fileno(), 0, int(least))
        except OSError as error:
            if error.errno not in FULL:
                return  # a file system that cannot say
            why = f"{error.strerror}: {least / 1e6:.0f} MB are needed (a toolchain takes 700 MB)"
    if why:
        raise DiskFull(f"the disk of the cache folder {str(root)!r} is full", why=why, hint=FREE)


def said_full(text: str) -> str:
    """Return the first line in which a program says that a disk is full; empty if none does."""
    return next((line.strip() for line in text.splitlines() if SAID.search(line)), "")
