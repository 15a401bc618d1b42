"""Pure: the ladder. Every route to a target, best first; each is possible, refused with a reason, or waits for answers.

Chosen by looking::

    engine      in this order
    amd64       cross 0.2.5 with each image source, then each flavour of `fallback` likewise; cargo; zigbuild
    arm64       the same with native images; cargo; zigbuild; last the same with amd64 images under emulation, which is slow
    none        cargo for the host's own target and those that rustc links by itself; zigbuild

Where an image is named, all that can use it comes before zigbuild, which cannot.

The candidates of cross: each platform of the engine, with each flavour, with each source of images.

The candidates that build without a container: plain cargo, and zigbuild.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from ..catalog.ingredients import Emulator, Image, Questions, Runner, Tool, Toolchain
from ..catalog.machines import BY_TRIPLE, MACHINES
from ..config.read import FILE
from ..core import versions
from ..core.steps import NEXTEST, RUNNING, Absent, Question, Refused
from ..facts.engine import Engine
from ..facts.probes import PLACES, doubtful
from ..facts.rustup import Rustup
from ..project.repository import Repository
from . import emulators, images, toolchains, tools
from .images import Variant
from .route import Candidate, Outcome, Route, all_open, from_source, no_library, oldest, unfit

if TYPE_CHECKING:
    from ..catalog.targets import Target
    from ..facts import Facts
    from .request import Request


FOREIGN_PLATFORM: Final = "linux/amd64"
"""What may be emulated: all images of cross are for it."""


def native(request: Request, facts: Facts, parts: Parts) -> list[Candidate]:
    """Return the routes of cross with images of the engine's own platform, in their order: flavours, sources of images."""
    refusal = _no_container(request.target, facts)
    if refusal:
        return [Candidate("cross", lambda: refusal)]
    return _on(_own_platform(facts), request, facts, parts)


def emulated(request: Request, facts: Facts, parts: Parts) -> list[Candidate]:
    """Return the routes of cross with images of another platform, which is slow."""
    foreign = _own_platform(facts) != FOREIGN_PLATFORM and request.options.emulation != "never"
    return _on(FOREIGN_PLATFORM, request, facts, parts) if foreign and not _no_container(request.target, facts) else []


def _on(platform: str, request: Request, facts: Facts, parts: Parts) -> list[Candidate]:
    candidates = []
    for flavour in _flavours(request):
        for source in images.sources(request, facts):
            name, variant = _named(flavour, source, platform, facts), Variant(flavour=flavour, platform=platform)
            candidates.append(Candidate(name, partial(_cross, name, request, facts, parts, variant, source)))
    return candidates


def _no_container(target: Target, facts: Facts) -> Refused | None:
    if not target.containerised:
        return Refused(name="cross", why=f"cross never runs {target.triple} in a container (it hands it to the host's cargo)")
    if isinstance(facts.engine, Absent):
        return Refused(name="cross", why=facts.engine.why, hint=facts.engine.hint)
    unseen = next((fact for place in PLACES if isinstance(fact := facts.get(Question("shared", place)), Absent)), None)
    return Refused(name="cross", why=unseen.why, hint=unseen.hint) if unseen else None


def _untried(facts: Facts) -> Questions:
    """Return whether our folders are shared, where that is doubtful and was not tried yet."""
    if isinstance(facts.engine, Absent) or not doubtful(facts.engine, facts.host):
        return ()
    return tuple(question for place in PLACES if (question := Question("shared", place)) not in facts.answers)


def _flavours(request: Request) -> tuple[str, ...]:
    """Return the flavour that is named, and no other; else the first one with those of `fallback` behind it."""
    options = request.options
    others = () if "cross" in request.named else (flavour for flavour in options.fallback if flavour != "zigbuild")
    return tuple(dict.fromkeys((options.cross, *others)))


def _elsewhere(facts: Facts) -> bool:
    return isinstance(facts.engine, Engine) and facts.engine.remote


def _own_platform(facts: Facts) -> str:
    return facts.engine.platform if isinstance(facts.engine, Engine) else ""


_FROM: Final[Mapping[str, str]] = {
    "local": "image of the engine",
    "mirror": "image of the mirror",
    "upstream": "upstream image",
    "bundle": "image of a bundle",
    "build": "image built here",
    "base": "pinned base",
    "configured": "configured image",
}


def _named(flavour: str, source: str, platform: str, facts: Facts) -> str:
    emulated = "" if platform == _own_platform(facts) else f", {platform} emulated"
    return f"cross {flavour}, {_FROM[source]}{emulated}"


