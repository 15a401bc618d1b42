"""Unit tests think: what would start, end or reach something raises instead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile

import pytest
from layers import MODULES, PACKAGE, word

DOORS = frozenset({"test_process"})
"""The door to programs is tested with programs."""

ACTIONS = (
    (subprocess.Popen, "__init__"),
    *((os, name) for name in ("system", "fork", "posix_spawn", "posix_spawnp", "execv", "execve", "kill", "killpg")),
    *((socket.socket, name) for name in ("connect", "connect_ex", "bind")),
    (socket, "getaddrinfo"),
)


@pytest.fixture(autouse=True)
def cannot_act(request, monkeypatch):
    """Keep a unit test from programs, signals and the network; signal 0 only asks whether there is a process."""
    if request.module.__name__.rpartition(".")[2] in DOORS:
        return
    for place, name in ACTIONS:
        monkeypatch.setattr(place, name, _refusal(name, getattr(place, name)))


def _refusal(name, act):
    def refuse(*arguments, **_options):
        if name == "kill" and arguments[1:] == (0,):
            return act(*arguments)
        raise AssertionError(f"a unit test wanted to act: {name}")

    return refuse


PURE = frozenset(str(path) for name, path in MODULES.items() if word(name) == "Pure")
"""The files of modules that say that they think."""

EVENTS = frozenset(
    {"open", "os.listdir", "os.scandir", "os.mkdir", "os.remove", "os.rename", "socket.connect", "subprocess.Popen", "os.system"}
)
"""What the interpreter tells before it acts (PEP 578)."""

OURS = (str(PACKAGE), sys.prefix, sys.base_prefix, os.path.dirname(os.__file__), "/usr/share/zoneinfo")
"""Data and modules of the package and of Python: whoever imports reads them."""


def _audit(event, arguments):
    """Refuse what a module does that says that it thinks: the nearest of ours on the stack is asked."""
    if event not in EVENTS or (arguments and str(arguments[0]).startswith(OURS)):
        return
    frame = sys._getframe(1)  # noqa: SLF001  # the interpreter offers no other way to ask who acts
    while frame and not frame.f_code.co_filename.startswith(str(PACKAGE)):
        # whoever imports has folders listed, wherever Python looks for modules
        if frame.f_code.co_filename.endswith("_pytest/assertion/rewrite.py") or "importlib" in frame.f_code.co_filename:
            return
        frame = frame.f_back
    if frame and frame.f_code.co_filename in PURE:
        raise AssertionError(f"{frame.f_code.co_filename} says that it is pure, and acts: {event} {arguments[:1]}")


WRITING = {
    "os.mkdir": (0, 2),
    "os.remove": (0, 1),
    "os.rmdir": (0, 1),
    "os.rename": (1, 3),
    "os.link": (1, 3),
    "os.symlink": (1, 2),
    "os.truncate": (0, None),
}
"""What the interpreter tells before it changes a file system: where the path stands among its arguments, and the folder that it is relative to."""

DECODE = os.fsdecode  # a test may put another in its place

CHANGING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Folders:
    """The folders that tests may write to while one runs; none is looked at before and between tests."""

    allowed: tuple[str, ...] = ()


@pytest.fixture(autouse=True)
def writes_nowhere_else(tmp_path_factory, monkeypatch):
    """Keep a unit test from files outside the folder that pytest gives it; temporary ones are made there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.getbasetemp()))
    Folders.allowed = (os.path.realpath(tmp_path_factory.getbasetemp()) + os.sep, os.devnull)
    yield
    Folders.allowed = ()


def _written(event, arguments):
    """Return the path that is about to be written, wherever the call is relative to; nothing if none is, or it cannot be known."""
    if event == "open":
        path, _mode, flags = arguments
        # os.open does not tell the folder that a path is relative to: it was opened before, by its own path
        return path if isinstance(path, str | bytes) and flags & CHANGING and os.path.isabs(path) else None
    place, folder = WRITING[event]
    base = arguments[folder] if folder is not None else -1
    path = os.fspath(arguments[place]) if not isinstance(arguments[place], int) else f"/proc/self/fd/{arguments[place]}"
    return os.path.join(os.readlink(f"/proc/self/fd/{base}"), DECODE(path)) if base is not None and base >= 0 else path


def _watch(event, arguments):
    """Refuse what a test writes outside its folder; Python's own compiled files are no work of it."""
    if not Folders.allowed or (event != "open" and event not in WRITING):
        return
    path = _written(event, arguments)
    if path is None or "__pycache__" in DECODE(path) or "hypothesis" in DECODE(path):
        return
    allowed, Folders.allowed = Folders.allowed, ()  # what is asked here is no event to look at
    try:
        folder, name = os.path.split(os.path.abspath(DECODE(path)))
        # the folder itself is opened for a temporary file without a name
        if not os.path.join(os.path.realpath(folder), name, "").startswith(allowed):
            raise AssertionError(f"a unit test wanted to write outside its folder: {event} {DECODE(path)}")
    finally:
        Folders.allowed = allowed


sys.addaudithook(_audit)
sys.addaudithook(_watch)
