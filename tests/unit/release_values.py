"""Programs that answer by how a command begins, for tests of releases."""

from __future__ import annotations

from crosstasks.core.steps import Done
from crosstasks.testing import FakeRunner


class Programs(FakeRunner):
    """As a FakeRunner, but an answer may be chosen by how a command begins, and may be worked out from the whole of it."""

    def __call__(self, argv, **more):
        command = tuple(argv)
        found = max((row for row in self._answers if command[: len(row)] == row), key=len, default=None)
        if found and (found != command or callable(self._answers[found])):
            answer = self._answers[found]
            self._answers = self._answers | {command: answer(command) if callable(answer) else answer}
        return super().__call__(argv, **more)


def failed(err, code=1, out=""):
    """A program that ends with an error."""
    return Done(argv=(), code=code, out=out, err=err)