def _cross(name: str, request: Request, facts: Facts, parts: Parts, variant: Variant, source: str) -> Outcome:
    flavour, platform = variant.flavour, variant.platform
    if refusal := request.unlocked(builder="cross", flavour=flavour, platform=platform) or _uncopied(name, flavour, request, facts):
        return refusal
    if platform not in MACHINES:
        return Refused(name=name, why=f"there is no Rust toolchain for images of {platform} here", hint="zigbuild needs no image")
    image = images.choose(source, variant, request, facts)
    if isinstance(image, Refused):
        return image
    emulator = _emulator(platform, request, facts)
    if isinstance(emulator, Refused):
        return emulator
    toolchain, tool = parts.toolchain(MACHINES[platform].triple), parts.cross(flavour)
    nextest = parts.nextest(MACHINES[platform].triple, True)
    for part, what in ((toolchain, "toolchain"), (tool, f"cross {flavour}"), (nextest, "cargo-nextest")):
        if isinstance(part, Refused):
            return Refused(name=name, why=f"no {what}: {part.why}", hint=part.hint)
    on_host = _on_host(toolchain, facts, parts) if isinstance(toolchain, Toolchain) else ()
    if isinstance(on_host, Refused):
        return on_host
    match image, toolchain, tool, on_host, emulator, nextest, _untried(facts):
        case Image(), Toolchain(), Tool(), Toolchain(), (None | Emulator()), (None | Tool()), ():
            route = Route(
                name=name,
                target=request.target.triple,
                builder="cross",
                flavour=flavour,
                tool=tool,
                toolchain=toolchain,
                host_toolchain=on_host,
                image=image,
                emulated=emulator is not None,
                emulator=emulator,
                glibc_floor=image.glibc_floor,
                build_std=from_source(request, toolchain),
                remote=_elsewhere(facts),
                nextest=nextest,
            )
            return unfit(route, request) or _cannot_run(route, request) or route
        case _, _, _, _, _, _, untried:
            return all_open(image, toolchain, tool, on_host, emulator, nextest, untried)


def _uncopied(name: str, flavour: str, request: Request, facts: Facts) -> Refused | None:
    """Refuse what cross cannot do where the engine is on another machine."""
    if not _elsewhere(facts):
        return None
    if flavour == "git":
        # without them nobody knows what was built (main: docker/remote.rs, is_cargo_json_message)
        why = "cross main, with an engine on another machine, keeps cargo's messages to itself"
        return Refused(name=name, why=why, hint="0.2.5 passes them on")
    if request.verb in NEXTEST:
        return Refused(name=name, why="cargo-nextest is not copied to an engine on another machine", hint="`test` is cargo's own")
    repository = facts.repository
    tables = () if isinstance(repository, Absent) else repository.cross_tables(request.target.triple)
    if request.options.pre_build or any(key in table for table in tables for key in ("dockerfile", "pre-build")):
        # v0.2.5: docker/remote.rs:946
        why = "cross 0.2.x ignores `dockerfile` and `pre-build` with an engine on another machine"
        return Refused(name=name, why=why, hint="`packages` puts Debian's packages into an image that is built here")
    return None


def _emulator(platform: str, request: Request, facts: Facts) -> Emulator | Refused | Questions | None:
    """Choose what runs a platform that is not the engine's own; None for its own."""
    if platform == _own_platform(facts):
        return None
    return emulators.choose(platform, _agreed(request), facts, offline=request.shared.offline)


def _on_host(toolchain: Toolchain, facts: Facts, parts: Parts) -> Toolchain | Refused | Questions:
    """Choose what runs on the host itself: the same toolchain if it can, else the user's, else one of ours."""
    same = toolchain.host in BY_TRIPLE and BY_TRIPLE[toolchain.host].arch == facts.host.arch and facts.host.os == "linux"
    if toolchain.host == facts.host.triple and (not same or toolchains.runs(toolchain.glibc, facts.host)):
        return toolchain
    rustup = facts.rustup
    if isinstance(rustup, Rustup):
        for folder in rustup.toolchains:
            if folder.name == rustup.active:
                return toolchains.ready(folder, "user", "the user's active toolchain reads the workspace")
    return toolchains.with_glibc(toolchain, facts) if same else parts.toolchain(facts.host.triple)


