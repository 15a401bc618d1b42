"""Look: the values that the file, the variables and the command line give, converted one by one.

msgspec stops at the first error of a document, and users want to see all of them.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import msgspec
from msgspec import Struct

from ..catalog import targets
from ..catalog.machines import host_triple
from ..catalog.targets import Target
from ..core.errors import ConfigError
from ..core.steps import Absent, Verb
from .documents import Document, Problems, Where, dotted_key, likely
from .options import Model, Options, Release, TargetOptions

HOST = "host"

GLIBC: Final = "2.44"
"""The newest glibc that there is, of August 2026; a higher one is a slip of the pen. Two come out every year: https://sourceware.org/glibc"""


def find(name: str, folder: Path) -> Target:
    """Return the target of a triple, of an alias, or of a file in JSON that is seen from *folder*; a ConfigError if there is none."""
    if name.endswith(".json"):
        from ..catalog import specifications

        return specifications.declare(name, folder)
    return targets.find(name)


def triples(names: Sequence[str], folder: Path, where: Where, problems: Problems) -> tuple[str, ...]:
    """Return the triples of names, each once; a target that is named twice is a problem, unless ``host`` is one of the names."""
    names_by_triple: dict[str, str] = {}
    for number, name in enumerate(names):
        try:
            triple = triple_of(name, folder)
        except ConfigError as error:
            problems.add(where, (": " if name == HOST else ", ").join(filter(None, (error.what, error.why))), f"[{number}]")
            continue
        first = names_by_triple.get(triple)
        if first is None:
            names_by_triple[triple] = name
        elif HOST not in {first, name}:
            again = "is listed twice" if first == name else f"is the same target as {first!r}"
            problems.add(where, f"{name!r} {again}", f"[{number}]")
    return tuple(names_by_triple)


def host() -> str | Absent:
    """Return the triple of this machine, as Rust's programs would name it; no program is asked."""
    from ..core.looking import Platform

    return host_triple(Platform.here(), musl=any(Path("/lib").glob("ld-musl-*.so.1")))


def triple_of(name: str, folder: Path) -> str:
    """Return the triple that a name of the command line, or of the user's code, stands for: as ``find``, and ``host`` is one too."""
    if name != HOST:
        return find(name, folder).triple
    triple = host()
    if isinstance(triple, str) and triple in targets.catalogue():
        return triple
    why = triple.why if isinstance(triple, Absent) else f"it is {triple}, which the catalogue does not have"
    raise ConfigError("'host' is not a target here", why=why, hint="`crosstasks tools.targets` lists all")


