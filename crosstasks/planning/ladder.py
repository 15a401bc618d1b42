"""Pure: the ladder. Every route to a target, best first; each is possible, refused with a reason, or waits for answers.

Chosen by looking::

    engine      in this order
    amd64       cross 0.2.5 with each image source, then each flavour of `fallback` likewise; cargo; zigbuild
    arm64       the same with native images; cargo; zigbuild; last the same with amd64 images under emulation, which is slow
    none        cargo for the host's own target and those that rustc links by itself; zigbuild

Where an image is named, all that can use it comes before zigbuild, which cannot.

The candidates of cross are each platform of the engine, with each flavour, with each source of images. The others build on the host
itself, without a container: plain cargo, cargo-zigbuild, cargo-xwin and an NDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, partial
from itertools import product
from pathlib import PurePath
from typing import Final, TypeVar

from ..catalog.ingredients import Questions, Tool, Toolchain
from ..catalog.machines import BY_TRIPLE, MACHINES
from ..catalog.targets import Target
from ..config.read import FILE
from ..core import versions
from ..core.steps import NEXTEST, Absent, Question
from ..facts import Facts
from ..facts.engine import Engine
from ..facts.probes import PLACES, doubtful
from ..facts.rustup import Rustup
from . import emulators, images, toolchains, tools
from .request import Request
from .route import Builder, Candidate, Outcome, assemble, oldest_for_zig

FOREIGN_PLATFORM: Final = "linux/amd64"
"""What may be emulated: all images of cross are for it."""


class Parts:
    """The ingredients that routes of one request share, each chosen once."""

    def __init__(self, request: Request, facts: Facts) -> None:
        """Choose nothing yet."""
        self.toolchain = cache(lambda host: toolchains.choose(host, request, facts))
        self.cross = cache(lambda flavour: tools.cross(flavour, request, facts))
        self.zigbuild = cache(lambda: tools.zigbuild(request, facts))
        self.nextest = cache(
            lambda triple, in_image: tools.nextest(triple, request, facts, in_image=in_image) if request.verb in NEXTEST else None
        )


def _of_cross(platform: str, request: Request, facts: Facts, parts: Parts) -> Iterator[Candidate]:
    """Give the routes of cross with images of a platform, in their order: flavours, sources of images."""
    emulated = "" if platform == facts.platform else f", {platform} emulated"
    for flavour, source in product(_flavours(request), images.sources(request, facts)):
        words, _ = images.SOURCES[source]
        name = f"cross {flavour}, {words}{emulated}"
        search = images.Search(flavour=flavour, platform=platform, request=request, facts=facts)
        yield Candidate(name, partial(_cross, name, search, source, parts))


def _no_container(target: Target, facts: Facts) -> Absent | None:
    if not target.container:
        return Absent(f"cross never runs {target.triple} in a container (it hands it to the host's cargo)")
    answers = (facts.engine, *(facts.get(Question("shared", place)) for place in PLACES))
    return next((answer for answer in answers if isinstance(answer, Absent)), None)


def _sharing_questions(facts: Facts) -> Questions:
    """Return whether our folders are shared, where that is doubtful and was not tried yet."""
    if isinstance(facts.engine, Absent) or not doubtful(facts.engine, facts.host):
        return ()
    return facts.open(*(Question("shared", place) for place in PLACES))


def _flavours(request: Request) -> tuple[str, ...]:
    """Return the flavour that is named, and no other; else the first one with those of `fallback` behind it."""
    options = request.options
    others = () if "cross" in request.container_options else (flavour for flavour in options.fallback if flavour != "zigbuild")
    return tuple(dict.fromkeys((options.cross, *others)))


def _elsewhere(facts: Facts) -> bool:
    return isinstance(facts.engine, Engine) and facts.engine.remote


def _cross(name: str, search: images.Search, source: str, parts: Parts) -> Outcome:
    flavour, platform, request, facts = search.flavour, search.platform, search.request, search.facts
    emulated = platform != facts.platform
    if refusal := request.unlike_lock(builder="cross", flavour=flavour, platform=platform) or _refuse_remote(flavour, request, facts):
        return refusal
    if platform not in MACHINES:
        return Absent(f"there is no Rust toolchain for images of {platform} here", "zigbuild needs no image")
    machine = MACHINES[platform].triple
    toolchain = parts.toolchain(machine)
    ingredients = {
        "image": search.choose(source),
        "emulator": emulators.choose(platform, _mode(request), facts, offline=request.config.offline) if emulated else None,
        "toolchain": _with_kind("toolchain", toolchain),
        "tool": _with_kind(f"cross {flavour}", parts.cross(flavour)),
        "nextest": _with_kind("cargo-nextest", parts.nextest(machine, True)),
        "host_toolchain": _on_host(toolchain, facts, parts) if isinstance(toolchain, Toolchain) else (),
    }
    more = {"flavour": flavour, "emulated": emulated, "remote": _elsewhere(facts)}
    floor = getattr(ingredients["image"], "glibc_floor", "")
    return assemble(name, "cross", request, ingredients, _sharing_questions(facts), glibc_floor=floor, **more)


Part = TypeVar("Part")


def _with_kind(what: str, part: Part | Absent) -> Part | Absent:
    """Say of a part that is refused what it is."""
    return Absent(f"no {what}: {part.why}", part.hint) if isinstance(part, Absent) else part


def _refuse_remote(flavour: str, request: Request, facts: Facts) -> Absent | None:
    """Refuse what cross cannot do where the engine is on another machine."""
    if not _elsewhere(facts):
        return None
    if flavour == "git":
        # without them nobody knows what was built (main: docker/remote.rs, is_cargo_json_message)
        why = "cross main, with an engine on another machine, keeps cargo's messages to itself"
        return Absent(why, "0.2.5 passes them on")
    if request.verb in NEXTEST:
        return Absent("cargo-nextest is not copied to an engine on another machine", "`test` is cargo's own")
    if file := request.target.specification:
        # v0.2.5: docker/remote.rs:844; the name would have the file's folders in it
        why = f"cross 0.2.x calls the container on another machine after {PurePath(file).name} and its folder, which no engine takes"
        return Absent(why, "plain cargo needs no engine, where `linker` names what links")
    tables = facts.settings.cross_tables(request.target.triple)
    if request.options.pre_build or any(key in table for table in tables for key in ("dockerfile", "pre-build")):
        # v0.2.5: docker/remote.rs:946
        why = "cross 0.2.x ignores `dockerfile` and `pre-build` with an engine on another machine"
        return Absent(why, "`packages` puts Debian's packages into an image that is built here")
    return None


def _on_host(toolchain: Toolchain, facts: Facts, parts: Parts) -> Toolchain | Absent | Questions:
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


def _mode(request: Request) -> emulators.Mode:
    """Return whether emulation may be set up: that lasts, and takes privileges, so a file of the repository does not agree to it."""
    mode = request.options.emulation
    return "auto" if mode == "install" and request.config.origin("emulation", request.target.triple).rank == FILE else mode


ZIG_GLIBC: Final = "2.28"
"""The glibc that zigbuild links against where the config names none: Debian 10's."""


