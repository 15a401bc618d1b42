"""What goes wrong with the standard streams, and what is told of it."""

from __future__ import annotations

import errno
import io
import os
import sys
from types import SimpleNamespace

import pytest

from crosstasks.core import cache
from crosstasks.core.errors import ConfigError, CrosstasksError, DiskFull
from crosstasks.reporting import streams


@pytest.mark.parametrize(
    ("error", "kind", "what", "why", "hint"),
    [
        (OSError(errno.ENOSPC, "No space left", "/w/file"), DiskFull, "/w/file cannot be read or written", "No space left", cache.HINT),
        (OSError(errno.EDQUOT, "Quota", "/w/file"), DiskFull, "/w/file cannot be read or written", "Quota", cache.HINT),
        (OSError(errno.EACCES, "Denied", "/w/file"), CrosstasksError, "/w/file cannot be read or written", "Denied", ""),
        (OSError(errno.ENOSPC, "No space left"), CrosstasksError, "the result cannot be read or written", "No space left", ""),
        (OSError("odd"), CrosstasksError, "the result cannot be read or written", "odd", ""),
        (
            UnicodeEncodeError("ascii", "ä", 0, 1, "ordinal not in range(128)"),
            ConfigError,
            "ä cannot be named here",
            "file names are ascii in this locale",
            "LC_ALL=C.UTF-8, or PYTHONUTF8=1",
        ),
    ],
)
def test_files_and_names_that_cannot_be_written(error, kind, what, why, hint):
    """What nobody else has a word for becomes one of our errors; a full disk is told as such where its file is known."""
    with pytest.raises(kind) as raised, streams.translate_errors():
        raise error
    assert (kind, what, why, hint) == (type(raised.value), raised.value.what, raised.value.why, raised.value.hint)


@pytest.fixture
def pipe():
    """A pipe whose reader has gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="ascii") as stream:
        yield stream


def test_a_reader_that_has_gone_ends_us_without_a_word(pipe, monkeypatch):
    """As ``head`` does; a letter that the stream does not have is written as its number; what was to come goes nowhere."""
    monkeypatch.setattr(sys, "stdout", pipe)
    with pytest.raises(CrosstasksError) as raised, streams.translate_errors():
        pipe.write("ä")
    assert ("", 1, "backslashreplace") == (str(raised.value), raised.value.code, pipe.errors)
    pipe.write("more")
    pipe.flush()


def test_a_quiet_pipe_ends_with_a_code(pipe, monkeypatch):
    """Whoever has no error of ours to raise ends so."""
    monkeypatch.setattr(sys, "stdout", pipe)
    pipe.write("x")
    with pytest.raises(SystemExit) as raised, streams.quiet_pipe():
        pipe.flush()
    assert 1 == raised.value.code


def test_streams_that_are_closed_hinder_nothing(monkeypatch):
    """A program may be started without any."""
    for name in ("stdout", "stderr", "stdin"):
        monkeypatch.setattr(sys, name, None)
    with streams.translate_errors(), streams.quiet_pipe(), streams.only_result():
        pass
    assert not streams.is_interactive()
    with pytest.raises(ConfigError) as raised:
        streams.read()
    assert ("standard input is closed", "pipe the text into it, or name a file") == (raised.value.what, raised.value.hint)


def test_standard_input_is_read_to_a_limit(monkeypatch):
    """Somebody is asked only at a terminal."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("a text"))
    assert ("a t", "ext", False) == (streams.read(3), streams.read(), streams.is_interactive())
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    assert streams.is_interactive()


@pytest.mark.parametrize(("answer", "yes"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("", False), ("yeah\n", False)])
def test_only_a_yes_agrees(monkeypatch, capsys, answer, yes):
    """The question says what will be done, on stderr."""
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert yes is streams.confirm("do it?")
    assert "do it? [y/N]" in capsys.readouterr().err


def test_only_the_result_reaches_standard_output(capfd):
    """What a program writes there goes to standard error, and everything is as before at the end, after an error too."""
    before = sys.stdout

    def act():
        os.write(1, b"a program\n")
        sys.stdout.write("the result\n")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), streams.only_result():
        act()
    assert before is sys.stdout
    os.write(1, b"later\n")
    assert ("the result\nlater\n", "a program\n") == tuple(capfd.readouterr())


@pytest.mark.parametrize(
    ("terminal", "environ", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (True, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
    ],
)
def test_where_there_is_colour(terminal, environ, coloured):
    """On a terminal that has some, unless the user says otherwise; a stream that is closed has none."""
    assert coloured is streams.has_colour(SimpleNamespace(isatty=lambda: terminal), environ)
    assert not streams.has_colour(None, {})
