"""Pure: how targets went: what front ends show, and reports hold."""

from __future__ import annotations

from msgspec import Struct

from .artifacts import Artifact, Diagnostic
from .errors import BuildFailed, CrosstasksError
from .steps import Failure, Verb


class Result(Struct, frozen=True, kw_only=True):
    """How one target went.

    Attributes:
        route: the name of the one that was taken, or failed last; empty if there was none.
        turns: the routes that failed before it, each with its reason.
        artifacts: what was built, at the stable paths.
        error: empty, or what went wrong; *code* is its exit code.
        diagnostics: the compiler's, where they are asked for: in CI, and for a report.
    """

    target: str
    verb: Verb
    route: str = ""
    turns: tuple[Failure, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    seconds: float = 0.0
    error: str = ""
    code: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


def failed(triple: str, verb: Verb, error: CrosstasksError, seconds: float) -> Result:
    """Return how a target went that ended in an error."""
    said = tuple(error.diagnostics) if isinstance(error, BuildFailed) else ()
    return Result(
        target=triple,
        verb=verb,
        route=error.route,
        turns=error.turns,
        seconds=seconds,
        error=str(error),
        code=error.code,
        diagnostics=said,
    )
