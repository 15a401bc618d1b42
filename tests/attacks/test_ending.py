"""What ends in the middle: the engine, and crosstasks itself; and who waits for another, who asks for more than the user agreed to."""

from __future__ import annotations

import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import arm64_engine
import msgspec
import second_engine
from filelock import FileLock

from crosstasks.catalog.ingredients import InstallToolchain

ROOT = Path(__file__).parents[2]
TAKE = """
import sys
import msgspec
from crosstasks import pipeline, provisioning
from crosstasks.catalog.ingredients import Provision
work = pipeline.start(sys.argv[1], need_config=False, say=lambda line: print(line, flush=True))
provisioning.take(msgspec.json.decode(sys.argv[2], type=Provision), work)
"""
SLEEPS = 'fn main() { std::fs::write("begun", "").unwrap(); if std::env::var("SLOW").is_err() { std::thread::sleep(std::time::Duration::from_secs(90)) } }\n'


def until(true, seconds=120.0):
    """Wait until something is so; tell whether it came to that."""
    end = time.monotonic() + seconds
    while not (found := true()) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def test_an_engine_that_is_killed_in_the_middle_of_a_build(crate, crosstasks, environ, tmp_path_factory):
    """With -9, so that it ends nothing itself: the failure is the engine's, code 7, and once it is back the same call works."""
    config = 'version = 1\ntargets = ["x86_64"]\nbuilder = "cross"\nfallback = []\nimages = ["local", "build"]\nenv-pass = ["SLOW"]\n'
    (crate / "crosstasks.toml").write_text(config)
    (crate / "build.rs").write_text(SLEEPS)
    made = crosstasks("provision", cwd=crate)
    assert 0 == made.returncode, made.stderr
    ref = next(word for word in made.stdout.replace(",", " ").split() if word.startswith("crosstasks/x86_64"))
    with second_engine.running(tmp_path_factory.mktemp("engine")) as engine:  # its sockets want a short path
        with subprocess.Popen(("docker", "save", ref), stdout=subprocess.PIPE) as saved:
            engine.docker("load", stdin=saved.stdout)
        argv = (sys.executable, "-m", "crosstasks", "build")
        env = environ | {"DOCKER_HOST": engine.host}
        child = subprocess.Popen(argv, cwd=crate, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert until(lambda: (crate / "begun").exists() or child.poll() is not None)
        engine.kill()
        _, err = child.communicate(timeout=200)
        assert 7 == child.returncode, err
        assert "error: the container engine went away while x86_64-unknown-linux-gnu was built" in err
        engine.start()
        again = crosstasks("build", cwd=crate, DOCKER_HOST=engine.host, SLOW="no")
        assert 0 == again.returncode, again.stderr
        assert "" == engine.left(), again.stderr


def test_no_install_goes_on_without_us(tmp_path, environ):
    """When crosstasks is killed with -9, so is rustup, with all that it started."""
    program, begun = tmp_path / "rustup", tmp_path / "begun"
    program.write_text(f"#!/bin/sh\nsleep 300 &\necho $$ $! >{begun}.new && mv {begun}.new {begun}\nwait\n")
    program.chmod(0o755)
    host = f"{platform.machine()}-unknown-linux-gnu"
    step = InstallToolchain(why="", release="1.2.3", host=host, targets=(), library=False, source="rustup", rustup=str(program))
    argv = (sys.executable, "-c", TAKE, str(tmp_path), msgspec.json.encode(step).decode())
    child = subprocess.Popen(argv, env=environ | {"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache")}, stdout=subprocess.DEVNULL)
    assert until(begun.exists)
    time.sleep(1)
    pids = [int(pid) for pid in begun.read_text().split()]
    child.kill()
    assert -signal.SIGKILL == child.wait()
    assert until(lambda: not any(map(lives, pids)))


def lives(pid):
    """Tell whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def test_who_waits_for_another_is_told(crate, environ, tmp_path):
    """Another call holds the lock of Debian's lists: after two seconds it is said, and not waited for in silence."""
    cache = tmp_path / "cache"
    place = cache / "debian" / "bookworm"
    place.mkdir(parents=True)
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\nbuilder = "cross"\n')
    env = environ | {"CROSSTASKS_CACHE_DIR": str(cache)}
    with FileLock(place / ".lists.lock"):
        child = subprocess.Popen((sys.executable, "-m", "crosstasks", "provision"), cwd=crate, env=env, stderr=subprocess.PIPE, text=True)
        said = []
        for line in child.stderr:
            said.append(line)
            if "waiting for another crosstasks" in line:
                break
        child.terminate()
        child.communicate()
    assert f"waiting for another crosstasks, which is making {place}/lists" in said[-1], said


REFUSES = """#!/bin/sh
case "$*" in
    *"--platform linux/amd64"*) echo "exec /program: exec format error" >&2; exit 1 ;;
esac
exec {docker} "$@"
"""
"""An engine's command, where the kernel runs no amd64 programs; the words are those of Docker on an arm64 machine."""


def test_a_repository_does_not_agree_to_privileges(crate, crosstasks, environ, busybox, tmp_path):
    """`emulation = "install"` in its file leaves the question open; in the user's variable it is the answer."""
    (crate / "crosstasks.toml").write_text(
        f'version = 1\ntargets = ["aarch64"]\nimage = "{busybox}"\nbuilder = "cross"\nfallback = []\nemulation = "install"\n'
    )
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(REFUSES.format(docker=shutil.which("docker")))
    program.chmod(0o755)
    with tempfile.TemporaryDirectory(prefix="arm64-") as folder, arm64_engine.running(Path(folder)) as address:
        env = {"DOCKER_HOST": address, "PATH": f"{program.parent}:{environ['PATH']}"}
        asked = crosstasks("plan", cwd=crate, **env)
        assert "emulation is set up only if you agree" in asked.stdout + asked.stderr
        agreed = crosstasks("plan", "--all", cwd=crate, CROSSTASKS_EMULATION="install", **env)
        assert "CAP_SYS_ADMIN" in agreed.stdout + agreed.stderr
