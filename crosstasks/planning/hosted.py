"""Pure: the rungs without a container: plain cargo for the host's own target, and zigbuild."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from ..catalog.targets import Target
from ..core.steps import Refused, Verb
from ..facts import lock
from ..facts.emulation import Emulation
from . import toolchains, tools
from .ingredients import Tool, Toolchain, dotted
from .route import Looked, Route, all_open, from_source, oldest, unsourced

if TYPE_CHECKING:
    from ..config.configuration import Config
    from ..facts import Facts

ZIG_GLIBC: Final = "2.28"
"""The glibc that zigbuild links against where the config names none: Debian 10's."""


def cargo(target: Target, facts: Facts, config: Config) -> Looked:
    """Look at plain cargo, which serves the host's own target where nothing else is asked for."""
    if target.triple != facts.host.triple:
        return Refused(name="cargo", why=f"plain cargo serves only the host's own target, {facts.host.triple}")
    if refusal := lock.refused(facts, target.triple, builder="cargo"):
        return refusal
    own = config.target(target.triple)
    asked = [
        name
        for name, value in (("image", own.image), ("packages", own.packages), ("pre-build", own.pre_build), ("glibc", own.glibc))
        if value
    ]
    if asked:
        return Refused(name="cargo", why=f"`{asked[0]}` is configured, and the host's own libraries would not keep it")
    toolchain = toolchains.choose(facts.host.triple, facts, config)
    if not isinstance(toolchain, Toolchain):
        return toolchain
    return unsourced("cargo", target, toolchain, config) or Route(
        name="cargo",
        target=target.triple,
        builder="cargo",
        toolchain=toolchain,
        own=toolchain,
        libc=facts.host.libc_version if target.libc == "gnu" else "",
        build_std=from_source(target, toolchain, config),
    )


def zigbuild(target: Target, facts: Facts, config: Config, verb: Verb) -> Looked:
    """Look at cargo-zigbuild, which needs no container."""
    if refusal := lock.refused(facts, target.triple, builder="zigbuild"):
        return refusal
    if verb == "test" and (missing := facts.open("emulation")):
        return missing
    wanted = _glibc(target, config)
    refusal = (
        _no_zig(target)
        or _no_packages(target, config)
        or _too_old(target, wanted)
        or (_cannot_run(target, facts) if verb == "test" else None)
    )
    if refusal:
        return refusal
    toolchain = toolchains.choose(facts.host.triple, facts, config)
    tool = tools.zigbuild(facts, config)
    for found in (toolchain, tool):
        if isinstance(found, Refused):
            return replace(found, name="zigbuild")
    match toolchain, tool:
        case Toolchain(), Tool():
            return unsourced("zigbuild", target, toolchain, config) or Route(
                name="zigbuild",
                target=target.triple,
                builder="zigbuild",
                tool=tool,
                toolchain=toolchain,
                own=toolchain,
                libc=wanted,
                build_std=from_source(target, toolchain, config),
            )
        case _:
            return all_open(toolchain, tool)


def _glibc(target: Target, config: Config) -> str:
    """Return the glibc to link against: the one that is promised, else ours, unless Rust needs a newer one; empty if there is none."""
    if target.libc != "gnu" or target.os != "linux":
        return ""
    return config.target(target.triple).glibc or max(ZIG_GLIBC, oldest(target), key=dotted)


def _too_old(target: Target, glibc: str) -> Refused | None:
    if not glibc or dotted(glibc) >= dotted(oldest(target)):
        return None
    why = f"glibc = {glibc!r} is promised, and Rust's standard library for {target.triple} needs {oldest(target)}"
    return Refused(name="zigbuild", why=why, hint=f'glibc = "{oldest(target)}" is the oldest that can be had')


def _no_zig(target: Target) -> Refused | None:
    """cargo-zigbuild knows Linux (gnu and musl), macOS and windows-gnu (its README); macOS wants Apple's SDK as well."""
    served = (target.os == "linux" and target.libc in {"gnu", "musl"}) or target.triple.endswith(("-windows-gnu", "-windows-gnullvm"))
    return None if served else Refused(name="zigbuild", why=f"zig has no C library for {target.triple}")


def _no_packages(target: Target, config: Config) -> Refused | None:
    own = config.target(target.triple)
    asked = [name for name, value in (("packages", own.packages), ("pre-build", own.pre_build)) if value]
    why = f"`{asked[0]}` is configured, and there is no image that could hold that" if asked else ""
    return Refused(name="zigbuild", why=why, hint="leave it out, and let the crate build its C library from source") if asked else None


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
