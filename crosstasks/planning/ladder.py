"""Pure: the ladder. Every route to a target, best first; each is possible, refused with a reason, or waits for answers.

Chosen by looking::

    engine      in this order
    amd64       cross 0.2.5 with each image source, then each flavour of `fallback` likewise; cargo; zigbuild
    arm64       the same with native images; cargo; zigbuild; last the same with amd64 images under emulation, which is slow
    none        cargo for the host's own target and those that rustc links by itself; zigbuild

Where an image is named, all that can use it comes before zigbuild, which cannot.

The candidates of cross are each platform of the engine, with each flavour, with each source of images.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Final, TypeVar

from ..catalog.ingredients import Emulator, Questions, Toolchain
from ..catalog.machines import BY_TRIPLE, MACHINES
from ..config.read import FILE
from ..core.steps import NEXTEST, Absent, Question, Refused
from ..facts.engine import Engine
from ..facts.probes import PLACES, doubtful
from ..facts.rustup import Rustup
from . import emulators, images, toolchains
from .host_routes import cargo, ndk, xwin, zigbuild
from .images import Variant
from .route import Candidate, Outcome, Parts, assemble

if TYPE_CHECKING:
    from ..catalog.targets import Target
    from ..facts import Facts
    from .request import Request


FOREIGN_PLATFORM: Final = "linux/amd64"
"""What may be emulated: all images of cross are for it."""


def native(request: Request, facts: Facts, parts: Parts) -> list[Candidate]:
    """Return the routes of cross with images of the engine's own platform, in their order: flavours, sources of images."""
    if refusal := _no_container(request.target, facts):
        return [Candidate("cross", lambda: refusal)]
    return _on(facts.platform, request, facts, parts)


def emulated(request: Request, facts: Facts, parts: Parts) -> list[Candidate]:
    """Return the routes of cross with images of another platform, which is slow."""
    foreign = facts.platform != FOREIGN_PLATFORM and request.options.emulation != "never"
    return _on(FOREIGN_PLATFORM, request, facts, parts) if foreign and not _no_container(request.target, facts) else []


def _on(platform: str, request: Request, facts: Facts, parts: Parts) -> list[Candidate]:
    candidates = []
    for flavour in _flavours(request):
        for source in images.sources(request, facts):
            name, variant = _name(flavour, source, platform, facts), Variant(flavour=flavour, platform=platform)
            candidates.append(Candidate(name, partial(_cross, name, request, facts, parts, variant, source)))
    return candidates


def _no_container(target: Target, facts: Facts) -> Refused | None:
    if not target.container:
        return Refused(name="cross", why=f"cross never runs {target.triple} in a container (it hands it to the host's cargo)")
    if isinstance(facts.engine, Absent):
        return Refused(name="cross", why=facts.engine.why, hint=facts.engine.hint)
    unseen = next((fact for place in PLACES if isinstance(fact := facts.get(Question("shared", place)), Absent)), None)
    return Refused(name="cross", why=unseen.why, hint=unseen.hint) if unseen else None


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


_FROM: Final[Mapping[str, str]] = {
    "local": "image of the engine",
    "mirror": "image of the mirror",
    "upstream": "upstream image",
    "bundle": "image of a bundle",
    "build": "image built here",
    "base": "pinned base",
    "configured": "configured image",
}


def _name(flavour: str, source: str, platform: str, facts: Facts) -> str:
    emulated = "" if platform == facts.platform else f", {platform} emulated"
    return f"cross {flavour}, {_FROM[source]}{emulated}"


