"""Pure: the rungs of cross: each platform of the engine, with each flavour, with each source of images."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from ..catalog.machines import MACHINES
from ..catalog.targets import Target
from ..core.steps import Absent, Question, Refused, Verb
from ..facts import lock
from ..facts.engine import Engine
from ..facts.probes import PLACES, doubtful
from ..facts.rustup import Rustup
from . import emulators, images, toolchains, tools
from .emulators import Emulator
from .ingredients import Image, Open, Tool, Toolchain
from .route import Looked, Route, Rung, all_open, from_source, kept

if TYPE_CHECKING:
    from ..config.configuration import Config
    from ..facts import Facts


def cross_rungs(target: Target, facts: Facts, config: Config, verb: Verb) -> list[Rung]:
    """Return the routes of cross in their order: platforms, flavours, sources of images."""
    refusal = _no_container(target, facts)
    if refusal:
        return [Rung("cross", lambda: refusal)]
    rungs = []
    for platform in _platforms(facts, config.target(target.triple).emulation):
        for flavour in _flavours(target, config):
            for source in images.sources(target, facts, config):
                name = _named(flavour, source, platform, facts)
                rungs.append(Rung(name, partial(_cross, name, target, facts, config, verb, flavour, source, platform)))
    return rungs


def _no_container(target: Target, facts: Facts) -> Refused | None:
    if not target.containerised:
        return Refused(name="cross", why=f"cross never runs {target.triple} in a container (it hands it to the host's cargo)")
    if isinstance(facts.engine, Absent):
        return Refused(name="cross", why=facts.engine.why, hint=facts.engine.hint)
    unseen = next((found for place in PLACES if isinstance(found := facts.get(Question("shared", place)), Absent)), None)
    return Refused(name="cross", why=unseen.why, hint=unseen.hint) if unseen else None


def _untried(facts: Facts) -> Open:
    """Return whether our folders are shared, where that is doubtful and was not tried yet."""
    if isinstance(facts.engine, Absent) or not doubtful(facts.engine, facts.host):
        return ()
    return tuple(question for place in PLACES if (question := Question("shared", place)) not in facts.answers)


def _flavours(target: Target, config: Config) -> tuple[str, ...]:
    own = config.target(target.triple)
    wanted = (own.cross, *(flavour for flavour in own.fallback if flavour != "zigbuild"))
    return tuple(dict.fromkeys(wanted))


def _elsewhere(facts: Facts) -> bool:
    return isinstance(facts.engine, Engine) and facts.engine.remote


def _own_platform(facts: Facts) -> str:
    return facts.engine.platform if isinstance(facts.engine, Engine) else ""


def _platforms(facts: Facts, emulation: str) -> tuple[str, ...]:
    own = _own_platform(facts)
    foreign = () if own == "linux/amd64" or emulation == "never" else ("linux/amd64",)
    return (own, *foreign)


_FROM: Final[Mapping[str, str]] = {
    "local": "image of the engine",
    "mirror": "image of the mirror",
    "upstream": "upstream image",
    "bundle": "image of a bundle",
    "build": "image built here",
    "configured": "configured image",
}


def _named(flavour: str, source: str, platform: str, facts: Facts) -> str:
    emulated = "" if platform == _own_platform(facts) else f", {platform} emulated"
    return f"cross {flavour}, {_FROM[source]}{emulated}"


def _cross(name: str, target: Target, facts: Facts, config: Config, verb: Verb, flavour: str, source: str, platform: str) -> Looked:
    unfit = lock.refused(facts, target.triple, builder="cross", flavour=flavour, platform=platform)
    if unfit := unfit or _uncopied(name, flavour, target, facts, config):
        return unfit
    if platform not in MACHINES:
        return Refused(name=name, why=f"there is no Rust toolchain for images of {platform} here", hint="zigbuild needs no image")
    wanted = images.Wanted(target=target, flavour=flavour, platform=platform)
    image = images.choose(source, wanted, facts, config)
    if isinstance(image, Refused):
        return image
    emulator = _emulator(platform, target, facts, config)
    if isinstance(emulator, Refused):
        return emulator
    toolchain = toolchains.choose(MACHINES[platform].triple, facts, config)
    tool = tools.cross(flavour, facts, config)
    for found, what in ((toolchain, "toolchain"), (tool, f"cross {flavour}")):
        if isinstance(found, Refused):
            return Refused(name=name, why=f"no {what}: {found.why}", hint=found.hint)
    own = _own(toolchain, facts, config) if isinstance(toolchain, Toolchain) else ()
    if isinstance(own, Refused):
        return own
    match image, toolchain, tool, own, emulator, _untried(facts):
        case Image(), Toolchain(), Tool(), Toolchain(), (None | Emulator()), ():
            route = Route(
                name=name,
                target=target.triple,
                builder="cross",
                flavour=flavour,
                tool=tool,
                toolchain=toolchain,
                own=own,
                image=image,
                emulated=emulator is not None,
                emulator=emulator,
                libc=image.libc,
                build_std=from_source(target, toolchain, config),
                remote=_elsewhere(facts),
            )
            return kept(route, target, config) or _runs(route, verb) or route
        case _, _, _, _, _, untried:
            return all_open(image, toolchain, tool, own, emulator, untried)


def _uncopied(name: str, flavour: str, target: Target, facts: Facts, config: Config) -> Refused | None:
    """Refuse what cross cannot do where the engine is on another machine."""
    if not _elsewhere(facts):
        return None
    if flavour == "git":
        # without them nobody knows what was built (main: docker/remote.rs, is_cargo_json_message)
        why = "cross main, with an engine on another machine, keeps cargo's messages to itself"
        return Refused(name=name, why=why, hint="0.2.5 passes them on")
    repository = facts.repository
    said = () if isinstance(repository, Absent) else repository.cross_tables(target.triple)
    if config.target(target.triple).pre_build or any(key in table for table in said for key in ("dockerfile", "pre-build")):
        # v0.2.5: docker/remote.rs:946
        why = "cross 0.2.x ignores `dockerfile` and `pre-build` with an engine on another machine"
        return Refused(name=name, why=why, hint="`packages` puts Debian's packages into an image that is built here")
    return None


def _emulator(platform: str, target: Target, facts: Facts, config: Config) -> Emulator | Refused | Open | None:
    """Choose what runs a platform that is not the engine's own; None for its own."""
    if platform == _own_platform(facts):
        return None
    return emulators.choose(platform, config.target(target.triple).emulation, facts, offline=config.offline)


def _own(toolchain: Toolchain, facts: Facts, config: Config) -> Toolchain | Refused | Open:
    """Choose what runs on the host itself: the same toolchain if it can, else the user's, else one of ours."""
    if toolchain.host == facts.host.triple:
        return toolchain
    rustup = facts.rustup
    if isinstance(rustup, Rustup):
        for folder in rustup.toolchains:
            if folder.name == rustup.active:
                return toolchains.ready(folder, "user", "the user's active toolchain reads the workspace")
    return toolchains.choose(facts.host.triple, facts, config)


def _runs(route: Route, verb: Verb) -> Refused | None:
    if verb == "test" and route.image and not route.image.runs:
        return Refused(name=route.name, why=f"its image has nothing that runs {route.target} programs")
    return None
