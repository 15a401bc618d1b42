"""Tasks: doctor, explain, targets, init and clean."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import CrosstasksError
from ..reporting import streams
from .call import Call


def doctor(call: Call) -> int:
    """Name each tool, engine, registry and emulation, with a fix for what is missing."""
    from ..extras.maintenance import doctor
    from ..planning import plan

    rows = doctor.examine(call.place)
    call.show({"schema_version": plan.SCHEMA_VERSION, "rows": rows}, lambda: doctor.text(rows))
    return doctor.code(rows)


def explain(call: Call) -> None:
    """Say what an error means and what to do: of a text, a file with the output of a build, or - for standard input."""
    from ..catalog import remedies
    from ..planning import plan

    rows = remedies.find(_text(call.options["text"]))
    if not rows:
        raise CrosstasksError(
            "no known error is in this text", hint="give the whole output of the program; docs/troubleshooting.md has all"
        )
    call.show({"schema_version": plan.SCHEMA_VERSION, "remedies": remedies.as_json(rows)}, lambda: remedies.shown(rows))


def _text(given: str) -> str:
    if given == "-":
        return streams.read()
    try:
        return Path(given).read_text("utf-8", errors="replace")
    except (OSError, ValueError):  # too long for a name, or with a zero in it
        return given


def targets(call: Call) -> None:
    """List every target: its names, which images there are, and whether its tests can be run."""
    from ..planning import plan
    from ..reporting import listing

    rows = listing.listed()
    call.show({"schema_version": plan.SCHEMA_VERSION, "targets": rows}, lambda: listing.text(rows))


def init(call: Call) -> None:
    """Write noxfile.py, tasks.py and crosstasks.toml; if one of them exists it is named, and nothing is written."""
    from ..extras.maintenance import scaffold

    for path in scaffold.write(call.place):
        print(path)  # noqa: T201


def clean(call: Call) -> None:
    """Remove what builds left in target/crosstasks; with --images our images, with --cache the cache; with --stale what nobody wants."""
    from ..core.errors import ConfigError
    from ..extras.maintenance import cleaning, stale

    images, cache, old, dry = (call.options[name] for name in ("images", "cache", "stale", "dry_run"))
    if old and (images or cache):
        raise ConfigError("--stale keeps what is wanted; --images and --cache keep nothing", hint="name one of them")
    work = call.work(needed=False)
    for line in stale.clean(work, dry=dry) if old else cleaning.clean(work, images=images, everything=cache, dry=dry):
        print(line, flush=True)  # noqa: T201
