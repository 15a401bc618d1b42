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
import ssh_server
from facts_registry import push
from facts_registry import running as registry

from crosstasks.clients import docker_sdk, registry_api
from crosstasks.facts.engine import Engine as EngineFact

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
    """With crates of the registry and the repository, side by side: tests run there, the program of a build comes back, and nothing stays."""
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
    with ThreadPoolExecutor() as pool:
        arguments = ("--target", "aarch64", "--builder", "cross", "--format", "json")
        both = [
            pool.submit(crosstasks, *words, cwd=project, **options)
            for words in (("test", *arguments), ("build", *arguments, "--", "--release"))
        ]
    tested, built = (one.result() for one in both)
    assert (tested.returncode, built.returncode) == (0, 0), tested.stderr + built.stderr
    assert "test runs ... ok" in tested.stdout + tested.stderr
    (result,) = json.loads(built.stdout)["results"]
    (artifact,) = result["artifacts"]
    assert ("cross 0.2.5, image built here", "EM_AARCH64") == (result["route"], artifact["machine"])
    assert project / "target" / "crosstasks" / "aarch64-unknown-linux-gnu" / "release" / "small" == Path(artifact["path"])
    assert "" == elsewhere.left()
    said = crosstasks("doctor", cwd=project, **context)
    assert "context elsewhere" in said.stdout
    assert f"remote at {elsewhere.address}" in said.stdout


@pytest.fixture(scope="module")
def ssh(elsewhere, tmp_path_factory):
    """A PATH on which ssh knows the machine of that engine as ``box``; it is refused by no other name."""
    with ssh_server.running(tmp_path_factory.mktemp("ssh"), elsewhere.host) as programs:
        yield f"{programs}{os.pathsep}{os.environ['PATH']}"


def test_a_build_by_ssh(elsewhere, ssh, crate, crosstasks, tmp_path):
    """DOCKER_HOST: a program comes back, and nothing stays. A context: what that engine holds is found by it, and doctor says where."""
    project = crate.rename(elsewhere.projects / "by-ssh")
    options = {"CROSSTASKS_STRICT": "true", "CROSSTASKS_IMAGES": "local,build", "CROSSTASKS_BUILDER": "cross", "PATH": ssh}
    host = {**options, "DOCKER_HOST": "ssh://box"}
    built = crosstasks("build", "--target", "aarch64", "--format", "json", cwd=project, **host)
    assert built.returncode == 0, built.stderr
    (result,) = json.loads(built.stdout)["results"]
    assert "EM_AARCH64" == result["artifacts"][0]["machine"]
    assert "" == elsewhere.left()
    made = ("docker", "context", "create", "away", "--docker", "host=ssh://root@box")
    subprocess.run(made, check=True, capture_output=True, env={**os.environ, "PATH": ssh, "DOCKER_CONFIG": str(tmp_path)})
    context = {**options, "DOCKER_HOST": None, "DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "away"}
    planned = crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=project, **context)
    assert planned.returncode == 0, planned.stderr
    (plan,) = json.loads(planned.stdout)["plans"]
    assert (result["route"], []) == (plan["route"]["name"], plan["steps"])
    said = crosstasks("doctor", cwd=project, **context)
    assert "context away, store " in said.stdout, said.stderr
    assert "remote at ssh://root@box" in said.stdout


def test_what_needs_an_engine_of_this_machine_says_so_first(elsewhere, ssh, crate, crosstasks):
    """A shell is not begun; nothing was provided for it."""
    options = {"CROSSTASKS_IMAGES": "local,build", "CROSSTASKS_BUILDER": "cross", "PATH": ssh, "DOCKER_HOST": "ssh://box"}
    done = crosstasks("shell", "--target", "armv7", cwd=crate, stdin="echo begun\n", **options)
    assert (done.returncode, "the engine is on another machine, and cannot mount the project" in done.stderr) == (7, True)
    assert "" == done.stdout
    assert b"" == elsewhere.docker("images", "--quiet", "crosstasks/armv7-unknown-linux-gnueabihf").stdout


def test_a_machine_that_ssh_does_not_reach(ssh, crate, crosstasks):
    """Its own words, and what must work without us."""
    done = crosstasks("plan", "--target", "aarch64", "--builder", "cross", cwd=crate, PATH=ssh, DOCKER_HOST="ssh://me@nowhere.invalid:2222")
    assert done.returncode == 7, done.stderr
    assert "Could not resolve hostname nowhere.invalid" in done.stderr
    assert "hint: `ssh -p 2222 me@nowhere.invalid docker version` must answer, and ask for nothing" in done.stderr


def test_registries_are_asked_from_here_where_docker_is_reached_by_ssh(ssh, tmp_path, monkeypatch):
    """The SDK has no way there that is Docker's own; the command pulls."""
    monkeypatch.setenv("PATH", ssh)
    monkeypatch.setenv("DOCKER_HOST", "ssh://box")
    assert docker_sdk.client(10) is None
    found = EngineFact(kind="docker", command="docker", version="1", arch="x86_64", remote=True, endpoint="ssh://box")
    with registry(tmp_path) as address:
        push(address, "small")
        assert registry_api.look(f"{address}/small:0.2.5", found, 10)["digest"].startswith("sha256:")


def test_program_and_sdk_speak_to_the_engine_of_the_context(elsewhere, context, monkeypatch):
    """Docker's program, and the SDK that pulls and asks registries; DOCKER_HOST wins over both.

    The SDK finds contexts only beside a config.json: without one it says so, and takes no other engine.
    """
    for name, value in context.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    assert docker_sdk.client(10) is None
    Path(context["DOCKER_CONFIG"], "config.json").write_text("{}")
    assert "elsewhere" == _name_by_command() == _name_by_sdk()
    monkeypatch.setenv("DOCKER_HOST", second_engine.HERE)
    assert "elsewhere" != _name_by_command() == _name_by_sdk()


def _name_by_command():
    done = subprocess.run(("docker", "info", "--format", "{{.Name}}"), capture_output=True, check=True, text=True)
    return done.stdout.strip()


def _name_by_sdk():
    with contextlib.closing(docker_sdk.client(10)) as client:
        return client.info()["Name"]


def test_an_engine_that_does_not_see_the_project(elsewhere, crate, crosstasks, tmp_path):
    """As with a virtual machine that was not given the folder: it is tried, said with the folder, and zigbuild builds instead.

    Who says CROSS_REMOTE has all copied there.
    """
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
    said = {"DOCKER_HOST": elsewhere.host, "CROSS_REMOTE": "1", "CROSSTASKS_IMAGES": "local,build"}
    copied = crosstasks("build", "--target", "aarch64", "--builder", "cross", "--strict", cwd=project, **said)
    assert copied.returncode == 0, copied.stderr
    assert "" == elsewhere.left()


def test_an_engine_with_a_name_of_its_own_that_sees_the_project(elsewhere, crate, crosstasks):
    """It is tried once, and what was tried is not there any more."""
    told = crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=crate, DOCKER_HOST=elsewhere.host)
    assert told.returncode == 0, told.stderr
    refused = {refusal["why"] for refusal in json.loads(told.stdout)["plans"][0]["refused"]}
    assert not [why for why in refused if f"{crate}" in why]
    assert [] == list((crate / "target").rglob(".shared-*"))
    assert b"" == elsewhere.docker("images", "--quiet", "crosstasks/proof").stdout
