"""Act: tell, set up and take away emulation, platform by platform, as the user asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from msgspec import Struct
from msgspec.structs import replace as changed

from ... import pipeline, provisioning
from ...catalog.ingredients import Emulator
from ...context import Context
from ...core.errors import ConfigError, CrosstasksError, EmulationFailed
from ...core.steps import Absent, Failure, Question
from ...facts import Facts, probes
from ...facts.emulation import MOUNT, Emulation, Registration, fault
from ...facts.engine import Engine
from ...facts.probes import PLATFORMS, EmulationTest
from ...planning.emulators import SOURCES, Source, source_of
from ...planning.plan import LAST
from ...provisioning import emulation
from ...reporting import progress, report


class Row(Struct, frozen=True, kw_only=True):
    """What is known of one platform.

    Attributes:
        platform: ``linux/arm64``; *arch*: as Rust names it.
        native: it is the engine's own.
        registered: the entry of the kernel's table, empty if there is none to be seen from here.
        fixed: the entry has the flag F, which containers need.
        proven: the engine ran a program of the platform.
        why: what is wrong; empty if nothing is. *fix*: what mends it.
    """

    platform: str
    arch: str
    native: bool = False
    registered: str = ""
    interpreter: str = ""
    flags: str = ""
    fixed: bool = False
    proven: bool
    why: str = ""
    fix: str = ""


def status(platforms: Sequence[str], context: Context) -> tuple[Row, ...]:
    """Look at the named platforms, or all that can be proven, and run a program of each.

    Raises:
        ConfigError: there is no such platform.
        EngineFailed: no engine answers.
    """
    all_platforms = tuple(map(platform_of, platforms)) or tuple(PLATFORMS)
    context = _look(context)
    for platform in all_platforms:  # one after another: side by side, the engine is slower for all of them
        _, context = _prove(platform, context)
    return tuple(_row(platform, context) for platform in all_platforms)


def _look(context: Context) -> Context:
    """Look at the machine, which must have an engine."""
    context = pipeline.look(context, (Question("host"), Question("engine"), Question("emulation")))
    _ = context.engine
    return context


def _prove(platform: str, context: Context) -> tuple[EmulationTest | Absent, Context]:
    """Run a program of the platform now, whatever was kept of an earlier run."""
    question = Question("emulation-test", platform)
    probes.forget(context.look, question, context.facts)
    context = pipeline.look(context, (question,))
    return context.facts.get(question), context


def platform_of(platform: str) -> str:
    """Return a platform by what users call it: ``linux/arm64``, ``arm64`` or ``aarch64``."""
    names = {PLATFORMS[one]: one for one in PLATFORMS} | {one.removeprefix("linux/"): one for one in PLATFORMS}
    names |= {"linux/arm": "linux/arm/v7", "arm": "linux/arm/v7", "riscv64": "linux/riscv64"} | {one: one for one in PLATFORMS}
    if platform not in names:
        raise ConfigError(f"there is no platform {platform!r} to emulate", hint=f"one of {', '.join(PLATFORMS)}")
    return names[platform]


def _row(platform: str, context: Context) -> Row:
    test: EmulationTest | Absent = context.facts.get(Question("emulation-test", platform))
    emulators, arch = context.facts.emulation, PLATFORMS[platform]
    entry = emulators.registered.get(arch) if _shares_kernel(context.engine) else None
    row = Row(platform=platform, arch=arch, native=platform == context.engine.platform, proven=isinstance(test, EmulationTest))
    if entry:
        row = changed(row, registered=entry.name, interpreter=entry.interpreter, flags=entry.flags, fixed=entry.fixed)
    if row.native or isinstance(test, EmulationTest):
        return row
    why = _why(emulators, entry, test.why)
    return changed(row, why=why, fix=fix(emulators, entry, platform, context.engine) if why else "")


def _shares_kernel(engine: Engine) -> bool:
    """Tell whether this machine's kernel is the engine's."""
    return not engine.remote and not engine.desktop


def _why(emulators: Emulation, entry: Registration | None, reason: str) -> str:
    if not entry:
        return reason
    return fault(entry) or (f"it is registered, and does not work: {reason}" if emulators.enabled else "the kernel's table is turned off")


def fix(emulators: Emulation, entry: Registration | None, platform: str, engine: Engine) -> str:
    """Return the least that has a platform's programs run: the command for a shell."""
    table = "/proc/sys/fs/binfmt_misc"
    if not emulators.enabled:
        return f"echo 1 | sudo tee {table}/status"
    if entry and not entry.enabled:
        return f"echo 1 | sudo tee {table}/{entry.name}"
    install = f"crosstasks emulation.install --platform {platform}"
    if _shares_kernel(engine) and not emulators.mounted and not emulators.root:
        return f"sudo {' '.join(MOUNT)} && {install}"
    return install


