"""Act: make, renew and check crosstasks.lock, for this machine or another one.

Ask upstream what is new: flavours of cross, the toolchain, and images, against the lock; all questions side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct, to_builtins

from ... import pipeline
from ...catalog import pins, targets
from ...catalog.ingredients import MOVING
from ...clients import registry_api
from ...context import Context, on_platform
from ...core import files, references
from ...core.errors import ConfigError, CrosstasksError
from ...core.steps import Absent, Question
from ...core.toml_file import dumps, quote
from ...core.versions import numbers
from ...facts import lock
from ...facts.lock import FILE, Lock, LockRow, place, platform
from ...facts.registry import RegistryImage, parse
from ...facts.rustup import Channel
from ...planning.plan import NO_PLAN
from ...planning.route import compare_rows, lock_row
from ...reporting.progress import align


class Difference(Struct, frozen=True, kw_only=True):
    """What differs for one target on one platform; *now* is what would be taken without the lock."""

    target: str
    platform: str
    field: str
    locked: str
    now: str


def path(context: Context) -> Path:
    """Return where the lock is."""
    return place(context.look.config_place, context.look.cwd)


def machines(context: Context, platforms: Sequence[str]) -> tuple[Context, ...]:
    """Return one call for each platform: as this machine is, or as one of that platform would be."""
    here = pipeline.look(context)
    return tuple(here if name == platform(here.facts) else on_platform(here, name) for name in dict.fromkeys(platforms)) or (here,)


def make(context: Context, names: Sequence[str], platforms: Sequence[str] = (), *, update: bool = False) -> Lock:
    """Write the lock: what is locked already is kept, unless it is to be updated; and so are the rows of other platforms.

    Args:
        names: targets to lock; all that are selected if empty. Where that is all that is configured, no others stay.
        platforms: of engines; that of this machine's if empty.
        update: resolve them anew.

    Raises:
        NoRoute: a target that is named has no route, or one has none that keeps to the lock. What is not named and
            cannot be built on such a machine at all is told, and left to a machine that can.
    """
    every = machines(context, platforms)
    result = lock.lock(every[0].facts)
    for machine in every:
        result = _resolve(machine, names, result, update=update)
    result = result if names or context.config.selection else result.only(context.config.targets)
    files.write(path(context), dump(result))
    return result


def _resolve(context: Context, names: Sequence[str], before: Lock, *, update: bool) -> Lock:
    here, triples = platform(context.facts), pipeline.select(names, context)
    result = before.without(here, triples) if update else before
    for triple in triples:
        try:
            planned, context = pipeline.make(triple, "build", _with(context, result))
        except NO_PLAN as error:
            if names or context.config.selection or triple in result.on(here) or len(triples) == 1:
                raise
            context.say(f"{triple} is not locked for {here}: {error.what}")
            continue
        result = result.merge(here, {triple: lock_row(planned.route, planned.request)})
    return result


def _with(context: Context, lock: Lock) -> Context:
    return replace(context, facts=context.facts.with_({Question("lock"): lock}))


def check(context: Context, names: Sequence[str], platforms: Sequence[str] = ()) -> tuple[Difference, ...]:
    """Return what differs between the lock and what the configuration, on these platforms, comes to; nothing if it holds."""
    different: list[Difference] = []
    for machine in machines(context, platforms):
        triples = pipeline.select(names, machine)
        rows = lock.lock(machine.facts).on(platform(machine.facts))
        for triple in triples:
            different += _check(machine, triple, rows.get(triple))
        some = names or context.config.selection
        stale = [triple for triple in rows if not some and triple not in context.config.targets]
        different += [_difference(machine, triple, "target", "locked", "not configured") for triple in stale]
    return tuple(different)


def _check(context: Context, triple: str, row: LockRow | None) -> list[Difference]:
    try:
        pipeline.make(triple, "build", context)
    except NO_PLAN as error:
        if row is None:
            return []  # it is built elsewhere
        return _drift(context, triple, row) or [
            _difference(context, triple, "route", _row_text(row), (error.why or error.what).strip().splitlines()[0])
        ]
    return [_difference(context, triple, "target", "", "configured")] if row is None else []


def _drift(context: Context, triple: str, row: LockRow) -> list[Difference]:
    """Return, for a row that cannot be kept to, what would be taken without the lock."""
    try:
        planned, _ = pipeline.make(
            triple, "build", _with(context, lock.lock(context.facts).without(platform(context.facts), context.config.targets))
        )
    except NO_PLAN as error:
        return [_difference(context, triple, "route", _row_text(row), error.what)]
    now = lock_row(planned.route, planned.request)
    return [_difference(context, triple, *difference) for difference in compare_rows(row, now)]


def _row_text(row: LockRow) -> str:
    return ", ".join(filter(None, (row.builder, row.flavour, row.image, f"Rust {row.toolchain}")))


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
    rows = [(triple, platform, row) for triple, rows in sorted(lock.target.items()) for platform, row in sorted(rows.items())]
    tables = [f"[target.{quote(triple)}.{quote(platform)}]\n{dumps(to_builtins(row))}" for triple, platform, row in rows]
    return "\n".join((HEAD, dumps({"version": lock.version}), *tables))


INDEX: Final = "https://index.crates.io/cr/os/cross"
"""What the crates registry has of cross, a line of JSON for each version: https://doc.rust-lang.org/cargo/reference/registry-index.html"""

