"""Tell: what is there and what is not, with a fix for each line; all of it is asked side by side."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Final

from ... import config, pipeline
from ...catalog import targets
from ...clients.docker_api import EngineDoor
from ...context import Work
from ...core.about import PACKAGE
from ...core.errors import ConfigError, CrosstasksError, DiskFull, EngineFailed, NoRoute, ToolMissing
from ...core.steps import Absent, Question, Refused
from ...facts.engine import Engine
from ...facts.host import Host
from ...planning import plan, toolchains
from ...planning.plan import Plan
from ...reporting import report
from . import doctor_checks
from .doctor_checks import Row

NETWORK: Final = (Question("rustup-server"), Question("registry", doctor_checks.REGISTRY), Question("debian"))

ROOM: Final = 5e9
"""Bytes that a toolchain, an image and a build need, and some to spare."""

Found = Mapping[str, Plan | NoRoute | EngineFailed]


def examine(place: Path) -> tuple[Row, ...]:
    """
    Look at everything, and say what it is.

    Args:
        place: the folder of the Rust repository.

    Returns:
        One row for each thing, what others need first; then one for each configured target.
    """
    work, configured = _begun(place)
    work = _look(pipeline.look(work), NETWORK)
    found, work = _chosen(work)
    rows = [row for check in doctor_checks.CHECKS for row in check(work.facts)]
    rows = [_needed(row, found, work) for row in (rows[0], _python(), *rows[1:])]
    return (*rows, *_toolchain(found, work), *_disks(work), configured, *_targets(found))


def _begun(place: Path) -> tuple[Work, Row]:
    """Read the configuration; a wrong one is a row, and the machine is looked at all the same."""
    try:
        work = pipeline.start(place, needed=False)
    except ConfigError as error:
        detail = f"{error.what}: {'; '.join(error.why.splitlines())}"
        row = Row(name="config", state="missing", detail=detail, fix=error.hint or "mend what is named", code=error.code)
        return pipeline.begin(config.Config(), place.absolute()), row
    return work, doctor_checks.configuration(work.config)


def _chosen(work: Work) -> tuple[Found, Work]:
    """Choose a route for every configured target; what all of them still have to know is asked at once."""
    if not isinstance(work.facts["host"], Host):
        return {}, work
    while True:
        found: dict[str, Plan | NoRoute | EngineFailed] = {}
        missing: list[Question] = []
        for triple in work.config.targets:
            try:
                made = plan.make(targets.find(triple), work.facts, work.config)
            except (NoRoute, EngineFailed) as error:
                found[triple] = error
                continue
            if isinstance(made, Plan):
                found[triple] = made
            else:
                missing += made
        if not missing:
            return found, work
        work = _look(work, missing)


def _look(work: Work, questions: Iterable[Question]) -> Work:
    """Ask; where a full disk keeps apt from answering, that is the answer, and the rows of the disks say more."""
    try:
        return pipeline.look(work, questions)
    except DiskFull as error:
        known = work.facts.with_({Question("debian"): Absent(error.what, error.hint)})
        return pipeline.look(replace(work, facts=known), questions)


def _python() -> Row:
    """Tell of Python and the libraries that we need; a copy that was not installed may lack some."""
    held, lacking = [], []
    listed = (PACKAGE / "requirements.txt").read_text("utf-8").split()
    for name in (line.partition(">")[0] for line in listed):
        try:
            held.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            lacking.append(name)
    version = ".".join(map(str, sys.version_info[:3]))
    if lacking:
        fix = f"{sys.executable} -m pip install {' '.join(lacking)}"
        return Row(name="python", state="missing", detail=f"{version}, without {', '.join(lacking)}", fix=fix, code=ToolMissing.code)
    return Row(name="python", detail=f"{version}, {', '.join(held)}")


def _needed(row: Row, found: Found, work: Work) -> Row:
    """Call an engine that does not answer missing if a target has no route for want of it, or the user names it."""
    if row.name != "engine" or not isinstance(work.facts.engine, Absent):
        return row
    wanting = any(not isinstance(made, Plan) and work.config.target(triple).builder in {"auto", "cross"} for triple, made in found.items())
    if not wanting and work.config.engine == "auto":
        return row
    return Row(name=row.name, state="missing", detail=row.detail, fix=row.fix, code=EngineFailed.code)


def _toolchain(found: Found, work: Work) -> Iterator[Row]:
    """Tell of the toolchain only if none can be had, and a target lacks it."""
    if not any(isinstance(made, NoRoute) for made in found.values()):
        return
    match toolchains.choose(work.facts.host.triple, work.facts, work.config):
        case Refused(why=why, hint=hint):
            fix = hint or "reach rustup's server, or have rustup install the toolchain"
            yield Row(name="toolchain", state="missing", detail=why, fix=fix, code=ToolMissing.code)
        case _:
            return


def _disks(work: Work) -> Iterator[Row]:
    """Tell of the room that cache and engine have left."""
    yield _disk("disk of the cache", work.cache, "CROSSTASKS_CACHE_DIR names another folder; `crosstasks clean --cache`")
    engine = work.facts.engine
    if not isinstance(engine, Engine):
        return
    folder = "" if engine.remote or engine.desktop or engine.apart else _store(engine, work)
    if folder and Path(folder).exists():
        yield _disk("disk of the engine", Path(folder), "`crosstasks clean --images`; `docker system df` says what takes the room")
    else:
        yield Row(
            name="disk of the engine", detail=f"{away(engine, work.facts['host'])}: `{engine.kind} system df` says what takes the room"
        )


def away(engine: Engine, host: Host | Absent) -> str:
    """Return where a disk is that cannot be measured from here."""
    if engine.remote:
        return "on another machine"
    if engine.desktop:
        return f"in the machine of {engine.desktop}"
    return "outside of the container that we are in" if isinstance(host, Host) and host.container else "not to be seen from here"


def _store(engine: Engine, work: Work) -> str:
    with suppress(CrosstasksError):
        told = EngineDoor(engine.command, work.run, kind=engine.kind).info()
        return str(told.get("DockerRootDir") or (told.get("store") or {}).get("graphRoot") or "")
    return ""


def _disk(name: str, folder: Path, fix: str) -> Row:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    detail = f"{report.size(free)} free for {folder}"
    return Row(name=name, detail=detail) if free >= ROOM else Row(name=name, state="warning", detail=detail, fix=fix)


def _targets(found: Found) -> Iterator[Row]:
    for triple, made in found.items():
        match made:
            case Plan(route=route, steps=steps):
                slow = ", emulated: slow" if route.emulated else ""
                todo = f", {len(steps)} step{'s' * (len(steps) != 1)} to provide it" if steps else ", all there"
                yield Row(name=triple, detail=f"{route.name}{slow}{todo}")
            case error:
                reasons = "; ".join(line.strip() for line in error.why.splitlines())
                yield Row(name=triple, state="missing", detail=f"no route: {reasons}", fix=error.hint, code=error.code)


def code(rows: Sequence[Row]) -> int:
    """Return the exit code of the first thing that is missing; 0 if nothing is."""
    return next((row.code for row in rows if row.state == "missing"), 0)


_MARKS: Final[Mapping[str, str]] = {"ok": "ok", "warning": "--", "missing": "NO"}


def text(rows: Sequence[Row]) -> str:
    """Return the rows for people: state, name and what was found, and the fix below what is not ok."""
    width = max(len(row.name) for row in rows)
    lines = []
    for row in rows:
        mark = report.bold(_MARKS[row.state]) if row.state == "missing" else _MARKS[row.state]
        lines.append(f"{mark}  {row.name:<{width}}  {row.detail}")
        if row.fix:
            lines.append(f"    {'':<{width}}  {report.dim_out(f'fix: {row.fix}')}")
    return "\n".join(lines)


__all__ = ["Row", "away", "code", "examine", "text"]
