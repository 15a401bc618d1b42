"""Look at a release: what is there, and what is missing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Container, Iterator
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct

from ...core import toml_file
from ...core.errors import ConfigError, CrosstasksError
from ...reporting.progress import align
from ...reporting.report import bold
from . import dist, prepare, publish, version

if TYPE_CHECKING:
    from .context import ReleaseContext

State: TypeAlias = Literal["ok", "missing", "wrong"]
MARKS: Final = {"ok": "✔", "missing": "·", "wrong": "✘"}


class Row(Struct, frozen=True, kw_only=True):
    """One thing that a release has: what was found, and what is to be done about it."""

    name: str
    state: State
    detail: str
    next: str = ""


Answer: TypeAlias = tuple[State, str, str]
"""The state, the detail and the next step of a row."""


def _version(release: ReleaseContext) -> Iterator[Answer]:
    yield "ok", release.version, ""


def _lock(release: ReleaseContext) -> Iterator[Answer]:
    try:
        text = (release.root / "Cargo.lock").read_text("utf-8")
    except OSError:
        yield "wrong", "there is no Cargo.lock", "`cargo generate-lockfile`, and commit it"
        return
    try:
        listed = {one["name"]: one["version"] for one in toml_file.loads(text).get("package", ()) if "source" not in one}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("Cargo.lock is not TOML", why=str(error)) from error
    other = [
        f"{crate.name} {listed.get(crate.name, 'is not in it')}" for crate in release.crates if listed.get(crate.name) != crate.version
    ]
    if other:
        yield "wrong", ", ".join(other), "`cargo update --workspace`, and commit Cargo.lock"
    else:
        yield "ok", "agrees with Cargo.toml", ""


def _changelog(release: ReleaseContext) -> Iterator[Answer]:
    changelogs = list(prepare.changelogs(release))
    if not changelogs:
        yield "ok", "none", ""
    for path, crate, text in changelogs:
        sections = version.sections(text)
        if crate.version.lower() in sections:
            yield "ok", f"{path} has {crate.version}", ""
        elif sections.get("unreleased"):
            yield "missing", f"{path} has it under Unreleased", "`release.prepare`"
        else:
            yield "wrong", f"{path} has no section for {crate.version}", "write below Unreleased what is new"


def _tag(release: ReleaseContext) -> Iterator[Answer]:
    for tag in release.tags:
        commit = release.git.tags.get(tag)
        if commit is None:
            yield "missing", f"{tag} is not there", "`release.prepare`"
        elif commit != release.git.commit:
            yield "wrong", f"{tag} names {commit[:12]}, and HEAD is another commit", "`release.prepare --bump patch`"
        else:
            yield "ok", tag, ""


def _tree(release: ReleaseContext) -> Iterator[Answer]:
    if release.git.dirty:
        shown = ", ".join(release.git.dirty[:3]) + (", …" if len(release.git.dirty) > 3 else "")
        yield "wrong", f"not committed: {shown}", "commit it"
    else:
        yield "ok", "clean", ""


def _branch(release: ReleaseContext) -> Iterator[Answer]:
    expected, current = release.context.config.release.branch, release.git.branch or "none"
    wrong = bool(expected) and expected != current
    yield ("wrong" if wrong else "ok"), current, f"`git switch {expected}`" if wrong else ""


def _packages(release: ReleaseContext) -> Iterator[Answer]:
    triples = release.context.config.targets
    parts = {part.target: part for part in dist.parts(release.dist, triples)}
    done = [triple for triple in triples if triple in parts and not parts[triple].error and parts[triple].commit == release.git.commit]
    failed = [triple for triple in triples if triple in parts and parts[triple].error]
    others = [triple for triple in triples if triple not in done and triple not in failed]
    count = f"{len(done)} of {len(triples)} targets"
    if len(done) == len(triples):
        yield "ok", count, ""
        return
    if others:
        yield "missing", f"{count}; not of this commit: {', '.join(others)}", "`release.build`"
    for triple in failed:
        why = parts[triple].error.splitlines()[0]
        yield "wrong", f"{triple} failed: {why}", f"`release.build --target {triple}`"


def _places(release: ReleaseContext) -> Iterator[Answer]:
    for name in publish.places(release):
        if not dist.selection(release):
            yield "missing", f"{name}: nothing is built yet", "`release.build`"
            continue
        if release.context.config.offline and name != "directory":
            yield "missing", f"{name}: not asked, offline", "ask without `offline`"
            continue
        actions = publish.look(release, name)
        open_actions = [action for action in actions if not action.done]
        notes = dict.fromkeys(action.note for action in actions if action.note)
        if open_actions:
            yield "missing", f"{name}: {len(open_actions)} left", "`release.publish`"
        else:
            yield "ok", ", ".join((name, *notes)), ""


LOOKS: Final[dict[str, Callable[[ReleaseContext], Iterator[Answer]]]] = {
    "version": _version,
    "lock": _lock,
    "changelog": _changelog,
    "tag": _tag,
    "tree": _tree,
    "branch": _branch,
    "packages": _packages,
    "published": _places,
}


def examine(release: ReleaseContext, names: Container[str] = LOOKS) -> tuple[Row, ...]:
    """Return the rows of these names; what cannot be looked at is one that is wrong."""
    rows: list[Row] = []
    for name in (name for name in LOOKS if name in names):
        try:
            rows += (Row(name=name, state=state, detail=detail, next=after) for state, detail, after in LOOKS[name](release))
        except CrosstasksError as error:
            rows.append(Row(name=name, state="wrong", detail=error.what, next=error.hint))
    return tuple(rows)


def text(rows: tuple[Row, ...]) -> str:
    """Return the rows as a table."""
    lines = []
    for row in rows:
        lines.append((f"{MARKS[row.state]} {bold(row.name)}", row.detail))
        if row.next:
            lines.append(("", f"next: {row.next}"))
    return align(lines)


def complete(rows: tuple[Row, ...]) -> bool:
    """Tell whether nothing is missing."""
    return all(row.state == "ok" for row in rows)
