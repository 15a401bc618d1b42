"""Pure: the candidates without a container: plain cargo for the host's own target, and zigbuild."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from ..core import versions
from ..core.steps import Refused
from ..facts.emulation import Emulation
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
    """Look at plain cargo, which serves the host's own target where nothing else is asked for."""
    if request.target.triple != facts.host.triple:
        return Refused(name="cargo", why=f"plain cargo serves only the host's own target, {facts.host.triple}")
    if refusal := request.unlocked(builder="cargo"):
        return refusal
    if refusal := request.without("cargo", "plain cargo builds on the host"):
        return refusal
    if request.ceiling:
        return Refused(name="cargo", why="`glibc` is configured, and the host's own libraries would not keep it")
    toolchain = parts.toolchain(facts.host.triple)
    if not isinstance(toolchain, Toolchain):
        return toolchain
    return unsourced("cargo", request, toolchain) or Route(
        name="cargo",
        target=request.target.triple,
        builder="cargo",
        toolchain=toolchain,
        host_toolchain=toolchain,
        libc=facts.host.libc_version if request.target.libc == "gnu" else "",
        build_std=from_source(request, toolchain),
    )


def zigbuild(request: Request, facts: Facts, parts: Parts) -> Outcome:
    """Look at cargo-zigbuild, which needs no container."""
    if refusal := request.unlocked(builder="zigbuild"):
        return refusal
    if request.verb == "test" and (missing := facts.open("emulation")):
        return missing
    glibc = _glibc(request)
    refusal = (
        _no_zig(request.target)
        or request.without("zigbuild", "zigbuild has no container")
        or _too_old(request.target, glibc)
        or (_cannot_run(request, facts) if request.verb == "test" else None)
    )
    if refusal:
        return refusal
    toolchain = parts.toolchain(facts.host.triple)
    tool = parts.zigbuild()
    for part in (toolchain, tool):
        if isinstance(part, Refused):
            return replace(part, name="zigbuild")
    match toolchain, tool:
        case Toolchain(), Tool():
            return unsourced("zigbuild", request, toolchain) or Route(
                name="zigbuild",
                target=request.target.triple,
                builder="zigbuild",
                tool=tool,
                toolchain=toolchain,
                host_toolchain=toolchain,
                libc=glibc,
                build_std=from_source(request, toolchain),
            )
        case _:
            return all_open(toolchain, tool)


def _glibc(request: Request) -> str:
    """Return the glibc to link against: the one that is promised, else ours, unless Rust needs a newer one; empty if there is none."""
    if request.target.libc != "gnu" or request.target.os != "linux":
        return ""
    return request.options.glibc or max(ZIG_GLIBC, oldest(request.target), key=versions.numbers)


def _too_old(target: Target, glibc: str) -> Refused | None:
    if not glibc or versions.numbers(glibc) >= versions.numbers(oldest(target)):
        return None
    why = f"glibc = {glibc!r} is promised, and Rust's standard library for {target.triple} needs {oldest(target)}"
    return Refused(name="zigbuild", why=why, hint=f'glibc = "{oldest(target)}" is the oldest that can be had')


def _no_zig(target: Target) -> Refused | None:
    """cargo-zigbuild knows Linux (gnu and musl), macOS and windows-gnu (its README); macOS wants Apple's SDK as well."""
    served = (target.os == "linux" and target.libc in {"gnu", "musl"}) or target.triple.endswith(("-windows-gnu", "-windows-gnullvm"))
    return None if served else Refused(name="zigbuild", why=f"zig has no C library for {target.triple}")


def _cannot_run(request: Request, facts: Facts) -> Refused | None:
    """Refuse tests that the host cannot run: natively, or by an emulator that is there."""
    if request.target.os == facts.host.os and request.target.arch == facts.host.arch:
        return None
    emulation = facts.emulation
    static = request.target.libc == "musl"
    if request.target.os == facts.host.os and static and isinstance(emulation, Emulation):
        registered = {arch for arch, entry in emulation.registered.items() if entry.enabled}
        if request.target.arch in registered.union(emulation.programs):
            return None
    return Refused(name="zigbuild", why=f"{request.target.triple} programs do not run on this host, and no container runs them")
