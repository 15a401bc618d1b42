"""Whatever ends a worker, seconds later neither its containers nor the programs that it started are left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).parents[2]

WORKER = """
import sys
from crosstasks.clients import engines, process
from crosstasks.core.errors import CrosstasksError, Interrupted

def build(run_id, image, program, timeout=None):
    labels = [f"--label={label}" for label in engines.labels(run_id)]
    docker = ["docker", "run", "--rm", "--init", *labels, image, "sh", "-c", "echo up; sleep 600"]
    argv = ["sh", "-c", program, "sh", *docker]
    with engines.reap_containers("docker", run_id) as end:
        print("reaper", end.reaper.pid, flush=True)
        begun = end.begun
        def told(group):
            begun(group)
            print("group", group, flush=True)
        end.begun = told
        done = process.stream(argv, timeout=timeout, on_out=out, on_err=lambda chunk: None, owner=end)
    print("code", done.code, flush=True)

def out(chunk):
    sys.stdout.write(chunk.decode())
    sys.stdout.flush()

try:
    build(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]) if sys.argv[4] else None)
except (CrosstasksError, Interrupted) as error:
    print(type(error).__name__, error.what, flush=True)
    sys.exit(error.code)
"""

BEHAVED = '"$@"'
"""As cross does: it waits for the engine's program, and leaves it running when it is ended itself."""

STUBBORN = "trap '' INT TERM; \"$@\"; while :; do sleep 1; done"


class Worker:
    """A process that runs a container as ``run`` does."""

    def __init__(self, image, program=BEHAVED, timeout="", **options):
        self.run_id = f"test-{uuid4().hex[:12]}"
        argv = (sys.executable, "-c", WORKER, self.run_id, image, program, timeout)
        self.process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
        self.reaper = int(self.line("reaper"))
        self.group = int(self.line("group"))

    def line(self, word):
        """The rest of the next line that begins with a word."""
        said = []
        for line in self.process.stdout:
            if line.startswith(word):
                return line.removeprefix(word).strip()
            said.append(line)
        raise AssertionError(f"the worker ended without {word!r}: {''.join(said)}")

    def left(self):
        """What there still is of it."""
        return [*containers(self.run_id), *members(self.group), *living([self.reaper])]

    def ended(self, within):
        """Wait until nothing of it is left, for so many seconds at most; return how long that took."""
        begun = time.monotonic()
        while containers(self.run_id) or members(self.group):
            assert time.monotonic() - begun < within, f"left after {within} s: {self.left()}"
            time.sleep(0.05)  # the engine is asked again
        return time.monotonic() - begun


