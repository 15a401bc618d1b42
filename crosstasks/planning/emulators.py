"""Pure: what runs programs of other machines.

``choose``  emulation of a platform, so that the engine runs its images: it is there and proven, or it is set up, if the user agrees
``runner``  what starts a target's programs where they are built on the host: nothing, an emulator, a container with one, wasmtime
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, TypeAlias

from msgspec.structs import replace

from ..catalog import recipes
from ..catalog.ingredients import BuildImage, Emulator, PullImage, Questions, Recipe, RegisterEmulator, Runner, Tool, first
from ..catalog.pins import pins
from ..catalog.targets import ARCHES, Target
from ..core.steps import RUNNING, Absent, Question
from ..facts import Facts
from ..facts.engine import Engine, LocalImage
from ..facts.probes import PLATFORMS, EmulationTest, doubtful
from ..facts.registry import RegistryImage
from . import tools
from .request import Request

Mode: TypeAlias = Literal["auto", "install", "never"]
Source: TypeAlias = Literal["image", "build", "package"]

NAME: Final = "emulation"


def choose(platform: str, mode: Mode, facts: Facts, *, offline: bool = False) -> Emulator | Absent | Questions:
    """Choose what runs a platform's programs in containers: asked only when a route needs it.

    Args:
        mode: ``never``, ``install`` (the user agrees to have it set up), or ``auto`` (the user is asked on a terminal).
    """
    if mode == "never":
        return Absent('emulation = "never"')
    question = Question("emulation-test", platform)
    if missing := facts.open("emulation", question):
        return missing
    answer: EmulationTest | Absent = facts.answers[question]
    if isinstance(answer, EmulationTest):
        return Emulator(source="registered", platform=platform, why="a program of the platform was run, and ended as it should")
    if mode == "auto" and (facts.host.ci or not facts.emulation.terminal):
        hint = f"{answer.hint or '`crosstasks emulation.status` says more'}; or agree with --yes, or CROSSTASKS_EMULATION=install"
        return Absent(f"{answer.why}, and emulation is set up only if you agree", hint)
    return source_of(platform, tuple(SOURCES), answer.why, facts, ask=mode == "auto", offline=offline)


def source_of(
    platform: str, sources: Sequence[Source], why: str, facts: Facts, *, ask: bool = False, offline: bool = False
) -> Emulator | Absent | Questions:
    """Choose where the emulator is taken from, in the order of *sources*; *ask* has the user asked before anything is done."""
    if platform not in PLATFORMS:
        return Absent(f"{platform} is not among the platforms that are emulated: {', '.join(PLATFORMS)}")
    if isinstance(engine := facts.engine, Absent):
        return engine
    if engine.rootless:
        hint = "have root install the distribution's qemu-user-static and binfmt-support"
        return Absent("a rootless engine cannot register an emulator with the kernel", hint)

    def step(source: Source, ref: str = "", recipe: Recipe | None = None) -> RegisterEmulator:
        return RegisterEmulator(why=f"{why}; {DOES[source]}", platform=platform, source=source, ref=ref, recipe=recipe, ask=ask)

    ways = ((name, partial(SOURCES[name], platform, step, facts, offline=offline)) for name in sources)
    choice = first(ways, facts.failures)
    return Absent(f"{why}; {choice.why}", choice.hint) if isinstance(choice, Absent) else choice


DOES: Final[Mapping[Source, str]] = {
    "image": "a container of a pinned image, with CAP_SYS_ADMIN, registers QEMU with the kernel, until the machine restarts",
    "build": "a container with CAP_SYS_ADMIN, made here of Debian's packages, registers QEMU with the kernel, until the machine restarts",
    "package": "apt-get installs qemu-user-static and binfmt-support on this machine, which register QEMU at every start",
}
"""What is done to the machine, as the user is told before agreeing."""

StepMaker: TypeAlias = Callable[..., RegisterEmulator]


def binfmt() -> tuple[str, str]:
    """Return the pinned image that registers emulators, by digest, and its tag."""
    pin = pins().images["binfmt"]
    return f"{pin.ref}@{pin.digest}", pin.tag


def _image(platform: str, step: StepMaker, facts: Facts, *, offline: bool) -> Emulator | Absent | Questions:
    ref, tag = binfmt()
    if unknown := facts.open(Question("image", ref)):
        return unknown
    register = step("image", ref)
    if isinstance(facts.get(Question("image", ref)), LocalImage):
        return Emulator(source="image", platform=platform, why=f"{tag}, which the engine has", steps=(register,))
    if offline:
        return Absent("offline = true")
    if unknown := facts.open(Question("registry", ref)):
        return unknown
    image: RegistryImage | Absent = facts.get(Question("registry", ref))
    if isinstance(image, Absent):
        return Absent(image.why.partition("\n")[0])
    if facts.platform not in image.platforms:
        return Absent(f"{tag} is only for {', '.join(image.platforms)}")
    pull = PullImage(why=f"the engine does not hold {tag}", ref=ref, platform=facts.platform, digest=image.digest)
    return Emulator(source="image", platform=platform, why=tag, steps=(pull, register))


def _build(platform: str, step: StepMaker, facts: Facts, *, offline: bool) -> Emulator | Absent | Questions:
    recipe = recipes.emulator(ARCHES[PLATFORMS[platform]].qemu, facts.platform)
    if isinstance(recipe, Absent):
        return recipe
    if unknown := facts.open(Question("image", recipe.tag)):
        return unknown
    if offline and not isinstance(facts.get(Question("image", recipe.tag)), LocalImage):
        return Absent("offline = true, and the engine does not hold it")
    return Emulator(source="build", platform=platform, why=f"QEMU of {recipe.suite}'s packages", steps=(step("build", recipe=recipe),))


def _package(platform: str, step: StepMaker, facts: Facts, *, offline: bool) -> Emulator | Absent | Questions:
    engine = facts.engine
    if offline:
        return Absent("offline = true")
    if not facts.host.apt:
        return Absent("apt is not here")
    if isinstance(engine, Engine) and (engine.remote or engine.desktop):
        return Absent(f"the engine is in {engine.desktop or 'another machine'}, and packages are installed here")
    if not facts.emulation.root:
        return Absent("packages are installed by root", "`sudo apt-get install qemu-user-static binfmt-support`")
    return Emulator(source="package", platform=platform, why=f"{facts.host.suite}'s own packages", steps=(step("package"),))


SOURCES: Final[Mapping[Source, Callable[..., Any]]] = {"image": _image, "build": _build, "package": _package}
"""In order: what goes away at the next start of the machine comes before what stays."""


def runner(request: Request, facts: Facts) -> Runner | Absent | Questions | None:
    """Choose what starts the programs; None: nothing is started, or they start by themselves, or cargo's own configuration says how."""
    target = request.target
    if request.verb not in RUNNING:
        return None
    if request.options.runner:
        return Runner(kind="words", words=tuple(request.options.runner.split()), source="configured", why="`runner` is configured")
    if target.triple in facts.settings.runners:
        return None
    if target.parts:
        why = f"a universal program is tested as its parts: {' and '.join(target.parts)}"
        return Absent(why, f"declare {target.parts[0]} as well")
    if (target.os, target.arch) == (facts.host.os, facts.host.arch):
        return None
    if target.format == "wasm" and target.plain_cargo:
        if target.os == "unknown" and request.verb == "nextest":
            return Absent(f"programs for {target.triple} print nothing, so that nobody can list their tests", "`test`")
        tool = tools.from_pypi("wasmtime", request, facts)
        if not isinstance(tool, Tool):
            return tool
        folder = tool.path.removesuffix("/bin/wasmtime")  # that Python imports it from
        return Runner(kind="wasmtime", words=(folder,), source=tool.source, why=tool.why, steps=tool.steps)
    if _static(target) or recipes.libraries(target, "") or _for_wine(target):
        return _emulator_runner(request, facts)
    return Absent(_unstartable(target, facts))


