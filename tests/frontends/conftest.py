"""What tests of the front ends share: a Rust repository with many targets, and programs as users call them."""

from __future__ import annotations

import json
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


@pytest.fixture(scope="session")
def warm():
    """Run a module in a child of a Python that has imported the libraries: see warm.py."""
    asked, ask = os.pipe()
    answer, answered = os.pipe()
    command = (sys.executable, str(Path(__file__).with_name("warm.py")), str(asked), str(answered))
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environ, pass_fds=(asked, answered), stdin=subprocess.DEVNULL) as server:
        os.close(asked)
        os.close(answered)
        with open(ask, "w", buffering=1, encoding="utf-8") as requests, open(answer, encoding="utf-8") as replies:

            def call(**request):
                requests.write(json.dumps(request) + "\n")
                return int(replies.readline())

            yield call
        assert 0 == server.wait(10)


def environment(tmp_path, changes):
    """Return the environment of a program: none of the settings of who tests, and caches of its own."""
    # NOX_SCRIPT_MODE: the libraries are those of this Python, and no other is made for the noxfile
    folders = {"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache"), "CARGO_HOME": str(tmp_path / "cargo")}
    fixed = {"PYTHONPATH": str(ROOT), **folders, "NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
    environ = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith(("CROSSTASKS_", "NOX"))}
    return environ | fixed | changes


@pytest.fixture
def start(tmp_path):
    """Start a module of Python as its program: its name, arguments, the folder, what it reads, changes to the environment."""

    def call(module, *arguments, cwd, read=None, **env):
        command = (sys.executable, "-m", module, *arguments)
        environ = environment(tmp_path, env)
        return subprocess.run(command, cwd=cwd, env=environ, input=read, capture_output=True, text=True, check=False)

    return call


@pytest.fixture
def run(tmp_path, warm):
    """Do as `start` does in a tenth of the time, where it does not matter which modules are loaded already, and from where."""

    def call(module, *arguments, cwd, read=None, **env):
        streams = {name: tmp_path.parent / f"{tmp_path.name}.{name}" for name in ("stdin", "stdout", "stderr")}
        for path in streams.values():
            path.write_text("")
        streams["stdin"].write_text(read or "")
        places = {name: str(path) for name, path in streams.items()}
        code = warm(module=module, arguments=arguments, cwd=str(cwd), env=environment(tmp_path, env), **places)
        done = subprocess.CompletedProcess((module, *arguments), code, streams["stdout"].read_text(), streams["stderr"].read_text())
        for path in streams.values():
            path.unlink()
        return done

    return call
