"""Pure: the arguments that users hand on to cargo, and those that are ours to set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..core.errors import RefusedArgument

OURS: Final[Mapping[str, str]] = {
    "--target": "name the target by the session, or with --target of the task",
    "--target-dir": "every route has a target folder of its own; the artifacts are also found in target/crosstasks/<triple>/",
    "--message-format": "the artifacts are read from cargo's JSON messages; `--format json` gives the result as JSON",
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
        name = argument.partition("=")[0]
        if name in OURS:
            problems.append(f"{argument!r}: {OURS[name]}")
        elif argument.startswith("+"):
            problems.append(f"{argument!r}: set `toolchain` in crosstasks.toml, or rust-toolchain.toml")
    if problems:
        raise RefusedArgument("these arguments are not handed to cargo", problems=problems)
    return tuple(arguments)


def _before_separator(arguments: Sequence[str]) -> Sequence[str]:
    """Leave out what follows ``--``: it is for the program or the test, not for cargo."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments
