"""Tell: how long something takes that says nothing itself, such as pip, rustup and a compiler whose output is captured."""

from __future__ import annotations

import os
import shutil
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


CLEAR: Final = "\r\x1b[K"
_drawn = threading.Event()


def cleared() -> str:
    """Return what takes the line away that is drawn now, for whoever writes another."""
    return CLEAR if _drawn.is_set() else ""


def line(words: str, seconds: float, width: int) -> str:
    """Return the line, no wider than a terminal: one that is broken cannot be written over."""
    after = f": {seconds:.0f} s"
    room = width - len(after) - 3
    return f"  {words if len(words) <= room else f'{words[: room - 1]}…'}{after}"


def _watch(words: str, done: threading.Event, terminal: bool) -> None:  # noqa: FBT001
    began, wait = time.monotonic(), SILENT if terminal else LOG
    while not done.wait(wait):
        text = line(words, time.monotonic() - began, shutil.get_terminal_size((80, 24)).columns if terminal else 200)
        if terminal:
            _drawn.set()
        _write(f"{CLEAR}{text}" if terminal else f"{text}\n")
        wait = 1.0 if terminal else LOG
    _write(cleared())
    _drawn.clear()


def _write(text: str) -> None:
    if sys.stderr:
        sys.stderr.write(text)
        sys.stderr.flush()
