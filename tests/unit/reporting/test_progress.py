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
    with progress.timer("install Rust 1.95.0"):
        time.sleep(0.2)
    return stream.getvalue()


def test_a_terminal_shows_the_seconds_in_one_line_that_goes_away(monkeypatch):
    """After two seconds of silence, which are shorter here."""
    text = seen(monkeypatch, Terminal(), 0.05, 60)
    assert text.startswith("\r\x1b[K  install Rust 1.95.0: 0 s")
    assert text.endswith("\r\x1b[K")


def test_a_log_gets_a_line_now_and_then(monkeypatch):
    """Nothing in it can be written over."""
    text = seen(monkeypatch, io.StringIO(), 60, 0.05)
    assert {"  install Rust 1.95.0: 0 s"} == set(text.splitlines())


def test_what_is_quick_says_nothing(monkeypatch):
    """Neither in a log nor on a terminal."""
    assert "" == seen(monkeypatch, Terminal(), 60, 60) == seen(monkeypatch, io.StringIO(), 60, 60)


def test_a_line_is_no_wider_than_the_terminal():
    """One that wraps could not be taken away again."""
    assert "  install Rust 1.95.0: 12 s" == progress.line("install Rust 1.95.0", 12.3, 80)
    assert 39 == len(progress.line("install Rust 1.95.0 with the standard library", 12.3, 40))
    assert "…: 12 s" in progress.line("install Rust 1.95.0 with the standard library", 12.3, 40)


def test_who_writes_meanwhile_takes_the_line_away(monkeypatch):
    """And nothing where none is drawn."""
    assert "" == progress.clear_line()
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "SILENT", 0.01)
    with progress.timer("compile cross git with cargo"):
        time.sleep(0.1)
        assert progress.CLEAR == progress.clear_line()
    assert "" == progress.clear_line()
