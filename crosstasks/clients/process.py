"""Run programs: list argv, never a shell; whatever is started is ended.

Every program gets a process group of its own, so that Ctrl-C reaches it once, through us. Ctrl-C, SIGTERM, SIGHUP, a time
limit and every exception end the whole group: interrupt, terminate, kill. A further signal shortens the waiting. Signals are taken
only where what they interrupt can be ended.
"""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol, Self, TypeAlias

from ..core.errors import ConfigError, CrosstasksError, Interrupted, TimedOut, ToolMissing
from ..core.steps import Done, Env
from . import network

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class SignalReceived(BaseException):
    """A signal came while it could be taken."""


class Signals:
    """While it is entered, signals wait until ``check()``, but within ``at_once()``. At its end they are ``Interrupted``.

    So none comes between starting a program and being ready to end it, or where a lock would stay taken. What ignores a signal
    (nohup) goes on doing so; a handler of the caller's own is called when the program has been ended. Only a main thread can have
    handlers.
    """

    def __init__(self, deaf: Collection[int] = ()) -> None:
        """Change nothing yet; signals that are *deaf* do not even wait."""
        self.deaf = deaf
        self.before: dict[signal.Signals, Any] = {}
        self.came: list[int] = []
        self.raising = False

    def __enter__(self) -> Self:
        if sys.platform == "win32":  # it has neither process groups that can be ended, nor pipes that can be waited for
            raise ConfigError("crosstasks starts no programs on Windows", hint="call it in WSL 2: https://learn.microsoft.com/windows/wsl")
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before = signal.getsignal(number)
                if before not in {None, signal.SIG_IGN}:
                    self.before[number] = before
                    signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in self.deaf:
            return
        self.came.append(number)
        if self.raising:
            self.raising = False
            raise SignalReceived

    def check(self) -> None:
        """Raise if a signal has come."""
        if self.came:
            raise SignalReceived

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let a signal end the block, also one that has come already."""
        try:
            self.raising = True
            self.check()
            yield
        finally:
            self.raising = False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.raising = False
        for number, before in reversed(self.before.items()):  # SIGINT last: from then on it raises
            signal.signal(number, before)
        if not self.came:
            return
        number = signal.Signals(self.came[0])
        handler = self.before[number]
        if callable(handler) and handler is not signal.default_int_handler:
            handler(number, None)
        what = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        raise Interrupted(what, hint="what was half done is taken up again by the next call") from None


TAIL: Final = 64 * 1024
"""How much of a streamed program's standard error is kept, in bytes."""

PATIENCE: Final = ((signal.SIGINT, 2.0), (signal.SIGTERM, 1.0))
"""What a group is told, and the seconds it is given after each. nox kills us 2 s after its own SIGTERM."""

GRACE: Final = 1.0
"""Seconds of silence after a program has ended, while another process still holds its output open."""

CHUNK: Final = 65536

INFINITE: Final = float("inf")

OnChunk: TypeAlias = Callable[[bytes], object]


class Owner(Protocol):
    """Who ends a group when this process no longer can; ``engines.ContainerReaper`` is one."""

    def start(self) -> None:
        """Be ready, if that is not so yet: a program is about to be started."""
        ...

    def begun(self, group: int) -> None:
        """Take note of a process group that runs."""
        ...

    def over(self, group: int, code: int) -> None:
        """Take note that its leader has ended with *code*."""
        ...


_OWNERS: Final[list[Owner]] = []


@contextmanager
def ownership(owner: Owner) -> Iterator[None]:
    """Tell *owner* of every program that is started meanwhile, by whatever thread."""
    _OWNERS.append(owner)
    try:
        yield
    finally:
        _OWNERS.remove(owner)


def run(argv: Sequence[str], *, env: Env = {}, cwd: str = "", timeout: float | None = None, stdin: bytes | None = None) -> Done:
    """Run *argv* to its end with its output captured; see ``steps.Runner``."""
    out, err = bytearray(), bytearray()
    chunks = None if stdin is None else (stdin,)
    code = _serve(argv, env, cwd, timeout, chunks, (out.extend, err.extend))
    return Done(argv=tuple(argv), code=code, out=out.decode(errors="replace"), err=err.decode(errors="replace"))


def to_stderr(chunk: bytes) -> None:
    """Write to our standard error, as it is."""
    sys.stderr.buffer.write(chunk)
    sys.stderr.buffer.flush()