def _cross(name: str, request: Request, facts: Facts, parts: Parts, variant: Variant, source: str) -> Outcome:
    flavour, platform = variant.flavour, variant.platform
    if refusal := request.unlike_lock(builder="cross", flavour=flavour, platform=platform) or _refuse_remote(name, flavour, request, facts):
        return refusal
    if platform not in MACHINES:
        return Refused(name=name, why=f"there is no Rust toolchain for images of {platform} here", hint="zigbuild needs no image")
    machine = MACHINES[platform].triple
    toolchain = parts.toolchain(machine)
    ingredients = {
        "image": images.choose(source, variant, request, facts),
        "emulator": _emulator(platform, request, facts),
        "toolchain": _with_kind("toolchain", toolchain),
        "tool": _with_kind(f"cross {flavour}", parts.cross(flavour)),
        "nextest": _with_kind("cargo-nextest", parts.nextest(machine, True)),
        "host_toolchain": _on_host(toolchain, facts, parts) if isinstance(toolchain, Toolchain) else (),
    }
    more = {"flavour": flavour, "emulated": platform != facts.platform, "remote": _elsewhere(facts)}
    floor = getattr(ingredients["image"], "glibc_floor", "")
    return assemble(name, "cross", request, ingredients, _sharing_questions(facts), glibc_floor=floor, **more)


Part = TypeVar("Part")


def _with_kind(what: str, part: Part | Refused) -> Part | Refused:
    """Say of a part that is refused what it is."""
    return Refused(name="", why=f"no {what}: {part.why}", hint=part.hint) if isinstance(part, Refused) else part


def _refuse_remote(name: str, flavour: str, request: Request, facts: Facts) -> Refused | None:
    """Refuse what cross cannot do where the engine is on another machine."""
    if not _elsewhere(facts):
        return None
    if flavour == "git":
        # without them nobody knows what was built (main: docker/remote.rs, is_cargo_json_message)
        why = "cross main, with an engine on another machine, keeps cargo's messages to itself"
        return Refused(name=name, why=why, hint="0.2.5 passes them on")
    if request.verb in NEXTEST:
        return Refused(name=name, why="cargo-nextest is not copied to an engine on another machine", hint="`test` is cargo's own")
    if file := request.target.specification:
        # v0.2.5: docker/remote.rs:844; the name would have the file's folders in it
        why = f"cross 0.2.x calls the container on another machine after {PurePath(file).name} and its folder, which no engine takes"
        return Refused(name=name, why=why, hint="plain cargo needs no engine, where `linker` names what links")
    tables = facts.settings.cross_tables(request.target.triple)
    if request.options.pre_build or any(key in table for table in tables for key in ("dockerfile", "pre-build")):
        # v0.2.5: docker/remote.rs:946
        why = "cross 0.2.x ignores `dockerfile` and `pre-build` with an engine on another machine"
        return Refused(name=name, why=why, hint="`packages` puts Debian's packages into an image that is built here")
    return None


def _emulator(platform: str, request: Request, facts: Facts) -> Emulator | Refused | Questions | None:
    """Choose what runs a platform that is not the engine's own; None for its own."""
    if platform == facts.platform:
        return None
    return emulators.choose(platform, _mode(request), facts, offline=request.config.offline)


def _on_host(toolchain: Toolchain, facts: Facts, parts: Parts) -> Toolchain | Refused | Questions:
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


def ladder(request: Request, facts: Facts) -> tuple[Candidate, ...]:
    """Return every route that the request allows, best first. Needs the facts host, engine and repository."""
    options, parts = request.options, Parts(request, facts)
    hosted = []
    if options.builder in {"auto", "cargo"}:
        hosted.append(Candidate("cargo", partial(cargo, request, facts, parts)))
    if options.builder in {"auto", "cargo"} and request.target.os == "android":
        hosted.append(Candidate("ndk", partial(ndk, request, facts, parts)))
    if options.builder == "xwin" or (options.builder == "auto" and request.target.libc == "msvc"):
        hosted.append(Candidate("xwin", partial(xwin, request, facts, parts)))
    if options.builder == "zigbuild" or (options.builder == "auto" and "zigbuild" in options.fallback):
        hosted.append(Candidate("zigbuild", partial(zigbuild, request, facts, parts)))
    if options.builder not in {"auto", "cross"}:
        return tuple(hosted)
    here, foreign = native(request, facts, parts), emulated(request, facts, parts)
    named = images.sources(request, facts) == ("configured",)
    return (*here, *foreign, *hosted) if named else (*here, *hosted, *foreign)
