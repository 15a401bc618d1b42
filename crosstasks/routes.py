"""Pure: the ladder. Every route to a target, best first; each is possible, refused with a reason, or waits for answers.

Chosen by looking::

    engine      in this order
    amd64       cross 0.2.5 with each image source, then each flavour of `fallback` likewise; cargo; zigbuild
    arm64       the same with native images; then the same with amd64 images under emulation; cargo; zigbuild
    none        cargo for the host's own target; zigbuild
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from .facts.emulation import Emulation
from .facts.engine import Engine
from .facts.rustup import Rustup
from .sources import Image, Open, Tool, Toolchain, dotted, tools
from .sources import image as images
from .sources import toolchain as toolchains
from .steps import Absent, Refused, Step
from .targets import OCI_ARCH, Target

if TYPE_CHECKING:
    from .config import Config
    from .facts import Facts

Verb: TypeAlias = Literal["build", "test"]

PLATFORM_HOST: Final[Mapping[str, str]] = {
    "linux/amd64": "x86_64-unknown-linux-gnu",
    "linux/arm64": "aarch64-unknown-linux-gnu",
}
"""The host triple of the toolchain that runs in an image of a platform."""

ZIG_GLIBC: Final = "2.28"
"""The glibc that zigbuild links against where the config names none: Debian 10's, and what Rust's own riscv64 needs is older."""


class Route(Struct, frozen=True, kw_only=True):
    """One complete way to build a target.

    Attributes:
        name: ``cross 0.2.5, image built here``; unique in a ladder.
        own: the toolchain whose cargo runs on the host, to read the workspace and fetch its dependencies.
        emulated: the container's programs run under emulation, which costs about 11x (docs/routes.md).
        libc: the glibc that artifacts need at most; empty where it is unknown or there is none.
        build_std: the standard library is compiled from source.
    """

    name: str
    target: str
    builder: Literal["cross", "zigbuild", "cargo"]
    flavour: str = ""
    tool: Tool | None = None
    toolchain: Toolchain
    own: Toolchain
    image: Image | None = None
    emulated: bool = False
    libc: str = ""
    build_std: bool = False

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return what is still to be provided, each once."""
        steps: list[Step] = []
        for part in (self.tool, self.own, self.toolchain, self.image):
            steps += [step for step in (part.steps if part else ()) if step not in steps]
        return tuple(steps)


Looked: TypeAlias = Route | Refused | Open


class Rung(Struct, frozen=True):
    """A place on the ladder: the route's name, and how to look whether it is possible."""

    name: str
    look: Callable[[], Looked]


def ladder(target: Target, facts: Facts, config: Config, verb: Verb) -> tuple[Rung, ...]:
    """Return every route to *target*, best first. Needs the facts host, engine and repository."""
    builder = config.target(target.triple).builder
    rungs = []
    if builder in {"auto", "cross"}:
        rungs += _cross_rungs(target, facts, config, verb)
    if builder in {"auto", "cargo"}:
        rungs.append(Rung("cargo", partial(_cargo, target, facts, config)))
    if builder == "zigbuild" or (builder == "auto" and "zigbuild" in config.target(target.triple).fallback):
        rungs.append(Rung("zigbuild", partial(_zigbuild, target, facts, config, verb)))
    return tuple(rungs)


def _cross_rungs(target: Target, facts: Facts, config: Config, verb: Verb) -> list[Rung]:
    refusal = _no_container(target, facts)
    if refusal:
        return [Rung("cross", lambda: refusal)]
    rungs = []
    for platform in _platforms(facts, config.target(target.triple).emulation):
        for flavour in _flavours(target, config):
            for source in images.sources(target, facts, config):
                name = _named(flavour, source, platform, facts)
                rungs.append(Rung(name, partial(_cross, name, target, facts, config, verb, flavour, source, platform)))
    return rungs


def _no_container(target: Target, facts: Facts) -> Refused | None:
    if not target.containerised:
        return Refused(name="cross", why=f"cross never runs {target.triple} in a container (it hands it to the host's cargo)")
    if isinstance(facts.engine, Absent):
        return Refused(name="cross", why=facts.engine.why, hint=facts.engine.hint)
    return None


