"""An engine on another machine: its own name, none of our folders; all that a build needs goes there, and the artifacts come back."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import second_engine

from crosstasks import docker_sdk
from crosstasks.docker_api import EngineDoor

MAIN = """
fn main() { println!("{}", itoa::Buffer::new().format(42)); }
#[test]
fn runs() { assert_eq!(("aarch64", shared::NOTE), (std::env::consts::ARCH, itoa::Buffer::new().format(42))); }
"""


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, cache):
    """An engine that sees neither the projects nor the caches of this machine; and its address, by TCP."""
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    hidden = [tmp_path_factory.mktemp("projects"), cache, *([home] if home.is_dir() else [])]
    with (
        second_engine.running(tmp_path_factory.mktemp("elsewhere"), *hidden) as daemon,
        second_engine.listening(f"{daemon.folder}/docker.sock") as address,
    ):
        daemon.projects, daemon.address = hidden[0], address
        yield daemon


@pytest.fixture
def context(elsewhere, tmp_path, crosstasks):
    """The variables that choose the engine by a context of Docker's."""
    environ = {**os.environ, "DOCKER_CONFIG": str(tmp_path)}
    made = ("docker", "context", "create", "elsewhere", "--docker", f"host={elsewhere.address}")
    subprocess.run(made, check=True, capture_output=True, env=environ)
    return {"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "elsewhere"}


def test_a_build_elsewhere(elsewhere, context, crate, crosstasks):
    """With crates of the registry and the repository: tests run there, the programs of two builds come back, and nothing stays."""
    around = elsewhere.projects / "repository"
    (around / "shared" / "src").mkdir(parents=True)
    subprocess.run(("git", "init", "--quiet", around), check=True)
    (around / "shared" / "Cargo.toml").write_text('[package]\nname = "shared"\nversion = "0.1.0"\nedition = "2021"\n')
    (around / "shared" / "src" / "lib.rs").write_text('pub const NOTE: &str = include_str!("../../note.txt");\n')
    (around / "note.txt").write_text("42")
    project = crate.rename(around / "crate")
    with (project / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\nitoa = "1"\nshared = { path = "../shared" }\n')
    (project / "src" / "main.rs").write_text(MAIN)
    options = {"CROSSTASKS_STRICT": "true", "CROSSTASKS_IMAGES": "local,build", **context}
    tested = crosstasks("test", "--target", "aarch64", "--builder", "cross", cwd=project, **options)
    assert tested.returncode == 0, tested.stderr
    assert "test runs ... ok" in tested.stdout
    with ThreadPoolExecutor() as pool:
        arguments = ("build", "--target", "aarch64", "--builder", "cross", "--format", "json")
        both = [pool.submit(crosstasks, *arguments, *more, cwd=project, **options) for more in ((), ("--", "--release"))]
    for built, profile in zip((one.result() for one in both), ("debug", "release"), strict=True):
        assert built.returncode == 0, built.stderr
        (result,) = json.loads(built.stdout)["results"]
        (artifact,) = result["artifacts"]
        assert ("cross 0.2.5, image of the engine", "EM_AARCH64") == (result["route"], artifact["machine"])
        assert project / "target" / "crosstasks" / "aarch64-unknown-linux-gnu" / profile / "small" == Path(artifact["path"])
    assert "" == elsewhere.left()
    said = crosstasks("doctor", cwd=project, **context)
    assert "context elsewhere" in said.stdout
    assert f"remote at {elsewhere.address}" in said.stdout


def test_every_door_leads_to_the_engine_of_the_context(elsewhere, context, monkeypatch):
    """
    Docker's program, and the SDK that pulls and asks registries; DOCKER_HOST wins over both.

    The SDK finds contexts only beside a config.json: without one it says so, and takes no other engine.
    """
    for name, value in context.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert docker_sdk.client(10) is None
    Path(context["DOCKER_CONFIG"], "config.json").write_text("{}")
    assert {"name": "elsewhere", "endpoint": elsewhere.address, "DOCKER_HOST": ""} == dict(EngineDoor("docker").context())
    assert "elsewhere" == EngineDoor("docker").info()["Name"] == _name_by_sdk()
    monkeypatch.setenv("DOCKER_HOST", second_engine.HERE)
    assert "elsewhere" != EngineDoor("docker").info()["Name"] == _name_by_sdk()


def _name_by_sdk():
    with contextlib.closing(docker_sdk.client(10)) as client:
        return client.info()["Name"]


def test_an_engine_that_does_not_see_the_project(elsewhere, crate, crosstasks, tmp_path):
    """As with a virtual machine that was not given the folder: it is tried, said with the folder, and zigbuild builds instead."""
    project = crate.rename(elsewhere.projects / "unseen")
    told = crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=project, DOCKER_HOST=elsewhere.host)
    assert told.returncode == 0, told.stderr
    (plan,) = json.loads(told.stdout)["plans"]
    assert "zigbuild" == plan["route"]["name"]
    assert f"the engine does not see {project}/target/crosstasks: " in plan["refused"][0]["why"]
    assert "zigbuild needs no engine" in plan["refused"][0]["hint"]
    strict = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=project, DOCKER_HOST=elsewhere.host)
    assert strict.returncode == 4, strict.stderr
    assert f"the engine does not see {project}/target/crosstasks: " in strict.stderr


def test_an_engine_with_a_name_of_its_own_that_sees_the_project(elsewhere, crate, crosstasks):
    """It is tried once, and what was tried is not there any more."""
    told = crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=crate, DOCKER_HOST=elsewhere.host)
    assert told.returncode == 0, told.stderr
    refused = {refusal["why"] for refusal in json.loads(told.stdout)["plans"][0]["refused"]}
    assert not [why for why in refused if f"{crate}" in why]
    assert [] == list((crate / "target").rglob(".shared-*"))
    assert b"" == elsewhere.docker("images", "--quiet", "crosstasks/proof").stdout
