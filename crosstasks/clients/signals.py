"""Signals, taken only where what they interrupt can be ended."""

from __future__ import annotations

import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from ..core.errors import Interrupted

if TYPE_CHECKING:
    from types import FrameType, TracebackType


class Asked(BaseException):
    """A signal came while it could be taken."""


class Signals:
    """
    While it is entered, signals wait until ``check()``; only within ``raised()`` they strike at once. At its end they are ``Interrupted``.

    So none comes between starting a program and being ready to end it, or where a lock would stay taken. What ignores a signal
    (nohup) goes on doing so;
    a handler of the caller's own is called when the program has been ended. Only a main thread can have handlers.
    """

    def __init__(self, deaf: Collection[int] = ()) -> None:
        """Change nothing yet; signals that are *deaf* do not even wait."""
        self.deaf = deaf
        self.before: dict[signal.Signals, Any] = {}
        self.came: list[int] = []
        self.raising = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                before = signal.getsignal(number)
                if before not in {None, signal.SIG_IGN}:
                    self.before[number] = before
                    signal.signal(number, self._note)
        return self

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number in self.deaf:
            return
        self.came.append(number)
        if self.raising:
            self.raising = False
            raise Asked

    def check(self) -> None:
        """Raise if a signal has come."""
        if self.came:
            raise Asked

    @contextmanager
    def raised(self) -> Iterator[None]:
        """Let a signal end the block, also one that has come already."""
        try:
            self.raising = True
            self.check()
            yield
        finally:
            self.raising = False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.raising = False
        for number, before in reversed(self.before.items()):  # SIGINT last: from then on it raises
            signal.signal(number, before)
        if not self.came:
            return
        number = signal.Signals(self.came[0])
        theirs = self.before[number]
        if callable(theirs) and theirs is not signal.default_int_handler:
            theirs(number, None)
        what = "interrupted" if number == signal.SIGINT else f"ended by {number.name}"
        raise Interrupted(what, hint="what was half done is taken up again by the next call") from None