def text(rows: Sequence[Row]) -> str:
    """Return the rows for people, with a fix below what does not work."""
    lines = [("platform", "works", "registered", "flags", "interpreter")]
    for row in rows:
        works = "no" if not row.proven else "native" if row.native else "proven"
        lines.append((row.platform, works, row.registered or "-", row.flags or "-", row.interpreter or "-"))
    notes = [f"{row.platform}: {row.why}\n  {report.dim_out(f'fix: {row.fix}')}" for row in rows if row.why]
    return "\n".join((progress.align(lines), *(["", *notes] if notes else [])))


def install(platforms: Sequence[str], source: str, context: Context) -> Iterator[str]:
    """Set up emulation of the named platforms: whoever calls this has agreed. A broken entry is replaced, one that works is left.

    Raises:
        ConfigError: no platform, or no such one, or no such source.
        EmulationFailed: it cannot be set up here.
    """
    sources = tuple(name for name in SOURCES if source in {"", name})
    if not sources:
        raise ConfigError(f"there is no source {source!r} of emulators", hint=f"one of {', '.join(SOURCES)}")
    all_platforms = _platforms(platforms)
    context = _look(context)
    for platform in all_platforms:
        test, context = _prove(platform, context)
        if isinstance(test, Absent):
            context = _install(platform, sources, test.why, context)
        yield f"{platform} works: a program of it was run" if isinstance(test, Absent) else f"{platform} works already"


def _install(platform: str, sources: Sequence[Source], why: str, context: Context) -> Context:
    """Take the steps of one source after another, until one has worked."""
    while True:
        emulator, context = _choose(platform, sources, why, context)
        try:
            for step in emulator.steps:
                provisioning.take(step, context)
        except LAST:
            raise
        except CrosstasksError as error:
            failure = Failure(route=emulator.source, what=error.what, step=step, code=error.code)
            context = replace(context, facts=changed(context.facts, failures=(*context.facts.failures, failure)))
            if len(sources) == 1:
                raise
            context.say(f"{emulator.source} failed: {error}; looking for another source")
            continue
        return context


def _platforms(platforms: Sequence[str]) -> tuple[str, ...]:
    if not platforms:
        raise ConfigError("no platform is named", hint=f"--platform takes one of {', '.join(PLATFORMS)}")
    return tuple(map(platform_of, platforms))


def _choose(platform: str, sources: Sequence[Source], why: str, context: Context) -> tuple[Emulator, Context]:
    def thought(facts: Facts) -> Emulator | tuple[Question, ...]:
        choice = source_of(platform, sources, why, facts, offline=context.config.offline)
        if isinstance(choice, Absent):
            raise EmulationFailed(f"emulation of {platform} cannot be set up here", why=choice.why, hint=choice.hint)
        return choice

    return pipeline.think(thought, context)


def uninstall(platforms: Sequence[str], context: Context) -> Iterator[str]:
    """Take the emulators of the named platforms out of the kernel's table.

    Raises:
        ConfigError: no platform, or no such one.
        EmulationFailed: one cannot be taken out, or its programs run all the same.
    """
    all_platforms = _platforms(platforms)
    context = _look(context)
    for platform in all_platforms:
        if platform == context.engine.platform:
            raise ConfigError(f"{platform} is the engine's own platform: nothing emulates it")
        emulation.uninstall(context, platform)
        test, _ = _prove(platform, context)
        then = "is not emulated any more" if isinstance(test, Absent) else "still works by other means"
        yield f"{emulation.entry(platform)} was taken out; {platform} {then}"
