"""The door to programs: what they are given, what is handed on, and that nothing outlives its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from crosstasks.clients import process
from crosstasks.core.errors import ConfigError, CrosstasksError, Interrupted, TimedOut, ToolMissing

STUBBORN = "trap '' INT TERM; echo up >&2; while :; do sleep 0.1; done"


class Owner:
    """Notes what it is told, and may do something when a group begins."""

    def __init__(self, act=lambda: None):
        self.told = []
        self.act = act

    def start(self):
        """Be ready."""

    def begun(self, group):
        self.told.append(("begun", group))
        self.act()

    def over(self, group, code):
        self.told.append(("over", group, code))


def later(number, *, after=0.3):
    """Send this process a signal soon."""
    timer = threading.Timer(after, os.kill, (os.getpid(), number))
    timer.start()
    return timer


def gone(group):
    """Whether nothing of a process group is left, soon: the kernel ends what was killed when it gets to it."""
    until = time.monotonic() + 5
    while left(group):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def left(group):
    """Return the states of what is left of a process group, zombies apart, which only their parent can remove."""
    states = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            states.append(fields[0])
    return [state for state in states if state not in "ZX"]


def test_output_is_captured():
    """Both outputs and the exit code come back apart."""
    done = process.run(("sh", "-c", "echo out; echo err >&2; exit 3"))
    assert (done.code, done.out, done.err) == (3, "out\n", "err\n")
    assert done.argv[0] == "sh"


def test_much_output_on_both_pipes():
    """More than a pipe holds, on both at once, does not block."""
    done = process.run((sys.executable, "-c", "import sys\nfor _ in range(3000): sys.stdout.write('o'*1000); sys.stderr.write('e'*1000)"))
    assert (len(done.out), len(done.err)) == (3_000_000, 3_000_000)


def test_environment(monkeypatch):
    """A value is set, None takes a variable away, the rest is ours."""
    monkeypatch.setenv("TAKEN", "1")
    monkeypatch.setenv("KEPT", "2")
    done = process.run(("sh", "-c", 'echo "${TAKEN-none} $KEPT $ADDED"'), env={"TAKEN": None, "ADDED": "3"})
    assert done.out == "none 2 3\n"


def test_standard_input():
    """What is given is read, also if it is more than a pipe holds; else there is nothing to read."""
    text = b"x" * 1_000_000
    assert process.run(("cat",), stdin=text).out == text.decode()
    assert process.run(("cat",)).out == ""


def test_standard_input_that_nobody_reads():
    """A program that ends without reading is no failure."""
    assert process.run(("true",), stdin=b"x" * 1_000_000).code == 0


def test_folder(tmp_path):
    """A program runs in the folder that is named, and one that is not there is said to be so."""
    assert process.run(("pwd",), cwd=str(tmp_path)).out == f"{tmp_path}\n"
    with pytest.raises(CrosstasksError, match="folder '/nowhere/at/all'"):
        process.run(("pwd",), cwd="/nowhere/at/all")


def test_missing_program():
    """A program that is not there is ``ToolMissing``, by its name."""
    with pytest.raises(ToolMissing, match="'no-such-program-9' is not there"):
        process.run(("no-such-program-9",))


@pytest.mark.parametrize(
    ("head", "mode", "why"),
    [
        (b"#!/nowhere/sh\n", 0o755, "interpreter or loader is missing"),
        (b"\x7fELFnonsense", 0o755, "Exec format error"),
        (b"#!/bin/sh\n", 0o644, "Permission denied"),
    ],
)
def test_program_that_cannot_run(tmp_path, head, mode, why):
    """A program that is there and cannot run says why."""
    path = tmp_path / "program"
    path.write_bytes(head)
    path.chmod(mode)
    with pytest.raises(ToolMissing, match=why):
        process.run((str(path),))


def test_path_of_the_changed_environment(tmp_path):
    """A program is looked for on the PATH that it is given, as the guard needs it."""
    path = tmp_path / "cargo-of-ours"
    path.write_text("#!/bin/sh\necho ours\n")
    path.chmod(0o755)
    assert process.run(("cargo-of-ours",), env={"PATH": f"{tmp_path}:/usr/bin:/bin"}).out == "ours\n"


def test_time_limit_ends_the_group():
    """When the time is over, the program and its children are ended."""
    owner = Owner()
    begun = time.monotonic()
    with pytest.raises(TimedOut, match=r"sh took longer than 0\.3 s"):
        process.stream(("sh", "-c", "sleep 60 & sleep 60"), timeout=0.3, on_out=print, owner=owner)
    assert time.monotonic() - begun < 3
    assert gone(owner.told[0][1])


def test_time_limit_without_pipes():
    """The limit holds for a program that inherits our outputs, too."""
    with pytest.raises(TimedOut):
        process.stream(("sleep", "60"), timeout=0.2)


def test_stubborn_program_is_killed():
    """What ignores an interrupt and a termination is killed after its patience."""
    owner = Owner()
    begun = time.monotonic()
    with pytest.raises(TimedOut):
        process.stream(("sh", "-c", STUBBORN), timeout=0.3, on_err=lambda _: None, owner=owner)
    assert 3 < time.monotonic() - begun < 6
    assert gone(owner.told[0][1])


def test_chunks_come_at_once():
    """Half a line of a progress bar is handed on while the program runs."""
    came = []
    program = "import sys,time; sys.stdout.write('10%\\r'); sys.stdout.flush(); time.sleep(1); sys.stdout.write('20%\\r')"
    process.stream((sys.executable, "-c", program), on_out=lambda chunk: came.append((chunk, time.monotonic())))
    assert [chunk for chunk, _ in came] == [b"10%\r", b"20%\r"]
    assert came[1][1] - came[0][1] > 0.8


def test_receivers_are_called_in_our_thread():
    """What receives needs no lock."""
    threads = set()

    def note(_chunk):
        threads.add(threading.get_ident())

    process.stream(("sh", "-c", "echo a; echo b >&2"), on_out=note, on_err=note)
    assert threads == {threading.get_ident()}


def test_tail_of_errors_is_kept():
    """The last 64 KiB of standard error come back."""
    done = process.stream((sys.executable, "-c", "import sys; sys.stderr.write('a'*100000 + 'end')"), on_err=lambda _: None)
    assert (len(done.err), done.err[-4:]) == (65536, "aend")


def test_without_receiver_output_goes_where_ours_goes(capfd):
    """A program without receivers has our own outputs, so that a terminal stays one."""
    process.stream(("sh", "-c", "echo out; echo err >&2"))
    assert capfd.readouterr() == ("out\n", "err\n")


def test_receiver_that_fails_ends_the_group():
    """An exception of a receiver comes through, and the program is ended."""
    owner = Owner()

    def closed(_chunk):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        process.stream(("sh", "-c", "echo; sleep 60"), on_out=closed, owner=owner)
    assert gone(owner.told[0][1])


def test_standard_input_is_made_while_it_is_read():
    """An archive can be longer than memory: no more is made than the program takes."""
    made = []

    def chunks():
        for number in range(400):
            made.append(number)
            yield b"x" * 65536

    process.stream(("head", "-c", "1000"), stdin=chunks(), on_out=lambda _: None)
    assert len(made) < 40


def test_standard_input_that_cannot_be_made_ends_the_group():
    """A failure while the input is made comes through, and the program does not take the half for the whole."""
    owner = Owner()

    def chunks():
        yield b"half"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        process.stream(("sleep", "60"), stdin=chunks(), owner=owner)
    assert gone(owner.told[0][1])


def test_what_is_left_behind_does_not_hold_us():
    """A program that leaves a child with our pipes has ended, and its child is ended as well."""
    owner = Owner()
    begun = time.monotonic()
    done = process.stream(("sh", "-c", "sleep 60 & echo ok"), on_out=lambda _: None, owner=owner)
    assert done.code == 0
    assert time.monotonic() - begun < 4
    time.sleep(0.1)
    assert gone(owner.told[0][1])


def test_late_output_of_a_child_is_read():
    """What a child of an ended program says within the grace is not lost."""
    assert process.run(("sh", "-c", "(sleep 0.5; echo late) & echo early")).out == "early\nlate\n"


def test_owner_is_told():
    """An owner knows of a group from its begin to its end, with the code."""
    owner = Owner()
    process.stream(("sh", "-c", "exit 4"), owner=owner)
    assert [entry[0] for entry in owner.told] == ["begun", "over"]
    assert owner.told[1] == ("over", owner.told[0][1], 4)


def test_group_of_its_own():
    """Ctrl-C of a terminal does not reach a program twice."""
    assert process.run((sys.executable, "-c", "import os; print(os.getpgid(0) == os.getpid())")).out == "True\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("receive", [None, lambda _: None])
def test_signal_ends_the_group(number, receive):
    """A signal ends program and children, is ``Interrupted``, and the handlers are as before."""
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    owner = Owner()
    timer = later(number)
    with pytest.raises(Interrupted) as caught:
        process.stream(("sh", "-c", "sleep 60 & wait"), on_out=receive, owner=owner)
    timer.join()
    assert caught.value.code == 130
    assert (number == signal.SIGINT) == (caught.value.what == "interrupted")
    assert gone(owner.told[0][1])
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_signal_ends_a_captured_program():
    """``run`` can be interrupted like ``stream``."""
    later(signal.SIGINT)
    begun = time.monotonic()
    with pytest.raises(Interrupted):
        process.run(("sleep", "60"))
    assert time.monotonic() - begun < 2


def test_signal_while_starting():
    """A signal between a program's start and our waiting for it is not lost, and does not leave the program."""
    owner = Owner(lambda: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Interrupted, match="SIGTERM"):
        process.stream(("sleep", "60"), owner=owner)
    assert gone(owner.told[0][1])


