"""Act: ``--changed-since``: ask git what has changed and cargo who depends on whom, and leave only what that reaches."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from ... import pipeline
from ...config.files import FILE
from ...config.places import locate
from ...context import Work
from ...core.errors import ConfigError, NothingSelected, ToolMissing
from ...core.steps import Question
from ...planning.route import Verb
from ...project import manifest
from ...project.repository import metadata
from ...project.toml_file import table
from . import changes
from .changes import Crate

EVERYWHERE: Final = ("rust-toolchain", "rust-toolchain.toml", ".cargo/config", ".cargo/config.toml")
"""What cargo and rustup read in the workspace's folder and in all above."""


class Git:
    """Git's view of a repository, from the commit where it parted from a revision."""

    def __init__(self, work: Work, folder: Path, ref: str) -> None:
        self.work = work
        self.folder = folder
        self.top = Path(self._ask("rev-parse", "--show-toplevel", failed="this is no git repository").strip())
        self.base = self._base(ref)

    def _base(self, ref: str) -> str:
        if ref.startswith("-"):
            raise ConfigError(f"{ref!r} is no revision", hint="a branch, a tag or a commit: origin/main")
        commit = self._ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", failed=f"git knows no revision {ref!r}").strip()
        return self._ask("merge-base", commit, "HEAD", failed=f"{ref!r} and HEAD have no commit in common").strip()

    def _ask(self, *arguments: str, failed: str) -> str:
        env = {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
        done = self.work.run(("git", *arguments), env=env, cwd=str(self.folder))
        if done.code:
            hint = "`git fetch` brings more of the history; in CI, fetch-depth: 0"
            raise ConfigError(failed, why=done.err.strip(), hint=hint)
        return done.out

    def changed(self) -> tuple[Path, ...]:
        """Return every path that differs from the base, committed or not, with those that git does not know yet."""
        said = "git does not tell what has changed"
        diff = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", self.base, "--")
        new = ("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", str(self.top))
        listed = self._ask(*diff, failed=said).split("\0") + self._ask(*new, failed=said).split("\0")
        return tuple(self.top / name for name in dict.fromkeys(listed) if name)

    def before(self, path: Path) -> str:
        """Return what a file held at the base; nothing if it was not there."""
        with suppress(ConfigError):
            return self._ask("show", f"{self.base}:{path.relative_to(self.top).as_posix()}", failed="it was not there")
        return ""


def narrow(work: Work, names: Sequence[str], ref: str, verb: Verb) -> Work:
    """
    Leave of the configuration only the targets and packages that what has changed since *ref* reaches.

    Args:
        work: of this call.
        names: the targets to work on, all configured ones if empty.
        ref: a revision of git; what counts is where HEAD parted from it.
        verb: a change in what only tests need reaches no build.

    Raises:
        ConfigError: git does not know the revision.
        NothingSelected: no package of a target is reached.
    """
    triples = pipeline.select(names, work)
    work = pipeline.look(work, (Question("repository"),))
    root = Path(work.repository.root)
    git = Git(work, root, ref)
    known = _crates(work, root, verb)
    files = [path for path in git.changed() if not path.is_relative_to(work.repository.target_directory)]
    reached = _reached(files, known, git, work)
    if reached is None:
        work.say(f"changed since {ref}: what all crates share; everything is selected")
        return replace(work, config=_only(work, triples))
    config = changes.narrowed(work.config, triples, known, {crate.name for crate in reached}, f"--changed-since {ref}")
    if not config.targets:
        why = f"{len(files)} path{'s have' if len(files) != 1 else ' has'} changed since {ref}, and none reaches a package that is built"
        raise NothingSelected("nothing is selected", why=why, hint="without --changed-since everything is")
    work.say(f"changed since {ref}: {', '.join(sorted(crate.name for crate in reached if crate.member))}")
    return replace(work, config=config)


def _only(work: Work, triples: Sequence[str]) -> Any:
    from msgspec.structs import replace as with_

    return with_(work.config, targets=tuple(triples))


def _crates(work: Work, root: Path, verb: Verb) -> tuple[Crate, ...]:
    """Return the members of the workspace, and the crates outside that paths lead to, from cargo."""
    known = dict.fromkeys(changes.crates(_told(work, root), members=True, verb=verb))
    waiting = [*manifest.path_dependencies(root, _toml(root / "Cargo.toml")), *(need for crate in known for need in crate.needs)]
    seen = {crate.folders[0] for crate in known}
    while waiting:
        folder = waiting.pop()
        if folder not in seen and (folder / "Cargo.toml").is_file():
            seen.add(folder)
            for crate in changes.crates(_told(work, folder), members=False, verb=verb):
                if crate.folders[0] == folder:
                    known[crate] = None
                    waiting += crate.needs
    return tuple(known)


def _told(work: Work, folder: Path) -> Mapping[str, Any]:
    """Ask the cargo on PATH, or one of ours."""
    ours = sorted(map(str, (work.cache / "rustup" / "toolchains").glob("*/bin/cargo")), reverse=True)
    for cargo in (work.look.which("cargo") or "", *ours):
        if cargo and (told := metadata(work.look, str(folder / "Cargo.toml"), cargo)):
            return told
    raise ToolMissing("there is no cargo that tells which crate needs which", hint="`crosstasks provision` provides one")


def _reached(files: Sequence[Path], known: Sequence[Crate], git: Git, work: Work) -> set[Crate] | None:
    """Return the crates that changed files reach; None for all of them."""
    root = Path(work.repository.root)
    lock, top = root / "Cargo.lock", root / "Cargo.toml"
    if any(path in files for path in _shared(work, root, git)):
        return None
    inheriting: set[Crate] = set()
    if top in files:
        before, after = _parsed(git.before(top)), _toml(top)
        if changes.shared(before, after):
            return None
        names = changes.inherited(before, after)
        inheriting = {crate for crate in known if names and changes.inherits(_toml(crate.folders[0] / "Cargo.toml"), names)}
    locked: set[tuple[str, str]] = set()
    if lock in files:
        if not lock.is_file():
            return None
        locked = changes.lock_changes(git.before(lock), lock.read_text("utf-8"))
    rest = [path for path in files if path != lock and (path != top or "package" in _toml(top))]
    return changes.dependents(inheriting | changes.reached(rest, known, git.top, _Mentions()), known, locked)


def _shared(work: Work, root: Path, git: Git) -> Iterator[Path]:
    """Return the files that hold for every crate."""
    for folder in (root, *root.parents):
        if folder.is_relative_to(git.top):
            yield from (folder / name for name in EVERYWHERE)
    yield Path(work.repository.cross_origin) if work.repository.cross_origin.endswith(".toml") else root / "Cross.toml"
    yield root / "Cross.toml"
    for holder in (table(work.repository.cross, "build"), *table(work.repository.cross, "target").values()):
        named = holder.get("dockerfile", "") if isinstance(holder, Mapping) else ""
        yield root / str(named.get("file", "") if isinstance(named, Mapping) else named or "Dockerfile")
    place = locate(work.root)
    if place and place.path.is_relative_to(git.top):
        yield place.path.with_name("crosstasks.lock")
        if place.path.name == FILE or table(_parsed(git.before(place.path)), *place.table) != table(_toml(place.path), *place.table):
            yield place.path


def _toml(path: Path) -> dict[str, Any]:
    return _parsed(path.read_text("utf-8")) if path.is_file() else {}


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # of an old commit; then all of it differs
        return {}


class _Mentions:
    """The sources of crates, each read once."""

    def __init__(self) -> None:
        self.texts: dict[Path, str] = {}

    def __call__(self, crate: Crate, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(self._text(folder)) for folder in crate.folders)

    def _text(self, folder: Path) -> str:
        if folder not in self.texts:
            self.texts[folder] = "\n".join(path.read_text("utf-8", errors="replace") for path in _sources(folder))
        return self.texts[folder]


def _sources(folder: Path) -> Iterator[Path]:
    """Return the Rust files of a crate, without those of crates in it."""
    for place, below, names in os.walk(folder):
        inner = Path(place)
        below[:] = sorted(name for name in below if name != "target" and name[0] != "." and not (inner / name / "Cargo.toml").exists())
        yield from (inner / name for name in names if name.endswith(".rs"))
