"""Act: publish what is in the folder: to a directory, to GitHub through its program, to a cargo registry.

Every place is looked at first: what is there is left alone, what differs is refused, and what is missing is done; so an interrupted
call is taken up where it stopped. On GitHub a draft is made, filled, and shown at the end, so that nobody sees half a release. A
registry gets each package behind those that it needs, and one that is there is compared by its checksum.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct, structs

from ...building.environment import SECRET
from ...core import files
from ...core.errors import ConfigError, CrosstasksError, ToolMissing
from ...core.steps import Command, Done, Step
from ...reporting import progress
from ..packaging import archive
from . import dist, prepare
from .version import notes, order

if TYPE_CHECKING:
    from .context import ReleaseContext


class Copy(Step, frozen=True, kw_only=True):
    """Copy a file to where it is published."""

    source: str
    target: str


class Draft(Command, frozen=True, kw_only=True):
    """Make a draft of a release on GitHub, with its *notes* in the *file* that the command reads."""

    notes: str
    file: str


class Action(Struct, frozen=True, kw_only=True):
    """One thing that a place has, or is to get: *done* if it is there, else by *step*; *note* tells more of what is there."""

    what: str
    done: bool
    step: Command | Copy
    note: str = ""


def differs(name: str, why: str = "") -> CrosstasksError:
    """Return the error of what is published already, and is not what would be."""
    hint = "what others may have is never replaced: release a new version, or remove it there"
    return CrosstasksError(f"{name} is published already, and differs", why=why, hint=hint)


def ask(release: ReleaseContext, argv: Sequence[str], cwd: str = "") -> Done:
    """Run a program in the workspace, or in *cwd*.

    Raises:
        ToolMissing: it is not there; the hint says where to get it.
    """
    try:
        done = release.context.run(tuple(argv), cwd=cwd or str(release.root))
    except ToolMissing as error:
        hint = "https://cli.github.com" if argv[0] == "gh" else "https://rustup.rs"
        raise ToolMissing(error.what, why=error.why, hint=hint) from error
    return structs.replace(done, err=mask(done.err, release.context.environ))


_TOKEN: Final = re.compile(r"\b(?:gh[a-z]_|github_pat_|cio)\w{20,255}")
"""GitHub's tokens and those of the crates registry, wherever a program has them from."""


def mask(text: str, environ: Mapping[str, str]) -> str:
    """Return what a program said without the user's tokens: some show the request that failed."""
    values = sorted((value for name, value in environ.items() if SECRET.search(name) and len(value) >= 8), key=len, reverse=True)
    for value in values:
        text = text.replace(value, "***")
    return _TOKEN.sub("***", text)


def _github(release: ReleaseContext) -> Iterator[Action]:
    """Give what the releases of the tags have, and are to get.

    Raises:
        CrosstasksError: a file there differs, or gh does not tell.
    """
    where = ("--repo", release.context.config.release.repository) if release.context.config.release.repository else ()
    by_tag: dict[str, list[Path]] = {}
    for path in dist.files_to_publish(release):
        by_tag.setdefault(dist.product(release, path).tag, []).append(path)
    for tag, paths in by_tag.items():
        yield from _release(release, tag, paths, where)


def _release(release: ReleaseContext, tag: str, paths: Sequence[Path], where: tuple[str, ...]) -> Iterator[Action]:
    view = _view(release, tag, where)
    file = str(release.dist / ".parts" / f"notes-{tag.replace('/', '-')}.md")
    early = ("--prerelease",) if _early(next(one.version for one in release.products if one.tag == tag)) else ()
    make = ("gh", "release", "create", tag, *where, "--verify-tag", "--draft", "--title", tag, "--notes-file", file, *early)
    sections = (notes(text, crate.version) for _, crate, text in prepare.changelogs(release) if crate.tag == tag)
    draft = Draft(why="a draft, for the tag that is there", argv=make, notes=next(filter(None, sections), tag), file=file)
    yield Action(what=f"release {tag}", done=view is not None, step=draft)
    there = {asset["name"]: asset for asset in (view or {}).get("assets", ())}
    for path in paths:
        yield _asset(release, tag, path, there.get(path.name), where)
    shown = Command(why="all is there: show it", argv=("gh", "release", "edit", tag, *where, "--draft=false"))
    yield Action(what=f"{tag} is shown", done=view is not None and not view.get("isDraft"), step=shown)


def _early(version: str) -> bool:
    """Tell whether a version comes before a release: what follows a + says nothing of that."""
    return "-" in version.partition("+")[0]


def _view(release: ReleaseContext, tag: str, where: tuple[str, ...]) -> dict[str, Any] | None:
    done = ask(release, ("gh", "release", "view", tag, *where, "--json", "assets,isDraft,tagName"))
    if done.code:
        if "not found" in done.err.lower():
            return None
        raise CrosstasksError("gh does not tell what is published", why=done.err.strip(), hint="`gh auth status` shows who you are")
    return cast("dict[str, Any]", json.loads(done.out))


