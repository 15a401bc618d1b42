"""A bundle is made, carried to a machine that has no network at all, and builds and tests there."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

import arm64_engine
import arm64_machine
import foreign
import pytest
from facts_registry import running

from crosstasks import pipeline
from crosstasks.catalog.ingredients import Image, Toolchain
from crosstasks.catalog.targets import find
from crosstasks.clients import engines, registry_api
from crosstasks.core.steps import Question
from crosstasks.extras.offline import bundle as bundle_archive
from crosstasks.extras.offline import bundle_tasks
from crosstasks.extras.offline.bundle import Manifest
from crosstasks.planning import request
from crosstasks.planning.plan import Plan
from crosstasks.planning.route import Route
from crosstasks.testing import ARM64

MAIN = """fn main() { println!("{}", itoa::Buffer::new().format(42)); }
#[test]
fn counts() { assert_eq!(("aarch64", "42"), (std::env::consts::ARCH, itoa::Buffer::new().format(42))); }
"""

PACKAGE = "libattr1-dev"
"""It makes the image one of these tests' own, to be removed from the engine and brought back."""


@pytest.fixture(scope="module")
def own_cache(cache):
    """A cache that lives from run to run, with toolchains for one target: all of a toolchain goes into the bundle, and other tests add targets."""
    folder = cache / "around" / "bundle"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("answers", "debian", "images", "tools"):
        (cache / name).mkdir(exist_ok=True)
        with suppress(FileExistsError):
            (folder / name).symlink_to(cache / name)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory, crosstasks, own_cache):
    """One bundle, for both platforms, of a crate that needs another, and what its making said; its images are gone from the engine."""
    folder = tmp_path_factory.mktemp("bundle")
    hello = folder / "hello"
    (hello / "src").mkdir(parents=True)
    (hello / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nitoa = "1"\n')
    (hello / "src" / "main.rs").write_text(MAIN)
    names = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]
    (hello / "crosstasks.toml").write_text(f'version = 1\ntargets = {json.dumps(names)}\n[target.aarch64]\npackages = ["{PACKAGE}"]\n')
    both = ("--platform", "linux/amd64", "--platform", "linux/arm64")
    command = ("bundle", "--to", str(folder / "b.tar"), "--target", "aarch64", *both, "--format", "json")
    done = crosstasks(*command, cwd=hello, CROSSTASKS_CACHE_DIR=str(own_cache))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)["bundle"]
    images = [image["ref"] for image in told["images"]]
    subprocess.run(("docker", "image", "rm", *images), check=True, capture_output=True)
    yield folder, told
    subprocess.run(("docker", "image", "rm", *images), check=False, capture_output=True)


@pytest.fixture
def alone(made, environ, tmp_path):
    """The program on a machine without a network: no cache, no crates, no Rust on PATH, and nothing of what was built."""
    folder, _ = made
    shutil.rmtree(folder / "hello" / "target", ignore_errors=True)
    path = os.pathsep.join(dict.fromkeys((str(Path(sys.executable).parent), "/usr/bin", "/bin")))
    bare = environ | {"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache"), "CARGO_HOME": str(tmp_path / "cargo"), "PATH": path}
    apart = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net")

    def call(*arguments, cwd=folder / "hello", **env):
        argv = (*apart, sys.executable, "-m", "crosstasks", *arguments)
        return subprocess.run(argv, cwd=cwd, env=bare | env, capture_output=True, text=True, check=False)

    return call


def test_a_bundle_builds_and_tests_where_there_is_no_network(made, alone, tmp_path):
    """Nothing of it could be had there otherwise; what cargo needs is in it too."""
    folder, told = made
    assert {member["kind"] for member in told["members"]} == {"tool", "toolchain", "images", "crates"}
    assert told["platforms"] == ["linux/amd64", "linux/arm64"]
    assert alone("build", "--target", "aarch64", "--builder", "cross").returncode == 4
    loaded = alone("provision", "--from", str(folder / "b.tar"), "--target", "aarch64", "--offline")
    assert loaded.returncode == 0, loaded.stderr
    assert "to do      nothing: everything is there" in loaded.stdout
    assert "not loaded, since it is for other machines: " in loaded.stderr
    assert {path.name.partition("-")[2] for path in (tmp_path / "cache" / "rustup" / "toolchains").iterdir()} == {
        "x86_64-unknown-linux-gnu"
    }
    assert ["amd64"] == _architectures(told)
    tested = alone("test", "--target", "aarch64", "--builder", "cross")
    assert tested.returncode == 0, tested.stderr
    assert "test counts ... ok" in tested.stdout
    built = alone("build", "--target", "aarch64", "--builder", "cross", "--format", "json")
    assert built.returncode == 0, built.stderr
    assert [] == [path.name for path in tmp_path.rglob(".crosstasks-*")]


