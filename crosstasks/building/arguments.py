"""Pure: the arguments that users hand on to cargo, and those that are ours to set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..core.errors import RefusedArgument

OURS: Final[Mapping[str, str]] = {
    "--target": "name the target by the session, or with --target of the task",
    "--target-dir": "every route has a target folder of its own; the artifacts are also found in target/crosstasks/<triple>/",
    "--message-format": "the artifacts are read from cargo's JSON messages; `--format json` gives the result as JSON",
    "--manifest-path": "the workspace is the one that crosstasks was called for; -p names a package of it",
    "-C": "call crosstasks in that folder, or with --root",
    "-q": "cross would hide what it does as well; send stderr elsewhere instead",
    "--quiet": "cross would hide what it does as well; send stderr elsewhere instead",
}


def check(arguments: Sequence[str]) -> tuple[str, ...]:
    """
    Return the arguments for cargo as they are.

    Raises:
        RefusedArgument: one of them is ours to set; all of them are named, each with what to use instead.
    """
    problems = []
    for argument in _before_separator(arguments):
        names = [name for name in _names(argument) if name in OURS]
        if names:
            problems.append(f"{argument!r}: {OURS[names[0]]}")
        elif argument.startswith("+"):
            problems.append(f"{argument!r}: set `toolchain` in crosstasks.toml, or rust-toolchain.toml")
    if problems:
        raise RefusedArgument("these arguments are not handed to cargo", problems=problems)
    return tuple(arguments)


VALUED: Final = "CFZjp"
"""Cargo's short options that take a value: what follows them in the same word is that."""


def _names(argument: str) -> Sequence[str]:
    """Return the options that a word is: several short ones may stand in one, as in ``-rq``."""
    if not argument.startswith("-") or argument.startswith("--"):
        return (argument.partition("=")[0],)
    end = next((place for place, letter in enumerate(argument) if letter in VALUED), len(argument))
    return tuple(f"-{letter}" for letter in argument[1 : end + 1])


def _before_separator(arguments: Sequence[str]) -> Sequence[str]:
    """Leave out what follows ``--``: it is for the program or the test, not for cargo."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments
