"""Prepare a release: the version, the changelog, a commit and a tag.

What is to be written is worked out from HEAD alone, so that a call which was interrupted is taken up where it stopped, and gives
what it would have given.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from ...clients import git
from ...core import files, toml_file
from ...core.errors import ConfigError, CrosstasksError
from ...core.steps import Command, Step
from ...project import manifest
from ..packaging import archive, product
from ..packaging.product import Crate
from . import version

if TYPE_CHECKING:
    from .context import ReleaseContext


class Write(Step, frozen=True, kw_only=True):
    """Write a file, by its path from the top of the repository."""

    path: str


class Intent(Struct, frozen=True, kw_only=True):
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


def intend(release: ReleaseContext, bump: str = "", *, today: str = "") -> Intent:
    """Work out what the release will be.

    Args:
        release: with the packages of the working tree, which an interrupted call may have changed.
        bump: patch, minor, major or a version; empty: the version that is there.
        today: the date for the changelog.

    Raises:
        ConfigError: the tree is dirty, the branch is another, the version would go back, a tag is another commit, or the
            changelog cannot be taken further.
    """
    now = _versions(release)
    expected, branch = release.context.config.release.branch, release.git.branch
    if expected and branch != expected:
        raise ConfigError(f"releases are made on {expected}, and this is {branch or 'no branch'}", hint=f"`git switch {expected}`")
    if _is_prepared(release, now):
        _clean(release, {})
        return Intent(versions=now, message=_message(release, now), tags=_tags(release, now), resumed=bool(bump))
    new = {name: version.bump(one, bump) if bump else one for name, one in now.items()}
    tags = _tags(release, new)
    today = today or datetime.now(UTC).strftime("%Y-%m-%d")
    writes = _manifests(release, now, new)
    for path, crate, text in changelogs(release):
        writes[path] = _changelog(release, path, text, crate.name, now[crate.name], new[crate.name], today)
    before = {path: _committed(release, path) or "" for path in writes}
    writes = {path: text for path, text in writes.items() if text != before[path]}
    _clean(release, writes)
    return Intent(versions=new, message=_message(release, new), writes=writes, before=before, tags=tags)


def _path(release: ReleaseContext, place: Path | str) -> str:
    """Return a path from the top of the repository."""
    return Path(place).resolve().relative_to(Path(release.git.top).resolve()).as_posix()


def _committed(release: ReleaseContext, path: str) -> str | None:
    """Return what HEAD has of a file; None if it has none.

    Raises:
        ConfigError: it is no text.
    """
    done = git.ask(Path(release.git.top), release.context.run, "show", f"HEAD:{path}")
    if done.code:
        return None
    if "\ufffd" in done.out:
        raise ConfigError(f"{path} is not UTF-8", hint="save it as UTF-8, and commit it")
    return done.out


def _manifest_texts(release: ReleaseContext) -> dict[str, str]:
    """Return the manifests of the workspace and of all its members, as they are committed."""
    repository = release.context.repository
    places = (repository.manifest, *(package.manifest for package in repository.packages))
    paths = dict.fromkeys(_path(release, place) for place in places)
    return {path: text for path in paths if (text := _committed(release, path)) is not None}


def _versions(release: ReleaseContext) -> dict[str, str]:
    """Return the version of each package that is released, as it is committed."""
    texts = {path: toml_file.loads(text) for path, text in _manifest_texts(release).items()}
    root = texts.get(_path(release, release.context.repository.manifest), {})
    paths = {crate.name: _path(release, Path(crate.folder) / "Cargo.toml") for crate in release.crates}
    packages = {name: toml_file.table(texts.get(path), "package") for name, path in paths.items()}
    return {name: manifest.value_of(package, root, "version") or "0.0.0" for name, package in packages.items()}


def _message(release: ReleaseContext, versions: Mapping[str, str]) -> str:
    """Return the commit's message, by which a prepared release is known again."""
    each = dict.fromkeys(versions.values())
    if len(each) == 1 and "{package}" not in release.context.config.release.tag:
        return f"Release {next(iter(each))}"
    return f"Release {', '.join(f'{name} {one}' for name, one in versions.items())}"


def _tag_names(release: ReleaseContext, versions: Mapping[str, str]) -> tuple[str, ...]:
    template = release.context.config.release.tag
    return tuple(dict.fromkeys(product.tag(template, crate.name, versions[crate.name]) for crate in release.crates))


def _tags(release: ReleaseContext, versions: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tags that are not there yet; one on another commit is no name for this."""
    if "tag" in release.skip:
        return ()
    tags = _tag_names(release, versions)
    elsewhere = [tag for tag in tags if release.git.tags.get(tag, release.git.commit) != release.git.commit]
    if elsewhere:
        why = f"it names {release.git.tags[elsewhere[0]][:12]}, and HEAD is {release.git.commit[:12]}"
        raise ConfigError(f"the tag {elsewhere[0]} exists already, for another commit", why=why, hint="--bump gives the next version")
    return tuple(tag for tag in tags if tag not in release.git.tags)


def _is_prepared(release: ReleaseContext, versions: Mapping[str, str]) -> bool:
    """Tell whether HEAD is the commit of a release: by its tags, or by its message, if the call ended before they were made."""
    tagged = all(release.git.tags.get(tag) == release.git.commit for tag in _tag_names(release, versions))
    return tagged or release.git.subject == _message(release, versions)


def _clean(release: ReleaseContext, writes: Mapping[str, str]) -> None:
    """Refuse a tree with anything in it that is not committed, but for what an interrupted call has written already."""
    ours = {path for path, text in writes.items() if files.read(Path(release.git.top) / path) == text}
    dirty = [path for path in release.git.dirty if path not in ours]
    if dirty:
        shown = "\n".join([*dirty[:10], *(["…"] if len(dirty) > 10 else [])])
        raise ConfigError("not everything is committed", why=shown, hint="commit it, or put it aside with `git stash --include-untracked`")


def _manifests(release: ReleaseContext, now: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    if now == new:
        return {}
    repository = release.context.repository
    changes = version.manifests(_manifest_texts(release), _path(release, repository.manifest), new)
    lock = _path(release, Path(repository.root) / "Cargo.lock")
    text = _committed(release, lock)
    return changes | ({lock: version.lock(text, new, now)} if text is not None else {})


def changelogs(release: ReleaseContext) -> Iterator[tuple[str, Crate, str]]:
    """Give the changelogs, with what HEAD has of them: a crate's own where each has a tag of its own, else that of the root.

    Raises:
        ConfigError: one is configured, and not there.
    """
    options = release.context.config.release
    if not options.changelog or "changelog" in release.skip:
        return
    names: set[str] = set()
    for crate in release.crates:
        places = (Path(crate.folder), release.root) if "{package}" in options.tag else (release.root,)
        paths = (_path(release, place / options.changelog) for place in places)
        texts = ((path, _committed(release, path)) for path in paths)
        path, text = next(((path, text) for path, text in texts if text is not None), ("", ""))
        if path and path not in names:
            names.add(path)
            yield path, crate, text
        elif not path and release.context.config.origin("release.changelog").rank:
            raise ConfigError(f"the changelog {options.changelog!r} is not committed", hint="`changelog` in [release] names it")


def _changelog(release: ReleaseContext, path: str, text: str, name: str, now: str, new: str, today: str) -> str:
    if version.notes(text, new) is not None:
        return text
    date = version.date(files.read(Path(release.git.top) / path), new) or today  # of an interrupted call, that may have been yesterday
    template = release.context.config.release.tag
    before = product.tag(template, name, now) if now != new else ""
    return version.add_section(text, new, date, product.tag(template, name, new), before)


def prepare(release: ReleaseContext, intent: Intent) -> None:
    """Write, commit and tag what the release will be.

    Raises:
        CrosstasksError: a file cannot be written, Cargo.lock does not fit, or git refused; the next call goes on from there.
    """
    top = Path(release.git.top)
    for path, text in intent.writes.items():
        archive.write(top / path, text.encode())
    if intent.writes:
        _fits(release)
    for step in intent.steps:
        if isinstance(step, Command):
            release.context.say(str(step))
            done = release.context.run(step.argv, env=git.QUIET, cwd=str(top))
            if done.code:
                why = (done.err or done.out).strip()
                raise CrosstasksError(f"`{step.argv[0]} {step.argv[1]}` failed", why=why, hint="the next call goes on from here")


def _fits(release: ReleaseContext) -> None:
    """Let cargo say whether Cargo.lock fits, if it is there; one that lacks a toolchain, or crates and may not fetch them, cannot tell."""
    cargo = release.context.look.which("cargo")
    if not cargo or not (release.root / "Cargo.lock").is_file():
        return
    argv = (cargo, "metadata", "--format-version=1", "--locked", "--offline")
    done = release.context.run(argv, cwd=str(release.root), env={"RUSTUP_AUTO_INSTALL": "0"})
    if done.code and "--locked" in done.err:
        hint = "`cargo update --workspace`, commit Cargo.lock, and call again"
        raise CrosstasksError("Cargo.lock does not fit the new version", why=done.err.strip(), hint=hint)