def _flavours(target: Target, config: Config) -> tuple[str, ...]:
    own = config.target(target.triple)
    wanted = (own.cross, *(flavour for flavour in own.fallback if flavour != "zigbuild"))
    return tuple(dict.fromkeys(wanted))


def _own_platform(facts: Facts) -> str:
    return facts.engine.platform if isinstance(facts.engine, Engine) else ""


def _platforms(facts: Facts, emulation: str) -> tuple[str, ...]:
    own = _own_platform(facts)
    foreign = () if own == "linux/amd64" or emulation == "never" else ("linux/amd64",)
    return (own, *foreign)


_FROM: Final[Mapping[str, str]] = {
    "local": "image of the engine",
    "mirror": "image of the mirror",
    "upstream": "upstream image",
    "bundle": "image of a bundle",
    "build": "image built here",
    "configured": "configured image",
}


def _named(flavour: str, source: str, platform: str, facts: Facts) -> str:
    emulated = "" if platform == _own_platform(facts) else f", {platform} emulated"
    return f"cross {flavour}, {_FROM[source]}{emulated}"


def _cross(name: str, target: Target, facts: Facts, config: Config, verb: Verb, flavour: str, source: str, platform: str) -> Looked:
    if platform not in PLATFORM_HOST:
        return Refused(name=name, why=f"there is no Rust toolchain for images of {platform} here", hint="zigbuild needs no image")
    if platform != _own_platform(facts):
        if missing := facts.open("emulation"):
            return missing
        if refusal := _no_emulation(name, facts):
            return refusal
    wanted = images.Wanted(target=target, flavour=flavour, platform=platform)
    image = images.choose(source, wanted, facts, config)
    if isinstance(image, Refused):
        return image
    toolchain = toolchains.choose(PLATFORM_HOST[platform], facts, config)
    tool = tools.cross(flavour, facts, config)
    for found, what in ((toolchain, "toolchain"), (tool, f"cross {flavour}")):
        if isinstance(found, Refused):
            return Refused(name=name, why=f"no {what}: {found.why}", hint=found.hint)
    own = _own(toolchain, facts, config) if isinstance(toolchain, Toolchain) else ()
    if isinstance(own, Refused):
        return own
    match image, toolchain, tool, own:
        case Image(), Toolchain(), Tool(), Toolchain():
            emulated = platform != _own_platform(facts)
            route = Route(
                name=name,
                target=target.triple,
                builder="cross",
                flavour=flavour,
                tool=tool,
                toolchain=toolchain,
                own=own,
                image=image,
                emulated=emulated,
                libc=image.libc,
                build_std=target.triple not in toolchain.standard,
            )
            return _kept(route, target, config) or _runs(route, verb) or route
        case _:
            return _all_open(image, toolchain, tool, own)


def _no_emulation(name: str, facts: Facts) -> Refused | None:
    """Refuse amd64 images where the kernel runs none in containers; what is in an engine's own machine cannot be seen."""
    engine, emulation = facts.engine, facts.emulation
    if (
        facts.host.os != "linux"
        or not isinstance(engine, Engine)
        or engine.remote
        or engine.desktop
        or not isinstance(emulation, Emulation)
    ):
        return None
    entry = emulation.registered.get("x86_64")
    if entry and entry.enabled and entry.fixed:
        return None
    hint = f"{engine.command} run --privileged --rm tonistiigi/binfmt --install amd64"
    return Refused(name=name, why="no emulator of amd64 is registered here that works in containers", hint=hint)


def _all_open(*found: object) -> Open:
    return tuple(dict.fromkeys(question for questions in found if isinstance(questions, tuple) for question in questions))


def _own(toolchain: Toolchain, facts: Facts, config: Config) -> Toolchain | Refused | Open:
    """Choose what runs on the host itself: the same toolchain if it can, else the user's, else one of ours."""
    if toolchain.host == facts.host.triple:
        return toolchain
    rustup = facts.rustup
    if isinstance(rustup, Rustup):
        for folder in rustup.toolchains:
            if folder.name == rustup.active:
                return toolchains.ready(folder, "user", "the user's active toolchain reads the workspace")
    return toolchains.choose(facts.host.triple, facts, config)


