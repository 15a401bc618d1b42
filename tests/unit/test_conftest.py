"""Unit tests cannot act: this is what happens when one tries."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import pytest


def connect(address):
    with socket.socket() as door:
        door.connect(address)


@pytest.mark.parametrize(
    "act",
    [
        lambda: subprocess.run(("true",), check=False),
        lambda: subprocess.Popen(("true",)),
        lambda: os.system("true"),  # noqa: S605
        lambda: os.fork(),  # noqa: PLW0108 - looked up when it is called
        lambda: os.kill(os.getpid(), signal.SIGCONT),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: connect(("127.0.0.1", 9)),
    ],
)
def test_a_unit_test_cannot_act(act):
    """Programs, signals and sockets raise, before anything happens."""
    with pytest.raises(AssertionError, match="wanted to act"):
        act()
