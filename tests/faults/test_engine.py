"""An engine that goes away in the middle of a build: a clear error, and once it is back the same call works."""

from __future__ import annotations

import subprocess
import time

import pytest
from misbehaving import configure


@pytest.fixture
def slow(crate):
    """The crate, with a build script that takes its time, and says when it begins."""
    (crate / "build.rs").write_text(
        'fn main() { std::fs::write(format!("{}/begun", std::env::var("OUT_DIR").unwrap()), "x").unwrap();\n'
        'if std::env::var("SLOW").is_err() { std::thread::sleep(std::time::Duration::from_secs(60)) } }\n'
    )
    return crate


def hand_over(daemon, ref):
    """Let the engine hold an image of the machine's own."""
    with subprocess.Popen(("docker", "save", ref), stdout=subprocess.PIPE) as saved:
        daemon.docker("load", stdin=saved.stdout)
    assert not saved.returncode


def test_images_are_cleaned_as_a_user_does(crosstasks, crate, daemon, busybox_layer):
    """Only those that carry our label go, and only what a container does not use; a dry run says the same, and removes nothing."""
    for name, label in (("idle", "crosstasks.image"), ("used", "crosstasks.image"), ("foreign", "somebody.image")):
        daemon.docker("import", "--change", f"LABEL {label}={name}", "-", f"crosstasks/{name}:1", input=busybox_layer)
    user = daemon.docker("create", "crosstasks/used:1", "/bin/sh").stdout.decode().strip()

    def held():
        return sorted(daemon.docker("images", "--format", "{{.Repository}}").stdout.decode().split())

    would = crosstasks("clean", "--images", "--dry-run", cwd=crate, DOCKER_HOST=daemon.host).stdout.splitlines()
    assert {"would remove crosstasks/idle:1, 2.0 MB", f"would keep crosstasks/used:1, 2.0 MB: container {user[:12]} uses it"} == set(
        would[1:]
    )
    assert ["crosstasks/foreign", "crosstasks/idle", "crosstasks/used"] == held()
    done = crosstasks("clean", "--images", cwd=crate, DOCKER_HOST=daemon.host).stdout.splitlines()
    removed, kept = sorted(done[1:], key=lambda line: line.startswith("kept"))
    assert "removed crosstasks/idle:1, 2.0 MB" == removed
    assert kept.startswith("kept crosstasks/used:1: ")
    assert user[:12] in kept
    assert ["crosstasks/foreign", "crosstasks/used"] == held()
    daemon.docker("rm", user)
    crosstasks("clean", "--images", cwd=crate, DOCKER_HOST=daemon.host)
    assert ["crosstasks/foreign"] == held()
    daemon.docker("rmi", "crosstasks/foreign:1")


def test_an_engine_that_stops_in_the_middle_of_a_build(crosstasks, slow, daemon):
    """Its containers end with it: that is told from a build that failed."""
    configure(slow, images='["local", "build"]', fallback="[]", env_pass='["SLOW"]', builder='"cross"')
    made = crosstasks("provision", "--target", "x86_64", cwd=slow)
    assert 0 == made.returncode, made.stderr
    ref = next(word for word in made.stdout.replace(",", " ").split() if word.startswith("crosstasks/x86_64"))
    hand_over(daemon, ref)
    child = crosstasks.start("build", "--target", "x86_64", cwd=slow, DOCKER_HOST=daemon.host)
    for _ in range(1200):
        if list((slow / "target").rglob("begun")) or child.poll() is not None:
            break
        time.sleep(0.1)
    daemon.stop()
    _, err = child.communicate(timeout=200)
    assert 7 == child.returncode, err
    assert "error: the container engine went away while x86_64-unknown-linux-gnu was built" in err
    down = crosstasks("build", "--target", "x86_64", cwd=slow, DOCKER_HOST=daemon.host)
    assert 7 == down.returncode, down.stderr
    assert "does not answer" in down.stderr
    daemon.start()
    again = crosstasks("build", "--target", "x86_64", cwd=slow, DOCKER_HOST=daemon.host, SLOW="no")
    assert 0 == again.returncode, again.stderr
    left = daemon.docker("ps", "--all", "--quiet").stdout
    assert b"" == left