def _kept(route: Route, target: Target, config: Config) -> Refused | None:
    """Refuse a route that cannot keep the target's promise, or whose parts do not fit each other."""
    image, toolchain = route.image, route.toolchain
    if image and image.glibc and toolchain.glibc and dotted(toolchain.glibc) > dotted(image.glibc):
        why = f"the toolchain {toolchain.name} needs glibc {toolchain.glibc}, and {image.ref} has {image.glibc}"
        return Refused(name=route.name, why=why)
    ceiling = config.target(target.triple).glibc
    if ceiling and route.libc and dotted(route.libc) > dotted(ceiling):
        why = f"its artifacts need glibc {route.libc}, and glibc = {ceiling!r} is promised"
        return Refused(name=route.name, why=why, hint="zigbuild links against any glibc")
    return None


def _runs(route: Route, verb: Verb) -> Refused | None:
    if verb == "test" and route.image and not route.image.runs:
        return Refused(name=route.name, why=f"its image has nothing that runs {route.target} programs")
    return None


def _cargo(target: Target, facts: Facts, config: Config) -> Looked:
    if target.triple != facts.host.triple:
        return Refused(name="cargo", why=f"plain cargo serves only the host's own target, {facts.host.triple}")
    own = config.target(target.triple)
    asked = [name for name, value in (("image", own.image), ("packages", own.packages), ("glibc", own.glibc)) if value]
    if asked:
        return Refused(name="cargo", why=f"`{asked[0]}` is configured, and the host's own libraries would not keep it")
    toolchain = toolchains.choose(facts.host.triple, facts, config)
    if not isinstance(toolchain, Toolchain):
        return toolchain
    return Route(
        name="cargo",
        target=target.triple,
        builder="cargo",
        toolchain=toolchain,
        own=toolchain,
        libc=facts.host.libc_version if target.libc == "gnu" else "",
        build_std=target.triple not in toolchain.standard,
    )


def _zigbuild(target: Target, facts: Facts, config: Config, verb: Verb) -> Looked:
    if verb == "test" and (missing := facts.open("emulation")):
        return missing
    refusal = _no_zig(target) or (_cannot_run(target, facts) if verb == "test" else None)
    if refusal:
        return refusal
    toolchain = toolchains.choose(facts.host.triple, facts, config)
    tool = tools.zigbuild(facts, config)
    for found in (toolchain, tool):
        if isinstance(found, Refused):
            return replace(found, name="zigbuild")
    match toolchain, tool:
        case Toolchain(), Tool():
            return Route(
                name="zigbuild",
                target=target.triple,
                builder="zigbuild",
                tool=tool,
                toolchain=toolchain,
                own=toolchain,
                libc=(config.target(target.triple).glibc or ZIG_GLIBC) if target.libc == "gnu" and target.os == "linux" else "",
                build_std=target.triple not in toolchain.standard,
            )
        case _:
            return _all_open(toolchain, tool)


def _no_zig(target: Target) -> Refused | None:
    """cargo-zigbuild knows Linux (gnu and musl), macOS and windows-gnu (its README); macOS wants Apple's SDK as well."""
    served = (target.os == "linux" and target.libc in {"gnu", "musl"}) or target.triple.endswith(("-windows-gnu", "-windows-gnullvm"))
    return None if served else Refused(name="zigbuild", why=f"zig has no C library for {target.triple}")


def _cannot_run(target: Target, facts: Facts) -> Refused | None:
    """Refuse tests that the host cannot run: natively, or by an emulator that is there."""
    if target.os == facts.host.os and target.arch == facts.host.arch:
        return None
    emulation = facts.emulation
    static = target.libc == "musl"
    if target.os == facts.host.os and static and isinstance(emulation, Emulation):
        registered = {arch for arch, entry in emulation.registered.items() if entry.enabled}
        if target.arch in registered.union(emulation.programs):
            return None
    return Refused(name="zigbuild", why=f"{target.triple} programs do not run on this host, and no container runs them")


def walk(rungs: tuple[Rung, ...]) -> Iterator[tuple[Rung, Looked]]:
    """Look at the rungs from the top, and stop below the first that is possible or waits for answers."""
    for rung in rungs:
        found = rung.look()
        yield rung, found
        if not isinstance(found, Refused):
            return


__all__ = ["OCI_ARCH", "Engine", "Route", "Rung", "Verb", "ladder", "walk"]
