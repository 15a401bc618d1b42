"""Rows for people."""

from __future__ import annotations

from io import StringIO

from crosstasks.reporting.progress import align


def test_columns_stand_below_each_other():
    """Each column is as wide as its widest cell, and no line ends in spaces."""
    assert align([("target", "glibc", ""), ("aarch64", "2.17", "x")]) == "target   glibc\naarch64  2.17   x"


class Terminal(StringIO):
    """A stream that says it is one."""

    def isatty(self):
        return True


def test_a_terminal_that_is_narrower_breaks_no_word(monkeypatch):
    """A cell goes on below itself; what is coloured is as wide as it looks, and its colour goes on with it."""
    rows = [("ok", "host", "linux, glibc 2.36 of Debian"), ("\x1b[1mNO\x1b[0m", "a-name", ""), ("", "", "\x1b[2mfix: call it again\x1b[0m")]
    wide = "ok  host    linux, glibc 2.36 of Debian\n\x1b[1mNO\x1b[0m  a-name\n            \x1b[2mfix: call it again\x1b[0m"
    assert wide == align(rows)
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "39")
    assert wide == align(rows)
    monkeypatch.setenv("COLUMNS", "26")
    assert align(rows).splitlines() == [
        "ok  host    linux, glibc",
        "            2.36 of Debian",
        "\x1b[1mNO\x1b[0m  a-name",
        "            \x1b[2mfix: call it\x1b[0m",
        "            \x1b[2magain\x1b[0m",
    ]
    monkeypatch.setenv("COLUMNS", "17")
    assert wide == align(rows)
