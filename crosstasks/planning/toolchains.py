"""Pure: which release of Rust, decided first, and where that comes from, for one target and the host that it runs on.

*Which*: the first of these that names a release decides; what lies in our cache does not::

    crosstasks.lock         the release, or the day of a channel, that was locked
    toolchain               in crosstasks.toml
    rust-toolchain.toml     its channel
    the user's toolchain    the one that is active, or of those that rustup has the newest that fits
    rust-version            what is older does not do
    the newest stable       that rustup's server has, else Debian

A release that the user names is kept or refused. Where the user names none, and the first is not available, the next is taken.

*Where*: the sources, in the order of ``toolchains`` in crosstasks.toml; each provides exactly that release, or says why not::

    user     a toolchain of the user's rustup that holds all that is needed, used where it is
    rustup   installed by rustup into our RUSTUP_HOME, or added to what is there, if its server can be reached
    debian   put together from Debian's packages, likewise
    cache    what is in our RUSTUP_HOME already, of sources that are not in the list

A standard library that a source does not have for the release is built from its own source of the library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import structs

from ..catalog.ingredients import MOVING, ORIGINS, BringGlibc, InstallToolchain, Questions, Tool, Toolchain, first
from ..catalog.machines import BY_TRIPLE
from ..catalog.targets import catalogue
from ..core import versions
from ..core.steps import Absent, Question
from ..facts import Facts
from ..facts.debian import Debian, rust_question
from ..facts.host import Host
from ..facts.rustup import GLIBC, Channel, Rustup
from . import tools
from .request import Request, RustRequest

DEBIAN_GLIBC: Final = "2.36"
"""What rustc of Debian 12's packages needs: libLLVM imports arc4random@GLIBC_2.36 (readelf -V)."""

FOR_PEOPLE: Final = frozenset({"clippy", "rustfmt", "rust-docs", "rust-analyzer", "rust-analysis"})
"""Components that no build needs: a source that has none of them gives a toolchain all the same."""

OF_DEBIAN: Final = frozenset({"clippy"})
"""Components that Debian has a package of (rust-web-clippy)."""

Choice: TypeAlias = Toolchain | Absent | Questions

EXACT: Final = re.compile(r"\d+\.\d+\.\d+|(nightly|beta)-\d{4}-\d\d-\d\d")
"""What names one compiler for ever."""


def candidates(host: str, rust: RustRequest, request: Request, facts: Facts) -> Iterator[str | Absent | Questions]:
    """Give the releases to take, the one that is decided first; the others are for where that cannot be had."""
    if EXACT.fullmatch(rust.release):
        too_old = Absent(f"toolchain: {rust.release} is pinned, and rust-version is {rust.minimum}")
        yield rust.release if rust.accepts(rust.release) else too_old
        return
    sources = request.config.toolchains
    if {"user", "rustup"}.intersection(sources):
        yield from _of_user(rust, facts)
    if "rustup" in sources:
        yield from _of_channel(rust, request, facts)
    if "debian" in sources:
        yield from _of_debian(host, rust, request, facts)
    yield from _of_cache(host, rust, facts)


def _of_user(rust: RustRequest, facts: Facts) -> Iterator[str]:
    """Give the release of the active toolchain, if it is what is asked for; of a channel the newest that fits."""
    if not isinstance(rustup := facts.rustup, Rustup):
        return
    fitting = [
        folder
        for folder in rustup.toolchains
        if folder.identity and rust.accepts(folder.identity) and (rust.release or folder.name == rustup.active)
    ]
    if fitting:
        folder = max(fitting, key=lambda folder: (folder.name == rustup.active, _order(folder.identity)))
        yield folder.identity


def _order(release: str) -> tuple[tuple[int, ...], str]:
    return versions.numbers(release), release


def _of_channel(rust: RustRequest, request: Request, facts: Facts) -> Iterator[str | Absent | Questions]:
    """Give what rustup's server has under the channel that is asked for, of its stable ones if none is."""
    name = rust.release or "stable"
    question = Question("rust-channel", name)
    if request.config.offline:
        yield Absent("rustup: offline = true")
    elif unknown := facts.open(question):
        yield unknown
    elif not isinstance(channel := facts.get(question), Channel):
        yield Absent(f"rustup: {channel.why}")
    elif not rust.accepts(channel.release):
        what = f"{name} is {channel.release}" if rust.release else f"its stable is {channel.release}"
        yield Absent(f"rustup: {what}, and rust-version is {rust.minimum}")
    else:
        yield channel.release