def stream(
    argv: Sequence[str],
    *,
    env: Env = {},
    cwd: str = "",
    timeout: float | None = None,
    stdin: Iterable[bytes] | None = None,
    on_out: OnChunk | None = None,
    on_err: OnChunk | None = None,
    owner: Owner | None = None,
) -> Done:
    """Run *argv* and hand its output on as it comes, in chunks; what nobody takes goes where ours goes.

    Args:
        argv, env, cwd, timeout: as for ``run``.
        stdin: what the program reads, made while it reads; nothing if None. Ours is never lent: a group of its own is in
            the terminal's background, and would be stopped when it reads.
        on_out: receives standard output; called in this thread.
        on_err: receives standard error, whose tail is kept as well.
        owner: is told of the process group.

    Raises:
        ToolMissing: the program is not there.
        TimedOut: *timeout* (seconds) passed.
        Interrupted: the user ended it.
    """
    tail = bytearray()

    def keep(chunk: bytes) -> None:
        tail.extend(chunk)
        del tail[:-TAIL]
        if on_err:
            on_err(chunk)

    code = _serve(argv, env, cwd, timeout, stdin, (on_out, keep if on_err else None), owner)
    return Done(argv=tuple(argv), code=code, err=tail.decode(errors="replace"))


def run_on_terminal(argv: Sequence[str], *, env: Env = {}, cwd: str = "", owner: Owner | None = None) -> Done:
    """Run *argv* on the user's terminal, in our process group: Ctrl-C is the program's, and we wait for what it makes of it.

    The *owner* is told of its end alone: the group goes on.
    """
    with Signals(deaf=(signal.SIGINT,)) as signals:
        child = _start(argv, env, cwd)
        with _end_on_failure(child, child.send_signal, signals), _Waiting(child, signals, argv[0]) as waiting:
            waiting.attend()
    if owner:
        owner.over(child.pid, child.returncode)
    return Done(argv=tuple(argv), code=child.returncode)


def _serve(
    argv: Sequence[str],
    env: Env,
    cwd: str,
    timeout: float | None,
    chunks: Iterable[bytes] | None,
    receivers: tuple[OnChunk | None, OnChunk | None],
    owner: Owner | None = None,
) -> int:
    owners = (*_OWNERS, *((owner,) if owner else ()))
    out, err = (subprocess.PIPE if receive else None for receive in receivers)
    stdin = subprocess.DEVNULL if chunks is None else subprocess.PIPE
    with Signals() as signals:
        for each in owners:
            each.start()
        child = _start(argv, env, cwd, stdin=stdin, stdout=out, stderr=err, process_group=0)
        try:
            end_on_failure = _end_on_failure(child, partial(_killpg, child.pid), signals)
            with end_on_failure, _Waiting(child, signals, argv[0], timeout) as waiting:
                for each in owners:
                    each.begun(child.pid)
                for pipe, receive in zip((child.stdout, child.stderr), receivers, strict=True):
                    if pipe and receive:
                        waiting.read(pipe, receive)
                if child.stdin and chunks is not None:
                    waiting.feed(child.stdin, iter(chunks))
                waiting.attend()
        finally:
            for each in owners:
                each.over(child.pid, child.returncode)
    return child.returncode


