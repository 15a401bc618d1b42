"""Unit tests cannot act: this is what happens when one tries."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

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


@pytest.mark.parametrize(
    "act",
    [
        lambda outside: (outside / "file").write_text(""),
        lambda outside: os.close(os.open(outside / "file", os.O_WRONLY | os.O_CREAT)),
        lambda outside: (outside / "folder").mkdir(),
        lambda outside: (outside / "link").symlink_to("file"),
        lambda outside: os.unlink("file", dir_fd=os.open(outside, os.O_RDONLY)),
    ],
)
def test_a_unit_test_cannot_write_outside_its_folder(act, tmp_path):
    """Files, folders and links, also below an open folder."""
    with pytest.raises(AssertionError, match="wanted to write outside its folder"):
        act(Path("/tmp"))
    (tmp_path / "inside").write_text("")