def _of_debian(host: str, rust: RustRequest, request: Request, facts: Facts) -> Iterator[str | Absent | Questions]:
    """Give the newest release that Debian has for the host; it has no channels."""
    if rust.release.startswith(MOVING):
        yield Absent(f"debian: Debian has no {rust.release}")
    elif why := "offline = true" if request.config.offline else _debian_problem(host):
        yield Absent(f"debian: {why}")
    elif isinstance(debian := _debian(host, rust, request, facts), tuple):
        yield debian
    elif isinstance(debian, Absent):
        yield Absent(f"debian: {debian.why}")
    else:
        machine = BY_TRIPLE[host].debian
        offered = [release for release, architectures in debian.rust.items() if rust.accepts(release) and machine in architectures]
        if offered:
            yield versions.highest(offered)
        else:
            there = ", ".join(debian.rust) or "none"
            asked = rust.release or (f"{rust.minimum} or newer" if rust.minimum else "any")
            yield Absent(f"debian: Debian's releases are {there}, not {asked}")


def _debian(host: str, rust: RustRequest, request: Request, facts: Facts) -> Debian | Absent | Questions:
    """Return what Debian's archive offers for a host and all selected targets, asked at once; who knows of every machine knows these."""
    question = rust_question(BY_TRIPLE[host].debian, (*rust.target.triples, *rust.more, *request.config.targets))
    return next((facts.answers[one] for one in (question, Question("debian")) if one in facts.answers), (question,))


def _debian_problem(host: str) -> str:
    """Return why Debian's packages of Rust do not serve a host; empty if they do."""
    return "" if host in BY_TRIPLE else f"Debian's rustc does not run on {host}"


def runs(glibc: str, host: Host) -> bool:
    """Tell whether programs that need a glibc run on a host of Linux by themselves; where it is not known they are taken to."""
    return host.libc != "musl" and not (host.glibc and glibc and versions.numbers(host.glibc) < versions.numbers(glibc))


def with_glibc(toolchain: Toolchain, facts: Facts) -> Toolchain:
    """Return a toolchain for this host whose programs are those of *toolchain*, of the same architecture, started with Debian's glibc."""
    name = f"glibc-{toolchain.name}-{toolchain.origin}"
    why = f"programs of {toolchain.host} do not run here by themselves"
    step = BringGlibc(why=why, name=name, toolchain=toolchain.path, machine=toolchain.host)
    steps = () if name in facts.inventory.tools and not toolchain.steps else (*toolchain.steps, step)
    why = f"{toolchain.name}, with glibc of Debian's packages"
    return structs.replace(toolchain, path=f"{facts.inventory.tools_home}/{name}", why=why, steps=steps)


def _of_cache(host: str, rust: RustRequest, facts: Facts) -> Iterator[str]:
    """Give what an earlier call, or a bundle, has brought: where nothing else can be asked it is what there is."""
    releases = [folder.release for folder in facts.inventory.toolchains if folder.host == host and rust.accepts(folder.release)]
    if releases:
        yield max(releases, key=_order)


def choose(host: str, request: Request, facts: Facts) -> Choice:
    """Choose the toolchain that runs on *host*, a triple: the image's or our own.

    Where nothing names a release, and the first cannot be had, the next is taken, and the reason says so; not under strict.
    """
    if missing := facts.open("host", "rustup", "inventory", "repository"):
        return missing
    rust = request.rust
    if isinstance(rust, Absent):
        return rust
    wish = ""
    reasons: dict[str, None] = {}
    for candidate in candidates(host, rust, request, facts):
        match candidate:
            case Absent(why=why):
                reasons |= {} if any(why in reason for reason in reasons) else {why: None}
            case str() if candidate == wish:
                continue
            case str():
                toolchain = _from_sources(host, candidate, rust, request, facts)
                if not isinstance(toolchain, Absent):
                    return _instead(wish, toolchain, "; ".join(reasons), request)
                wish = wish or candidate
                reasons[toolchain.why if candidate == wish else f"{candidate}: {toolchain.why}"] = None
            case questions:
                return questions
    return Absent("; ".join(reasons) or "no source is configured")


INSTEAD: Final = "is taken instead"
"""What the reason for a toolchain says of a release that nothing decided."""


