"""Act: remove what crosstasks has left, and nothing else: builds, images, the cache; or what no configuration of the repository needs.

What is wanted is what the plans of today name, for every workspace in the repository, every target, build and test. What another
repository wants is not known; it is provided again when that is built.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ... import pipeline
from ...building import run
from ...building.commands import STARTERS
from ...clients import engines
from ...clients.engines import OWNER, is_abandoned
from ...config import documents
from ...context import Context
from ...core import cache, toml_file
from ...core.errors import ConfigError, CrosstasksError, NoRoute
from ...core.steps import Absent, Question, Verb
from ...facts.engine import Engine
from ...planning.route import Route
from ...project import manifest, repository
from ...project.repository import Repository
from ...reporting import report

LABEL: Final = "crosstasks.image"
"""What every image built here carries, with its tag (``Recipe.labels`` in catalog/ingredients.py)."""

ENTRIES: Final = ("answers", "cargo", "debian", "images", "runs", "rustup", "tools", "xwin", "zig")
"""What is ours in the cache folder (cache.py); whoever names a folder with other things in it keeps those."""


def clean(context: Context, *, images: bool = False, everything: bool = False, dry: bool = False) -> Iterator[str]:
    """Remove what builds left in ``target/crosstasks``, and say what was removed and how much room that gave.

    Where some targets are selected of more, only what is theirs goes, images as well.

    Args:
        context: of this call; without a repository only the other two are done.
        images: remove the images that were built here, and containers whose owner is gone.
        everything: remove our cache folder.
        dry: only say what would be removed.

    Raises:
        ConfigError: there is no repository, and nothing else to do; or the cache folder is not marked as ours.
        EngineFailed: images are to be removed, and no engine answers.
        CrosstasksError: something cannot be removed, or the cache is in use.
    """
    context = pipeline.look(context, (Question("repository"),))
    if isinstance(context.facts.repository, Repository) or not (images or everything):
        for place in _folders_of(Path(context.repository.target_directory) / "crosstasks", context.config.selection):
            yield _remove(place, dry=dry) if os.path.lexists(place) else f"{place} is not there"
    if images:
        context = pipeline.look(context, (Question("host"), Question("engine")))
        yield from clean_engine(context.engine, context, dry=dry)
    if everything:
        yield clean_cache(context.cache, context.root, dry=dry)


def _folders_of(folder: Path, chosen: Sequence[str]) -> Iterator[Path]:
    """Give what builds left of the chosen targets; the whole folder if it is of all."""
    if not chosen:
        yield folder
    for triple in chosen:
        yield folder / triple
        yield from (place for pattern in (f".*-*/{triple}", f"logs/{triple}.log") for place in sorted(folder.glob(pattern)))


def clean_engine(engine: Engine, context: Context, *, label: str = LABEL, owner: str = OWNER, dry: bool = False) -> Iterator[str]:
    """Remove the images that carry *label*, and the containers whose *owner* is gone; an image in use is kept, and named."""
    client = engines.EngineClient(engine.command, context.run)
    dead = client.orphans(owner)
    if not dry:
        client.remove(dead)
    if dead:
        yield f"{'would remove' if dry else 'removed'} {len(dead)} container{'s' * (len(dead) != 1)} that nobody owns any more"
    images = [image for image in client.images(label) if is_of(image, context.config.selection)]
    for image in images:
        yield remove_image(client, image, context, dead, dry=dry)
    if not images:
        yield "the engine holds no image of ours"


def _names(image: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in image.get("RepoTags") or image.get("NamesHistory") or ()]


def is_of(image: Mapping[str, Any], chosen: Sequence[str]) -> bool:
    """Tell whether an image is of one of the chosen targets, which its name tells; of all that are there, if none is chosen."""
    return not chosen or any(f"/{triple}:" in name for name in _names(image) for triple in chosen)


def remove_image(client: engines.EngineClient, image: Mapping[str, Any], context: Context, dead: Sequence[str] = (), *, dry: bool) -> str:
    """Remove an image that the engine does not use, and say so; *dry*: only say what would be done, once the *dead* containers are gone."""
    names = _names(image) or [str(image["Id"])]
    line = f"{names[0]}, {report.size(int(image.get('Size') or 0))}"
    if dry:
        users = [id_ for id_ in client.users(str(image["Id"])) if id_ not in dead]
        return f"would keep {line}: container {users[0][:12]} uses it" if users else f"would remove {line}"
    done = context.run((client.command, "image", "rm", *names), timeout=120)
    return f"kept {names[0]}: {done.err.strip()}" if done.code else f"removed {line}"


def clean_cache(folder: Path, root: Path, *, dry: bool = False) -> str:
    """Remove our cache folder, if it is one; *dry*: only say so.

    Raises:
        ConfigError: it is not marked as ours, or holds the user's own work.
        CrosstasksError: a call of crosstasks is using it.
    """
    if not folder.is_dir():
        return f"{folder} is not there"
    tag = folder / "CACHEDIR.TAG"
    if not tag.is_file() or tag.read_text("utf-8", errors="replace") != cache.TAG:
        hint = f"is CROSSTASKS_CACHE_DIR right? if it is a cache of crosstasks, remove it by hand: {folder}"
        raise ConfigError(f"{folder} is not removed", why="it has no CACHEDIR.TAG of crosstasks", hint=hint)
    here = (Path.home().resolve(), root.resolve())
    if any(place.is_relative_to(folder.resolve()) for place in here):
        hint = "name another with CROSSTASKS_CACHE_DIR"
        raise ConfigError(f"{folder} is not removed", why="it holds your home folder or this project", hint=hint)
    if dry:
        return f"would remove {folder}, {report.size(sum(room(folder / name) for name in ENTRIES))}"
    idle(folder)
    with ExitStack() as locks:
        for path in sorted(path for pattern in ("*/.*.lock", "*/*/.*.lock") for path in folder.glob(pattern)):
            if not locks.enter_context(_try(path)):  # whoever holds it is making something
                raise _in_use(folder, f"{path} is locked")
        size = sum(remove(folder / name) for name in (*ENTRIES, *(path.name for path in folder.glob(f"{cache.TEMPORARY}*"))))
        tag.unlink(missing_ok=True)
    rest = sorted(path.name for path in folder.iterdir())
    if rest:
        return f"removed {folder} but for {', '.join(rest)}, {report.size(size)}"
    folder.rmdir()
    return f"removed {folder}, {report.size(size)}"


def idle(folder: Path) -> None:
    """Refuse to touch the cache while a build uses it.

    Raises:
        CrosstasksError: one does.
    """
    running = sorted(path.name for path in (folder / "runs").glob("*") if path.is_dir() and not is_abandoned(path))
    if running:
        raise _in_use(folder, f"a build is running: {', '.join(running)}")


@contextmanager
def _try(lock: Path) -> Iterator[bool]:
    """Hold a lock, and tell whether it could be had at once."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(lock, timeout=0):
            yield True
    except Timeout:
        yield False


