"""Act: which crates of a workspace a change reaches, asked of git and cargo, and so what is to be built of each target.

::

    a file of a crate             that crate, and all that depend on it
    Cargo.lock                    the crates whose dependencies are others now
    [workspace.dependencies]      the crates that inherit what is another now
    the rest of the workspace's   everything: profiles, patches, lints, inherited metadata
    what all share                everything: crosstasks.toml, rust-toolchain, .cargo/config.toml, Cross.toml
    any file                      the crates whose sources name it, or a folder of no crate that it lies in
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct, structs

from ... import pipeline
from ...clients import git
from ...config import documents
from ...config.configuration import Config
from ...config.options import TargetOptions
from ...config.read import Source
from ...config.session_cache import FILE
from ...context import Context
from ...core import toml_file
from ...core.errors import ConfigError, NothingSelected, ToolMissing
from ...core.steps import TESTING, Question, Verb
from ...core.toml_file import table
from ...project import manifest
from ...project.manifest import dependencies
from ...project.repository import metadata

T = TypeVar("T")

RANK: Final = 99
"""What a change does not reach is not built, whatever else says so."""


class Crate(Struct, frozen=True, kw_only=True):
    """A crate of the workspace, or one outside that a path leads to.

    Attributes:
        folders: its own first, then those of sources that lie elsewhere.
        needs: the folders of its path dependencies.
        member: it belongs to the workspace; *default*: cargo builds it if no package is named.
    """

    name: str
    version: str
    folders: tuple[Path, ...]
    needs: tuple[Path, ...] = ()
    member: bool = False
    default: bool = False


Mentions = Callable[[Crate, "re.Pattern[str]"], bool]
"""Tells whether a crate's sources hold what a pattern finds."""


def crates(metadata: Mapping[str, Any], *, members: bool, verb: Verb = "test") -> tuple[Crate, ...]:
    """Read the packages in ``cargo metadata --no-deps``.

    Args:
        metadata: by cargo; before 1.71 it does not tell which packages it builds by itself.
        members: these belong to the workspace.
        verb: what only tests need is left out of a build.
    """
    default = set(metadata.get("workspace_default_members", metadata.get("workspace_members", ())))
    return tuple(
        Crate(
            name=package["name"],
            version=package["version"],
            folders=tuple(_folders(package)),
            needs=tuple(
                Path(one["path"]) for one in package["dependencies"] if one.get("path") and (verb in TESTING or one.get("kind") != "dev")
            ),
            member=members,
            default=members and package["id"] in default,
        )
        for package in metadata.get("packages", ())
    )


def _folders(package: Mapping[str, Any]) -> Iterator[Path]:
    folder = Path(package["manifest_path"]).parent
    yield folder
    yield from dict.fromkeys(
        source for target in package["targets"] if not (source := Path(target["src_path"]).parent).is_relative_to(folder)
    )


def crates_of(path: Path, all_crates: Sequence[Crate]) -> set[Crate]:
    """Return the innermost crates that a changed path lies in, and those that lie in it, if it is a submodule."""
    inside = {crate for crate in all_crates if any(folder.is_relative_to(path) for folder in crate.folders)}
    holding = [(len(folder.parts), crate) for crate in all_crates for folder in crate.folders if path.is_relative_to(folder)]
    deepest = max((depth for depth, _ in holding), default=0)
    return inside | {crate for depth, crate in holding if depth == deepest}


def dependents(different: Collection[Crate], all_crates: Sequence[Crate], by_lock: Collection[tuple[str, str]] = ()) -> set[Crate]:
    """Return the *different* crates, those whose dependencies in the lock file are others now, and all that depend on them."""
    reached = {*different, *(crate for crate in all_crates if (crate.name, crate.version) in by_lock)}

    def needs(crate: Crate, others: set[Crate]) -> bool:
        return any(folder in crate.needs for other in others for folder in other.folders)

    return _with_users(reached, all_crates, needs)


def _with_users(first: Iterable[T], every: Collection[T], needs: Callable[[T, set[T]], object]) -> set[T]:
    """Return the *first*, and of *every* one those that need one of them, however far."""
    reached = set(first)
    while more := {one for one in every if one not in reached and needs(one, reached)}:
        reached |= more
    return reached


