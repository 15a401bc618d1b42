"""Act: make, renew and check crosstasks.lock, for this machine or another one.

Ask upstream what is new: flavours of cross, the toolchain, and images, against the lock; all questions side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec import Struct, to_builtins

from ... import pipeline
from ...catalog import pins, targets
from ...catalog.ingredients import MOVING
from ...clients import registry_api
from ...context import on_platform
from ...core import files, references
from ...core.errors import ConfigError, CrosstasksError, NoRoute
from ...core.steps import Question
from ...core.versions import numbers
from ...facts import lock
from ...facts.lock import FILE, Lock, LockRow, place, platform
from ...facts.lock import lock as held
from ...facts.registry import RegistryImage, parse
from ...facts.rustup import Channel, RustupServer
from ...planning import lock_rows
from ...planning.lock_rows import Difference
from ...reporting.progress import align

if TYPE_CHECKING:
    from ...context import Context


LOCK: Final = Question("lock")


def path(context: Context) -> Path:
    """Return where the lock is."""
    return place(context.look.config_place, context.look.cwd)


def machines(context: Context, platforms: Sequence[str]) -> tuple[Context, ...]:
    """Return one call for each platform: as this machine is, or as one of that platform would be."""
    here = pipeline.look(context)
    return tuple(here if name == platform(here.facts) else on_platform(here, name) for name in dict.fromkeys(platforms)) or (here,)


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
    result = result if names or context.config.selection else lock_rows.only(result, context.config.targets)
    files.write(path(context), dump(result))
    return result


def _resolved(context: Context, names: Sequence[str], before: Lock, *, update: bool) -> Lock:
    here, triples = platform(context.facts), pipeline.select(names, context)
    result = lock_rows.without(before, here, triples) if update else before
    for triple in triples:
        try:
            planned, context = pipeline.make(triple, "build", _with(context, result))
        except NoRoute as error:
            if names or context.config.selection or triple in result.on(here) or len(triples) == 1:
                raise
            context.say(f"{triple} is not locked for {here}: {error.what}")
            continue
        result = lock_rows.merge(result, here, {triple: lock_rows.of(planned.route, planned.request)})
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
        some = names or context.config.selection
        stale = [triple for triple in rows if not some and triple not in context.config.targets]
        different += [_difference(machine, triple, "target", "locked", "not configured") for triple in stale]
    return tuple(different)


def _checked(context: Context, triple: str, row: LockRow | None) -> list[Difference]:
    try:
        pipeline.make(triple, "build", context)
    except NoRoute as error:
        if row is None:
            return []  # it is built elsewhere
        return _drift(context, triple, row) or [
            _difference(context, triple, "route", lock_rows.text_of(row), error.why.strip().splitlines()[0])
        ]
    return [_difference(context, triple, "target", "", "configured")] if row is None else []


def _drift(context: Context, triple: str, row: LockRow) -> list[Difference]:
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
    return align(lines)


def differences_text(differences: Iterable[Difference]) -> str:
    """Return what differs as a table for people."""
    rows = [(one.target, one.platform, one.field.replace("_", "-"), one.locked or "-", one.now or "-") for one in differences]
    return align([("target", "platform", "what", FILE, "now"), *rows]) if rows else f"{FILE} holds"


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


INDEX: Final = "https://index.crates.io/cr/os/cross"
"""What the crates registry has of cross, a line of JSON for each version: https://doc.rust-lang.org/cargo/reference/registry-index.html"""

SIDE_BY_SIDE: Final = 16

VERSION: Final = re.compile(r"\d+(\.\d+)+")
"""A tag that is a release; those with a suffix are of another kind than the one that is locked."""

State: TypeAlias = Literal["new", "current", "unknown"]


class Row(Struct, frozen=True, kw_only=True):
    """
    One thing that may be new.

    Attributes:
        what: ``cross``, ``cross git``, ``rust``, or the image's reference.
        targets: those that it is for; empty for all.
        current: what is locked, or pinned; *upstream* what there is.
        state: ``unknown`` if it could not be asked; then *note* says why.
    """

    what: str
    targets: tuple[str, ...] = ()
    current: str = ""
    upstream: str = ""
    state: State
    note: str = ""


