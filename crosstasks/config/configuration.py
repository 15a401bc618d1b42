"""Look: crosstasks.toml -> Config, with the source of every value and all problems at once.

The order, the first that says something wins: command line, ``CROSSTASKS_*`` variables, the file, the default. Of one
source, what it says of a single target wins over what it says of all.

::

    options           every option, with its default and what it means
    config_places     where the file is, and on which line a key stands
    config_variables  the names of variables
    config_targets    the names of targets
    config_read       the values, converted one by one
    config_problems   what is wrong, each with its place and the likely word
    config_schema     the JSON schema and the tables of docs/config.md
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..catalog import targets
from ..core.errors import ConfigError
from .options import Options, Release, TargetOptions
from .places import FILE, find, top
from .problems import Problems
from .read import Reading, Source

DEFAULT: Final = Source()


class TargetConfig(TargetOptions, frozen=True, kw_only=True):
    """What holds for one target: its own table over the top level."""

    triple: str


class Config(Options, frozen=True, kw_only=True):
    """The whole configuration.

    Attributes:
        targets: triples.
        own: what is said of single targets, by triple and field.
        sources: where each value that is no default came from, by ``field``, ``triple.field`` or ``release.field``.
        place: where the file is; empty without one.
    """

    release: Release = Release()
    own: Mapping[str, Mapping[str, Any]] = {}
    sources: Mapping[str, Source] = {}
    place: str = ""

    def target(self, name: str) -> TargetConfig:
        """
        Return what holds for one target.

        Args:
            name: a triple or an alias.

        Raises:
            ConfigError: there is no such target.
        """
        triple = targets.find(name).triple
        shared = {field: getattr(self, field) for field in TargetOptions.__struct_fields__ if hasattr(self, field)}
        options = {field: value for field, value in self.own.get(triple, {}).items() if self._owns(field, triple)}
        return TargetConfig(triple=triple, **{**shared, **options})

    def value(self, field: str, triple: str) -> Any:
        """Return the value of one option for a target, by its triple."""
        return self.own[triple][field] if self._owns(field, triple) else getattr(self, field)

    def origin(self, name: str, target: str = "") -> Source:
        """
        Return where a value came from, with the file and the key.

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
        if field not in self.own.get(triple, {}):
            return False
        return self.sources.get(f"{triple}.{field}", DEFAULT).rank >= self.sources.get(field, DEFAULT).rank

    def is_strict(self, ci: str, *, lock: bool = False, release: bool = False) -> bool:
        """Tell whether the first failed step ends the work; ``auto`` is yes in CI, with a lock, and in a release."""
        return (bool(ci) or lock or release) if self.strict == "auto" else self.strict


def load(root: Path, *, environ: Mapping[str, str], overrides: Mapping[str, Any] = {}, needed: bool = True) -> Config:
    """
    Read the configuration that holds for a folder.

    Args:
        root: the nearest file upward from here is read.
        environ: for ``CROSSTASKS_*``.
        overrides: values of the command line, by option; None is not given, and text is read as that of a variable.
        needed: that there is none, and no target either, is an error.

    Raises:
        ConfigError: with all problems, each with its place and the likely word; or there is no configuration, and
            nothing else names the targets; or no such folder.
    """
    if not root.is_dir():  # upward from it, another crate's would be found
        raise ConfigError(f"{root.absolute()} is no folder", hint="`root` is seen from the file that names it")
    document = find(root)
    problems = Problems(document, root)
    reading = Reading(problems)
    if document:
        reading.file(document.place, document.raw)
    reading.variables(environ)
    reading.command_line(overrides)
    problems.fail()
    if needed and not document and not reading.values.get("targets"):
        raise _nothing(root)
    place = str(document.place) if document else ""
    return Config(**reading.values, release=Release(**reading.release), own=reading.own, sources=reading.sources, place=place)


def _nothing(root: Path) -> ConfigError:
    return ConfigError(
        f"{root.absolute()} has no configuration",
        why=f"there is no {FILE}, and no table for crosstasks in pyproject.toml or Cargo.toml, from there up to {top(root)}",
        hint="`crosstasks init` writes one; `--target aarch64` and CROSSTASKS_TARGETS=aarch64 do without",
    )
