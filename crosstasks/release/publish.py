"""Publish what is in the folder: to a directory, to GitHub, to a cargo registry.

Each place is looked at first: what is there is left alone, what differs is refused, and what is missing is done; so an interrupted
call is taken up where it stopped.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from ..errors import ConfigError, CrosstasksError, ToolMissing
from ..steps import Done, Step
from . import changelog, dist, files, prepare, version

if TYPE_CHECKING:
    from .context import Context

ALSO: Final = (dist.SUMS, "artifacts.json", "metadata.json")
"""What is published beside the files that are listed."""


class Action(Struct, frozen=True, kw_only=True):
    """One thing that a place has, or is to get: *done* if it is there, else by *step*.

    A step of the call ``copy`` is ours; all others are programs.
    """

    what: str
    done: bool = False
    step: Step | None = None


def places(context: Context) -> tuple[str, ...]:
    """Return where the release goes."""
    if context.snapshot or "publish" in context.skip:
        return ()
    return tuple(name for name in context.work.config.release.publish if name not in context.skip)


def subjects(context: Context) -> tuple[Path, ...]:
    """
    Return the files to publish: those that are listed, their checksums, what hooks made of them, and the lists themselves.

    Raises:
        CrosstasksError: there are none, or one is not as it is listed.
    """
    listed = listing(context.dist)
    if not listed:
        raise CrosstasksError(f"there is nothing to publish in {context.dist}", hint="`release.build` makes it")
    for name, checksum in listed.items():
        path = context.dist / name
        if not path.is_file() or files.sha256(path) != checksum:
            raise CrosstasksError(f"{path} is not as {dist.SUMS} has it", hint="`release.build` makes it anew")
    heads = (*listed, *ALSO)
    more = sorted(path for path in context.dist.iterdir() if any(path.name.startswith(f"{head}.") for head in heads))
    there = (context.dist / name for name in heads)
    return tuple(dict.fromkeys(path for path in (*there, *more) if path.is_file()))


def listing(folder: Path) -> dict[str, str]:
    """Return what SHA256SUMS says: the checksum of each file."""
    try:
        lines = (folder / dist.SUMS).read_text("utf-8").splitlines()
    except OSError:
        return {}
    return {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}


def _directory(context: Context) -> Iterator[Action]:
    template = context.work.config.release.directory
    if not template:
        raise ConfigError("release.directory is not set", hint="`publish` names `directory`, and that is the folder")
    for path in subjects(context):
        folder = template.replace("{version}", context.version).replace("{package}", _package(context, path))
        target = context.root / Path(folder).expanduser() / path.name
        if target.is_file() and files.sha256(target) != files.sha256(path):
            raise _differs(str(target))
        step = Step(why="publish to a directory", call="copy", arguments={"source": str(path), "target": str(target)})
        yield Action(what=str(target), done=target.is_file(), step=step)


def _package(context: Context, path: Path) -> str:
    """Return the product whose file it is; lists of several products are the first one's."""
    fitting = (one.name for one in context.products if path.name.startswith(f"{one.name}-") and f"-v{one.version}" in path.name)
    return max(fitting, key=len, default=context.products[0].name)


def _differs(name: str) -> CrosstasksError:
    hint = "what others may have is never replaced: release a new version, or remove it there"
    return CrosstasksError(f"{name} is published already, and differs", hint=hint)


def _github(context: Context) -> Iterator[Action]:
    where = ("--repo", context.work.config.release.repository) if context.work.config.release.repository else ()
    by_tag: dict[str, list[Path]] = {}
    tags = {one.name: one.tag for one in context.products}
    for path in subjects(context):
        by_tag.setdefault(tags[_package(context, path)], []).append(path)
    for tag, paths in by_tag.items():
        yield from _on_github(context, tag, paths, where)


def _on_github(context: Context, tag: str, paths: Sequence[Path], where: tuple[str, ...]) -> Iterator[Action]:
    """Make a draft, fill it, and show it at the end: nobody sees half a release."""
    found = _release(context, tag, where)
    notes = context.dist / ".parts" / f"notes-{tag.replace('/', '-')}.md"
    files.write(notes, (_notes(context, tag) or tag).encode())
    early = ("--prerelease",) if "-" in tag.rpartition("v")[2] else ()
    make = ("gh", "release", "create", tag, *where, "--verify-tag", "--draft", "--title", tag, "--notes-file", str(notes), *early)
    yield Action(what=f"release {tag}", done=found is not None, step=Step(why="a draft, for the tag that is there", argv=make))
    there = {asset["name"]: asset for asset in (found or {}).get("assets", ())}
    for path in paths:
        if path.name in there and not _same(context, tag, path, there[path.name], where):
            raise _differs(f"{path.name} of {tag} on GitHub")
        upload = Step(why="publish to GitHub", argv=("gh", "release", "upload", tag, *where, str(path)))
        yield Action(what=f"{tag}: {path.name}", done=path.name in there, step=upload)
    shown = Step(why="all is there: show it", argv=("gh", "release", "edit", tag, *where, "--draft=false"))
    yield Action(what=f"{tag} is shown", done=found is not None and not found.get("isDraft"), step=shown)


