"""What is measured, each a function that returns lines of the table."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from measure import Figure, environment, pairs, run
from msgspec.structs import replace

ROOT: Final = Path(__file__).parents[1]
NOX: Final = (sys.executable, "-m", "nox")
OURS: Final = "import crosstasks.nox\ncrosstasks.nox.register()\n"
EMPTY: Final = "import nox\n@nox.session(python=False)\ndef one(session): ...\n"
SAME: Final = """\
import nox
def build(session):
    "Build for a target."
for name in NAMES:
    nox.session(name=name, python=False, default=False, tags=["cross"])(build)
"""
SIX: Final = ("aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64")


@dataclass(frozen=True)
class Place:
    """A folder to measure in."""

    folder: Path
    runs: int
    env: dict[str, str] = field(default_factory=environment)

    @property
    def few(self) -> int:
        """Return how many pairs of what takes long are counted."""
        return min(self.runs, max(3, self.runs // 3))

    def noxfile(self, name: str, text: str) -> Path:
        """Make a folder with a noxfile."""
        made = self.folder / name
        made.mkdir(exist_ok=True)
        (made / "noxfile.py").write_text(text)
        return made

    def example(self, name: str, text: str = OURS) -> Path:
        """Copy the example, with a noxfile of its own."""
        made = self.folder / name
        shutil.copytree(ROOT / "examples" / "hello", made, ignore=shutil.ignore_patterns("target"))
        (made / "noxfile.py").write_text(text)
        return made

    def seconds(self, argv: tuple[str, ...], cwd: Path, env: Mapping[str, str] | None = None) -> float:
        """Return how long a command takes."""
        return run(argv, cwd, env or self.env).seconds


Measured: TypeAlias = Iterator[Figure]


def listing(place: Place) -> Measured:
    """``nox -l`` with 60 targets, against an empty noxfile's, and against one that adds sessions of the same names itself."""
    from crosstasks.catalog.targets import alias, catalogue

    rows = list(catalogue().values())[:60]
    ours, empty = place.noxfile("ours", OURS), place.noxfile("empty", EMPTY)
    (ours / "crosstasks.toml").write_text(f"version = 1\ntargets = {[row.triple for row in rows]!r}\n")
    same = place.noxfile("same", SAME.replace("NAMES", repr([f"{stem}-{alias(row)}" for stem in ("cross", "cross-test") for row in rows])))
    for other, what, most in ((empty, "an empty noxfile's", 1.08), (same, "that of a noxfile which adds 120 sessions itself", 1.05)):
        found = pairs(lambda: place.seconds((*NOX, "-l"), ours), lambda other=other: place.seconds((*NOX, "-l"), other), place.runs)
        yield _ratio("`nox -l` with 60 targets", what, found, most)


def _ratio(what: str, against: str, found: tuple[float, float, float], most: float) -> Figure:
    first, second, ratio = found
    return Figure(what=what, against=against, wanted=f"ratio <= {most:g}", value=first, other=second, ratio=ratio, held=ratio <= most)


def nothing_to_do(place: Place) -> Measured:
    """Time a build with nothing to do, against the same call of bare cross and an empty nox session; and what script mode adds."""
    ours, empty = place.example("hello"), place.noxfile("session", EMPTY)
    command = (*NOX, "-s", "cross-aarch64")
    place.seconds(command, ours)
    argv, env = bare("aarch64", ours, place.env)

    def other() -> float:
        return place.seconds((*NOX, "-s", "one"), empty) + place.seconds(argv, ours, env)

    found = pairs(lambda: place.seconds(command, ours), other, place.runs)
    yield _ratio("`nox -s cross-aarch64`, nothing to do", "bare `cross build` and an empty nox session", found, 1.10)
    scripted = place.example("script", _header() + OURS)
    on = {**place.env, "NOX_SCRIPT_MODE": "reuse"}
    place.seconds(command, scripted, on)
    first, second, ratio = pairs(lambda: place.seconds(command, scripted, on), lambda: place.seconds(command, ours), place.few)
    yield Figure(
        what="the same in script mode", against="the same without", wanted="shown", value=first, other=second, ratio=ratio, held=True
    )


def _header() -> str:
    """Return a script's header that brings this checkout."""
    return f'# /// script\n# dependencies = ["nox", "crosstasks @ {ROOT.as_uri()}"]\n# ///\n'


