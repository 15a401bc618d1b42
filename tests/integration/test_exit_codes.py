"""Each exit code of the program, provoked for real."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path
from uuid import uuid4

import facts_registry
import pytest

CROSS = ("--target", "aarch64", "--builder", "cross")


def add(crate, text):
    """Add to the crate's configuration."""
    with (crate / "crosstasks.toml").open("a") as file:
        file.write(f"{text}\n")


def ended(done, code, *words):
    """Tell that the program ended with a code and these words on standard error, without a traceback."""
    assert code == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture(scope="session")
def foreign(crosstasks, tmp_path_factory):
    """An aarch64 program, built by crosstasks itself."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "src").mkdir()
    (folder / "Cargo.toml").write_text('[package]\nname = "foreign"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    (folder / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]\n')
    done = crosstasks("build", *CROSS, "--format", "json", cwd=folder)
    assert 0 == done.returncode, done.stderr
    (artifact,) = json.loads(done.stdout)["results"][0]["artifacts"]
    return artifact["path"]


def test_0_it_was_built(crate, crosstasks):
    """What was asked for is there; standard output is JSON and nothing else, also of tests that print."""
    done = crosstasks("build", *CROSS, "--format", "json", cwd=crate)
    ended(done, 0)
    (result,) = json.loads(done.stdout)["results"]
    assert (0, "") == (result["code"], result["error"])
    done = crosstasks("test", *CROSS, "--format", "json", cwd=crate)
    ended(done, 0, "test result: ok")
    assert "test" == json.loads(done.stdout)["results"][0]["verb"]


def test_0_arguments_reach_cargo_as_they_are(crate, crosstasks):
    """What follows `--` is not taken apart at spaces."""
    (crate / "Cargo.toml").write_text((crate / "Cargo.toml").read_text() + "[features]\none = []\ntwo = []\n")
    (crate / "src" / "main.rs").write_text(
        '#[cfg(not(all(feature = "one", feature = "two")))]\ncompile_error!("features");\nfn main() {}\n'
    )
    done = crosstasks("build", *CROSS, "--format", "json", "--", "--release", "--features", "one two", cwd=crate)
    ended(done, 0)
    assert "/release/" in json.loads(done.stdout)["results"][0]["artifacts"][0]["path"]


def test_1_the_crate_does_not_compile(crate, crosstasks):
    """A compile error is the crate's own."""
    (crate / "src" / "main.rs").write_text("fn main() { nonsense }\n")
    ended(crosstasks("build", *CROSS, cwd=crate), 1, "cannot find value `nonsense`", "error: aarch64-unknown-linux-gnu does not build")


def test_2_an_unknown_target(crate, crosstasks):
    """A name that the catalogue does not have is wrong usage; the likely one is named."""
    ended(crosstasks("build", "--target", "arch64", cwd=crate), 2, "error: no target is called 'arch64'", "perhaps 'aarch64'")


def test_3_nothing_is_selected(crate, crosstasks):
    """A configuration that declares no target, and none on the command line."""
    (crate / "crosstasks.toml").write_text("version = 1\n")
    ended(crosstasks("build", cwd=crate), 3, "error: no target is selected")


def test_4_no_route_keeps_the_promise(crate, crosstasks):
    """Glibc 2.17 is older than what any image of cross holds."""
    add(crate, '[target.aarch64]\nglibc = "2.17"')
    ended(crosstasks("build", *CROSS, cwd=crate), 4, "no route to build aarch64-unknown-linux-gnu", "glibc = '2.17' is promised")


def test_5_a_tool_cannot_be_had(crate, crosstasks, cache, tmp_path):
    """With no cross anywhere, and PyPI out of reach, `--strict` ends with what is missing."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in ("rustup", "debian", "answers"):
        (folder / name).symlink_to(cache / name)
    closed = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_NO_INDEX": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = crosstasks("build", *CROSS, "--strict", cwd=crate, CROSSTASKS_CACHE_DIR=str(folder), PIP_NO_CACHE_DIR="1", **closed)
    ended(done, 5, "cannot install astral-dev-toolchain-cross==0.2.5 from PyPI", "next would be")


def test_6_the_artifact_is_of_another_architecture(crate, crosstasks):
    """A linker that ignores what it is asked for makes a file that is no aarch64 program."""
    linker = crate / "wrong-linker"
    linker.write_text('#!/bin/sh\nwhile [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done\ncp /bin/true "$out"\n')
    linker.chmod(0o755)
    add(crate, '[target.aarch64]\nlinker = "/project/wrong-linker"')
    ended(crosstasks("build", *CROSS, cwd=crate), 6, "EM_X86_64", "not EM_AARCH64")


@pytest.fixture
def unlabelled(crate, crosstasks):
    """An image built here without its labels, as one of the user's own is: nothing tells which glibc it links against."""
    done = crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=crate)
    route = json.loads(done.stdout)["plans"][0]["route"]
    image = json.loads(subprocess.run(("docker", "image", "inspect", route["image"]["ref"]), check=True, capture_output=True).stdout)[0]
    ref = f"crosstasks-test/unlabelled:{uuid4().hex[:12]}"
    name = ref.replace("/", "-").replace(":", "-")
    subprocess.run(("docker", "create", "--name", name, image["Id"], "true"), check=True, capture_output=True)
    variables = (line.split("=", 1) for line in image["Config"]["Env"])
    changes = [word for name_, value in variables for word in ("--change", f'ENV {name_}="{value}"')]
    try:
        with subprocess.Popen(("docker", "export", name), stdout=subprocess.PIPE) as exported:
            subprocess.run(("docker", "import", *changes, "-", ref), stdin=exported.stdout, check=True, capture_output=True)
        yield ref
    finally:
        subprocess.run(("docker", "rm", name), check=True, capture_output=True)
        subprocess.run(("docker", "rmi", "--force", ref), check=True, capture_output=True)


