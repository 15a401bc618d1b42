"""Nox sessions: ``register()`` adds a build and a test session for every configured target.

Registering reads the configuration and nothing else, so that ``nox -l`` starts no program.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import nox

from . import config, targets
from .errors import ConfigError, CrosstasksError

if TYPE_CHECKING:
    from .pipeline import Result
    from .routes import Verb

Session: TypeAlias = Callable[[nox.Session], None]


def register(*, root: Path | str | None = None, prefix: str = "", names: Sequence[str] = ()) -> Mapping[str, Session]:
    """
    Add the sessions ``cross-<alias>`` and ``cross-test-<alias>`` for every target, and ``cross`` and ``cross-test`` for all.

    Args:
        root: the folder of the Rust repository; that of the calling noxfile if None.
        prefix: put before every name, to keep two crates of a monorepo apart: ``tools`` gives ``tools-cross-aarch64``.
        names: targets, instead of those that crosstasks.toml lists.

    Returns:
        The session functions by name.

    Raises:
        ConfigError: the configuration is wrong, or a session of one of the names exists.
    """
    place = Path(root) if root else Path(inspect.stack(0)[1].filename).parent
    triples = tuple(targets.find(name).triple for name in names) or _configured(place)
    added: dict[str, Session] = {}
    for verb, stem in (("build", "cross"), ("test", "cross-test")):
        own = []
        for triple in triples:
            row = targets.catalogue()[triple]
            name = _name(prefix, f"{stem}-{targets.alias(row)}")
            added[name] = _add(name, _one(verb, triple, place), tags=[stem, "cross", verb, *row.tags])
            own.append(name)
        name = _name(prefix, stem)
        added[name] = _add(name, _all(verb), requires=own)
    return added


def _configured(place: Path) -> tuple[str, ...]:
    return config.load(place, environ=os.environ).targets


def _name(prefix: str, name: str) -> str:
    return f"{prefix}-{name}" if prefix else name


def _add(name: str, function: Session, **options: Any) -> Session:
    known = nox.registry.get()
    if name in known:
        where = inspect.getsourcefile(known[name].func) or "?"
        raise ConfigError(f"two sessions would be called {name!r}", why=f"one is defined in {where}", hint="give register() a `prefix`")
    if "allow_parallel" in inspect.signature(nox.session).parameters:
        options["allow_parallel"] = True
    return nox.session(name=name, python=False, default=False, **options)(function)


def _one(verb: Verb, triple: str, place: Path) -> Session:
    def session(session: nox.Session) -> None:
        cross(session, triple, verb, *session.posargs, root=place)

    session.__doc__ = f"{'Build' if verb == 'build' else 'Test'} for {triple}."
    return session


def _all(verb: Verb) -> Session:
    def session(session: nox.Session) -> None:
        del session

    session.__doc__ = f"{'Build' if verb == 'build' else 'Test'} for every target."
    return session


def cross(session: nox.Session, target: str, verb: Verb = "build", *arguments: str, root: Path | str = ".") -> Result:
    """
    Build or test one target inside a session of your own.

    Args:
        session: nox's; a failure is reported through it.
        target: a triple or an alias.
        verb: ``build`` or ``test``.
        arguments: for cargo.
        root: the folder of the Rust repository.
    """
    from . import arguments as refusing
    from . import pipeline, report

    try:
        result, _ = pipeline.carry_out(target, verb, refusing.check(arguments), pipeline.start(root))
    except CrosstasksError as error:
        session.error(f"{type(error).__name__}: {error}")
    print(report.result_text((result,)), flush=True)  # noqa: T201
    return result
