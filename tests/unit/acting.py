"""What acting stages are given in tests: a call whose cache and repository lie in a test's folder."""

from __future__ import annotations

from pathlib import Path

from facts_looks import look

from crosstasks.context import Context
from crosstasks.testing import FakeRunner, config, facts


def context(tmp_path: Path, run=None, *, said=None, **changes) -> Context:
    """Return a call on an amd64 Linux machine; *said* takes the lines of progress."""
    run = run or FakeRunner()
    ready = {
        "config": config(),
        "root": tmp_path / "project",
        "cache": tmp_path / "cache",
        "environ": {},
        "run": run,
        "say": (said if said is not None else []).append,
        "look": look(tmp_path, run),
        "facts": facts(),
    }
    return Context(**{**ready, **changes})
