"""What takes long and says nothing is shown to go on."""

from __future__ import annotations

import io
import sys
import time

from crosstasks.reporting import progress


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self):
        return True


def seen(monkeypatch, stream, silent, log):
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "SILENT", silent)
    monkeypatch.setattr(progress, "LOG", log)
    with progress.shown("install Rust 1.95.0"):
        time.sleep(0.2)
    return stream.getvalue()


def test_a_terminal_shows_the_seconds_in_one_line_that_goes_away(monkeypatch):
    """After two seconds of silence, which are shorter here."""
    text = seen(monkeypatch, Terminal(), 0.05, 60)
    assert text.startswith("\r  install Rust 1.95.0: 0 s\x1b[K")
    assert text.endswith("\r\x1b[K")


def test_a_log_gets_a_line_now_and_then(monkeypatch):
    """Nothing in it can be written over."""
    text = seen(monkeypatch, io.StringIO(), 60, 0.05)
    assert {"  install Rust 1.95.0: 0 s"} == set(text.splitlines())


def test_what_is_quick_says_nothing(monkeypatch):
    """Neither in a log nor on a terminal."""
    assert "" == seen(monkeypatch, Terminal(), 60, 60) == seen(monkeypatch, io.StringIO(), 60, 60)
