"""Podman builds and tests as Docker does: the image is made here and put into it, and cross runs in it, QEMU too."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile

import podman
import pytest


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """A podman of our own."""
    with tempfile.TemporaryDirectory(prefix="podman-") as runroot:
        yield str(podman.made(tmp_path_factory.mktemp("engine"), runroot))


def test_podman_builds_and_tests_in_an_image_built_here(engine, crate, crosstasks):
    """Named by its path, and by its name on PATH; no container stays, and a second call finds the image in it."""
    (crate / "src" / "main.rs").write_text(
        'fn main() { println!("{}", std::env::consts::ARCH); }\n#[test]\nfn runs() { assert_eq!("aarch64", std::env::consts::ARCH); }\n'
    )
    options = {"CROSSTASKS_ENGINE": engine, "CROSSTASKS_STRICT": "true", "CROSSTASKS_IMAGES": "local,build"}
    tested = crosstasks("test", "--target", "aarch64", "--builder", "cross", cwd=crate, **options)
    assert tested.returncode == 0, tested.stderr
    assert "test runs ... ok" in tested.stdout
    (crate / "podman").symlink_to(engine)
    named = options | {"CROSSTASKS_ENGINE": "podman", "PATH": f"{crate}{os.pathsep}{os.environ['PATH']}"}
    built = crosstasks("build", "--target", "aarch64", "--builder", "cross", "--format", "json", cwd=crate, **named)
    assert built.returncode == 0, built.stderr
    (result,) = json.loads(built.stdout)["results"]
    assert "cross 0.2.5, image of the engine" == result["route"]
    names = subprocess.run((engine, "images", "--format", "{{.Repository}}"), check=True, capture_output=True, text=True).stdout.split()
    assert ["localhost/crosstasks/aarch64-unknown-linux-gnu"] == names
    assert "" == subprocess.run((engine, "ps", "--all", "--quiet"), check=True, capture_output=True, text=True).stdout
