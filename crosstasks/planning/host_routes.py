"""Pure: the routes that build on the host itself, without a container: plain cargo, cargo-zigbuild, cargo-xwin and an NDK."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from ..catalog.ingredients import Questions, Tool, Toolchain
from ..catalog.machines import BY_TRIPLE
from ..config.read import FILE
from ..core import versions
from ..core.steps import NEXTEST, Absent, Refused
from . import emulators, toolchains, tools
from .route import Builder, Outcome, assemble, oldest

if TYPE_CHECKING:
    from ..catalog.targets import Target
    from ..facts import Facts
    from .request import Request
    from .route import Parts


ZIG_GLIBC: Final = "2.28"
"""The glibc that zigbuild links against where the config names none: Debian 10's."""


def cargo(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at plain cargo, which serves the host's own target where nothing else is asked for, and targets that rustc links by itself."""
    if refusal := _refuse_cargo(request, facts) or request.unlike_lock(builder="cargo"):
        return refusal
    own = request.target.triple == facts.host.triple
    return _route("cargo", "cargo", request, facts, parts, glibc_floor=facts.host.glibc if own else "")


def _refuse_cargo(request: Request, facts: Facts) -> Refused | None:
    target = request.target
    if target.specification and not (target.plain_cargo or _linker(request, facts)):
        why = f"{PurePath(target.specification).name} names no linker, and the host's C compiler is not known to be one for {target.triple}"
        return Refused(name="cargo", why=why, hint=f"`linker` in [target.{target.triple}] names one, or `image` what holds one")
    if not target.plain_cargo and not _host_links(target, facts) and not target.specification:
        why = f"plain cargo serves the host's own target, {facts.host.triple}, and those that rustc links by itself"
        return Refused(name="cargo", why=why)
    if refusal := request.without("cargo", "plain cargo builds on the host"):
        return refusal
    if request.options.glibc:
        return Refused(name="cargo", why="`glibc` is configured, and the host's own libraries would not keep it")
    if target.zig and target.plain_cargo and facts.settings.compiles_c:
        why = f"Cargo.lock holds {facts.settings.compiles_c}, which compiles C, and the host has no C library for {target.triple}"
        return Refused(name="cargo", why=why)
    return None


def _host_links(target: Target, facts: Facts) -> bool:
    """Tell whether the host's own linker links a target: Apple's does for all of its machines, Microsoft's for 32 bits as well."""
    host = facts.host
    narrow = target.libc == "msvc" and host.triple == "x86_64-pc-windows-msvc" and target.arch == "i686"
    return target.triple == host.triple or narrow or (host.os == "macos" and target.os in {"macos", "ios"} and not target.parts)


def _linker(request: Request, facts: Facts) -> bool:
    """Tell whether the user says what links, in our configuration or in cargo's."""
    return bool(request.options.linker) or request.target.triple in facts.settings.linkers


def zigbuild(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at cargo-zigbuild, which needs no container."""
    if refusal := request.unlike_lock(builder="zigbuild"):
        return refusal
    glibc = _glibc(request)
    if request.verb == "bench":
        return Refused(name="zigbuild", why="cargo-zigbuild has no `bench`")
    refusal = _no_zig(request.target) or request.without("zigbuild", "zigbuild has no container") or _too_old(request.target, glibc)
    return refusal or _route("zigbuild", "zigbuild", request, facts, parts, tool=parts.zigbuild(), glibc_floor=glibc)


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
        or request.unlike_lock(builder="xwin")
        or _licence(request)
    ):
        return refusal
    if missing := facts.open("sdks"):
        return missing
    kit, arch = facts["sdks"].xwin, XWIN_ARCHES.get(target.arch, target.arch)
    if request.config.offline and arch not in kit.arches:
        why = f"offline = true, and {kit.folder} does not hold Microsoft's CRT and SDK for {arch}"
        return Refused(name="xwin", why=why, hint=f"`cargo xwin cache xwin --xwin-arch {arch}` fills the folder that XWIN_CACHE_DIR names")
    return _route("xwin", "xwin", request, facts, parts, tool=tools.xwin(request, facts), sdk=kit.folder)


def _no_nextest(name: str, request: Request) -> Refused | None:
    return (
        Refused(name=name, why="cargo-nextest is not set up for this route", hint="`test` is cargo's own")
        if request.verb in NEXTEST
        else None
    )


def _licence(request: Request) -> Refused | None:
    """Refuse what the user has not agreed to in the configuration: a variable of a CI service is nobody's word."""
    origin = request.config.origin("accept_microsoft_license", request.target.triple)
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
    if refusal := _no_nextest("ndk", request) or request.without("ndk", "an NDK has no container") or request.unlike_lock(builder="cargo"):
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
    return _route("ndk", "cargo", request, facts, parts, sdk=f"{kit.programs}/{name}{level}-clang")


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
            why = f"zig does not ship Microsoft's C library, which {target.triple} needs: cargo-xwin can fetch it"
        case "ios" | "wasi":
            why = f"cargo-zigbuild does not know {target.triple}"
        case _ if target.specification:
            why = f"cargo-zigbuild does not know {target.triple}"
        case _ if target.plain_cargo:
            why = f"rustc links {target.triple} by itself, and zig has no C library for it"
        case _:
            why = f"zig has no C library for {target.triple}"
    return Refused(name="zigbuild", why=why)


def _route(
    name: str,
    builder: Builder,
    request: Request,
    facts: Facts,
    parts: Parts,
    *,
    tool: Tool | Refused | Questions | None = None,
    glibc_floor: str = "",
    sdk: str = "",
) -> Outcome:
    """Put a route together: the host's toolchain, what starts the programs, and the *tool* that calls cargo, if one does."""
    toolchain = parts.toolchain(facts.host.triple)
    if isinstance(toolchain, Toolchain) and toolchain.host in BY_TRIPLE and not toolchains.runs(toolchain.glibc, facts.host):
        # build scripts are compiled and run here
        here = facts.host.glibc or "musl"
        toolchain = Refused(name=name, why=f"Rust from {toolchain.origin} needs glibc {toolchain.glibc}, and this machine has {here}")
    ingredients = {
        "runner": emulators.runner(request, facts),
        "toolchain": toolchain,
        "host_toolchain": toolchain,
        "tool": tool,
        "nextest": parts.nextest(facts.host.triple, False),
    }
    return assemble(name, builder, request, ingredients, glibc_floor=glibc_floor, sdk=sdk)
