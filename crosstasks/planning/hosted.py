"""Pure: the candidates that build without a container: plain cargo, and zigbuild."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from ..core import versions
from ..core.steps import Refused
from ..project.repository import Repository
from . import emulators
from .emulators import Runner
from .ingredients import Tool, Toolchain
from .route import Outcome, Route, all_open, from_source, oldest, unsourced

if TYPE_CHECKING:
    from ..catalog.targets import Target
    from ..facts import Facts
    from .request import Request
    from .route import Parts

ZIG_GLIBC: Final = "2.28"
"""The glibc that zigbuild links against where the config names none: Debian 10's."""


def cargo(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at plain cargo, which serves the host's own target where nothing else is asked for, and targets that rustc links by itself."""
    if refusal := _not_cargos(request, facts) or request.unlocked(builder="cargo"):
        return refusal
    toolchain, runner = parts.toolchain(facts.host.triple), emulators.runner(request, facts)
    match toolchain, runner:
        case (Refused() as refusal, _) | (_, Refused() as refusal):
            return replace(refusal, name="cargo")
        case Toolchain(), (None | Runner()):
            return unsourced("cargo", request, toolchain) or Route(
                name="cargo",
                target=request.target.triple,
                builder="cargo",
                toolchain=toolchain,
                host_toolchain=toolchain,
                glibc_floor=facts.host.glibc if request.target.libc == "gnu" else "",
                build_std=from_source(request, toolchain),
                runner=runner,
            )
        case _:
            return all_open(toolchain, runner)


def _not_cargos(request: Request, facts: Facts) -> Refused | None:
    target = request.target
    if not target.linked and target.triple != facts.host.triple:
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
    for part in (runner, toolchain, tool):
        if isinstance(part, Refused):
            return replace(part, name="zigbuild")
    match toolchain, tool, runner:
        case Toolchain(), Tool(), (None | Runner()):
            return unsourced("zigbuild", request, toolchain) or Route(
                name="zigbuild",
                target=request.target.triple,
                builder="zigbuild",
                tool=tool,
                toolchain=toolchain,
                host_toolchain=toolchain,
                glibc_floor=glibc,
                build_std=from_source(request, toolchain),
                runner=runner,
            )
        case _:
            return all_open(toolchain, tool, runner)


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
            why = f"Microsoft's C library is not zig's to ship, and {target.triple} wants it"
        case "ios" | "wasi":
            why = f"cargo-zigbuild does not know {target.triple}"
        case _ if target.linked:
            why = f"rustc links {target.triple} by itself, and zig has no C library for it"
        case _:
            why = f"zig has no C library for {target.triple}"
    return Refused(name="zigbuild", why=why)
