"""Tell: what is there and what is not, with a fix for each line; all of it is asked side by side."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from ... import parts, pipeline
from ...catalog import targets
from ...catalog.machines import debian_name
from ...config import configuration
from ...context import Context
from ...core.errors import ConfigError, CrosstasksError, DiskFull, EngineFailed, NoRoute, ToolMissing
from ...core.steps import Absent, Question
from ...facts import Facts
from ...facts.debian import Debian, rust_question
from ...facts.emulation import Emulation
from ...facts.engine import Engine
from ...facts.host import Host
from ...facts.registry import RegistryImage
from ...facts.rustup import Channel, Rustup
from ...planning import plan, request, toolchains
from ...planning.plan import Plan
from ...project.repository import Repository
from ...reporting import report
from ...reporting.progress import align, step_words

State: TypeAlias = Literal["ok", "missing", "warning"]

REGISTRY: Final = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"
"""An image that every version of cross knows: whoever can ask for it can pull cross's images."""

STABLE: Final = Question("rust-channel", "stable")
"""What rustup's server is asked."""


class Row(Struct, frozen=True, kw_only=True):
    """One line of ``doctor``.

    Attributes:
        state: ``missing`` is something that a configured target needs; a ``warning`` leaves them other ways.
        fix: what the user can do.
        code: the exit code of what is missing.
    """

    name: str
    state: State = "ok"
    detail: str
    fix: str = ""
    code: int = 0


def line(name: str, detail: str, fix: str = "") -> Row:
    """Return the line of what is there; a warning if something can be done about it."""
    return Row(name=name, state="warning" if fix else "ok", detail=detail, fix=fix)


def missing(name: str, detail: str, fix: str, code: int) -> Row:
    """Return the line of what a configured target needs, and is not there."""
    return Row(name=name, state="missing", detail=detail, fix=fix, code=code)


def absent(name: str, why: Absent, fix: str = "") -> Row:
    """Return the line of a fact that is not there; whether something needs it is told by the targets."""
    return Row(name=name, state="warning", detail=why.why, fix=why.hint or fix)


def host(facts: Facts) -> Iterator[Row]:
    """Tell of the machine."""
    answer: Host | Absent = facts["host"]
    match answer:
        case Absent() as why:
            yield missing("host", why.why, why.hint or "run crosstasks on Linux or macOS", CrosstasksError.code)
        case Host() as machine:
            libc = {"gnu": f", glibc {machine.glibc}", "musl": ", musl"}.get(machine.libc, "")
            extra = [f"in a container ({machine.container})"] * bool(machine.container) + [f"in CI ({machine.ci})"] * bool(machine.ci)
            yield line("host", ", ".join((f"{machine.os}{libc}, {machine.triple}", *extra)))


def engine(facts: Facts) -> Iterator[Row]:
    """Tell of the container engine."""
    match facts.engine:
        case Absent() as why:
            yield absent("engine", why, "start Docker or Podman")
        case Engine() as answer:
            parts = [f"{answer.kind} {answer.version}", answer.platform]
            parts += [f"context {answer.context or 'default'}", f"store {answer.store or 'unknown'}"]
            parts += [answer.desktop] * bool(answer.desktop) + ["rootless"] * answer.rootless + ["SELinux"] * answer.selinux
            if answer.remote:
                where = answer.endpoint or answer.context or "its socket"
                parts.append(f"remote at {where}: all that a build needs is copied there each time")
            yield line("engine", ", ".join(parts))


_KINDS: Final[Mapping[str, str]] = {
    "cross": "nothing to do: a plan installs a pinned one from PyPI or with cargo, into the cache",
    "cargo-zigbuild": "nothing to do: a plan installs it from PyPI into the cache when it is needed",
}


