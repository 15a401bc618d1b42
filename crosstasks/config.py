"""Pure: crosstasks.toml -> Config, with the source of every value and all problems at once.

The order, the first that says something wins: command line, ``CROSSTASKS_*`` variables, the file, the default.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from . import targets
from .errors import ConfigError
from .options import Options, Release, TargetOptions, Values

OURS: Final = ("CROSSTASKS_CACHE_DIR",)
"""Variables of ours that are no option."""

FILE: Final = "crosstasks.toml"
LISTS: Final = (", ", ",", " ")


class Place(Struct, frozen=True, kw_only=True):
    """Where the configuration stands: a file, and the table in it (empty: the whole file)."""

    path: Path
    table: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.path.name + (f" [{'.'.join(self.table)}]" if self.table else "")


class TargetConfig(Values, frozen=True, kw_only=True):
    """What holds for one target: its own table over the top level."""

    triple: str


class Config(Options, frozen=True, kw_only=True):
    """The whole configuration. ``targets`` are triples; *sources* tells where each value that is no default came from."""

    own: Mapping[str, Mapping[str, Any]] = {}
    sources: Mapping[str, str] = {}
    place: str = ""

    def target(self, triple: str) -> TargetConfig:
        """Return what holds for one target."""
        base = {name: getattr(self, name) for name in Values.__struct_fields__ if hasattr(self, name)}
        own = self.own.get(triple, {})
        # what the command line or a variable says of all targets wins over a target's own table
        won = {name for name in base if name in own and self.sources.get(name, "").startswith(("--", "CROSSTASKS_"))}
        own = {name: value for name, value in own.items() if name not in won or self.sources.get(f"{triple}.{name}", "").startswith("CROSSTASKS_")}
        return TargetConfig(triple=triple, **{**base, **own})

    def source(self, name: str, triple: str = "") -> str:
        """Return where a value came from: ``--cross``, ``CROSSTASKS_CROSS``, ``crosstasks.toml``, or ``default``."""
        return self.sources.get(f"{triple}.{name}") or self.sources.get(name, "default")

    def is_strict(self, ci: str) -> bool:
        """Tell whether the first failed step ends the work; ``auto`` is yes in CI."""
        return bool(ci) if self.strict == "auto" else bool(self.strict)


def load(root: Path, *, environ: Mapping[str, str], overrides: Mapping[str, Any] = {}) -> Config:
    """
    Read the configuration that holds for a folder.

    Args:
        root: the nearest file upward from here is read.
        environ: for ``CROSSTASKS_*``.
        overrides: values of the command line, by option.

    Raises:
        ConfigError: with all problems, each with its place and the likely word.
    """
    found = locate(root)
    raw, problems = _read(found), _Problems(str(found) if found else "")
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    own: dict[str, dict[str, Any]] = {}
    _file(raw, values, own, sources, problems, version_wanted=found is not None and not found.table)
    _variables(environ, values, own, sources, problems)
    for name, value in overrides.items():
        _set(Options, name, value, f"--{name.replace('_', '-')}", values, sources, problems)
    values["targets"] = _triples(values.get("targets", ()), problems)
    problems.fail()
    return Config(**values, own=own, sources=sources, place=str(found) if found else "")


def locate(root: Path) -> Place | None:
    """
    Return the nearest configuration upward from a folder, not further than the top of its repository.

    Raises:
        ConfigError: one folder holds two.
    """
    for folder in (root, *root.parents):
        places = list(_places(folder))
        if len(places) > 1:
            names = " and ".join(map(str, places))
            raise ConfigError(f"{folder} holds two configurations", why=names, hint="keep one of them; nothing is merged")
        if places:
            return places[0]
        if (folder / ".git").exists():
            return None
    return None


def _places(folder: Path) -> Iterator[Place]:
    if (folder / FILE).is_file():
        yield Place(path=folder / FILE)
    for name, tables in (
        ("pyproject.toml", (("tool", "crosstasks"),)),
        ("Cargo.toml", (("workspace", "metadata", "crosstasks"), ("package", "metadata", "crosstasks"))),
    ):
        path = folder / name
        text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
        if "crosstasks" in text:
            raw = _toml(path, text)
            yield from (Place(path=path, table=table) for table in tables if _dig(raw, table) is not None)


def _dig(raw: Any, table: Sequence[str]) -> Any:
    for key in table:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw


def _toml(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML", problems=(str(error),), hint=f"the file is {path}") from error


def _read(place: Place | None) -> dict[str, Any]:
    if place is None:
        return {}
    raw = _dig(_toml(place.path, place.path.read_text("utf-8")), place.table)
    if not isinstance(raw, dict):
        raise ConfigError(f"{place} is no table")
    return raw


class _Problems:
    """Gathers what is wrong, and fails once."""

    def __init__(self, place: str) -> None:
        self.place, self.found = place, list[str]()

    def add(self, where: str, what: str) -> None:
        self.found.append(f"{where}: {what}")

    def unknown(self, where: str, name: str, known: Sequence[str]) -> None:
        from difflib import get_close_matches

        near = get_close_matches(name, known, n=1, cutoff=0.5)
        self.add(where, f"unknown option{f', perhaps {near[0]!r}' if near else ''}")

    def fail(self) -> None:
        if self.found:
            raise ConfigError("the configuration is wrong", problems=self.found, hint="docs/config.md has every option")


def _file(
    raw: Mapping[str, Any],
    values: dict[str, Any],
    own: dict[str, dict[str, Any]],
    sources: dict[str, str],
    problems: _Problems,
    *,
    version_wanted: bool,
) -> None:
    place = problems.place
    if version_wanted and raw.get("version") != 1:
        problems.add(f"{place}: version", "must be 1")
    for key, value in raw.items():
        if key == "target":
            _tables(value, own, sources, problems)
        elif key == "release":
            _release(value, values, problems)
        elif key != "version":
            _set(Options, key.replace("-", "_"), value, place, values, sources, problems, shown=key)


def _tables(tables: Any, own: dict[str, dict[str, Any]], sources: dict[str, str], problems: _Problems) -> None:
    if not isinstance(tables, dict):
        problems.add(f"{problems.place}: target", "must be a table of targets")
        return
    for name, table in tables.items():
        where = f"target.{name}"
        triple = _triple(name, f"{problems.place}: {where}", problems)
        if triple in own:
            problems.add(f"{problems.place}: {where}", f"{triple} has two tables")
        if not triple or not isinstance(table, dict):
            continue
        values: dict[str, Any] = {}
        for key, value in table.items():
            field = key.replace("-", "_")
            _set(TargetOptions, field, value, problems.place, values, sources, problems, shown=f"{where}.{key}", stored=f"{triple}.{field}")
        own[triple] = values


def _release(table: Any, values: dict[str, Any], problems: _Problems) -> None:
    if not isinstance(table, dict):
        problems.add(f"{problems.place}: release", "must be a table")
        return
    given: dict[str, Any] = {}
    for key, value in table.items():
        _set(Release, key.replace("-", "_"), value, problems.place, given, {}, problems, shown=f"release.{key}")
    values["release"] = Release(**given)


def _set(  # noqa: PLR0913
    model: type[Struct],
    name: str,
    value: Any,
    source: str,
    values: dict[str, Any],
    sources: dict[str, str],
    problems: _Problems,
    *,
    shown: str = "",
    stored: str = "",
) -> None:
    """Convert one value, field by field: msgspec stops at the first error of a document."""
    shown = f"{source}: {shown}" if shown else source
    kinds = _kinds(model)
    if name not in kinds or "_" in shown.rpartition(": ")[2].replace("CROSSTASKS_", "").rpartition(".")[2] and not source.startswith("CROSSTASKS_"):
        problems.unknown(shown, name.replace("_", "-"), [one.replace("_", "-") for one in kinds])
        return
    try:
        values[name] = msgspec.convert(value, kinds[name])
    except msgspec.ValidationError as error:
        problems.add(shown, _plainly(str(error), value, kinds[name]))
    sources[stored or name] = source


def _plainly(said: str, value: Any, kind: Any) -> str:
    allowed = getattr(kind, "__args__", ())
    words = [repr(one) for one in allowed if isinstance(one, str)]
    if words:
        return f"{value!r} is not one of {', '.join(words)}"
    return f"{said[0].lower()}{said[1:]}"


def _kinds(model: type[Struct]) -> Mapping[str, Any]:
    from typing import get_type_hints

    known: Mapping[str, Any] | None = _KINDS.get(model)
    if known is None:
        known = _KINDS[model] = get_type_hints(model, include_extras=True)
    return known


_KINDS: Final[dict[type, Mapping[str, Any]]] = {}


def _variables(
    environ: Mapping[str, str], values: dict[str, Any], own: dict[str, dict[str, Any]], sources: dict[str, str], problems: _Problems
) -> None:
    for name in sorted(name for name in environ if name.startswith("CROSSTASKS_") and name not in OURS):
        key = name.removeprefix("CROSSTASKS_").lower()
        if key.startswith("target_"):
            _target_variable(name, key.removeprefix("target_"), environ[name], own, sources, problems)
        else:
            _set(Options, key, _typed(Options, key, environ[name]), name, values, sources, problems)


def _target_variable(
    name: str, key: str, text: str, own: dict[str, dict[str, Any]], sources: dict[str, str], problems: _Problems
) -> None:
    for triple in targets.catalogue():
        prefix = triple.lower().replace("-", "_").replace(".", "_") + "_"
        if key.startswith(prefix) and key.removeprefix(prefix) in _kinds(TargetOptions):
            option = key.removeprefix(prefix)
            value = _typed(TargetOptions, option, text)
            _set(TargetOptions, option, value, name, own.setdefault(triple, {}), sources, problems, stored=f"{triple}.{option}")
            return
    problems.add(name, "names no target and option; it is CROSSTASKS_TARGET_<TRIPLE>_<OPTION>")


def _typed(model: type[Struct], key: str, text: str) -> Any:
    """Read a variable as what the option wants: a list, a number, yes or no, or text."""
    kind = str(_kinds(model).get(key, ""))
    if kind.startswith("tuple"):
        return [word for word in text.replace(",", " ").split() if word]
    if "bool" in kind and text.lower() in {"1", "true", "yes", "0", "false", "no"}:
        return text.lower() in {"1", "true", "yes"}
    return float(text) if "float" in kind and text.replace(".", "", 1).isdigit() else text


def _triples(names: Sequence[str], problems: _Problems) -> tuple[str, ...]:
    triples: list[str] = []
    for number, name in enumerate(names):
        where = f"{problems.place or 'targets'}: targets[{number}]" if problems.place else f"targets[{number}]"
        triple = _triple(name, where, problems)
        if triple in triples:
            problems.add(where, f"{triple} stands there twice")
        elif triple:
            triples.append(triple)
    return tuple(triples)


def _triple(name: str, where: str, problems: _Problems) -> str:
    try:
        return targets.find(name).triple
    except ConfigError as error:
        problems.add(where, ", ".join(filter(None, (error.what, error.why))))
        return ""
