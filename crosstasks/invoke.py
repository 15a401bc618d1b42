"""Invoke tasks: ``collection()`` gives a project's tasks.py, and the program ``crosstasks``, all of them."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import task

from .errors import CrosstasksError

if TYPE_CHECKING:
    from .routes import Verb
    from .work import Work

OPTIONS = {
    "target": "a triple or an alias; may be given several times; all configured targets if not given",
    "format": "text or json",
    "cross": "the flavour of cross: 0.2.5, 0.2.4 or git",
    "builder": "auto, cross, zigbuild or cargo",
    "engine": "auto, docker, podman, or a path",
    "strict": "fail at the first failed step, and take no other route",
    "offline": "ask the network for nothing",
}


def collection(*, root: Path | str | None = None) -> Collection:
    """
    Return the tasks for a Rust repository.

    Args:
        root: its folder; that of the calling tasks.py if None.
    """
    place = Path(root) if root is not None else Path(inspect.stack(0)[1].filename).parent
    made = Collection("crosstasks")
    for function in (_plan, _doctor, _provision, _build, _test, _shell, _init, _clean):
        made.add_task(_task(function, place))
    return made


def _task(function: Callable[..., None], place: Path) -> Any:
    """Make a task of a function, with the root and the translation of errors put in."""

    def body(c: Context, **options: Any) -> None:
        with translated():
            function(c, place, **options)

    signature = inspect.signature(function)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "place"]
    body.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    body.__doc__ = function.__doc__
    name = function.__name__.strip("_")
    body.__name__ = name
    known = {option: text for option, text in OPTIONS.items() if option in signature.parameters}
    return task(body, name=name, help=known, iterable=[o for o in ("target",) if o in signature.parameters])


@contextmanager
def translated() -> Iterator[None]:
    """End with the error's own exit code, its message on stderr."""
    try:
        yield
    except CrosstasksError as error:
        raise Exit(f"error: {error}", code=error.code) from error
    except KeyboardInterrupt:
        raise Exit("interrupted", code=130) from None


def _started(place: Path, **overrides: Any) -> Work:
    from . import pipeline

    given = {key: value for key, value in overrides.items() if value not in (None, False, "")}
    return pipeline.start(place, overrides=given)


def _show(value: Any, text: Callable[[], str], form: str) -> None:
    if form not in {"text", "json"}:
        raise Exit(f"error: --format is text or json, not {form!r}", code=2)
    if form == "json":
        import msgspec

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(value)).decode() + "\n")
    else:
        sys.stdout.write(text() + "\n")


def _plan(c: Context, place: Path, target: Sequence[str] | None = None, verb: str = "build", format: str = "text", cross: str = "", builder: str = "", engine: str = "", offline: bool = False) -> None:  # noqa: A002, PLR0913
    """Show for every target the chosen route, why the others are refused, and the steps."""
    del c
    from . import pipeline, plan, report

    made = pipeline.plans(tuple(target or ()), verb=_verb(verb), work=_started(place, cross=cross, builder=builder, engine=engine, offline=offline))
    raw = {"schema_version": plan.SCHEMA_VERSION, "plans": [plan.as_json(one) for one in made]}
    _show(raw, lambda: "\n\n".join(map(report.plan_text, made)), format)


def _verb(word: str) -> Verb:
    if word == "build" or word == "test":  # noqa: PLR1714 - a Literal is narrowed this way
        return word
    raise Exit(f"error: --verb is build or test, not {word!r}", code=2)


def _provision(c: Context, place: Path, target: Sequence[str] | None = None, verb: str = "build", cross: str = "", builder: str = "", engine: str = "") -> None:  # noqa: PLR0913
    """Provide what the plans need, and build nothing."""
    del c
    from . import pipeline, report

    work = _started(place, cross=cross, builder=builder, engine=engine)
    for triple in pipeline.select(tuple(target or ()), work):
        made, work = pipeline.make(triple, _verb(verb), work)
        made, work = pipeline.provide(made, work)
        sys.stdout.write(report.plan_text(made) + "\n")


def _build(c: Context, place: Path, target: Sequence[str] | None = None, format: str = "text", cross: str = "", builder: str = "", engine: str = "", strict: bool = False, offline: bool = False) -> None:  # noqa: A002, PLR0913
    """Build the targets; what follows ``--`` goes to cargo."""
    _carry_out("build", c, place, target, format, cross=cross, builder=builder, engine=engine, strict=strict, offline=offline)


def _test(c: Context, place: Path, target: Sequence[str] | None = None, format: str = "text", cross: str = "", builder: str = "", engine: str = "", strict: bool = False, offline: bool = False) -> None:  # noqa: A002, PLR0913
    """Test the targets; what follows ``--`` goes to cargo."""
    _carry_out("test", c, place, target, format, cross=cross, builder=builder, engine=engine, strict=strict, offline=offline)


def _carry_out(verb: Verb, c: Context, place: Path, target: Sequence[str] | None, form: str, **overrides: Any) -> None:
    from . import arguments, pipeline, plan, report

    checked = arguments.check(_remainder(c))
    results = pipeline.build(tuple(target or ()), checked, verb=verb, work=_started(place, **overrides))
    _show({"schema_version": plan.SCHEMA_VERSION, "results": results}, lambda: report.result_text(results), form)
    codes = [result.code for result in results if result.code]
    if codes:
        raise Exit(code=codes[0])


def _remainder(c: Context) -> tuple[str, ...]:
    import shlex

    given = getattr(c, "remainder", "") or ""
    return tuple(shlex.split(given)) if isinstance(given, str) else tuple(given)


def _doctor(c: Context, place: Path, format: str = "text") -> None:  # noqa: A002
    """Name each tool, engine, registry and emulation, with a fix for what is missing."""
    del c
    from . import doctor

    rows = doctor.examine(place)
    _show({"schema_version": 1, "rows": rows}, lambda: doctor.text(rows), format)
    code = doctor.code(rows)
    if code:
        raise Exit(code=code)


def _shell(c: Context, place: Path, target: Sequence[str] | None = None, engine: str = "") -> None:
    """Open a shell in the target's image, with the project mounted."""
    del c
    from . import shell

    code = shell.open_shell(tuple(target or ()), _started(place, engine=engine))
    if code:
        raise Exit(code=code)


def _init(c: Context, place: Path) -> None:
    """Write noxfile.py, tasks.py and crosstasks.toml; existing files are left as they are, and named."""
    del c
    from . import scaffold

    for path in scaffold.write(place):
        sys.stdout.write(f"{path}\n")


def _clean(c: Context, place: Path, images: bool = False, cache: bool = False) -> None:
    """Remove what builds left in target/crosstasks; with --images our images, with --cache the cache."""
    del c
    from . import cleaning

    for line in cleaning.clean(_started(place), images=images, everything=cache):
        sys.stdout.write(f"{line}\n")