def _in_use(folder: Path, why: str) -> CrosstasksError:
    return CrosstasksError(f"{folder} is in use", why=why, hint="wait until that call has ended; after a crash, remove what is named")


def _remove(path: Path, *, dry: bool) -> str:
    return f"would remove {path}, {report.size(room(path))}" if dry else f"removed {path}, {report.size(remove(path))}"


def remove(path: Path) -> int:
    """Remove a folder that nobody sees half gone, or a file, and return its size; of a link only the link."""
    if path.is_symlink() or path.is_file():
        size = 0 if path.is_symlink() else path.stat().st_size
        path.unlink()
        return size
    if not path.exists():
        return 0
    size = room(path)
    aside = path.with_name(f".{path.name}.removing.{os.getpid()}")
    try:
        path.rename(aside)
        shutil.rmtree(aside)
    except OSError as error:
        hint = f"a container of another user may have written it: sudo rm -r {aside if aside.exists() else path}"
        raise CrosstasksError(f"{path} cannot be removed", why=f"{error.strerror}: {error.filename}", hint=hint) from error
    return size


def room(folder: Path) -> int:
    """Return the bytes that a folder takes on its disk; hard links count once."""
    sizes: dict[tuple[int, int], int] = {}
    for place, _, names in os.walk(folder):
        for name in names:
            status = Path(place, name).lstat()
            sizes[status.st_dev, status.st_ino] = getattr(status, "st_blocks", -(-status.st_size // 512)) * 512
    return sum(sizes.values())


SKIP: Final = frozenset({"target", "node_modules"})


class Needs(Struct, frozen=True, kw_only=True):
    """What plans name: *paths* in the cache and of target folders, and *images*; *targets* are the folders that builds lie in."""

    paths: frozenset[Path] = frozenset()
    images: frozenset[str] = frozenset()
    targets: frozenset[Path] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(paths=self.paths | other.paths, images=self.images | other.images, targets=self.targets | other.targets)


def clean_stale(context: Context, *, label: str = LABEL, dry: bool = False) -> Iterator[str]:
    """Remove what is not wanted any more, and say what it was and how much room that gave.

    Args:
        label: what images of ours carry.
        dry: only say what would be removed: the engine's images may be those of other repositories as well.

    Raises:
        ConfigError: the repository has no configuration, or one of them is wrong: then it is not known what is wanted.
        CrosstasksError: a build is running.
    """
    needed = Needs()
    routes_by_place: Routes = {}
    for folder in workspaces(repository.top(context.root) or context.root):
        needed |= needs_of(folder, context, routes_by_place)
    if not needed.targets:
        raise ConfigError(
            f"no configuration in {context.root}",
            why="so no plan needs anything, and everything would be removed",
            hint="`tools.clean --images --cache` does that",
        )
    idle(context.cache)
    lines = [*_folders(needed, context.cache, dry=dry), *_images(needed, context, label, dry=dry)]
    yield from lines or ["nothing is stale: plans need everything that is there"]


def workspaces(top: Path) -> Iterator[Path]:
    """Return the folders of Cargo workspaces, and of packages that are in none, below the top of a repository."""
    for place, below, names in os.walk(top):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in SKIP)
        if "Cargo.toml" in names and ".cargo-checksum.json" not in names:  # that of `cargo vendor`
            folder = Path(place)
            with suppress(ConfigError):  # it may be a template, or a test's
                if manifest.read(folder / "Cargo.toml").root == str(folder) and toml_file.read(folder / "Cargo.toml"):
                    yield folder


Routes: TypeAlias = dict[tuple[str, bytes], tuple[Route, ...]]
"""The routes of workspaces that have the same configuration, and say the same of toolchain, linkers and Cross.toml."""


def needs_of(folder: Path, context: Context, routes_by_place: Routes) -> Needs:
    """Return what the plans of one workspace name; nothing if no configuration holds for it, or cargo cannot read it."""
    place = documents.find(folder)
    if not place:
        return Needs()
    here = pipeline.look(pipeline.start(folder, environ=context.environ, say=context.say, need_config=False))
    repository = here.facts.repository
    if isinstance(repository, Absent):
        context.say(f"{folder} is skipped: {repository.why}")
        return Needs()
    key = str(place.path), msgspec.json.encode(replace(repository, **PLACES))
    if key not in routes_by_place:
        routes_by_place[key] = tuple(_routes(here))
    paths = {Path(part.path) for route in routes_by_place[key] for part in (route.toolchain, route.host_toolchain, route.tool) if part}
    builds = Path(repository.target_directory) / "crosstasks"
    return Needs(
        paths=frozenset(paths | {run.folder(route, repository) for route in routes_by_place[key]}),
        images=frozenset(route.image.ref for route in routes_by_place[key] if route.image),
        targets=frozenset({builds}),
    )


PLACES: Final = {"root": "", "manifest": "", "target_directory": "", "packages": (), "around": repository.ALONE}
"""What differs from workspace to workspace, and leads to no other route."""


def _routes(context: Context) -> Iterator[Route]:
    verbs: tuple[Verb, ...] = ("build", "test")
    # what a variable selects for one call is not all that is wanted
    for triple in dict.fromkeys((*context.config.all_targets, *context.config.targets)):
        for verb in verbs:
            with suppress(NoRoute):
                planned, context = pipeline.make(triple, verb, context, lean=True)
                yield planned.route


def _folders(needed: Needs, cache: Path, *, dry: bool) -> Iterator[str]:
    """Remove tools, toolchains and target folders."""
    prefixes = tuple(f".{builder}-" for builder in STARTERS)
    places = [cache / "tools", cache / "rustup" / "toolchains"]
    paths = [path for place in places if place.is_dir() for path in place.iterdir() if not path.name.startswith(".")]
    paths += [path for place in needed.targets for path in place.glob(".*-*") if path.name.startswith(prefixes)]
    for path in sorted(paths):
        if path.is_dir() and not path.is_symlink() and not any(other.is_relative_to(path) for other in needed.paths):
            lock = path.with_name(f".{path.name}.lock")
            with _try(lock) if lock.exists() else nullcontext(enter_result=True) as is_free:
                busy = _user(path) or ("" if is_free else "it is locked")
                yield f"kept {path}: {busy}" if busy else _remove(path, dry=dry)


def _user(folder: Path) -> str:
    """Name a program that runs from a folder, or in it; only Linux tells."""
    for process in Path("/proc").glob("[0-9]*"):
        for link in ("exe", "cwd"):
            with suppress(OSError):
                if (process / link).readlink().is_relative_to(folder):
                    return f"process {process.name} runs from it"
    return ""


def _images(needed: Needs, context: Context, label: str, *, dry: bool) -> Iterator[str]:
    """Remove images that no plan names; where no engine answers there are none to name either."""
    context = pipeline.look(context, (Question("host"), Question("engine")))
    engine = context.facts.engine
    if isinstance(engine, Absent):
        yield f"images are not looked at: {engine.why}"
        return
    client = engines.EngineClient(engine.command, context.run)
    for image in client.images(label):
        tag = ((image.get("Config") or {}).get("Labels") or {}).get(LABEL, "")  # Podman puts localhost/ before the name
        if not needed.images.intersection((*_names(image), tag)):
            yield remove_image(client, image, context, dry=dry)