SIDE_BY_SIDE: Final = 16

VERSION: Final = re.compile(r"\d+(\.\d+)+")
"""A tag that is a release; those with a suffix are of another kind than the one that is locked."""

State: TypeAlias = Literal["new", "current", "unknown"]


class Row(Struct, frozen=True, kw_only=True):
    """One thing that may be new.

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


class Answer(NamedTuple):
    """What upstream has of one thing, and whether that is *new*."""

    upstream: str
    new: bool
    note: str


class _Ask(NamedTuple):
    """A row that is still to be asked for: *ask* fails with a ``CrosstasksError`` if nobody answers."""

    what: str
    current: str
    ask: Callable[[], Answer]
    targets: tuple[str, ...] = ()

    def row(self) -> Row:
        try:
            upstream, new, note = self.ask()
        except CrosstasksError as error:
            note = ": ".join(filter(None, (error.what, error.why))).replace("\n", " ")
            return Row(what=self.what, targets=self.targets, current=self.current, state="unknown", note=note)
        state: State = "new" if new else "current"
        return Row(what=self.what, targets=self.targets, current=self.current, upstream=upstream, state=state, note=note)


def outdated(context: Context, names: Sequence[str]) -> tuple[Row, ...]:
    """Ask for everything that the targets are made of; what does not answer in time is a row that says so.

    Raises:
        ConfigError: ``offline = true``.
    """
    if context.config.offline:
        raise ConfigError("`outdated` asks the network, and offline = true", hint="CROSSTASKS_OFFLINE=0 asks all the same, this once")
    context = pipeline.look(context)
    rows = {triple: lock.row(context.facts, triple) for triple in pipeline.select(names, context)}
    known = tuple(filter(None, rows.values()))
    asks = [_crate(context, known), _head(context, known), _rust(context, known), *_images(context, rows)]
    with ThreadPoolExecutor(min(len(asks), SIDE_BY_SIDE)) as pool:
        return tuple(pool.map(_Ask.row, asks))


def _crate(context: Context, rows: Sequence[LockRow]) -> _Ask:
    released = [name for name, pin in pins.pins().cross.items() if pin.crate]
    current = max({row.flavour for row in rows} & set(released) or released, key=numbers)

    def ask() -> Answer:
        try:
            lines = registry_api.fetch_text(INDEX, context.config.network_timeout).splitlines()
            highest = max((row["vers"] for row in map(json.loads, lines) if not row["yanked"] and "-" not in row["vers"]), key=numbers)
        except (ValueError, KeyError) as error:
            raise CrosstasksError(str(error)) from error
        return Answer(highest, numbers(highest) > numbers(current), "the crates registry")

    return _Ask("cross", current, ask)


def _head(context: Context, rows: Sequence[LockRow]) -> _Ask:
    url, current = context.config.git_url, next((row.revision for row in rows if row.revision), context.config.git_rev)

    def ask() -> Answer:
        git = context.look.which("git")
        if not git:
            raise CrosstasksError("git is not here")
        # a repository that wants a password is not asked for one: nobody may be there to give it
        env = {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""}
        done = context.run((git, "ls-remote", url, "HEAD"), env=env, timeout=context.config.network_timeout)
        head = done.out.partition("\t")[0].strip()
        if done.code or not head:
            raise CrosstasksError((done.err.strip().splitlines() or [f"{url} has no HEAD"])[-1])
        return Answer(head, not head.startswith(current), url)

    return _Ask("cross git", current, ask)


def _rust(context: Context, rows: Sequence[LockRow]) -> _Ask:
    current = rows[0].toolchain if rows else context.config.toolchain
    question = Question("rust-channel", current.partition("-")[0] if current.startswith(MOVING) else "stable")

    def ask() -> Answer:
        channel = pipeline.look(context, (question,)).facts.answers[question]
        if not isinstance(channel, Channel):
            raise CrosstasksError(channel.why)
        release = channel.release
        # a release by its numbers, another channel by its day
        newer = current not in {"", "stable"} and (numbers(release), release) > (numbers(current), current)
        return Answer(release, newer, channel.server)

    return _Ask("rust", current, ask)


def _images(context: Context, rows: Mapping[str, LockRow | None]) -> Iterator[_Ask]:
    """Ask for each reference and locked digest once, for all targets that it is for."""
    triples_by_image: dict[tuple[str, str], list[str]] = {}
    for triple, row in rows.items():
        config, target = context.config.target(triple), targets.catalogue()[triple]
        default_images = (targets.default_image(target, flavour) for flavour in dict.fromkeys((config.cross, "git")))
        for ref in filter(None, (config.image,) if config.image else default_images):
            digest = row.digest if row and row.digest and row.image == ref else ""
            triples_by_image.setdefault((ref, digest), []).append(triple)
    for (ref, digest), triples in triples_by_image.items():
        yield _Ask(ref, digest, partial(_image, context, ref, digest, [rows[triple] for triple in triples]), tuple(triples))


def _image(context: Context, ref: str, digest: str, rows: Iterable[LockRow | None]) -> Answer:
    engine = context.facts.engine
    # what was said an hour ago is what is asked for here, so no kept answer counts
    answer = parse(ref, registry_api.look(ref, None if isinstance(engine, Absent) else engine, context.config.network_timeout))
    tags = registry_api.tags(ref, context.config.network_timeout)
    if not isinstance(answer, RegistryImage):
        raise CrosstasksError(answer.why)
    return compare_registry(answer, digest, platform(context.facts), rows, tags)


def compare_registry(answer: RegistryImage, digest: str, platform: str, rows: Iterable[LockRow | None], tags: Sequence[str] = ()) -> Answer:
    """Pure: compare what a registry serves with what is locked; every line that holds is told.

    ==============  =====================================  =======  =======================================
    locked digest   served                                 state    note
    ==============  =====================================  =======  =======================================
    another         any                                    new      the tag has moved
    any             our platform, and the row has another  new      there is an image for our platform now
    any             a tag of a higher version              new      that tag
    the same        else                                   current  the platforms
    ==============  =====================================  =======  =======================================
    """
    higher = newest(answer.ref, tags)
    notes = ["the tag has moved"] if digest and digest != answer.digest else []
    notes += (
        [f"an image for {platform} is there now"] if platform in answer.platforms and any(_foreign(row, platform) for row in rows) else []
    )
    notes += [f"there is {higher}"] if higher else []
    return Answer(answer.digest, bool(notes), "; ".join((*notes, f"for {', '.join(answer.platforms)}")))


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


def outdated_text(rows: Sequence[Row]) -> str:
    """Return the rows as a table for people, what is new first."""
    order = {"new": 0, "unknown": 1, "current": 2}
    ranked = sorted(rows, key=lambda row: order[row.state])
    lines = [(row.state, row.what, row.current[:19] or "-", row.upstream[:19] or "-", row.note) for row in ranked]
    return align([("state", "what", "here", "upstream", ""), *lines])
