"""One call of a task: what is asked, and how the answer is shown. Every option that a task can have is one row of ``OPTIONS``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..routes import Verb
    from ..work import Work


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
    "changed_since": Option("", "only what a change since this revision of git reaches, for example origin/main"),
    "images": Option(False, "also the images that were built here, and containers that nobody owns any more"),
    "stale": Option(False, "only the tools, toolchains, images and target folders that no configuration of the repository wants"),
    "into": Option("", "the folder of the copy, for example third_party/crosstasks"),
    "check": Option(False, "change nothing, and fail if something would be"),
    "update": Option(False, "renew what is there"),
    "force": Option(False, "give up changes that were made by hand"),
    "cache": Option(False, "also the cache folder, with its toolchains and tools"),
}

OVERRIDES: Final = ("cross", "builder", "engine", "strict", "offline")
"""Those that are options of crosstasks.toml as well."""

BUILDING: Final = ("target", "format", "changed_since", *OVERRIDES)


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
        from .. import pipeline

        given = {name: self.options[name] for name in OVERRIDES if self.options.get(name)}
        return pipeline.start(self.place, names=self.names, overrides={**overrides, **given}, needed=needed)

    @property
    def changed_since(self) -> str:
        """Return the revision since which something must have changed; empty if all is to be done."""
        return str(self.options["changed_since"] or os.environ.get("CROSSTASKS_CHANGED_SINCE", ""))

    def selected(self, verb: Verb) -> tuple[tuple[str, ...], Work]:
        """Read the configuration, and leave of it what ``--changed-since`` selects; the names of the targets come with it."""
        from .. import changed_since

        work = self.work()
        if not self.changed_since:
            return self.names, work
        work = changed_since.narrow(work, self.names, self.changed_since, verb)
        return work.config.targets, work

    def show(self, value: Any, text: Callable[[], str]) -> None:
        """Write the result to standard output, as text or JSON."""
        if self.options["format"] == "json":
            import msgspec

            print(msgspec.json.format(msgspec.json.encode(value)).decode())  # noqa: T201
        else:
            print(text())  # noqa: T201


Act: TypeAlias = Callable[[Call], "int | None"]
"""What a task does; it returns the exit code, None for 0. Its docstring is the task's help."""


class Task(NamedTuple):
    """A row of ``TASKS``: what it does, and the names of its options."""

    act: Act
    options: tuple[str, ...] = ()
