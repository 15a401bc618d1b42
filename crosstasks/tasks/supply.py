"""Tasks: lock, bundle, mirror and outdated."""

from __future__ import annotations

from ..errors import ConfigError
from .call import Call


def lock(call: Call) -> int:
    """Write crosstasks.lock, which every command then keeps to; with --check only say what differs."""
    from .. import lock, locking, plan

    check, update = call.options["check"], call.options["update"]
    if check and update:
        raise ConfigError("--check writes nothing, and --update does: give one of them")
    if check:
        found = locking.check(call.work(), call.names, call.platforms)
        call.show({"schema_version": plan.SCHEMA_VERSION, "differences": found}, lambda: lock.differences_text(found))
        return 1 if found else 0
    made = locking.make(call.work(), call.names, call.platforms, update=update)
    call.show({"schema_version": plan.SCHEMA_VERSION, "lock": made}, lambda: lock.text(made))
    return 0
