"""One call of a task: what is asked, and how the answer is shown. Every option that a task can have is one row of ``OPTIONS``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import msgspec

from .. import parts
from ..config import read
from ..core.about import SCHEMA_VERSION
from ..core.errors import ConfigError, harmless
from ..core.steps import Verb

if TYPE_CHECKING:
    from ..context import Context


class Option(NamedTuple):
    """An option of a task: its default, what it means, and its letter, which means the same in every task."""

    default: Any
    help: str
    short: str = ""


OPTIONS: Final[Mapping[str, Option]] = {
    "target": Option(None, "a triple or an alias, or host; may be given several times; without it, all configured targets", short="t"),
    "verb": Option("build", "build, test, check, clippy, doc, run, bench, nextest or nextest-archive"),
    "all": Option(False, "also each ingredient with its reason, each refused route, and each step with its values"),
    "format": Option("text", "how the result is shown: text or json; github and gitlab for a matrix", short="f"),
    "cross": Option("", "the flavour of cross: 0.2.5, 0.2.4 or git"),
    "builder": Option("", "auto, cross, zigbuild, xwin or cargo"),
    "engine": Option("", "auto, docker, podman, or a path"),
    "strict": Option(False, "fail at the first failed step, and take no other route"),
    "offline": Option(False, "ask the network for nothing"),
    "check": Option(False, "change nothing: say what differs, and fail if something does"),
    "update": Option(False, "renew what is there already; of a lock with --target only that"),
    "platform": Option(None, "a platform such as linux/arm64; may be given several times; this engine's if not given"),
    "to": Option("", "bundle: the file to write; mirror: the registry to fill, host:port/prefix"),
    "from_": Option("", "a file made by `bundle`"),
    "rebuild": Option(False, "build the same commit once more, in another folder, and compare the packages byte for byte"),
    "changed_since": Option("", "only what a change since this revision of git reaches, for example origin/main"),
    "text": Option(Parameter.empty, "what a program said, a file that holds it, or - for standard input"),
    "yes": Option(
        False, "agree to what would be asked: that emulation is set up, if a route needs it, or that a release goes on", short="y"
    ),
    "source": Option("", "where the emulator is taken from: image, build or package; the first that is available if not given"),
    "package": Option(None, "a cargo package to release; may be given several times; `packages` of [release] if not given", short="p"),
    "skip": Option(None, "parts to leave out, with commas between them; may be given several times"),
    "snapshot": Option(False, "no release: the version tells the commit, and nothing is tagged or published"),
    "jobs": Option("1", "how many targets are built at the same time", short="j"),
    "bump": Option("", "the new version: patch, minor, major, or itself"),
    "here": Option(False, "plan for each on this machine as well, and say which route builds and tests it, or why none does"),
    "dry_run": Option(False, "say what would be done, and do nothing", short="n"),
    "provider": Option("github", "the CI service: github or gitlab"),
    "output": Option("", "the file to write, instead of the service's own"),
    "prefix": Option("", "of the sessions, as register() was given it"),
    "packages": Option(False, "one job for each package of the workspace as well"),
    "runner": Option(None, "the label of a runner: linux/arm64=<label>, or aarch64=<label> for one target; may be given several times"),
    "report": Option("", "the file that is given all results as JSON"),
    "images": Option(False, "also the images that were built here, and containers that nobody owns any more"),
    "stale": Option(False, "only the tools, toolchains, images and target folders that no configuration of the repository wants"),
    "into": Option("", "the folder of the copy, for example third_party/crosstasks"),
    "vendor": Option("", "the folder that a copy of crosstasks is put into, for example third_party"),
    "wheel": Option("", "a wheel of crosstasks that lies in the repository"),
    "git": Option("", "a git repository of crosstasks, with the revision: https://host/path/crosstasks.git@REV"),
    "index": Option(False, "crosstasks is installed from the package index"),
    "with_": Option("", "parts that the copy has besides the core, with commas between them: release, offline, ci, testing"),
    "force": Option(False, "give up changes that were made by hand"),
    "cache": Option(False, "also the cache folder, with its toolchains and tools"),
}

OVERRIDES: Final = ("cross", "builder", "engine", "strict", "offline")
"""Those that are options of crosstasks.toml as well."""

BUILDING: Final = ("target", "format", "report", "changed_since", *OVERRIDES, "yes")


@dataclass(frozen=True)
class Call:
    """One call of a task: the folder of the Rust repository, the options, and what follows ``--``."""

    place: Path
    options: Mapping[str, Any]
    arguments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a verb that is none before anything is done."""
        if "verb" in self.options:
            _ = self.verb

    def __getitem__(self, option: str) -> Any:
        """Return the value of an option: its default where the task does not have it."""
        return self.options.get(option, OPTIONS[option].default)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the targets that are named."""
        return tuple(self["target"] or ())

    @property
    def platforms(self) -> tuple[str, ...]:
        """Return the platforms that are named."""
        return tuple(self["platform"] or ())

    @property
    def verb(self) -> Verb:
        """Return what is to be done."""
        return read.verb(self["verb"], "--verb")

    def context(self, *, need_config: bool = True, **overrides: str) -> Context:
        """Read the configuration."""
        from .. import pipeline

        options = {name: self[name] for name in OVERRIDES if self[name]}
        options |= {"emulation": "install"} if self["yes"] else {}
        variables = {"CROSSTASKS_REPORT": self["report"]} if self["report"] else {}
        return pipeline.start(
            self.place, names=self.names, environ={**os.environ, **variables}, overrides={**overrides, **options}, need_config=need_config
        )

    def selected(self, verb: Verb) -> Context:
        """Read the configuration, and leave of it what has changed since the revision that ``--changed-since`` names."""
        ref = self["changed_since"] or os.environ.get(read.CHANGED_SINCE)
        return narrow(self.context(), self.names, ref, verb) if ref else self.context()

    def show(self, value: Mapping[str, Any], text: Callable[[], str]) -> None:
        """Write the result to standard output, as text or JSON."""
        if self["format"] == "json":
            print(msgspec.json.format(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **value})).decode())  # noqa: T201
        else:
            print(harmless(text()))  # noqa: T201


def narrow(context: Context, names: Sequence[str], ref: str, verb: Verb) -> Context:
    """Leave of the configuration what has changed since a revision of git.

    Raises:
        ConfigError: git does not know the revision, or this copy was made without the part that asks it.
    """
    if not parts.has("ci"):
        why = f"{read.CHANGED_SINCE} needs the part 'ci', which this copy of crosstasks does not have"
        raise ConfigError(why, hint="`crosstasks tools.vendor --into <folder> --update --with ci` adds it")
    from ..extras.ci import changes

    return changes.narrow(context, names, ref, verb)


def exit_code(failures: Iterable[tuple[object, int]]) -> int:
    """Write what failed to standard error, and return the code of the first; 0 if nothing did."""
    rows = tuple(failures)
    for message, _ in rows:
        print(f"error: {message}", file=sys.stderr)  # noqa: T201
    return rows[0][1] if rows else 0


Act: TypeAlias = Callable[[Call], "int | None"]
"""What a task does; it returns the exit code, None for 0. Its docstring is the task's help."""


class Task(NamedTuple):
    """A row of ``TASKS``: what it does, the names of its options, and what its ``--format`` may be."""

    act: Act
    options: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("text", "json")
