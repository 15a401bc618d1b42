"""Act: make, renew and check crosstasks.lock, for this machine or another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import structs, to_builtins

from ... import pipeline
from ...catalog.machines import MACHINES
from ...context import Context
from ...core import files
from ...core.errors import ConfigError, NoRoute
from ...core.steps import About, Absent, Question
from ...facts.builders import Builders
from ...facts.emulation import Emulation
from ...facts.engine import Engine
from ...facts.lock import FILE, Lock, Locked, place, platform
from ...facts.lock import lock as held
from ...planning import lock_rows
from ...planning.lock_rows import Difference
from ...reporting.tables import aligned

if TYPE_CHECKING:
    from ...context import Context


def received(context: Context, platform: str) -> Context:
    """
    Return the call as if it were made on a machine of *platform* that has an engine, no rustup, and nothing on PATH.

    What Debian's archive offers is what its image and toolchain would be made of.

    Raises:
        ConfigError: no such platform.
    """
    if platform not in MACHINES:
        raise ConfigError(f"--platform is {' or '.join(MACHINES)}, not {platform!r}")
    machine = MACHINES[platform]
    engine = context.facts.engine
    ready = Engine(kind="docker", command="docker", version="", arch=machine.arch)
    answers: dict[About, Any] = {
        "host": structs.replace(context.facts.host, os="linux", libc="gnu", arch=machine.arch, triple=machine.triple),
        "engine": structs.replace(engine, arch=machine.arch, os="linux") if isinstance(engine, Engine) else ready,
        "rustup": Absent(f"it is not known what a machine of {platform} has"),
        "builders": Builders(),
        "emulation": Emulation(),
    }
    return replace(context, facts=context.facts.with_({Question(about): fact for about, fact in answers.items()}))


LOCK: Final = Question("lock")


def path(context: Context) -> Path:
    """Return where the lock is."""
    return place(context.look.config_place, context.look.cwd)


def machines(context: Context, platforms: Sequence[str]) -> tuple[Context, ...]:
    """Return one call for each platform: as this machine is, or as one of that platform would be."""
    here = pipeline.look(context)
    return tuple(here if name == platform(here.facts) else received(here, name) for name in dict.fromkeys(platforms)) or (here,)


def make(context: Context, names: Sequence[str], platforms: Sequence[str] = (), *, update: bool = False) -> Lock:
    """
    Write the lock: what is locked already is kept, unless it is to be updated; and so are the rows of other platforms.

    Args:
        names: targets to lock; all that are selected if empty. Where that is all that is configured, no others stay.
        platforms: of engines; that of this machine's if empty.
        update: resolve them anew.

    Raises:
        NoRoute: a target that is named has no route, or one has none that keeps to the lock. What is not named and
            cannot be built on such a machine at all is told, and left to a machine that can.
    """
    every = machines(context, platforms)
    result = held(every[0].facts)
    for machine in every:
        result = _resolved(machine, names, result, update=update)
    result = result if names or context.config.chosen else lock_rows.only(result, context.config.targets)
    files.write(path(context), dump(result))
    return result


def _resolved(context: Context, names: Sequence[str], before: Lock, *, update: bool) -> Lock:
    here, triples = platform(context.facts), pipeline.select(names, context)
    result = lock_rows.without(before, here, triples) if update else before
    for triple in triples:
        try:
            planned, context = pipeline.make(triple, "build", _with(context, result))
        except NoRoute as error:
            if names or context.config.chosen or triple in result.on(here) or len(triples) == 1:
                raise
            context.say(f"{triple} is not locked for {here}: {error.what}")
            continue
        result = lock_rows.merged(result, here, {triple: lock_rows.of(planned.route, planned.request)})
    return result


def _with(context: Context, lock: Lock) -> Context:
    return replace(context, facts=context.facts.with_({LOCK: lock}))


def check(context: Context, names: Sequence[str], platforms: Sequence[str] = ()) -> tuple[Difference, ...]:
    """Return what differs between the lock and what the configuration, on these platforms, comes to; nothing if it holds."""
    different: list[Difference] = []
    for machine in machines(context, platforms):
        triples = pipeline.select(names, machine)
        rows = held(machine.facts).on(platform(machine.facts))
        for triple in triples:
            different += _checked(machine, triple, rows.get(triple))
        some = names or context.config.chosen
        stale = [triple for triple in rows if not some and triple not in context.config.targets]
        different += [_difference(machine, triple, "target", "locked", "not configured") for triple in stale]
    return tuple(different)


def _checked(context: Context, triple: str, row: Locked | None) -> list[Difference]:
    try:
        pipeline.make(triple, "build", context)
    except NoRoute as error:
        if row is None:
            return []  # it is built elsewhere
        return _drift(context, triple, row) or [
            _difference(context, triple, "route", lock_rows.text_of(row), error.why.strip().splitlines()[0])
        ]
    return [_difference(context, triple, "target", "", "configured")] if row is None else []


def _drift(context: Context, triple: str, row: Locked) -> list[Difference]:
    """Return, for a row that cannot be kept to, what would be taken without the lock."""
    try:
        planned, _ = pipeline.make(
            triple, "build", _with(context, lock_rows.without(held(context.facts), platform(context.facts), context.config.targets))
        )
    except NoRoute as error:
        return [_difference(context, triple, "route", lock_rows.text_of(row), error.what)]
    now = lock_rows.of(planned.route, planned.request)
    return [_difference(context, triple, *difference) for difference in lock_rows.compare(row, now)]


def _difference(context: Context, triple: str, field: str, locked: str, now: str) -> Difference:
    return Difference(target=triple, platform=platform(context.facts), field=field, locked=locked, now=now)


def text(lock: Lock) -> str:
    """Return the lock as a table for people."""
    head = ("target", "platform", "builder", "image", "pinned by", "toolchain", "glibc")
    lines: list[tuple[str, ...]] = [head]
    for triple in sorted(lock.target):
        for name, row in sorted(lock.target[triple].items()):
            builder = " ".join(filter(None, (row.builder, row.flavour or row.tool, row.revision[:12])))
            pin = row.digest[:19] or (row.recipe and f"recipe {row.recipe}")
            cells = (triple, name, builder, row.image, pin, f"{row.toolchain} {row.toolchain_source}".strip(), row.glibc)
            lines.append(tuple(cell or "-" for cell in cells))
    return aligned(lines)


def differences_text(differences: Iterable[Difference]) -> str:
    """Return what differs as a table for people."""
    rows = [(one.target, one.platform, one.field.replace("_", "-"), one.locked or "-", one.now or "-") for one in differences]
    return aligned([("target", "platform", "what", FILE, "now"), *rows]) if rows else f"{FILE} holds"


HEAD: Final = """\
# What `crosstasks offline.lock` resolved for each target, on each platform of an engine. Commit it; every command keeps to it.
# `crosstasks offline.lock --update` renews it; the rows of other platforms are kept.
"""


def dump(lock: Lock) -> str:
    """Return the file's text: sorted, so that equal locks are equal files."""
    import tomlkit

    document = tomlkit.document()
    document.add("version", tomlkit.item(lock.version))
    tables = tomlkit.table(is_super_table=True)
    for triple in sorted(lock.target):
        outer = tomlkit.table(is_super_table=True)
        for engine in sorted(lock.target[triple]):
            table = tomlkit.table()
            for key, value in to_builtins(lock.target[triple][engine]).items():
                table.add(key, value)
            outer.add(engine, table)
        tables.add(triple, outer)
    if lock.target:
        document.add("target", tables)
    return HEAD + "\n" + tomlkit.dumps(document)
