"""The door to programs: list argv, never a shell; whatever is started is ended.

Every program gets a process group of its own. Ctrl-C, SIGTERM and a time limit end the group: interrupt, terminate, kill.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any, Final

from .errors import Interrupted, ToolMissing
from .steps import Done, Env

TAIL: Final = 64 * 1024
"""How much of a streamed program's standard error is kept, in bytes."""

PATIENCE: Final = (3.0, 2.0)
"""Seconds that a group is given after an interrupt, and after a termination."""

OnChunk = Callable[[bytes], None]


def run(
    argv: Sequence[str], *, env: Env = {}, cwd: str = "", timeout: float | None = None, stdin: bytes | None = None
) -> Done:
    """Run *argv* to its end with its output captured; see ``steps.Runner``."""
    child = _start(argv, env, cwd, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, out=subprocess.PIPE, err=subprocess.PIPE)
    with _ended(child):
        try:
            out, err = child.communicate(stdin, timeout=timeout)
        except subprocess.TimeoutExpired:
            raise _late(argv, timeout) from None
    return Done(argv=tuple(argv), code=child.returncode, out=out.decode(errors="replace"), err=err.decode(errors="replace"))


def stream(  # noqa: PLR0913
    argv: Sequence[str],
    *,
    env: Env = {},
    cwd: str = "",
    timeout: float | None = None,
    on_out: OnChunk | None = None,
    on_err: OnChunk | None = None,
) -> Done:
    """
    Run *argv* and hand its output on as it comes, in chunks; what has no receiver goes where ours goes.

    Raises:
        ToolMissing: the program is not there.
        Interrupted: *timeout* (seconds) passed, or the user ended it.
    """
    pipe = subprocess.PIPE
    # a group of its own is in the background of a terminal: reading from it would stop it
    child = _start(argv, env, cwd, stdin=subprocess.DEVNULL, out=pipe if on_out else None, err=pipe if on_err else None)
    tail = bytearray()

    def keep(chunk: bytes) -> None:
        tail.extend(chunk)
        del tail[:-TAIL]
        if on_err:
            on_err(chunk)

    with _ended(child):
        readers = [_reader(child.stdout, on_out), _reader(child.stderr, keep)]
        try:
            child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise _late(argv, timeout) from None
        for reader in readers:
            reader.join(5)
    return Done(argv=tuple(argv), code=child.returncode, err=tail.decode(errors="replace"))


def _reader(pipe: IO[bytes] | None, receive: OnChunk | None) -> threading.Thread:
    def read() -> None:
        while pipe and receive:
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk:
                return
            receive(chunk)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _start(argv: Sequence[str], env: Env, cwd: str, **streams: Any) -> subprocess.Popen[bytes]:
    changed = {**os.environ, **{key: value for key, value in env.items() if value is not None}}
    for key in (key for key, value in env.items() if value is None):
        changed.pop(key, None)
    if not shutil.which(argv[0], path=changed.get("PATH")):
        raise ToolMissing(f"the program {argv[0]!r} is not there", hint=f"install it, or put it on PATH: {argv[0]}")
    try:
        return subprocess.Popen(
            list(argv),
            env=changed,
            cwd=cwd or None,
            stdin=streams["stdin"],
            stdout=streams["out"],
            stderr=streams["err"],
            process_group=0,
        )
    except OSError as error:
        raise ToolMissing(f"the program {argv[0]!r} cannot be run", why=error.strerror or str(error)) from error


def _late(argv: Sequence[str], timeout: float | None) -> Interrupted:
    return Interrupted(f"{argv[0]} took longer than {timeout:g} s", hint="`timeout` in crosstasks.toml is the limit in seconds")


@contextmanager
def _ended(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Let no process of the child's group outlive the block, whatever ends it."""
    with _told(child):
        try:
            yield
        finally:
            if child.poll() is None:
                _end(child)


@contextmanager
def _told(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP end it as Ctrl-C does. Only a main thread can have handlers."""
    del child
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    asked = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _raise) for number in asked}
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted", hint="what was half done is taken up again by the next call") from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


def _end(child: subprocess.Popen[bytes]) -> None:
    for number, patience in zip((signal.SIGINT, signal.SIGTERM), PATIENCE, strict=True):
        _tell(child, number)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        break
    _tell(child, signal.SIGKILL)
    child.wait()


def _tell(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return
