"""Look at a release: what is there, and what is missing."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct

from ...core.errors import ConfigError, CrosstasksError, Interrupted
from . import dist, prepare, publish, version

if TYPE_CHECKING:
    from .context import Context

State: TypeAlias = Literal["ok", "missing", "wrong"]
MARKS: Final = {"ok": "✔", "missing": "·", "wrong": "✘"}


class Row(Struct, frozen=True, kw_only=True):
    """One thing that a release has: what was found, and what is to be done about it."""

    name: str
    state: State
    found: str
    next: str = ""


def examine(context: Context) -> tuple[Row, ...]:
    """Return all rows; what cannot be looked at is one that is wrong."""
    rows: list[Row] = []
    for name, look in LOOKS.items():
        try:
            rows += look(context)
        except Interrupted:
            raise
        except CrosstasksError as error:
            rows.append(Row(name=name, state="wrong", found=error.what, next=error.hint))
    return tuple(rows)


def _version(context: Context) -> Iterator[Row]:
    yield Row(name="version", state="ok", found=context.version)


def _lock(context: Context) -> Iterator[Row]:
    try:
        text = (context.root / "Cargo.lock").read_text("utf-8")
    except OSError:
        yield Row(name="lock", state="wrong", found="there is no Cargo.lock", next="`cargo generate-lockfile`, and commit it")
        return
    try:
        listed = {one["name"]: one["version"] for one in tomllib.loads(text).get("package", ()) if "source" not in one}
    except tomllib.TOMLDecodeError as error:
        raise ConfigError("Cargo.lock is not TOML", why=str(error)) from error
    other = [
        f"{crate.name} {listed.get(crate.name, 'is not in it')}" for crate in context.crates if listed.get(crate.name) != crate.version
    ]
    if other:
        yield Row(name="lock", state="wrong", found=", ".join(other), next="`cargo update --workspace`, and commit Cargo.lock")
    else:
        yield Row(name="lock", state="ok", found="agrees with Cargo.toml")


def _changelog(context: Context) -> Iterator[Row]:
    head = prepare.Head(context)
    found = list(prepare.changelogs(context, head))
    if not found:
        yield Row(name="changelog", state="ok", found="none")
    for path, crate in found:
        sections = version.sections(head.text(path) or "")
        if crate.version.lower() in sections:
            yield Row(name="changelog", state="ok", found=f"{path} has {crate.version}")
        elif sections.get("unreleased"):
            yield Row(name="changelog", state="missing", found=f"{path} has it under Unreleased", next="`release.prepare`")
        else:
            yield Row(
                name="changelog", state="wrong", found=f"{path} says nothing of {crate.version}", next="write below Unreleased what is new"
            )


def _tag(context: Context) -> Iterator[Row]:
    for tag in context.tags:
        commit = context.git.tags.get(tag)
        if commit is None:
            yield Row(name="tag", state="missing", found=f"{tag} is not there", next="`release.prepare`")
        elif commit != context.git.commit:
            yield Row(name="tag", state="wrong", found=f"{tag} is {commit[:12]}, and HEAD is not", next="`release.prepare --bump patch`")
        else:
            yield Row(name="tag", state="ok", found=tag)


def _tree(context: Context) -> Iterator[Row]:
    if context.git.dirty:
        shown = ", ".join(context.git.dirty[:3]) + (", …" if len(context.git.dirty) > 3 else "")
        yield Row(name="tree", state="wrong", found=f"not committed: {shown}", next="commit it")
    else:
        yield Row(name="tree", state="ok", found="clean")


def _branch(context: Context) -> Iterator[Row]:
    wanted, found = context.work.config.release.branch, context.git.branch or "none"
    wrong = bool(wanted) and wanted != found
    yield Row(name="branch", state="wrong" if wrong else "ok", found=found, next=f"`git switch {wanted}`" if wrong else "")


def _packages(context: Context) -> Iterator[Row]:
    triples = context.work.config.targets
    parts = {part.target: part for part in dist.parts(context.dist, triples)}
    done = [triple for triple in triples if triple in parts and not parts[triple].error and parts[triple].commit == context.git.commit]
    failed = [triple for triple in triples if triple in parts and parts[triple].error]
    left = [triple for triple in triples if triple not in done and triple not in failed]
    found = f"{len(done)} of {len(triples)} targets"
    if len(done) == len(triples):
        yield Row(name="packages", state="ok", found=found)
        return
    if left:
        yield Row(name="packages", state="missing", found=f"{found}; not of this commit: {', '.join(left)}", next="`release.build`")
    for triple in failed:
        why = parts[triple].error.splitlines()[0]
        yield Row(name="packages", state="wrong", found=f"{triple} failed: {why}", next=f"`release.build --target {triple}`")


def _published(context: Context) -> Iterator[Row]:
    for name in publish.places(context):
        if not dist.chosen(context):
            yield Row(name="published", state="missing", found=f"{name}: nothing is built yet", next="`release.build`")
            continue
        if context.work.config.offline and name != "directory":
            yield Row(name="published", state="missing", found=f"{name}: not asked, offline", next="ask without `offline`")
            continue
        looked = publish.look(context, name)
        left = [action for action in looked if not action.done]
        notes = dict.fromkeys(action.note for action in looked if action.note)
        if left:
            yield Row(name="published", state="missing", found=f"{name}: {len(left)} left", next="`release.publish`")
        else:
            yield Row(name="published", state="ok", found=", ".join((name, *notes)))


LOOKS: Final[dict[str, Callable[[Context], Iterator[Row]]]] = {
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
        lines.append(f"{MARKS[row.state]} {bold(f'{row.name:<10}')} {row.found}")
        if row.next:
            lines.append(f"  {'':<10} next: {row.next}")
    return "\n".join(lines)


def complete(rows: tuple[Row, ...], *, without: tuple[str, ...] = ()) -> bool:
    """Tell whether nothing is missing."""
    return all(row.state == "ok" for row in rows if row.name not in without)
