"""The program ``crosstasks``, which is ``python -m crosstasks`` as well: the Invoke tasks, without a tasks.py."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from . import parts

if sys.argv[1:2] in (["vendor"], ["tools.vendor"]) and parts.missing():
    from .extras.maintenance import vendoring

    raise SystemExit(vendoring.main(sys.argv[2:]))  # a copy can be made with Python alone

parts.check()  # before a library is imported that may not be there

from invoke.config import Config  # noqa: E402
from invoke.exceptions import Exit, ParseError  # noqa: E402
from invoke.parser.argument import Argument  # noqa: E402
from invoke.program import Program  # noqa: E402

from .catalog import targets  # noqa: E402
from .core.about import __version__  # noqa: E402
from .core.errors import ConfigError, CrosstasksError  # noqa: E402
from .invoke import collection  # noqa: E402
from .reporting import streams  # noqa: E402
from .tasks import ALIASES, building  # noqa: E402

INVOKE_OPTIONS: Final = {"command-timeout", "config", "dry", "echo", "hide", "prompt-for-sudo-password", "pty", "warn-only"}
"""Options of Invoke for what tasks give to a shell: ours give nothing to one."""


class _Config(Config):
    prefix = "crosstasks"


class _Program(Program):
    """Invoke's program, whose usage errors end with our exit code for them, and which says nothing of shells."""

    def normalize_argv(self, argv: list[str] | None) -> None:
        """Understand the former names of tasks, which no list shows; the task is the first word that is no option."""
        super().normalize_argv(argv)
        self.argv = list(self.argv)
        for place, word in enumerate(self.argv):
            if place and not word.startswith("-"):
                self.argv[place] = ALIASES.get(word, word)
                return

    def core_args(self) -> list[Argument]:
        return [argument for argument in super().core_args() if argument.name not in INVOKE_OPTIONS]

    def update_config(self, merge: bool = True) -> None:  # noqa: FBT001, FBT002
        """Take nothing from the options that there are not."""
        if merge:
            self.config.merge()

    def parse_core(self, argv: list[str] | None) -> None:
        with _usage():
            super().parse_core(argv)

    def parse_tasks(self) -> None:
        with _usage():
            super().parse_tasks()

    def parse_cleanup(self) -> None:
        if self.args.complete.value and (names := _completions(shlex.split(self.core.remainder))):
            print("\n".join(names))  # noqa: T201
            raise Exit
        with _usage():
            super().parse_cleanup()


@contextmanager
def _usage() -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        message = str(error)
        text = f"error: {message[:1].lower()}{message[1:]}\nhint: {_hint(message, sys.argv[1:])}"
        raise Exit(text, code=ConfigError.code) from error


CARGO: Final = (*building.CARGO, "release", "release.build", "release.all")
"""Tasks that hand to cargo what follows ``--``."""


def _hint(message: str, words: Sequence[str]) -> str:
    """Return what to type instead of the word that the message quotes."""
    word = message.split("'")[1] if "'" in message else ""
    task = next((name for name in words if not name.startswith("-")), "")
    if ALIASES.get(task, task) in CARGO and word.startswith("-") and word in words[1:]:
        return f"if {word} is cargo's it follows `--`: crosstasks {task} -- {word}; `crosstasks {task} --help` lists our own options"
    if task and task != word and word in targets.names():
        return f"crosstasks {task} --target {word}"
    return "`crosstasks --help` lists all"


def _completions(words: Sequence[str]) -> tuple[str, ...]:
    """Return the names that can follow ``--target``: those that are configured, else all of the catalogue."""
    from .config import configuration

    if not {"--target", "-t"} & set(words[-2:]):
        return ()
    try:
        triples: Sequence[str] = configuration.load(Path.cwd(), environ=os.environ).targets
    except CrosstasksError:
        triples = ()
    catalogue = targets.catalogue()  # now with those that files of the configuration describe
    return tuple(targets.alias(catalogue[triple]) for triple in triples or catalogue)


def program() -> Program:
    """Return the program."""
    tasks = collection(root=Path.cwd())
    return _Program(name="crosstasks", binary="crosstasks", version=__version__, namespace=tasks, config_class=_Config)


def main() -> None:
    """Run the program, and exit with its code; without a word if the reader of a pipe has gone, as ``head`` does."""
    with streams.quiet_pipe():
        program().run()


if __name__ == "__main__":
    main()
