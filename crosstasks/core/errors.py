"""Pure: every way to fail, one exit code each.

::

    CrosstasksError              1
    |- BuildFailed               1   cargo, a test or a packaged program failed
    |- ConfigError               2   crosstasks.toml, an option, an unknown target
    |  `- RefusedArgument        2   a cargo argument that is ours to set
    |- DiskFull                  1   no other route would need less
    |- NothingSelected           3
    |- NoRoute                   4   no possible way to build the target here
    |- ToolMissing               5   cross, a toolchain, a program could not be provided
    |  `- ToolDamaged            5   it was there, and is no longer what was installed
    |- VerificationFailed        6   the artifact is not what was asked for
    |- EngineFailed              7
    |- EmulationFailed           8
    |- ImageFailed               9
    |  `- UnknownRegistry        9   its name leads to no machine
    `- TimedOut                130   a time limit of the configuration

    KeyboardInterrupt
    `- Interrupted             130   by the user: what catches errors does not catch it
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from .steps import Diagnostic, Failure, Step


@cache  # what only lists sessions compiles no pattern
def _control() -> re.Pattern[str]:
    """Return what moves the cursor, rings, sets titles, or turns the direction of writing; tabs and ends of lines stay."""
    return re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _by_colours(text: str) -> list[str]:
    """Take a text apart: every second part is a change of colour."""
    return re.split(r"(\x1b\[[0-9;]{0,20}m)", text)


def harmless(text: str) -> str:
    """Return text for a terminal: colours stay, and every other control character is shown as what it is."""
    if not _control().search(text):
        return text
    parts = _by_colours(text.replace("\r\n", "\n"))
    return "".join(part if place % 2 else _control().sub(lambda match: f"\\x{ord(match[0]):02x}", part) for place, part in enumerate(parts))


def without_colours(text: str) -> str:
    """Return text as it looks where there are none."""
    return "".join(_by_colours(text)[::2])


SHAPE: Final = (TypeError, AttributeError, KeyError, IndexError, ValueError, RecursionError)
"""What Python raises where others wrote a list in place of a table, a number in place of a name, or nested both without an end."""


class CrosstasksError(Exception):
    """Say *what* failed, *why*, and in *hint* the next thing to do."""

    code: ClassVar[int] = 1

    def __init__(self, what: str, *, why: str = "", hint: str = "") -> None:
        """Keep the three parts; ``str()`` of the error is all of them, one a line. The pipeline adds what came before it."""
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint
        self.step: Step | None = None
        self.route = ""
        self.failures: tuple[Failure, ...] = ()

    def __str__(self) -> str:
        parts = (self.what, self.why, self.hint and f"hint: {self.hint}")
        return harmless("\n".join(part for part in parts if part))


class BuildFailed(CrosstasksError):
    """Cargo compiled or tested, and the answer was no; *diagnostics* are the compiler's, if they came as messages."""

    diagnostics: Sequence[Diagnostic] = ()


class ConfigError(CrosstasksError):
    """Something the user wrote cannot be understood; *problems* lists all of it."""

    code = 2

    def __init__(self, what: str, *, problems: Sequence[str] = (), why: str = "", hint: str = "") -> None:
        """Join *problems*, one a line, below *what*."""
        super().__init__(what, why="\n".join((*problems, *filter(None, [why]))), hint=hint)
        self.problems = tuple(problems)


class RefusedArgument(ConfigError):
    """A cargo argument that crosstasks itself must set."""


class DiskFull(CrosstasksError):
    """A disk has no room left, or a quota is used up."""


class NothingSelected(CrosstasksError):
    """No target is left to work on."""

    code = 3


class NoRoute(CrosstasksError):
    """Every route to the target is refused; *reason* is, of all reasons, that of the route which is made for such a target."""

    code = 4
    reason = ""


class ToolMissing(CrosstasksError):
    """A program or toolchain is not there and could not be provided."""

    code = 5


class ToolDamaged(ToolMissing):
    """Files in our cache were not what had been installed; they have been removed, and the next call makes them anew."""


class VerificationFailed(CrosstasksError):
    """An artifact is not what its target promises."""

    code = 6


class EngineFailed(CrosstasksError):
    """The container engine does not answer, or refused."""

    code = 7


class EmulationFailed(CrosstasksError):
    """Foreign programs cannot be run here."""

    code = 8


class ImageFailed(CrosstasksError):
    """An image could not be found, pulled or built."""

    code = 9


class UnknownRegistry(ImageFailed):
    """The name of a registry leads to no machine, as on a network without one."""


class TimedOut(CrosstasksError):
    """A time limit ended the work; what else is to be done may go on."""

    code = 130


class Interrupted(KeyboardInterrupt):
    """The user ended the work, by Ctrl-C or another signal: *what* happened, and in *hint* what is left."""

    code: ClassVar[int] = 130

    def __init__(self, what: str, *, hint: str = "") -> None:
        """Keep both; ``str()`` of it is one a line."""
        super().__init__("\n".join(filter(None, (what, hint and f"hint: {hint}"))))
        self.what = what
        self.hint = hint
