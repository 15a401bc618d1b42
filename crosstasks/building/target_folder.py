"""Act: begin a new target folder with the host programs of another target's.

Build scripts, proc-macros and all that they are made of do not depend on the target, only on what the image itself is:

::

    target/crosstasks/.cross-<base>-<key>/debug/               of the host: taken over from a folder of the same base
    target/crosstasks/.cross-<base>-<key>/<triple>/debug/      of the target: its own

Whether a file still serves is cargo's to say, by its fingerprint, as if it had built in this folder all along: in the container the
folder has the same name, and times are kept. One folder for all would do as well, but sessions would wait for cargo's lock.
"""

from __future__ import annotations

import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..core import cache, files
from ..facts.engine import Engine

if TYPE_CHECKING:
    from ..core.steps import Absent, Say

LOCKS: Final = ".cargo*lock"
"""What cargo locks while it builds: one file in the folder of each profile, or two in newer versions."""


def seed(target_dir: Path, engine: Engine | Absent, say: Say) -> None:
    """
    Make the folder *target_dir*, if there is none, from what others of its base hold; without such, or in doubt, nothing is made.

    Args:
        target_dir: named as by ``run.folder``.
        engine: it must have the kernel of this machine: elsewhere cargo's lock is not seen from here.
        say: told if something is taken over.
    """
    base = target_dir.name.rpartition("-")[0]
    if target_dir.exists() or "-" not in base or not _kernel_is_ours(engine):
        return
    # it only saves time: a folder that another took away, or a full disk, is the build's own to meet
    with suppress(OSError, NotImplementedError):
        profiles = tuple(_profiles(target_dir.parent, base))
        if profiles:
            with cache.locked(target_dir.parent / "seeding"):
                _taken(profiles, target_dir, say)


def _kernel_is_ours(engine: Engine | Absent) -> bool:
    return sys.platform.startswith("linux") and isinstance(engine, Engine) and not (engine.apart or engine.remote or engine.desktop)


def _profiles(place: Path, base: str) -> Iterator[Path]:
    """Return the host's folders of each profile, the one that was built in last first."""
    # a container wrote all below: a lock that is a pipe would be waited for, and a folder that is a link leads elsewhere
    profiles = {lock.parent for lock in place.glob(f"{base}-*/*/{LOCKS}") if _is_lock(lock)}
    yield from sorted(profiles, key=lambda profile: profile.stat().st_mtime, reverse=True)


def _is_lock(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode) and not path.parent.is_symlink() and not path.parent.parent.is_symlink()


def _taken(profiles: tuple[Path, ...], target_dir: Path, say: Say) -> None:
    with files.draft_folder(target_dir) as draft:
        for profile in profiles:
            if not (draft / profile.name).exists():
                _copy(profile, draft / profile.name)
        if any(draft.iterdir()) and not target_dir.exists():
            draft.chmod(0o755)
            draft.rename(target_dir)
            say("build scripts and proc-macros that were compiled for another target are taken over")


def _copy(profile: Path, to: Path) -> None:
    """Copy the folder of a profile unless cargo is at work in it; without its locks, and what only serves to compile a crate again."""
    import fcntl

    with ExitStack() as locks:
        for lock in filter(_is_lock, profile.glob(LOCKS)):
            file = locks.enter_context(lock.open("rb"))
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        ignored = shutil.ignore_patterns("incremental", LOCKS)
        # only here: what build scripts write may have such names as well
        shutil.copytree(profile, to, symlinks=True, ignore=lambda folder, names: ignored(folder, names) if folder == str(profile) else ())
