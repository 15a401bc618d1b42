"""Tell: CI services and other tools how targets went: folds and annotations in the log, a step summary, files.

GitHub: docs.github.com, "Workflow commands for GitHub Actions". GitLab: docs.gitlab.com, "Custom collapsible sections",
"Code Quality report format".

Of a run of several sessions in one process, the files hold all; of an earlier process nothing stays in them.
"""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..core import files
from ..core.about import SCHEMA_VERSION, __version__
from ..core.errors import ConfigError
from ..core.results import Result
from ..facts.host import ci
from ..project import manifest

if TYPE_CHECKING:
    from ..context import Context

REPORT: Final = "CROSSTASKS_REPORT"

QUALITY: Final = "CROSSTASKS_CODE_QUALITY"
"""Variables that name the files to write."""


_FOLDS: Final[Mapping[str, tuple[str, str]]] = {
    "github": ("::group::{title}", "::endgroup::"),
    "gitlab": ("\x1b[0Ksection_start:{time}:{id}\r\x1b[0K{title}", "\x1b[0Ksection_end:{time}:{id}\r\x1b[0K"),
}
"""The lines that begin and end a fold, by service; others have none."""


def wants_diagnostics(environ: Mapping[str, str]) -> bool:
    """Tell whether the compiler's messages are wanted as data: a service shows them, or a file is to hold them."""
    return ci(environ) == "github" or bool(environ.get(REPORT) or environ.get(QUALITY))


def github_annotations(results: Iterable[Result], root: str, top: str) -> Iterable[str]:
    """Return GitHub's annotations: the compiler's errors; for what failed otherwise our own.

    Args:
        results: of targets.
        root: the folder that the compiler's paths begin at.
        top: that of the repository, which an annotation's begin at.
    """
    for result in results:
        # without a path the compiler may only count what it has said already
        errors = [one for one in result.diagnostics if one.level == "error" and (one.path or not one.message.startswith("aborting due to"))]
        for one in errors:
            title = f"error{f'[{one.code}]' if one.code else ''} ({result.target})"
            path = inside(one.path, root, top)
            place = {"file": path, "line": one.line, "endLine": one.end_line, "col": one.column} if path else {}
            yield _annotation({**place, "title": title}, one.message)
        if result.error and not errors:
            yield _annotation({"title": f"{result.verb} {result.target}"}, result.error)


def inside(path: str, root: str, top: str) -> str:
    """Return the compiler's path as the repository has it, empty if it lies outside."""
    whole = Path(root, path)
    return whole.relative_to(top).as_posix() if path and top and whole.is_relative_to(top) else ""


def _annotation(properties: Mapping[str, Any], message: str) -> str:
    listed = ",".join(f"{key}={_escape(str(value)).replace(':', '%3A').replace(',', '%2C')}" for key, value in properties.items())
    return f"::error {listed}::{_escape(message)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


HEAD: Final = "| target | | route | time | artifact | size | glibc | SHA-256 | routes that failed, or were refused |"


def summary(results: Sequence[Result], before: str) -> str:
    """Return what a step summary is given: a table, or more rows of the one that it ends with."""
    continues = HEAD in before and before.rstrip("\n").rpartition("\n")[2].startswith("| ")
    head = "" if continues else f"{chr(10) if before else ''}### crosstasks\n\n{HEAD}\n|{' --- |' * 9}\n"
    return head + "".join(f"| {' | '.join(map(_cell, row))} |\n" for result in results for row in _rows(result))


