"""Podman builds and tests as Docker does: the image is made here and put into it, and cross runs in it, QEMU too."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import podman
import pytest
from facts_registry import free_port

from crosstasks.clients import engines


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A podman of our own."""
    with tempfile.TemporaryDirectory(prefix="podman-") as runroot:
        yield str(podman.made(tmp_path_factory.mktemp("engine"), runroot))


MAIN = """fn main() { println!("{}", std::env::consts::ARCH); }
#[test]
fn runs() { assert_eq!("aarch64", std::env::consts::ARCH); }
"""


NOBODY = 2**22
"""No process has this number: the kernel's highest is one less."""


def test_podman_builds_and_tests_in_an_image_built_here(engine, crate, crosstasks):
    """Named by its path, and by its name on PATH; no container stays, and a second call finds the image in it."""
    (crate / "src" / "main.rs").write_text(MAIN)
    options = {"CROSSTASKS_ENGINE": engine, "CROSSTASKS_STRICT": "true", "CROSSTASKS_IMAGES": "local,build"}
    tested = crosstasks("test", "--target", "aarch64", "--builder", "cross", cwd=crate, **options)
    assert tested.returncode == 0, tested.stderr
    assert "test runs ... ok" in tested.stdout
    (crate / "podman").symlink_to(engine)
    named = options | {"CROSSTASKS_ENGINE": "podman", "PATH": f"{crate}{os.pathsep}{os.environ['PATH']}"}
    built = crosstasks("build", "--target", "aarch64", "--builder", "cross", "--format", "json", cwd=crate, **named)
    assert built.returncode == 0, built.stderr
    (result,) = json.loads(built.stdout)["results"]
    assert "cross 0.2.5, image built here" == result["route"]
    names = subprocess.run((engine, "images", "--format", "{{.Repository}}"), check=True, capture_output=True, text=True).stdout.split()
    assert ["localhost/crosstasks/aarch64-unknown-linux-gnu"] == names
    assert "" == subprocess.run((engine, "ps", "--all", "--quiet"), check=True, capture_output=True, text=True).stdout


def test_a_podman_of_another_machine(engine, crate, crosstasks, cache, tmp_path_factory):
    """All is copied there, where it has none of our folders: a test runs, what was built comes back, and no container or volume stays.

    Nor does a container of a call that was killed while the engine made it: the next call removes it.
    """
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    project = crate.rename(tmp_path_factory.mktemp("projects") / "crate")
    (project / "src" / "main.rs").write_text(MAIN)
    hidden = (project.parent, cache, *([home] if home.is_dir() else []))
    # an address that is not this machine's own by its name
    with podman.served(Path(engine), f"tcp://127.0.0.2:{free_port()}", *hidden) as address:
        options = {"CROSSTASKS_ENGINE": engine, "CONTAINER_HOST": address, "CROSSTASKS_STRICT": "true", "CROSSTASKS_IMAGES": "local,build"}
        tested = crosstasks("test", "--target", "aarch64", "--builder", "cross", cwd=project, **options)
        assert tested.returncode == 0, tested.stderr
        assert "test runs ... ok" in tested.stdout
        assert f"remote at {address}" in crosstasks("doctor", cwd=project, **options).stdout
        environ = {**os.environ, "CONTAINER_HOST": address}
        (image,) = subprocess.run((engine, "images", "--quiet"), env=environ, check=True, capture_output=True, text=True).stdout.split()
        left = (engine, "create", f"--label={engines.OWNER}={engines.host_id()}:{NOBODY}:1", image, "true")
        subprocess.run(left, env=environ, check=True, capture_output=True)
        built = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=project, **options)
        assert built.returncode == 0, built.stderr
        for listed in (("ps", "--all", "--quiet"), ("volume", "ls", "--quiet")):
            assert b"" == subprocess.run((engine, *listed), env=environ, check=True, capture_output=True).stdout
    programs = list((project / "target" / "crosstasks").glob(".cross-*/aarch64-unknown-linux-gnu/debug/deps/small-*"))
    assert programs != []


def test_a_service_of_this_machine(engine, crate, crosstasks):
    """It is none of another machine, nor of a virtual one: folders are mounted, without a trial."""
    with tempfile.TemporaryDirectory(prefix="podman-") as folder, podman.served(Path(engine), f"unix://{folder}/s") as address:
        options = {"CROSSTASKS_ENGINE": engine, "CONTAINER_HOST": address, "CROSSTASKS_STRICT": "true", "CROSSTASKS_IMAGES": "local,build"}
        built = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=crate, **options)
        assert built.returncode == 0, built.stderr
        (row,) = [line for line in crosstasks("doctor", cwd=crate, **options).stdout.splitlines() if "  engine  " in line]
        assert ("remote" in row, "machine" in row) == (False, False)
