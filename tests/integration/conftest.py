"""What tests of the whole share: an engine that answers, and the program as its users call it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_sessionstart():
    """End at once where no engine answers, before workers start: nothing here is skipped, and each test would fail by itself."""
    try:
        done = subprocess.run(("docker", "version"), capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        why = str(error)
    else:
        why = done.stderr.strip() if done.returncode else ""
    if why:
        pytest.exit(f"the integration tests need a container engine, and docker does not answer: {why}", returncode=1)


@pytest.fixture(scope="session", autouse=True)
def _programs(rust):
    """Have cargo and rustup on PATH, on a machine without Rust as well."""


@pytest.fixture(scope="session")
def environ(cache):
    """The environment of the program: the user's, with a cache of the tests and what makes them the same everywhere."""
    # a closed port in place of rustup's server: Debian's packages serve, as on a machine that cannot reach it
    fixed = {"CROSSTASKS_CACHE_DIR": str(cache), "RUSTUP_DIST_SERVER": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    fixed["CROSSTASKS_TOOLCHAIN"] = "1.85.0"  # of Debian's releases the one that has the library of every target here
    return dict(os.environ) | fixed


@pytest.fixture(scope="session")
def crosstasks(environ):
    """The program: arguments, the folder to run in, what it reads, changes to the environment (None takes a variable away)."""

    def call(*arguments, cwd, stdin=None, **env):
        argv = (sys.executable, "-m", "crosstasks", *arguments)
        changed = {name: value for name, value in (environ | env).items() if value is not None}
        return subprocess.run(argv, cwd=cwd, env=changed, input=stdin, capture_output=True, text=True, check=False)

    return call


@pytest.fixture
def without(cache, tmp_path):
    """Make a cache like that of the tests, but with only those tools whose names begin as told; what is lacking is there to fail."""

    def made(*tools):
        folder = tmp_path / "cache"
        (folder / "tools").mkdir(parents=True)
        for name in ("answers", "cargo", "debian", "images", "rustup", "zig"):
            (cache / name).mkdir(exist_ok=True)
            (folder / name).symlink_to(cache / name)
        for path in (cache / "tools").iterdir():
            if path.name.startswith(tools):
                (folder / "tools" / path.name).symlink_to(path)
        return str(folder)

    return made


@pytest.fixture
def closed(tmp_path):
    """What keeps pip and cargo from getting anything: an index at a closed port, an empty folder in place of the crates registry."""
    home = tmp_path / "cargo-home"
    (home / "nothing").mkdir(parents=True)
    (home / "config.toml").write_text(f'[source.crates-io]\nreplace-with = "nothing"\n[source.nothing]\ndirectory = "{home / "nothing"}"\n')
    pip = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0", "PIP_NO_INDEX": "1"}
    git = {"CROSSTASKS_GIT_URL": f"file://{home}/nothing", "CROSSTASKS_GIT_REV": "0" * 40}
    return {"CARGO_HOME": str(home), **pip, **git}