Id = tuple[str, str, str]
"""A package of a lock file: name, version, source."""


def lock_changes(before: str, after: str) -> set[tuple[str, str]]:
    """Return the packages without a source, by name and version, whose dependencies differ between two lock files."""
    old, new = _read_lock(before), _read_lock(after)
    different = (one for one in new if new[one] != old.get(one))
    reached = _with_users(different, new.keys(), lambda one, others: others & new[one][1])
    return {(name, version) for name, version, source in reached if not source}


def _read_lock(text: str) -> dict[Id, tuple[str, frozenset[Id]]]:
    """Read a lock file: of every package its checksum, and what it needs."""
    listed = toml_file.loads(text).get("package", [])
    ids: list[Id] = [(one["name"], one["version"], one.get("source", "")) for one in listed]
    named: dict[str, Id] = {}
    for name, version, source in ids:  # a dependency is written as shortly as it is unique
        named |= dict.fromkeys((name, f"{name} {version}", f"{name} {version} ({source})"), (name, version, source))
    return {
        one: (package.get("checksum", ""), frozenset(named[word] for word in package.get("dependencies", ()) if word in named))
        for one, package in zip(ids, listed, strict=True)
    }


WORKSPACE_TABLES: Final = ("workspace", "profile", "patch", "replace", "cargo-features")

LISTS: Final = ("members", "exclude", "default-members", "dependencies")
"""Tables of a workspace's manifest that hold for every crate, and of the first what does not."""


