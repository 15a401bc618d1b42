"""Tasks: emulation.status, emulation.install and emulation.uninstall."""

from __future__ import annotations

from .call import Call


def status(call: Call) -> None:
    """Tell which platforms' programs the engine runs, proven by running one of each, and how to mend what does not."""
    from ..extras.maintenance import emulating
    from ..planning import plan

    rows = emulating.status(_platforms(call), call.work(needed=False))
    call.show({"schema_version": plan.SCHEMA_VERSION, "platforms": rows}, lambda: emulating.text(rows))


def install(call: Call) -> None:
    """Register an emulator with the engine's kernel, in a container with privileges, and prove that it works."""
    from ..extras.maintenance import emulating

    for line in emulating.install(_platforms(call), call.options["source"], call.work(needed=False)):
        print(line, flush=True)  # noqa: T201


def uninstall(call: Call) -> None:
    """Take an emulator out of the table of the engine's kernel."""
    from ..extras.maintenance import emulating

    for line in emulating.uninstall(_platforms(call), call.work(needed=False)):
        print(line, flush=True)  # noqa: T201


def _platforms(call: Call) -> tuple[str, ...]:
    return tuple(call.options["platform"] or ())