def _not_here(name: str, toolchain: Toolchain, facts: Facts) -> Refused | None:
    """Refuse a toolchain whose programs the host does not run: build scripts are compiled and run on it."""
    if toolchain.host not in BY_TRIPLE or toolchains.runs(toolchain.glibc, facts.host):
        return None
    return Refused(name=name, why=f"Rust of {toolchain.origin}'s needs glibc {toolchain.glibc}, and here is {facts.host.glibc or 'musl'}")


def _cannot_run(route: Route, request: Request) -> Refused | None:
    if request.verb in RUNNING and route.image and not route.image.runs and not request.options.runner:
        return Refused(name=route.name, why=f"its image has nothing that runs {route.target} programs")
    return None


def _agreed(request: Request) -> emulators.Mode:
    """Return whether emulation may be set up: that lasts, and takes privileges, so a file of the repository does not agree to it."""
    mode = request.options.emulation
    return "auto" if mode == "install" and request.shared.origin("emulation", request.target.triple).rank == FILE else mode


ZIG_GLIBC: Final = "2.28"
"""The glibc that zigbuild links against where the config names none: Debian 10's."""


def cargo(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at plain cargo, which serves the host's own target where nothing else is asked for, and targets that rustc links by itself."""
    if refusal := _not_cargos(request, facts) or request.unlocked(builder="cargo"):
        return refusal
    triple = facts.host.triple
    toolchain, runner, nextest = parts.toolchain(triple), emulators.runner(request, facts), parts.nextest(triple, False)
    match toolchain, runner, nextest:
        case (Refused() as refusal, _, _) | (_, Refused() as refusal, _) | (_, _, Refused() as refusal):
            return replace(refusal, name="cargo")
        case Toolchain(), (None | Runner()), (None | Tool()):
            return (
                _not_here("cargo", toolchain, facts)
                or no_library("cargo", request, toolchain)
                or Route(
                    name="cargo",
                    target=request.target.triple,
                    builder="cargo",
                    toolchain=toolchain,
                    host_toolchain=toolchain,
                    glibc_floor=facts.host.glibc if request.target.triple == facts.host.triple else "",
                    build_std=from_source(request, toolchain),
                    runner=runner,
                    nextest=nextest,
                )
            )
        case _:
            return all_open(toolchain, runner, nextest)


def _not_cargos(request: Request, facts: Facts) -> Refused | None:
    target = request.target
    if target.specification and not (target.linked or _linker(request, facts)):
        why = f"{PurePath(target.specification).name} names no linker, and the host's C compiler is not known to be one for {target.triple}"
        return Refused(name="cargo", why=why, hint=f"`linker` in [target.{target.triple}] names one, or `image` what holds one")
    if not target.linked and not _own(target, facts) and not target.specification:
        why = f"plain cargo serves the host's own target, {facts.host.triple}, and those that rustc links by itself"
        return Refused(name="cargo", why=why)
    if refusal := request.without("cargo", "plain cargo builds on the host"):
        return refusal
    if request.ceiling:
        return Refused(name="cargo", why="`glibc` is configured, and the host's own libraries would not keep it")
    if target.zig and target.linked and isinstance(facts.repository, Repository) and facts.repository.compiles_c:
        why = f"Cargo.lock holds {facts.repository.compiles_c}, which compiles C, and the host has no C library for {target.triple}"
        return Refused(name="cargo", why=why)
    return None


def _own(target: Target, facts: Facts) -> bool:
    """Tell whether the host's own linker links a target: Apple's does for all of its machines, Microsoft's for 32 bits as well."""
    host = facts.host
    narrow = target.libc == "msvc" and host.triple == "x86_64-pc-windows-msvc" and target.arch == "i686"
    return target.triple == host.triple or narrow or (host.os == "macos" and target.os in {"macos", "ios"} and not target.parts)


def _linker(request: Request, facts: Facts) -> bool:
    """Tell whether the user says what links, in our configuration or in cargo's."""
    repository = facts.repository
    return bool(request.options.linker) or (isinstance(repository, Repository) and request.target.triple in repository.linkers)


def zigbuild(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at cargo-zigbuild, which needs no container."""
    if refusal := request.unlocked(builder="zigbuild"):
        return refusal
    glibc = _glibc(request)
    if request.verb == "bench":
        return Refused(name="zigbuild", why="cargo-zigbuild has no `bench`")
    refusal = _no_zig(request.target) or request.without("zigbuild", "zigbuild has no container") or _too_old(request.target, glibc)
    if refusal:
        return refusal
    toolchain, tool, runner = parts.toolchain(facts.host.triple), parts.zigbuild(), emulators.runner(request, facts)
    nextest = parts.nextest(facts.host.triple, False)
    for part in (runner, toolchain, tool, nextest):
        if isinstance(part, Refused):
            return replace(part, name="zigbuild")
    match toolchain, tool, runner, nextest:
        case Toolchain(), Tool(), (None | Runner()), (None | Tool()):
            return (
                _not_here("zigbuild", toolchain, facts)
                or no_library("zigbuild", request, toolchain)
                or Route(
                    name="zigbuild",
                    target=request.target.triple,
                    builder="zigbuild",
                    tool=tool,
                    toolchain=toolchain,
                    host_toolchain=toolchain,
                    glibc_floor=glibc,
                    build_std=from_source(request, toolchain),
                    runner=runner,
                    nextest=nextest,
                )
            )
        case _:
            return all_open(toolchain, tool, runner, nextest)


XWIN_ARCHES: Final[Mapping[str, str]] = {"i686": "x86"}
"""What cargo-xwin calls an architecture otherwise than Rust does."""


def xwin(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at cargo-xwin, which links with Microsoft's own CRT and SDK: it fetches them from there, once their licence is accepted."""
    target = request.target
    if target.libc != "msvc":
        return Refused(name="xwin", why=f"cargo-xwin is for *-pc-windows-msvc, and not for {target.triple}")
    if (
        refusal := _no_nextest("xwin", request)
        or request.without("xwin", "cargo-xwin builds on the host")
        or request.unlocked(builder="xwin")
        or _licence(request)
    ):
        return refusal
    if missing := facts.open("sdks"):
        return missing
    kit, arch = facts["sdks"].xwin, XWIN_ARCHES.get(target.arch, target.arch)
    if request.shared.offline and arch not in kit.arches:
        why = f"offline = true, and {kit.folder} does not hold Microsoft's CRT and SDK for {arch}"
        return Refused(name="xwin", why=why, hint=f"`cargo xwin cache xwin --xwin-arch {arch}` fills the folder that XWIN_CACHE_DIR names")
    toolchain, tool, runner = parts.toolchain(facts.host.triple), tools.xwin(request, facts), emulators.runner(request, facts)
    for part in (runner, toolchain, tool):
        if isinstance(part, Refused):
            return replace(part, name="xwin")
    match toolchain, tool, runner:
        case Toolchain(), Tool(), (None | Runner()):
            return no_library("xwin", request, toolchain) or Route(
                name="xwin",
                target=target.triple,
                builder="xwin",
                tool=tool,
                toolchain=toolchain,
                host_toolchain=toolchain,
                build_std=from_source(request, toolchain),
                runner=runner,
                sdk=kit.folder,
            )
        case _:
            return all_open(toolchain, tool, runner)


def _no_nextest(name: str, request: Request) -> Refused | None:
    return (
        Refused(name=name, why="cargo-nextest is not set up for this route", hint="`test` is cargo's own")
        if request.verb in NEXTEST
        else None
    )


def _licence(request: Request) -> Refused | None:
    """Refuse what the user has not agreed to in the configuration: a variable of a CI service is nobody's word."""
    origin = request.shared.origin("accept_microsoft_license", request.target.triple)
    if request.options.accept_microsoft_license and origin.rank == FILE:
        return None
    why = "Microsoft's CRT and SDK have a licence, which nobody has accepted in the configuration"
    if request.options.accept_microsoft_license:
        why = f"Microsoft's licence is accepted in the configuration only, and not by {origin.name}"
    hint = "`accept-microsoft-license = true` in crosstasks.toml accepts https://go.microsoft.com/fwlink/?LinkId=2086102"
    return Refused(name="xwin", why=why, hint=hint)


NDK_NAMES: Final[Mapping[str, str]] = {
    "arm-linux-androideabi": "armv7a-linux-androideabi",
    "armv7-linux-androideabi": "armv7a-linux-androideabi",
    "thumbv7neon-linux-androideabi": "armv7a-linux-androideabi",
}
"""What the compilers of the NDK call a target otherwise than Rust does (rustc's book, "*-linux-android and *-linux-androideabi")."""

NDK_LEVEL: Final = 21
"""The oldest API level that Rust's standard library runs with (likewise)."""


def ndk(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at an NDK of the user's, with which plain cargo links."""
    target = request.target
    if refusal := _no_nextest("ndk", request) or request.without("ndk", "an NDK has no container") or request.unlocked(builder="cargo"):
        return refusal
    if missing := facts.open("sdks"):
        return missing
    kit = facts["sdks"].ndk
    if isinstance(kit, Absent):
        return Refused(
            name="ndk", why=kit.why, hint="ANDROID_NDK_HOME is the folder of an NDK (https://developer.android.com/ndk/downloads)"
        )
    name = NDK_NAMES.get(target.triple, target.triple)
    level = next((level for level in kit.levels.get(name, ()) if level >= NDK_LEVEL), 0)
    if not level:
        return Refused(name="ndk", why=f"the NDK in {kit.folder} has no compiler for {name}, API level {NDK_LEVEL} or newer")
    toolchain, runner = parts.toolchain(facts.host.triple), emulators.runner(request, facts)
    for part in (runner, toolchain):
        if isinstance(part, Refused):
            return replace(part, name="ndk")
    match toolchain, runner:
        case Toolchain(), (None | Runner()):
            return no_library("ndk", request, toolchain) or Route(
                name="ndk",
                target=target.triple,
                builder="cargo",
                toolchain=toolchain,
                host_toolchain=toolchain,
                build_std=from_source(request, toolchain),
                runner=runner,
                sdk=f"{kit.programs}/{name}{level}-clang",
            )
        case _:
            return all_open(toolchain, runner)


def _glibc(request: Request) -> str:
    """Return the glibc to link against: the one that is promised, else ours, unless Rust needs a newer one; empty if there is none."""
    if request.target.libc != "gnu" or request.target.os != "linux":
        return ""
    return request.options.glibc or max(ZIG_GLIBC, oldest(request.target), key=versions.numbers)


def _too_old(target: Target, glibc: str) -> Refused | None:
    if not glibc or versions.numbers(glibc) >= versions.numbers(oldest(target)):
        return None
    why = f"glibc = {glibc!r} is promised, and Rust's standard library for {target.triple} needs {oldest(target)}"
    return Refused(name="zigbuild", why=why, hint=f'glibc = "{oldest(target)}" is the oldest that is possible')


def _no_zig(target: Target) -> Refused | None:
    """Refuse what cargo-zigbuild does not link; the catalogue says what zig has a C library for."""
    if target.zig:
        return None
    match target.os:
        case "windows":
            why = f"Microsoft's C library is not zig's to ship, and {target.triple} wants it: cargo-xwin can fetch it"
        case "ios" | "wasi":
            why = f"cargo-zigbuild does not know {target.triple}"
        case _ if target.specification:
            why = f"cargo-zigbuild does not know {target.triple}"
        case _ if target.linked:
            why = f"rustc links {target.triple} by itself, and zig has no C library for it"
        case _:
            why = f"zig has no C library for {target.triple}"
    return Refused(name="zigbuild", why=why)


def ladder(request: Request, facts: Facts) -> tuple[Candidate, ...]:
    """Return every route that the request allows, best first. Needs the facts host, engine and repository."""
    options, parts = request.options, Parts(request, facts)
    hosted = []
    if options.builder in {"auto", "cargo"}:
        hosted.append(Candidate("cargo", partial(cargo, request, facts, parts)))
    if options.builder in {"auto", "cargo"} and request.target.os == "android":
        hosted.append(Candidate("ndk", partial(ndk, request, facts, parts)))
    if options.builder == "xwin" or (options.builder == "auto" and request.target.libc == "msvc"):
        hosted.append(Candidate("xwin", partial(xwin, request, facts, parts)))
    if options.builder == "zigbuild" or (options.builder == "auto" and "zigbuild" in options.fallback):
        hosted.append(Candidate("zigbuild", partial(zigbuild, request, facts, parts)))
    if options.builder not in {"auto", "cross"}:
        return tuple(hosted)
    here, foreign = native(request, facts, parts), emulated(request, facts, parts)
    named = images.sources(request, facts) == ("configured",)
    return (*here, *foreign, *hosted) if named else (*here, *hosted, *foreign)


class Parts:
    """The ingredients that routes of one request share, each chosen once."""

    def __init__(self, request: Request, facts: Facts) -> None:
        """Choose nothing yet."""
        self.toolchain = cache(lambda host: toolchains.choose(host, request, facts))
        self.cross = cache(lambda flavour: tools.cross(flavour, request, facts))
        self.zigbuild = cache(lambda: tools.zigbuild(request, facts))
        self.nextest = cache(
            lambda triple, contained: tools.nextest(triple, request, facts, contained=contained) if request.verb in NEXTEST else None
        )
