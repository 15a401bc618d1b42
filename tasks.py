"""Our own use of crosstasks with Invoke: ``invoke plan``, ``invoke build``, … for the example; and the sessions of noxfile.py."""

import sys
from pathlib import Path
from typing import Any, Final

import nox.registry
from invoke.context import Context
from invoke.tasks import Task

import crosstasks.invoke
import noxfile  # noqa: F401 - it registers its sessions
from crosstasks.clients.process import run_on_terminal

ROOT: Final = Path(__file__).parent

SESSIONS: Final = {name: session.__doc__ or "" for name, session in nox.registry.get().items() if not name.startswith("cross")}
"""The sessions of noxfile.py, which are tasks as well, with their help; what follows ``--`` goes to the session."""


def _session(name: str, doc: str) -> Task[Any]:
    def body(c: Context) -> None:
        more = str(getattr(c, "remainder", "") or "").split()
        done = run_on_terminal((sys.executable, "-m", "nox", "-s", name, *(("--", *more) if more else ())), cwd=str(ROOT))
        if done.code:
            raise SystemExit(done.code)

    body.__doc__ = doc
    return Task(body, name=name)


namespace = crosstasks.invoke.collection(root=ROOT / "examples" / "hello")
for session, doc in SESSIONS.items():
    namespace.add_task(_session(session, doc))
