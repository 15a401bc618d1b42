"""Unit tests think: what would start, end or reach something raises instead."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

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
    """Keep a unit test from programs, signals and the network."""
    if request.module.__name__.rpartition(".")[2] in DOORS:
        return
    for place, name in ACTIONS:
        monkeypatch.setattr(place, name, _refusal(name))


def _refusal(name):
    def refuse(*_arguments, **_options):
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


sys.addaudithook(_audit)
