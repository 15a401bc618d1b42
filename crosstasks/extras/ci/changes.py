"""Pure: which crates of a workspace a change reaches, and so what is to be built of each target.

::

    a file of a crate             that crate, and all that depend on it
    Cargo.lock                    the crates whose dependencies are others now
    [workspace.dependencies]      the crates that inherit what is another now
    the rest of the workspace's   everything: profiles, patches, lints, inherited metadata
    what all share                everything: crosstasks.toml, rust-toolchain, .cargo/config.toml, Cross.toml
    any file                      the crates whose sources name it, or a folder of no crate that it lies in
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from ...config import Config
from ...config.read import Source
from ...planning.route import Verb
from ...project.manifest import dependencies
from ...project.toml_file import table

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


def crates(told: Mapping[str, Any], *, members: bool, verb: Verb = "test") -> tuple[Crate, ...]:
    """
    Read the packages in ``cargo metadata --no-deps``.

    Args:
        told: by cargo; before 1.71 it does not tell which packages it builds by itself.
        members: these belong to the workspace.
        verb: what only tests need is left out of a build.
    """
    default = set(told.get("workspace_default_members", told.get("workspace_members", ())))
    return tuple(
        Crate(
            name=package["name"],
            version=package["version"],
            folders=tuple(_folders(package)),
            needs=tuple(
                Path(one["path"]) for one in package["dependencies"] if one.get("path") and (verb == "test" or one.get("kind") != "dev")
            ),
            member=members,
            default=members and package["id"] in default,
        )
        for package in told.get("packages", ())
    )


def _folders(package: Mapping[str, Any]) -> Iterator[Path]:
    own = Path(package["manifest_path"]).parent
    yield own
    yield from dict.fromkeys(folder for target in package["targets"] if not (folder := Path(target["src_path"]).parent).is_relative_to(own))


def owners(path: Path, known: Sequence[Crate]) -> set[Crate]:
    """Return the innermost crates that a changed path lies in, and those that lie in it, if it is a submodule."""
    inside = {crate for crate in known if any(folder.is_relative_to(path) for folder in crate.folders)}
    holding = [(len(folder.parts), crate) for crate in known for folder in crate.folders if path.is_relative_to(folder)]
    deepest = max((depth for depth, _ in holding), default=0)
    return inside | {crate for depth, crate in holding if depth == deepest}


def dependents(changed: Collection[Crate], known: Sequence[Crate], locked: Collection[tuple[str, str]] = ()) -> set[Crate]:
    """Return the *changed* crates, those whose dependencies in the lock file are others now, and all that depend on them."""
    reached = {*changed, *(crate for crate in known if (crate.name, crate.version) in locked)}
    while True:
        folders = {folder for crate in reached for folder in crate.folders}
        more = {crate for crate in known if crate not in reached and folders.intersection(crate.needs)}
        if not more:
            return reached
        reached |= more


Id = tuple[str, str, str]
"""A package of a lock file: name, version, source."""


def lock_changes(before: str, after: str) -> set[tuple[str, str]]:
    """Return the packages without a source, by name and version, whose dependencies differ between two lock files."""
    old, new = _locked(before), _locked(after)
    changed = {one for one in new if new[one] != old.get(one)}
    while True:
        more = {one for one in new if one not in changed and changed.intersection(new[one][1])}
        if not more:
            return {(name, version) for name, version, source in changed if not source}
        changed |= more


def _locked(text: str) -> dict[Id, tuple[str, frozenset[Id]]]:
    """Read a lock file: of every package its checksum, and what it needs."""
    listed = tomllib.loads(text).get("package", [])
    ids: list[Id] = [(one["name"], one["version"], one.get("source", "")) for one in listed]
    named: dict[str, Id] = {}
    for name, version, source in ids:  # a dependency is written as shortly as it is unique
        named |= dict.fromkeys((name, f"{name} {version}", f"{name} {version} ({source})"), (name, version, source))
    return {
        one: (package.get("checksum", ""), frozenset(named[word] for word in package.get("dependencies", ()) if word in named))
        for one, package in zip(ids, listed, strict=True)
    }


SHARED: Final = ("workspace", "profile", "patch", "replace", "cargo-features")
LISTS: Final = ("members", "exclude", "default-members", "dependencies")
"""Tables of a workspace's manifest that hold for every crate, and of the first what does not."""


def shared(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Tell whether two manifests of a workspace differ in what holds for every crate."""
    return _common(before) != _common(after)


def _common(content: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: content[name] for name in SHARED if name in content}
    return {**kept, "workspace": {key: value for key, value in table(content, "workspace").items() if key not in LISTS}}


def inherited(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    """Return the names in ``[workspace.dependencies]`` that two manifests do not agree on."""
    old, new = (table(content, "workspace", "dependencies") for content in (before, after))
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def inherits(content: Mapping[str, Any], names: Collection[str]) -> bool:
    """Tell whether a crate's manifest takes one of the *names* from its workspace."""
    return any(
        name in names and isinstance(one, Mapping) and one.get("workspace") for held in dependencies(content) for name, one in held.items()
    )


USUAL: Final = frozenset({"src", "tests", "benches", "examples"})
"""Folders that sources speak of, and mean their own."""


def mention(path: Path, floor: Path) -> re.Pattern[str]:
    """Return what a source holds that reads *path*: a text that ends with its name, or with that of a folder between it and *floor*."""
    folders = [folder.name for folder in path.parents if folder != floor and folder.is_relative_to(floor)]
    names = [path.name, *(name for name in folders if name not in USUAL)]
    return re.compile(rf"""["/](?:{"|".join(map(re.escape, names))})/?["]""")


def reached(files: Iterable[Path], known: Sequence[Crate], top: Path, mentions: Mentions) -> set[Crate]:
    """Return the crates that changed *files* of a repository belong to, and those whose sources name one, as ``include_str!`` does."""
    found: set[Crate] = set()
    for path in files:
        held = owners(path, known)
        floor = max((folder for crate in held for folder in crate.folders if path.is_relative_to(folder)), key=_depth, default=top)
        pattern = mention(path, floor)
        found |= held | {crate for crate in known if crate not in found and mentions(crate, pattern)}
    return found


def _depth(folder: Path) -> int:
    return len(folder.parts)


def narrowed(config: Config, triples: Iterable[str], known: Sequence[Crate], names: Collection[str], source: str) -> Config:
    """
    Return the configuration with only the targets, and of each only the packages, that are *reached*.

    Args:
        config: what is configured.
        triples: the targets to work on.
        known: every crate.
        names: those that a change reaches.
        source: how users know where that came from.
    """
    own, sources, targets = dict(config.own), dict(config.sources), []
    said = Source(name=source, rank=RANK)
    for triple in triples:
        chosen = tuple(crate.name for crate in known if crate.name in names and _wanted(crate, config, triple))
        if chosen:
            targets.append(triple)
            own[triple] = {**own.get(triple, {}), "members": chosen, "exclude": ()}
            sources |= {f"{triple}.members": said, f"{triple}.exclude": said}
    return replace(config, targets=tuple(targets), own=own, sources=sources)


def _wanted(crate: Crate, config: Config, triple: str) -> bool:
    """Tell whether a crate is built for a target: one of ``members``, else none of ``exclude``, else what cargo builds by itself."""
    own = config.target(triple)
    if own.members:
        return crate.member and any(fnmatchcase(crate.name, spec.partition("@")[0]) for spec in own.members)
    if own.exclude:
        return crate.member and not any(fnmatchcase(crate.name, spec.partition("@")[0]) for spec in own.exclude)
    return crate.default
