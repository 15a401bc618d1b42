"""Invoke tasks: ``collection()`` gives a project's tasks.py, and the program ``crosstasks``, all of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from inspect import Parameter, Signature
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import parts

parts.check()  # before a library is imported that may not be there

from invoke.collection import Collection  # noqa: E402
from invoke.exceptions import Exit  # noqa: E402
from invoke.tasks import Task as Base  # noqa: E402
from invoke.tasks import task  # noqa: E402

from .core.errors import ConfigError, CrosstasksError, Interrupted  # noqa: E402
from .reporting import streams  # noqa: E402
from .tasks import DEFAULTS, ROOT, TASKS  # noqa: E402
from .tasks.call import OPTIONS, Call, Task  # noqa: E402

if TYPE_CHECKING:
    from invoke.context import Context


def collection(*, root: Path | str | None = None, name: str = "") -> Collection:
    """Return the tasks for a Rust repository: seven of them, and collections with the rest.

    Args:
        root: its folder, as seen from the calling tasks.py, wherever Invoke is called; that file's own if None.
        name: of a collection that all of them are put into: ``cross`` gives ``cross.plan``, ``cross.build``, …
    """
    caller = sys._getframe(1).f_code.co_filename  # noqa: SLF001 - inspect.stack() would look up the module of every frame, and is slow
    place = Path(caller).absolute().parent / (root or "")
    tasks = Collection(name or "crosstasks")
    for task_name in sorted(TASKS, key=_order):
        folder, _, last = task_name.rpartition(".")
        _inner(tasks, folder).add_task(_task(last, TASKS[task_name], place), default=DEFAULTS.get(folder) == last)
    if not name:
        return tasks
    outer = Collection()
    outer.add_collection(tasks)
    return outer


def _order(name: str) -> tuple[int, str]:
    first = name.partition(".")[0]
    return (ROOT.index(first) if first in ROOT else len(ROOT), first)


class _Task(Base[Any]):
    """A task whose short options are those of ``OPTIONS``: Invoke's own are the first letter that a task has left."""

    def arg_opts(self, name: str, default: Any, taken_names: set[str]) -> dict[str, Any]:
        options: dict[str, Any] = super().arg_opts(name, default, taken_names)
        return {**options, "names": [*options["names"], *filter(None, [OPTIONS[name].short])]}


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

    def body(c: Context, **options_: Any) -> None:
        with translate_errors(), _output(options_.get("format", "text"), formats):
            _check_values(options)
            code = act(Call(place, options_, _remainder(c)))
        if code:
            raise Exit(code=code)

    keyword = Parameter.POSITIONAL_OR_KEYWORD
    parameters = [Parameter("c", keyword), *(Parameter(name, keyword, default=OPTIONS[name].default) for name in options)]
    body.__signature__ = Signature(parameters)  # type: ignore[attr-defined]  # what inspect, and so invoke, asks first
    body.__doc__ = act.__doc__
    body.__name__ = name
    helps = {option: OPTIONS[option].help for option in options}
    repeated = [option for option in options if OPTIONS[option].default is None]
    return task(body, name=name, klass=_Task, help=helps, iterable=repeated, auto_shortflags=False)


@contextmanager
def translate_errors() -> Iterator[None]:
    """End with the error's own exit code, its message on stderr."""
    try:
        yield
    except (CrosstasksError, Interrupted) as error:
        raise Exit(f"error: {error}" if error.what else None, code=error.code) from error
    except KeyboardInterrupt:
        raise Exit("error: interrupted", code=130) from None


@contextmanager
def _output(form: str, formats: Sequence[str]) -> Iterator[None]:
    """With another format than text nothing but the result reaches standard output."""
    if form not in formats:
        raise ConfigError(f"--format is {', '.join(formats[:-1])} or {formats[-1]}, not {form!r}")
    with streams.translate_errors(), nullcontext() if form == "text" else streams.only_result():
        yield


def _check_values(options: Sequence[str]) -> None:
    """Refuse an option that may be repeated and is given no value: Invoke takes it for none given, and all would be done."""
    words = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    names = [name for name in options if OPTIONS[name].default is None]
    repeated = {f"--{name}": name for name in names} | {f"-{OPTIONS[name].short}": name for name in names if OPTIONS[name].short}
    for word, after in pairwise((*words, "--")):
        if word in repeated and after.startswith("-") and after != "-":
            raise ConfigError(f"{word} is given no value", hint=f"it is {OPTIONS[repeated[word]].help}")


def _remainder(c: Context) -> tuple[str, ...]:
    """Return what follows ``--``. Invoke joins it by spaces: as it was given, it is found in argv."""
    joined = str(getattr(c, "remainder", "") or "")
    words = tuple(sys.argv[sys.argv.index("--") + 1 :]) if "--" in sys.argv else ()
    return words if " ".join(words) == joined else tuple(shlex.split(joined))
