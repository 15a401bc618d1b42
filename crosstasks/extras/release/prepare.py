"""Prepare a release: the version, the changelog, a commit and a tag.

What is to be written is worked out from HEAD alone, so that a call which was interrupted is taken up where it stopped, and gives
what it would have given.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ...clients import git
from ...core import toml_file
from ...core.errors import ConfigError, CrosstasksError
from ...core.steps import Command, Step
from ..packaging import archive
from . import version

if TYPE_CHECKING:
    from ..packaging.product import Crate
    from .context import Context

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Write(Step, frozen=True, kw_only=True):
    """Write a file, by its path from the top of the repository."""

    path: str


class Intended(Struct, frozen=True, kw_only=True):
    """What a release will be.

    Attributes:
        versions: of each package.
        message: of the commit, and of the tags.
        writes: the new content of files that change, by path from the top of the repository; *before* what they hold in HEAD.
        tags: those that are still to be made.
        resumed: a prepared release is at HEAD, and *bump* was not looked at.
    """

    versions: Mapping[str, str]
    message: str
    writes: Mapping[str, str] = {}
    before: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    resumed: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return what will be done, in order."""
        listed: list[Step] = [Write(why="the release", path=path) for path in self.writes]
        if self.writes:
            argv = ("git", "commit", "--message", self.message, "--", *self.writes)
            listed.append(Command(why="what is released is a commit", argv=argv))
        listed += [
            Command(why="the release's name", argv=("git", "tag", "--annotate", "--message", self.message, tag)) for tag in self.tags
        ]
        return tuple(listed)

    def diff(self) -> str:
        """Return what changes in files, as a patch."""
        parts: list[str] = []
        for path, text in self.writes.items():
            old, new = self.before[path].splitlines(keepends=True), text.splitlines(keepends=True)
            parts += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", n=1)
        return "".join(parts)


def intend(context: Context, bump: str = "", *, today: str = "") -> Intended:
    """
    Work out what the release will be.

    Args:
        context: with the packages of the working tree, which an interrupted call may have changed.
        bump: patch, minor, major or a version; empty: the version that is there.
        today: the date for the changelog.

    Raises:
        ConfigError: the tree is dirty, the branch is another, the version would go back, a tag is another commit, or the
            changelog cannot be taken further.
    """
    head = Head(context)
    now = head.versions()
    _on_branch(context)
    if _is_prepared(context, now):
        _clean(context, {})
        return Intended(versions=now, message=_message(context, now), tags=_tags(context, now), resumed=bool(bump))
    new = {name: version.bumped(one, bump) if bump else one for name, one in now.items()}
    tags = _tags(context, new)
    writes = {**_manifests(head, now, new), **_changelogs(context, head, new, today or datetime.now(UTC).strftime("%Y-%m-%d"))}
    before = {path: head.text(path) or "" for path in writes}
    writes = {path: text for path, text in writes.items() if text != before[path]}
    _clean(context, writes)
    return Intended(versions=new, message=_message(context, new), writes=writes, before=before, tags=tags)


class Head:
    """Files as they are committed."""

    def __init__(self, context: Context) -> None:
        """Ask git when a file is wanted."""
        self.context = context
        self.top = Path(context.git.top)

    def path(self, place: Path | str) -> str:
        """Return a path from the top of the repository."""
        return Path(place).resolve().relative_to(self.top.resolve()).as_posix()

    def text(self, path: str) -> str | None:
        """
        Return a file's content; None if HEAD has none.

        Raises:
            ConfigError: it is no text.
        """
        done = self.context.work.run(("git", "-C", str(self.top), "show", f"HEAD:{path}"), env=git.QUIET)
        if done.code:
            return None
        if "\ufffd" in done.out:
            raise ConfigError(f"{path} is not UTF-8", hint="save it as UTF-8, and commit it")
        return done.out

    def manifests(self) -> dict[str, str]:
        """Return the manifests of the workspace and of all its members."""
        repository = self.context.work.repository
        paths = dict.fromkeys(self.path(place) for place in (repository.manifest, *(package.manifest for package in repository.packages)))
        return {path: text for path in paths if (text := self.text(path)) is not None}

    def versions(self) -> dict[str, str]:
        """Return the version of each package that is released."""
        texts = {path: toml_file.loads(text) for path, text in self.manifests().items()}
        root = texts.get(self.path(self.context.work.repository.manifest), {})
        inherited = root.get("workspace", {}).get("package", {}).get("version", "0.0.0")
        result: dict[str, str] = {}
        for crate in self.context.crates:
            version: Any = texts.get(self.path(Path(crate.folder) / "Cargo.toml"), {}).get("package", {}).get("version", "0.0.0")
            result[crate.name] = version if isinstance(version, str) else inherited
        return result


def _message(context: Context, versions: Mapping[str, str]) -> str:
    """Return the commit's message, by which a prepared release is known again."""
    each = dict.fromkeys(versions.values())
    if len(each) == 1 and "{package}" not in context.work.config.release.tag:
        return f"Release {next(iter(each))}"
    return f"Release {', '.join(f'{name} {one}' for name, one in versions.items())}"


def _named(context: Context, versions: Mapping[str, str]) -> tuple[str, ...]:
    template = context.work.config.release.tag
    names = (template.replace("{package}", crate.name).replace("{version}", versions[crate.name]) for crate in context.crates)
    return tuple(dict.fromkeys(names))


