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

from msgspec import Struct

from . import cleaning, config, docker_api, pipeline, report, run
from .errors import ConfigError, NoRoute
from .facts import manifest, surroundings, toml_file
from .routes import Route, Verb
from .steps import Absent, Question

if TYPE_CHECKING:
    from .work import Work

VERBS: Final[tuple[Verb, ...]] = ("build", "test")
PASSED: Final = frozenset({"target", "node_modules"})


class Wanted(Struct, frozen=True, kw_only=True):
    """What plans name: *paths* in the cache and of target folders, and *images*; *targets* are the folders that builds lie in."""

    paths: frozenset[Path] = frozenset()
    images: frozenset[str] = frozenset()
    targets: frozenset[Path] = frozenset()

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted(paths=self.paths | other.paths, images=self.images | other.images, targets=self.targets | other.targets)


def clean(work: Work, *, label: str = cleaning.LABEL) -> Iterator[str]:
    """
    Remove what is not wanted any more, and say what it was and how much room that gave.

    Args:
        work: of this call.
        label: what images of ours carry.

    Raises:
        ConfigError: the repository has no configuration, or one of them is wrong: then it is not known what is wanted.
        CrosstasksError: a build is running.
    """
    folders = tuple(workspaces(surroundings.top(work.root) or work.root))
    kept = Wanted()
    for folder in folders:
        kept |= wanted(folder, work)
    if not kept.targets:
        raise ConfigError(
            f"no configuration in {work.root}", why="so nothing is wanted, and all would go", hint="`clean --images --cache` does that"
        )
    cleaning.idle(work.cache)
    removed = [*_folders(kept, work.cache), *_images(kept, work, label)]
    yield from removed or ["everything that is there is wanted"]


def workspaces(top: Path) -> Iterator[Path]:
    """Return the folders of Cargo workspaces, and of packages that are in none, below the top of a repository."""
    for place, below, names in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in PASSED)
        if "Cargo.toml" in names:
            folder = Path(place)
            with suppress(ConfigError):  # it may be a template, or a test's
                if manifest.read(folder / "Cargo.toml").root == str(folder) and toml_file.read(folder / "Cargo.toml"):
                    yield folder


def wanted(folder: Path, work: Work) -> Wanted:
    """Return what the plans of one workspace name; nothing if no configuration holds for it."""
    if not config.locate(folder):
        return Wanted()
    own = pipeline.start(folder, environ=work.environ, say=work.say, needed=False)
    own = pipeline.look(own)
    found = Wanted(targets=frozenset({Path(own.repository.target_directory) / "crosstasks"}))
    for triple in own.config.targets:
        for verb in VERBS:
            with suppress(NoRoute):
                planned, own = pipeline.make(triple, verb, own)
                found |= _named(planned.route, own)
    return found


def _named(route: Route, work: Work) -> Wanted:
    paths = [route.toolchain.path, route.own.path, *([route.tool.path] if route.tool else [])]
    image = {route.image.ref} if route.image else set()
    return Wanted(paths=frozenset({*map(Path, paths), run.folder(route, work.repository)}), images=frozenset(image))


def _folders(kept: Wanted, cache: Path) -> Iterator[str]:
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
                else:
                    yield f"removed {path}, {report.size(cleaning.remove(path))}"


PREFIXES: Final = tuple(f".{builder}-" for builder in run.STARTERS)


def _user(folder: Path) -> str:
    """Name a program that runs from a folder, or in it; only Linux tells."""
    for process in Path("/proc").glob("[0-9]*"):
        for link in ("exe", "cwd"):
            with suppress(OSError):
                if (process / link).readlink().is_relative_to(folder):
                    return f"process {process.name} runs from it"
    return ""


def _images(kept: Wanted, work: Work, label: str) -> Iterator[str]:
    """Remove images that no plan names; where no engine answers there are none to name either."""
    work = pipeline.look(work, (Question("host"), Question("engine")))
    engine = work.facts.engine
    if isinstance(engine, Absent):
        yield f"images are not looked at: {engine.why}"
        return
    door = docker_api.EngineDoor(engine.command, work.run, kind=engine.kind)
    for image in door.images(label):
        if not kept.images.intersection(image.get("RepoTags") or ()):
            yield cleaning.remove_image(engine, image, work)
