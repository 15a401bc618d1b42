"""An engine that says arm64: its five routes, each taken when those before it are impossible, and each builds for real.

The engine is this machine's, behind a proxy (arm64_engine.py); arm64 images run by QEMU, amd64 images as they are. The
host stays what it is, but for the last test, where all of it is arm64 too (arm64_machine.py); see test_guard.py as well.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import arm64_engine
import arm64_machine
import cross_source
import facts_registry
import foreign
import pages
import pytest
from without_debian import HIDDEN

from crosstasks import pipeline
from crosstasks.context import on_platform
from crosstasks.extras.offline import bundle_tasks
from crosstasks.testing import ARM64

BUILD_RS = """fn main() {
    println!("cargo:warning=compiled by {}", std::env::consts::ARCH);
}
"""


@pytest.fixture(scope="module")
def engine(cache, busybox):
    """The address of the engine that says arm64, where arm64 programs run."""
    foreign.arm64_runs(cache, busybox)
    with tempfile.TemporaryDirectory(prefix="arm64-") as folder, arm64_engine.running(Path(folder)) as address:
        yield address


@pytest.fixture(scope="module", autouse=True)
def _tools(cache, crosstasks, tmp_path_factory):
    """Have in the cache what the routes below the first need: the compiled flavours, and zigbuild."""
    folder = tmp_path_factory.mktemp("tools")
    (folder / "src").mkdir()
    (folder / "src" / "lib.rs").touch()
    (folder / "Cargo.toml").write_text('[package]\nname = "tools"\nversion = "0.1.0"\nedition = "2021"\n')
    # the targets of `crate`: they decide the toolchain, and that is in the names of what it compiles
    (folder / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]\n')
    url, rev = cross_source.repository(cache)
    git = {"CROSSTASKS_GIT_URL": url, "CROSSTASKS_GIT_REV": rev, "CROSSTASKS_IMAGES": "local,build"}
    for route in (("--cross", "git", "--builder", "cross"), ("--cross", "0.2.4", "--builder", "cross"), ("--builder", "zigbuild")):
        done = crosstasks("provision", "--target", "aarch64", *route, cwd=folder, **git)
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def registry(busybox_layer, tmp_path_factory):
    """A registry with an amd64 image in the shapes of cross's own: ``:0.2.5`` an index, ``:0.2.4`` a plain manifest."""
    with facts_registry.running(tmp_path_factory.mktemp("registry")) as address:
        ref = f"{address}/cross-rs/small"
        facts_registry.push(address, "cross-rs/small", busybox_layer)
        yield ref
        held = subprocess.run(("docker", "images", "--quiet", ref), capture_output=True, text=True, check=True).stdout.split()
        subprocess.run(("docker", "rmi", "--force", *set(held)), capture_output=True, check=False)


@pytest.fixture
def call(crate, crosstasks, engine):
    """Build the crate, whose build script tells what it was compiled on, through that engine; return the result and what was said."""
    (crate / "build.rs").write_text(BUILD_RS)

    def build(target, *, verb="build", text="", **env):
        if text:
            (crate / "crosstasks.toml").write_text((crate / "crosstasks.toml").read_text() + text)
        done = crosstasks(verb, "--target", target, "--format", "json", cwd=crate, DOCKER_HOST=engine, **env)
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout[done.stdout.index('{\n  "schema_version"') :])["results"]
        return result, done.stderr

    return build


LOCAL = 'images = ["local", "build"]\n'


def turns(result):
    """Return the routes that failed before the one that was taken, each once."""
    return list(dict.fromkeys(turn["route"] for turn in result["failures"]))


def test_the_engine_says_arm64(engine, registry):
    """The premise: the index of 0.2.5 is not even pulled, the plain manifest of 0.2.4 is."""

    def docker(*argv):
        return subprocess.run(("docker", "--host", engine, *argv), capture_output=True, text=True, check=False)

    assert docker("version", "--format", "{{.Server.Arch}}").stdout.strip() == "arm64"
    assert docker("info", "--format", "{{.Architecture}}").stdout.strip() == "aarch64"
    assert "no matching manifest for linux/arm64" in docker("pull", f"{registry}:0.2.5").stderr
    assert docker("pull", f"{registry}:0.2.4").returncode == 0


@pytest.mark.parametrize(("target", "machine"), [("aarch64", "EM_AARCH64"), ("x86_64", "EM_X86_64")])
def test_a_native_image_comes_first(call, target, machine):
    """(1) Cross 0.2.5 with an arm64 image built here, and the aarch64 toolchain under its own name."""
    result, said = call(target, text=LOCAL)
    assert (result["route"], result["failures"]) == ("cross 0.2.5, image built here", [])
    assert [artifact["machine"] for artifact in result["artifacts"]] == [machine]
    assert "compiled by aarch64" in said