def _instead(wish: str, other: Toolchain | Questions, reasons: str, request: Request) -> Choice:
    """Say that another release is taken than was decided, or refuse that under strict."""
    if not wish or not isinstance(other, Toolchain):
        return other
    why = f"{wish} is not available here ({reasons})"
    if request.strict:
        hint = f'`toolchain = "{other.release}"` names it'
        return Absent(f"{why}, and strict = true does not allow {other.release} instead", hint)
    return structs.replace(other, why=f"{why}; {other.release} {INSTEAD}: {other.why}")


def _from_sources(host: str, release: str, rust: RustRequest, request: Request, facts: Facts) -> Choice:
    """Look for a release where the configuration allows; a locked one comes from whom the lock says."""
    allowed = {"rustup": {"user", "rustup"}, "debian": {"debian"}}.get(rust.source, set(SOURCES))
    names = sorted(request.config.toolchains, key=lambda name: name == "cache")  # last, wherever it stands
    need = Need(host=host, release=release, rust=rust)
    ways = ((name, partial(SOURCES[name], need, request, facts)) for name in names if name in {*allowed, "cache"})
    return first(ways, facts.failures)


@dataclass(frozen=True, kw_only=True)
class Need:
    """What is looked for: a *release* that runs on *host*, with what the target needs."""

    host: str
    release: str
    rust: RustRequest


def _user(need: Need, _request: Request, facts: Facts) -> Toolchain | Absent:
    rustup = facts.rustup
    if isinstance(rustup, Absent):
        return Absent(rustup.why)
    folders = [folder for folder in rustup.toolchains if folder.host == need.host and folder.identity == need.release]
    for folder in folders:
        if not _gaps(folder, need.rust):
            return ready(folder, "user", f"the user's {folder.name} has the standard library of {need.rust.target.triple}")
    if folders:
        return Absent(f"{folders[0].name} has no {' and no '.join(_gaps(folders[0], need.rust))}")
    return Absent(f"rustup has no {need.release} for {need.host}")


def _gaps(folder: Toolchain, rust: RustRequest) -> list[str]:
    """Return what a toolchain lacks of what is needed: standard libraries, the library's source, components."""
    triples = () if rust.build_std else rust.target.triples
    standard = [f"standard library for {triple}" for triple in (*triples, *rust.more) if triple not in folder.standard]
    source = ["source of the standard library"] if (rust.build_std or "rust-src" in rust.components) and not folder.library else []
    rest = [name for name in rust.components if name not in {"rust-src", *folder.components, *FOR_PEOPLE}]
    return [*standard, *source, *rest, *_tool_gaps(folder, rust)]


def _tool_gaps(folder: Toolchain, rust: RustRequest) -> list[str]:
    """Return the components that the verb needs and a toolchain lacks; no source of the library makes up for them."""
    return [name for name in rust.tools if name not in folder.components]


def ready(folder: Toolchain, source: str, why: str) -> Toolchain:
    """Take a toolchain as it is."""
    return structs.replace(folder, release=folder.identity or folder.release, source=source, why=why)


def _folder_of(need: Need, origin: str, facts: Facts) -> Toolchain | None:
    """Return the toolchain that an earlier call has made of a source, if there is one of this release."""
    folders = facts.inventory.toolchains
    return next((one for one in folders if (one.host, one.release, one.origin) == (need.host, need.release, origin)), None)


def _of_earlier_call(folder: Toolchain) -> Toolchain:
    return ready(folder, "cache", f"{folder.name} was made by an earlier call, from {ORIGINS[folder.origin]}")


def _cache(need: Need, _request: Request, facts: Facts) -> Toolchain | Absent:
    for origin in ORIGINS:
        if (folder := _folder_of(need, origin, facts)) and not (_tool_gaps if folder.library else _gaps)(folder, need.rust):
            return _of_earlier_call(folder)
    return Absent(f"no {need.release}-{need.host} there yet")


class Offer(NamedTuple):
    """What a source has of a release: triples by their *standard* library, and the *source* of the library."""

    standard: Collection[str]
    source: bool


def _offer_of_rustup(need: Need, _request: Request, facts: Facts) -> Offer | Absent | Questions:
    question = Question("rust-channel", need.release)
    channel: Channel | Absent | None = facts.get(question)
    if not isinstance(channel, Channel):
        return channel or (question,)
    if need.host not in channel.hosts:
        return Absent(f"rustup's server has no Rust {need.release} for {need.host}")
    return Offer(channel.standard, channel.source)


