"""Pure: where the Rust toolchain comes from, decided once for all declared targets.

The sources, in the order of ``toolchains`` in crosstasks.toml::

    user     a toolchain of the user's rustup that holds all that is needed, used where it is
    cache    one that an earlier call put into our RUSTUP_HOME
    rustup   installed by rustup into our RUSTUP_HOME, if its server can be reached
    debian   put together from the packages that the machine's apt offers; std that Debian lacks is built from source
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from ..catalog.machines import BY_TRIPLE
from ..catalog.targets import Target, catalogue
from ..core.steps import Absent, Refused, Step
from ..facts import lock
from ..facts.debian import Debian
from ..facts.rustup import Rustup, RustupServer
from ..facts.rustup import Toolchain as Folder
from ..project.repository import Repository
from . import tools
from .ingredients import Open, Tool, Toolchain, dotted, first

if TYPE_CHECKING:
    from ..config.configuration import Config
    from ..facts import Facts

DEBIAN_GLIBC: Final = "2.36"
"""What rustc of Debian 12's packages needs: libLLVM imports arc4random@GLIBC_2.36 (readelf -V)."""


class Need(Struct, frozen=True, kw_only=True):
    """
    What a toolchain must hold.

    Attributes:
        host: where it runs.
        targets: whose standard library it needs.
        release: a prefix, empty for any; *origin* says so if it is locked.
        compiled: those of the targets whose standard library is built from source though somebody ships it (``build-std = "always"``).
    """

    host: str
    targets: tuple[str, ...]
    release: str = ""
    minimum: str = ""
    origin: str = ""
    compiled: tuple[str, ...] = ()

    def accepts(self, release: str) -> bool:
        """Tell whether a release is the one pinned, and not older than ``rust-version``."""
        pinned = not self.release or release == self.release or release.startswith(f"{self.release}.")
        return pinned and dotted(release) >= dotted(self.minimum)

    def standard(self) -> tuple[Target, ...]:
        """Return the targets whose std is taken from whoever ships it."""
        return tuple(target for target in map(catalogue().__getitem__, self.targets) if not self.builds(target))

    def builds(self, target: Target) -> bool:
        """Tell whether a target's std is built from source."""
        return target.build_std or target.triple in self.compiled


def need(host: str, facts: Facts, config: Config) -> Need | Refused:
    """Say what is needed on *host* (a triple): all declared targets, and the pin of config or rust-toolchain.toml."""
    repository = facts.repository
    pin, minimum = config.toolchain, ""
    if isinstance(repository, Repository):
        pin, minimum = pin or repository.channel, repository.rust_version
    if pin in {"stable", ""}:
        pin = ""
    elif not pin.split("-")[0].replace(".", "").isdigit():
        return Refused(
            name="toolchain",
            why=f"the channel {pin!r} is no release",
            hint='name a release such as "1.85.0" in rust-toolchain.toml, or as `toolchain` in crosstasks.toml',
        )
    targets = tuple(dict.fromkeys(config.targets))
    compiled = tuple(triple for triple in targets if config.target(triple).build_std == "always")
    wanted = Need(host=host, targets=targets, release=pin, minimum=minimum, compiled=compiled)
    release, origin = lock.release(facts)
    # what is configured wins, and the plan then says that the lock differs
    return replace(wanted, release=release, origin=origin) if release and wanted.accepts(release) else wanted


def choose(host: str, facts: Facts, config: Config) -> Toolchain | Refused | Open:
    """Choose the toolchain that runs on *host*, a triple: the image's or our own."""
    missing = facts.open("host", "rustup", "provided", "repository")
    if missing:
        return missing
    wanted = need(host, facts, config)
    if isinstance(wanted, Refused):
        return wanted
    names = (name for name in config.toolchains if not wanted.origin or {"user": "rustup"}.get(name, name) in {"cache", wanted.origin})
    return first(((name, _bound(name, wanted, facts, config)) for name in names), facts.failures)


def _bound(name: str, wanted: Need, facts: Facts, config: Config) -> Callable[[], Toolchain | Refused | Open]:
    def ask() -> Toolchain | Refused | Open:  # what a source has made it has, also where no cache is named
        made = _cache(replace(wanted, origin=name), facts, config) if name in _ORIGIN and "cache" not in config.toolchains else None
        return made if isinstance(made, Toolchain) else SOURCES[name](wanted, facts, config)

    return ask


def _user(wanted: Need, facts: Facts, _config: Config) -> Toolchain | Refused:
    rustup = facts.rustup
    if isinstance(rustup, Absent):
        return Refused(name="user", why=rustup.why)
    here = [t for t in rustup.toolchains if t.host == wanted.host or t.name.endswith(wanted.host)]
    usable = [t for t in here if t.release and wanted.accepts(t.release) and (wanted.release or t.name == rustup.active)]
    for folder in usable:
        lacking = _lacking(folder, wanted)
        if not lacking:
            return ready(folder, "user", f"the user's {folder.name} has the standard library of every declared target")
    if usable:
        return Refused(name="user", why=f"{usable[0].name} has no standard library for {_list(_lacking(usable[0], wanted))}")
    return Refused(name="user", why=f"rustup has no {wanted.release or 'active'} toolchain for {wanted.host}")


def _lacking(folder: Folder, wanted: Need) -> list[str]:
    built = [t for t in wanted.targets if wanted.builds(catalogue()[t])]
    lacking = [target.triple for target in wanted.standard() if target.triple not in folder.targets]
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