def _static(target: Target) -> bool:
    """Tell whether a program brings its C library, and so runs wherever Linux and its processor are."""
    return target.os == "linux" and target.libc == "musl" and bool(target.qemu)


def _for_wine(target: Target) -> bool:
    return (target.libc, target.arch) == ("mingw", "x86_64")


def _unstartable(target: Target, facts: Facts) -> str:
    match target.os:
        case "macos" if facts.host.os == "macos":
            words = f'`runner = "arch -{target.arch}"`'
            return f"this Mac is for {facts.host.arch}: {words} starts programs for {target.arch} where Rosetta does"
        case "windows" if not _for_wine(target):
            return f"{target.triple} programs are started on Windows, or by the `runner` that you name, and this is {facts.host.os}"
        case "macos" | "ios":
            system = {"macos": "macOS", "ios": "iOS"}[target.os]
            return f"programs for {system} are started on {system} alone, and this is {facts.host.os}"
        case "unknown" | "none" | "uefi":
            return f"{target.triple} has no system that could start a test: name what does as `runner`"
        case _:
            return f"{target.triple} programs do not run on this host, and no container runs them"


def _emulator_runner(request: Request, facts: Facts) -> Runner | Absent | Questions | None:
    if missing := facts.open("emulation", "engine"):
        return missing
    target, emulation = request.target, facts.emulation
    if _static(target) and target.os == facts.host.os:
        if emulation.running(target.arch):
            return None
        if program := emulation.programs.get(target.arch):
            return Runner(kind="words", words=(program,), source="PATH", why=f"{program} is on PATH")
    runner = _in_container(request, facts)
    if isinstance(runner, Absent):
        return Absent(f"{_unstartable(target, facts)}: {runner.why}", runner.hint)
    return runner


