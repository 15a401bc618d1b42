"""Falling back for real: a pull, an image, a program that does not run; and what never leads to another route."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import facts_registry
import pytest

ONLY = 'fallback = ["zigbuild"]\n'
ELSEWHERE = "looking for another route"


@pytest.fixture
def build(crate, crosstasks):
    """Build the crate with more in its configuration; return how it ended, and the only result."""

    def built(text="", target="aarch64", image="", **env):
        config = crate / "crosstasks.toml"
        if image:  # an image that crosstasks.toml names would be kept
            (crate / "Cross.toml").write_text(f'[target.aarch64-unknown-linux-gnu]\nimage = "{image}"\n')
        config.write_text(config.read_text() + ONLY + text)
        done = crosstasks("build", "--target", target, "--format", "json", cwd=crate, **env)
        (result,) = json.loads(done.stdout)["results"] if done.stdout else (None,)
        return done, result

    return built


@contextmanager
def imported(layer: bytes):
    """Give an image of one layer; it is gone afterwards."""
    ref = f"crosstasks-test/falling:{uuid4().hex[:12]}"
    subprocess.run(("docker", "import", "-", ref), input=layer, check=True, capture_output=True)
    try:
        yield ref
    finally:
        subprocess.run(("docker", "rmi", "--force", ref), check=True, capture_output=True)


def tar(**files: bytes) -> bytes:
    """Return an archive of programs."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.mode, member.size = 0o755, len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def turned(result):
    """Return the route that was taken, and each turn before it with its code."""
    return result["route"], [(turn["route"], turn["code"]) for turn in result["failures"]]


def test_a_pull_that_breaks(build, tmp_path):
    """The registry names the image, and lacks its layer: the pull is the turn, and no route tries it again."""
    with facts_registry.running(tmp_path / "registry") as address:
        # a layer that the engine cannot have from elsewhere
        facts_registry.push(address, "cross-rs/small", tar(bin__sh=os.urandom(100_000)))
        blobs = (tmp_path / "registry" / "store").rglob("data")
        max(blobs, key=lambda path: path.stat().st_size).unlink()
        done, result = build(image=f"{address}/cross-rs/small:0.2.5")
    assert done.returncode == 0, done.stderr
    assert turned(result) == ("zigbuild", [("cross 0.2.5, configured image", 9)])
    assert result["failures"][0]["step"]["type"] == "PullImage"


def test_a_package_that_debian_has_not(build):
    """No route would have it: the configuration is wrong, before anything is built, fetched or locked."""
    done, result = build('images = ["build"]\npackages = ["libsl-dev"]\n')
    assert done.returncode == 2, done.stderr
    assert "bookworm has no package 'libsl-dev' for arm64, perhaps 'libssl-dev'" in result["error"]
    assert result["failures"] == []


def test_a_package_that_debian_has_not_is_not_locked(crate, crosstasks):
    """Nor is it passed over, as a target is that another machine may build."""
    with (crate / "crosstasks.toml").open("a") as file:
        file.write('[target.aarch64]\npackages = ["libsl-dev"]\n')
    done = crosstasks("lock", cwd=crate)
    assert done.returncode == 2, done.stderr
    assert "bookworm has no package 'libsl-dev' for arm64" in done.stderr
    assert not (crate / "crosstasks.lock").exists()


def test_an_image_that_cannot_be_built(build, crate, crosstasks, without):
    """Debian's mirror is out of reach: that is the turn, and zigbuild needs no image."""
    made = crosstasks("provision", "--target", "aarch64", "--builder", "zigbuild", cwd=crate)
    assert made.returncode == 0, made.stderr
    folder = Path(without("cross-0.2.5-", "zigbuild-"))
    (folder / "debian").unlink()  # nothing of the release is known, nor fetched
    # of another moment, so that no image of it was built before
    closed = {"CROSSTASKS_CACHE_DIR": str(folder), "CROSSTASKS_DEBIAN_MIRROR": "http://127.0.0.1:9/{archive}/20200101T000000Z"}
    done, result = build('images = ["build"]\n', **closed)
    assert done.returncode == 0, done.stderr
    assert turned(result) == ("zigbuild", [("cross 0.2.5, image built here", 5)])
    assert result["failures"][0]["step"]["type"] == "BuildImage"
    assert "aarch64-unknown-linux-gnu: taking zigbuild instead" in done.stderr


def test_an_image_whose_programs_do_not_run(build, busybox_layer):
    """Its programs are for a machine that nothing here emulates: exec format error, before cargo."""
    with tarfile.open(fileobj=io.BytesIO(busybox_layer)) as layer:
        program = bytearray(layer.extractfile("bin/busybox").read())
    program[18:20] = b"\x2a\x00"  # e_machine: SuperH
    with imported(tar(bin__sh=bytes(program))) as ref:
        done, result = build(image=ref)
    assert done.returncode == 0, done.stderr
    assert turned(result) == ("zigbuild", [("cross 0.2.5, configured image", 8)])


def test_an_image_without_a_shell(build):
    """What cross starts is not there."""
    with imported(tar(etc__nothing=b"")) as ref:
        done, result = build(image=ref)
    assert done.returncode == 0, done.stderr
    assert turned(result) == ("zigbuild", [("cross 0.2.5, configured image", 7)])