def _offer_of_debian(need: Need, request: Request, facts: Facts) -> Offer | Absent | Questions:
    if why := _debian_problem(need.host):
        return Absent(why)
    debian = _debian(need.host, need.rust, request, facts)
    if not isinstance(debian, Debian):
        return debian
    architectures = debian.rust.get(need.release, ())
    if BY_TRIPLE[need.host].debian not in architectures:
        return Absent(f"Debian's releases are {', '.join(debian.rust) or 'none'}, not {need.release}")
    components = (*(name for name in need.rust.components if name not in {"rust-src", *FOR_PEOPLE}), *need.rust.tools)
    if strange := [name for name in components if name not in OF_DEBIAN]:
        return Absent(f"Debian has no {', '.join(strange)} for Rust")
    standard = tuple(row.triple for row in catalogue().values() if row.debian_std and row.debian_std in architectures)
    return Offer(standard, need.release in debian.source)


Origin: TypeAlias = Literal["rustup", "debian"]

Asker: TypeAlias = Callable[["Need", "Request", "Facts"], Offer | Absent | Questions]


def _install(origin: Origin, ask: Asker, need: Need, request: Request, facts: Facts) -> Choice:
    """Take what an earlier call has made of a source, if that is enough, else plan to install what the source has."""
    folder, rust = _folder_of(need, origin, facts), need.rust
    if folder and not _gaps(folder, rust):
        return _of_earlier_call(folder)
    match Absent("offline = true") if request.config.offline else ask(need, request, facts):
        case Offer() as offer:
            return _plan_install(origin, offer, need, folder, request, facts)
        case Absent(why=why):
            # what is there will do where the standard library can be built of it
            if folder and folder.library and not _tool_gaps(folder, rust):
                return _of_earlier_call(folder)
            return Absent(f"{folder.name} lacks what is needed, and {why}" if folder else why)
        case other:
            return other


def _plan_install(origin: Origin, offer: Offer, need: Need, folder: Toolchain | None, request: Request, facts: Facts) -> Choice:
    """Plan to install what a source has for the target, and the library's source where it has none; what is there already counts."""
    rust, target = need.rust, need.rust.target.triple
    shipped = not rust.build_std and set(rust.target.triples) <= set(offer.standard)
    library = not shipped or "rust-src" in rust.components
    if library and not offer.source:
        why = f"{ORIGINS[origin]} have neither the standard library of {target} for {need.release} nor its source"
        return Absent(why)
    more = (triple for triple in rust.more if triple in offer.standard)
    triples = tuple(dict.fromkeys((*(rust.target.triples if shipped else ()), *more)))
    components = tuple(dict.fromkeys((*(rust.components if origin == "rustup" else ()), *rust.tools)))
    components = tuple(name for name in components if name != "rust-src")
    if folder and set(triples) <= set(folder.standard) and folder.library >= library and set(components) <= set(folder.components):
        return _of_earlier_call(folder)
    tool = tools.rustup(request, facts) if origin == "rustup" else None
    if tool is not None and not isinstance(tool, Tool):
        return tool
    step = InstallToolchain(
        why=f"{need.release} with the standard library of {target} is not here yet",
        release=need.release,
        host=need.host,
        targets=triples,
        library=library,
        source=origin,
        rustup=tool.path if tool else "",
        components=components,
        profile=rust.profile if origin == "rustup" else "",
    )
    return Toolchain(
        name=step.name,
        release=need.release,
        host=need.host,
        path=f"{facts.inventory.home}/toolchains/{step.name}",
        standard=tuple(dict.fromkeys((need.host, *(folder.standard if folder else ()), *triples))),
        glibc=GLIBC if origin == "rustup" else DEBIAN_GLIBC,
        origin=origin,
        source=origin,
        why=f"it comes from {ORIGINS[origin]}",
        steps=(*(tool.steps if tool else ()), step),
    )


SOURCES: Final[Mapping[str, Callable[[Need, Request, Facts], Choice]]] = {
    "user": _user,
    "cache": _cache,
    "rustup": partial(_install, "rustup", _offer_of_rustup),
    "debian": partial(_install, "debian", _offer_of_debian),
}