class StruckLock:
    """A lock whose second taking is followed by Ctrl-C, before its taker can see to its release."""

    def __init__(self):
        self.lock = threading.Lock()
        self.taken = 0

    def acquire(self, *arguments):
        got = self.lock.acquire(*arguments)
        self.taken += 1
        if self.taken == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return got

    def release(self):
        self.lock.release()

    def __enter__(self):
        assert self.lock.acquire(timeout=3), "the lock was left taken"

    def __exit__(self, *_):
        self.lock.release()


class StruckPopen(subprocess.Popen):
    """A program whose ``poll()`` is struck by Ctrl-C where it is not safe against exceptions."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._waitpid_lock = StruckLock()


def test_signal_within_poll(monkeypatch):
    """A signal is not taken within Popen.poll(), whose lock would stay taken, so that we waited for ever."""
    monkeypatch.setattr(subprocess, "Popen", StruckPopen)
    owner = Owner()
    with pytest.raises(Interrupted):
        process.stream(("sh", "-c", "while :; do echo; sleep 0.01; done"), on_out=lambda _: None, owner=owner)
    assert gone(owner.told[0][1])


def test_receiver_that_blocks_can_be_interrupted():
    """A reader of ours that has stopped reading does not keep a signal from ending what runs."""
    reading, writing = os.pipe()
    owner = Owner()
    later(signal.SIGTERM, after=0.5)
    begun = time.monotonic()
    try:
        with pytest.raises(Interrupted):
            process.stream(("yes",), on_out=lambda chunk: os.write(writing, chunk), owner=owner)
    finally:
        os.close(reading)
        os.close(writing)
    assert time.monotonic() - begun < 2
    assert gone(owner.told[0][1])


def test_second_signal_shortens_the_waiting():
    """Who presses Ctrl-C again and again does not wait for a program's patience."""
    up = []
    timers = [later(signal.SIGINT, after=after) for after in (0.5, 0.7, 0.9)]
    begun = time.monotonic()
    with pytest.raises(Interrupted):
        process.stream(("sh", "-c", STUBBORN), on_err=up.append)
    for timer in timers:
        timer.join()
    assert up
    assert time.monotonic() - begun < 2.5


