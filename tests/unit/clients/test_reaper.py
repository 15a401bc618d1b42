"""What the reaper ends when its caller is killed, and when it ends nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from crosstasks.clients import reaper


def test_groups_that_are_not_over():
    """Only groups that have begun and are not over are ended, and half a line at the end is none."""
    assert reaper.groups("begun 7\nbegun 8\nover 7\n") == {8}
    assert reaper.groups("") == set()
    assert reaper.groups("begun 7\nbegun 12") == {7}
    assert reaper.groups("over 7\nother 8\n") == set()


@pytest.fixture
def acts(monkeypatch):
    """Keep what is ended, started and waited for, in order; container ``c`` is seen at the third look, and group 8 is gone."""
    acts, looks = [], iter((b"", b"", b"c\n", b""))

    def killpg(group, number):
        acts.append((signal.Signals(number).name, group))
        if group == 8:
            raise ProcessLookupError

    def run(argv, **_options):
        acts.append(tuple(argv))
        return SimpleNamespace(stdout=next(looks) if argv[1] == "ps" else b"")

    monkeypatch.setattr(os, "killpg", killpg)
    monkeypatch.setattr(time, "sleep", acts.append)
    monkeypatch.setattr(subprocess, "run", run)
    return acts


def told(monkeypatch, *chunks, engine="", label=""):
    """Run the program with these arguments, and with what comes through its pipe."""
    left = iter((*chunks, b""))
    monkeypatch.setattr(sys, "argv", ["reaper.py", engine, label])
    monkeypatch.setattr(os, "read", lambda _file, _most: next(left))
    reaper.main()


SEARCH = ("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=crosstasks.run=1")


def test_all_that_is_left_is_ended(monkeypatch, acts):
    """Asked first and killed after, groups before containers; a container that starts late is found by a later look."""
    told(monkeypatch, b"begun 7\nbegun 8\nbe", b"gun 9\nover 9\n", engine="docker", label="crosstasks.run=1")
    assert acts == [
        *(("SIGTERM", 8), ("SIGTERM", 7), 0.0, SEARCH, 0.5, SEARCH),
        *(("SIGKILL", 8), ("SIGKILL", 7), 1.0, SEARCH, ("docker", "rm", "--force", "--volumes", "c"), 2.0, SEARCH),
    ]


def test_a_caller_that_is_done_leaves_nothing(monkeypatch, acts):
    """The word ends the reaper, though groups have begun; without an engine containers are not looked for."""
    told(monkeypatch, b"begun 7\ndo", b"ne\n", engine="docker", label="crosstasks.run=1")
    assert acts == []
    told(monkeypatch, b"begun 7\n")
    assert acts == [("SIGTERM", 7), 0.0, 0.5, ("SIGKILL", 7), 1.0, 2.0]
