"""Tell: how long something takes that says nothing itself, such as pip, rustup and a compiler whose output is captured."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SILENT: Final = 2.0
"""Seconds after which a terminal shows that something goes on."""

LOG: Final = 30.0
"""Seconds between two lines of a log, which cannot be written over."""


@contextmanager
def shown(words: str) -> Iterator[None]:
    """Show the words, and the seconds since they began: on a terminal in one line that is gone at the end, in a log now and then."""
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb" if sys.stderr else False
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(words, done, terminal), daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _watch(words: str, done: threading.Event, terminal: bool) -> None:  # noqa: FBT001
    began = time.monotonic()
    wait, every, lines = (SILENT, 1.0, False) if terminal else (LOG, LOG, False)
    while not done.wait(wait):
        _write(f"\r  {words}: {time.monotonic() - began:.0f} s\x1b[K" if terminal else f"  {words}: {time.monotonic() - began:.0f} s\n")
        wait, lines = every, True
    if terminal and lines:
        _write("\r\x1b[K")


def _write(text: str) -> None:
    if sys.stderr:
        sys.stderr.write(text)
        sys.stderr.flush()
