"""Act: what cargo is told: the user's arguments, but those that are ours to set, and who starts a target's programs."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ..clients import engines, process
from ..core import files
from ..core.errors import RefusedArgument
from ..provisioning import wasi

if TYPE_CHECKING:
    from pathlib import Path

    from ..catalog.ingredients import Runner
    from ..context import Context
    from ..planning.route import Route


OURS: Final[Mapping[str, str]] = {
    "--target": "name the target by the session, or with --target of the task",
    "--target-dir": "every route has a target folder of its own; the artifacts are also found in target/crosstasks/<triple>/",
    "--message-format": "the artifacts are read from cargo's JSON messages; `--format json` gives the result as JSON",
    "--manifest-path": "the workspace is the one that crosstasks was called for; -p names a package of it",
    "-C": "call crosstasks in that folder; in a noxfile, `register(root=…)` names it",
    "-q": "cross would hide what it does as well; send stderr elsewhere instead",
    "--quiet": "cross would hide what it does as well; send stderr elsewhere instead",
}


def check(arguments: Sequence[str], ours: Mapping[str, str] = OURS) -> tuple[str, ...]:
    """Return the arguments for cargo as they are.

    Raises:
        RefusedArgument: one of them is ours to set; all of them are named, each with what to use instead.
    """
    problems = []
    for argument in before_separator(arguments):
        names = [name for name in _names(argument) if name in ours]
        if names:
            problems.append(f"{argument!r}: {ours[names[0]]}")
        elif argument.startswith("+"):
            problems.append(f"{argument!r}: set `toolchain` in crosstasks.toml, or rust-toolchain.toml")
    if problems:
        raise RefusedArgument("these arguments are not handed to cargo", problems=problems)
    return tuple(arguments)


VALUE_OPTIONS: Final = "CFZjp"
"""Cargo's short options that take a value: what follows them in the same word is that."""


def _names(argument: str) -> Sequence[str]:
    """Return the options that a word is: several short ones may stand in one, as in ``-rq``."""
    if not argument.startswith("-") or argument.startswith("--"):
        return (argument.partition("=")[0],)
    end = next((place for place, letter in enumerate(argument) if letter in VALUE_OPTIONS), len(argument))
    return tuple(f"-{letter}" for letter in argument[1 : end + 1])


def before_separator(arguments: Sequence[str]) -> Sequence[str]:
    """Leave out what follows ``--``: it is for the program or the test, not for cargo."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


PROGRAM_VARIABLES: Final = (*(f"{begin}[A-Z_]*" for begin in wasi.VARIABLES), "CARGO_BIN_EXE_[^=]*")
"""The variables that a program in a container is given: those of one that wasmtime runs, and where the package's other programs are."""


@contextmanager
def starter(route: Route, target_dir: Path, context: Context) -> Iterator[tuple[tuple[str, ...], process.Owner | None]]:
    """Give what cargo is told, and whose containers end with it; what is made for this run is removed afterwards."""
    runner = route.runner
    if runner is None:
        yield (), None
    elif runner.kind == "container":
        run_id = files.unique_name()
        with engines.run_folder(context.cache, run_id) as folder, engines.reap_containers(context.engine.command, run_id) as end:
            path = folder / "start"
            variables = context.config.target(route.target).env_pass
            files.write(path, script(runner, run_id, (context.repository.root, str(target_dir)), context, variables))
            path.chmod(0o755)
            yield _runner_option(route.target, (str(path),)), end
    else:
        words = (sys.executable, "-I", wasi.__file__, *runner.words) if runner.kind == "wasmtime" else runner.words
        yield _runner_option(route.target, words), None


def _runner_option(triple: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the argument that lets cargo put words before each program; a list, since a path may hold spaces."""
    return (f"--config=target.{json.dumps(triple)}.runner={json.dumps(list(words))}",)


def script(runner: Runner, run_id: str, folders: Sequence[str], context: Context, variables: Sequence[str] = ()) -> str:
    """Return the program that starts others in a container: it sees *folders* where they are here, and the working folder is the same.

    It is given *variables*, with the values that they have here.
    """
    engine = context.engine
    label = ":z" if engine.selinux else ""
    options = [f"--label={text}" for text in engines.labels(run_id)]
    options += [f"--volume={folder}:{folder}{label}" for folder in dict.fromkeys(folders)]
    options += [f"--env={variable}" for variable in variables]
    options += [f"--platform={engine.platform}", "--tmpfs=/tmp:exec,mode=1777"]
    expression = "s/^\\(" + "\\|".join(PROGRAM_VARIABLES) + "\\)=.*/--env=\\1/p"
    user = "" if engine.rootless else '--user="$(id -u):$(id -g)" '
    return f"""#!/bin/sh
# starts a program in a container: made by crosstasks for one run, see its building/arguments.py
names=$(env | sed -n {shlex.quote(expression)})
# shellcheck disable=SC2086
exec {shlex.quote(engine.command)} run --rm --init --interactive {shlex.join(options)} {user}--workdir="$PWD" $names \\
    {shlex.join((runner.image, *runner.words))} "$@"
"""
