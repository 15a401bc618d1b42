"""The program that stands in for the engine's: what becomes of the mounts that cross asks for; ``echo`` plays the engine."""

from __future__ import annotations

import subprocess

import pytest
from msgspec.structs import replace

from crosstasks.building import guard

MOUNTS = guard.Mounts(
    engine="/bin/echo",
    kind="podman",
    cache="/c",
    home="/c/cargo/0a",
    run="/c/runs/1",
    root="/top/it's a crate",
    target_dir="/top/it's a crate/target/crosstasks/.cross-1",
    target="/top/it's a crate/target",
    read_only=(".git", "sub/.git"),
    volumes=("/mine",),
)
CARGO = ("-v", "/c/cargo/0a/xargo:/xargo:z", "-v", "/c/cargo/0a:/cargo:z", "-v", "/cargo/bin")


@pytest.fixture
def asked(tmp_path):
    """What the engine is asked for."""

    def call(*arguments, known=MOUNTS):
        script = tmp_path / "engine"
        script.write_text(guard.engine_program(known))
        return subprocess.run(("sh", script, *arguments), capture_output=True, text=True, check=False)

    return call


def test_the_mounts_of_a_run(asked):
    """CARGO_HOME of the run, the workspace with its own target folder and what is kept in it; the rest read-only, but the user's own."""
    root = MOUNTS.root
    done = asked(
        *("run", "--userns", "host", "-v", "/dep:/dep", "-v", "/mine:/mine", *CARGO, "-v", f"{root}:/project:z"),
        *("-v", "/r:/rust:z,ro", "-v", f"{MOUNTS.target_dir}:/target:z", "image", "sh", "-c", "cargo -v"),
    )
    assert done.stdout.split(" -v ") == [
        "run --cidfile=/c/runs/1/container --userns host",
        "/dep:/dep:ro",
        "/mine:/mine",
        "/c/runs/1/home/xargo:/xargo:z",
        "/c/runs/1/home:/cargo:z --tmpfs=/cargo/bin:exec,mode=1777",
        f"{root}:/project:z",
        f"{root}/.git:/project/.git:ro",
        f"{root}/sub/.git:/project/sub/.git:ro",
        f"{root}/target/crosstasks/.cross-1:/project/target",
        "/r:/rust:ro,z",
        f"{MOUNTS.target_dir}:/target:z image sh -c cargo -v\n",
    ]


def test_the_mounts_of_another_flavour_and_of_a_container_in_a_container(asked):
    """Main mounts all at its own path; where we are in a container ourselves, what is mounted has another name outside."""
    root = MOUNTS.root
    done = asked("run", "-v", "/outer/cargo/0a:/c/cargo/0a", "-v", "/c/cargo/0a/bin", "-v", f"/outer/crate:{root}", "image")
    homes = " -v /outer/runs/1/home:/c/cargo/0a --tmpfs=/c/cargo/0a/bin:exec,mode=1777"
    assert f"{homes} -v /outer/crate:{root} -v /outer/crate/.git:{root}/.git:ro " in done.stdout
    assert f" -v /outer/crate/target/crosstasks/.cross-1:{root}/target image\n" in done.stdout


@pytest.mark.parametrize("arguments", [CARGO, ("-v", f"{MOUNTS.root}:/project:z"), ()])
def test_a_run_of_another_form_does_not_start(asked, arguments):
    """A cross that mounts otherwise would give the container what it is not to have."""
    done = asked("run", *arguments, "image")
    assert (125, "") == (done.returncode, done.stdout)
    assert "was not let go on" in done.stderr


def test_all_else_is_the_engines(asked):
    """What is no run goes on as it is; which engine it is, cross is told without asking it."""
    assert "inspect -v /a:/b\n" == asked("inspect", "-v", "/a:/b").stdout
    assert "podman\n" == asked("--help").stdout


def test_a_target_folder_elsewhere_is_not_in_the_workspace(asked):
    """There is nothing to put it in place of."""
    known = replace(MOUNTS, root="/top", target_dir="/t/x", target="/t", read_only=())
    assert "-v /top:/project image\n" in asked("run", *CARGO, "-v", "/top:/project", "image", known=known).stdout
