"""Tell: plans, results and the catalogue as text for people; progress goes to stderr, results to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from ..catalog import targets
from ..planning.ingredients import Image, Ingredient, Tool, Toolchain
from . import tables

if TYPE_CHECKING:
    from ..core.results import Result
    from ..planning.plan import Plan


def say(line: str) -> None:
    """Tell one line of progress, on stderr."""
    print(f"{dim('*')} {line}", file=sys.stderr, flush=True)


def coloured(stream: object, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour: ``NO_COLOR`` and ``FORCE_COLOR`` win over what the stream is."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return bool(getattr(stream, "isatty", lambda: False)()) and environ.get("TERM") != "dumb"


def _paint(code: str, text: str, stream: object) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if coloured(stream, os.environ) else text


def dim(text: str) -> str:
    """Return text for stderr, dimmed."""
    return _paint("2", text, sys.stderr)


def bold(text: str) -> str:
    """Return text for stdout, bold."""
    return _paint("1", text, sys.stdout)


def plan_text(plan: Plan) -> str:
    """Return a plan as a person reads it: the route, each ingredient, the packages if some are named, the refused routes, the steps."""
    route = plan.route
    lines = [f"{bold(plan.target)} ({plan.verb})", f"  route      {bold(route.name)}"]
    ingredients: list[tuple[str, Ingredient | None]] = [
        (route.tool.name if route.tool else "", route.tool),
        ("image", route.image),
        ("emulation", route.emulator),
        ("toolchain", route.toolchain),
    ]
    if route.own != route.toolchain:
        ingredients.append(("host cargo", route.own))
    for label, part in ingredients:
        if part:
            lines += _ingredient(label, part)
    lines += [f"  {label:<10} {text}" for label, text in _notes(plan)]
    lines += [f"  members    {', '.join(plan.members)}"] if plan.members else []
    lines += [f"  refused    {refusal.name}: {refusal.why}" for refusal in plan.refused]
    if plan.below:
        lines.append(f"  then       {'; '.join(plan.below[:3])}{'; …' if len(plan.below) > 3 else ''}")
    lines += _steps(plan)
    return "\n".join(lines)


def _ingredient(label: str, part: Ingredient) -> list[str]:
    match part:
        case Tool(version=version, path=path):
            head = f"{version}, {part.source}: {path}"
        case Image(ref=ref, platform=platform, digest=digest):
            short = digest.rpartition("@")[2][:19]
            head = f"{ref or 'made by cross'}{f' {short}' if short else ''}, {platform}, {part.source}"
        case Toolchain(name=name):
            head = f"{name}, {part.source}"
        case _:
            head = part.source
    return [f"  {label:<10} {head}", f"  {'':<10} {dim_out(part.why)}"]


def dim_out(text: str) -> str:
    """Return text for stdout, dimmed."""
    return _paint("2", text, sys.stdout)


def _notes(plan: Plan) -> list[tuple[str, str]]:
    route = plan.route
    notes = [("lock", "crosstasks.lock holds this")] if plan.locked else []
    if route.libc:
        notes.append(("glibc", f"artifacts run with glibc {route.libc} or newer"))
    if route.build_std:
        notes.append(("std", f"compiled from source (-Zbuild-std): {route.toolchain.name} has none for {plan.target}"))
    if route.emulated and route.image:
        notes.append(("slow", f"{route.image.platform} is emulated on this engine, about 11x slower"))
    return notes


def _steps(plan: Plan) -> list[str]:
    if not plan.steps:
        return ["  steps      none: everything is there"]
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines += [f"  step {number:<5} {step}", f"  {'':<10} {dim_out(step.why)}"]
    return lines


def result_text(results: Sequence[Result]) -> str:
    """Return one line for every artifact, and one for every target that has none."""
    return "\n".join(line for result in results for line in _result(result))


def _result(result: Result) -> Iterable[str]:
    turns = [f"  not by {failure.route}: {failure.what}" for failure in result.turns]
    if result.error:
        yield f"{bold(result.target)}: {result.verb} failed: {result.error.splitlines()[0]}"
        yield from turns
        return
    yield f"{bold(result.target)}: {result.verb} ok in {result.seconds:.1f} s, {result.route}"
    yield from turns
    for artifact in result.artifacts:
        yield f"  {artifact.path}  {size(artifact.size)}  sha256 {artifact.sha256[:16]}"


def size(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


class Listed(Struct, frozen=True, kw_only=True):
    """One target.

    Attributes:
        triple, aliases: its names; session names hold the first alias.
        images: the flavours of cross that have an image for it.
        built: an image for it can be built here, from Debian's packages.
        tests: cross's images run its programs.
        std: rustup ships its standard library; else that is built from source.
    """

    triple: str
    aliases: tuple[str, ...]
    arch: str
    os: str
    libc: str
    images: tuple[str, ...]
    built: bool
    tests: bool
    std: bool


def listed() -> tuple[Listed, ...]:
    """Return every target, in the order of the catalogue."""
    return tuple(
        Listed(
            triple=row.triple,
            aliases=row.aliases,
            arch=row.arch,
            os=row.os,
            libc=row.libc,
            images=tuple(row.images),
            built=row.containerised and bool(row.packages),
            tests=bool(row.runners),
            std=not row.build_std,
        )
        for row in targets.catalogue().values()
    )


def text(rows: Sequence[Listed]) -> str:
    """Return the targets as a table for people."""
    head = ("triple", "aliases", "images of cross", "built here", "tests", "std")
    yes, std = {True: "yes", False: "-"}, {True: "shipped", False: "source"}
    lines = [
        head,
        *((row.triple, ", ".join(row.aliases), " ".join(row.images) or "-", yes[row.built], yes[row.tests], std[row.std]) for row in rows),
    ]
    return tables.aligned(lines)