def test_a_bundle_of_one_target_is_loaded_where_more_are_declared(made, alone):
    """Nothing need be named: what it brings is ready, the rest is told as not, and all is well."""
    folder, _ = made
    loaded = alone("provision", "--from", str(folder / "b.tar"))
    assert loaded.returncode == 0, loaded.stderr
    lines = {words[0]: words[1:3] for line in loaded.stdout.rpartition("\n\n")[2].splitlines() if (words := line.split())}
    assert ["ready", "cross"] == lines["aarch64-unknown-linux-gnu"]
    # only a registry has an image of it, whatever the engine holds
    named = alone("provision", "--from", str(folder / "b.tar"), "--target", "x86_64-unknown-illumos", "--offline")
    assert 4 == named.returncode
    assert "x86_64-unknown-illumos  not ready" in named.stdout
    assert "error: x86_64-unknown-illumos: " in named.stderr


def _architectures(told):
    """Return those of the bundle's images that the engine holds."""
    refs = [image["ref"] for image in told["images"]]
    done = subprocess.run(
        ("docker", "image", "inspect", "--format", "{{.Architecture}}", *refs), capture_output=True, text=True, check=False
    )
    return done.stdout.split()


@pytest.fixture
def foreign_engine(made, cache, busybox, crate):
    """The address of an engine that says arm64, which holds none of the images; the crate has no dependencies, since QEMU compiles."""
    refs = [image["ref"] for image in made[1]["images"]]
    subprocess.run(("docker", "image", "rm", *refs), check=False, capture_output=True)
    foreign.arm64_runs(cache, busybox)
    with (crate / "crosstasks.toml").open("a") as file:
        file.write(f'[target.aarch64]\npackages = ["{PACKAGE}"]\n')
    with (crate / "src" / "main.rs").open("a") as file:
        file.write('#[test]\nfn here() { assert_eq!(std::env::consts::ARCH, "aarch64"); }\n')
    with tempfile.TemporaryDirectory(prefix="arm64-") as folder, arm64_engine.running(Path(folder)) as address:
        yield address


AARCH64 = ("--target", "aarch64", "--builder", "cross")


def test_the_same_bundle_serves_a_machine_of_arm64(made, foreign_engine, cache, crate, tmp_path):
    """All that runs there is arm64's: it takes its own parts alone, and a test passes."""
    folder, told = made
    machine = arm64_machine.Machine(cache)
    seen = (folder, tmp_path, Path(foreign_engine.removeprefix("unix://")).parent)
    env = {"CROSSTASKS_CACHE_DIR": f"{tmp_path}/cache", "CARGO_HOME": f"{tmp_path}/cargo", "DOCKER_HOST": foreign_engine}
    bundle = ("--from", str(folder / "b.tar"), "--offline")
    loaded = machine.crosstasks("provision", *bundle, *AARCH64, cwd=crate, folders=seen, **env)
    assert loaded.returncode == 0, loaded.stderr
    names = {path.name for kind in ("tools/cross-*", "rustup/toolchains/*") for path in (tmp_path / "cache").glob(kind)}
    assert (len(names), {name.endswith("-aarch64-unknown-linux-gnu") for name in names}) == (2, {True})
    assert ["arm64"] == _architectures(told)
    tested = machine.crosstasks("test", *AARCH64, cwd=crate, folders=seen, **env)
    assert tested.returncode == 0, tested.stderr
    assert "test here ... ok" in tested.stdout