def _tags(context: Context, versions: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tags that are not there yet; one on another commit is no name for this."""
    if "tag" in context.skip:
        return ()
    tags = _named(context, versions)
    elsewhere = [tag for tag in tags if context.git.tags.get(tag, context.git.commit) != context.git.commit]
    if elsewhere:
        why = f"it names {context.git.tags[elsewhere[0]][:12]}, and HEAD is {context.git.commit[:12]}"
        raise ConfigError(f"the tag {elsewhere[0]} is there already, for another commit", why=why, hint="--bump gives the next version")
    return tuple(tag for tag in tags if tag not in context.git.tags)


def _is_prepared(context: Context, versions: Mapping[str, str]) -> bool:
    """Tell whether HEAD is the commit of a release: by its tags, or by its message, if the call ended before they were made."""
    tagged = all(context.git.tags.get(tag) == context.git.commit for tag in _named(context, versions))
    return tagged or context.git.subject == _message(context, versions)


def _on_branch(context: Context) -> None:
    expected, current = context.work.config.release.branch, context.git.branch
    if expected and current != expected:
        raise ConfigError(f"releases are made on {expected}, and this is {current or 'no branch'}", hint=f"`git switch {expected}`")


def _clean(context: Context, writes: Mapping[str, str]) -> None:
    """Refuse a tree with anything in it that is not committed, but for what an interrupted call has written already."""
    ours = {path for path, text in writes.items() if _text(Path(context.git.top) / path) == text}
    dirty = [path for path in context.git.dirty if path not in ours]
    if dirty:
        shown = "\n".join([*dirty[:10], *(["…"] if len(dirty) > 10 else [])])
        raise ConfigError("not everything is committed", why=shown, hint="commit it, or put it aside with `git stash --include-untracked`")


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _manifests(head: Head, now: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    if now == new:
        return {}
    repository = head.context.work.repository
    changes = version.manifests(head.manifests(), head.path(repository.manifest), new)
    lock = head.path(Path(repository.root) / "Cargo.lock")
    text = head.text(lock)
    return changes | ({lock: version.lock(text, new, now)} if text is not None else {})


def _changelogs(context: Context, head: Head, new: Mapping[str, str], today: str) -> dict[str, str]:
    return {path: _changelog(context, head, path, crate, new[crate.name], today) for path, crate in changelogs(context, head)}


def changelogs(context: Context, head: Head) -> Iterator[tuple[str, Crate]]:
    """
    Give the changelogs: a crate's own where each has a tag of its own, else that of the root.

    Raises:
        ConfigError: one is configured, and not there.
    """
    options = context.work.config.release
    if not options.changelog or "changelog" in context.skip:
        return
    names: set[str] = set()
    for crate in context.crates:
        places = (Path(crate.folder), context.root) if "{package}" in options.tag else (context.root,)
        paths = [head.path(place / options.changelog) for place in places]
        path = next((path for path in paths if head.text(path) is not None), "")
        if path and path not in names:
            names.add(path)
            yield path, crate
        elif not path and context.work.config.origin("release.changelog").rank:
            raise ConfigError(f"the changelog {options.changelog!r} is not committed", hint="`changelog` in [release] names it")


def _changelog(context: Context, head: Head, path: str, crate: Crate, new: str, today: str) -> str:
    text = head.text(path) or ""
    if version.notes(text, new) is not None:
        return text
    written = next((line for line in (_text(head.top / path) or "").splitlines() if line.startswith("## ") and new in line), "")
    date = _DATE.search(written)  # of an interrupted call, that may have been yesterday
    template = context.work.config.release.tag.replace("{package}", crate.name)
    before = template.replace("{version}", crate.version) if crate.version != new else ""
    return version.released(text, new, date[0] if date else today, template.replace("{version}", new), before)


def prepare(context: Context, intended: Intended) -> None:
    """
    Write, commit and tag what is intended.

    Raises:
        CrosstasksError: a file cannot be written, Cargo.lock does not fit, or git refused; the next call goes on from there.
    """
    top = Path(context.git.top)
    for path, text in intended.writes.items():
        archive.write(top / path, text.encode())
    if intended.writes:
        _fits(context)
    for step in intended.steps:
        if isinstance(step, Command):
            context.work.say(str(step))
            done = context.work.run(step.argv, env=git.QUIET, cwd=str(top))
            if done.code:
                why = (done.err or done.out).strip()
                raise CrosstasksError(f"`{step.argv[0]} {step.argv[1]}` failed", why=why, hint="the next call goes on from here")


def _fits(context: Context) -> None:
    """Let cargo say whether Cargo.lock fits, if it is there."""
    cargo = context.work.look.which("cargo")
    if not cargo or not (context.root / "Cargo.lock").is_file():
        return
    argv = (cargo, "metadata", "--format-version=1", "--locked", "--offline", "--no-deps")
    done = context.work.run(argv, cwd=str(context.root), env={"RUSTUP_AUTO_INSTALL": "0"})
    if done.code == 101:
        raise CrosstasksError(
            "Cargo.lock does not fit the new version", why=done.err.strip(), hint="`cargo update --workspace`, and call again"
        )