def test_tests_run_in_the_native_image(call, crate):
    """The target is the image's own: nothing emulates within it."""
    with (crate / "src" / "main.rs").open("a") as file:
        file.write('#[test]\nfn here() { assert_eq!(std::env::consts::ARCH, "aarch64"); }\n')
    done, said = call("aarch64", verb="test", text=LOCAL)
    assert done["route"] == "cross 0.2.5, image built here"
    assert "compiled by aarch64" in said


def test_git_with_the_native_image_is_second(call, cache, without, closed):
    """(2) Where 0.2.5 can neither be installed from PyPI nor compiled, the git flavour takes the same image."""
    url, rev = cross_source.repository(cache)
    git = {"CROSSTASKS_GIT_URL": url, "CROSSTASKS_GIT_REV": rev}
    result, said = call("aarch64", text=LOCAL, **(closed | git), CROSSTASKS_CACHE_DIR=without("cross-git-", "zigbuild-"))
    assert result["route"] == "cross git, image built here"
    assert turns(result) == ["cross 0.2.5, image built here"]
    assert len(result["failures"]) == 2
    assert "compiled by aarch64" in said


def test_the_released_image_is_emulated_third(call, registry):
    """(3) An image that is only for amd64: pulled and run with --platform, with the x86_64 toolchain."""
    result, said = call("x86_64", text=f'image = "{registry}:0.2.5"\n', CROSS_CONTAINER_OPTS=facts_registry.USR)
    assert (result["route"], result["failures"]) == ("cross 0.2.5, configured image, linux/amd64 emulated", [])
    assert "compiled by x86_64" in said


def test_the_old_release_is_emulated_fourth(call, registry, without, closed):
    """(4) Where neither 0.2.5 nor git can be had, 0.2.4 does the same with its plain manifest."""
    changes = closed | {"CROSS_CONTAINER_OPTS": facts_registry.USR, "CROSSTASKS_CACHE_DIR": without("cross-0.2.4-", "zigbuild-")}
    result, said = call("x86_64", text=f'image = "{registry}:0.2.4"\n', **changes)
    assert result["route"] == "cross 0.2.4, configured image, linux/amd64 emulated"
    assert turns(result) == [f"cross {flavour}, configured image, linux/amd64 emulated" for flavour in ("0.2.5", "git")]
    assert "compiled by x86_64" in said


@pytest.mark.parametrize("emulation", ["auto", "never"])
def test_zigbuild_needs_no_image(call, emulation):
    """(5) Where no image can be had, native or not, zigbuild builds: none is named, which would rule it out."""
    result, _ = call("aarch64", text=f'images = ["mirror"]\nemulation = "{emulation}"\n')
    assert (result["route"], result["failures"]) == ("zigbuild", [])


@pytest.mark.long
def test_the_tutorial_for_apple_silicon_without_anything_of_debian(engine, environ, tmp_path):
    """The page's own commands, with apt, dpkg and gpg hidden, as on a Mac; what it shows is printed."""
    pages.followed("tutorials/apple-silicon.md", tmp_path / "hello", environ | {"DOCKER_HOST": engine}, "run: arm64", HIDDEN)


def test_a_machine_of_arm64(cache, crate, engine, monkeypatch, tmp_path):
    """crosstasks, cross and Docker's program are arm64's as well, and there is no network: a program is built.

    What such a machine needs is provided beforehand, as for a bundle; test_bundle.py has a test run on such a machine.
    """
    monkeypatch.setenv("CROSSTASKS_CACHE_DIR", str(cache))
    closed = "http://127.0.0.1:9"  # on both machines: what a real server has said to another test is in the cache
    monkeypatch.setenv("RUSTUP_DIST_SERVER", closed)
    monkeypatch.setenv("CROSSTASKS_IMAGES", "local,build")
    context = pipeline.look(pipeline.start(crate, say=lambda _line: None))
    bundle_tasks.provide(ARM64, on_platform(context, "linux/arm64"), context)
    machine = arm64_machine.Machine(cache)
    told = {"CROSSTASKS_CACHE_DIR": str(cache), "CROSSTASKS_IMAGES": "build", "RUSTUP_DIST_SERVER": closed}
    told |= {"CARGO_HOME": str(tmp_path / "cargo"), "DOCKER_HOST": engine}
    folders = (cache, tmp_path, Path(engine.removeprefix("unix://")).parent)
    done = machine.crosstasks("build", "--target", "aarch64", "--builder", "cross", "--strict", cwd=crate, folders=folders, **told)
    assert done.returncode == 0, done.stderr
    assert f"{ARM64}: build ok" in done.stdout + done.stderr
    assert "cross 0.2.5, image built here" in done.stdout + done.stderr
    planned = json.loads(machine.crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=crate, folders=folders, **told).stdout)
    assert "cross-0.2.5-aarch64-unknown-linux-gnu" in planned["plans"][0]["route"]["tool"]["path"]
