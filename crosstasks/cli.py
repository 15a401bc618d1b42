"""The program ``crosstasks``: the Invoke tasks, without a tasks.py."""

from __future__ import annotations

from invoke.config import Config
from invoke.program import Program

from . import __version__
from .invoke import collection


class _Config(Config):
    prefix = "crosstasks"


def program() -> Program:
    """Return the program."""
    return Program(name="crosstasks", binary="crosstasks", version=__version__, namespace=collection(root="."), config_class=_Config)


def main() -> None:
    """Run the program, and exit with its code."""
    program().run()
