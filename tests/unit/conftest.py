"""Unit tests think: what would start, end or reach something raises instead."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest

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
