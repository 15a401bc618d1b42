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
    "tests": "All tests: unit, integration, the routes of an arm64 engine, and faults; the engine is required.",
    "unit": "Run the tests of values and of the front ends: no engine, seconds.",
    "integration": "Run the tests with the real engine, cross, QEMU and registries; it fails where one of them is missing.",
    "workspaces": "Build workspaces that others wrote, from the crates registry: some minutes, with the real engine.",
    "wheel": "Build the distributions into dist/, and test the wheel, away from the sources.",
    "renew": "Write anew what is made from the code: the schemas, and the pages of options, tasks, targets and remedies.",
    "docs": "Build the site of the documentation into site/; a broken link or an unknown page is an error.",
    "arm64": "Build along every route of an engine that says arm64; arm64 programs are run by QEMU, so this takes some minutes.",
    "faults": "Run the tests that break things on purpose: registries, disks, clocks, a second engine, kill -9; root, some minutes.",
    "lint": "Lint, format check and types.",
    "typing": "Type-check code that uses the public API, as its users would.",
    "update-pins": "Renew crosstasks/pins.toml from PyPI; with --check only tell what is newer.",
}
"""The sessions of noxfile.py, which are tasks as well, with their help; what follows ``--`` goes to the session."""


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
