"""The cache folder: the only place outside ``target/`` that crosstasks writes to.

::

    tools/<name>/            cross, cargo-zigbuild, rustup; whole when it holds ``.complete``
    rustup/toolchains/       our RUSTUP_HOME
    cargo/<project>/         a CARGO_HOME without credentials, given to containers
    debian/                  apt's lists and packages
    answers/                 what the network said a while ago
    runs/<id>/               the guard of a running call
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import uuid4

from .errors import ConfigError

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
    except OSError as error:
        raise ConfigError(
            f"the cache folder {str(root)!r} cannot be written",
            why=error.strerror or str(error),
            hint="name another with CROSSTASKS_CACHE_DIR",
        ) from error


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