def _rows(result: Result) -> Iterable[Sequence[str]]:
    from .report import size

    how = f"❌ {result.verb}: {result.error.partition(chr(10))[0]}" if result.error else f"✅ {result.verb}"
    route = f"{result.route}, on the host" if result.isolation == "host" else result.route
    first = (f"`{result.target}`", how, route, f"{result.seconds:.1f} s")
    reasons = (*(f"{failure.route}: {failure.what}" for failure in result.failures), *filter(None, [result.better]))
    files = [(f"`{Path(one.path).name}`", size(one.size), one.glibc, f"`{one.sha256}`") for one in result.artifacts] or [("",) * 4]
    yield (*first, *files[0], "; ".join(reasons))
    for more in files[1:]:
        yield ("", "", "", "", *more, "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def quality(results: Iterable[Result], root: str, top: str) -> list[Mapping[str, Any]]:
    """Return GitLab's code quality report: errors and warnings with a place, each once for all targets."""
    rows: dict[str, Mapping[str, Any]] = {}
    for diagnostic in (diagnostic for result in results for diagnostic in result.diagnostics):
        path = inside(diagnostic.path, root, top)
        if path:
            text = "\0".join((diagnostic.level, diagnostic.code, path, str(diagnostic.line), diagnostic.message))
            key = hashlib.sha256(text.encode()).hexdigest()
            rows[key] = {
                "description": diagnostic.message,
                "check_name": diagnostic.code or "rustc",
                "fingerprint": key,
                "severity": "major" if diagnostic.level == "error" else "minor",
                "location": {"path": path, "lines": {"begin": diagnostic.line}},
            }
    return list(rows.values())


_LOCK: Final = Lock()

_RESULTS: Final[dict[str, dict[tuple[str, str], Result]]] = {}
"""What this process has written to each file, by target and verb: sessions come one after the other."""


@contextmanager
def fold(triple: str, verb: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Fold what is told of a target, where the log of a CI service can."""
    begin, end = (
        partial(line.format, id=f"crosstasks_{verb}_{triple}", title=f"{verb} {triple}") for line in _FOLDS.get(ci(environ), ("", ""))
    )
    _line(begin(time=int(time.time())))
    try:
        yield
    finally:
        _line(end(time=int(time.time())))


def _line(text: str) -> None:
    """Write a line to standard error, where all of the progress is: a fold holds what comes between its lines."""
    if text:
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def finish(results: Sequence[Result], context: Context) -> None:
    """Tell the CI service, and write the files that are asked for.

    Raises:
        ConfigError: a file cannot be written.
    """
    environ = context.environ
    root, top = _folders(context)
    if ci(environ) == "github":
        for line in github_annotations(results, root, top):
            _line(line)
    with _LOCK:
        for name, act in _FILES.items():
            if path := environ.get(name):
                with _writing(path) as place:
                    act(place, results, root, top)


def ready(environ: Mapping[str, str]) -> None:
    """Refuse, before the work, a file that could not be written after it.

    Raises:
        ConfigError: it lies in no folder, is one itself, or is closed to us.
    """
    for name in (REPORT, QUALITY):
        if environ.get(name):
            with _writing(environ[name]) as path:
                if path.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                path.parent.mkdir(parents=True, exist_ok=True)
                TemporaryFile(dir=path.parent).close()


def _folders(context: Context) -> tuple[str, str]:
    """Return where the compiler's paths begin, and the top of the repository as the CI service checked it out."""
    try:
        root = manifest.read(manifest.find(context.root)).root
    except ConfigError:
        root = str(context.root)
    top = context.environ.get("GITHUB_WORKSPACE") or context.environ.get("CI_PROJECT_DIR") or root
    return root, top


@contextmanager
def _writing(name: str) -> Iterator[Path]:
    """Give the whole path of a file; what keeps it from being written is the user's to mend."""
    path = Path(name).absolute()
    try:
        yield path
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", why=error.strerror or str(error)) from error


def _summary(path: Path, results: Sequence[Result], *_folders: str) -> None:
    before = path.read_text("utf-8") if path.exists() else ""
    with path.open("a", encoding="utf-8") as file:  # the service's own file: it is added to
        file.write(summary(results, before))


def _report(path: Path, results: Sequence[Result], *_folders: str) -> None:
    _json(path, {"schema_version": SCHEMA_VERSION, "version": __version__, "results": _add_results(path, results)})


def _quality(path: Path, results: Sequence[Result], root: str, top: str) -> None:
    _json(path, quality(_add_results(path, results), root, top))


def _add_results(path: Path, results: Iterable[Result]) -> Sequence[Result]:
    all_results = _RESULTS.setdefault(str(path), {})
    all_results.update({(result.target, result.verb): result for result in results})
    return tuple(all_results.values())


def _json(path: Path, value: Any) -> None:
    files.write(path, msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")
    path.chmod(0o644)


_FILES: Final[Mapping[str, Any]] = {"GITHUB_STEP_SUMMARY": _summary, REPORT: _report, QUALITY: _quality}
"""What is written, by the variable that names the file."""
