"""Our own tasks.py: what noxfile.py has is a task as well."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_every_session_is_a_task(environ):
    """With the same help; those of targets are `build` and `test`."""

    def told(*argv):
        env = environ | {"NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
        return subprocess.run((sys.executable, "-m", *argv), cwd=TOP, env=env, check=True, capture_output=True, text=True).stdout

    sessions = dict(re.findall(r"^[*-] (?!cross)(\S+) -> (.*)$", told("nox", "-l"), re.MULTILINE))
    tasks = {row["name"]: row["help"] for row in json.loads(told("invoke", "--list", "--list-format=json"))["tasks"]}
    assert {"tests", "unit", "docs", "wheel", "arm64", "faults", "workspaces", "renew", "update-pins"} <= set(sessions)
    assert sessions == {name: tasks.get(name) for name in sessions}
    assert {"build", "test"} <= set(tasks)