def test_the_same_bundle_serves_an_engine_of_arm64(made, alone, foreign_engine, crate, tmp_path):
    """It takes that image and toolchain, and of this host's what runs here: cross, and the toolchain that cargo looks with."""
    folder, told = made
    loaded = alone("provision", "--from", str(folder / "b.tar"), *AARCH64, "--offline", cwd=crate, DOCKER_HOST=foreign_engine)
    assert loaded.returncode == 0, loaded.stderr
    assert "not loaded, since it is for other machines: images/linux-amd64.tar.gz, tools/cross-0.2.5-aarch64" in loaded.stderr
    assert ["arm64"] == _architectures(told)
    assert ["cross-0.2.5-x86_64-unknown-linux-gnu"] == [path.name for path in (tmp_path / "cache" / "tools").glob("cross-*")]
    tested = alone("test", *AARCH64, cwd=crate, DOCKER_HOST=foreign_engine)
    assert tested.returncode == 0, tested.stderr
    assert "test here ... ok" in tested.stdout


def test_a_damaged_bundle_changes_nothing(made, alone, tmp_path):
    """Every checksum is looked at before anything is put anywhere."""
    folder, _ = made
    damaged = tmp_path / "damaged.tar"
    shutil.copyfile(folder / "b.tar", damaged)
    with tarfile.open(damaged) as tar:
        place = tar.getmember("crates.tar.gz").offset_data + 1000
    with damaged.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
    done = alone("provision", "--from", str(damaged), "--target", "aarch64")
    assert (done.returncode, "crates.tar.gz has another checksum" in done.stderr) == (2, True)
    assert not (tmp_path / "cache" / "tools").exists()
    assert not (tmp_path / "cargo").exists()


def test_a_bundle_for_another_platform_is_refused(made, alone, tmp_path):
    """With the platform to ask for."""
    _, told = made
    other = tmp_path / "other.tar"
    with tarfile.open(other, "w") as tar:
        text = json.dumps(told | {"platforms": ["linux/arm64"], "members": [], "images": []}).encode()
        info = tarfile.TarInfo("crosstasks.json")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    done = alone("provision", "--from", str(other), "--target", "aarch64")
    assert (done.returncode, "make one with --platform linux/amd64" in done.stderr) == (2, True)


def test_a_digest_comes_along_with_an_image_that_has_no_other_name(tmp_path, monkeypatch, busybox_layer):
    """An engine does not keep the digest of what it loads: the bundle says it. Where it was made, the engine keeps its own names."""
    monkeypatch.setenv("CROSSTASKS_CACHE_DIR", str(tmp_path / "cache"))
    crate = tmp_path / "small"
    subprocess.run(("cargo", "init", "--quiet", "--vcs", "none", "--lib", str(crate)), check=True)
    context = pipeline.look(pipeline.start(crate, names=("aarch64",), say=lambda _: None))
    own = Toolchain(name="none", release="1", host="x86_64-unknown-linux-gnu", path="/none", standard=(), source="cache", why="")
    with running(tmp_path / "registry") as address:
        ref = f"{address}/small:1"
        subprocess.run(("docker", "import", "-", ref), input=busybox_layer, check=True, capture_output=True)
        subprocess.run(("docker", "push", "--quiet", ref), check=True, capture_output=True)
        digest = registry_api.directly(ref, 10)["digest"]
        at = f"{address}/small@{digest}"
        image = Image(ref=at, platform="linux/amd64", digest=at, source="upstream", why="")
        route = Route(name="x", target=ARM64, builder="cross", flavour="0.2.5", toolchain=own, host_toolchain=own, image=image)
        try:
            with bundle_archive.writer(tmp_path / "b.tar") as writer:
                rows = bundle_tasks.save_images(
                    writer,
                    context,
                    "linux/amd64",
                    [Plan(request=request.make(find("aarch64"), "build", context.facts, context.config), route=route)],
                )
                members = tuple(writer.members)
                made = Manifest(crosstasks="0", targets=(ARM64,), platforms=("linux/amd64",), members=members, images=rows)
                writer.close(made)
            assert engines.inspect("docker", (rows[0].ref,)) == []
            assert engines.inspect("docker", (at, ref)) != []
        finally:
            subprocess.run(("docker", "image", "rm", ref, at), capture_output=True, check=False)
    try:
        bundle_tasks.load(context, tmp_path / "b.tar")
        again = pipeline.look(pipeline.afresh(context), (Question("inventory"), Question("image", rows[0].ref)))
        (brought,) = again.facts.inventory.images
        assert (brought.digest, brought.id) == (digest, again.facts.get(Question("image", rows[0].ref)).id)
    finally:
        subprocess.run(("docker", "image", "rm", rows[0].ref), capture_output=True, check=False)
