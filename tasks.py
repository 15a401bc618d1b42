"""Our own use of crosstasks with Invoke: ``invoke plan``, ``invoke build``, … for the example; and the sessions of noxfile.py."""

import sys
from pathlib import Path
from typing import Final

from invoke.context import Context
from invoke.tasks import Task, task

import crosstasks.invoke
from crosstasks.process import attached

ROOT: Final = Path(__file__).parent

SESSIONS: Final = {
    "tests": "All tests: unit, then integration; the engine is required.",
    "unit": "Run the tests of values and of the front ends: no engine, seconds.",
    "integration": "Run the tests with the real engine, cross, QEMU and registries.",
    "lint": "Lint, format check and types.",
    "typing": "Type-check code that uses the public API, as its users would.",
    "update-pins": "Renew crosstasks/pins.toml from PyPI.",
}
"""Sessions of noxfile.py that are tasks as well, with their help; what follows ``--`` goes to the session."""


def _session(name: str, doc: str) -> Task:
    def body(c: Context) -> None:
        more = str(getattr(c, "remainder", "") or "").split()
        done = attached((sys.executable, "-m", "nox", "-s", name, *(("--", *more) if more else ())), cwd=str(ROOT))
        if done.code:
            raise SystemExit(done.code)

    body.__doc__ = doc
    return task(body, name=name)


namespace = crosstasks.invoke.collection(root=ROOT / "examples" / "hello")
for session, doc in SESSIONS.items():
    namespace.add_task(_session(session, doc))
