"""Act: provide for machines of the platforms asked for, and collect all of it in one file.

Check every checksum of a bundle, then put all in its place: our cache, the engine, and cargo's own caches.
"""

from __future__ import annotations

import hashlib
import platform as here
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import structs

from ... import pipeline, provisioning
from ...catalog import recipes
from ...catalog.ingredients import CompileCross, Image, InstallToolchain, InstallWheels, Provision, Tool
from ...catalog.machines import MACHINES
from ...catalog.targets import OCI_ARCH
from ...clients import engines
from ...context import Context, on_platform
from ...core import cache, files
from ...core.about import __version__
from ...core.errors import ConfigError, CrosstasksError, EngineFailed, ImageFailed, NoRoute, ToolMissing
from ...core.steps import Verb
from ...facts import inventory
from ...facts.engine import Engine, identity
from ...facts.inventory import BUNDLE_PREFIX, IMAGES, BundleImage
from ...facts.lock import platform as engine_platform
from ...planning import tools
from ...planning.plan import Plan
from ...planning.request import Request
from ...planning.route import Route
from ...provisioning import cache_check, toolchain
from ...provisioning.tools import PROGRAMS
from ...reporting import progress, report
from . import bundle
from .bundle import Kind, Manifest, Member


def make(context: Context, names: Sequence[str], platforms: Sequence[str], to: Path) -> Manifest:
    """Write a bundle for the targets, and for machines of these platforms; that of this one's engine if none is named.

    The machines are taken to be glibc Linux with an engine and nothing of Rust; what this one has on PATH does not count.

    Raises:
        CrosstasksError: something cannot be provided, or not for such a machine.
    """
    if to.is_dir() or not to.parent.is_dir():
        raise ConfigError(f"--to names a file, and {to} cannot be one", why="it is a folder, or lies in none")
    context = pipeline.look(context)
    _ = context.repository
    triples = pipeline.select(names, context)
    engine, arch = context.facts.engine, context.facts.host.arch
    own_platform = engine.platform if isinstance(engine, Engine) else f"linux/{OCI_ARCH.get(arch, arch)}"
    platforms = tuple(dict.fromkeys(platforms)) or (own_platform,)
    users: dict[tuple[Kind, str], tuple[str, ...]] = {}  # the platforms of the machines that need a member, by its kind and name
    all_routes: list[Route] = []
    images: list[BundleImage] = []
    with bundle.writer(to) as writer:
        for platform in platforms:
            plans = tuple(provide(triple, on_platform(context, platform), context) for triple in triples)
            for kind, folder in dict.fromkeys(part for plan in plans for part in _parts(plan)):
                if (kind, folder.name) not in users:
                    context.say(f"packing {folder.name}")
                    with cache_check.intact(folder, context, triples):
                        writer.add(
                            f"{kind}s/{folder.name}.tar.gz", kind, folder.name, partial(bundle.pack, folder, **_selection(folder, triples))
                        )
                users[kind, folder.name] = (*users.get((kind, folder.name), ()), platform)
            users["images", _name(platform)] = (platform,)
            images += save_images(writer, context, platform, plans)
            all_routes += [plan.route for plan in plans]
        _add_crates(writer, context, all_routes)
        members = tuple(structs.replace(member, platforms=users.get((member.kind, member.name), ())) for member in writer.members)
        manifest = Manifest(crosstasks=__version__, targets=triples, platforms=platforms, members=members, images=tuple(images))
        writer.close(manifest)
    return manifest


def _parts(plan: Plan) -> Iterator[tuple[Kind, Path]]:
    """Name the folders of our cache that a plan uses."""
    if plan.route.tool:
        yield "tool", Path(plan.route.tool.path).parents[1]
    yield from (("toolchain", Path(one.path)) for one in (plan.route.toolchain, plan.route.host_toolchain))


