"""Tell CI services and other tools how targets went: folds and annotations in the log, a step summary, files.

Of a run of several sessions in one process, the files hold all; of an earlier process nothing stays in them.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..core import cache
from ..core.errors import ConfigError
from ..facts.host import ci
from ..planning.plan import SCHEMA_VERSION
from ..project import manifest
from . import ci_log

if TYPE_CHECKING:
    from ..context import Work
    from ..core.results import Result

_LOCK: Final = Lock()
_TOLD: Final[dict[str, dict[tuple[str, str], Result]]] = {}
"""What this process has written to each file, by target and verb: sessions come one after the other."""


@contextmanager
def folded(triple: str, verb: str, environ: Mapping[str, str]) -> Iterator[None]:
    """Fold what is told of a target, where the log of a CI service can."""
    _line(ci_log.begin(triple, verb, environ, int(time.time())))
    try:
        yield
    finally:
        _line(ci_log.end(triple, verb, environ, int(time.time())))


def _line(text: str) -> None:
    """Write a line to standard error, where all of the progress is: a fold holds what comes between its lines."""
    if text:
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)  # noqa: T201


def finish(results: Sequence[Result], work: Work) -> None:
    """
    Tell the CI service, and write the files that are asked for.

    Raises:
        ConfigError: a file cannot be written.
    """
    environ = work.environ
    root, top = _folders(work)
    if ci(environ) == "github":
        for line in ci_log.annotated(results, root, top):
            _line(line)
    with _LOCK:
        for name, act in _FILES.items():
            path = environ.get(name)
            if path:
                _written(Path(path).absolute(), act, results, (root, top))


def ready(environ: Mapping[str, str]) -> None:
    """
    Refuse, before the work, a file that could not be written after it.

    Raises:
        ConfigError: it lies in no folder, is one itself, or is closed to us.
    """
    for name in (ci_log.REPORT, ci_log.QUALITY):
        if environ.get(name):
            _written(Path(environ[name]).absolute(), _tried, (), ("", ""))


def _tried(path: Path, _results: Sequence[Result], _folders: tuple[str, str]) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=path.parent):
        pass


def _folders(work: Work) -> tuple[str, str]:
    """Return where the compiler's paths begin, and the top of the repository as the CI service checked it out."""
    try:
        root = manifest.read(manifest.find(work.root)).root
    except ConfigError:
        root = str(work.root)
    top = work.environ.get("GITHUB_WORKSPACE") or work.environ.get("CI_PROJECT_DIR") or root
    return root, top


def _written(path: Path, act: Any, results: Sequence[Result], folders: tuple[str, str]) -> None:
    try:
        act(path, results, folders)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", why=error.strerror or str(error)) from error


def _summary(path: Path, results: Sequence[Result], _folders: tuple[str, str]) -> None:
    before = path.read_text("utf-8") if path.exists() else ""
    with path.open("a", encoding="utf-8") as file:  # the service's own file: it is added to
        file.write(ci_log.summary(results, before))


def _report(path: Path, results: Sequence[Result], _folders: tuple[str, str]) -> None:
    from ..core.about import __version__

    _json(path, {"schema_version": SCHEMA_VERSION, "version": __version__, "results": _gathered(path, results)})


def _quality(path: Path, results: Sequence[Result], folders: tuple[str, str]) -> None:
    _json(path, ci_log.quality(_gathered(path, results), *folders))


def _gathered(path: Path, results: Iterable[Result]) -> Sequence[Result]:
    known = _TOLD.setdefault(str(path), {})
    known.update({(result.target, result.verb): result for result in results})
    return tuple(known.values())


def _json(path: Path, value: Any) -> None:
    cache.write(path, msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")
    path.chmod(0o644)


_FILES: Final[Mapping[str, Any]] = {"GITHUB_STEP_SUMMARY": _summary, ci_log.REPORT: _report, ci_log.QUALITY: _quality}
"""What is written, by the variable that names the file."""