def test_6_an_image_of_the_users_own_breaks_the_promise(crate, crosstasks, unlabelled):
    """It says nothing of its glibc, the program needs 2.34, and 2.17 is promised: nothing is put at the stable path."""
    add(crate, f'image = "{unlabelled}"\nglibc = "2.17"')
    ended(crosstasks("build", *CROSS, cwd=crate), 6, "2.17 is promised")
    assert not [path for path in (crate / "target" / "crosstasks" / "aarch64-unknown-linux-gnu").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("option", "value"), [("image", "registry.invalid/me/image:1"), ("engine", "/nonexistent/podman"), ("cross", "git")]
)
def test_4_what_is_named_cannot_be_had(crate, crosstasks, option, value):
    """An image out of reach, an engine that is not there, a flavour that cannot be compiled offline: no other route is taken."""
    add(crate, f'{option} = "{value}"\noffline = true')
    done = crosstasks("build", "--target", "aarch64", cwd=crate)
    ended(done, 4, f"`{option}` is configured (crosstasks.toml)", "no route to build")


def test_7_no_engine_answers(crate, crosstasks):
    """Where only cross may build, a dead engine is the reason, in the engine's own words."""
    dead = {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "CROSSTASKS_ENGINE": "docker"}
    ended(crosstasks("build", *CROSS, cwd=crate, **dead), 7, "no container engine", "/nonexistent/docker.sock")


def test_8_nothing_runs_the_images_programs(crate, crosstasks, foreign):
    """An image that says amd64 and holds programs of another machine, one that nothing emulates: the kernel refuses to run its shell."""
    program = bytearray(Path(foreign).read_bytes())
    program[18:20] = (191).to_bytes(2, "little")  # e_machine: EM_TILEGX
    (crate / "sh").write_bytes(program)
    (crate / "sh").chmod(0o755)
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        for name in ("bin/sh", "usr/bin/sh"):
            tar.add(crate / "sh", name)
    ref = f"crosstasks-test/foreign:{uuid4().hex[:12]}"
    subprocess.run(
        ("docker", "import", "--change", "LABEL crosstasks.test=foreign", "-", ref), input=layer.getvalue(), check=True, capture_output=True
    )
    try:
        add(crate, f'[target.aarch64]\nimage = "{ref}"')
        ended(crosstasks("build", *CROSS, "--strict", cwd=crate), 8, "is for another architecture")
    finally:
        subprocess.run(("docker", "rmi", "--force", ref), check=True, capture_output=True)


def test_9_the_image_cannot_be_pulled(crate, crosstasks, tmp_path):
    """A registry that serves the manifest and has lost a layer."""
    with facts_registry.running(tmp_path / "registry") as address:
        facts_registry.push(address, "lost")
        (layer,) = (blob for blob in (tmp_path / "registry" / "store").rglob("blobs/*/*/*/data") if not blob.read_bytes().startswith(b"{"))
        layer.unlink()
        add(crate, f'[target.aarch64]\nimage = "{address}/lost:oci"')
        ended(crosstasks("build", *CROSS, "--strict", cwd=crate), 9, f"{address}/lost:oci")


def test_130_the_user_interrupts(crate, environ):
    """Ctrl-C in the middle of a build ends all that was started, containers as well."""
    (crate / "build.rs").write_text("fn main() { std::thread::sleep(std::time::Duration::from_secs(120)); }\n")
    argv = (sys.executable, "-m", "crosstasks", "build", *CROSS)
    with subprocess.Popen(argv, cwd=crate, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        watchdog = threading.Timer(300, program.kill)
        watchdog.start()
        try:
            said = next(line for line in program.stderr if "Compiling small" in line)
            program.send_signal(signal.SIGINT)
            said += program.stderr.read()
        finally:
            watchdog.cancel()
        assert 130 == program.wait(30), said
    assert "error: interrupted" in said
    asked = ("docker", "ps", "--all", "--filter", "label=crosstasks.owner", "--format", '{{.Label "crosstasks.owner"}}')
    owners = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    assert not [owner for owner in owners if owner.split(":")[1] == str(program.pid)]
