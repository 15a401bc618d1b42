"""Invoke tasks: ``collection()`` gives a project's tasks.py, and the program ``crosstasks``, all of them."""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.exceptions import Exit
from invoke.tasks import task

from .core.errors import ConfigError, CrosstasksError
from .reporting import streams
from .tasks import DEFAULTS, TASKS
from .tasks.call import OPTIONS, Call, Task

if TYPE_CHECKING:
    from invoke.context import Context


def collection(*, root: Path | str | None = None) -> Collection:
    """
    Return the tasks for a Rust repository.

    Args:
        root: its folder, as seen from the calling tasks.py, wherever Invoke is called; that file's own if None.
    """
    place = Path(inspect.stack(0)[1].filename).absolute().parent / (root or "")
    made = Collection("crosstasks")
    for name, row in TASKS.items():
        folder, _, last = name.rpartition(".")
        _inner(made, folder).add_task(_task(last, row, place), default=DEFAULTS.get(folder) == last)
    return made


def _inner(outer: Collection, name: str) -> Collection:
    """Return the collection of a dotted task, made with the first of them."""
    if not name:
        return outer
    if name not in outer.collections:
        outer.add_collection(Collection(name))
    inner: Collection = outer.collections[name]
    return inner


def _task(name: str, row: Task, place: Path) -> Any:
    """Make a task of a row: with its options, and with errors as exit codes."""
    act, options, formats = row

    def body(c: Context, **given: Any) -> None:
        with translated(), _shown(given.get("format", "text"), formats):
            _whole(options)
            code = act(Call(place, given, _remainder(c)))
        if code:
            raise Exit(code=code)

    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("c", keyword), *(inspect.Parameter(name, keyword, default=OPTIONS[name].default) for name in options)]
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what inspect, and so invoke, asks first
    body.__doc__ = act.__doc__
    body.__name__ = name
    helps = {option: OPTIONS[option].help for option in options}
    return task(body, name=name, help=helps, iterable=[option for option in options if OPTIONS[option].default is None])


@contextmanager
def translated() -> Iterator[None]:
    """End with the error's own exit code, its message on stderr."""
    try:
        yield
    except CrosstasksError as error:
        raise Exit(f"error: {error}" if error.what else None, code=error.code) from error
    except KeyboardInterrupt:
        raise Exit("error: interrupted", code=130) from None


@contextmanager
def _shown(form: str, formats: Sequence[str]) -> Iterator[None]:
    """With another format than text nothing but the result reaches standard output."""
    if form not in formats:
        raise ConfigError(f"--format is {', '.join(formats[:-1])} or {formats[-1]}, not {form!r}")
    with streams.kept(), nullcontext() if form == "text" else streams.only_result():
        yield


def _whole(options: Sequence[str]) -> None:
    """Refuse an option that may be repeated and is given no value: Invoke takes it for none given, and all would be done."""
    words = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    repeated = {f"--{name}": name for name in options if OPTIONS[name].default is None}
    repeated |= {"-t": "target"} if "target" in options else {}
    for word, after in pairwise((*words, "--")):
        if word in repeated and after.startswith("-") and after != "-":
            raise ConfigError(f"{word} is given no value", hint=f"it is {OPTIONS[repeated[word]].help}")


def _remainder(c: Context) -> tuple[str, ...]:
    """Return what follows ``--``. Invoke joins it by spaces: as it was given, it is found in argv."""
    joined = str(getattr(c, "remainder", "") or "")
    given = tuple(sys.argv[sys.argv.index("--") + 1 :]) if "--" in sys.argv else ()
    return given if " ".join(given) == joined else tuple(shlex.split(joined))