def _selection(folder: Path, triples: Sequence[str]) -> Mapping[str, Any]:
    """Leave out of a toolchain the standard libraries of other targets, which other projects asked for: one target costs one target."""
    content = inventory.toolchain(folder)
    left = inventory.unused(content, triples)
    if not (content and left):
        return {}
    sums = (folder / cache.ALL).read_text("utf-8").splitlines(keepends=True)
    rest = structs.replace(content, standard=tuple(one for one in content.standard if f"lib/rustlib/{one}/" not in left))
    contents = {
        cache.ALL: "".join(line for line in sums if not line.partition("  ")[2].startswith(left)).encode(),
        inventory.MARKER: toolchain.marker(rest).encode(),
    }
    return {"keep": lambda name: not f"{name}/".startswith(left), "contents": contents}


def provide(triple: str, machine: Context, context: Context) -> Plan:
    """Plan for a machine, and take the steps here.

    Raises:
        CrosstasksError: a step failed, or what it would need is a machine of that kind.
    """
    platform = engine_platform(machine.facts)
    planned, machine = pipeline.make(triple, "build", machine)
    while planned.steps:
        for step in planned.steps:
            if taken := step_here(step, platform, planned.request, context):
                provisioning.take(taken, machine)
        again, machine = pipeline.make(triple, "build", on_platform(pipeline.afresh(machine), platform))
        if again.steps == planned.steps:
            raise ToolMissing(
                f"{triple}: steps are left after provisioning", why="; ".join(map(str, again.steps)), hint="please report this"
            )
        planned = again
    return planned


def step_here(step: Provision, platform: str, request: Request, context: Context) -> Provision | None:
    """Return a step for another machine as it is taken on this one; None of its rustup, which is not packed, and runs on none but that.

    Raises:
        ToolMissing: it runs what only that machine could run.
    """
    if MACHINES[platform].arch == here.machine() and sys.platform == "linux":
        return step
    match step:
        case CompileCross():
            why = "cross is compiled by cargo, for the machine that it runs on"
            raise ToolMissing(f"cross for {platform} cannot be made here", why=why, hint="make this bundle on such a machine")
        case InstallWheels(projects=(project,)) if project.startswith("rustup=="):
            return None
        case InstallToolchain(source="rustup"):
            tool = tools.rustup(request, context.facts)
            if not isinstance(tool, Tool):
                raise ToolMissing("this machine has no rustup to fetch the toolchain with", why=getattr(tool, "why", ""))
            for rustup_step in tool.steps:
                provisioning.take(rustup_step, context)
            return structs.replace(step, rustup=tool.path)
        case _:
            return step


def save_images(writer: bundle.Writer, context: Context, platform: str, plans: Sequence[Plan]) -> tuple[BundleImage, ...]:
    """Add the images of one platform, in one archive: an engine holds one platform of a name at a time.

    Those that are known only by a digest have a tag while they are saved: without one they would have no name when loaded.
    """
    images = [(plan.route, plan.route.image) for plan in plans if plan.route.image and plan.route.image.ref]
    if not images:
        return ()
    command, tags, rows = context.engine.command, [], []
    try:
        for route, image in images:
            ref = image.ref
            if "@" in ref:
                # in a repository of our own: with the last tag of one an engine forgets its digests too
                ref = f"{BUNDLE_PREFIX}{route.target}:sha256-{ref.rpartition(':')[2][:12]}"
                context.run((command, "tag", image.ref, ref))
                tags.append(ref)
            rows.append(_row(route, image, ref, platform, context))
        refs = tuple(dict.fromkeys(row.ref for row in rows))
        context.say(f"packing {len(refs)} image{'s' * (len(refs) != 1)} for {platform}")
        name = _name(platform)
        writer.add(f"images/{name}.tar.gz", "images", name, lambda write: engines.save(context.engine, refs, write))
    finally:
        if tags:
            context.run((command, "image", "rm", "--no-prune", *dict.fromkeys(tags)))
    return tuple(rows)