def builders(facts: Facts) -> Iterator[Row]:
    """Tell of every cross and cargo-zigbuild, on PATH and in the cache."""
    for kind, fix in _KINDS.items():
        programs = facts.builders.all(kind)
        if not programs:
            yield line(kind, "neither on PATH nor in the cache", fix)
        for one in programs:
            commit = f" ({one.commit})" if one.commit else ""
            yield line(kind, f"{one.version}{commit}, {one.place}: {one.path}")
    for name, wrong in facts.inventory.problems.items():
        yield line("cache", f"{name}: {wrong}", "nothing to do: it is made anew when it is needed")


def rust(facts: Facts) -> Iterator[Row]:
    """Tell of cargo, rustup and all toolchains."""
    for cargo in facts.builders.all("cargo"):
        yield line("cargo", f"{cargo.version}, {cargo.path}, not rustup's")
    match facts.rustup:
        case Absent() as why:
            yield absent("rustup", why)
        case Rustup() as answer:
            yield line("rustup", f"{answer.version}, {answer.command}, home {answer.home}")
            names = ", ".join(f"{t.name}{' (active)' if t.name == answer.active else ''}" for t in answer.toolchains)
            fix = "nothing to do: a plan provides a toolchain of its own; or `rustup toolchain install stable`"
            yield line("toolchains", names) if names else line("toolchains", "rustup has none", fix)
    ours = ", ".join(f"{t.name} from {t.origin}, std of {len(t.standard)} targets" for t in facts.inventory.toolchains)
    if ours:
        yield line("toolchains", f"in the cache: {ours}")


def network(facts: Facts) -> Iterator[Row]:
    """Tell of rustup's server, of the registry that cross's images are in, and of Debian's archive."""
    channel: Channel | Absent = facts.get(STABLE)
    match channel:
        case Absent() as why:
            yield absent("rustup's server", why, "set RUSTUP_DIST_SERVER to a mirror, or HTTPS_PROXY; Debian's packages serve on Linux")
        case Channel():
            yield line("rustup's server", f"{channel.server}, stable is {channel.release}")
    image: RegistryImage | Absent = facts.get(Question("registry", REGISTRY))
    match image:
        case Absent() as why:
            fix = "nothing to do: images are built here from Debian's packages; or set `mirror` in crosstasks.toml"
            yield line("registry", why.why.partition("\n")[0], fix)
        case RegistryImage():
            yield line("registry", f"{REGISTRY} is served, for {', '.join(image.platforms)}")
    offer: Debian | Absent = next(answer for question, answer in facts.answers.items() if question.about == "debian")
    match offer:
        case Absent() as why:
            fix = "`debian-mirror` names a mirror, HTTPS_PROXY a proxy; images and toolchains then come from a registry and rustup"
            yield absent("Debian's archive", why, fix)
        case Debian() as debian:
            offered = ", ".join(f"Rust {release} (std for {', '.join(std) or 'none'})" for release, std in debian.rust.items())
            yield line("Debian's archive", f"{debian.suite}: {offered}")


def emulation(facts: Facts) -> Iterator[Row]:
    """Tell which foreign programs the kernel runs, and whether containers can use that."""
    fix = "needed only for images of another architecture: `crosstasks emulation.install --platform linux/amd64`"
    match facts.emulation:
        case Emulation(registered=registered) if registered:
            words = (f"{one.name} ({'F' if one.fixed else 'no F'}{'' if one.enabled else ', disabled'})" for one in registered.values())
            detail = ", ".join(dict.fromkeys(words))
            works = any(entry.fixed and entry.enabled for entry in registered.values())
            yield line("emulation", detail) if works else line("emulation", f"{detail}: without the flag F containers cannot use it", fix)
        case Emulation():
            yield line("emulation", "the kernel hands no foreign program to an emulator, or does not tell here", fix)
        case why:
            yield absent("emulation", why, fix)


