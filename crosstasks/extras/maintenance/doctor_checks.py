"""Pure: what ``doctor`` says of each fact: a line with the state, what was found, and a fix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct

from ...core.errors import ConfigError, CrosstasksError
from ...core.steps import Absent, Question
from ...facts.debian import Debian
from ...facts.emulation import Emulation, Registration
from ...facts.engine import Engine
from ...facts.host import Host
from ...facts.registry import RegistryImage
from ...facts.rustup import Rustup, RustupServer
from ...project.repository import Repository

if TYPE_CHECKING:
    from ...config import Config
    from ...facts import Facts

State: TypeAlias = Literal["ok", "missing", "warning"]

REGISTRY: Final = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"
"""An image that every version of cross knows: whoever can ask for it can pull cross's images."""


class Row(Struct, frozen=True, kw_only=True):
    """One line of ``doctor``.

    Attributes:
        state: ``missing`` is something that a configured target needs; a ``warning`` leaves them other ways.
        fix: what the user can do.
        code: the exit code of what is missing.
    """

    name: str
    state: State = "ok"
    detail: str
    fix: str = ""
    code: int = 0


def absent(name: str, why: Absent, fix: str = "") -> Row:
    """Return the line of a fact that is not there; whether something needs it is told by the targets."""
    return Row(name=name, state="warning", detail=why.why, fix=why.hint or fix)


def host(facts: Facts) -> Iterator[Row]:
    """Tell of the machine."""
    answer: Host | Absent = facts["host"]
    match answer:
        case Absent() as why:
            fix = why.hint or "run crosstasks on Linux, macOS or Windows"
            yield Row(name="host", state="missing", detail=why.why, fix=fix, code=CrosstasksError.code)
        case Host() as found:
            libc = {"gnu": f", glibc {found.libc_version}", "musl": ", musl"}.get(found.libc, "")
            extra = [f"in a container ({found.container})"] * bool(found.container) + [f"in CI ({found.ci})"] * bool(found.ci)
            yield Row(name="host", detail=", ".join((f"{found.os}{libc}, {found.triple}", *extra)))


def engine(facts: Facts) -> Iterator[Row]:
    """Tell of the container engine."""
    match facts.engine:
        case Absent() as why:
            yield absent("engine", why, "start Docker or Podman")
        case Engine() as found:
            parts = [f"{found.kind} {found.version}", found.platform]
            parts += [f"context {found.context or 'default'}", f"store {found.store or 'unknown'}"]
            parts += [found.desktop] * bool(found.desktop) + ["rootless"] * found.rootless + ["SELinux"] * found.selinux
            if found.remote:
                where = found.endpoint or found.context or "its socket"
                parts.append(f"remote at {where}: all that a build needs is copied there each time")
            yield Row(name="engine", detail=", ".join(parts))


_KINDS: Final[Mapping[str, str]] = {
    "cross": "nothing to do: a plan installs a pinned one from PyPI or with cargo, into the cache",
    "cargo-zigbuild": "nothing to do: a plan installs it from PyPI into the cache when it is needed",
}


def builders(facts: Facts) -> Iterator[Row]:
    """Tell of every cross and cargo-zigbuild, on PATH and in the cache."""
    if isinstance(facts.builders, Absent):
        yield absent("builders", facts.builders)
        return
    for kind, fix in _KINDS.items():
        found = facts.builders.all(kind)
        if not found:
            yield Row(name=kind, state="warning", detail="neither on PATH nor in the cache", fix=fix)
        for one in found:
            commit = f" ({one.commit})" if one.commit else ""
            yield Row(name=kind, detail=f"{one.version}{commit}, {one.place}: {one.path}")
    for name, wrong in facts.provided.damaged.items():
        yield Row(name="cache", state="warning", detail=f"{name}: {wrong}", fix="nothing to do: it is made anew when it is needed")


def rust(facts: Facts) -> Iterator[Row]:
    """Tell of cargo, rustup and all toolchains."""
    if not isinstance(facts.builders, Absent):
        for cargo in facts.builders.all("cargo"):
            yield Row(name="cargo", detail=f"{cargo.version}, {cargo.path}, not rustup's")
    match facts.rustup:
        case Absent() as why:
            yield absent("rustup", why)
        case Rustup() as found:
            yield Row(name="rustup", detail=f"{found.version}, {found.command}, home {found.home}")
            held = ", ".join(f"{t.name}{' (active)' if t.name == found.active else ''}" for t in found.toolchains)
            if held:
                yield Row(name="toolchains", detail=held)
            else:
                fix = "nothing to do: a plan provides a toolchain of its own; or `rustup toolchain install stable`"
                yield Row(name="toolchains", state="warning", detail="rustup has none", fix=fix)
    ours = ", ".join(f"{t.name} from {t.origin}, std of {len(t.targets)} targets" for t in facts.provided.toolchains)
    if ours:
        yield Row(name="toolchains", detail=f"in the cache: {ours}")