def outdated(context: Context, names: Sequence[str]) -> tuple[Row, ...]:
    """
    Ask for everything that the targets are made of; what does not answer in time is a row that says so.

    Raises:
        ConfigError: ``offline = true``.
    """
    if context.config.offline:
        raise ConfigError("`outdated` asks the network, and offline = true", hint="CROSSTASKS_OFFLINE=0 asks all the same, this once")
    context = pipeline.look(context)
    triples = pipeline.select(names, context)
    rows = {triple: lock.row(context.facts, triple) for triple in triples}
    images = _images(context, rows)
    locked = tuple(filter(None, rows.values()))
    questions: list[Callable[[], Row]] = [lambda: _crate(context, locked), lambda: _head(context, locked), lambda: _rust(context, locked)]
    questions += [_image(context, ref, locked, users) for (ref, locked), users in images.items()]
    with ThreadPoolExecutor(min(len(questions), SIDE_BY_SIDE)) as pool:
        return tuple(pool.map(lambda ask: ask(), questions))


def _crate(context: Context, rows: Sequence[LockRow]) -> Row:
    released = [name for name, pin in pins.pins().cross.items() if pin.crate]
    current = max({row.flavour for row in rows} & set(released) or released, key=numbers)
    try:
        lines = registry_api.fetch_text(INDEX, context.config.network_timeout).splitlines()
        versions = [row["vers"] for row in map(json.loads, lines) if not row["yanked"] and "-" not in row["vers"]]
        newest = max(versions, key=numbers)
    except (CrosstasksError, ValueError, KeyError) as error:
        return Row(what="cross", current=current, state="unknown", note=_words(error))
    new = numbers(newest) > numbers(current)
    return Row(what="cross", current=current, upstream=newest, state="new" if new else "current", note="the crates registry")


def _head(context: Context, rows: Sequence[LockRow]) -> Row:
    url, current = context.config.git_url, next((row.revision for row in rows if row.revision), context.config.git_rev)
    row = Row(what="cross git", current=current, state="unknown", note="git is not here")
    git = context.look.which("git")
    if not git:
        return row
    try:
        # a repository that wants a password is not asked for one: nobody may be there to give it
        env = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""}
        done = context.run((git, "ls-remote", url, "HEAD"), env=env, timeout=context.config.network_timeout)
    except CrosstasksError as error:
        return Row(what="cross git", current=current, state="unknown", note=_words(error))
    head = done.out.partition("\t")[0].strip()
    if done.code or not head:
        lines = done.err.strip().splitlines()
        return Row(what="cross git", current=current, state="unknown", note=lines[-1] if lines else f"{url} has no HEAD")
    return Row(what="cross git", current=current, upstream=head, state="current" if head.startswith(current) else "new", note=url)


def _rust(context: Context, rows: Sequence[LockRow]) -> Row:
    current = rows[0].toolchain if rows else context.config.toolchain
    server = pipeline.look(context, (Question("rustup-server"),)).facts["rustup-server"]
    if not isinstance(server, RustupServer):
        return Row(what="rust", current=current, state="unknown", note=server.why)
    if current.startswith(MOVING):
        return _channel(context, current)
    new = current not in {"", "stable"} and numbers(server.stable) > numbers(current)
    return Row(what="rust", current=current, upstream=server.stable, state="new" if new else "current", note=server.url)


def _channel(context: Context, current: str) -> Row:
    """Compare the day of a channel with its newest."""
    question = Question("rust-channel", current.partition("-")[0])
    channel = pipeline.look(context, (question,)).facts.answers[question]
    if not isinstance(channel, Channel):
        return Row(what="rust", current=current, state="unknown", note=channel.why)
    return Row(
        what="rust",
        current=current,
        upstream=channel.release,
        state="new" if channel.release > current else "current",
        note=question.subject,
    )


