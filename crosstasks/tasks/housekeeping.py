"""Tasks: doctor, targets, init and clean."""

from __future__ import annotations

from .call import Call


def doctor(call: Call) -> int:
    """Name each tool, engine, registry and emulation, with a fix for what is missing."""
    from .. import doctor, plan

    rows = doctor.examine(call.place)
    call.show({"schema_version": plan.SCHEMA_VERSION, "rows": rows}, lambda: doctor.text(rows))
    return doctor.code(rows)


def targets(call: Call) -> None:
    """List every target: its names, which images there are, and whether its tests can be run."""
    from .. import listing, plan

    rows = listing.listed()
    call.show({"schema_version": plan.SCHEMA_VERSION, "targets": rows}, lambda: listing.text(rows))


def init(call: Call) -> None:
    """Write noxfile.py, tasks.py and crosstasks.toml; if one of them exists it is named, and nothing is written."""
    from .. import scaffold

    for path in scaffold.write(call.place):
        print(path)  # noqa: T201


def clean(call: Call) -> None:
    """Remove what builds left in target/crosstasks; with --images our images, with --cache the cache; with --stale what nobody wants."""
    from .. import cleaning, stale
    from ..errors import ConfigError

    images, cache, old = (call.options[name] for name in ("images", "cache", "stale"))
    if old and (images or cache):
        raise ConfigError("--stale keeps what is wanted; --images and --cache keep nothing", hint="name one of them")
    work = call.work(needed=False)
    for line in stale.clean(work) if old else cleaning.clean(work, images=images, everything=cache):
        print(line, flush=True)  # noqa: T201
