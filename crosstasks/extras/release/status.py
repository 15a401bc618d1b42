"""Look at a release: what is there, and what is missing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct

from ...core import toml_file
from ...core.errors import ConfigError, CrosstasksError, Interrupted
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


def examine(release: ReleaseContext) -> tuple[Row, ...]:
    """Return all rows; what cannot be looked at is one that is wrong."""
    rows: list[Row] = []
    for name, look in LOOKS.items():
        try:
            rows += look(release)
        except Interrupted:
            raise
        except CrosstasksError as error:
            rows.append(Row(name=name, state="wrong", detail=error.what, next=error.hint))
    return tuple(rows)


def _version(release: ReleaseContext) -> Iterator[Row]:
    yield Row(name="version", state="ok", detail=release.version)


def _lock(release: ReleaseContext) -> Iterator[Row]:
    try:
        text = (release.root / "Cargo.lock").read_text("utf-8")
    except OSError:
        yield Row(name="lock", state="wrong", detail="there is no Cargo.lock", next="`cargo generate-lockfile`, and commit it")
        return
    try:
        listed = {one["name"]: one["version"] for one in toml_file.loads(text).get("package", ()) if "source" not in one}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("Cargo.lock is not TOML", why=str(error)) from error
    other = [
        f"{crate.name} {listed.get(crate.name, 'is not in it')}" for crate in release.crates if listed.get(crate.name) != crate.version
    ]
    if other:
        yield Row(name="lock", state="wrong", detail=", ".join(other), next="`cargo update --workspace`, and commit Cargo.lock")
    else:
        yield Row(name="lock", state="ok", detail="agrees with Cargo.toml")


def _changelog(release: ReleaseContext) -> Iterator[Row]:
    head = prepare.Head(release)
    changelogs = list(prepare.changelogs(release, head))
    if not changelogs:
        yield Row(name="changelog", state="ok", detail="none")
    for path, crate in changelogs:
        sections = version.sections(head.text(path) or "")
        if crate.version.lower() in sections:
            yield Row(name="changelog", state="ok", detail=f"{path} has {crate.version}")
        elif sections.get("unreleased"):
            yield Row(name="changelog", state="missing", detail=f"{path} has it under Unreleased", next="`release.prepare`")
        else:
            yield Row(
                name="changelog", state="wrong", detail=f"{path} says nothing of {crate.version}", next="write below Unreleased what is new"
            )


def _tag(release: ReleaseContext) -> Iterator[Row]:
    for tag in release.tags:
        commit = release.git.tags.get(tag)
        if commit is None:
            yield Row(name="tag", state="missing", detail=f"{tag} is not there", next="`release.prepare`")
        elif commit != release.git.commit:
            yield Row(name="tag", state="wrong", detail=f"{tag} is {commit[:12]}, and HEAD is not", next="`release.prepare --bump patch`")
        else:
            yield Row(name="tag", state="ok", detail=tag)


def _tree(release: ReleaseContext) -> Iterator[Row]:
    if release.git.dirty:
        shown = ", ".join(release.git.dirty[:3]) + (", …" if len(release.git.dirty) > 3 else "")
        yield Row(name="tree", state="wrong", detail=f"not committed: {shown}", next="commit it")
    else:
        yield Row(name="tree", state="ok", detail="clean")


def _branch(release: ReleaseContext) -> Iterator[Row]:
    expected, current = release.context.config.release.branch, release.git.branch or "none"
    wrong = bool(expected) and expected != current
    yield Row(name="branch", state="wrong" if wrong else "ok", detail=current, next=f"`git switch {expected}`" if wrong else "")


def _packages(release: ReleaseContext) -> Iterator[Row]:
    triples = release.context.config.targets
    parts = {part.target: part for part in dist.parts(release.dist, triples)}
    done = [triple for triple in triples if triple in parts and not parts[triple].error and parts[triple].commit == release.git.commit]
    failed = [triple for triple in triples if triple in parts and parts[triple].error]
    others = [triple for triple in triples if triple not in done and triple not in failed]
    count = f"{len(done)} of {len(triples)} targets"
    if len(done) == len(triples):
        yield Row(name="packages", state="ok", detail=count)
        return
    if others:
        yield Row(name="packages", state="missing", detail=f"{count}; not of this commit: {', '.join(others)}", next="`release.build`")
    for triple in failed:
        why = parts[triple].error.splitlines()[0]
        yield Row(name="packages", state="wrong", detail=f"{triple} failed: {why}", next=f"`release.build --target {triple}`")


def _published(release: ReleaseContext) -> Iterator[Row]:
    for name in publish.places(release):
        if not dist.chosen(release):
            yield Row(name="published", state="missing", detail=f"{name}: nothing is built yet", next="`release.build`")
            continue
        if release.context.config.offline and name != "directory":
            yield Row(name="published", state="missing", detail=f"{name}: not asked, offline", next="ask without `offline`")
            continue
        actions = publish.look(release, name)
        open_actions = [action for action in actions if not action.done]
        notes = dict.fromkeys(action.note for action in actions if action.note)
        if open_actions:
            yield Row(name="published", state="missing", detail=f"{name}: {len(open_actions)} left", next="`release.publish`")
        else:
            yield Row(name="published", state="ok", detail=", ".join((name, *notes)))


LOOKS: Final[dict[str, Callable[[ReleaseContext], Iterator[Row]]]] = {
    "version": _version,
    "lock": _lock,
    "changelog": _changelog,
    "tag": _tag,
    "tree": _tree,
    "branch": _branch,
    "packages": _packages,
    "published": _published,
}


def text(rows: tuple[Row, ...]) -> str:
    """Return the rows as a table."""
    from ...reporting.report import bold

    lines = []
    for row in rows:
        lines.append(f"{MARKS[row.state]} {bold(f'{row.name:<10}')} {row.detail}")
        if row.next:
            lines.append(f"  {'':<10} next: {row.next}")
    return "\n".join(lines)


def complete(rows: tuple[Row, ...], *, without: tuple[str, ...] = ()) -> bool:
    """Tell whether nothing is missing."""
    return all(row.state == "ok" for row in rows if row.name not in without)