def _asset(release: ReleaseContext, tag: str, path: Path, asset: Mapping[str, Any] | None, where: tuple[str, ...]) -> Action:
    # a cut off upload leaves an asset that was never whole: GitHub says that it can be deleted (REST, "Upload a release asset")
    cut = asset is not None and asset.get("state", "uploaded") != "uploaded"
    if asset and not cut and not _same(release, tag, path, asset, where):
        raise differs(f"{path.name} of {tag} on GitHub")
    # from the root: what follows a # in an argument is a label to gh
    argv = ("gh", "release", "upload", tag, *where, os.path.relpath(path, release.root), *(("--clobber",) if cut else ()))
    return Action(what=f"{tag}: {path.name}", done=bool(asset) and not cut, step=Command(why="publish to GitHub", argv=argv))


def _same(release: ReleaseContext, tag: str, path: Path, asset: Mapping[str, Any], where: tuple[str, ...]) -> bool:
    """Compare with what is published: by the checksum that GitHub tells, else by the file itself."""
    if "size" in asset and asset["size"] != path.stat().st_size:
        return False
    if asset.get("digest"):
        return bool(asset["digest"] == f"sha256:{files.sha256(path)}")
    with TemporaryDirectory() as folder:
        done = ask(release, ("gh", "release", "download", tag, *where, "--pattern", path.name, "--dir", folder))
        return not done.code and files.sha256(Path(folder) / path.name) == files.sha256(path)


ASKING: Final = """\
[package]
name = "crosstasks-asks"
version = "0.0.0"
[lib]
path = "Cargo.toml"
[dependencies]
asked = {{ package = "{name}", version = "={version}"{registry} }}
[workspace]
"""
"""A package that needs just what is asked for: cargo then writes down its checksum, whatever kind of registry that is."""

ABSENT: Final = (
    "no matching package named `{name}` found",
    "no matching package found\nsearched package name: `{name}`",
    'failed to select a version for the requirement `{name} = "={version}"`',
)
"""How cargo says that a registry has no such package, or not in that version (1.70 to 1.95)."""


def _registry(release: ReleaseContext) -> Iterator[Action]:
    """Give each package, as it is in the registry or is to be published.

    Raises:
        CrosstasksError: one there differs, is yanked, or cargo does not tell.
    """
    registry = release.context.config.release.registry
    crates = {crate.name: crate for crate in release.crates if crate.goes_to(registry)}
    for name in order(tuple(crates), _edges(release)):
        what, step = f"{name} {crates[name].version}", _step(release, "--package", name)
        published = _registry_checksum(release, name, crates[name].version)
        note = _compare(release, name, crates[name].version, published) if published else ""
        yield Action(what=what, done=bool(published), step=step, note=note)


def _step(release: ReleaseContext, *words: str) -> Command:
    registry = release.context.config.release.registry
    argv = ("cargo", "publish", *(("--registry", registry) if registry else ()), "--locked", *words)
    return Command(why="behind the crates that it needs", argv=argv, cwd=str(release.root))


def _edges(release: ReleaseContext) -> dict[str, list[str]]:
    """Return which packages of the workspace need which; what only tests need may be in a circle, and counts if it has a version."""
    done = ask(release, ("cargo", "metadata", "--format-version=1", "--no-deps"))
    if done.code:
        raise CrosstasksError("cargo does not tell what the packages need", why=done.err.strip())
    return {
        one["name"]: [need["name"] for need in one["dependencies"] if need.get("kind") != "dev" or need.get("req", "*") != "*"]
        for one in json.loads(done.out)["packages"]
    }


def _registry_checksum(release: ReleaseContext, name: str, number: str) -> str:
    """Return the checksum that the registry's index has of a package; empty if it has not that version."""
    registry = release.context.config.release.registry
    setting = f', registry = "{registry}"' if registry and registry != "crates-io" else ""
    with TemporaryDirectory(prefix="crosstasks-registry-") as folder:
        manifest = Path(folder, "Cargo.toml")
        manifest.write_text(ASKING.format(name=name, version=number, registry=setting), "utf-8")
        # from the workspace, whose .cargo/config.toml may name the registry
        done = ask(release, ("cargo", "generate-lockfile", "--quiet", "--manifest-path", str(manifest)))
        if not done.code:
            return _locked_checksum(tomllib.loads(manifest.with_name("Cargo.lock").read_text("utf-8")), name, number)
    if "is yanked" in done.err:
        hint = "a yanked version cannot be published again: release the next one"
        raise CrosstasksError(f"{name} {number} was published, and is yanked", hint=hint)
    if not any(words.format(name=name, version=number) in done.err for words in ABSENT):
        raise CrosstasksError(f"cargo does not tell whether {name} {number} is published", why=done.err.strip())
    return ""


def _locked_checksum(lock: Mapping[str, Any], name: str, number: str) -> str:
    """Return what Cargo.lock has for a version: cargo takes another one for it that differs in build metadata only."""
    checksums = {row["version"]: str(row.get("checksum", "unknown")) for row in lock["package"] if row["name"] == name}
    if number not in checksums:
        raise differs(f"{name} {number}", f"the registry has {', '.join(checksums)}, and what follows a + makes no other version")
    return checksums[number]


def _compare(release: ReleaseContext, name: str, number: str, published: str) -> str:
    """Pack a package that is published, as it was then, and return what is known of both.

    Raises:
        CrosstasksError: they differ.
    """
    with TemporaryDirectory(prefix="crosstasks-registry-") as folder:
        argv = ("cargo", "package", "--quiet", "--no-verify", "--locked", "--package", name, "--target-dir", folder)
        done = ask(release, argv)
        packed = Path(folder, "package", f"{name}-{number}.crate")
        checksum = files.sha256(packed) if not done.code and packed.is_file() else ""
    if not checksum or published == "unknown":
        why = "the registry tells no checksum" if checksum else done.err.strip().partition("\n")[0].removeprefix("error: ").rstrip(":")
        return f"it could not be compared: {why}"
    if checksum != published:
        why = f"the registry has SHA-256 {published[:16]}…, and cargo packs {checksum[:16]}… here; another commit or cargo packs otherwise"
        raise differs(f"{name} {number}", why)
    return "with the same content"


ONE_PACKAGE: Final = re.compile(r"cannot be used multiple times|--package \(multiple occurrences\)")
"""How cargo says that it publishes one package at a time: up to 1.82, and from there to 1.89."""


def try_registry(release: ReleaseContext) -> list[str]:
    """Let cargo pack and check the crates without uploading: all at once, since those not yet published need one another."""
    registry = release.context.config.release.registry
    crates: Sequence[str] = [f"--package={crate.name}" for crate in release.crates if crate.goes_to(registry)]
    if not crates:
        return []
    done = ask(release, _step(release, "--dry-run", *crates).argv)
    if done.code and ONE_PACKAGE.search(done.err):
        return ["registry: not tried: this cargo takes one package at a time, and several since 1.90"]
    if done.code:
        raise CrosstasksError("`cargo publish --dry-run` failed", why=done.err.strip())
    return ["registry: cargo packed and checked it without an error"]


def places(release: ReleaseContext) -> tuple[str, ...]:
    """Return where the release goes."""
    if release.snapshot or "publish" in release.skip:
        return ()
    return tuple(name for name in release.context.config.release.publish if name not in release.skip)


def _directory(release: ReleaseContext) -> Iterator[Action]:
    template = release.context.config.release.directory
    if not template:
        raise ConfigError("release.directory is not set", hint="`publish` names `directory`, and that is the folder")
    for path in dist.files_to_publish(release):
        product = dist.product(release, path)
        folder = template.replace("{version}", product.version).replace("{package}", product.name)
        target = Path(os.path.normpath(release.root / Path(folder).expanduser() / path.name))
        if target.is_file() and files.sha256(target) != files.sha256(path):
            raise differs(str(target))
        step = Copy(why="publish to a directory", source=str(path), target=str(target))
        yield Action(what=str(target), done=target.is_file(), step=step)


PLACES: Final[Mapping[str, Callable[[ReleaseContext], Iterator[Action]]]] = {
    "directory": _directory,
    "github": _github,
    "registry": _registry,
}
"""Every place, with what it has and is to get."""


def look(release: ReleaseContext, place: str) -> tuple[Action, ...]:
    """Return what a place has, and what it is to get.

    Raises:
        CrosstasksError: something there differs, or cannot be looked at.
    """
    return tuple(PLACES[place](release))


def publish(release: ReleaseContext, *, dry: bool = False) -> tuple[str, ...]:
    """Do what is left, place by place, or with *dry* as much of it as a place can try.

    Returns:
        a line for each thing that was done.

    Raises:
        CrosstasksError: a place refused; what was done stays, and the next call goes on.
    """
    actions_by_place = {place: look(release, place) for place in places(release)}
    lines = []
    for place, actions in actions_by_place.items():
        for action in actions:
            if action.done:
                lines.append(f"{place}: {action.what}: is there{f', {action.note}' if action.note else ''}")
            elif dry:
                lines.append(f"{place}: {action.step}")
            else:
                release.context.say(str(action.step))
                with progress.timer(f"publish {action.what}"):
                    _do(release, action.step)
                lines.append(f"{place}: {action.what}: published")
        if dry and place == "registry":
            lines += try_registry(release)
    return tuple(lines)


def _do(release: ReleaseContext, step: Command | Copy) -> None:
    match step:
        case Copy(source=source, target=target):
            with archive.draft_file(Path(target)) as file, Path(source).open("rb") as content:
                while chunk := content.read(1 << 20):
                    file.write(chunk)
        case Command(argv=argv, cwd=cwd):
            if isinstance(step, Draft):
                archive.write(Path(step.file), step.notes.encode())
            done = ask(release, argv, cwd)
            if done.code:
                why = (done.err or done.out).strip()
                hint = "what is published stays; the next call goes on from here"
                if "tag" in why and "exist" in why:
                    hint = "push the tag first: nothing is pushed for you"
                raise CrosstasksError(f"`{' '.join(argv[:3])}` failed", why=why, hint=hint)
