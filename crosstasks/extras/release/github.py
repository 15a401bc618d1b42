"""Publish to GitHub, through its program: a draft is made, filled, and shown at the end, so that nobody sees half a release."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...core.errors import CrosstasksError
from ...core.steps import Step
from ..packaging import files, subjects
from . import actions, changelog, prepare
from .actions import Action

if TYPE_CHECKING:
    from .context import Context


def look(context: Context) -> Iterator[Action]:
    """
    Give what the releases of the tags have, and are to get.

    Raises:
        CrosstasksError: a file there differs, or gh does not tell.
    """
    where = ("--repo", context.work.config.release.repository) if context.work.config.release.repository else ()
    by_tag: dict[str, list[Path]] = {}
    tags = {one.name: one.tag for one in context.products}
    for path in subjects.listed(context):
        by_tag.setdefault(tags[subjects.product(context, path)], []).append(path)
    for tag, paths in by_tag.items():
        yield from _release(context, tag, paths, where)


def _release(context: Context, tag: str, paths: Sequence[Path], where: tuple[str, ...]) -> Iterator[Action]:
    found = _view(context, tag, where)
    notes = context.dist / ".parts" / f"notes-{tag.replace('/', '-')}.md"
    files.write(notes, (_notes(context, tag) or tag).encode())
    early = ("--prerelease",) if _early(next(one.version for one in context.products if one.tag == tag)) else ()
    make = ("gh", "release", "create", tag, *where, "--verify-tag", "--draft", "--title", tag, "--notes-file", str(notes), *early)
    yield Action(what=f"release {tag}", done=found is not None, step=Step(why="a draft, for the tag that is there", argv=make))
    there = {asset["name"]: asset for asset in (found or {}).get("assets", ())}
    for path in paths:
        yield _asset(context, tag, path, there.get(path.name), where)
    shown = Step(why="all is there: show it", argv=("gh", "release", "edit", tag, *where, "--draft=false"))
    yield Action(what=f"{tag} is shown", done=found is not None and not found.get("isDraft"), step=shown)


def _early(version: str) -> bool:
    """Tell whether a version comes before a release: what follows a + says nothing of that."""
    return "-" in version.partition("+")[0]


def _view(context: Context, tag: str, where: tuple[str, ...]) -> dict[str, Any] | None:
    done = actions.ask(context, ("gh", "release", "view", tag, *where, "--json", "assets,isDraft,tagName"))
    if done.code:
        if "not found" in done.err.lower():
            return None
        raise CrosstasksError("gh does not tell what is published", why=done.err.strip(), hint="`gh auth status` shows who you are")
    found: dict[str, Any] = json.loads(done.out)
    return found


def _asset(context: Context, tag: str, path: Path, asset: Mapping[str, Any] | None, where: tuple[str, ...]) -> Action:
    # a cut off upload leaves an asset that was never whole: GitHub says that it can be deleted (REST, "Upload a release asset")
    cut = bool(asset) and (asset or {}).get("state", "uploaded") != "uploaded"
    if asset and not cut and not _same(context, tag, path, asset, where):
        raise actions.differs(f"{path.name} of {tag} on GitHub")
    # from the root: what follows a # in an argument is a label to gh
    argv = ("gh", "release", "upload", tag, *where, os.path.relpath(path, context.root), *(("--clobber",) if cut else ()))
    return Action(what=f"{tag}: {path.name}", done=bool(asset) and not cut, step=Step(why="publish to GitHub", argv=argv))


def _same(context: Context, tag: str, path: Path, asset: Mapping[str, Any], where: tuple[str, ...]) -> bool:
    """Compare with what is published: by the checksum that GitHub tells, else by the file itself."""
    if "size" in asset and asset["size"] != path.stat().st_size:
        return False
    if asset.get("digest"):
        return bool(asset["digest"] == f"sha256:{files.sha256(path)}")
    with tempfile.TemporaryDirectory() as folder:
        done = actions.ask(context, ("gh", "release", "download", tag, *where, "--pattern", path.name, "--dir", folder))
        return not done.code and files.sha256(Path(folder) / path.name) == files.sha256(path)


def _notes(context: Context, tag: str) -> str:
    """Return what the changelog says of the version."""
    head = prepare.Head(context)
    for path, crate in prepare.changelogs(context, head):
        said = changelog.notes(head.text(path) or "", crate.version)
        if said and (crate.tag == tag or len(context.tags) == 1):
            return said
    return ""
