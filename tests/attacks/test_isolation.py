"""Where build scripts run, and what they are given there: leaving the container is a decision, and a run proves where it was."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

NOBODY = {"DOCKER_HOST": "unix:///nobody.sock", "CONTAINER_HOST": "unix:///nobody.sock"}
"""An engine that does not answer, Docker or Podman."""
TOKENS = {
    "CARGO_REGISTRY_TOKEN": "secret-1",
    "CARGO_REGISTRIES_MINE_TOKEN": "secret-2",
    "GITHUB_TOKEN": "secret-3",
    "AWS_SECRET_ACCESS_KEY": "secret-4",
    "CARGO_HTTP_PROXY": "http://me:secret-5@127.0.0.1:9",
    "CARGO_MINE_KEY": "secret-6",
    "CARGO_MINE_PASSWD": "secret-7",
    "CARGO_MINE_AUTH": "secret-8",
    "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
}


def configure(crate, *lines):
    (crate / "crosstasks.toml").write_text("\n".join(('version = 1\ntargets = ["aarch64"]', *lines, "")))


@pytest.fixture
def home(tmp_path):
    """A CARGO_HOME with tokens in it."""
    folder = tmp_path / "cargo-home"
    folder.mkdir()
    (folder / "credentials.toml").write_text('[registry]\ntoken = "secret-9"\n')
    (folder / "config.toml").write_text('[registries.mine]\nindex = "sparse+https://example.org/"\ntoken = "secret-10"\n')
    return str(folder)


def test_a_strict_build_does_not_leave_the_container(hostile, built):
    """The engine does not answer: code 7, with what would choose the host; nothing ran."""
    crate = hostile("tells_environment")
    configure(crate)
    _, result = built(cwd=crate, CI="1", **NOBODY)
    assert 7 == result["code"]
    assert "would be built on the host, and not in a container" in result["error"]
    assert 'builder = "zigbuild"' in result["error"]
    assert not (crate / "environment.txt").exists()


def test_a_release_does_not_leave_the_container(hostile, crosstasks):
    """Also one that is strict by itself."""
    crate = hostile("tells_environment")
    configure(crate)
    (crate / ".gitignore").write_text("target\ndist\nenvironment.txt\n")
    (crate / "Cargo.lock").write_text('version = 3\n\n[[package]]\nname = "small"\nversion = "0.1.0"\n')
    config = ("-c", "user.name=u", "-c", "user.email=u@example.org")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run(("git", "-C", crate, *config, *words), check=True, capture_output=True)
    done = crosstasks("release.build", cwd=crate, **NOBODY, **TOKENS)
    assert 7 == done.returncode, done.stderr
    assert not (crate / "environment.txt").exists()


@pytest.mark.parametrize("chosen", ["", 'builder = "zigbuild"'])
def test_the_host_is_said_and_is_given_no_tokens(chosen, hostile, built, home):
    """By `builder`, or where nothing is strict: neither the environment nor CARGO_HOME has them; the better routes are named."""
    crate = hostile("tells_environment")
    configure(crate, chosen)
    done, result = built(cwd=crate, CI="1" if chosen else None, CARGO_HOME=home, **NOBODY, **TOKENS)
    assert ("host", None, 0) == (result["isolation"], result["container"], result["code"]), done.stderr
    assert chosen or "does not answer" in result["refused"][0]["why"]
    told = (crate / "environment.txt").read_text()
    assert "secret-" not in told
    assert '"CARGO_PROFILE_DEV_OPT_LEVEL"="1"' in told
    assert "credentials.toml" not in told
    assert "example.org" in told


def test_a_container_is_given_no_tokens_and_is_proven(hostile, built, home):
    """The engine itself told which container that was, of which image, on which platform."""
    crate = hostile("tells_environment")
    configure(crate)
    _, result = built(cwd=crate, CARGO_HOME=home, **TOKENS)
    container = result["container"]
    assert ("container", 64, "linux/amd64") == (result["isolation"], len(container["id"]), container["platform"])
    assert container["image"].removeprefix("localhost/").startswith("crosstasks/aarch64-unknown-linux-gnu:")
    assert container["digest"].startswith("sha256:")
    told = (crate / "environment.txt").read_text()
    assert "secret-" not in told
    assert '"CARGO_PROFILE_DEV_OPT_LEVEL"="1"' in told


def test_a_program_that_is_no_cross_does_not_pass_for_it(crate, built, crosstasks, environ, tmp_path):
    """It says that it is cross 0.2.5, and calls the host's cargo by its path: for the host's own machine, that builds."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "cross"\nfallback = []\n')
    planned = crosstasks("plan", "--format", "json", cwd=crate)
    own = json.loads(planned.stdout)["plans"][0]["route"]["host_toolchain"]["path"]
    program = tmp_path / "bin" / "cross"
    program.parent.mkdir()
    version = 'case "$*" in *--version*) echo "cross 0.2.5"; exit 0 ;; esac\n'
    program.write_text(f'#!/bin/sh\n{version}[ "$1" = build ] || exit 0\nRUSTC={own}/bin/rustc exec {own}/bin/cargo "$@"\n')
    program.chmod(0o755)
    done, result = built(cwd=crate, PATH=f"{program.parent}:{environ['PATH']}")
    assert "Compiling small" in done.stderr
    assert 7 == result["code"], done.stderr
    assert "was built in no container" in result["error"]
    assert [] == list(Path(crate, "target", "crosstasks").glob("x86_64*/*"))
