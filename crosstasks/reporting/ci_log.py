"""Pure: what the logs of CI services understand: folds, annotations, the table of a step summary, GitLab's code quality.

GitHub: docs.github.com, "Workflow commands for GitHub Actions". GitLab: docs.gitlab.com, "Custom collapsible sections",
"Code Quality report format".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..facts.host import ci

if TYPE_CHECKING:
    from ..building.artifacts import Diagnostic
    from ..core.results import Result

REPORT: Final = "CROSSTASKS_REPORT"
QUALITY: Final = "CROSSTASKS_CODE_QUALITY"
"""Variables that name the files to write."""


class _Fold(NamedTuple):
    """The line that begins a fold, of its id, title and time, and the one that ends it."""

    begin: Callable[[str, str, int], str]
    end: Callable[[str, int], str]


_FOLDS: Final[Mapping[str, _Fold]] = {
    "github": _Fold(lambda _id, title, _time: f"::group::{title}", lambda _id, _time: "::endgroup::"),
    "gitlab": _Fold(
        lambda name, title, time: f"\x1b[0Ksection_start:{time}:{name}\r\x1b[0K{title}",
        lambda name, time: f"\x1b[0Ksection_end:{time}:{name}\r\x1b[0K",
    ),
}
"""By service; others have none."""


def diagnosed(environ: Mapping[str, str]) -> bool:
    """Tell whether the compiler's messages are wanted as data: a service shows them, or a file is to hold them."""
    return ci(environ) == "github" or bool(environ.get(REPORT) or environ.get(QUALITY))


def begin(triple: str, verb: str, environ: Mapping[str, str], time: int) -> str:
    """Return the line that begins a target's fold, empty where there are none."""
    fold = _FOLDS.get(ci(environ))
    return fold.begin(_id(triple, verb), f"{verb} {triple}", time) if fold else ""


def end(triple: str, verb: str, environ: Mapping[str, str], time: int) -> str:
    """Return the line that ends it."""
    fold = _FOLDS.get(ci(environ))
    return fold.end(_id(triple, verb), time) if fold else ""


def _id(triple: str, verb: str) -> str:
    return f"crosstasks_{verb}_{triple}"


def annotated(results: Iterable[Result], root: str, top: str) -> Iterable[str]:
    """
    Return GitHub's annotations: the compiler's errors; for what failed otherwise our own.

    Args:
        results: of targets.
        root: the folder that the compiler's paths begin at.
        top: that of the repository, which an annotation's begin at.
    """
    for result in results:
        errors = [said for said in result.diagnostics if said.level == "error" and not _total(said)]
        for said in errors:
            title = f"error{f'[{said.code}]' if said.code else ''} ({result.target})"
            yield _annotation({**_place(said, root, top), "title": title}, said.message)
        if result.error and not errors:
            yield _annotation({"title": f"{result.verb} {result.target}"}, result.error)


def _total(said: Diagnostic) -> bool:
    """Tell whether the compiler only counts what it has said already."""
    return not said.path and said.message.startswith("aborting due to")


def _place(said: Diagnostic, root: str, top: str) -> Mapping[str, Any]:
    path = inside(said.path, root, top)
    return {"file": path, "line": said.line, "endLine": said.end_line, "col": said.column} if path else {}


def inside(path: str, root: str, top: str) -> str:
    """Return the compiler's path as the repository has it, empty if it lies outside."""
    whole = Path(root, path)
    return whole.relative_to(top).as_posix() if path and top and whole.is_relative_to(top) else ""


def _annotation(properties: Mapping[str, Any], message: str) -> str:
    listed = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::error {listed}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


HEAD: Final = "| target | | route | time | artifact | size | SHA-256 | turns |"


def summary(results: Sequence[Result], before: str) -> str:
    """Return what a step summary is given: a table, or more rows of the one that it ends with."""
    continues = HEAD in before and before.rstrip("\n").rpartition("\n")[2].startswith("| ")
    head = "" if continues else f"{chr(10) if before else ''}### crosstasks\n\n{HEAD}\n|{' --- |' * 8}\n"
    return head + "".join(f"| {' | '.join(map(_cell, row))} |\n" for result in results for row in _rows(result))


def _rows(result: Result) -> Iterable[Sequence[str]]:
    from .report import size

    how = f"❌ {result.verb}: {result.error.partition(chr(10))[0]}" if result.error else f"✅ {result.verb}"
    first = (f"`{result.target}`", how, result.route, f"{result.seconds:.1f} s")
    turns = "; ".join(f"{turn.route}: {turn.what}" for turn in result.turns)
    files = [(f"`{Path(one.path).name}`", size(one.size), f"`{one.sha256}`") for one in result.artifacts] or [("", "", "")]
    yield (*first, *files[0], turns)
    for more in files[1:]:
        yield ("", "", "", "", *more, "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def quality(results: Iterable[Result], root: str, top: str) -> list[Mapping[str, Any]]:
    """Return GitLab's code quality report: errors and warnings with a place, each once for all targets."""
    found: dict[str, Mapping[str, Any]] = {}
    for said in (said for result in results for said in result.diagnostics):
        path = inside(said.path, root, top)
        if path:
            key = hashlib.sha256("\0".join((said.level, said.code, path, str(said.line), said.message)).encode()).hexdigest()
            found[key] = {
                "description": said.message,
                "check_name": said.code or "rustc",
                "fingerprint": key,
                "severity": "major" if said.level == "error" else "minor",
                "location": {"path": path, "lines": {"begin": said.line}},
            }
    return list(found.values())