def test_a_toolchain_that_the_container_does_not_see(build, busybox_layer):
    """A shell, and no loader for cargo: it is not found, and nothing was compiled."""
    with imported(busybox_layer) as ref:
        done, result = build(image=ref)
    assert done.returncode == 0, done.stderr
    assert turned(result) == ("zigbuild", [("cross 0.2.5, configured image", 5)])
    assert f"aarch64-unknown-linux-gnu: cross 0.2.5, configured image failed: {result['failures'][0]['what']}; {ELSEWHERE}" in done.stderr
    assert "aarch64-unknown-linux-gnu: taking zigbuild instead" in done.stderr


def test_every_turn_is_told_as_text(crate, crosstasks, busybox_layer):
    """The table at the end has them too."""
    with imported(busybox_layer) as ref:
        with (crate / "crosstasks.toml").open("a") as file:
            file.write(ONLY)
        (crate / "Cross.toml").write_text(f'[target.aarch64-unknown-linux-gnu]\nimage = "{ref}"\n')
        done = crosstasks("build", "--target", "aarch64", cwd=crate)
    assert done.returncode == 0, done.stderr
    assert "build ok" in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[1] == "  not by cross 0.2.5, configured image: the container sees no toolchain"


def test_a_failure_with_no_route_left_keeps_its_turns(build, busybox_layer):
    """The last possible route ends with its own failure; what was tried before it stands in the result, with the reason."""
    with imported(busybox_layer) as ref:
        done, result = build(f'image = "{ref}"\nglibc = "2.17"\n[target.aarch64]\nfallback = ["0.2.4"]\n')
    assert done.returncode == result["failures"][0]["code"] != 0
    assert result["route"] == "cross 0.2.4, configured image"
    assert [turn["route"] for turn in result["failures"]] == ["cross 0.2.5, configured image"]
    assert "looking for another route" in done.stderr


def test_strict_turns_to_nothing(build, busybox_layer):
    """The first failure ends the work, with what would be next."""
    with imported(busybox_layer) as ref:
        done, result = build("strict = true\n", image=ref)
    assert (done.returncode, result["route"], result["failures"]) == (5, "cross 0.2.5, configured image", [])
    assert "next would be zigbuild, but strict = true" in result["error"]


def test_a_compile_error_is_the_crates_own(build, crate):
    """In a build script as well, which is compiled first."""
    (crate / "build.rs").write_text("fn main() { nonsense }\n")
    done, result = build('images = ["local", "build"]\n')
    assert (done.returncode, result["failures"]) == (1, [])
    assert ELSEWHERE not in done.stderr


def test_an_interrupt_ends_the_work(crate, environ):
    """Ctrl-C while cargo works: 130, and nothing more is tried."""
    (crate / "build.rs").write_text("fn main() { std::thread::sleep(std::time::Duration::from_secs(600)) }\n")
    with (crate / "crosstasks.toml").open("a") as file:
        file.write(f'{ONLY}images = ["local", "build"]\n')
    argv = (sys.executable, "-m", "crosstasks", "build", "--target", "aarch64")
    with subprocess.Popen(argv, cwd=crate, env=environ, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "Compiling" in line:
                process.send_signal(signal.SIGINT)
                break
        _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert ELSEWHERE not in said


@contextmanager
def small_disk(folder, megabytes):
    """Mount a file system of so many megabytes there."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)), check=True)
    try:
        yield
    finally:
        subprocess.run(("umount", str(folder)), check=True)


def test_no_room_to_begin_with(build, tmp_path):
    """The cache is nearly full, so nothing is begun: apt would hang, pip fail, and another route need as much."""
    folder = tmp_path / "disk"
    with small_disk(folder, 32):
        done, result = build('images = ["local", "build"]\n', CROSSTASKS_CACHE_DIR=str(folder))
    assert done.returncode == 1, done.stderr
    assert "is full" in result["error"].splitlines()[0]
    assert (result["failures"], ELSEWHERE in done.stderr) == ([], False)


def test_no_room_for_the_guard(build, without, tmp_path):
    """Everything is there, and not a byte is left for the call itself."""
    folder = tmp_path / "disk"
    with small_disk(folder, 1):
        cache = without("cross-0.2.5-", "zigbuild-", "cross-0.2.4-")
        subprocess.run(("cp", "-a", f"{cache}/.", str(folder)), check=True)
        (folder / "CACHEDIR.TAG").touch()
        (folder / "runs").mkdir()
        subprocess.run(("dd", "if=/dev/zero", f"of={folder}/filled", "bs=4096"), check=False, capture_output=True)
        done, result = build('images = ["local", "build"]\n', CROSSTASKS_CACHE_DIR=str(folder))
    assert done.returncode == 1, done.stderr
    assert "is full" in result["error"].splitlines()[0]
    assert (result["failures"], "Traceback" in done.stderr) == ([], False)


def test_no_room_for_what_cargo_builds(build, tmp_path):
    """The container's cargo says so, and that is told from a crate's own error."""
    folder = tmp_path / "disk"
    with small_disk(folder, 2):
        done, result = build('images = ["local", "build"]\n', CARGO_TARGET_DIR=str(folder))
    assert done.returncode == 1, done.stderr
    assert "a disk is full" in result["error"]
    assert result["failures"] == []


def test_doctor_on_a_full_disk(crate, crosstasks, tmp_path):
    """What cannot be asked has the disk as its reason, and all the rest is told."""
    folder = tmp_path / "disk"
    with small_disk(folder, 8):
        done = crosstasks("doctor", cwd=crate, CROSSTASKS_CACHE_DIR=str(folder))
    assert "Traceback" not in done.stderr
    assert "is full" in done.stdout
    assert "docker" in done.stdout
