"""Act: provide for machines of the platforms asked for, and collect all of it in one file."""

from __future__ import annotations

import platform as here
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec import structs

from ... import pipeline, provisioning
from ...catalog.machines import MACHINES
from ...catalog.targets import OCI_ARCH
from ...clients import engines
from ...core.about import __version__
from ...core.errors import ConfigError, ToolMissing
from ...facts.engine import Engine, identity
from ...facts.inventory import BROUGHT, Bundled
from ...facts.lock import platform as engine_platform
from ...planning import lock_rows, tools
from ...planning.ingredients import CompileCross, InstallToolchain, Tool
from ...provisioning import cache_check
from . import bundle
from .bundle import Kind, Manifest
from .locking import received

if TYPE_CHECKING:
    from ...context import Context
    from ...planning.ingredients import Image, Provision
    from ...planning.plan import Plan
    from ...planning.request import Request
    from ...planning.route import Route


class _Machine(NamedTuple):
    """A machine that was provided for."""

    platform: str
    plans: tuple[Plan, ...]


def make(context: Context, names: Sequence[str], platforms: Sequence[str], to: Path) -> Manifest:
    """
    Write a bundle for the targets, and for machines of these platforms; that of this one's engine if none is named.

    The machines are taken to be glibc Linux with an engine and nothing of Rust; what this one has on PATH does not count.

    Raises:
        CrosstasksError: something cannot be provided, or not for such a machine.
    """
    if to.is_dir() or not to.parent.is_dir():
        raise ConfigError(f"--to names a file, and {to} cannot be one", why="it is a folder, or lies in none")
    context = pipeline.look(context)
    _ = context.repository
    triples = pipeline.select(names, context)
    all_platforms = tuple(dict.fromkeys(platforms)) or (_engine_platform(context),)
    with bundle.writing(to) as writer:
        collected = tuple(_collected(writer, context, platform, triples) for platform in all_platforms)
        machines = tuple(machine for machine, _ in collected)
        _fetched(writer, context, machines)
        manifest = Manifest(
            crosstasks=__version__,
            targets=triples,
            platforms=all_platforms,
            members=tuple(structs.replace(member, platforms=_users(member.kind, member.name, machines)) for member in writer.members),
            images=tuple(image for _, images in collected for image in images),
        )
        writer.close(manifest)
    return manifest


def _engine_platform(context: Context) -> str:
    engine = context.facts.engine
    arch = context.facts.host.arch
    return engine.platform if isinstance(engine, Engine) else f"linux/{OCI_ARCH.get(arch, arch)}"


def _collected(writer: bundle.Writer, context: Context, platform: str, triples: Sequence[str]) -> tuple[_Machine, tuple[Bundled, ...]]:
    plans = tuple(provide(triple, received(context, platform), context) for triple in triples)
    paths = {member.path for member in writer.members}
    for kind, folder in dict.fromkeys(part for plan in plans for part in _parts(plan)):
        path = f"{kind}s/{folder.name}.tar.gz"
        if path not in paths:
            context.say(f"packing {folder.name}")
            with cache_check.intact(folder, context):
                writer.add(path, kind, folder.name, partial(bundle.pack, folder))
    return _Machine(platform, plans), saved(writer, context, platform, plans)


def _parts(plan: Plan) -> Iterator[tuple[Kind, Path]]:
    """Name the folders of our cache that a plan uses."""
    if plan.route.tool:
        yield "tool", Path(plan.route.tool.path).parents[1]
    for toolchain in (plan.route.toolchain, plan.route.host_toolchain):
        yield "toolchain", Path(toolchain.path)


def provide(triple: str, machine: Context, context: Context) -> Plan:
    """
    Plan for a machine, and take the steps here.

    Raises:
        CrosstasksError: a step failed, or what it would need is a machine of that kind.
    """
    platform = engine_platform(machine.facts)
    planned, machine = pipeline.make(triple, "build", machine)
    while planned.steps:
        for step in planned.steps:
            provisioning.take(translated(step, platform, planned.request, context), machine)
        again, machine = pipeline.make(triple, "build", received(pipeline.afresh(machine), platform))
        if again.steps == planned.steps:
            raise ToolMissing(f"{triple}: providing left something to do", why="; ".join(map(str, again.steps)), hint="please report this")
        planned = again
    return planned


