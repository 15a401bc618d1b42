"""Nox sessions: ``register()`` adds a build and a test session for every configured target.

Registering reads the configuration and nothing else, and that only when it has changed: ``nox -l`` starts no program.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from . import parts

parts.check_python()

import nox  # noqa: E402

from .config import session_cache  # noqa: E402
from .core.errors import ConfigError, CrosstasksError, NothingSelected  # noqa: E402

if TYPE_CHECKING:
    from .context import Context
    from .core.results import Result
    from .core.steps import Verb

Session: TypeAlias = Callable[[nox.Session], None]


class NoxfileError(ConfigError, SystemExit):
    """A ``ConfigError`` in a noxfile. Nox has no word for it: uncaught, it ends the program with the message, and no traceback."""

    @property
    def code(self) -> str:  # type: ignore[override]  # an attribute in SystemExit
        """Return what Python prints of it when it ends the program, with exit code 1."""
        return f"error: ConfigError: {self}"


def register(
    *, root: Path | str | None = None, prefix: str = "", names: Sequence[str] = (), verbs: Sequence[str] = ("build", "test")
) -> Mapping[str, Session]:
    """Add the sessions ``cross-<alias>`` and ``cross-test-<alias>`` for every target, and ``cross`` and ``cross-test`` for all.

    Args:
        root: the folder of the Rust repository, as seen from the calling noxfile; that file's own if None.
        prefix: put before every name, to keep two crates of a monorepo apart: ``tools`` gives ``tools-cross-aarch64``.
        names: targets, or `host`, instead of those that crosstasks.toml lists.
        verbs: what is done with every target: ``build``, ``test``, ``check``, ``clippy``, ``doc``, ``run``, ``bench``, ``nextest`` and
            ``nextest-archive``; each has sessions ``cross-<verb>-<alias>`` but ``build``, whose are ``cross-<alias>``.

    Returns:
        The session functions by name.

    Raises:
        ConfigError: the configuration is wrong, or a session of one of the names exists; then none is added.
    """
    # inspect.stack() would look up the module of every frame, a tenth of `nox -l`
    caller = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - documented, and what inspect itself uses
    place = Path(caller).absolute().parent / (root or "")
    try:
        asked = _verbs(verbs)
        rows = session_cache.targets(place, names, os.environ, lambda: _read(place, names))
        sessions = _sessions(rows, asked, prefix, place, named=bool(names))
        _refuse(sessions)
    except ConfigError as error:
        noxfile_error = NoxfileError(error.what, why=error.why, hint=error.hint)
        noxfile_error.problems = error.problems
        raise noxfile_error from None
    # nox >= 2026.8.10
    parallel: dict[str, Any] = {"allow_parallel": True} if "allow_parallel" in inspect.signature(nox.session).parameters else {}
    return {
        name: nox.session(name=name, python=False, default=False, **parallel, **options)(function)
        for name, (function, options) in sessions.items()
    }


Sessions: TypeAlias = Mapping[str, tuple[Session, Mapping[str, Any]]]


def _read(place: Path, names: Sequence[str]) -> Sequence[session_cache.SessionTarget]:
    """Read what the configuration declares, or what is named instead."""
    parts.check()  # before a library is imported that may not be there
    from .catalog import targets
    from .config import configuration, read

    triples = read.triples_of(names, place) or configuration.load(place, environ=os.environ).targets
    rows = (targets.catalogue()[triple] for triple in triples)
    return [session_cache.SessionTarget(row.triple, targets.alias(row), row.tags, row.specification) for row in rows]


def _sessions(rows: Sequence[session_cache.SessionTarget], verbs: Sequence[Verb], prefix: str, place: Path, *, named: bool) -> Sessions:
    """Return every session by its name, with what nox is told of it."""
    triples = tuple(row.file or row.triple for row in rows) if named else ()
    sessions: dict[str, tuple[Session, Mapping[str, Any]]] = {}
    for verb in verbs:
        session_names = [session_cache.session_name(prefix, verb, row.alias) for row in rows]
        for name, row in zip(session_names, rows, strict=True):
            sessions[name] = _one(verb, row.triple, place, triples), {"tags": ["cross", verb, *row.tags]}
        sessions[session_cache.session_name(prefix, verb)] = _all(verb), {"requires": session_names}
    return sessions


def _verbs(words: Sequence[str]) -> tuple[Verb, ...]:
    """Refuse words that are no verb. The usual two are known without importing what knows all."""
    if set(words) <= {"build", "test"}:
        return tuple(dict.fromkeys(cast("Sequence[Verb]", words)))
    from .config import read

    return tuple(map(read.verb, dict.fromkeys(words)))


def _refuse(sessions: Sessions) -> None:
    """Refuse names that are taken: nox would silently keep the last session of a name."""
    registered = nox.registry.get()
    clashes = [name for name in sessions if name in registered]
    if clashes:
        where = sorted({_place_of(registered[name].func) for name in clashes})
        named = ", ".join(map(repr, clashes[:3])) + (f" and {len(clashes) - 3} more" if clashes[3:] else "")
        raise ConfigError(f"there is a session {named} already", why=f"defined in {', '.join(where)}", hint="give register() a `prefix`")


def _place_of(function: Callable[..., Any]) -> str:
    """Return where a session is defined; those that register() has added are all defined here."""
    place = inspect.getsourcefile(inspect.unwrap(function)) or "?"
    return "another call of crosstasks.nox.register()" if place == __file__ else place


def _one(verb: Verb, triple: str, place: Path, names: Sequence[str]) -> Session:
    def session(session: nox.Session) -> None:
        _carry_out(session, triple, verb, session.posargs, root=place, names=names)

    session.__doc__ = f"{verb.capitalize()} for {triple}."
    return session


def _all(verb: Verb) -> Session:
    def session(session: nox.Session) -> None:
        del session

    session.__doc__ = f"{verb.capitalize()} for every target."
    return session


def cross(session: nox.Session, target: str, verb: str = "build", *arguments: str, root: Path | str = ".") -> Result:
    """Build, test or lint one target inside a session of your own.

    Args:
        session: nox's; a failure is reported through it.
        target: a triple or an alias.
        verb: ``build``, ``test``, ``check``, ``clippy``, ``doc``, ``run``, ``bench``, ``nextest`` or ``nextest-archive``.
        arguments: for cargo.
        root: the folder of the Rust repository.
    """
    try:
        (asked,) = _verbs((verb,))
    except ConfigError as error:
        session.error(f"{type(error).__name__}: {error}")
    return _carry_out(session, target, asked, arguments, root=root, names=(target,))


def _carry_out(
    session: nox.Session, target: str, verb: Verb, arguments: Sequence[str], *, root: Path | str, names: Sequence[str]
) -> Result:
    parts.check()
    from . import pipeline
    from .building import arguments as refusing
    from .reporting import report

    _hush()
    try:
        checked = refusing.check(arguments)
        result = pipeline.build_and_report(target, verb, checked, _narrow(target, verb, pipeline.start(root, names=names)))
    except NothingSelected as error:
        session.skip(str(error))  # a branch that changes nothing of a target is no failure of it
    except CrosstasksError as error:
        session.error(f"{type(error).__name__}: {error}")
    print(report.result_text((result,)), flush=True)  # noqa: T201
    return result


FOREIGN: Final = ("charset_normalizer", "docker", "requests", "urllib3")
"""Libraries that log what they do, such as every connection they open."""


def _hush() -> None:
    """Let other libraries speak of warnings only: nox shows all that is logged, by whomever. A level that is set stands."""
    for logger in map(logging.getLogger, FOREIGN):
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)


def _narrow(target: str, verb: Verb, context: Context) -> Context:
    """Leave of the work what ``CROSSTASKS_CHANGED_SINCE`` selects."""
    from .config.read import CHANGED_SINCE
    from .tasks.call import narrow

    ref = os.environ.get(CHANGED_SINCE, "")
    return narrow(context, (target,), ref, verb) if ref else context