def _release(context: Context, tag: str, where: tuple[str, ...]) -> dict[str, Any] | None:
    done = _run(context, Step(why="", argv=("gh", "release", "view", tag, *where, "--json", "assets,isDraft,tagName")))
    if done.code:
        if "not found" in done.err.lower():
            return None
        raise CrosstasksError("gh does not tell what is published", why=done.err.strip(), hint="`gh auth status` shows who you are")
    found: dict[str, Any] = json.loads(done.out)
    return found


def _same(context: Context, tag: str, path: Path, asset: Mapping[str, Any], where: tuple[str, ...]) -> bool:
    """Compare with what is published: by the checksum that GitHub tells, else by the file itself."""
    if "size" in asset and asset["size"] != path.stat().st_size:
        return False
    if asset.get("digest"):
        return bool(asset["digest"] == f"sha256:{files.sha256(path)}")
    with tempfile.TemporaryDirectory() as folder:
        argv = ("gh", "release", "download", tag, *where, "--pattern", path.name, "--dir", folder)
        done = _run(context, Step(why="", argv=argv))
        return not done.code and files.sha256(Path(folder) / path.name) == files.sha256(path)


def _notes(context: Context, tag: str) -> str:
    """Return what the changelog says of the version."""
    head = prepare.Head(context)
    for path, crate in prepare.changelogs(context, head):
        said = changelog.notes(head.text(path) or "", crate.version)
        if said and (crate.tag == tag or len(context.tags) == 1):
            return said
    return ""


def _registry(context: Context) -> Iterator[Action]:
    registry = context.work.config.release.registry
    crates = {crate.name: crate for crate in context.crates if crate.goes_to(registry)}
    where = ("--registry", registry) if registry else ()
    asked = ("--registry", registry or "crates-io")  # without it cargo tells of the package that lies here
    for name in version.order(tuple(crates), _edges(context)):
        known = _run(context, Step(why="", argv=("cargo", "info", *asked, "--quiet", f"{name}@{crates[name].version}")))
        argv = ("cargo", "publish", *where, "--locked", "--package", name)
        yield Action(
            what=f"{name} {crates[name].version}",
            done=known.code == 0,
            step=Step(why="behind the crates that it needs", argv=argv, cwd=str(context.root)),
        )


def _edges(context: Context) -> dict[str, list[str]]:
    """Return which packages of the workspace need which; what only tests need may be in a circle, and counts if it has a version."""
    done = _run(context, Step(why="", argv=("cargo", "metadata", "--format-version=1", "--no-deps"), cwd=str(context.root)))
    if done.code:
        raise CrosstasksError("cargo does not tell what the packages need", why=done.err.strip())
    return {
        one["name"]: [need["name"] for need in one["dependencies"] if need.get("kind") != "dev" or need.get("req", "*") != "*"]
        for one in json.loads(done.out)["packages"]
    }


PLACES: Final[Mapping[str, Callable[[Context], Iterator[Action]]]] = {"directory": _directory, "github": _github, "registry": _registry}
"""Every place, with what it has and is to get."""


def look(context: Context, place: str) -> tuple[Action, ...]:
    """
    Return what a place has, and what it is to get.

    Raises:
        CrosstasksError: something there differs, or cannot be looked at.
    """
    return tuple(PLACES[place](context))


def publish(context: Context, *, dry: bool = False) -> tuple[str, ...]:
    """
    Do what is left, place by place, or with *dry* as much of it as a place can try.

    Returns:
        a line for each thing that was done.

    Raises:
        CrosstasksError: a place refused; what was done stays, and the next call goes on.
    """
    told = []
    for place in places(context):
        for action in look(context, place):
            if action.done or action.step is None:
                told.append(f"{place}: {action.what}: is there")
                continue
            if dry:
                told.append(f"{place}: {action.step}")
            else:
                context.work.say(str(action.step))
                _do(context, action.step)
                told.append(f"{place}: {action.what}: published")
        if dry and place == "registry":
            told += _tried(context)
    return tuple(told)


def _tried(context: Context) -> list[str]:
    """Let cargo pack and check the crates without uploading: all at once, since those not yet published need one another."""
    registry = context.work.config.release.registry
    crates = [f"--package={crate.name}" for crate in context.crates if crate.goes_to(registry)]
    if not crates:
        return []
    argv = ("cargo", "publish", *(("--registry", registry) if registry else ()), "--locked", "--dry-run", *crates)
    _do(context, Step(why="try it", argv=argv, cwd=str(context.root)))
    return ["registry: cargo has tried it: nothing is wrong"]


def _do(context: Context, step: Step) -> None:
    if step.call:
        with files.placed(Path(step.arguments["target"])) as file, Path(step.arguments["source"]).open("rb") as source:
            while chunk := source.read(1 << 20):
                file.write(chunk)
        return
    done = _run(context, step)
    if done.code and not ("already" in done.err and step.argv[:2] == ("cargo", "publish")):
        why = (done.err or done.out).strip()
        raise CrosstasksError(f"`{' '.join(step.argv[:3])}` failed", why=why, hint=_hint(why))


def _hint(why: str) -> str:
    if "tag" in why and "exist" in why:
        return "push the tag first: nothing is pushed for you"
    return "what is published stays; the next call goes on from here"


def _run(context: Context, step: Step) -> Done:
    try:
        return context.work.run(step.argv, cwd=step.cwd or str(context.root))
    except ToolMissing as error:
        hint = "https://cli.github.com" if step.argv[0] == "gh" else "https://rustup.rs"
        raise ToolMissing(error.what, why=error.why, hint=hint) from error
