"""Pure: what a route is, what looking at one gives, its row of crosstasks.lock, and what makes a route unfit for its target."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct

from ..catalog import recipes
from ..catalog.ingredients import Emulator, Image, Provision, Questions, Runner, Tool, Toolchain, all_open
from ..catalog.targets import Target, default_image
from ..core import references, versions
from ..core.steps import RUNNING, Absent, Refused
from ..facts.inventory import BUNDLE_PREFIX
from ..facts.lock import HINT, LockRow, differs
from .request import Request

Isolation: TypeAlias = Literal["container", "host"]

Builder: TypeAlias = Literal["cross", "zigbuild", "cargo", "xwin"]


class Route(Struct, frozen=True, kw_only=True):
    """One complete way to build a target.

    Attributes:
        name: ``cross 0.2.5, image built here``; unique in a ladder.
        host_toolchain: the toolchain whose cargo runs on the host, to read the workspace and fetch its dependencies.
        emulator: what runs the programs of an image that is not of the engine's own platform.
        emulated: the container's programs run under emulation, which costs about 11x (docs/routes.md).
        glibc_floor: the glibc that artifacts need at most; empty where it is unknown or there is none.
        build_std: the standard library is compiled from source.
        remote: the engine is on another machine: all is copied there, and the artifacts back.
        runner: what starts programs that are built on the host; None: they start by themselves, or nothing is started.
        nextest: the cargo-nextest that runs where cargo does, if the verb needs it.
        sdk: of others: the folder that cargo-xwin keeps Microsoft's in, or the NDK's compiler.
    """

    name: str
    target: str
    builder: Builder
    flavour: str = ""
    tool: Tool | None = None
    toolchain: Toolchain
    host_toolchain: Toolchain
    image: Image | None = None
    emulator: Emulator | None = None
    emulated: bool = False
    glibc_floor: str = ""
    build_std: bool = False
    remote: bool = False
    runner: Runner | None = None
    nextest: Tool | None = None
    sdk: str = ""

    @property
    def isolation(self) -> Isolation:
        """Return where build scripts run: in a container, or on the host as any program of the user's."""
        return "container" if self.builder == "cross" else "host"

    @property
    def program(self) -> str:
        """Return the path of what is called, which calls cargo; empty if cargo is called itself."""
        return self.tool.path if self.tool else ""

    @property
    def steps(self) -> tuple[Provision, ...]:
        """Return what is still to be provided, each once."""
        steps: list[Provision] = []
        for part in (self.emulator, self.tool, self.host_toolchain, self.toolchain, self.image, self.runner, self.nextest):
            steps += [step for step in (part.steps if part else ()) if step not in steps]
        return tuple(steps)


ZIG_OLDEST: Final[Mapping[str, str]] = {"powerpc64le-unknown-linux-gnu": "2.32"}
"""The oldest that zig's libunwind links with, which is in every program: its ``__fprintfieee128`` came with 2.32 (seen with zig 0.17.1)."""


def oldest_for_zig(target: Target) -> tuple[str, str]:
    """Return the oldest glibc that zigbuild can link against, and what needs it."""
    if target.triple in ZIG_OLDEST:
        return ZIG_OLDEST[target.triple], "zig's libunwind"
    return target.oldest_glibc, "Rust's standard library"


Outcome: TypeAlias = Route | Absent | Questions


class Candidate(Struct, frozen=True):
    """A place on the ladder: the route's name, and how to look whether it is possible."""

    name: str
    look: Callable[[], Outcome]


def assemble(name: str, builder: Builder, request: Request, parts: Mapping[str, Any], questions: Questions = (), **more: Any) -> Outcome:
    """Put a route together of its *parts*, by field; if one is refused, or waits for answers, that is the outcome."""
    for part in parts.values():
        if isinstance(part, Absent):
            return part
    if unknown := all_open(*parts.values(), questions):
        return unknown
    options, missing = request.options, not set(request.target.triples) <= set(parts["toolchain"].standard)
    compiled = options.build_std == "always" or missing
    route = Route(name=name, target=request.target.triple, builder=builder, build_std=compiled, **parts, **more)
    if missing and options.build_std == "never":
        return Absent(f'{route.toolchain.name} has no standard library for {request.target.triple}, and build-std = "never"')
    return _unfit(route, request) or route


def _unfit(route: Route, request: Request) -> Absent | None:
    """Refuse a route that cannot keep the target's promise, or whose parts do not fit each other."""
    image, toolchain, ceiling = route.image, route.toolchain, request.options.glibc
    if image and image.glibc and toolchain.glibc and versions.numbers(toolchain.glibc) > versions.numbers(image.glibc):
        return Absent(f"the toolchain {toolchain.name} needs glibc {toolchain.glibc}, and {image.ref} has {image.glibc}")
    if ceiling and route.glibc_floor and versions.numbers(route.glibc_floor) > versions.numbers(ceiling):
        why = f"its artifacts need glibc {route.glibc_floor}, and glibc = {ceiling!r} is promised"
        return Absent(why, _gives(request, ceiling))
    if request.verb in RUNNING and image and not image.runs and not request.options.runner:
        return Absent(f"its image has nothing that runs {route.target} programs")
    return None


