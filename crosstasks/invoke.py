"""Invoke tasks: ``collection()`` gives a project's tasks.py, and the program ``crosstasks``, all of them."""

from __future__ import annotations

import inspect
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from invoke.collection import Collection
from invoke.exceptions import Exit
from invoke.tasks import task

from .errors import ConfigError, CrosstasksError

if TYPE_CHECKING:
    from invoke.context import Context

    from .routes import Verb
    from .work import Work


class Option(NamedTuple):
    """An option of a task: its default, and what it means."""

    default: Any
    help: str


OPTIONS: Final[Mapping[str, Option]] = {
    "target": Option(None, "a triple or an alias; may be given several times; all configured targets if not given"),
    "verb": Option("build", "build or test"),
    "format": Option("text", "text or json"),
    "cross": Option("", "the flavour of cross: 0.2.5, 0.2.4 or git"),
    "builder": Option("", "auto, cross, zigbuild or cargo"),
    "engine": Option("", "auto, docker, podman, or a path"),
    "strict": Option(False, "fail at the first failed step, and take no other route"),
    "offline": Option(False, "ask the network for nothing"),
    "images": Option(False, "also the images that were built here, and containers that nobody owns any more"),
    "cache": Option(False, "also the cache folder, with its toolchains and tools"),
}

OVERRIDES: Final = ("cross", "builder", "engine", "strict", "offline")
"""Those that are options of crosstasks.toml as well."""

BUILDING: Final = ("target", "format", *OVERRIDES)


@dataclass(frozen=True)
class Call:
    """One call of a task: the folder of the Rust repository, the options, and what follows ``--``."""

    place: Path
    options: Mapping[str, Any]
    arguments: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the targets that are named."""
        return tuple(self.options.get("target") or ())

    @property
    def verb(self) -> Verb:
        """Return what is to be done."""
        match self.options["verb"]:
            case "build" | "test" as verb:
                return verb  # type: ignore[no-any-return]
            case other:
                raise ConfigError(f"--verb is build or test, not {other!r}")

    def work(self, *, needed: bool = True, **overrides: str) -> Work:
        """Read the configuration."""
        from . import pipeline

        given = {name: self.options[name] for name in OVERRIDES if self.options.get(name)}
        return pipeline.start(self.place, names=self.names, overrides={**overrides, **given}, needed=needed)

    def show(self, value: Any, text: Callable[[], str]) -> None:
        """Write the result to standard output, as text or JSON."""
        if self.options["format"] == "json":
            import msgspec

            print(msgspec.json.format(msgspec.json.encode(value)).decode())  # noqa: T201
        else:
            print(text())  # noqa: T201


Act: TypeAlias = Callable[[Call], "int | None"]


def collection(*, root: Path | str | None = None) -> Collection:
    """
    Return the tasks for a Rust repository.

    Args:
        root: its folder; that of the calling tasks.py if None.
    """
    place = Path(root) if root is not None else Path(inspect.stack(0)[1].filename).parent
    made = Collection("crosstasks")
    for act, options in TASKS.items():
        made.add_task(_task(act, options, place))
    return made


def _task(act: Act, options: tuple[str, ...], place: Path) -> Any:
    """Make a task of a function: with its options, and with errors as exit codes."""

    def body(c: Context, **given: Any) -> None:
        with translated(), _only_result(given.get("format", "text")):
            _whole()
            code = act(Call(place, given, _remainder(c)))
        if code:
            raise Exit(code=code)

    keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("c", keyword), *(inspect.Parameter(name, keyword, default=OPTIONS[name].default) for name in options)]
    body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    body.__doc__ = act.__doc__
    name = act.__name__.strip("_")
    body.__name__ = name
    helps = {option: OPTIONS[option].help for option in options}
    return task(body, name=name, help=helps, iterable=[option for option in options if option == "target"])


@contextmanager
def translated() -> Iterator[None]:
    """End with the error's own exit code, its message on stderr."""
    try:
        yield
    except CrosstasksError as error:
        raise Exit(f"error: {error}", code=error.code) from error
    except KeyboardInterrupt:
        raise Exit("error: interrupted", code=130) from None