def repository(facts: Facts) -> Iterator[Row]:
    """Tell of the Rust repository; without one there is nothing to build."""
    match facts.repository:
        case Absent() as why:
            yield missing("repository", why.why, why.hint or "run crosstasks in the folder of a Cargo.toml", ConfigError.code)
        case Repository() as project:
            count = len(project.packages)
            parts = [project.root, f"{count} package{'s' * (count != 1)}", f"target folder {project.target_directory}"]
            parts += [f"toolchain {project.channel}"] * bool(project.channel) + [project.cross_origin] * bool(project.cross_origin)
            parts += [] if project.lock else ["no Cargo.lock"]
            fix = "`cargo generate-lockfile`, and commit Cargo.lock: builds are then the same everywhere"
            yield line("repository", ", ".join(parts), "" if project.lock else fix)


CHECKS: Final[tuple[Callable[[Facts], Iterator[Row]], ...]] = (host, engine, builders, rust, network, emulation, repository)
"""In the order in which they are shown: what a later line needs stands above it."""


ROOM: Final = 5e9
"""Bytes that a toolchain, an image and a build need, and some to spare."""

Plans = Mapping[str, Plan | NoRoute | EngineFailed]


def examine(place: Path) -> tuple[Row, ...]:
    """Look at everything, and return a row for each thing, what others need first; then one for each configured target."""
    context, config_row = _start(place)
    context = pipeline.look(context)
    machine: Host | Absent = context.facts["host"]
    debian = rust_question("" if isinstance(machine, Absent) else debian_name(machine.arch), context.config.targets)
    context = _look(context, (STABLE, Question("registry", REGISTRY), debian))
    plans, context = _plans(context)
    rows = [row for check in CHECKS for row in check(context.facts)]
    rows = [_with_engine(row, plans, context) for row in (rows[0], _python(), *rows[1:])]
    return (*rows, *_toolchain(plans, context), *_disks(context), config_row, *_targets(plans))


def _start(folder: Path) -> tuple[Context, Row]:
    """Read the configuration, and tell where it is; a wrong one is a row too, and the machine is looked at all the same."""
    try:
        context = pipeline.start(folder, need_config=False)
    except ConfigError as error:
        detail = f"{error.what}: {'; '.join(error.why.splitlines())}"
        row = missing("config", detail, error.hint or "mend what is named", error.code)
        return pipeline.begin(configuration.Config(), folder.absolute()), row
    place, count = context.config.place, len(context.config.targets)
    if not count:
        return context, line("config", f"{place or 'no crosstasks.toml'}: no target is declared", "`crosstasks init` writes one")
    return context, line("config", f"{place or 'from the environment'}: {count} target{'s' * (count != 1)}")


def _plans(context: Context) -> tuple[Plans, Context]:
    """Choose a route for every configured target; what all of them still have to know is asked at once."""
    if not isinstance(context.facts["host"], Host):
        return {}, context
    while True:
        plans: dict[str, Plan | NoRoute | EngineFailed] = {}
        questions: list[Question] = []
        for triple in context.config.targets:
            try:
                result = plan.make(request.make(targets.find(triple), "build", context.facts, context.config), context.facts)
            except plan.NO_PLAN as error:
                plans[triple] = error
                continue
            if isinstance(result, Plan):
                plans[triple] = result
            else:
                questions += result
        if not questions:
            return plans, context
        context = _look(context, questions)


def _look(context: Context, questions: Sequence[Question]) -> Context:
    """Ask; where a full disk keeps the archive's lists from being read, that is the answer, and the rows of the disks say more."""
    try:
        return pipeline.look(context, questions)
    except DiskFull as error:
        every = (Question("debian"), *(one for one in questions if one.about == "debian"))
        facts = context.facts.with_(dict.fromkeys(every, Absent(error.what, error.hint)))
        return pipeline.look(replace(context, facts=facts), questions)


