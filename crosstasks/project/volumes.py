"""Look: the folders around a workspace that its build may read, and that a container must be given besides the workspace.

cross mounts the workspace, and of a path dependency outside nothing but its own folder. So a crate that inherits from another
workspace, includes a file above its own, or asks git for its version does not build (cross-rs/cross#1181, #1622, #1727)::

    /top/.git                 of a submodule: that of the outermost repository
    /top/shared/proto.txt     include_str!("../../shared/proto.txt")
    /top/services/api/        a workspace: it is given /top
    /other/libs/log/          a path dependency: it is given /other, if that is a repository, else its workspace
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

from ..core.errors import ConfigError
from . import manifest


class Volumes(Struct, frozen=True, kw_only=True):
    """What a container is given: *folders*, none below another, and *git_dir*, where git keeps a worktree's or submodule's history."""

    folders: tuple[str, ...] = ()
    git_dir: str = ""


ALONE: Final = Volumes()


def find(root: Path, outside: Iterable[str], home: Path) -> Volumes:
    """
    Return what lies around a workspace.

    Args:
        root: the workspace's folder.
        outside: folders of path dependencies that do not lie below it.
        home: the user's; it is never given to a container as a whole, nor what it lies in.
    """
    repository = top(root)
    candidates = [repository, *(_of_dependency(Path(folder), home) for folder in outside)]
    folders = [folder for folder in candidates if folder and not home.is_relative_to(folder) and not folder.is_relative_to(root)]
    return Volumes(folders=tuple(_outermost(folders)), git_dir=git_dir(repository) if repository else "")


def top(folder: Path) -> Path | None:
    """Return the top of the outermost repository that a folder belongs to; None if it is in none."""
    for place in (folder, *folder.parents):
        if os.path.lexists(place / ".git"):
            git_dir_ = _pointed(place)
            above = git_dir_.parent if git_dir_ else place
            # of a submodule, git keeps the history in the repository around it
            return above if place.is_relative_to(above) else place
    return None


def git_dir(folder: Path) -> str:
    """Return the ``.git`` folder that a repository's ``.git`` file leads out of it to; empty if it does not, or nothing is there."""
    pointed = _pointed(folder)
    return str(pointed) if pointed and pointed.is_dir() and not pointed.is_relative_to(folder) else ""


def _pointed(folder: Path) -> Path | None:
    """Return the ``.git`` folder that a file ``.git`` leads into, as in submodules and worktrees."""
    try:
        text = (folder / ".git").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    place = Path(os.path.normpath(folder / text.removeprefix("gitdir:").strip()))
    return next((above for above in (place, *place.parents) if above.name == ".git"), None)


def _of_dependency(folder: Path, home: Path) -> Path:
    above = top(folder)
    if above and not home.is_relative_to(above):
        return above
    try:
        return Path(manifest.read(folder / "Cargo.toml").root)
    except ConfigError:
        return folder


def _outermost(folders: Iterable[Path]) -> Iterator[str]:
    ordered = sorted(set(folders), key=lambda folder: len(folder.parts))
    return (str(folder) for folder in ordered if not any(folder != other and folder.is_relative_to(other) for other in ordered))