@contextmanager
def _only_result(form: str) -> Iterator[None]:
    """With ``--format json`` nothing but the result reaches standard output; what programs print there goes to standard error."""
    if form not in {"text", "json"}:
        raise ConfigError(f"--format is text or json, not {form!r}")
    if form == "text":
        yield
        return
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    stream, sys.stdout = sys.stdout, os.fdopen(kept, "w", encoding="utf-8")
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        sys.stdout.close()
        sys.stdout = stream


def _whole() -> None:
    """Refuse ``--target`` as the last word: Invoke takes it for none given, and all targets would be built."""
    words = sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
    if words[-1] in {"--target", "-t"}:
        raise ConfigError(f"{words[-1]} names no target", hint="`crosstasks targets` lists all")


def _remainder(c: Context) -> tuple[str, ...]:
    """Return what follows ``--``. Invoke joins it by spaces: as it was given, it is found in argv."""
    joined = str(getattr(c, "remainder", "") or "")
    given = tuple(sys.argv[sys.argv.index("--") + 1 :]) if "--" in sys.argv else ()
    return given if " ".join(given) == joined else tuple(shlex.split(joined))


def _plan(call: Call) -> None:
    """Show for every target the chosen route, why the others are refused, and the steps."""
    from . import pipeline, plan, report

    made = pipeline.plans(call.names, verb=call.verb, work=call.work())
    raw = {"schema_version": plan.SCHEMA_VERSION, "plans": [plan.as_json(one) for one in made]}
    call.show(raw, lambda: "\n\n".join(map(report.plan_text, made)))


def _doctor(call: Call) -> int:
    """Name each tool, engine, registry and emulation, with a fix for what is missing."""
    from . import doctor, plan

    rows = doctor.examine(call.place)
    call.show({"schema_version": plan.SCHEMA_VERSION, "rows": rows}, lambda: doctor.text(rows))
    return doctor.code(rows)


def _provision(call: Call) -> None:
    """Provide what the plans need, and build nothing."""
    from . import pipeline, report

    work = call.work()
    for triple in pipeline.select(call.names, work):
        made, work = pipeline.make(triple, call.verb, work)
        made, work = pipeline.provide(made, work)
        print(report.plan_text(made))  # noqa: T201


def _build(call: Call) -> int:
    """Build the targets; what follows ``--`` goes to cargo."""
    return _carry_out("build", call)


def _test(call: Call) -> int:
    """Test the targets; what follows ``--`` goes to cargo."""
    return _carry_out("test", call)


def _carry_out(verb: Verb, call: Call) -> int:
    from . import arguments, pipeline, plan, report

    results = pipeline.build(call.names, arguments.check(call.arguments), verb=verb, work=call.work())
    call.show({"schema_version": plan.SCHEMA_VERSION, "results": results}, lambda: report.result_text(results))
    failed = [result for result in results if result.code]
    for result in failed:
        print(f"error: {result.error}", file=sys.stderr)  # noqa: T201
    return failed[0].code if failed else 0


def _shell(call: Call) -> int:
    """Open a shell in the target's image, with the project mounted."""
    from . import shell

    return shell.open_shell(call.names, call.work(builder="cross"))


def _targets(call: Call) -> None:
    """List every target: its names, which images there are, and whether its tests can be run."""
    from . import listing, plan

    rows = listing.listed()
    call.show({"schema_version": plan.SCHEMA_VERSION, "targets": rows}, lambda: listing.text(rows))


def _init(call: Call) -> None:
    """Write noxfile.py, tasks.py and crosstasks.toml; if one of them exists it is named, and nothing is written."""
    from . import scaffold

    for path in scaffold.write(call.place):
        print(path)  # noqa: T201


def _clean(call: Call) -> None:
    """Remove what builds left in target/crosstasks; with --images our images, with --cache the cache."""
    from . import cleaning

    for line in cleaning.clean(call.work(needed=False), images=call.options["images"], everything=call.options["cache"]):
        print(line, flush=True)  # noqa: T201


TASKS: Final[Mapping[Act, tuple[str, ...]]] = {
    _plan: ("target", "verb", "format", "cross", "builder", "engine", "offline"),
    _doctor: ("format",),
    _provision: ("target", "verb", "cross", "builder", "engine"),
    _build: BUILDING,
    _test: BUILDING,
    _shell: ("target", "cross", "engine"),
    _targets: ("format",),
    _init: (),
    _clean: ("images", "cache", "engine"),
}
"""Every task, with its options."""