def _in_container(request: Request, facts: Facts) -> Runner | Absent | Questions:
    """Take an image that starts the programs."""
    engine, target = facts.engine, request.target
    if isinstance(engine, Absent):
        return engine
    if engine.remote:
        return Absent("the engine is on another machine, which does not see what was built here")
    folder = facts.get(Question("shared", "project"))
    if isinstance(folder, Absent):
        return folder
    recipe = _recipe(target, engine.platform)
    if isinstance(recipe, Absent):
        return recipe
    doubt = [Question("shared", "project")] if doubtful(engine, facts.host) else []
    if missing := facts.open(Question("image", recipe.tag), *doubt):
        return missing
    image = facts.answers[Question("image", recipe.tag)]
    words = _words(target, engine.platform)
    name = "wine" if _for_wine(target) else "QEMU"
    why = f"{name} of {recipe.suite}'s packages, in a container" if words else "a container of the engine's own kind of machine"
    runner = Runner(kind="container", words=words, image=recipe.tag, source="local", why=why)
    if isinstance(image, LocalImage):
        return runner
    if request.config.offline:
        return Absent(f"offline = true, and the engine does not hold {recipe.tag}")
    step = BuildImage(why=f"no image here runs {target.triple} programs", recipe=recipe)
    return replace(runner, source="build", steps=(step,))


def _recipe(target: Target, platform: str) -> Recipe | Absent:
    """Return what an image is made of that has wine and mingw's compilers, or QEMU and nothing else."""
    if _for_wine(target):
        return recipes.wine(platform)
    if target.arch == "loongarch64":
        # `nox -s every-target`: "uncaught target signal 4 (Illegal instruction)" of a test that zig had linked
        why = "QEMU 7.2, which Debian 12 has, knows no LSX, the vector instructions in Rust's programs for LoongArch"
        return Absent(why, "a newer QEMU on PATH starts them, or one that is named as `runner`")
    return recipes.emulator(target.qemu, platform, libraries=recipes.libraries(target, platform))


def _words(target: Target, platform: str) -> tuple[str, ...]:
    """Return what stands before a program in the container: nothing on the engine's own kind of machine."""
    if _for_wine(target):
        return (recipes.WINE_RUNNER,)
    loader = ("-L", f"/usr/{target.gnu}") if target.libc == "gnu" else ()
    return () if platform == target.platform else (f"qemu-{target.qemu}-static", *loader)
