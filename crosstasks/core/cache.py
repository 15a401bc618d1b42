"""Act: the cache folder, the only place outside ``target/`` that crosstasks writes to, and its folders that are whole or not there.

::

    tools/<name>/            cross, cargo-zigbuild, rustup; whole when all that its ``.complete`` names is as installed
    rustup/toolchains/       our RUSTUP_HOME
    zig/                     what zig and cargo-zigbuild keep of compiled parts of libc
    xwin/                    Microsoft's libraries and SDK, as cargo-xwin fetches them
    cargo/<project>/         a CARGO_HOME without credentials, given to containers
    debian/<suite>/          Debian's lists, and debian/archives/ its packages
    images/bundled/          what bundles said of the images that they brought
    images/layers/           what each layer of our images came to: its digest, and the programs in it
    answers/                 what the network said a while ago, and what noxfiles declared
    runs/<id>/               the guard of a running call

Folders that are whole or not there: made once, with a checksum for each file noted beside it.

::

    <folder>/.sums        every file; compared when a failure suggests damage, which takes a second for a toolchain
    <folder>/.complete    the few that are compared each time before the folder is used; written last

Both are in the form that ``sha256sum --check`` reads. A file that has gone, or holds something else, is damage; one that came later
is not noted, and nobody's business.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
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
NO_ACCESS: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
HINT: Final = (
    "`crosstasks doctor` shows which disk; `crosstasks tools.clean --images --cache` frees space, CROSSTASKS_CACHE_DIR names another"
)

TEMPORARY: Final = ".call-"
"""How the names of folders begin that last for one call."""


def folder(environ: Mapping[str, str]) -> Path:
    """Return the cache folder: ``CROSSTASKS_CACHE_DIR``, else the platform's own place for caches."""
    configured = environ.get("CROSSTASKS_CACHE_DIR")
    if configured:
        return Path(configured).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("crosstasks", appauthor=False)


@contextmanager
def temporary(root: Path) -> Iterator[Path]:
    """Lend a folder in the cache, which is removed afterwards; an engine in a virtual machine may not see those of the system."""
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root, prefix=TEMPORARY) as folder:
        yield Path(folder)


def prepare(root: Path) -> None:
    """Make the folder, and mark it as a cache for backup programs.

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
    """Tell a full disk from all else that can go wrong meanwhile: programs and the engine say so in words of their own.

    Raises:
        ConfigError: a file or folder is closed to us; another route would not help.
        DiskFull: a disk has no room left; another route would not help.
    """
    try:
        yield
    except OSError as error:
        if error.errno in NO_ACCESS:
            hint = "let it be written; CARGO_TARGET_DIR and CROSSTASKS_CACHE_DIR name other folders"
            raise ConfigError(f"{what}: {error.filename or 'a file'} cannot be used", why=error.strerror or "", hint=hint) from error
        if error.errno not in FULL and not _says_full(str(error)):  # of a folder that is copied, the text tells alone
            raise
        raise DiskFull(f"{what}: a disk is full", why=f"{error.strerror or error}: {error.filename or 'no name'}", hint=HINT) from error
    except CrosstasksError as error:
        if isinstance(error, DiskFull | BuildFailed) or not _says_full(f"{error.what}\n{error.why}"):
            raise
        raise DiskFull(f"{what}: a disk is full", why=f"{error.what}: {error.why}", hint=HINT) from error


PATIENCE: Final = 2.0
"""Seconds of waiting for a lock until the user is told."""


@contextmanager
def lock(path: Path, say: Say) -> Iterator[None]:
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


LISTS: Final = 32e6
"""Bytes for Debian's lists of an architecture: 23 MB, and 9 while they are fetched."""


def roomy(root: Path, least: float) -> None:
    """Refuse to begin what would not fit. A quota is in no figure of the disk: the bytes are asked for, and given back.

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
        raise DiskFull(f"the disk of the cache folder {str(root)!r} is full", why=why, hint=HINT)


def full_line(text: str) -> str:
    """Return the first line in which a program says that a disk is full; empty if none does."""
    return next((line.strip() for line in text.splitlines() if _says_full(line)), "")


def _says_full(text: str) -> bool:
    words = re.search(r"[Nn]o space left on device|ENOSPC|[Dd]isk quota exceeded|os error (28|122)\b|[Nn]ot enough free disk space", text)
    return words is not None


ALL: Final = ".sums"
COMPLETE: Final = ".complete"

SIDE_BY_SIDE: Final = min(8, os.cpu_count() or 1)
"""Files that are read at a time; hashing lets go of Python's lock."""