def triples_of(names: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Return the triples that such names stand for, each once."""
    return tuple(dict.fromkeys(triple_of(name, folder) for name in names))


def verb(text: str, where: str = "the verb") -> Verb:
    """Return what is to be done with a target; a ConfigError if that cannot be done."""
    known: tuple[Verb, ...] = get_args(Verb)
    if text not in known:
        raise ConfigError(f"{where} is {' or '.join(known)}, not {text!r}{likely(text, known)}")
    return known[known.index(text)]


PREFIX: Final = "CROSSTASKS_"

TARGET: Final = f"{PREFIX}TARGET_"

CHANGED_SINCE: Final = "CROSSTASKS_CHANGED_SINCE"
"""What ``--changed-since`` is for Nox."""

OTHER_VARIABLES: Final = ("CROSSTASKS_CACHE_DIR", CHANGED_SINCE, "CROSSTASKS_CODE_QUALITY", "CROSSTASKS_REPORT")
"""Variables of ours that are no option."""

ONE_ITEM: Final = ("pre-build",)
"""Lists whose items hold spaces: a text is one item."""

COMMANDS: Final = ("hooks",)
"""Lists of commands: a text is one of them, split as a shell splits words."""


class Slot(NamedTuple):
    """What a value is for: an option of a model, written as in the file, and the target if it is for one only."""

    model: Model
    key: str
    triple: str = ""


def slot(name: str) -> Slot | None:
    """Return what a variable is for.

    =======================================================  ================================
    variable                                                 option
    =======================================================  ================================
    ``CROSSTASKS_GIT_URL``                                   ``git-url``
    ``CROSSTASKS_RELEASE_DIST``                              ``dist`` in ``[release]``
    ``CROSSTASKS_TARGET_AARCH64_GLIBC``                      ``glibc`` in ``[target.aarch64]``
    ``CROSSTASKS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_GLIBC``    the same
    =======================================================  ================================
    """
    for prefix, model, triple in _prefixes(name):
        for key in model.__struct_encode_fields__ if name.startswith(prefix) else ():
            if name == f"{prefix}{targets.variable(key)}":
                return Slot(model, key, triple)
    return None


def _prefixes(name: str) -> Iterator[tuple[str, Model, str]]:
    """Give what a variable may begin with, and of what the rest is an option: of a model, of a target."""
    yield PREFIX, Options, ""
    yield f"{PREFIX}RELEASE_", Release, ""
    for row in targets.catalogue().values() if name.startswith(TARGET) else ():
        for word in (row.triple, *row.aliases):
            yield f"{TARGET}{targets.variable(word)}_", TargetOptions, row.triple


def unknown(name: str) -> str:
    """Say that we know no such variable, and which one was likely meant."""
    known = [(prefix, model) for prefix, model, _ in _prefixes(name)]
    others: Sequence[str] = OTHER_VARIABLES
    if name.startswith(TARGET):
        of_target = [(prefix, model) for prefix, model in known if model is TargetOptions and name.startswith(prefix)]
        if not of_target:
            return "names no target; it is CROSSTASKS_TARGET_<TRIPLE>_<OPTION>"
        known, others = [max(of_target, key=lambda row: len(row[0]))], ()
    names = (f"{prefix}{targets.variable(key)}" for prefix, model in known for key in model.__struct_encode_fields__)
    return f"unknown variable{likely(name, (*names, *others))}"


def words(slot: Slot, text: str) -> Any:
    """Read a text as what the option wants: words between commas or spaces for a list, else the text itself."""
    if slot.key in ONE_ITEM:
        return [text.strip()]
    if slot.key in COMMANDS:
        return [shlex.split(text)]
    defaults = dict(zip(slot.model.__struct_encode_fields__, slot.model.__struct_defaults__, strict=True))
    return text.replace(",", " ").split() if isinstance(defaults.get(slot.key), tuple) else text.strip()


FILE, VARIABLE, COMMAND_LINE = 1, 2, 3
"""The rank of a source: a higher one wins."""

FIELDS: Final[Mapping[Model, Mapping[str, str]]] = {
    model: dict(zip(model.__struct_encode_fields__, model.__struct_fields__, strict=True)) for model in (Options, TargetOptions, Release)
}
"""The fields of options, by the key that users write."""


class Source(Struct, frozen=True, kw_only=True):
    """Where a value came from.

    Attributes:
        name: what users know it by: ``crosstasks.toml``, ``CROSSTASKS_CROSS``, ``--cross`` or ``default``.
        rank: a source with a higher one wins.
        path, keys: the file, and the whole path of the key in it; empty for what stands in none.
    """

    name: str = "default"
    rank: int = 0
    path: str = ""
    keys: tuple[str, ...] = ()


class Reader:
    """Gather values, the later ones over the earlier.

    Attributes:
        values: of the top level, by field; ``by_target`` those of single targets, ``release`` those of ``[release]``.
        sources: where each came from, by ``field``, ``triple.field`` or ``release.field``.
        all_targets: the targets of the file.
    """

    def __init__(self, problems: Problems, root: Path) -> None:
        """Begin with nothing; files that variables and options name are seen from *root*."""
        self.values: dict[str, Any] = {}
        self.by_target: dict[str, dict[str, Any]] = {}
        self.release: dict[str, Any] = {}
        self.sources: dict[str, Source] = {}
        self.all_targets: tuple[str, ...] = ()
        self._problems = problems
        self._root = root

    def file(self, place: Document) -> None:
        """Take what the file says."""
        raw = place.raw
        if not isinstance(raw, dict):
            self._problems.add((), "must be a table")
            return
        self._version(raw, required=not place.table)
        for key, value in sorted(raw.items(), key=lambda item: item[0] != "targets"):  # what a file describes may have a table
            if key == "target":
                self._targets(value, place)
            elif key == "release":
                self._table(Release, value, ("release",), place)
            elif key != "version":
                self._option(Slot(Options, key), value, (key,), place)

    def _version(self, raw: Mapping[str, Any], *, required: bool) -> None:
        version = raw.get("version")
        if version is None and required:
            self._problems.add((), "`version = 1` is missing")
        elif version is not None and (type(version) is not int or version != 1):
            self._problems.add(("version",), f"{version!r} is not supported; this crosstasks reads version 1")

    def _targets(self, tables: Any, place: Document) -> None:
        if not isinstance(tables, dict):
            self._problems.add(("target",), "must be a table that holds one for each target")
            return
        names: dict[str, str] = {}
        for name, table in tables.items():
            triple = ""
            try:
                triple = find(name, place.path.parent).triple
            except ConfigError as error:
                self._problems.add(("target", name), ", ".join(filter(None, (error.what, error.why))))
            if triple and (first := names.setdefault(triple, name)) != name:
                self._problems.add(("target", name), f"is the same target as {dotted_key(('target', first))}")
            # looked at even if there is no such target: all problems are told at once
            self._table(TargetOptions, table, ("target", name), place, triple)

    def _table(self, model: Model, table: Any, path: tuple[str, ...], place: Document, triple: str = "") -> None:
        if not isinstance(table, dict):
            self._problems.add(path, "must be a table")
            return
        for key, value in table.items():
            self._option(Slot(model, key, triple), value, (*path, key), place)

    def _option(self, slot: Slot, value: Any, path: tuple[str, ...], place: Document) -> None:
        source = Source(name=place.path.name, rank=FILE, path=str(place.path), keys=(*place.table, *path))
        self._put(slot, value, source, path)

    def variables(self, environ: Mapping[str, str]) -> None:
        """Take what ``CROSSTASKS_*`` variables say; an empty one counts as not set."""
        names: dict[Slot, str] = {}
        ours = (name for name, text in environ.items() if name.startswith(PREFIX) and text.strip())
        for name in sorted(set(ours).difference(OTHER_VARIABLES)):
            option = slot(name)
            if option is None:
                self._problems.add(name, unknown(name))
            elif option in names:
                self._problems.add(name, f"says the same as {names[option]}; keep one of them")
            else:
                names[option] = name
                self._put(option, words(option, environ[name]), Source(name=name, rank=VARIABLE), name, strict=False)

    def command_line(self, overrides: Mapping[str, Any]) -> None:
        """Take what the command line says; None counts as not given, and text is read as that of a variable."""
        for name, value in overrides.items():
            slot = Slot(Options, name.replace("_", "-"))
            option = f"--{slot.key}"
            if value is not None:
                text = isinstance(value, str)
                converted = words(slot, value) if text else value
                self._put(slot, converted, Source(name=option, rank=COMMAND_LINE), option, strict=not text)

    def _put(self, slot: Slot, value: Any, source: Source, where: Where, *, strict: bool = True) -> None:
        field = FIELDS[slot.model].get(slot.key)
        if field is None:
            self._problems.unknown(where, slot.model, slot.key)
            return
        try:
            converted = getattr(msgspec.convert({slot.key: value}, slot.model, strict=strict), field)
        except msgspec.ValidationError as error:
            self._problems.wrong(where, slot.model, slot.key, value, error)
            return
        if slot.key == "targets":
            folder = Path(source.path).parent if source.path else self._root
            converted = triples(converted, folder, where, self._problems)
            self.all_targets = converted if source.rank == FILE else self.all_targets
        if slot.key == "glibc" and converted:
            self._glibc(converted, slot.triple, where)
        self._store(slot, field, converted, source)

    def _glibc(self, glibc: str, triple: str, where: Where) -> None:
        if triple and targets.catalogue()[triple].libc != "gnu":
            self._problems.add(where, f"{triple} has no glibc")
        if tuple(map(int, glibc.split("."))) > tuple(map(int, GLIBC.split("."))):
            self._problems.add(where, f"there is no glibc {glibc}; the newest is {GLIBC}")

    def _store(self, slot: Slot, field: str, value: Any, source: Source) -> None:
        if slot.model is Release:
            self.release[field] = value
            self.sources[f"release.{field}"] = source
        elif slot.model is TargetOptions:
            self.by_target.setdefault(slot.triple, {})[field] = value
            self.sources[f"{slot.triple}.{field}"] = source
        else:
            self.values[field] = value
            self.sources[field] = source
