"""Tell: plans, results and the catalogue as text for people; progress goes to stderr, results to stdout."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ..catalog import targets
from ..catalog.ingredients import Image, Ingredient, Tool, Toolchain
from ..config.session_cache import session_name
from ..core.errors import harmless
from ..core.results import Artifact, Result
from ..core.steps import Refused
from ..planning.route import alike
from . import progress, streams

if TYPE_CHECKING:
    from ..planning.plan import Plan


def say(line: str) -> None:
    """Tell one line of progress, on stderr."""
    print(f"{progress.clear_line()}{paint('2', '*', sys.stderr)} {harmless(line)}", file=sys.stderr, flush=True)


def paint(code: str, text: str, stream: object) -> str:
    """Return text for a stream, in the colour that an ANSI code of that number gives."""
    return f"\x1b[{code}m{text}\x1b[0m" if streams.has_colour(stream, os.environ) else text


def bold(text: str) -> str:
    """Return text for stdout, bold."""
    return paint("1", text, sys.stdout)


def plan_text(plan: Plan, *, everything: bool = False) -> str:
    """Return a plan as a person reads it: the answer first, then what will be done, then why other routes are not taken.

    Args:
        plan: what to show.
        everything: each ingredient with its reason, each refused route, each step with its values.
    """
    lines = [f"{bold(plan.target)} ({plan.verb})", *_row("route", bold(plan.route.name)), *_row("why", _why(plan))]
    lines += _row("isolation", "in a container" if plan.route.isolation == "container" else "on the host: build scripts run as you")
    lines += [line for label, text in _notes(plan) for line in _row(label, text)]
    lines += _steps(plan, everything=everything)
    if everything:
        lines += [line for label, part in _parts(plan) for line in _ingredient(label, part)]
        lines += [line for refusal in plan.refused for line in _row("refused", f"{refusal.name}: {refusal.why}")]
        lines += _row("next", "; ".join(plan.below)) if plan.below else []
    else:
        lines += [line for text in group_refusals(plan.refused) for line in _row("refused", text)]
        lines += _row("", dim_out("--all shows every ingredient, refused route and step in full"))
    return "\n".join(lines)


def _row(label: str, text: str) -> list[str]:
    """Return a labelled line, broken where a terminal would break it in the middle of a word."""
    room = min(shutil.get_terminal_size((120, 24)).columns, 120) - 13
    lines = textwrap.wrap(text, max(room, 40), break_long_words=False, break_on_hyphens=False) if "\x1b" not in text else [text]
    return [f"  {label if not number else '':<10} {line}" for number, line in enumerate(lines)]


def _why(plan: Plan) -> str:
    image = plan.route.image
    first = "the lock holds it" if plan.locked else "what comes before it is refused" if plan.refused else "it comes first on this machine"
    return f"{first}; the image: {image.why}" if image else first


MOST_GROUPS: Final = 3
"""Groups of refused routes that are shown without ``--all``."""


def group_refusals(refused: Sequence[Refused]) -> list[str]:
    """Return the refused routes, those with one reason together."""
    groups = alike(refused)
    lines = [f"{same[0].name}{f' and {len(same) - 1} more' if same[1:] else ''}: {why}" for why, same in groups]
    rest = sum(len(same) for _, same in groups[MOST_GROUPS:])
    return [*lines[:MOST_GROUPS], *([f"{rest} more route{'s' if rest > 1 else ''}"] if rest else [])]


def _parts(plan: Plan) -> Iterable[tuple[str, Ingredient]]:
    route = plan.route
    parts: list[tuple[str, Ingredient | None]] = [
        (route.tool.name if route.tool else "", route.tool),
        ("image", route.image),
        ("emulation", route.emulator),
        ("toolchain", route.toolchain),
        ("host cargo", route.host_toolchain if route.host_toolchain != route.toolchain else None),
        ("runner", route.runner),
    ]
    return [(label, part) for label, part in parts if part]


def _ingredient(label: str, part: Ingredient) -> list[str]:
    match part:
        case Tool(version=version, path=path):
            head = f"{version}, {part.source}: {path}"
        case Image(ref=ref, platform=platform, digest=digest):
            name = " ".join(filter(None, (ref or "made by cross", digest.rpartition("@")[2])))
            head = f"{name}, {platform}, {part.source}"
        case Toolchain(name=name):
            head = f"{name}, {part.source}"
        case _:
            head = part.source
    return [f"  {label:<10} {head}", f"  {'':<10} {dim_out(part.why)}"]


def dim_out(text: str) -> str:
    """Return text for stdout, dimmed."""
    return paint("2", text, sys.stdout)


def _notes(plan: Plan) -> list[tuple[str, str]]:
    route = plan.route
    notes = []
    if plan.other_release:
        notes.append(("rust", plan.other_release))
    if glibc := plan.promise.glibc:
        notes.append(("glibc", f"programs run with glibc {glibc} or newer{_other_glibc(plan)}"))
    if route.build_std:
        notes.append(("std", f"compiled from source (-Zbuild-std): {route.toolchain.name} has none for {plan.target}"))
    if route.emulated and route.image:
        notes.append(("slow", f"{route.image.platform} is emulated on this engine, about 11 times slower"))
    if plan.members:
        notes.append(("members", ", ".join(plan.members)))
    return notes


def _other_glibc(plan: Plan) -> str:
    """Say that a route gives more than is promised everywhere, or cannot keep it."""
    everywhere, of_route = plan.everywhere, plan.route.glibc_floor
    if not of_route or of_route == everywhere:
        return ""
    if plan.promise.glibc == everywhere:
        return f", on every machine; by this route with {of_route}"
    return f': this route cannot keep {everywhere}, which others do; `glibc = "{everywhere}"` rules it out' if everywhere else ""


def _steps(plan: Plan, *, everything: bool) -> list[str]:
    if not plan.steps:
        return _row("to do", "nothing: everything is there")
    lines = []
    for number, step in enumerate(plan.steps, 1):
        lines += _row("to do" if number == 1 else "", f"{number}. {progress.step_words(step)}")
        if everything:
            lines += [f"  {'':<13} {dim_out(step.why)}", f"  {'':<13} {dim_out(str(step))}"]
    return lines


def result_text(results: Sequence[Result]) -> str:
    """Return one line for every artifact, and one for every target that has none."""
    return "\n".join(line for result in results for line in _result(result))


def _result(result: Result) -> Iterable[str]:
    where = ", on the host" if result.isolation == "host" else ""
    ok = f"ok in {result.seconds:.1f} s, {result.route}{where}"
    yield f"{bold(result.target)}: {result.verb} {f'failed: {result.error.splitlines()[0]}' if result.error else ok}"
    yield from (f"  not by {failure.route}: {failure.what}" for failure in result.failures)
    if result.better:
        yield f"  better was refused: {result.better}"
    for artifact in result.artifacts:
        yield f"  {relative(artifact.path)}"
        yield f"    {', '.join(filter(None, (size(artifact.size), floor(artifact))))}"
        yield f"    sha256 {artifact.sha256}"


def relative(path: str) -> str:
    """Return a path as it is typed in the present folder; one that lies elsewhere as it is."""
    here = Path.cwd()
    return Path(path).relative_to(here).as_posix() if Path(path).is_relative_to(here) else path


def floor(artifact: Artifact) -> str:
    """Return the oldest glibc that a program or library runs with; empty if it is not linked against glibc."""
    return runs_with(artifact.glibc) if artifact.glibc else "needs no library" if artifact.static else ""


def runs_with(glibc: str) -> str:
    """Return what the newest version of a symbol of glibc says that a program needs; empty if it needs none."""
    return f"runs with glibc {glibc} or newer" if glibc else ""


def size(count: int) -> str:
    """Return a number of bytes as a person reads it."""
    value = float(count)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


class TargetRow(Struct, frozen=True, kw_only=True):
    """One target.

    Attributes:
        triple, aliases: its names.
        session: what builds it, as Nox lists it without a prefix; ``cross-test-…`` tests it.
        images: the flavours of cross that have an image for it.
        built: an image for it can be built here, from Debian's packages.
        hosted: what builds it without an image: ``cargo``, ``zigbuild``; empty: nothing.
        tests: cross's images run its programs.
        std: rustup ships its standard library; else that is built from source.
        here: how this machine does each verb that was asked for: the name of a route, or ``no: `` and the reason.
    """

    triple: str
    aliases: tuple[str, ...]
    session: str
    arch: str
    os: str
    libc: str
    images: tuple[str, ...]
    built: bool
    hosted: str
    tests: bool
    std: bool
    here: Mapping[str, str] = {}


def target_rows() -> tuple[TargetRow, ...]:
    """Return every target, in the order of the catalogue."""
    return tuple(
        TargetRow(
            triple=row.triple,
            aliases=row.aliases,
            session=session_name("", "build", targets.alias(row)),
            arch=row.arch,
            os=row.os,
            libc=row.libc,
            images=tuple(row.images),
            built=row.container and bool(row.packages),
            hosted="cargo" if row.plain_cargo else "zigbuild" if row.zig else "",
            tests=bool(row.runners),
            std=not row.build_std,
        )
        for row in targets.catalogue().values()
    )


def text(rows: Sequence[TargetRow]) -> str:
    """Return the targets as a table for people."""
    verbs = tuple(rows[0].here) if rows else ()
    head = ("triple", "session cross-<name>, other names", "images of cross", "built here", "no image", "tests", "std", *verbs)
    lines = [head]
    for row in rows:
        built, tests = ("yes" if answer else "-" for answer in (row.built, row.tests))
        names, images, std = ", ".join(row.aliases), " ".join(row.images), "shipped" if row.std else "source"
        lines.append((row.triple, names, images or "-", built, row.hosted or "-", tests, std, *row.here.values()))
    return progress.align(lines)