def make_once(path: Path, make: Callable[[Path], None], first: Sequence[str], say: Say = lambda _line: None) -> Path:
    """Make the folder *path* once, whole or not at all, however many processes want it; one that is damaged is made anew.

    Args:
        path: where it is to be.
        make: fills an empty folder beside it, which then takes its name.
        first: patterns of the files to compare each time.
        say: told of damage, and of waiting.
    """
    if not mismatch(path):
        return path
    with lock(path, say):
        wrong = mismatch(path)
        if not wrong:
            return path
        if path.exists():
            say(f"{path} is made anew: {wrong}")
        with files.draft_folder(path) as draft:
            make(draft)
            draft.chmod(0o755)
            note_checksums(draft)
            _write(draft, COMPLETE, (path for pattern in first for path in draft.glob(pattern)))
            files.replace_folder(draft, path)
    return path


def note_checksums(folder: Path, but: Collection[str] = ()) -> None:
    """Note every file of a folder, *but* those (``lib/list``) that are written anew when something is added; what is noted stays so."""
    _write(folder, ALL, (path for path in folder.rglob("*") if path.relative_to(folder).as_posix() not in but), dict(_noted(folder / ALL)))


def mismatch(folder: Path) -> str:
    """Say what keeps a folder from being whole; empty if nothing does. Only what is compared each time is compared."""
    complete = folder / COMPLETE
    if not complete.is_file():
        return "it is incomplete"
    # an older crosstasks, or a machine that lost its power, left it so
    return describe(changed_files(folder, COMPLETE)) if complete.stat().st_size else "it has no checksums"


def changed_files(folder: Path, listed: str = ALL, *, but: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the files that are not what was installed; none where nothing was noted, as by an older crosstasks.

    Args:
        but: beginnings of names that are not compared (``lib/rustlib/x86_64-pc-windows-gnu/``).
    """
    rows = [(name, expected) for name, expected in _noted(folder / listed) if not name.startswith(but)]
    now = _hashes([folder / name for name, _ in rows])
    return tuple(name or listed for (name, expected), digest in zip(rows, now, strict=True) if expected != digest)


def _noted(path: Path) -> list[tuple[str, str]]:
    """Return names and checksums of a list; nothing if there is none, and other names where it is damaged, of files that are not there."""
    return [(name, digest) for digest, _, name in (line.partition("  ") for line in files.read(path).splitlines())]


def describe(names: Sequence[str]) -> str:
    """Say which files differ; empty if none does."""
    more = f", and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0]} is not what was installed{more}" if names else ""


EXEMPT: Final = frozenset({ALL, COMPLETE, "__pycache__"})
"""Our own files, and what Python writes anew when it likes."""


def _write(folder: Path, listed: str, paths: Iterable[Path], noted: Mapping[str, str] = {}) -> None:
    regular = sorted(path for path in paths if path.is_file() and not path.is_symlink() and not EXEMPT & {path.name, path.parent.name})
    names = [path.relative_to(folder).as_posix() for path in regular]
    new = [name for name in names if name not in noted]
    digests = {**noted, **dict(zip(new, _hashes([folder / name for name in new]), strict=True))}
    files.write(folder / listed, "".join(f"{digests[name]}  {name}\n" for name in names))


def _hashes(paths: Sequence[Path]) -> list[str]:
    if len(paths) < SIDE_BY_SIDE:
        return list(map(_hash, paths))
    from concurrent.futures import ThreadPoolExecutor  # what only lists sessions needs no pool

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return list(pool.map(_hash, paths))


def _hash(path: Path) -> str:
    """Return a file's checksum; what cannot be read has none."""
    try:
        return files.sha256(path)
    except (OSError, ValueError):  # a damaged list may hold names that none can be
        return ""