class _Waiting(selectors.DefaultSelector):
    """All that is waited for. Signals are looked for here, and raise nothing: they might strike where Popen holds its lock."""

    def __init__(self, child: subprocess.Popen[bytes], signals: Signals, program: str, timeout: float | None = None) -> None:
        super().__init__()
        self.child, self.signals, self.program = child, signals, program
        self.timeout = INFINITE if timeout is None else timeout
        self.deadline = time.monotonic() + self.timeout
        self.end: int | None = None
        with suppress(AttributeError, OSError):  # Linux 5.3 has it
            self.end = os.pidfd_open(child.pid)
            self.register(self.end, selectors.EVENT_READ, lambda: False)

    def close(self) -> None:
        super().close()
        if self.end is not None:
            os.close(self.end)

    def read(self, pipe: IO[bytes], receive: OnChunk) -> None:
        def act() -> bool:
            chunk = os.read(pipe.fileno(), CHUNK)
            if chunk:
                with self.signals.at_once():  # whoever reads our own output may have stopped
                    receive(chunk)
            return bool(chunk)

        self.register(pipe, selectors.EVENT_READ, act)

    def feed(self, pipe: IO[bytes], chunks: Iterator[bytes]) -> None:
        """Write as much as the program takes, until all is written, or nobody reads."""
        os.set_blocking(pipe.fileno(), False)
        rest = memoryview(b"")

        def act() -> bool:
            nonlocal rest
            try:
                while not rest:
                    rest = memoryview(next(chunks))
                rest = rest[os.write(pipe.fileno(), rest) :]
            except BlockingIOError:
                return True
            except (StopIteration, BrokenPipeError):
                pipe.close()
                return False
            return True

        self.register(pipe, selectors.EVENT_WRITE, act)

    def attend(self) -> None:
        """Hand on what comes until the program has ended and its pipes are closed.

        Raises:
            TimedOut: it takes too long.
        """
        silent = time.monotonic()
        pause = GRACE / 50 if self.end is None else GRACE / 10
        while self.child.poll() is None or self.get_map():
            left = max(0.0, self.deadline - time.monotonic())
            ready = self.select(min(pause, left))
            self.signals.check()
            for key, _ in ready:
                if not key.data():
                    self.unregister(key.fd)
            over = time.monotonic() >= self.deadline
            if over and self.child.poll() is None:
                what = f"{self.program} took longer than {self.timeout:g} s"
                raise TimedOut(what, hint="`timeout` in crosstasks.toml is the limit in seconds")
            if ready or self.child.returncode is None:
                silent = time.monotonic()
            elif time.monotonic() - silent > GRACE or over:
                _killpg(self.child.pid, signal.SIGTERM)  # its leader is gone, and what that left behind holds our pipes
                return


def _start(argv: Sequence[str], env: Env, cwd: str, **options: Any) -> subprocess.Popen[bytes]:
    variables = {key: value for key, value in {**os.environ, **network.variables(os.environ), **env}.items() if value is not None}
    try:
        return subprocess.Popen(list(argv), env=variables, cwd=cwd or None, bufsize=0, **options)
    except OSError as error:
        if cwd and not Path(cwd).is_dir():
            raise CrosstasksError(f"the folder {cwd!r} to run {argv[0]!r} in is not there", why=error.strerror or str(error)) from error
        program = shutil.which(argv[0], path=variables.get("PATH", os.defpath))
        if program is None and not isinstance(error, PermissionError):
            raise ToolMissing(f"the program {argv[0]!r} is not there", hint=f"install it, or put it on PATH: {argv[0]}") from error
        # the kernel says the same of a missing program and of a missing interpreter or loader
        why = "its interpreter or loader is missing" if isinstance(error, FileNotFoundError) else error.strerror or str(error)
        raise ToolMissing(f"the program {argv[0]!r} cannot be run", why=why) from error


@contextmanager
def _end_on_failure(child: subprocess.Popen[bytes], tell: Callable[[signal.Signals], None], signals: Signals) -> Iterator[None]:
    """Let nothing of the child outlive the block if that fails, whatever the reason."""
    try:
        yield
    except BaseException:
        for number, patience in PATIENCE:
            tell(number)
            if _wait(lambda: child.poll() is not None, patience, signals):
                if not _wait(lambda: not _alive(child), GRACE / 5, signals):
                    tell(signal.SIGTERM)  # a shell lets what it runs in the background ignore interrupts
                    _wait(lambda: not _alive(child), GRACE, signals)
                break
        tell(signal.SIGKILL)
        child.wait()
        raise
    finally:
        for pipe in filter(None, (child.stdin, child.stdout, child.stderr)):
            pipe.close()


def _wait(until: Callable[[], bool], seconds: float, signals: Signals) -> bool:
    """Wait, but no longer when a further signal comes."""
    deadline, came = time.monotonic() + seconds, len(signals.came)
    while not (over := until()) and time.monotonic() < deadline and len(signals.came) == came:
        time.sleep(0.01)  # no system tells when the last of a process group has ended
    return over


def _alive(child: subprocess.Popen[bytes]) -> bool:
    """Tell whether anything of the child's group is left; one that shares ours has none."""
    try:
        os.killpg(child.pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    # the first process of a container may be slow to wait for the dead that it inherits, or never do
    states = [_state(path) for path in Path("/proc").glob("[0-9]*/stat")]
    return not states or any(group == str(child.pid) and state not in "ZX" for state, group in states)


def _state(path: Path) -> tuple[str, str]:
    """Return state and group of a process: what follows its name, which may hold anything."""
    try:
        state, _, group = path.read_bytes().decode(errors="replace").rpartition(") ")[2].split()[:3]
    except (OSError, ValueError):
        return "X", ""
    return state, group


def _killpg(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        os.killpg(group, number)