def bare(alias: str, repository: Path, env: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the call of cross that a user would make with the same ingredients, and no guard."""
    from crosstasks import pipeline
    from crosstasks.building.environment import variable

    planned, _ = pipeline.make(alias, "build", pipeline.start(repository, environ=env, names=(alias,)), lean=True)
    route: Any = planned.route
    toolchain = Path(route.toolchain.path)
    changed = {
        f"CROSS_TARGET_{variable(planned.target)}_IMAGE": route.image.ref,
        "CARGO_TARGET_DIR": str(repository / "target" / f"bare-{alias}"),
        "CROSS_CUSTOM_TOOLCHAIN": "1",
        "XARGO_HOME": str(repository / "target" / "xargo"),  # else cross makes ~/.xargo, and ~/.local/share/cross-rs
        "XDG_DATA_HOME": str(repository / "target" / "data"),
        "RUSTUP_HOME": str(_home(toolchain, repository.parent / "rustup")),
    }
    return (route.tool.path, f"+{route.toolchain.release}", "build", "--target", planned.target, "--locked"), {**env, **changed}


def _home(toolchain: Path, home: Path) -> Path:
    """Make a RUSTUP_HOME whose default has another name: cross 0.2.5 does not know the active one by its name, and installs it again."""
    folder = home / "toolchains"
    folder.mkdir(parents=True, exist_ok=True)
    for name in (toolchain.name, "default"):
        if not (folder / name).exists():
            (folder / name).symlink_to(toolchain)
    (home / "settings.toml").write_text('version = "12"\ndefault_toolchain = "default"\nprofile = "minimal"\n')
    return home


def cold(place: Place) -> Measured:
    """From an empty cache, and an engine without our image, to a tested binary; and the memory that took."""
    with _nothing_there(place, "cold") as (repository, env):
        took = run((*NOX, "-s", "cross-test-aarch64"), repository, env)
    more, memory = took.seconds - took.cargo, took.memory
    what = "empty cache to a tested aarch64 binary, no registry"
    yield Figure(
        what=what, against="cargo's own `Finished` times", wanted="more <= 90 s", value=took.seconds, other=took.cargo, held=more <= 90
    )
    yield Figure(what="peak memory of our process in that", against="", wanted="<= 90 MB", value=memory, unit="MB", held=memory <= 90)


@contextmanager
def _nothing_there(place: Place, name: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a copy of the example, and an environment with an empty cache; the image is taken from the engine."""
    from crosstasks import pipeline

    repository = place.example(name)
    with tempfile.TemporaryDirectory() as cache:
        env = {**place.env, "CROSSTASKS_CACHE_DIR": cache, "PIP_NO_CACHE_DIR": "1"}
        planned, context = pipeline.make("aarch64", "test", pipeline.start(repository, environ=env))
        if planned.route.image and not planned.route.image.steps:
            context.run((context.engine.command, "image", "rm", planned.route.image.ref))
        yield repository, env


def provisioned(place: Place) -> Measured:
    """Time providing a second time, with nothing to do, beyond an empty nox session."""
    ours, empty = place.example("provision", PROVISION), place.noxfile("session-two", EMPTY)
    command = (*NOX, "-s", "provide")
    place.seconds(command, ours)
    found = pairs(lambda: place.seconds(command, ours), lambda: place.seconds((*NOX, "-s", "one"), empty), place.runs)
    first, second, ratio = found
    wanted = "more <= 0.3 s"
    what = "`provision` with nothing to do, one target"
    yield Figure(
        what=what, against="an empty nox session", wanted=wanted, value=first, other=second, ratio=ratio, held=first - second <= 0.3
    )


PROVISION: Final = """\
import nox
from crosstasks import pipeline

@nox.session(python=False)
def provide(session):
    work = pipeline.start(".", names=("aarch64",))
    planned, work = pipeline.make("aarch64", "build", work)
    pipeline.provide(planned, work)
"""


def six(place: Place) -> Measured:
    """Six targets from clean, with images there: ``nox -j 2`` against six bare calls of cross, one after another.

    Bare, each has a target folder of its own, as cross's images need, whose glibcs differ (cross-rs/cross#724); and all have the same one,
    which images of one release allow.
    """
    ours = place.example("six")
    sessions = tuple(f"cross-{alias}" for alias in SIX)
    place.seconds((*NOX, "-s", *sessions), ours)
    calls = [bare(alias, ours, place.env) for alias in SIX]

    def one() -> float:
        shutil.rmtree(ours / "target" / "crosstasks", ignore_errors=True)
        return place.seconds((*NOX, "-j", "2", "-s", *sessions), ours)

    def apart() -> float:
        for alias in SIX:
            shutil.rmtree(ours / "target" / f"bare-{alias}", ignore_errors=True)
        return sum(place.seconds(argv, ours, env) for argv, env in calls)

    def together() -> float:
        folder = ours / "target" / "bare"
        shutil.rmtree(folder, ignore_errors=True)
        return sum(place.seconds(argv, ours, {**env, "CARGO_TARGET_DIR": str(folder)}) for argv, env in calls)

    what, against = "six targets from clean, `nox -j 2`", "six bare `cross build`, one after another"
    yield _ratio(what, f"{against}, each with its own target folder", pairs(one, apart, place.few), 0.8)
    yield _ratio(what, f"{against}, with one target folder", pairs(one, together, place.few), 0.8)


REAL: Final = '[package]\nname = "real"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nmemchr = "=2.7.4"\n[workspace]\n'
COMPILE: Final = (
    "rm -rf /tmp/target && PATH=$PATH:/rust/bin exec cargo build --release --offline --locked --quiet --target aarch64-unknown-linux-gnu"
)


def native(place: Place) -> Measured:
    """Time memchr in release mode, in an image of the engine's platform and in one that is emulated; both by the same release of Rust."""
    crate = place.folder / "real"
    (crate / "src").mkdir(parents=True)
    (crate / "src" / "lib.rs").write_text("pub use memchr::memmem;\n")
    (crate / "Cargo.toml").write_text(REAL)
    own, other = _compilers(crate, place)
    found = pairs(lambda: place.seconds(own, crate), lambda: place.seconds(other, crate), place.few)
    yield _ratio("memchr in release mode, in a native image", "the same in an emulated image", found, 0.125)


def _compilers(crate: Path, place: Place) -> tuple[tuple[str, ...], ...]:
    """Return the calls of the engine that compile the crate in an image of its own platform, and in the other; all is there then."""
    from crosstasks import pipeline
    from crosstasks.catalog.machines import MACHINES
    from crosstasks.context import on_platform
    from crosstasks.core.steps import Question
    from crosstasks.extras.offline.bundle_tasks import provide
    from crosstasks.facts.probes import EmulationTest

    context = pipeline.look(pipeline.start(crate, environ=place.env, names=("aarch64",), overrides={"builder": "cross", "cross": "0.2.5"}))
    platforms = sorted(MACHINES, key=lambda platform: platform != context.engine.platform)
    proof = Question("emulation-test", platforms[1])
    if not isinstance(pipeline.look(context, (proof,)).facts.get(proof), EmulationTest):
        raise SystemExit(f"`crosstasks emulation.install --platform {platforms[1]}` first")
    routes = [provide("aarch64-unknown-linux-gnu", on_platform(context, platform), context).route for platform in platforms]
    cargo = f"{routes[0].toolchain.path}/bin/cargo"
    home = place.folder / "cargo-home"
    run((cargo, "fetch"), crate, {**place.env, "CARGO_HOME": str(home)})
    mounts = (f"--volume={crate}:/project:ro", f"--volume={home}:/cargo", "--workdir=/project")
    env = ("--env=CARGO_HOME=/cargo", "--env=CARGO_TARGET_DIR=/tmp/target")
    head = (context.engine.command, "run", "--rm", "--network=none", *mounts, *env)
    return tuple(
        (*head, f"--platform={route.image.platform}", f"--volume={route.toolchain.path}:/rust:ro", route.image.ref, "sh", "-c", COMPILE)
        for route in routes
        if route.image
    )


BEYOND_THE_DOWNLOAD: Final = {"linux/amd64": 10, "linux/arm64": 8}
"""Seconds that an image may take: one for amd64 has a cross compiler and an emulator as well."""


def image(place: Place) -> Measured:
    """Time building the image of aarch64 from Debian's packages, for engines of both architectures; there are lists, and no package."""
    from crosstasks import pipeline
    from crosstasks.catalog import recipes, targets
    from crosstasks.catalog.machines import MACHINES
    from crosstasks.clients.debian import Archive
    from crosstasks.provisioning import image as images

    context = pipeline.look(pipeline.start(place.folder, environ=place.env, names=("aarch64",), need_config=False))
    archive = Archive(place.folder / "debian", recipes.SUITE, say=lambda _line: None)
    for platform in MACHINES:
        made = recipes.recipe(targets.find("aarch64"), platform, recipes.SUITE)
        recipe = replace(made, tag=f"crosstasks/benchmark:{platform.partition('/')[2]}")
        parts = images.packages(recipe, archive)

        def build(recipe: Any = recipe) -> float:
            return _fresh(archive, lambda: _loaded(recipe, archive, context, place.folder))

        def fetch(parts: Any = parts) -> float:
            return _fresh(archive, lambda: [archive.fetch(part) for part in parts])

        try:
            found = pairs(build, fetch, place.few)
            with _slower():
                slower = pairs(build, fetch, place.few)
        finally:
            context.run((context.engine.command, "image", "rm", recipe.tag))
        what = f"the image of aarch64 for {platform}, from Debian's packages"
        against, more = "the download of its packages, from a mirror beside this machine", found[0] - found[1]
        most = BEYOND_THE_DOWNLOAD[platform]
        yield Figure(
            what=what, against=against, wanted=f"more <= {most} s", value=found[0], other=found[1], ratio=found[2], held=more <= most
        )
        yield _ratio(what, "the same where the line has 100 Mbit/s", slower, 1.5)


def resolving(place: Place) -> Measured:
    """Time finding the packages of that image: from lists that are fetched for it, and once more."""
    from crosstasks.catalog import recipes, targets
    from crosstasks.clients.debian import Archive
    from crosstasks.provisioning import image as images

    recipe = recipes.recipe(targets.find("aarch64"), "linux/amd64", recipes.SUITE)

    def resolve() -> float:
        begun = time.perf_counter()
        images.packages(recipe, Archive(place.folder / "lists", recipes.SUITE, say=lambda _line: None))
        return time.perf_counter() - begun

    def anew() -> float:
        shutil.rmtree(place.folder / "lists", ignore_errors=True)
        return resolve()

    first, again, _ = pairs(anew, resolve, place.few)
    what = "the packages of that image for linux/amd64"
    yield Figure(what=f"{what}, nothing known", against="", wanted="<= 4 s", value=first, held=first <= 4)
    yield Figure(what=f"{what}, again", against="", wanted="<= 1.5 s", value=again, held=again <= 1.5)


@contextmanager
def _slower() -> Iterator[None]:
    """Hold the archive to the speed of a line that a developer may have: all connections together."""
    from crosstasks.clients.debian import fetch

    fast, line = fetch.Web.get, threading.Lock()

    @contextmanager
    def get(door: Any, url: str, start: int) -> Iterator[Any]:
        with fast(door, url, start) as (begun, pieces):
            yield begun, map(paced, pieces)

    def paced(piece: bytes) -> bytes:
        with line:
            time.sleep(len(piece) / 12.5e6)
        return piece

    fetch.Web.get = get  # type: ignore[method-assign]
    try:
        yield
    finally:
        fetch.Web.get = fast  # type: ignore[method-assign]


def _fresh(archive: Any, act: Callable[[], object]) -> float:
    """Return how long something takes without a package in the cache."""
    shutil.rmtree(archive.folder / "archives", ignore_errors=True)
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _loaded(recipe: Any, archive: Any, context: Any, folder: Path) -> None:
    """Build an image which the engine does not hold."""
    from crosstasks.provisioning import image

    context.run((context.engine.command, "image", "rm", recipe.tag))
    spawn = [Path(image.__file__).with_name(name) for name in ("spawn.c", "spawn.sh")]
    image.build(recipe, engine=context.engine.command, folder=folder / "images", archive=archive, spawn=spawn, say=lambda _line: None)


FIGURES: Final[Mapping[str, Callable[[Place], Measured]]] = {
    "listing": listing,
    "nothing-to-do": nothing_to_do,
    "provisioned": provisioned,
    "six": six,
    "native": native,
    "image": image,
    "resolving": resolving,
    "cold": cold,
}
"""A new figure is one function and one row."""