def cargo(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at plain cargo, which serves the host's own target where nothing else is asked for, and targets that rustc links by itself."""
    if refusal := _refuse_cargo(request, facts) or request.unlike_lock(builder="cargo"):
        return refusal
    glibc = facts.host.glibc if request.target.triple == facts.host.triple else ""
    return _route("cargo", "cargo", request, facts, parts, glibc_floor=glibc)


def _refuse_cargo(request: Request, facts: Facts) -> Absent | None:
    target = request.target
    has_linker = target.plain_cargo or request.options.linker or target.triple in facts.settings.linkers
    if target.specification and not has_linker:
        why = f"{PurePath(target.specification).name} names no linker, and the host's C compiler is not known to be one for {target.triple}"
        return Absent(why, f"`linker` in [target.{target.triple}] names one, or `image` what holds one")
    if not target.plain_cargo and not _host_links(target, facts) and not target.specification:
        why = f"plain cargo serves the host's own target, {facts.host.triple}, and those that rustc links by itself"
        return Absent(why)
    if refusal := request.without("cargo", "plain cargo builds on the host"):
        return refusal
    if request.options.glibc:
        return Absent("`glibc` is configured, and the host's own libraries would not keep it")
    if target.zig and target.plain_cargo and facts.settings.compiles_c:
        why = f"Cargo.lock holds {facts.settings.compiles_c}, which compiles C, and the host has no C library for {target.triple}"
        return Absent(why)
    return None


def _host_links(target: Target, facts: Facts) -> bool:
    """Tell whether the host's own linker links a target: Apple's does for all of its machines."""
    host = facts.host
    return target.triple == host.triple or (host.os == "macos" and target.os in {"macos", "ios"} and not target.parts)


def zigbuild(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at cargo-zigbuild, which needs no container."""
    if refusal := request.unlike_lock(builder="zigbuild"):
        return refusal
    glibc = _glibc(request)
    if request.verb == "bench":
        return Absent("cargo-zigbuild has no `bench`")
    refusal = _no_zig(request.target) or request.without("zigbuild", "zigbuild has no container") or _too_old(request.target, glibc)
    return refusal or _route("zigbuild", "zigbuild", request, facts, parts, tool=parts.zigbuild(), glibc_floor=glibc)


XWIN_ARCHES: Final[Mapping[str, str]] = {"i686": "x86"}
"""What cargo-xwin calls an architecture otherwise than Rust does."""


def xwin(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at cargo-xwin, which links with Microsoft's own CRT and SDK: it fetches them from there, once their licence is accepted."""
    target = request.target
    if target.libc != "msvc":
        return Absent(f"cargo-xwin is for *-pc-windows-msvc, and not for {target.triple}")
    if (
        refusal := _no_nextest(request)
        or request.without("xwin", "cargo-xwin builds on the host")
        or request.unlike_lock(builder="xwin")
        or _licence(request)
    ):
        return refusal
    if missing := facts.open("sdks"):
        return missing
    kit, arch = facts["sdks"].xwin, XWIN_ARCHES.get(target.arch, target.arch)
    if request.config.offline and arch not in kit.arches:
        why = f"offline = true, and {kit.folder} does not hold Microsoft's CRT and SDK for {arch}"
        return Absent(why, f"`cargo xwin cache xwin --xwin-arch {arch}` fills the folder that XWIN_CACHE_DIR names")
    return _route("xwin", "xwin", request, facts, parts, tool=tools.from_pypi("cargo-xwin", request, facts), sdk=kit.folder)


def _no_nextest(request: Request) -> Absent | None:
    why, hint = "cargo-nextest is not set up for this route", "`test` is cargo's own"
    return Absent(why, hint) if request.verb in NEXTEST else None


def _licence(request: Request) -> Absent | None:
    """Refuse what the user has not agreed to in the configuration: a variable of a CI service is nobody's word."""
    origin = request.config.origin("accept_microsoft_license", request.target.triple)
    if request.options.accept_microsoft_license and origin.rank == FILE:
        return None
    why = "Microsoft's CRT and SDK have a licence, which nobody has accepted in the configuration"
    if request.options.accept_microsoft_license:
        why = f"Microsoft's licence is accepted in the configuration only, and not by {origin.name}"
    hint = "`accept-microsoft-license = true` in crosstasks.toml accepts https://go.microsoft.com/fwlink/?LinkId=2086102"
    return Absent(why, hint)


NDK_LEVEL: Final = 21
"""The oldest API level that Rust's standard library runs with (rustc's book, "*-linux-android and *-linux-androideabi")."""


def ndk(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at an NDK of the user's, with which plain cargo links."""
    target = request.target
    if refusal := _no_nextest(request) or request.without("ndk", "an NDK has no container") or request.unlike_lock(builder="cargo"):
        return refusal
    if missing := facts.open("sdks"):
        return missing
    kit = facts["sdks"].ndk
    if isinstance(kit, Absent):
        hint = "ANDROID_NDK_HOME is the folder of an NDK (https://developer.android.com/ndk/downloads)"
        return Absent(kit.why, hint)
    name = target.ndk or target.triple
    level = next((level for level in kit.levels.get(name, ()) if level >= NDK_LEVEL), 0)
    if not level:
        return Absent(f"the NDK in {kit.folder} has no compiler for {name}, API level {NDK_LEVEL} or newer")
    return _route("ndk", "cargo", request, facts, parts, sdk=f"{kit.programs}/{name}{level}-clang")


def _glibc(request: Request) -> str:
    """Return the glibc to link against: the one that is promised, else ours or what Rust and zig need; empty if there is none."""
    if request.target.libc != "gnu" or request.target.os != "linux":
        return ""
    return request.options.glibc or max(ZIG_GLIBC, oldest_for_zig(request.target)[0], key=versions.numbers)


def _too_old(target: Target, glibc: str) -> Absent | None:
    least, what = oldest_for_zig(target)
    if not glibc or versions.numbers(glibc) >= versions.numbers(least):
        return None
    why = f"glibc = {glibc!r} is promised, and {what} for {target.triple} needs {least}"
    return Absent(why, f'glibc = "{least}" is the oldest that is possible')


def _no_zig(target: Target) -> Absent | None:
    """Refuse what cargo-zigbuild does not link; the catalogue says what zig has a C library for."""
    if target.zig:
        return None
    match target.os:
        case "windows":
            why = f"zig does not ship Microsoft's C library, which {target.triple} needs: cargo-xwin can fetch it"
        case "ios" | "wasi":
            why = f"cargo-zigbuild does not know {target.triple}"
        case _ if target.arch == "sparc64":
            # `nox -s every-target`, under QEMU, where the programs of Debian's linker start
            why = f"programs for {target.triple} that zig 0.17 has linked do not start: glibc's loader ends with an assertion"
        case _ if target.specification:
            why = f"cargo-zigbuild does not know {target.triple}"
        case _ if target.plain_cargo:
            why = f"rustc links {target.triple} by itself, and zig has no C library for it"
        case _:
            why = f"zig has no C library for {target.triple}"
    return Absent(why)


def _route(
    name: str,
    builder: Builder,
    request: Request,
    facts: Facts,
    parts: Parts,
    *,
    tool: Tool | Absent | Questions | None = None,
    glibc_floor: str = "",
    sdk: str = "",
) -> Outcome:
    """Put a route together: the host's toolchain, what starts the programs, and the *tool* that calls cargo, if one does."""
    toolchain = parts.toolchain(facts.host.triple)
    if isinstance(toolchain, Toolchain) and toolchain.host in BY_TRIPLE and not toolchains.runs(toolchain.glibc, facts.host):
        # build scripts are compiled and run here
        here = facts.host.glibc or "musl"
        toolchain = Absent(f"Rust from {toolchain.origin} needs glibc {toolchain.glibc}, and this machine has {here}")
    ingredients = {
        "runner": emulators.runner(request, facts),
        "toolchain": toolchain,
        "host_toolchain": toolchain,
        "tool": tool,
        "nextest": parts.nextest(facts.host.triple, False),
    }
    return assemble(name, builder, request, ingredients, glibc_floor=glibc_floor, sdk=sdk)


def ladder(request: Request, facts: Facts) -> tuple[Candidate, ...]:
    """Return every route that the request allows, best first. Needs the facts host, engine and repository."""
    options, parts = request.options, Parts(request, facts)
    ways = {
        "cargo": (cargo, options.builder in {"auto", "cargo"}),
        "ndk": (ndk, options.builder in {"auto", "cargo"} and request.target.os == "android"),
        "xwin": (xwin, options.builder == "xwin" or (options.builder == "auto" and request.target.libc == "msvc")),
        "zigbuild": (zigbuild, options.builder == "zigbuild" or (options.builder == "auto" and "zigbuild" in options.fallback)),
    }
    hosted = [Candidate(name, partial(look, request, facts, parts)) for name, (look, allowed) in ways.items() if allowed]
    if options.builder not in {"auto", "cross"}:
        return tuple(hosted)
    if refusal := _no_container(request.target, facts):
        return (Candidate("cross", lambda: refusal), *hosted)
    native = _of_cross(facts.platform, request, facts, parts)
    foreign = facts.platform != FOREIGN_PLATFORM and options.emulation != "never"
    emulated = _of_cross(FOREIGN_PLATFORM, request, facts, parts) if foreign else ()
    named = images.sources(request, facts) == ("configured",)
    return (*native, *emulated, *hosted) if named else (*native, *hosted, *emulated)
