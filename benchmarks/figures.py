"""What is measured, each a function that returns lines of the table."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from measure import Figure, environment, pairs, run

ROOT: Final = Path(__file__).parents[1]
NOX: Final = (sys.executable, "-m", "nox")
OURS: Final = "import crosstasks.nox\ncrosstasks.nox.register()\n"
EMPTY: Final = "import nox\n@nox.session(python=False)\ndef one(session): ...\n"
SIX: Final = ("aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64")


@dataclass(frozen=True)
class Place:
    """A folder to measure in."""

    folder: Path
    runs: int
    env: dict[str, str] = field(default_factory=environment)

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
    """``nox -l`` with 60 targets against an empty noxfile's."""
    from crosstasks.targets import catalogue

    ours, empty = place.noxfile("ours", OURS), place.noxfile("empty", EMPTY)
    (ours / "crosstasks.toml").write_text(f"version = 1\ntargets = {list(catalogue())[:60]!r}\n")
    found = pairs(lambda: place.seconds((*NOX, "-l"), ours), lambda: place.seconds((*NOX, "-l"), empty), place.runs)
    yield _ratio("`nox -l` with 60 targets", "an empty noxfile's", found, 1.15)


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
    first, second, ratio = pairs(
        lambda: place.seconds(command, scripted, on), lambda: place.seconds(command, ours), max(3, place.runs // 3)
    )
    yield Figure(
        what="the same in script mode", against="the same without", wanted="shown", value=first, other=second, ratio=ratio, held=True
    )


def _header() -> str:
    """Return a script's header that brings this checkout."""
    return f'# /// script\n# dependencies = ["nox", "crosstasks @ {ROOT.as_uri()}"]\n# ///\n'


def bare(alias: str, repository: Path, env: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the call of cross that a user would make with the same ingredients, and no guard."""
    from crosstasks import pipeline
    from crosstasks.environment import variable

    planned, _ = pipeline.make(alias, "build", pipeline.start(repository, environ=env, names=(alias,)))
    route: Any = planned.route
    toolchain = Path(route.toolchain.path)
    changed = {
        f"CROSS_TARGET_{variable(planned.target)}_IMAGE": route.image.ref,
        "CARGO_TARGET_DIR": str(repository / "target" / f"bare-{alias}"),
        "CROSS_CUSTOM_TOOLCHAIN": "1",
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
    yield Figure(what="peak memory of our process in that", against="", wanted="<= 80 MB", value=memory, unit="MB", held=memory <= 80)


@contextmanager
def _nothing_there(place: Place, name: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a copy of the example, and an environment with an empty cache; the image is taken from the engine."""
    from crosstasks import pipeline

    repository = place.example(name)
    with tempfile.TemporaryDirectory() as cache:
        env = {**place.env, "CROSSTASKS_CACHE_DIR": cache, "PIP_NO_CACHE_DIR": "1"}
        planned, work = pipeline.make("aarch64", "test", pipeline.start(repository, environ=env))
        if planned.route.image and not planned.route.image.steps:
            work.run((work.engine.command, "image", "rm", planned.route.image.ref))
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
    """Six targets from clean, with images there: ``nox -j 2`` against six bare calls of cross, one after another."""
    ours = place.example("six")
    sessions = tuple(f"cross-{alias}" for alias in SIX)
    place.seconds((*NOX, "-s", *sessions), ours)
    calls = [bare(alias, ours, place.env) for alias in SIX]

    def one() -> float:
        shutil.rmtree(ours / "target" / "crosstasks", ignore_errors=True)
        return place.seconds((*NOX, "-j", "2", "-s", *sessions), ours)

    def other() -> float:
        for alias in SIX:
            shutil.rmtree(ours / "target" / f"bare-{alias}", ignore_errors=True)
        return sum(place.seconds(argv, ours, env) for argv, env in calls)

    found = pairs(one, other, max(3, place.runs // 3))
    yield _ratio("six targets from clean, `nox -j 2`", "six bare `cross build`, one after another", found, 0.8)


FIGURES: Final[Mapping[str, Callable[[Place], Measured]]] = {
    "listing": listing,
    "nothing-to-do": nothing_to_do,
    "provisioned": provisioned,
    "six": six,
    "cold": cold,
}
"""A new figure is one function and one row."""
