"""Act: ``clean --stale``: remove what no configuration of the repository wants any more: tools, toolchains, images, target folders.

What is wanted is what the plans of today name, for every workspace in the repository, every target, build and test. What another
repository wants is not known; it is provided again when that is built.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace as changed

from ... import config, pipeline
from ...building import run
from ...building.commands import STARTERS
from ...clients import docker_api
from ...core.errors import ConfigError, NoRoute
from ...core.steps import Absent, Question
from ...planning.route import Route, Verb
from ...project import manifest, toml_file, volumes
from ...reporting import report
from . import cleaning

if TYPE_CHECKING:
    from ...context import Work

VERBS: Final[tuple[Verb, ...]] = ("build", "test")
PASSED: Final = frozenset({"target", "node_modules"})


class Wanted(Struct, frozen=True, kw_only=True):
    """What plans name: *paths* in the cache and of target folders, and *images*; *targets* are the folders that builds lie in."""

    paths: frozenset[Path] = frozenset()
    images: frozenset[str] = frozenset()
    targets: frozenset[Path] = frozenset()

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted(paths=self.paths | other.paths, images=self.images | other.images, targets=self.targets | other.targets)


def clean(work: Work, *, label: str = cleaning.LABEL, dry: bool = False) -> Iterator[str]:
    """
    Remove what is not wanted any more, and say what it was and how much room that gave.

    Args:
        work: of this call.
        label: what images of ours carry.
        dry: only say what would be removed: the engine's images may be those of other repositories as well.

    Raises:
        ConfigError: the repository has no configuration, or one of them is wrong: then it is not known what is wanted.
        CrosstasksError: a build is running.
    """
    kept, known = Wanted(), _Known()
    for folder in workspaces(volumes.top(work.root) or work.root):
        kept |= wanted(folder, work, known)
    if not kept.targets:
        raise ConfigError(
            f"no configuration in {work.root}", why="so nothing is wanted, and all would go", hint="`clean --images --cache` does that"
        )
    cleaning.idle(work.cache)
    removed = [*_folders(kept, work.cache, dry=dry), *_images(kept, work, label, dry=dry)]
    yield from removed or ["everything that is there is wanted"]


def workspaces(top: Path) -> Iterator[Path]:
    """Return the folders of Cargo workspaces, and of packages that are in none, below the top of a repository."""
    for place, below, names in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in PASSED)
        if "Cargo.toml" in names and ".cargo-checksum.json" not in names:  # that of `cargo vendor`
            folder = Path(place)
            with suppress(ConfigError):  # it may be a template, or a test's
                if manifest.read(folder / "Cargo.toml").root == str(folder) and toml_file.read(folder / "Cargo.toml"):
                    yield folder


class _Known(dict[tuple[str, bytes], tuple[Route, ...]]):
    """The routes of workspaces that have the same configuration, and say the same of toolchain, linkers and Cross.toml."""


def wanted(folder: Path, work: Work, known: _Known) -> Wanted:
    """Return what the plans of one workspace name; nothing if no configuration holds for it, or cargo cannot read it."""
    place = config.locate(folder)
    if not place:
        return Wanted()
    own = pipeline.look(pipeline.start(folder, environ=work.environ, say=work.say, needed=False))
    repository = own.facts.repository
    if isinstance(repository, Absent):
        work.say(f"{folder} is passed over: {repository.why}")
        return Wanted()
    key = str(place.path), msgspec.json.encode(changed(repository, **PLACES))
    if key not in known:
        known[key] = tuple(_routes(own))
    paths = {Path(part.path) for route in known[key] for part in (route.toolchain, route.own, route.tool) if part}
    built = Path(repository.target_directory) / "crosstasks"
    return Wanted(
        paths=frozenset(paths | {run.folder(route, repository) for route in known[key]}),
        images=frozenset(route.image.ref for route in known[key] if route.image),
        targets=frozenset({built}),
    )


PLACES: Final = {"root": "", "manifest": "", "target_directory": "", "packages": (), "outside": (), "around": volumes.ALONE}
"""What differs from workspace to workspace, and leads to no other route."""


def _routes(work: Work) -> Iterator[Route]:
    for triple in work.config.targets:
        for verb in VERBS:
            with suppress(NoRoute):
                planned, work = pipeline.make(triple, verb, work)
                yield planned.route


def _folders(kept: Wanted, cache: Path, *, dry: bool) -> Iterator[str]:
    """Remove tools, toolchains and target folders."""
    places = [cache / "tools", cache / "rustup" / "toolchains"]
    found = [path for place in places if place.is_dir() for path in place.iterdir() if not path.name.startswith(".")]
    found += [path for place in kept.targets for path in place.glob(".*-*") if path.name.startswith(PREFIXES)]
    for path in sorted(found):
        if path.is_dir() and not path.is_symlink() and not any(other.is_relative_to(path) for other in kept.paths):
            busy = _user(path)
            with cleaning.free(path) as free:
                if busy or not free:
                    yield f"kept {path}: {busy or 'it is locked'}"
                elif dry:
                    yield f"would remove {path}, {report.size(cleaning.room(path))}"
                else:
                    yield f"removed {path}, {report.size(cleaning.remove(path))}"


PREFIXES: Final = tuple(f".{builder}-" for builder in STARTERS)


def _user(folder: Path) -> str:
    """Name a program that runs from a folder, or in it; only Linux tells."""
    for process in Path("/proc").glob("[0-9]*"):
        for link in ("exe", "cwd"):
            with suppress(OSError):
                if (process / link).readlink().is_relative_to(folder):
                    return f"process {process.name} runs from it"
    return ""


def _images(kept: Wanted, work: Work, label: str, *, dry: bool) -> Iterator[str]:
    """Remove images that no plan names; where no engine answers there are none to name either."""
    work = pipeline.look(work, (Question("host"), Question("engine")))
    engine = work.facts.engine
    if isinstance(engine, Absent):
        yield f"images are not looked at: {engine.why}"
        return
    door = docker_api.EngineDoor(engine.command, work.run, kind=engine.kind)
    for image in door.images(label):
        if not kept.images.intersection(image.get("RepoTags") or ()):
            yield cleaning.image_line("would remove", image) if dry else cleaning.remove_image(engine, image, work)
