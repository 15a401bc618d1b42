"""Every way to fail, and what users see of it."""

from __future__ import annotations

import re

import pytest

from crosstasks.core import errors
from crosstasks.core.errors import ConfigError, CrosstasksError, Interrupted


def tree(kind: type[CrosstasksError] = CrosstasksError) -> dict[str, int]:
    below = {name: code for child in kind.__subclasses__() if child.__module__ == errors.__name__ for name, code in tree(child).items()}
    return {kind.__name__: kind.code} | below


CODES = {
    "CrosstasksError": 1,
    "BuildFailed": 1,
    "DiskFull": 1,
    "ConfigError": 2,
    "RefusedArgument": 2,
    "NothingSelected": 3,
    "NoRoute": 4,
    "ToolMissing": 5,
    "VerificationFailed": 6,
    "EngineFailed": 7,
    "EmulationFailed": 8,
    "ImageFailed": 9,
    "TimedOut": 130,
    "Interrupted": 130,
}


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_each_error_has_its_exit_code(name, code):
    """The codes are part of the interface: scripts read them."""
    assert getattr(errors, name).code == code


def test_the_drawn_tree_is_the_tree():
    """The tree on top of the module shows every error with its code, and nothing else."""
    drawn = re.findall(r"^\W*(\w+) +(\d+)(?: |$)", errors.__doc__.partition("::")[2], flags=re.MULTILINE)
    assert {name: int(code) for name, code in drawn if name != "KeyboardInterrupt"} == tree() | {"Interrupted": Interrupted.code}


def test_nothing_that_catches_errors_catches_an_interrupt():
    """Ctrl-C is no fact, no finding and no result: it goes through every ``except CrosstasksError`` and ``except Exception``."""
    assert not issubclass(Interrupted, Exception)
    assert issubclass(Interrupted, KeyboardInterrupt)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CrosstasksError("it broke"), "it broke"),
        (CrosstasksError("it broke", why="it was old", hint="buy another"), "it broke\nit was old\nhint: buy another"),
        (CrosstasksError("it broke", hint="buy another"), "it broke\nhint: buy another"),
        (Interrupted("interrupted"), "interrupted"),
        (Interrupted("interrupted", hint="call again"), "interrupted\nhint: call again"),
        (
            ConfigError("it is wrong", problems=["a: no", "b: no"], why="twice", hint="see c"),
            "it is wrong\na: no\nb: no\ntwice\nhint: see c",
        ),
    ],
)
def test_an_error_says_what_why_and_what_next(error, text):
    """Each on a line of its own; what there is not, takes none."""
    assert str(error) == text


def test_problems_are_kept_one_by_one():
    """Front ends annotate each where it stands."""
    assert ConfigError("it is wrong", problems=["a", "b"]).problems == ("a", "b")
