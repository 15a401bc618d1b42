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
    """Remove what builds left in target/crosstasks; with --images our images, with --cache the cache."""
    from .. import cleaning

    for line in cleaning.clean(call.work(needed=False), images=call.options["images"], everything=call.options["cache"]):
        print(line, flush=True)  # noqa: T201
