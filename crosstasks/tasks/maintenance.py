"""Tasks: doctor, explain, targets, init, clean, vendor, and those of emulation."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace as changed
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from ..core.errors import ConfigError, CrosstasksError, EngineFailed, NoRoute
from ..core.steps import Verb
from ..reporting import streams
from .call import Call, Task

if TYPE_CHECKING:
    from ..extras.maintenance.scaffold import Way
    from ..reporting.report import TargetRow


def doctor(call: Call) -> int:
    """Name each tool, engine, registry and emulation, with a fix for what is missing."""
    from ..extras.maintenance import doctor

    rows = doctor.examine(call.place)
    call.show({"rows": rows}, lambda: doctor.text(rows))
    return doctor.code(rows)


MOST: Final = 16 << 20
"""Bytes of a text that are read to explain it."""


def explain(call: Call) -> None:
    """Say what an error means and what to do: of a text, a file with the output of a build, or - for standard input."""
    from ..catalog import remedies

    text = _text(call["text"])
    rows = remedies.find(text)
    if not rows:
        raise CrosstasksError("no known error is in this text", hint="give the whole output of the program")
    call.show({"remedies": remedies.as_json(rows, text)}, lambda: remedies.remedy_text(rows, text))


def _text(argument: str) -> str:
    if argument == "-":
        return streams.read(MOST)
    try:
        with Path(argument).open("rb") as file:  # also what has no end
            return file.read(MOST).decode("utf-8", errors="replace")
    except (OSError, ValueError):  # too long for a name, or with a zero in it
        return argument


def targets(call: Call) -> None:
    """List every target, or some: names, images, what builds it without one; with --here also how this machine builds and tests it."""
    from ..config import configuration, read
    from ..reporting import report

    with suppress(ConfigError):  # it may describe targets of its own; what is wrong in it is told where it counts
        configuration.load(call.place, environ=os.environ, need_config=False)
    named = read.triples_of(call.names, call.place)
    rows = tuple(row for row in report.target_rows() if not named or row.triple in named)
    if call["here"]:
        rows = _here(rows, call)
    call.show({"targets": rows}, lambda: report.text(rows))


def _here(rows: Sequence[TargetRow], call: Call) -> tuple[TargetRow, ...]:
    """Plan for each target as if it were the only one, and say which route is taken, or why none is."""
    from .. import pipeline

    def way(triple: str, verb: Verb) -> str:
        try:
            planned, _ = pipeline.make(triple, verb, contexts[triple])
        except NoRoute as error:
            return f"no: {error.reason}"
        except EngineFailed as error:
            return f"no: {(error.why or error.what).partition(chr(10))[0]}"
        return planned.route.name

    known = pipeline.look(call.context(need_config=False))
    contexts = {row.triple: changed(known, config=replace(known.config, targets=(row.triple,))) for row in rows}
    verbs: tuple[Verb, ...] = ("build", "test")
    return tuple(replace(row, here={verb: way(row.triple, verb) for verb in verbs}) for row in rows)


def init(call: Call) -> None:
    """Write noxfile.py, tasks.py and crosstasks.toml for the way in which the repository gets crosstasks; nothing is written over."""
    from ..extras.maintenance import scaffold

    root = call.place.absolute()
    scaffold.refuse(root)
    for path in scaffold.write(root, _way(call, root)):
        print(path)  # noqa: T201
    print("next: `nox -l` lists the sessions, `invoke plan` shows how each target would be built", file=sys.stderr)  # noqa: T201


def _way(call: Call, root: Path) -> Way:
    """Return how the repository gets crosstasks: as the options say, else as this crosstasks was got, else as the user answers."""
    from ..extras.maintenance import scaffold, vendoring

    vendor, wheel, git, index, with_ = (call[name] for name in ("vendor", "wheel", "git", "index", "with_"))
    if sum(map(bool, (vendor, wheel, git, index))) > 1:
        raise ConfigError("--vendor, --wheel, --git and --index exclude each other", hint="name one of them")
    if vendor:
        copy = root / vendor / scaffold.INDEX
        if not (copy / vendoring.MANIFEST).is_file():
            vendoring.make(str(copy), vendoring.part_names(with_))
        return scaffold.vendored_copy(copy, root)
    if wheel:
        return scaffold.wheel(Path(wheel), root)
    if git or index:
        return scaffold.git(git) if git else scaffold.index()
    return scaffold.present(root) or _ask(call, root)


QUESTION: Final = """\
How does this repository get crosstasks?
  1  a copy in third_party/crosstasks, which needs nothing but the libraries in its requirements.txt
  2  from the package index: pip install crosstasks