def translated(step: Provision, platform: str, request: Request, context: Context) -> Provision:
    """
    Return a step for another machine as it is taken on this one.

    Raises:
        ToolMissing: it runs what only that machine could run.
    """
    if MACHINES[platform].arch == here.machine() and sys.platform == "linux":
        return step
    match step:
        case CompileCross():
            why = "cross is compiled by cargo, for the machine that it runs on"
            raise ToolMissing(f"cross for {platform} cannot be made here", why=why, hint="make this bundle on such a machine")
        case InstallToolchain(source="rustup"):
            tool = tools.rustup(request, context.facts)
            if not isinstance(tool, Tool):
                raise ToolMissing("there is no rustup for this machine to fetch with", why=getattr(tool, "why", ""))
            for rustup_step in tool.steps:
                provisioning.take(rustup_step, context)
            return structs.replace(step, rustup=tool.path)
        case _:
            return step


def saved(writer: bundle.Writer, context: Context, platform: str, plans: Sequence[Plan]) -> tuple[Bundled, ...]:
    """Add the images of one platform, in one archive: an engine holds one platform of a name at a time."""
    routes = [plan.route for plan in plans if plan.route.image and plan.route.image.ref]
    if not routes:
        return ()
    with _tagged(context, routes, platform) as rows:
        refs = tuple(dict.fromkeys(row.ref for row in rows))
        context.say(f"packing {len(refs)} image{'s' * (len(refs) != 1)} for {platform}")
        name = platform.replace("/", "-")
        writer.add(f"images/{name}.tar.gz", "images", name, lambda write: engines.save(context.engine, refs, write))
    return rows


@contextmanager
def _tagged(context: Context, routes: Sequence[Route], platform: str) -> Iterator[tuple[Bundled, ...]]:
    """Give images that are known only by a digest a tag while they are saved: without one they would have no name when loaded."""
    command, tags, rows = context.engine.command, [], []
    try:
        for route in routes:
            if image := route.image:
                ref = image.ref
                if "@" in ref:
                    # in a repository of our own: with the last tag of one an engine forgets its digests too
                    ref = f"{BROUGHT}{route.target}:sha256-{ref.rpartition(':')[2][:12]}"
                    context.run((command, "tag", image.ref, ref))
                    tags.append(ref)
                rows.append(_row(route, image, ref, platform, context))
        yield tuple(rows)
    finally:
        if tags:
            context.run((command, "image", "rm", "--no-prune", *dict.fromkeys(tags)))


def _row(route: Route, image: Image, ref: str, platform: str, context: Context) -> Bundled:
    (inspected,) = engines.inspect(context.engine.command, (ref,), context.run)
    built = lock_rows.is_built(ref)
    return Bundled(
        ref=ref,
        id=identity(inspected),
        digest="" if built or "@" not in image.digest else image.digest.rpartition("@")[2],
        target=route.target,
        platform=image.platform,
        engine=platform,
        flavour="" if built else route.flavour,
        packages=context.config.target(route.target).packages,
    )


def _fetched(writer: bundle.Writer, context: Context, machines: Sequence[_Machine]) -> None:
    """Add the dependencies, fetched by a cargo that runs here: that of a machine like this one, else of the same release."""
    routes = [plan.route for machine in machines for plan in machine.plans]
    native = [route for route in routes if route.host_toolchain.host == context.facts.host.triple]
    if not native:
        config = structs.replace(context.config, toolchain=routes[0].host_toolchain.release)
        changed, _ = pipeline.make(routes[0].target, "build", pipeline.begin(config, context.root, context.environ, context.say))
        for step in changed.route.host_toolchain.steps:
            provisioning.take(step, context)
        routes = [structs.replace(route, host_toolchain=changed.route.host_toolchain) for route in routes]
    else:
        routes = [*native, *(structs.replace(route, host_toolchain=native[0].host_toolchain) for route in routes if route not in native)]
    writer.add("crates.tar.gz", "crates", "crates", lambda write: bundle.collect(routes, context, write))


def _users(kind: Kind, name: str, machines: Sequence[_Machine]) -> tuple[str, ...]:
    """Return the platforms of the machines that need a member; none said is all."""
    if kind == "crates":
        return ()
    if kind == "images":
        return tuple(machine.platform for machine in machines if machine.platform.replace("/", "-") == name)
    return tuple(machine.platform for machine in machines if (kind, name) in _names(machine))


def _names(machine: _Machine) -> set[tuple[Kind, str]]:
    return {(kind, folder.name) for plan in machine.plans for kind, folder in _parts(plan)}