def _name(platform: str) -> str:
    return platform.replace("/", "-")


def _row(route: Route, image: Image, ref: str, platform: str, context: Context) -> BundleImage:
    (inspected,) = engines.inspect(context.engine.command, (ref,), context.run)
    is_built = recipes.is_tag(ref)
    return BundleImage(
        ref=ref,
        id=identity(inspected),
        digest="" if is_built or "@" not in image.digest else image.digest.rpartition("@")[2],
        target=route.target,
        platform=image.platform,
        engine=platform,
        flavour="" if is_built else route.flavour,
        packages=context.config.target(route.target).packages,
    )


def _add_crates(writer: bundle.Writer, context: Context, routes: Sequence[Route]) -> None:
    """Add the dependencies, fetched by a cargo that runs here: that of a machine like this one, else of the same release."""
    host_toolchain = next((route.host_toolchain for route in routes if route.host_toolchain.host == context.facts.host.triple), None)
    if host_toolchain is None:
        config = structs.replace(context.config, toolchain=routes[0].host_toolchain.release)
        planned, _ = pipeline.make(routes[0].target, "build", pipeline.begin(config, context.root, context.environ, context.say))
        host_toolchain = planned.route.host_toolchain
        for step in host_toolchain.steps:
            provisioning.take(step, context)
    routes = [structs.replace(route, host_toolchain=host_toolchain) for route in routes]
    writer.add("crates.tar.gz", "crates", "crates", lambda write: bundle.collect(routes, context, write))


def load(context: Context, path: Path) -> Manifest:
    """Load what a bundle has for this machine.

    Raises:
        ConfigError: it is no bundle, damaged, or not for this machine, and nothing was loaded; or a member is not trusted, or cannot be
            unpacked, and those before it stay loaded.
        EngineFailed: it holds images, and no engine answers.
        ImageFailed: the engine does not take them.
    """
    context = pipeline.look(context)
    cache.prepare(context.cache)
    with bundle.reader(path) as reader:
        host, engine = _platforms(path, reader.manifest.platforms, context)
        for member in reader.manifest.members:
            if fits(member, host, engine):
                context.say(f"loading {member.path}")
                PLACES[member.kind](reader, member, context)
        if others := [member for member in reader.manifest.members if not fits(member, host, engine)]:
            names = ", ".join(member.path for member in others)
            context.say(f"not loaded, since it is for other machines: {names}, {report.size(sum(member.size for member in others))}")
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


def readiness(context: Context, bundled: Sequence[str], verb: Verb) -> tuple[Ready, ...]:
    """Look, target by target, whether all is there after loading.

    Args:
        bundled: the targets that the bundle was made for: what they still need is provided, and they fail if it cannot be.

    Returns:
        a row for each target that is selected; for each that the bundle brings, and each that the file declares, if none is.
    """
    chosen = context.config.selection
    triples = chosen or tuple(dict.fromkeys((*bundled, *context.config.targets)))
    return tuple(
        _provide(triple, verb, context) if triple in (chosen or bundled) else _look_offline(triple, verb, context) for triple in triples
    )


def _provide(triple: str, verb: Verb, context: Context) -> Ready:
    try:
        planned, context = pipeline.make(triple, verb, _only(context, triple))
        planned, _ = pipeline.provide(planned, context)
    except CrosstasksError as error:
        return Ready(triple, why=error.what, error=error)
    return Ready(triple, planned)


def _look_offline(triple: str, verb: Verb, context: Context) -> Ready:
    """Tell whether a target that the bundle does not bring is there all the same; the network is not asked for it."""
    config = structs.replace(context.config, offline=True)
    try:
        planned, _ = pipeline.make(triple, verb, _only(pipeline.begin(config, context.root, context.environ, context.say), triple))
    except NoRoute:
        return Ready(triple, why="the bundle was made without it")
    return Ready(triple, why=f"the bundle was made without it: {planned.steps[0].why}") if planned.steps else Ready(triple, planned)


