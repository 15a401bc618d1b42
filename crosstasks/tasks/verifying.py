"""Tasks: release.verify."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import VerificationFailed
from .call import Call

if TYPE_CHECKING:
    from ..context import Work
    from ..core.errors import CrosstasksError
    from ..extras.packaging.differences import Difference


def verify(call: Call) -> int:
    """Check every file of the packages: what it is, what it needs, and that it starts; with --rebuild that it is built alike."""
    from .. import pipeline
    from ..extras.packaging import table
    from ..extras.release import verify as verifying
    from ..planning import plan
    from ..reporting import report

    work = pipeline.look(call.work(needed=False))
    dist = Path(work.repository.root, work.config.release.dist)
    findings = verifying.examine(dist, work, pipeline.select(call.names, work) if call.names else ())
    error = verifying.failed(findings)
    found = _again(call, dist, work) if call.options["rebuild"] else None

    def text() -> str:
        shown = table.text(findings, colour=report.coloured(sys.stdout, work.environ))
        return shown if found is None else f"{shown}\n{table.compared(found)}"

    call.show({"schema_version": plan.SCHEMA_VERSION, "ok": not (error or found), "findings": findings, "differences": found}, text)
    return _ended(error, found or ())


def _ended(error: CrosstasksError | None, found: tuple[Difference, ...]) -> int:
    if found and error is None:
        error = VerificationFailed("a second build gives other packages", why="\n".join(map(str, found)))
    if error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
    return error.code if error else 0


def _again(call: Call, dist: Path, work: Work) -> tuple[Difference, ...]:
    """Package the same commit with the task that did it the first time."""
    from .. import pipeline
    from ..extras.packaging import packages
    from ..extras.release import rebuild
    from . import TASKS
    from .call import OPTIONS

    task = TASKS["release.build"]
    held = packages.listed(dist, pipeline.select(call.names, work) if call.names else ())
    triples = tuple(dict.fromkeys(package.target.triple for package in held))
    given = {
        "target": list(triples),
        "package": None if work.config.release.name else list(rebuild.released(dist)),
        "snapshot": any("-SNAPSHOT-" in package.name for package in held),
        "skip": ["hooks"],
        "engine": call.options["engine"],
    }
    options = {name: given.get(name, OPTIONS[name].default) for name in task.options}

    def package(root: Path) -> Path:
        with redirect_stdout(sys.stderr):
            code = task.act(Call(root, options))
        if code:
            raise VerificationFailed("the second build failed", why=f"release.build ended with {code}")
        return root / pipeline.start(root).config.release.dist

    return rebuild.again(dist, work, package, triples)
