"""Look at the git repository: the commit and its time, branch, tags, and what is not committed."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from ..core import files
from ..core.errors import ConfigError, CrosstasksError
from ..core.steps import Done, Env, Runner

FORMAT: Final = "%H%x00%ct%x00%s"
TAGS: Final = "%(refname:strip=2)%00%(objectname)%00%(*objectname)"


QUIET: Final[Env] = {
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    # what `git -c` is to the programs that it starts; unlike GIT_CONFIG_COUNT, git before 2.31 knows it
    "GIT_CONFIG_PARAMETERS": f"'core.fsmonitor=false' 'core.hooksPath={os.devnull}'",
}
"""The environment of our own calls: git starts no program that the repository names, which a build may have written."""


class Git(Struct, frozen=True, kw_only=True):
    """What git knows.

    Attributes:
        top: the top of the repository.
        commit, time, subject: of HEAD; *time* is the committer's, in seconds since 1970.
        branch: empty if HEAD is on none.
        tags: the commit of each tag.
        without: folders that were not looked at for that.
        dirty: paths that are not as committed, from *top*; what git ignores, and the folder of archives, are not among them.
    """

    top: str
    commit: str
    time: int
    subject: str = ""
    branch: str = ""
    tags: Mapping[str, str] = {}
    dirty: tuple[str, ...] = ()
    without: tuple[Path, ...] = ()


def ask(folder: Path, run: Runner, *words: str) -> Done:
    """Run git in a folder, with its messages in English."""
    return run(("git", "-C", str(folder), *words), env={**QUIET, "LC_ALL": "C"})


def look(root: Path, run: Runner, *, without: Sequence[Path] = ()) -> Git:
    """Ask git about the repository that holds the folder *root*; what is in folders *without* does not make it dirty.

    Raises:
        ConfigError: this is no git repository, or one without a commit.
    """
    top = ask(root, run, "rev-parse", "--show-toplevel")
    if top.code:
        raise ConfigError(f"{root} is in no git repository", why=top.err.strip(), hint="a release is made of a commit")
    head = ask(root, run, "log", "-1", f"--format={FORMAT}")
    if head.code:
        raise ConfigError("the git repository has no commit", why=head.err.strip(), hint="commit what is to be released")
    commit, time, subject = head.out.rstrip("\n").split("\0")
    place = Path(top.out.rstrip("\n"))
    status = ask(root, run, "status", "--porcelain=v1", "-z", "--untracked-files=normal", "--", ":(top)", *_exclusions(place, without))
    if status.code:
        raise CrosstasksError("git does not tell what is committed", why=status.err.strip())
    return Git(
        top=str(place),
        commit=commit,
        time=int(time),
        subject=subject,
        branch=ask(root, run, "branch", "--show-current").out.strip(),
        tags=tags(ask(root, run, "for-each-ref", f"--format={TAGS}", "refs/tags").out),
        dirty=dirty(status.out),
        without=tuple(without),
    )


def _exclusions(top: Path, without: Sequence[Path]) -> list[str]:
    # git tells the top without links; a folder that is one itself is that to git
    real = [folder.parent.resolve() / folder.name for folder in without]
    inside = [folder.relative_to(top) for folder in real if folder != top and folder.is_relative_to(top)]
    return [f":(top,exclude,literal){folder.as_posix()}" for folder in inside]


def head_files(root: Path, run: Runner) -> frozenset[Path]:
    """Return the regular files that HEAD has below a folder; links and submodules are none.

    Raises:
        CrosstasksError: git does not tell.
    """
    done = ask(root, run, "ls-tree", "-r", "-z", "HEAD")
    if done.code:
        raise CrosstasksError("git does not tell what is committed", why=done.err.strip())
    rows = (line.partition("\t") for line in done.out.split("\0"))
    return frozenset(root / name for mode, _, name in rows if mode.startswith("100"))


def submodules(root: Path) -> tuple[str, ...]:
    """Return where a repository says that submodules lie in it, of those that do: git takes orders from what is there."""
    lines = files.read(root / ".gitmodules").splitlines()
    paths = (line.partition("=")[2].strip() for line in lines if line.strip().startswith("path"))
    return tuple(path for path in paths if path and ".." not in Path(path).parts and not Path(path).is_absolute())


def tags(text: str) -> dict[str, str]:
    """Return tags with the commit of each: an annotated one is an object of its own that names it."""
    rows = (line.split("\0") for line in text.splitlines() if line)
    return {name: peeled or commit for name, commit, peeled in rows}


def dirty(text: str) -> tuple[str, ...]:
    """Return the paths in git's status; of what was renamed, the new name comes first and the old one follows."""
    paths = []
    parts = iter(text.split("\0"))
    for part in parts:
        if part:
            paths.append(part[3:])
            if part[0] in "RC":
                next(parts, "")
    return tuple(paths)
