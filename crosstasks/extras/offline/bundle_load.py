"""Act: check every checksum of a bundle, then put all in its place: our cache, the engine, and cargo's own caches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import structs

from ... import pipeline
from ...catalog.targets import OCI_ARCH
from ...clients import engines
from ...core import cache, files, integrity
from ...core.errors import ConfigError, CrosstasksError, EngineFailed, ImageFailed, Interrupted, NoRoute
from ...facts.engine import Engine, identity
from ...facts.inventory import IMAGES, Bundled
from ...provisioning import rustup_home
from ...provisioning.tools import PROGRAMS
from ...reporting import report, tables
from . import bundle

if TYPE_CHECKING:
    from ...context import Context
    from ...core.steps import Verb
    from ...planning.plan import Plan
    from .bundle import Kind, Manifest, Member


def load(context: Context, path: Path) -> Manifest:
    """
    Load what a bundle has for this machine.

    Raises:
        ConfigError: it is no bundle, damaged, not trusted, or not for this machine; then nothing was loaded.
        EngineFailed: it holds images, and no engine answers.
        ImageFailed: the engine does not take them.
    """
    context = pipeline.look(context)
    cache.prepare(context.cache)
    with bundle.reading(path) as reader:
        host, engine = _checked(path, reader.manifest.platforms, context)
        for member in reader.manifest.members:
            if fits(member, host, engine):
                context.say(f"loading {member.path}")
                PLACES[member.kind](reader, member, context)
        if others := [member for member in reader.manifest.members if not fits(member, host, engine)]:
            names = ", ".join(member.path for member in others)
            context.say(f"left where it is, for other machines: {names}, {report.size(sum(member.size for member in others))}")
        for image in reader.manifest.images:
            if image.engine == engine:
                _note(image, context)
        return reader.manifest


class Ready(NamedTuple):
    """What is known of a target when a bundle was loaded: its *plan*, without steps, or *why* not; an *error* is what must not be."""

    target: str
    plan: Plan | None = None
    why: str = ""
    error: CrosstasksError | None = None


def readiness(context: Context, brought: Sequence[str], verb: Verb) -> tuple[Ready, ...]:
    """
    Look, target by target, whether all is there now.

    Args:
        context: of a call after loading.
        brought: the targets that the bundle was made for: what they still need is provided, and they fail if it cannot be.
        verb: what is to be done with them.

    Returns:
        a row for each target that is selected; for each that the bundle brings, and each that the file declares, if none is.
    """
    chosen = context.config.chosen
    triples = chosen or tuple(dict.fromkeys((*brought, *context.config.targets)))
    return tuple(_provided(triple, verb, context) if triple in (chosen or brought) else _there(triple, verb, context) for triple in triples)


def _provided(triple: str, verb: Verb, context: Context) -> Ready:
    try:
        planned, context = pipeline.make(triple, verb, _only(context, triple))
        planned, _ = pipeline.provide(planned, context)
    except Interrupted:
        raise
    except CrosstasksError as error:
        return Ready(triple, why=error.what, error=error)
    return Ready(triple, planned)


def _there(triple: str, verb: Verb, context: Context) -> Ready:
    """Tell whether a target that the bundle does not bring is there all the same; the network is not asked for it."""
    config = structs.replace(context.config, offline=True)
    try:
        planned, _ = pipeline.make(triple, verb, _only(pipeline.begin(config, context.root, context.environ, context.say), triple))
    except NoRoute:
        return Ready(triple, why="the bundle was made without it")
    return Ready(triple, why=f"the bundle was made without it: {planned.steps[0].why}") if planned.steps else Ready(triple, planned)


def _only(context: Context, triple: str) -> Context:
    return replace(context, config=structs.replace(context.config, targets=(triple,)))


def text(rows: Sequence[Ready]) -> str:
    """Return the plans of what is ready, and a line for each target."""
    lines = [(row.target, "ready" if row.plan else "not ready", row.plan.route.name if row.plan else row.why) for row in rows]
    return "\n\n".join((*(report.plan_text(row.plan) for row in rows if row.plan), tables.aligned(lines)))


def _checked(path: Path, platforms: Sequence[str], context: Context) -> tuple[str, str]:
    """Return the platforms of this machine and of its engine, which is another one where the engine is elsewhere."""
    machine = context.facts.host
    host = f"{machine.os}/{OCI_ARCH.get(machine.arch, machine.arch)}"
    engine = context.facts.engine.platform if isinstance(context.facts.engine, Engine) else host
    needed = dict.fromkeys((host, engine))
    if machine.os != "linux":
        # what runs in the image comes all the same
        needed = dict.fromkeys((engine,))
        context.say(
            f"it holds no programs that run on {machine.triple}: cross, and Rust for this machine, must be there or come from elsewhere"
        )
    if lacking := [platform for platform in needed if platform not in platforms]:
        here = host if host == engine else f"{host} with an engine of {engine}"
        hint = f"make one with {' '.join(f'--platform {platform}' for platform in needed)}"
        raise ConfigError(f"{path} is for {' and '.join(platforms)}, not for {lacking[0]}", why=f"this machine is {here}", hint=hint)
    return host, engine


def fits(member: Member, host: str, engine: str) -> bool:
    """
    Tell whether a machine takes a member, by its own platform and its engine's.

    ==========  =============================================
    kind        is for
    ==========  =============================================
    tool        the machine, where cross runs
    toolchain   both: cargo looks here, and compiles there
    images      the engine
    crates      every machine
    ==========  =============================================
    """
    places = {"tool": {host}, "toolchain": {host, engine}, "images": {engine}}
    return not member.platforms or not places.get(member.kind, {host, engine}).isdisjoint(member.platforms)


def _tool(reader: bundle.Reader, member: Member, context: Context) -> None:
    def make(draft: Path) -> None:
        bundle.unpack(reader.open(member), draft, member.path)
        if not (draft / integrity.COMPLETE).is_file():
            raise ConfigError(f"{member.path} is not whole", hint="the bundle is not trusted")

    integrity.once(context.cache / "tools" / _single(member), make, PROGRAMS, context.say)


def _single(member: Member) -> str:
    """Return the name of a folder, which must be one."""
    if not member.name or member.name.startswith(".") or Path(member.name).name != member.name or "\\" in member.name:
        raise ConfigError(f"{member.path} is called {member.name!r}", why="that is no name of a folder", hint="the bundle is not trusted")
    return member.name


def _toolchain(reader: bundle.Reader, member: Member, context: Context) -> None:
    home = context.cache / "rustup"
    place = home / "toolchains" / _single(member)
    with rustup_home.draft(home, member.name, context.say) as folder:
        draft = folder / member.name
        draft.mkdir()
        bundle.unpack(reader.open(member), draft, member.path)
        new, present = rustup_home.marker(draft), rustup_home.marker(place)
        if new is None or f"{new.release}-{new.host}" != member.name:
            raise ConfigError(f"{member.path} is not the toolchain that it is called", hint="the bundle is not trusted")
        if present and not integrity.differing(place):
            if _covers(present, new):
                return
            rustup_home.keep(place, present, draft, new)
        files.replace_folder(draft, place)


def _covers(present: rustup_home.Marker, new: rustup_home.Marker) -> bool:
    """Tell whether what is there already holds all that the bundle would bring."""
    return present.origin == new.origin and set(new.targets) <= set(present.targets) and present.source >= new.source


def _images(reader: bundle.Reader, member: Member, context: Context) -> None:
    if not isinstance(context.facts.engine, Engine):
        raise EngineFailed("the bundle holds images, and no engine answers", why=context.facts.engine.why, hint=context.facts.engine.hint)
    content = reader.open(member)
    engines.load(context.engine.command, iter(lambda: content.read(bundle.CHUNK), b""))


def _crates(reader: bundle.Reader, member: Member, context: Context) -> None:
    bundle.put(reader.open(member), context)


PLACES: Final[Mapping[Kind, Callable[[bundle.Reader, Member, Context], None]]] = {
    "tool": _tool,
    "toolchain": _toolchain,
    "images": _images,
    "crates": _crates,
}


def _note(image: Bundled, context: Context) -> None:
    """Keep what an image is for, and its digest, which the engine does not keep; under the id that it has here."""
    loaded = engines.inspect(context.engine.command, (image.ref,), context.run)
    if not loaded:
        raise ImageFailed(f"the engine did not keep {image.ref}", hint="is its disk full?")
    here = structs.replace(image, id=identity(loaded[0]))
    # containerd's store calls an image by its manifest, which loading makes anew
    if here.id != image.id and context.engine.store != "containerd":
        raise ImageFailed(f"the engine's {image.ref} is not what the bundle says", why=f"it is {here.id}, and {image.id} is named")
    name = hashlib.sha256(f"{image.ref} {image.target} {image.flavour}".encode()).hexdigest()[:16]
    files.write(context.cache / IMAGES / f"{name}.json", msgspec.json.encode(here).decode())