def _only(context: Context, triple: str) -> Context:
    return replace(context, config=structs.replace(context.config, targets=(triple,)))


def readiness_text(rows: Sequence[Ready]) -> str:
    """Return the plans of what is ready, and a line for each target."""
    lines = [(row.target, "ready" if row.plan else "not ready", row.plan.route.name if row.plan else row.why) for row in rows]
    return "\n\n".join((*(report.plan_text(row.plan) for row in rows if row.plan), progress.align(lines)))


def _platforms(path: Path, platforms: Sequence[str], context: Context) -> tuple[str, str]:
    """Return the platforms of this machine and of its engine, which is another one where the engine is elsewhere."""
    machine = context.facts.host
    host = f"{machine.os}/{OCI_ARCH.get(machine.arch, machine.arch)}"
    engine = context.facts.engine.platform if isinstance(context.facts.engine, Engine) else host
    needed = dict.fromkeys((host, engine))
    if machine.os != "linux":
        # what runs in the image comes all the same
        needed = dict.fromkeys((engine,))
        there = "cross, and Rust for this machine, must be installed already or come from elsewhere"
        context.say(f"the bundle has no programs for {machine.triple}: {there}")
    if missing := [platform for platform in needed if platform not in platforms]:
        here = host if host == engine else f"{host} with an engine of {engine}"
        hint = f"make one with {' '.join(f'--platform {platform}' for platform in needed)}"
        raise ConfigError(f"{path} is for {' and '.join(platforms)}, not for {missing[0]}", why=f"this machine is {here}", hint=hint)
    return host, engine


def fits(member: Member, host: str, engine: str) -> bool:
    """Tell whether a machine takes a member, by its own platform and its engine's.

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
        if not (draft / cache.COMPLETE).is_file():
            raise ConfigError(f"{member.path} is incomplete", hint="the bundle is not trusted")

    cache.make_once(context.cache / "tools" / _single(member), make, PROGRAMS, context.say)


def _single(member: Member) -> str:
    """Return the name of a folder, which must be one."""
    if not member.name or member.name.startswith(".") or Path(member.name).name != member.name or "\\" in member.name:
        raise ConfigError(f"{member.path} is called {member.name!r}", why="that is no name of a folder", hint="the bundle is not trusted")
    return member.name


def _toolchain(reader: bundle.Reader, member: Member, context: Context) -> None:
    home = context.cache / "rustup"
    place = home / "toolchains" / _single(member)
    with toolchain.draft(home, member.name, context.say) as folder:
        draft = folder / member.name
        draft.mkdir()
        bundle.unpack(reader.open(member), draft, member.path)
        new, present = inventory.toolchain(draft), inventory.toolchain(place)
        if new is None or f"{new.release}-{new.host}" != member.name:
            raise ConfigError(f"{member.path} is another toolchain than its name says", hint="the bundle is not trusted")
        if present and not cache.changed_files(place):
            every = present.origin == new.origin and set(new.standard) <= set(present.standard) and present.library >= new.library
            if every:  # what is there holds all that the bundle would bring
                return
            toolchain.keep(place, present, draft, new)
        files.replace_folder(draft, place)


def _images(reader: bundle.Reader, member: Member, context: Context) -> None:
    if not isinstance(context.facts.engine, Engine):
        raise EngineFailed("the bundle holds images, and no engine answers", why=context.facts.engine.why, hint=context.facts.engine.hint)
    content = reader.open(member)
    engines.load(context.engine.command, iter(lambda: content.read(bundle.CHUNK), b""))


PLACES: Final[Mapping[Kind, Callable[[bundle.Reader, Member, Context], None]]] = {
    "tool": _tool,
    "toolchain": _toolchain,
    "images": _images,
    "crates": lambda reader, member, context: bundle.put_crates(reader.open(member), context),
}


def _note(image: BundleImage, context: Context) -> None:
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
