"""The flavours that are compiled: 0.2.4 from the crates registry, git from a repository; both build a crate for real.

What was compiled stays in the cache of the tests: a minute each, once.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import cross_source
import pytest

LOCAL = 'images = ["local", "build"]\n'


def built(done):
    """Return the only result of a build that went well."""
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    return result


def version(cache, entry):
    """Return what a cross of the cache says of itself, in an empty folder and with nothing else to do."""
    (program,) = (cache / "tools").glob(f"{entry}/bin/cross")
    env = {"PATH": "", "RUSTC": "/bin/true", "CROSS_NO_WARNINGS": "0"}
    done = subprocess.run((program, "--version"), cwd="/", env=env, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()[0]


@pytest.fixture
def local(crate):
    """A crate whose images are those built here: no registry is asked."""
    config = crate / "crosstasks.toml"
    config.write_text(config.read_text() + LOCAL)
    return crate


@pytest.fixture(scope="module")
def around(cache):
    """A CARGO_HOME inside a git repository, whose commit a careless install would take for cross's own."""
    folder = cache / "around"
    if not (folder / ".git").exists():
        folder.mkdir(exist_ok=True)
        cross_source.git(folder, "init", "--quiet")
        cross_source.git(folder, "commit", "--quiet", "--allow-empty", "--message", "not cross's own")
    return folder / "cargo-home"


def test_the_old_release_is_compiled_and_builds(local, cache, around, crosstasks):
    """0.2.4 comes from the crates registry with --locked; the user's flags and a repository around it change nothing."""
    changes = {"CARGO_HOME": str(around), "RUSTFLAGS": "-D warnings"}
    done = crosstasks("provision", "--target", "aarch64", "--cross", "0.2.4", "--builder", "cross", cwd=local, **changes)
    assert done.returncode == 0, done.stderr
    assert version(cache, "cross-0.2.4-*-rust-*") == "cross 0.2.4"
    result = built(crosstasks("build", "--target", "aarch64", "--cross", "0.2.4", "--builder", "cross", "--format", "json", cwd=local))
    assert (result["route"], result["failures"]) == ("cross 0.2.4, image built here", [])


def test_a_revision_is_compiled_and_builds(local, cache, crosstasks):
    """The code of a git repository, at a revision; its commit is that of the repository. It opens a shell as well."""
    url, rev = cross_source.repository(cache)
    git = {"CROSSTASKS_GIT_URL": url, "CROSSTASKS_GIT_REV": rev}
    arguments = ("build", "--target", "aarch64", "--cross", "git", "--builder", "cross", "--format", "json")
    result = built(crosstasks(*arguments, cwd=local, **git))
    assert (result["route"], result["failures"]) == ("cross git, image built here", [])
    assert version(cache, f"cross-git-{rev[:12]}-*").startswith(f"cross 0.2.5 ({rev[:7]}")
    assert 7 == crosstasks("shell", "--target", "aarch64", "--cross", "git", cwd=local, stdin="exit 7\n", **git).returncode


def test_a_revision_that_is_not_there(local, cache, crosstasks):
    """Cargo's own words say so, and strict takes no other flavour, but names it."""
    url, _ = cross_source.repository(cache)
    git = {"CROSSTASKS_GIT_URL": url, "CROSSTASKS_GIT_REV": "0" * 40, "CROSSTASKS_FALLBACK": "0.2.5"}
    done = crosstasks("build", "--target", "aarch64", "--cross", "git", "--builder", "cross", "--strict", cwd=local, **git)
    assert done.returncode == 5
    assert "cross git did not compile" in done.stderr
    assert "the git repository and its revision, within reach?; next would be cross 0.2.5, image built here" in done.stderr


INSTALL = """
import sys
from pathlib import Path
from crosstasks.clients.process import run
from crosstasks.provisioning import tools
tools.from_cargo(Path(sys.argv[1]), "cross", "0.2.4", ["--version", "0.2.4"], cargo=Path(sys.argv[2]), run=run, say=print)
"""


def test_half_a_cross_does_not_count(environ, tmp_path):
    """Interrupted while it compiles, the install leaves nothing that a later call would take."""
    home = tmp_path / "tools"
    sysroot = subprocess.run(("rustc", "--print", "sysroot"), check=True, capture_output=True, text=True).stdout.strip()
    argv = (sys.executable, "-c", INSTALL, str(home), f"{sysroot}/bin/cargo")
    with subprocess.Popen(argv, cwd=tmp_path, env=environ, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 120
        while not list(home.glob(".cross.*/build/release/deps/*")) and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert "Interrupted" in said
    assert [path for path in home.iterdir() if path.suffix != ".lock"] == []