def common(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a manifest of a workspace says that holds for every crate."""
    shared_tables = {name: content[name] for name in WORKSPACE_TABLES if name in content}
    return {**shared_tables, "workspace": {key: value for key, value in table(content, "workspace").items() if key not in LISTS}}


def dependency_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Return the names in ``[workspace.dependencies]`` that two manifests do not agree on."""
    old, new = (table(content, "workspace", "dependencies") for content in (before, after))
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def inherits(content: Mapping[str, Any], names: Collection[str]) -> bool:
    """Tell whether a crate's manifest takes one of the *names* from its workspace."""
    return any(
        name in names and isinstance(one, Mapping) and one.get("workspace")
        for dependencies_ in dependencies(content)
        for name, one in dependencies_.items()
    )


USUAL: Final = frozenset({"src", "tests", "benches", "examples"})
"""Folders that sources speak of, and mean their own."""


def mention(path: Path, floor: Path) -> re.Pattern[str]:
    """Return what a source holds that reads *path*: a text that ends with its name, or with that of a folder between it and *floor*."""
    folders = [folder.name for folder in path.parents if folder != floor and folder.is_relative_to(floor)]
    names = [path.name, *(name for name in folders if name not in USUAL)]
    return re.compile(rf"""["/](?:{"|".join(map(re.escape, names))})/?["]""")


def changed_crates(files: Iterable[Path], all_crates: Sequence[Crate], top: Path, mentions: Mentions) -> set[Crate]:
    """Return the crates that changed *files* of a repository belong to, and those whose sources name one, as ``include_str!`` does."""
    crates_: set[Crate] = set()
    for path in files:
        inner = crates_of(path, all_crates)
        floor = max(
            (folder for crate in inner for folder in crate.folders if path.is_relative_to(folder)),
            key=lambda folder: len(folder.parts),
            default=top,
        )
        pattern = mention(path, floor)
        crates_ |= inner | {crate for crate in all_crates if crate not in crates_ and mentions(crate, pattern)}
    return crates_


def narrow_to(config: Config, triples: Iterable[str], all_crates: Sequence[Crate], names: Collection[str], source: str) -> Config:
    """Return the configuration of the targets that have a package of *names*, and of each only these; users are told it of *source*."""
    options, sources, targets = dict(config.by_target), dict(config.sources), []
    origin = Source(name=source, rank=RANK)
    for triple in triples:
        members = tuple(crate.name for crate in all_crates if crate.name in names and _is_selected(crate, config, triple))
        if members:
            targets.append(triple)
            options[triple] = {**options.get(triple, {}), "members": members, "exclude": ()}
            sources |= {f"{triple}.members": origin, f"{triple}.exclude": origin}
    return structs.replace(config, targets=tuple(targets), by_target=options, sources=sources)


def _is_selected(crate: Crate, config: Config, triple: str) -> bool:
    """Tell whether a crate is built for a target: one of ``members``, else none of ``exclude``, else what cargo builds by itself."""
    options = config.target(triple)
    return crate.member and is_chosen(crate.name, options) if options.members or options.exclude else crate.default


def is_chosen(name: str, options: TargetOptions) -> bool:
    """Tell whether a package of the workspace is one of ``members``, or where there are none, none of ``exclude``.

    Both are patterns of names, some with a version behind an @.
    """
    named = any(fnmatchcase(name, spec.partition("@")[0]) for spec in options.members or options.exclude)
    return named if options.members else not named


EVERYWHERE: Final = ("rust-toolchain", "rust-toolchain.toml", ".cargo/config", ".cargo/config.toml")
"""What cargo and rustup read in the workspace's folder and in all above."""


class Git:
    """Git's view of a repository, from the commit where it parted from a revision."""

    def __init__(self, context: Context, folder: Path, ref: str) -> None:
        self.context = context
        self.folder = folder
        self.top = Path(self._ask("rev-parse", "--show-toplevel", message="this is no git repository").strip())
        if ref.startswith("-"):
            raise ConfigError(f"{ref!r} is no revision", hint="a branch, a tag or a commit: origin/main")
        commit = self._ask("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}", message=f"git knows no revision {ref!r}").strip()
        self.base = self._ask("merge-base", commit, "HEAD", message=f"{ref!r} and HEAD have no commit in common").strip()

    def _ask(self, *arguments: str, message: str) -> str:
        done = git.ask(self.folder, self.context.run, *arguments)
        if done.code:
            hint = "`git fetch` brings more of the history; in CI, fetch-depth: 0"
            raise ConfigError(message, why=done.err.strip(), hint=hint)
        return done.out

    def different_paths(self) -> tuple[Path, ...]:
        """Return every path that differs from the base, committed or not, with those that git does not know yet."""
        failure = "git does not tell what has changed"
        diff = ("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=none", self.base, "--")
        new = ("ls-files", "--others", "--exclude-standard", "--full-name", "-z", "--", str(self.top))
        listed = self._ask(*diff, message=failure).split("\0") + self._ask(*new, message=failure).split("\0")
        return tuple(self.top / name for name in dict.fromkeys(listed) if name)

    def before(self, path: Path) -> str:
        """Return what a file held at the base; nothing if it was not there."""
        done = git.ask(self.folder, self.context.run, "show", f"{self.base}:{path.relative_to(self.top).as_posix()}")
        return "" if done.code else done.out


def narrow(context: Context, names: Sequence[str], ref: str, verb: Verb) -> Context:
    """Leave of the configuration only the targets and packages that what has changed since *ref* reaches.

    Args:
        names: the targets to work on, all configured ones if empty.
        ref: a revision of git; what counts is where HEAD parted from it.
        verb: a change in what only tests need reaches no build.

    Raises:
        ConfigError: git does not know the revision.
        NothingSelected: no package of a target is reached.
    """
    triples = pipeline.select(names, context)
    context = pipeline.look(context, (Question("repository"),))
    root = Path(context.repository.root)
    git = Git(context, root, ref)
    all_crates = _crates(context, root, verb)
    files = [path for path in git.different_paths() if not path.is_relative_to(context.repository.target_directory)]
    reached = _reach(files, all_crates, git, context)
    if reached is None:
        context.say(f"changed since {ref}: files that all crates share, so everything is selected")
        return replace(context, config=structs.replace(context.config, targets=triples))
    config = narrow_to(context.config, triples, all_crates, {crate.name for crate in reached}, f"--changed-since {ref}")
    if not config.targets:
        why = f"{len(files)} path{'s have' if len(files) != 1 else ' has'} changed since {ref}, and none reaches a package that is built"
        raise NothingSelected("nothing is selected", why=why, hint="without --changed-since everything is")
    context.say(f"changed since {ref}: {', '.join(sorted(crate.name for crate in reached if crate.member))}")
    return replace(context, config=config)


def _crates(context: Context, root: Path, verb: Verb) -> tuple[Crate, ...]:
    """Return the members of the workspace, and the crates outside that paths lead to, from cargo."""
    all_crates = dict.fromkeys(crates(_metadata(context, root), members=True, verb=verb))
    waiting = [*manifest.path_dependencies(root, _toml(root / "Cargo.toml")), *(need for crate in all_crates for need in crate.needs)]
    folders = {crate.folders[0] for crate in all_crates}
    while waiting:
        folder = waiting.pop()
        if folder not in folders and (folder / "Cargo.toml").is_file():
            folders.add(folder)
            for crate in crates(_metadata(context, folder), members=False, verb=verb):
                if crate.folders[0] == folder:
                    all_crates[crate] = None
                    waiting += crate.needs
    return tuple(all_crates)


def _metadata(context: Context, folder: Path) -> Mapping[str, Any]:
    """Ask the cargo on PATH, or one of ours."""
    ours = sorted(map(str, (context.cache / "rustup" / "toolchains").glob("*/bin/cargo")), reverse=True)
    for cargo in (context.look.which("cargo") or "", *ours):
        if cargo and (answer := metadata(context.look, str(folder / "Cargo.toml"), cargo)):
            return answer
    raise ToolMissing("no cargo is here to say which crates depend on which", hint="`crosstasks tools.provision` provides one")


def _reach(files: Sequence[Path], all_crates: Sequence[Crate], git: Git, context: Context) -> set[Crate] | None:
    """Return the crates that changed files reach; None for all of them."""
    root = Path(context.repository.root)
    lock, top = root / "Cargo.lock", root / "Cargo.toml"
    if any(path in files for path in _files_for_all(context, root, git)):
        return None
    inheriting: set[Crate] = set()
    if top in files:
        before, after = _parse(git.before(top)), _toml(top)
        if common(before) != common(after):
            return None
        names = dependency_differences(before, after)
        inheriting = {crate for crate in all_crates if names and inherits(_toml(crate.folders[0] / "Cargo.toml"), names)}
    by_lock: set[tuple[str, str]] = set()
    if lock in files:
        if not lock.is_file():
            return None
        by_lock = lock_changes(git.before(lock), lock.read_text("utf-8"))
    rest = [path for path in files if path != lock and (path != top or "package" in _toml(top))]
    return dependents(inheriting | changed_crates(rest, all_crates, git.top, _mentions()), all_crates, by_lock)


def _files_for_all(context: Context, root: Path, git: Git) -> Iterator[Path]:
    """Return the files that hold for every crate."""
    for folder in (root, *root.parents):
        if folder.is_relative_to(git.top):
            yield from (folder / name for name in EVERYWHERE)
    yield Path(context.repository.cross_origin) if context.repository.cross_origin.endswith(".toml") else root / "Cross.toml"
    yield root / "Cross.toml"
    for holder in (table(context.repository.cross, "build"), *table(context.repository.cross, "target").values()):
        named = holder.get("dockerfile", "") if isinstance(holder, Mapping) else ""
        yield root / str(named.get("file", "") if isinstance(named, Mapping) else named or "Dockerfile")
    place = documents.find(context.root)
    if place and place.path.is_relative_to(git.top):
        yield place.path.with_name("crosstasks.lock")
        if place.path.name == FILE or table(_parse(git.before(place.path)), *place.table) != table(_toml(place.path), *place.table):
            yield place.path


def _toml(path: Path) -> dict[str, Any]:
    return _parse(path.read_text("utf-8")) if path.is_file() else {}


def _parse(text: str) -> dict[str, Any]:
    try:
        return toml_file.loads(text)
    except tomllib.TOMLDecodeError:  # of an old commit; then all of it differs
        return {}


def _mentions() -> Mentions:
    """Read the sources of each crate once, when they are asked for."""

    @cache
    def text(folder: Path) -> str:
        return "\n".join(path.read_text("utf-8", errors="replace") for path in _sources(folder))

    return lambda crate, pattern: any(pattern.search(text(folder)) for folder in crate.folders)


def _sources(folder: Path) -> Iterator[Path]:
    """Return the Rust files of a crate, without those of crates in it."""
    for place, below, names in os.walk(folder):
        inner = Path(place)
        below[:] = sorted(name for name in below if name != "target" and name[0] != "." and not (inner / name / "Cargo.toml").exists())
        yield from (inner / name for name in names if name.endswith(".rs"))