def network(facts: Facts) -> Iterator[Row]:
    """Tell of rustup's server, of the registry that cross's images are in, and of apt's sources."""
    server: RustupServer | Absent = facts["rustup-server"]
    match server:
        case Absent() as why:
            yield absent("rustup's server", why, "set RUSTUP_DIST_SERVER to a mirror, or HTTPS_PROXY; Debian's packages serve where apt is")
        case RustupServer():
            yield Row(name="rustup's server", detail=f"{server.url}, stable is {server.stable}")
    image: RegistryImage | Absent = facts.get(Question("registry", REGISTRY))
    match image:
        case Absent() as why:
            fix = "nothing to do where apt is: images are built here; or set `mirror` in crosstasks.toml"
            yield Row(name="registry", state="warning", detail=why.why.partition("\n")[0], fix=fix)
        case RegistryImage():
            yield Row(name="registry", detail=f"{REGISTRY} is served, for {', '.join(image.platforms)}")
    offer: Debian | Absent = facts["debian"]
    match offer:
        case Absent() as why:
            yield absent("apt", why, "`apt-get update` says more; images and toolchains then come from a registry and rustup")
        case Debian() as debian:
            offered = ", ".join(f"Rust {release} (std for {', '.join(std) or 'none'})" for release, std in debian.rust.items())
            yield Row(name="apt", detail=f"{debian.suite}: {offered}")


def emulation(facts: Facts) -> Iterator[Row]:
    """Tell which foreign programs the kernel runs, and whether containers can use that."""
    fix = "needed only for images of another architecture: `crosstasks emulation.install --platform linux/amd64`"
    match facts.emulation:
        case Emulation(registered=registered) if registered:
            detail = ", ".join(dict.fromkeys(map(_entry, registered.values())))
            if any(entry.fixed and entry.enabled for entry in registered.values()):
                yield Row(name="emulation", detail=detail)
            else:
                yield Row(name="emulation", state="warning", detail=f"{detail}: without the flag F containers cannot use it", fix=fix)
        case Emulation():
            detail = "the kernel hands no foreign program to an emulator, or does not tell here"
            yield Row(name="emulation", state="warning", detail=detail, fix=fix)
        case why:
            yield absent("emulation", why, fix)


def _entry(entry: Registration) -> str:
    return f"{entry.name} ({'F' if entry.fixed else 'no F'}{'' if entry.enabled else ', disabled'})"


def repository(facts: Facts) -> Iterator[Row]:
    """Tell of the Rust repository; without one there is nothing to build."""
    match facts.repository:
        case Absent() as why:
            fix = why.hint or "run crosstasks in the folder of a Cargo.toml"
            yield Row(name="repository", state="missing", detail=why.why, fix=fix, code=ConfigError.code)
        case Repository() as found:
            count = len(found.packages)
            parts = [found.root, f"{count} package{'s' * (count != 1)}", f"target folder {found.target_directory}"]
            parts += [f"toolchain {found.channel}"] * bool(found.channel) + [found.cross_origin] * bool(found.cross_origin)
            detail = ", ".join(parts)
            if found.lock:
                yield Row(name="repository", detail=detail)
            else:
                fix = "`cargo generate-lockfile`, and commit Cargo.lock: builds are then the same everywhere"
                yield Row(name="repository", state="warning", detail=f"{detail}, no Cargo.lock", fix=fix)


CHECKS: Final[tuple[Callable[[Facts], Iterator[Row]], ...]] = (host, engine, builders, rust, network, emulation, repository)
"""In the order in which they are shown: what a later line needs stands above it."""


def configuration(loaded: Config) -> Row:
    """Tell where the configuration is, and what it declares."""
    count = len(loaded.targets)
    if not count:
        where = loaded.place or "no crosstasks.toml"
        return Row(name="config", state="warning", detail=f"{where}: no target is declared", fix="`crosstasks init` writes one")
    return Row(name="config", detail=f"{loaded.place or 'from the environment'}: {count} target{'s' * (count != 1)}")


__all__ = ["CHECKS", "REGISTRY", "Row", "configuration"]