def _python() -> Row:
    """Tell of Python and the libraries that we need; a copy that was not installed may lack some."""
    present, absences = [], []
    for name in (row.name for row in parts.requirements(parts.REQUIREMENTS.read_text("utf-8"))):
        try:
            present.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            absences.append(name)
    version = ".".join(map(str, sys.version_info[:3]))
    if absences:
        fix = f"{sys.executable} -m pip install {' '.join(absences)}"
        return missing("python", f"{version}, without {', '.join(absences)}", fix, ToolMissing.code)
    return line("python", f"{version}, {', '.join(present)}")


def _with_engine(row: Row, plans: Plans, context: Context) -> Row:
    """Call an engine that does not answer missing if a target has no route for want of it, or the user names it."""
    if row.name != "engine" or not isinstance(context.facts.engine, Absent):
        return row
    without_route = (triple for triple, result in plans.items() if not isinstance(result, Plan))
    if context.config.engine == "auto" and not any(context.config.target(triple).builder in {"auto", "cross"} for triple in without_route):
        return row
    return missing(row.name, row.detail, row.fix, EngineFailed.code)


def _toolchain(plans: Plans, context: Context) -> Iterator[Row]:
    """Tell of the toolchain only if none can be had, and a target lacks it."""
    triple = next((triple for triple, result in plans.items() if isinstance(result, NoRoute)), "")
    if not triple:
        return
    target_request = request.make(targets.find(triple), "build", context.facts, context.config)
    choice = toolchains.choose(context.facts.host.triple, target_request, context.facts)
    if isinstance(choice, Absent):
        fix = choice.hint or "reach rustup's server, or have rustup install the toolchain"
        yield missing("toolchain", choice.why, fix, ToolMissing.code)


def _disks(context: Context) -> Iterator[Row]:
    """Tell of the room that cache and engine have left."""
    yield _disk("disk of the cache", context.cache, "CROSSTASKS_CACHE_DIR names another folder; `crosstasks tools.clean --cache`")
    engine = context.facts.engine
    if not isinstance(engine, Engine):
        return
    folder = "" if engine.remote or engine.desktop or engine.apart else engine.folder
    if folder and Path(folder).exists():
        yield _disk("disk of the engine", Path(folder), "`crosstasks tools.clean --images`; `docker system df` says what takes the room")
    else:
        where = away(engine, context.facts["host"])
        yield line("disk of the engine", f"{where}: `{engine.kind} system df` says what takes the room")


def away(engine: Engine, host: Host | Absent) -> str:
    """Return where a disk is that cannot be measured from here."""
    if engine.remote:
        return "on another machine"
    if engine.desktop:
        return f"in the machine of {engine.desktop}"
    return "outside of the container that we are in" if isinstance(host, Host) and host.container else "not to be seen from here"


def _disk(name: str, folder: Path, fix: str) -> Row:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    return line(name, f"{report.size(free)} free for {folder}", fix if free < ROOM else "")


def _targets(plans: Plans) -> Iterator[Row]:
    for triple, result in plans.items():
        match result:
            case Plan(route=route, steps=steps):
                slow = ": about 11 times slower" if route.emulated else ""
                left = f"; to do: {'; '.join(map(step_words, steps))}" if steps else ", all there"
                yield line(triple, f"{route.name}{slow}{left}")
            case error:
                reasons = "; ".join(line.strip() for line in error.why.splitlines())
                yield missing(triple, f"no route: {reasons}", error.hint, error.code)


def code(rows: Sequence[Row]) -> int:
    """Return the exit code of the first thing that is missing; 0 if nothing is."""
    return next((row.code for row in rows if row.state == "missing"), 0)


_MARKS: Final[Mapping[str, str]] = {"ok": "ok", "warning": "--", "missing": "NO"}


def text(rows: Sequence[Row]) -> str:
    """Return the rows for people: state, name and what was found, and the fix below what is not ok."""
    lines = []
    for row in rows:
        mark = report.bold(_MARKS[row.state]) if row.state == "missing" else _MARKS[row.state]
        lines.append((mark, row.name, row.detail))
        if row.fix:
            lines.append(("", "", report.dim_out(f"fix: {row.fix}")))
    return align(lines)