def _cache(wanted: Need, facts: Facts, _config: Config) -> Toolchain | Refused:
    made = facts.provided.toolchains
    fitting = [t for t in made if t.host == wanted.host and wanted.accepts(t.release) and wanted.origin in {"", t.origin}]
    fitting.sort(key=lambda t: dotted(t.release), reverse=True)
    for folder in fitting:
        if not _unbuildable(folder, wanted):
            return ready(folder, "cache", f"{folder.name} was made by an earlier call, from {_ORIGIN[folder.origin]}")
    if fitting:
        return Refused(name="cache", why=f"{fitting[0].name} lacks {_list(_unbuildable(fitting[0], wanted))}")
    return Refused(name="cache", why="none there yet")


_ORIGIN: Final[Mapping[str, str]] = {"rustup": "rustup's server", "debian": "Debian's packages"}


def _unbuildable(folder: Folder, wanted: Need) -> list[str]:
    """Return the targets that a toolchain of ours has no std for, and cannot build it or should rather be given it."""
    lacking = _lacking(folder, wanted)
    if folder.origin == "debian" and folder.source:
        return [triple for triple in lacking if catalogue()[triple].debian_std]
    return lacking


def _rustup(wanted: Need, facts: Facts, config: Config) -> Toolchain | Refused | Open:
    if config.offline:
        return Refused(name="rustup", why="offline = true")
    missing = facts.open("rustup-server")
    if missing:
        return missing
    server = facts["rustup-server"]
    if not isinstance(server, RustupServer):
        return Refused(name="rustup", why=server.why)
    tool = tools.rustup(facts, config)
    if not isinstance(tool, Tool):
        return tool
    release = wanted.release if wanted.release.count(".") == 2 else _newest(wanted, facts, server)
    if not wanted.accepts(release):
        told = f"{wanted.release} is pinned" if wanted.release else f"its stable is {release}"
        return Refused(name="rustup", why=f"{told}, and rust-version is {wanted.minimum}")
    standard = tuple(target.triple for target in wanted.standard())
    step = Step(
        why=f"no toolchain here has {release} with the standard library of every declared target",
        call="toolchain.from_rustup",
        arguments={**_wanted(release, wanted, standard), "rustup": tool.path},
    )
    return _made(release, wanted, standard, facts, source="rustup", steps=(*tool.steps, step), glibc="2.17")


def _newest(wanted: Need, facts: Facts, server: RustupServer) -> str:
    """Prefer the release that the user works with; it is what the crate was tried with."""
    rustup = facts.rustup
    if isinstance(rustup, Rustup):
        for folder in rustup.toolchains:
            if (
                folder.name == rustup.active
                and folder.release.count(".") == 2
                and "-" not in folder.release
                and wanted.accepts(folder.release)
            ):
                return folder.release
    return server.stable if wanted.accepts(server.stable) or not wanted.release else f"{wanted.release}.0"


def _wanted(release: str, wanted: Need, standard: tuple[str, ...]) -> dict[str, object]:
    source = len(standard) < len(wanted.targets)
    return {"release": release, "host": wanted.host, "targets": list(standard), "source": source}


def _made(
    release: str, wanted: Need, standard: tuple[str, ...], facts: Facts, *, source: str, steps: tuple[Step, ...], glibc: str
) -> Toolchain:
    name = f"{release}-{wanted.host}"
    return Toolchain(
        name=name,
        release=release,
        host=wanted.host,
        path=f"{facts.provided.home}/toolchains/{name}",
        standard=standard,
        glibc=glibc,
        origin=source,
        source=source,
        why=f"{_ORIGIN[source]} give {release} for {wanted.host}",
        steps=steps,
    )


def _debian(wanted: Need, facts: Facts, config: Config) -> Toolchain | Refused | Open:
    if config.offline:
        return Refused(name="debian", why="offline = true")
    if not facts.host.apt:
        return Refused(name="debian", why="apt is not here")
    if wanted.host not in BY_TRIPLE:
        return Refused(name="debian", why=f"Debian's rustc does not run on {wanted.host}")
    missing = facts.open("debian")
    if missing:
        return missing
    if not isinstance(facts["debian"], Debian):
        return Refused(name="debian", why=facts["debian"].why)
    return _from_packages(wanted, facts, facts["debian"])


def _from_packages(wanted: Need, facts: Facts, debian: Debian) -> Toolchain | Refused:
    release = release_for(wanted, debian)
    if isinstance(release, Refused):
        return release
    standard = tuple(t.triple for t in wanted.standard() if t.debian_std in debian.rust[release] and t.debian_std)
    own = BY_TRIPLE[wanted.host].debian
    step = Step(
        why=f"no toolchain here has {release} with what the declared targets need, and Debian's packages have it",
        call="toolchain.from_debian",
        arguments={**_wanted(release, wanted, standard), "architecture": own},
    )
    return _made(release, wanted, standard, facts, source="debian", steps=(step,), glibc=DEBIAN_GLIBC)


def release_for(wanted: Need, debian: Debian) -> str | Refused:
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
    offered = [release for release in debian.rust if wanted.accepts(release)]
    if not offered:
        there = ", ".join(debian.rust) or "none"
        return Refused(name="debian", why=f"Debian's releases are {there}, wanted {wanted.release or f'{wanted.minimum} or newer'}")
    architectures = {target.debian_std for target in wanted.standard() if target.debian_std}
    shipped = {architecture for release in offered for architecture in debian.rust[release]}
    for release in sorted(offered, key=dotted, reverse=True):
        have = set(debian.rust[release])
        whole = all(t.debian_std in have and not wanted.builds(t) for t in map(catalogue().__getitem__, wanted.targets))
        if architectures & shipped <= have and (whole or release in debian.source):
            return release
    return Refused(name="debian", why="no release has the standard library, or its source, of every declared target")


Source = Callable[[Need, "Facts", "Config"], Toolchain | Refused | Open]
SOURCES: Final[Mapping[str, Source]] = {"user": _user, "cache": _cache, "rustup": _rustup, "debian": _debian}