def containers(run_id):
    """The ids of the containers of a run."""
    command = ("docker", "ps", "--all", "--quiet", "--filter", f"label=crosstasks.run={run_id}")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def stat(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return ["X", "0", "0"]


def living(pids):
    """Those of the processes that run; a zombie does not."""
    return [pid for pid in pids if stat(pid)[0] not in "ZX"]


def members(group):
    """The living processes of a group."""
    return [pid for pid in living(int(name) for name in os.listdir("/proc") if name.isdigit()) if stat(pid)[2] == str(group)]


@pytest.fixture
def worker(busybox):
    """A maker of workers; whatever a failing test leaves of them is removed."""
    made = []

    def make(*arguments, **options):
        made.append(Worker(busybox, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()
        one.process.stdout.close()
        for pid in members(one.group):
            os.kill(pid, signal.SIGKILL)
        subprocess.run(("docker", "rm", "--force", *containers(one.run_id)), check=False, capture_output=True)  # the reaper may be faster
        one.ended(10)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal(worker, number):
    """Ctrl-C, SIGTERM and a closed terminal end everything before the worker ends with 130."""
    one = worker()
    one.line("up")
    one.process.send_signal(number)
    assert one.process.wait(6) == 130
    assert containers(one.run_id) == members(one.group) == []


def test_time_limit(worker):
    """What takes too long is ended like what is interrupted."""
    one = worker(BEHAVED, "2")
    one.line("up")
    assert one.process.wait(10) == 130
    assert containers(one.run_id) == members(one.group) == []


def test_stubborn_program(worker):
    """A program that ignores signals, and so keeps its container, is killed, and the container removed."""
    one = worker(STUBBORN)
    one.line("up")
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(10) == 130
    assert containers(one.run_id) == members(one.group) == []


def test_killed(worker):
    """When the worker is killed, which it cannot notice, the reaper ends group and container."""
    one = worker()
    one.line("up")
    one.process.kill()
    assert one.process.wait(5) == -signal.SIGKILL
    one.ended(5)
    time.sleep(5)  # the reaper looks for 3.5 s: nothing may appear after that
    assert one.left() == []


def test_killed_with_a_stubborn_program(worker):
    """The reaper kills what ignores it."""
    one = worker(STUBBORN)
    one.line("up")
    one.process.kill()
    one.process.wait(5)
    one.ended(8)


def test_killed_with_its_group(worker):
    """The reaper is not of the group that a kill of the worker's whole group reaches."""
    one = worker(start_new_session=True)
    one.line("up")
    os.killpg(one.process.pid, signal.SIGKILL)
    one.process.wait(5)
    one.ended(5)


def test_killed_while_the_container_starts(worker):
    """A container that appears only after the kill is found."""
    killed = []
    for after in (0.0, 0.05, 0.1, 0.2, 0.4):
        killed.append(one := worker())
        time.sleep(after)  # before, while and after the engine makes the container
        one.process.kill()
        one.process.wait(5)
        one.ended(6)
    time.sleep(4)  # the reaper looks for 3.5 s: nothing may appear after that
    assert [one.left() for one in killed] == [[]] * 5


def test_interrupted_while_the_container_starts(worker):
    """A container that appears only after the worker has ended is found, too."""
    interrupted = []
    for after in (0.0, 0.1, 0.3):
        interrupted.append(one := worker())
        time.sleep(after)
        one.process.send_signal(signal.SIGINT)
        assert one.process.wait(6) == 130
    time.sleep(5)  # the reaper looks for 3.5 s: nothing may appear after that
    assert [one.left() for one in interrupted] == [[]] * 3


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_container_that_appears_late(worker, busybox, number):
    """The engine may be slow: a container that it makes only after the worker has gone is removed, too."""
    one = worker()
    one.line("up")
    one.process.send_signal(number)
    one.process.wait(6)
    time.sleep(0.8)
    command = ("docker", "run", "--detach", f"--label=crosstasks.run={one.run_id}", busybox, "sleep", "600")
    subprocess.run(command, check=True, capture_output=True)
    assert containers(one.run_id) != []
    one.ended(5)


def test_terminated_and_then_killed(worker):
    """As nox does it: SIGTERM, and SIGKILL two seconds later, before a stubborn program has given up."""
    one = worker(STUBBORN)
    one.line("up")
    one.process.terminate()
    time.sleep(2)
    one.process.kill()
    one.process.wait(5)
    one.ended(8)


def test_program_that_is_killed(worker):
    """When somebody kills cross itself, its child and the container do not go on."""
    one = worker()
    one.line("up")
    os.kill(one.group, signal.SIGKILL)
    assert one.process.wait(8) == 0
    assert one.line("code") == "-9"
    assert containers(one.run_id) == members(one.group) == []


def test_end_that_is_well(worker):
    """After a good end the reaper goes at once, and has removed nothing."""
    one = worker("echo up; exit 0")
    assert one.line("code") == "0"
    assert one.process.wait(5) == 0
    time.sleep(0.3)
    assert one.left() == []


def test_reaper_holds_no_descriptor(worker):
    """The reaper has nothing of ours open but its pipe: whoever reads our output sees its end when we end."""
    one = worker()
    one.line("up")
    held = {number: os.readlink(f"/proc/{one.reaper}/fd/{number}") for number in os.listdir(f"/proc/{one.reaper}/fd")}
    assert held.pop("0").startswith("pipe:")
    assert held == {"1": "/dev/null", "2": "/dev/null"}
    one.process.kill()
    begun = time.monotonic()
    one.process.stdout.read()
    assert time.monotonic() - begun < 3


NOXFILE = """
import subprocess, sys
import nox

@nox.session(python=False, allow_parallel=True)
@nox.parametrize("run_id", {runs!r})
def build(session, run_id):
    sys.path.insert(0, {root!r})
    sys.argv = ["worker", run_id, {image!r}, '"$@"', ""]
    exec(compile({worker!r}, "worker", "exec"), {{"__name__": "worker"}})
"""


@pytest.mark.parametrize("parallel", [(), ("-j", "2")])
def test_ctrl_c_of_nox(busybox, tmp_path, parallel):
    """Ctrl-C at nox leaves nothing, whether its sessions run in nox or in children of it."""
    runs = [f"test-{uuid4().hex[:12]}" for _ in range(2 if parallel else 1)]
    text = NOXFILE.format(runs=runs, root=str(ROOT), image=busybox, worker=WORKER)
    (tmp_path / "noxfile.py").write_text(textwrap.dedent(text), "utf-8")
    argv = (sys.executable, "-m", "nox", "-f", str(tmp_path / "noxfile.py"), *parallel)
    nox = subprocess.Popen(argv, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        begun = time.monotonic()
        while not all(map(containers, runs)):
            assert nox.poll() is None, nox.stdout.read()
            assert time.monotonic() - begun < 30
            time.sleep(0.1)
        os.killpg(nox.pid, signal.SIGINT)
        assert nox.wait(10) != 0
        time.sleep(4)
        assert [containers(run) for run in runs] == [[] for _ in runs]
    finally:
        if nox.poll() is None:
            nox.kill()
        nox.stdout.close()
        nox.wait()
        for container in [container for run in runs for container in containers(run)]:
            subprocess.run(("docker", "rm", "--force", container), check=True, capture_output=True)
