"""What a place to publish to has, or is to get, and how all of them ask programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from ...core.errors import CrosstasksError, ToolMissing
from ...core.steps import Done, Step

if TYPE_CHECKING:
    from .context import Context


class Action(Struct, frozen=True, kw_only=True):
    """One thing that a place has, or is to get: *done* if it is there, else by *step*.

    A step of the call ``copy`` is ours; all others are programs. *note* tells more of what is there.
    """

    what: str
    done: bool = False
    step: Step | None = None
    note: str = ""


def differs(name: str, why: str = "") -> CrosstasksError:
    """Return the error of what is published already, and is not what would be."""
    hint = "what others may have is never replaced: release a new version, or remove it there"
    return CrosstasksError(f"{name} is published already, and differs", why=why, hint=hint)


def ask(context: Context, argv: Sequence[str], cwd: str = "") -> Done:
    """
    Run a program in the workspace, or in *cwd*.

    Raises:
        ToolMissing: it is not there; the hint tells where it is to be had.
    """
    try:
        return context.work.run(tuple(argv), cwd=cwd or str(context.root))
    except ToolMissing as error:
        hint = "https://cli.github.com" if argv[0] == "gh" else "https://rustup.rs"
        raise ToolMissing(error.what, why=error.why, hint=hint) from error
