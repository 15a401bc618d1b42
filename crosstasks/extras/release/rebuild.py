"""Act: build the same commit once more, in another folder, and compare the packages byte for byte."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, TypeAlias

from ...core.errors import ConfigError
from ..packaging.differences import Difference, differences

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from ...context import Work
    from ...core.steps import Done

    Package: TypeAlias = Callable[[Path], Path]
    """Build and package the Rust repository in a folder; what is returned is the folder of the packages."""

TARGET: Final = "CARGO_TARGET_DIR"
DIST: Final = "CROSSTASKS_RELEASE_DIST"
"""These name cargo's target folder and the folder of archives, over all that configurations say."""


def again(dist: Path, work: Work, package: Package, triples: Collection[str] = ()) -> tuple[Difference, ...]:
    """
    Build HEAD in a work tree of its own, which is removed afterwards, and return how its packages differ from those in *dist*.

    Args:
        dist: the packages that were built before.
        work: the repository they were built from.
        package: builds and packages, as it was done the first time.
        triples: the targets whose packages are compared; empty: all.

    Raises:
        ConfigError: this is no git repository, or what is there is not what was committed.
        CrosstasksError: the second build failed.
    """
    clean(work)
    with worktree(work) as tree, _apart(tree):
        return differences(dist, package(tree / _below(work)), triples)


def released(dist: Path) -> tuple[str, ...]:
    """Return the names of what the archives in a folder are of, as the first build has listed them; nothing if it has not."""
    try:
        rows = json.loads((dist / "artifacts.json").read_text("utf-8"))["artifacts"]
        return tuple(dict.fromkeys(str(row["product"]) for row in rows))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


@contextmanager
def _apart(tree: Path) -> Iterator[None]:
    """Let the second build touch nothing of the first: the user's folders may be the same wherever it is called."""
    own = {TARGET: str(tree / "target"), DIST: str(tree.with_name("dist"))}
    theirs = {name: os.environ[name] for name in own if name in os.environ}
    os.environ.update(own)
    try:
        yield
    finally:
        for name in own:
            os.environ.pop(name)
        os.environ.update(theirs)


def _below(work: Work) -> str:
    return _git(work, "rev-parse", "--show-prefix").out.strip()


def clean(work: Work) -> None:
    """
    Refuse a work tree that is not what was committed.

    Raises:
        ConfigError: it is not, or there is none.
    """
    changed = _git(work, "status", "--porcelain", "--untracked-files=no").out.splitlines()
    if changed:
        why = "\n".join(changed[:10])
        raise ConfigError("what is built again is the last commit, and files differ from it", why=why, hint="commit or stash them")


@contextmanager
def worktree(work: Work) -> Iterator[Path]:
    """Give a folder with what HEAD holds; git forgets it afterwards."""
    with TemporaryDirectory(prefix="crosstasks-worktree-") as place:
        tree = Path(place, "tree")
        _git(work, "worktree", "add", "--detach", "--quiet", str(tree), "HEAD")
        try:
            yield tree
        finally:
            _git(work, "worktree", "remove", "--force", str(tree))


def _git(work: Work, *words: str) -> Done:
    done = work.run(("git", *words), cwd=str(work.root))
    if done.code:
        raise ConfigError(f"git {words[0]} fails in {work.root}", why=done.err.strip(), hint="a release is built from a git repository")
    return done
