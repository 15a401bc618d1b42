"""What a command imports: only what it uses. Sessions are listed often, and completion waits for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = frozenset({"docker", "rich", "requests", "tomlkit", "filelock", "elftools", "pysequoia"})
PROGRAM = "import sys, importlib; importlib.import_module({module!r}); print(*sorted({heavy!r} & set(sys.modules)))"


@pytest.mark.parametrize(
    "module", ["crosstasks.nox", "crosstasks.invoke", "crosstasks.clients.engines", "crosstasks.testing", "crosstasks"]
)
def test_importing_loads_no_heavy_library(module):
    """The libraries of engines, registries, tables and artifacts are loaded where they are used."""
    # nox itself brings what it needs, which is not ours to count
    known = "nox" if module.endswith("nox") else "invoke"
    program = f"import {known}, sys; before = set(sys.modules); " + PROGRAM.format(module=module, heavy=set(HEAVY)).replace(
        "set(sys.modules)", "(set(sys.modules) - before)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run((sys.executable, "-c", program), cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")
