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


def test_a_task_runs_its_session(environ):
    """By nox, with the name of the session."""
    script = "import tasks; tasks.sys.executable = 'echo'; tasks.namespace['unit'](tasks.Context())"
    done = subprocess.run((sys.executable, "-c", script), cwd=TOP, env=environ, check=True, capture_output=True, text=True)
    assert "-m nox -s unit\n" == done.stdout


def test_without_an_engine_nothing_is_skipped(environ, tmp_path):
    """The session of integration tests ends at once, with the engine's own words and a code that CI takes for a failure."""
    # with a cache of its own, where no test that is running has a lock
    env = environ | {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "TEST_CACHE_DIR": str(tmp_path)}
    argv = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/integration/test_exit_codes.py")
    done = subprocess.run(argv, cwd=TOP, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "the integration tests need a container engine" in done.stdout + done.stderr
    assert "/nonexistent/docker.sock" in done.stdout + done.stderr
    assert "passed" not in done.stdout