def _gives(request: Request, glibc: str) -> str:
    """Say what gives a glibc, or that nothing does: zigbuild has no container for what only one keeps."""
    least, what = oldest_for_zig(request.target)
    if versions.numbers(glibc) < versions.numbers(least):
        return f"no route keeps it: {what} for {request.target.triple} needs glibc {least}"
    zigbuild = f'builder = "zigbuild", or "zigbuild" in `fallback`, links against glibc {glibc}'
    older = [suite for suite, glibc_of_suite in recipes.SUITES.items() if versions.numbers(glibc_of_suite) <= versions.numbers(glibc)]
    if request.needs_debian and older:
        return f'base = "{older[-1]}" has glibc {recipes.SUITES[older[-1]]}'
    return f"without `{request.container_options[0].replace('_', '-')}`, {zigbuild}" if request.container_options else zigbuild


_TAGGED: Final = re.compile(r"((?<!\S)\S{1,200}/[^\s:/]{1,200}):[\w.-]{1,128}")
"""An image with its tag: what a registry that is out of reach says of one, it says of all."""


def alike(refused: Sequence[Refused]) -> list[tuple[str, list[Refused]]]:
    """Return the refused routes by their reasons; those that differ only in the tag of an image are one."""
    groups: dict[str, list[Refused]] = {}
    for refusal in refused:
        groups.setdefault(_TAGGED.sub(r"\1", refusal.why), []).append(refusal)
    return [(same[0].why if len({one.why for one in same}) == 1 else why, same) for why, same in groups.items()]


MOST_REASONS: Final = 2
"""How many reasons fit a line."""


def better(name: str, refused: Sequence[Refused]) -> str:
    """Say in one line which routes of another kind were refused before the one of this name, and why; sources of one image are no kinds."""
    others = [refusal for refusal in refused if _kind(refusal.name) not in {_kind(name), _kind("cargo")}]
    groups = alike(others)
    reasons = [f"{_kind(same[0].name)[0]}: {' '.join(why.split())}" for why, same in groups[:MOST_REASONS]]
    rest = sum(len(same) for _, same in groups[MOST_REASONS:])
    return "; ".join((*reasons, *([f"and {rest} more"] if rest else [])))


def _kind(name: str) -> tuple[str, bool]:
    return name.partition(",")[0], name.endswith(" emulated")


def lock_row(route: Route, request: Request) -> LockRow:
    """Return the row of a route."""
    image = route.image
    built = image.ref if image and recipes.is_tag(image.ref) else ""
    git = request.config.git_rev if route.flavour == "git" else ""
    return LockRow(
        builder=route.builder,
        flavour=route.flavour,
        revision=git,
        tool=route.tool.version if route.tool and route.builder != "cross" else "",
        image=_lock_name(image, route, request) if image else "",
        platform=image.platform if image else "",
        digest="" if built or not image else image.digest.rpartition("@")[2],
        recipe=built.rpartition("-")[2],
        toolchain=route.toolchain.release,
        toolchain_source=route.toolchain.origin,
        glibc=route.glibc_floor,
    )


def _lock_name(image: Image, route: Route, request: Request) -> str:
    """Return the image's name with its tag, as it is called where it comes from, and not in a mirror."""
    if recipes.is_tag(image.ref):
        return "/".join(image.ref.split("/")[-2:])
    upstream = default_image(request.target, route.flavour)
    if image.ref.startswith(BUNDLE_PREFIX):
        return request.options.image or upstream
    same = references.parse(image.ref).path.split("/")[-2:] == references.parse(upstream).path.split("/")[-2:]
    if image.source != "configured" and same:
        return upstream
    return request.options.image or image.ref


def compare_rows(row: LockRow, now: LockRow) -> tuple[tuple[str, str, str], ...]:
    """Return the fields that differ, each with both values.

    A floor that is, or was, not known yet, of an image that was not here, is no difference; nor are two names of one digest.
    """
    different = []
    for name in LockRow.__struct_fields__:
        before, would = getattr(row, name), getattr(now, name)
        unknown = name == "glibc" and not (before and would)
        same_image = name == "image" and row.digest and row.digest == now.digest
        if before != would and not unknown and not same_image:
            different.append((name, before, would))
    return tuple(different)


def differs_from_lock(route: Route, request: Request) -> Absent | None:
    """Refuse a route that differs from the lock."""
    different = compare_rows(request.lock_row, lock_row(route, request)) if request.lock_row else ()
    return Absent(differs(*different[0]), HINT) if different else None
