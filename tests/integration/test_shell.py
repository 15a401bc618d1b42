"""A shell in a target's image, without a terminal and with one."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys

import pytest


@pytest.fixture
def shell(crate, crosstasks):
    """The shell, given what it reads; the targets, and changes to the environment."""

    def call(script, *names, **env):
        return crosstasks("shell", *(word for name in names for word in ("--target", name)), cwd=crate, stdin=script, **env)

    return call


def test_everything_is_where_a_build_has_it(shell, crate):
    """Project, toolchain, CARGO_HOME and target folder are mounted; cargo builds for the target, and its tests run."""
    done = shell("pwd; cargo build --quiet && cargo run --quiet; ls /target; touch /rust/x; id -u", "aarch64")
    assert ["/project", "aarch64", "aarch64-unknown-linux-gnu"] == [line for line in done.stdout.splitlines() if line != "debug"][:3], (
        done.stderr
    )
    assert "Read-only file system" in done.stderr
    assert str(os.getuid()) == done.stdout.splitlines()[-1]
    assert os.getuid() == next((crate / "target" / "crosstasks").rglob("debug/small")).stat().st_uid


def test_its_exit_code_is_ours(shell):
    """What the shell ends with, the program ends with."""
    assert 7 == shell("exit 7\n", "aarch64").returncode


def test_no_token_is_there(shell, tmp_path):
    """Credentials of the user's CARGO_HOME, and tokens of the environment, are not in the container."""
    home = tmp_path / "cargo-home"
    home.mkdir()
    (home / "credentials.toml").write_text('[registry]\ntoken = "not-for-containers-1"\n')
    done = shell("env; cat /cargo/*", "aarch64", CARGO_HOME=str(home), CARGO_REGISTRY_TOKEN="not-for-containers-2")
    assert "CARGO_HOME=/cargo" in done.stdout
    assert "not-for-containers" not in done.stdout + done.stderr


def test_what_the_user_mounts_and_hands_on_is_there(shell, crate, tmp_path):
    """Volumes and passthrough of Cross.toml, as in a build: paths are then those of this machine, and what lies around stays read-only."""
    data = tmp_path / "data"
    data.mkdir()
    (crate / ".cargo").mkdir()
    (crate / "Cross.toml").write_text(f'[build.env]\nvolumes = ["DATA={data}"]\npassthrough = ["HANDED_ON"]\n')
    done = shell(f"pwd; echo $HANDED_ON; touch {data}/written; touch .cargo/x", "aarch64", HANDED_ON="as it is here")
    assert [str(crate), "as it is here"] == done.stdout.splitlines(), done.stderr
    assert (data / "written").exists()
    assert "Read-only file system" in done.stderr


def test_one_target_is_wanted(shell):
    """Several targets, named or configured, are wrong usage."""
    for names in ((), ("aarch64", "armv7")):
        done = shell("", *names)
        assert 2 == done.returncode
        assert "a shell is opened for one target" in done.stderr


def test_nothing_is_left_of_it(shell):
    """The container is gone when the shell has ended."""
    done = shell("cat /proc/sys/kernel/hostname", "aarch64")
    asked = ("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"id={done.stdout.strip()}")
    assert done.stdout.strip()
    assert "" == subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_ctrl_c_ends_it_without_a_terminal(crate, environ):
    """Whatever the script makes of it: cross ends at once, and its container would go on."""
    argv = (sys.executable, "-m", "crosstasks", "shell", "--target", "aarch64")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(argv, cwd=crate, env=environ, text=True, start_new_session=True, **pipes) as program:
        program.stdin.write("trap '' INT; cat /proc/sys/kernel/hostname; while :; do sleep 1; done\n")
        program.stdin.flush()
        name = program.stdout.readline().strip()
        os.killpg(program.pid, signal.SIGINT)
        assert 130 == program.wait(30)
    assert name
    asked = ("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", f"id={name}")
    assert "" == subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def test_on_a_terminal_it_is_interactive(crate, environ):
    """With a terminal the container has one too, and the shell is bash."""
    ours, theirs = pty.openpty()
    argv = (sys.executable, "-m", "crosstasks", "shell", "--target", "aarch64")
    with subprocess.Popen(
        argv, cwd=crate, env=environ, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, start_new_session=True
    ) as program:
        os.close(theirs)
        os.write(ours, b'test -t 0 && test -n "$BASH_VERSION" && exit 5\nexit 6\n')
        assert 5 == program.wait(120)
    os.close(ours)
