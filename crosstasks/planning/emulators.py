"""Pure: where emulation of a platform can come from: it is there and proven, or it is set up, if the user agrees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ..catalog import recipes
from ..catalog.pins import pins
from ..catalog.targets import ARCHES
from ..core.steps import Absent, Question, Refused
from ..facts.emulation import Emulation
from ..facts.engine import Engine, LocalImage
from ..facts.probes import PLATFORMS, EmulationTest
from .ingredients import Ingredient, PullImage, Questions, RegisterEmulator, first

if TYPE_CHECKING:
    from ..catalog.recipes import Recipe
    from ..facts import Facts
    from ..facts.registry import RegistryImage

Mode: TypeAlias = Literal["auto", "install", "never"]
Source: TypeAlias = Literal["image", "build", "package"]

NAME: Final = "emulation"


class Emulator(Ingredient, frozen=True, kw_only=True):
    """What runs the programs of a *platform* that is not the engine's own."""

    platform: str


def choose(platform: str, mode: Mode, facts: Facts, *, offline: bool = False) -> Emulator | Refused | Questions:
    """
    Choose what runs a platform's programs in containers: asked only when a route needs it.

    Args:
        mode: ``never``, ``install`` (the user agrees to have it set up), or ``auto`` (the user is asked on a terminal).
    """
    if mode == "never":
        return Refused(name=NAME, why='emulation = "never"')
    missing = facts.open("emulation") + (() if (question := Question("emulation-test", platform)) in facts.answers else (question,))
    if missing:
        return missing
    answer: EmulationTest | Absent = facts.answers[question]
    if isinstance(answer, EmulationTest):
        return Emulator(source="registered", platform=platform, why="a program of the platform was run, and ended as it should")
    asks = _asks(facts)
    if mode == "auto" and not asks:
        hint = f"{answer.hint or '`crosstasks emulation.status` says more'}; or agree with --yes, or CROSSTASKS_EMULATION=install"
        return Refused(name=NAME, why=f"{answer.why}, and emulation is set up only if you agree", hint=hint)
    return installed(platform, tuple(SOURCES), answer.why, facts, ask=mode == "auto", offline=offline)


def _asks(facts: Facts) -> bool:
    emulation = facts.emulation
    return isinstance(emulation, Emulation) and emulation.terminal and not facts.host.ci


def installed(
    platform: str, sources: Sequence[Source], why: str, facts: Facts, *, ask: bool = False, offline: bool = False
) -> Emulator | Refused | Questions:
    """Choose where the emulator is taken from, in the order of *sources*; *ask* has the user asked before anything is done."""
    problem = _unfit(platform, facts)
    if problem:
        return problem
    step = partial(_step, platform, why, ask)
    ways = ((name, partial(SOURCES[name], platform, step, facts, offline=offline)) for name in sources)
    choice = first(ways, facts.failures)
    return Refused(name=NAME, why=f"{why}; {choice.why}", hint=choice.hint) if isinstance(choice, Refused) else choice


def _unfit(platform: str, facts: Facts) -> Refused | None:
    engine = facts.engine
    if platform not in PLATFORMS:
        return Refused(name=NAME, why=f"{platform} is not among the platforms that are emulated: {', '.join(PLATFORMS)}")
    if isinstance(engine, Absent):
        return Refused(name=NAME, why=engine.why, hint=engine.hint)
    if engine.rootless:
        hint = "have root install the distribution's qemu-user-static and binfmt-support"
        return Refused(name=NAME, why="a rootless engine cannot register an emulator with the kernel", hint=hint)
    return None


def _step(platform: str, why: str, ask: bool, source: Source, ref: str = "", recipe: Recipe | None = None) -> RegisterEmulator:  # noqa: FBT001
    return RegisterEmulator(why=f"{why}; {DOES[source]}", platform=platform, source=source, ref=ref, recipe=recipe, ask=ask)


DOES: Final[Mapping[Source, str]] = {
    "image": "a container of a pinned image, with CAP_SYS_ADMIN, registers QEMU with the kernel, until the machine restarts",
    "build": "a container with CAP_SYS_ADMIN, made here of Debian's packages, registers QEMU with the kernel, until the machine restarts",
    "package": "apt-get installs qemu-user-static and binfmt-support on this machine, which register QEMU at every start",
}
"""What is done to the machine, as the user is told before agreeing."""

Registered: TypeAlias = Callable[..., RegisterEmulator]


def binfmt() -> tuple[str, str]:
    """Return the pinned image that registers emulators, by digest, and its tag."""
    pin = pins().images["binfmt"]
    return f"{pin.ref}@{pin.digest}", pin.tag


def _image(platform: str, step: Registered, facts: Facts, *, offline: bool) -> Emulator | Refused | Questions:
    ref, tag = binfmt()
    platform_ = facts.engine.platform if isinstance(facts.engine, Engine) else ""
    question = Question("image", ref)
    if question not in facts.answers:
        return (question,)
    done = step("image", ref)
    if isinstance(facts.answers[question], LocalImage):
        return Emulator(source="image", platform=platform, why=f"{tag}, which the engine has", steps=(done,))
    if offline:
        return Refused(name="image", why="offline = true")
    registry_question = Question("registry", ref)
    if registry_question not in facts.answers:
        return (registry_question,)
    served: RegistryImage | Absent = facts.answers[registry_question]
    if isinstance(served, Absent):
        return Refused(name="image", why=served.why.partition("\n")[0])
    if platform_ not in served.platforms:
        return Refused(name="image", why=f"{tag} is only for {', '.join(served.platforms)}")
    pull = PullImage(why=f"the engine does not hold {tag}", ref=ref, platform=platform_, digest=served.digest)
    return Emulator(source="image", platform=platform, why=tag, steps=(pull, done))


def _build(platform: str, step: Registered, facts: Facts, *, offline: bool) -> Emulator | Refused | Questions:
    platform_ = facts.engine.platform if isinstance(facts.engine, Engine) else ""
    recipe = recipes.emulator(ARCHES[PLATFORMS[platform]].qemu, platform_)
    if isinstance(recipe, Refused):
        return recipe
    question = Question("image", recipe.tag)
    if question not in facts.answers:
        return (question,)
    if offline and not isinstance(facts.answers[question], LocalImage):
        return Refused(name="build", why="offline = true, and the engine does not hold it")
    return Emulator(source="build", platform=platform, why=f"QEMU of {recipe.suite}'s packages", steps=(step("build", recipe=recipe),))


def _package(platform: str, step: Registered, facts: Facts, *, offline: bool) -> Emulator | Refused | Questions:
    engine, emulation = facts.engine, facts.emulation
    if offline:
        return Refused(name="package", why="offline = true")
    if not facts.host.apt:
        return Refused(name="package", why="apt is not here")
    if isinstance(engine, Engine) and (engine.remote or engine.desktop):
        return Refused(name="package", why=f"the engine is in {engine.desktop or 'another machine'}, and packages are installed here")
    if not (isinstance(emulation, Emulation) and emulation.root):
        return Refused(name="package", why="packages are installed by root", hint="`sudo apt-get install qemu-user-static binfmt-support`")
    return Emulator(source="package", platform=platform, why=f"{facts.host.suite}'s own packages", steps=(step("package"),))


SOURCES: Final[Mapping[Source, Callable[..., Any]]] = {"image": _image, "build": _build, "package": _package}
"""In order: what goes away at the next start of the machine comes before what stays."""