def _images(context: Context, rows: dict[str, LockRow | None]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the references to ask for, each with the locked digest and the targets that it is for."""
    triples_by_image: dict[tuple[str, str], list[str]] = {}
    for triple, row in rows.items():
        config, target = context.config.target(triple), targets.catalogue()[triple]
        refs = (
            [config.image] if config.image else [targets.default_image(target, flavour) for flavour in dict.fromkeys((config.cross, "git"))]
        )
        for ref in filter(None, refs):
            digest = row.digest if row and row.digest and row.image == ref else ""
            triples_by_image.setdefault((ref, digest), []).append(triple)
    return {key: tuple(triples) for key, triples in triples_by_image.items()}


def _image(context: Context, ref: str, locked: str, users: tuple[str, ...]) -> Callable[[], Row]:
    def ask() -> Row:
        engine = context.facts.engine
        try:
            # what was said an hour ago is what is asked for here, so no kept answer counts
            answer = parse(ref, registry_api.look(ref, None if hasattr(engine, "why") else engine, context.config.network_timeout))
            tags = registry_api.tags(ref, context.config.network_timeout)
        except CrosstasksError as error:
            return Row(what=ref, targets=users, current=locked, state="unknown", note=_words(error))
        if not isinstance(answer, RegistryImage):
            return Row(what=ref, targets=users, current=locked, state="unknown", note=answer.why)
        return compare_registry(
            answer, locked, users, lock.platform(context.facts), {triple: lock.row(context.facts, triple) for triple in users}, tags
        )

    return ask


def compare_registry(
    answer: RegistryImage, locked: str, users: tuple[str, ...], platform: str, rows: dict[str, LockRow | None], tags: Sequence[str] = ()
) -> Row:
    """
    Pure: compare what a registry serves with what is locked; every line that holds is told.

    ==============  =====================================  =======  =======================================
    locked digest   served                                 state    note
    ==============  =====================================  =======  =======================================
    another         any                                    new      the tag has moved
    any             our platform, and the row has another  new      there is an image for our platform now
    any             a tag of a higher version              new      that tag
    the same        else                                   current  the platforms
    ==============  =====================================  =======  =======================================
    """
    foreign = any(_foreign(row, platform) for row in rows.values())
    higher = newest(answer.ref, tags)
    notes = ["the tag has moved"] if locked and locked != answer.digest else []
    notes += [f"an image for {platform} is there now"] if platform in answer.platforms and foreign else []
    notes += [f"there is {higher}"] if higher else []
    return Row(
        what=answer.ref,
        targets=users,
        current=locked,
        upstream=answer.digest,
        state="new" if notes else "current",
        note="; ".join((*notes, f"for {', '.join(answer.platforms)}")),
    )


def newest(ref: str, tags: Sequence[str]) -> str:
    """Pure: return the highest tag that is a version above that of a reference; empty if there is none, or its own tag is no version."""
    current = references.parse(ref).tag
    higher = [tag for tag in tags if VERSION.fullmatch(current) and VERSION.fullmatch(tag) and numbers(tag) > numbers(current)]
    return max(higher, key=numbers, default="")


def _foreign(row: LockRow | None, platform: str) -> bool:
    """Tell whether a target is built with something else than a native image of upstream, as it is on arm64 where nothing is locked."""
    if row is None:
        return platform != "linux/amd64"
    return bool(row.recipe) or row.builder != "cross" or row.platform != platform


def _words(error: Exception) -> str:
    parts = (getattr(error, "what", str(error)), getattr(error, "why", ""))
    return ": ".join(filter(None, parts)).replace("\n", " ")


def outdated_text(rows: Sequence[Row]) -> str:
    """Return the rows as a table for people, what is new first."""
    order = {"new": 0, "unknown": 1, "current": 2}
    ranked = sorted(rows, key=lambda row: order[row.state])
    lines = [(row.state, row.what, row.current[:19] or "-", row.upstream[:19] or "-", row.note) for row in ranked]
    return align([("state", "what", "here", "upstream", ""), *lines])
