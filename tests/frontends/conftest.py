"""What tests of the front ends share: a Rust repository with many targets, and programs as users call them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crosstasks.catalog import targets

ROOT = Path(__file__).parents[2]
MANY = tuple(targets.catalogue())[:60]


@pytest.fixture(scope="session", autouse=True)
def _programs(rust):
    """Have cargo and rustup on PATH, on a machine without Rust as well."""


@pytest.fixture
def repository(tmp_path):
    """A crate that declares 60 targets, with a noxfile and a tasks.py of two lines."""
    folder = tmp_path / "repository"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    listed = ", ".join(f'"{triple}"' for triple in MANY)
    (folder / "crosstasks.toml").write_text(f"version = 1\ntargets = [{listed}]\n")
    (folder / "noxfile.py").write_text("import crosstasks.nox\ncrosstasks.nox.register()\n")
    (folder / "tasks.py").write_text("import crosstasks.invoke\nnamespace = crosstasks.invoke.collection()\n")
    return folder


@pytest.fixture
def run(tmp_path):
    """Call a module of Python as its program: its name, arguments, the folder, what it reads, changes to the environment."""

    def call(module, *arguments, cwd, read=None, **env):
        # NOX_SCRIPT_MODE: the libraries are those of this Python, and no other is made for the noxfile
        fixed = {"PYTHONPATH": str(ROOT), "CROSSTASKS_CACHE_DIR": str(tmp_path / "cache"), "NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
        environ = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith(("CROSSTASKS_", "NOX"))}
        return subprocess.run(
            (sys.executable, "-m", module, *arguments),
            cwd=cwd,
            env=environ | fixed | env,
            input=read,
            capture_output=True,
            text=True,
            check=False,
        )

    return call