[1] """


def _ask(call: Call, root: Path) -> Way:
    from ..extras.maintenance import scaffold

    if not streams.is_interactive():
        raise ConfigError("how does this repository get crosstasks?", hint=f"one of {scaffold.CHOICES}")
    print(QUESTION, end="", file=sys.stderr, flush=True)  # noqa: T201
    match sys.stdin.readline().strip() or "1":
        case "1":
            return _way(Call(call.place, {**call.options, "vendor": "third_party"}), root)
        case "2":
            return scaffold.index()
        case answer:
            raise ConfigError(f"{answer!r} is neither 1 nor 2", hint=f"1 or 2; or one of {scaffold.CHOICES}")


def clean(call: Call) -> None:
    """Remove what builds left in target/crosstasks; with --images our images, with --cache the cache; with --stale what nobody wants."""
    from ..extras.maintenance import cleaning

    images, cache, old, dry = (call[name] for name in ("images", "cache", "stale", "dry_run"))
    if old and (images or cache):
        raise ConfigError("--stale keeps what plans need; --images and --cache keep nothing", hint="name one of them")
    if call.names and (cache or old):
        raise ConfigError(f"{'--cache' if cache else '--stale'} is for all targets", hint="--target goes with what was built, and --images")
    context = call.context(need_config=False)
    for line in cleaning.clean_stale(context, dry=dry) if old else cleaning.clean(context, images=images, everything=cache, dry=dry):
        print(line, flush=True)  # noqa: T201


def status(call: Call) -> None:
    """Tell which platforms' programs the engine runs, proven by running one of each, and how to mend what does not."""
    from ..extras.maintenance import emulating

    rows = emulating.status(call.platforms, call.context(need_config=False))
    call.show({"platforms": rows}, lambda: emulating.text(rows))


def install(call: Call) -> None:
    """Register an emulator with the engine's kernel, in a container with privileges, and prove that it works."""
    from ..extras.maintenance import emulating

    for line in emulating.install(call.platforms, call["source"], call.context(need_config=False)):
        print(line, flush=True)  # noqa: T201


def uninstall(call: Call) -> None:
    """Take an emulator out of the table of the engine's kernel."""
    from ..extras.maintenance import emulating

    for line in emulating.uninstall(call.platforms, call.context(need_config=False)):
        print(line, flush=True)  # noqa: T201


def vendor(call: Call) -> None:
    """Copy the core of this package, and the parts --with names, into a folder of another repository; --check compares, --update renews."""
    from ..extras.maintenance import vendoring

    into, check, update, force, parts = (call[name] for name in ("into", "check", "update", "force", "with_"))
    text = vendoring.act(into, check_only=check, renew=update, force=force, parts=vendoring.part_names(parts))
    print(text, end="\n" if text else "")  # noqa: T201


TASKS: Final[Mapping[str, Task]] = {
    "init": Task(init, ("vendor", "with_", "wheel", "git", "index")),
    "doctor": Task(doctor, ("format",)),
    "explain": Task(explain, ("text", "format")),
    "tools.targets": Task(targets, ("target", "here", "format")),
    "tools.vendor": Task(vendor, ("into", "with_", "check", "update", "force")),
    "tools.clean": Task(clean, ("target", "images", "cache", "stale", "dry_run", "engine")),
    "emulation.status": Task(status, ("platform", "engine", "format")),
    "emulation.install": Task(install, ("platform", "source", "engine", "offline")),
    "emulation.uninstall": Task(uninstall, ("platform", "engine")),
}
