"""The program ``crosstasks``, which is ``python -m crosstasks`` as well: the Invoke tasks, without a tasks.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from invoke.config import Config
from invoke.exceptions import Exit, ParseError
from invoke.parser.argument import Argument
from invoke.program import Program

from .core.about import __version__
from .core.errors import ConfigError
from .invoke import collection

UNUSED: Final = {"command-timeout", "config", "dry", "echo", "hide", "prompt-for-sudo-password", "pty", "warn-only"}
"""Options of Invoke for what tasks give to a shell: ours give nothing to one."""


class _Config(Config):
    prefix = "crosstasks"


class _Program(Program):
    """Invoke's program, whose usage errors end with our exit code for them, and which says nothing of shells."""

    def core_args(self) -> list[Argument]:
        return [argument for argument in super().core_args() if argument.name not in UNUSED]

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
        with _usage():
            super().parse_cleanup()


@contextmanager
def _usage() -> Iterator[None]:
    try:
        yield
    except ParseError as error:
        message = str(error)
        raise Exit(f"error: {message[:1].lower()}{message[1:]}\nhint: `crosstasks --help` lists all", code=ConfigError.code) from error


def program() -> Program:
    """Return the program."""
    return _Program(
        name="crosstasks", binary="crosstasks", version=__version__, namespace=collection(root=Path.cwd()), config_class=_Config
    )


def main() -> None:
    """Run the program, and exit with its code."""
    program().run()


if __name__ == "__main__":
    main()
