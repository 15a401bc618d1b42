"""The three standard streams, which may be closed, full, gone at the other end, or unable to write every letter."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..core import cache
from ..core.errors import ConfigError, CrosstasksError, DiskFull


@contextmanager
def translate_errors() -> Iterator[None]:
    """Write what there is to standard output, and translate what goes wrong there, and with files nobody else has a word for.

    Raises:
        CrosstasksError: something cannot be written; without a word if the reader of a pipe has gone, as ``head`` does.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
        if sys.stdout:
            sys.stdout.flush()
    except BrokenPipeError:
        _forgotten()
        raise CrosstasksError("") from None
    except UnicodeEncodeError as error:
        _forgotten()
        why = f"file names are {error.encoding} in this locale"
        raise ConfigError(f"{error.object} cannot be named here", why=why, hint="LC_ALL=C.UTF-8, or PYTHONUTF8=1") from error
    except OSError as error:
        _forgotten()
        what = f"{error.filename or 'the result'} cannot be read or written"
        if error.errno in cache.FULL and error.filename:
            raise DiskFull(what, why=str(error.strerror), hint=cache.HINT) from error
        raise CrosstasksError(what, why=error.strerror or str(error)) from error


@contextmanager
def quiet_pipe() -> Iterator[None]:
    """End quietly if the reader of standard output has gone, whatever was to be written there."""
    try:
        yield
    except BrokenPipeError:
        raise SystemExit(CrosstasksError.code) from None
    finally:
        _forgotten()


def _forgotten() -> None:
    """Let what is not written yet go nowhere: Python would try it once more at its end, and complain."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextmanager
def only_result() -> Iterator[None]:
    """Let nothing but the result reach standard output; what programs print there goes to standard error."""
    if sys.stdout is None:
        yield
        return
    sys.stdout.flush()
    real_stdout = os.dup(1)
    os.dup2(2, 1)
    stream, sys.stdout = sys.stdout, os.fdopen(real_stdout, "w", encoding="utf-8")
    try:
        yield
        sys.stdout.flush()
    finally:
        _forgotten()
        os.dup2(real_stdout, 1)
        sys.stdout.close()
        sys.stdout = stream


def read(most: int = -1) -> str:
    """Return what is on standard input, *most* of it in characters.

    Raises:
        ConfigError: it is closed.
    """
    if sys.stdin is None:
        raise ConfigError("standard input is closed", hint="pipe the text into it, or name a file")
    return sys.stdin.read(most)


def is_interactive() -> bool:
    """Tell whether somebody is at standard input, to be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def has_colour(stream: object, environ: Mapping[str, str]) -> bool:
    """Tell whether to colour: ``NO_COLOR`` and ``FORCE_COLOR`` win over what the stream is."""
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return bool(getattr(stream, "isatty", lambda: False)()) and environ.get("TERM") != "dumb"


def confirm(question: str) -> bool:
    """Ask on the terminal; nothing but a yes is one."""
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