def test_handler_of_the_caller_is_called():
    """A program that has a handler of its own gets the signal, after ours has ended what runs."""
    called = []
    owner = Owner()
    before = signal.signal(signal.SIGTERM, lambda *_: called.append(gone(owner.told[0][1])))
    try:
        later(signal.SIGTERM)
        with pytest.raises(Interrupted):
            process.stream(("sleep", "60"), owner=owner)
        assert signal.getsignal(signal.SIGTERM) is not before
    finally:
        signal.signal(signal.SIGTERM, before)
    assert called == [True]


def test_ignored_signal_stays_ignored():
    """What runs under nohup goes on when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        later(signal.SIGHUP, after=0.2)
        assert process.run(("sleep", "0.5")).code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_another_thread():
    """Where there can be no handlers, programs run, and time limits hold."""
    said = []

    def act():
        said.append(process.run(("echo", "here")).out)
        try:
            process.run(("sleep", "60"), timeout=0.2)
        except TimedOut as error:
            said.append(error.code)

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    assert said == ["here\n", 130]


def test_nothing_stays_open():
    """No descriptor is left behind, whether a program ends well, fails or is interrupted."""

    def held():
        return sorted(os.listdir("/proc/self/fd"))

    process.run(("true",))
    before = held()
    process.run(("cat",), stdin=b"x")
    process.stream(("false",), on_out=print, on_err=print)
    with pytest.raises(TimedOut):
        process.run(("sleep", "9"), timeout=0.1)
    with pytest.raises(ToolMissing):
        process.run(("no-such-program-9",))
    assert held() == before


class Terminal:
    """A Python program on a terminal of its own, as a user has it."""

    def __init__(self, program):
        self.ours, theirs = os.openpty()
        argv = ("setsid", "--ctty", sys.executable, "-c", f"from crosstasks.clients import process\n{program}")
        self.process = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.said = ""

    def until(self, word):
        """Read until the program says a word."""
        while word not in self.said:
            self.said += os.read(self.ours, 4096).decode()

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.ours)


@pytest.fixture
def terminal():
    """A maker of programs on terminals."""
    made = []
    yield lambda program: made.append(Terminal(program)) or made[-1]
    for one in made:
        one.close()


def test_attached_has_the_terminal(terminal):
    """A shell that is attached reads what the user types."""
    one = terminal(
        "done = process.run_on_terminal(('sh', '-c', 'echo ready; read word; echo got $word; exit 3')); print('code', done.code)"
    )
    one.until("ready")
    os.write(one.ours, b"hello\n")
    one.until("got hello")
    one.until("code 3")


def test_attached_gets_ctrl_c(terminal):
    """Ctrl-C is what an attached program makes of it; we wait for that, and go on."""
    shell = "trap 'echo caught; exit 5' INT; echo ready; while :; do sleep 0.1; done"
    one = terminal(f"done = process.run_on_terminal(('sh', '-c', {shell!r})); print('code', done.code)")
    one.until("ready")
    os.write(one.ours, b"\x03")
    one.until("caught")
    one.until("code 5")


def test_an_owner_is_told_of_the_end_of_what_was_attached():
    """But of no group that has begun: that is ours."""
    owner = Owner()
    assert 130 == process.run_on_terminal(("sh", "-c", "exit 130"), owner=owner).code
    assert [("over", 130)] == [(word, code) for word, _, code in owner.told]


def test_streamed_program_keeps_the_terminal(terminal):
    """Without receivers a program sees a terminal, so that cargo draws its bar; but it reads nothing from it, which would stop it."""
    one = terminal("process.stream(('sh', '-c', 'test -t 1 && test -t 2 && ! test -t 0 && cat && echo so it is'))")
    one.until("so it is")


def test_ctrl_c_on_a_terminal_reaches_a_streamed_program_once(terminal):
    """The program is told once, by us, and not by the terminal too."""
    shell = "trap 'echo told; sleep 0.5; echo ended; exit 0' INT; echo ready; while :; do sleep 0.1; done"
    one = terminal(f"process.stream(('sh', '-c', {shell!r}))")
    one.until("ready")
    os.write(one.ours, b"\x03")
    one.until("Interrupted")
    assert one.said.count("told") == 1
    assert one.said.count("ended") == 1


@pytest.mark.parametrize("start", [process.run, process.run_on_terminal, process.stream])
def test_windows_is_refused(monkeypatch, start):
    """In a sentence, with what to do instead, and not by a signal that it does not have; sessions are listed there."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(ConfigError, match="no programs on Windows") as raised:
        start((sys.executable, "-c", ""))
    assert "WSL 2" in raised.value.hint
