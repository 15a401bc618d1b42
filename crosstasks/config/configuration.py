"""Look: crosstasks.toml -> Config, with the source of every value and all problems at once.

The order, the first that says something wins: command line, ``CROSSTASKS_*`` variables, the file, the default. Of one
source, what it says of a single target wins over what it says of all.

::

    options        every option, with its default and what it means
    documents      where the file is, on which line a key stands, and what is wrong, with the likely word
    read           the values, converted one by one, and the names of variables and targets
    session_cache  what sessions need of a reading that was right, kept for as long as no file changes
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from ..catalog import targets
from ..core.errors import ConfigError
from .documents import Problems, find, likely, top
from .options import Options, Release, TargetOptions
from .read import Reader, Source
from .session_cache import FILE

DEFAULT: Final = Source()


class TargetConfig(TargetOptions, frozen=True, kw_only=True):
    """What holds for one target: its own table over the top level."""

    triple: str


class Config(Options, frozen=True, kw_only=True):
    """The whole configuration.

    Attributes:
        targets: the triples that are selected: on the command line, else in the environment, else those of the file.
        all_targets: those of the file, selected or not.
        by_target: what is said of single targets, by triple and field.
        sources: where each value that is no default came from, by ``field``, ``triple.field`` or ``release.field``.
        place: the path of the file, beside which the lock is; empty without one.
    """

    release: Release = Release()
    all_targets: tuple[str, ...] = ()
    by_target: Mapping[str, Mapping[str, Any]] = {}
    sources: Mapping[str, Source] = {}
    place: str = ""

    def target(self, name: str) -> TargetConfig:
        """Return what holds for one target, by its triple or alias; where there is none, a ConfigError names the likely ones."""
        triple = targets.find(name).triple
        of_all = {field: getattr(self, field) for field in TargetOptions.__struct_fields__ if hasattr(self, field)}
        options = {field: value for field, value in self.by_target.get(triple, {}).items() if self._owns(field, triple)}
        return TargetConfig(triple=triple, **{**of_all, **options})

    def value(self, field: str, triple: str) -> Any:
        """Return the value of one option for a target, by its triple."""
        return self.by_target[triple][field] if self._owns(field, triple) else getattr(self, field)

    def origin(self, name: str, target: str = "") -> Source:
        """Return where a value came from, with the file and the key.

        Args:
            name: the option, as a field (``git_url``) or as a key (``git-url``); ``release.dist`` for one of ``[release]``.
            target: a triple or an alias, for what holds for that target.
        """
        field = name.replace("-", "_")
        if target:
            triple = targets.find(target).triple
            if self._owns(field, triple):
                return self.sources.get(f"{triple}.{field}", DEFAULT)
        return self.sources.get(field, DEFAULT)

    def source(self, name: str, target: str = "") -> str:
        """Return where a value came from: ``--cross``, ``CROSSTASKS_CROSS``, ``crosstasks.toml``, or ``default``."""
        return self.origin(name, target).name

    def _owns(self, field: str, triple: str) -> bool:
        """Tell whether what is said of the target itself holds, and not what a better source says of all targets."""
        if field not in self.by_target.get(triple, {}):
            return False
        return self.sources.get(f"{triple}.{field}", DEFAULT).rank >= self.sources.get(field, DEFAULT).rank

    @property
    def selection(self) -> tuple[str, ...]:
        """Return the targets that are selected of more: what others have stays as it is; empty if it is all of the file's."""
        return () if self.all_targets and set(self.all_targets) <= set(self.targets) else self.targets

    def is_strict(self, ci: str, *, lock: bool = False, release: bool = False) -> bool:
        """Tell whether the first failed step ends the work; ``auto`` is yes in CI, with a lock, and in a release."""
        return (bool(ci) or lock or release) if self.strict == "auto" else self.strict


def load(root: Path, *, environ: Mapping[str, str], overrides: Mapping[str, Any] = {}, need_config: bool = True) -> Config:
    """Read the configuration that holds for a folder.

    Args:
        root: the nearest file upward from here is read.
        environ: for ``CROSSTASKS_*``.
        overrides: values of the command line, by option; None is not given, and text is read as that of a variable.
        need_config: that there is none, and no target either, is an error.

    Raises:
        ConfigError: with all problems, each with its place and the likely word; or there is no configuration, and
            nothing else names the targets; or no such folder.
    """
    if not root.is_dir():  # upward from it, another crate's would be found
        raise ConfigError(f"{root.absolute()} is not a folder", hint="`root` is relative to the file that names it")
    document = find(root)
    problems = Problems(document, root)
    reading = Reader(problems, root)
    if document:
        reading.file(document)
    reading.variables(environ)
    reading.command_line(overrides)
    problems.fail()
    if need_config and not document and not reading.values.get("targets"):
        raise ConfigError(
            f"{root.absolute()} has no configuration",
            why=f"there is no {FILE}, and no table for crosstasks in pyproject.toml or Cargo.toml, from there up to {top(root)}",
            hint="`crosstasks init` writes one; `--target aarch64` and CROSSTASKS_TARGETS=aarch64 do without",
        )
    return of(reading, str(document.path) if document else "")


def of(reading: Reader, place: str = "") -> Config:
    """Return the configuration that was read."""
    parts = {name: getattr(reading, name) for name in ("all_targets", "by_target", "sources")}
    return Config(**reading.values, **parts, release=Release(**reading.release), place=place)


def check_members(config: Config, packages: Callable[[], Collection[str] | None], root: Path) -> None:
    """Refuse ``members`` and ``exclude`` that name no package: the ConfigError has every such name, its place and the likely word.

    Args:
        packages: returns the names of those that the workspace holds, None if it cannot be read; asked only where some are named.
        root: the folder that the configuration was read for.
    """
    specs = tuple(_members(config))
    names = packages() if specs else None
    if names is None:
        return
    problems = Problems(find(root), root)
    for source, number, spec in specs:
        if not _names(spec, names):
            place = problems.place(source.keys) if source.keys else source.name
            problems.add(place, f"the workspace has no package {spec!r}{likely(spec, names)}", f"[{number}]")
    problems.fail(f"it has {', '.join(sorted(names))}")


def _members(config: Config) -> Iterator[tuple[Source, int, str]]:
    """Give every package that is named, with where that is said, and at which place of the list."""
    for field in ("members", "exclude"):
        yield from ((config.origin(field), number, spec) for number, spec in enumerate(getattr(config, field)))
        for triple, options in config.by_target.items():
            yield from ((config.sources[f"{triple}.{field}"], number, spec) for number, spec in enumerate(options.get(field, ())))


def _names(spec: str, packages: Collection[str]) -> bool:
    """Tell whether what cargo's ``--package`` would be given names a package; of an address cargo itself is the judge."""
    name = spec.partition("@")[0]
    return any(sign in name for sign in "/:#") or any(fnmatchcase(package, name) for package in packages)
