"""Pure: the values that the file, the variables and the command line give, converted one by one.

msgspec stops at the first error of a document, and users want to see all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from ..catalog import targets
from . import target_names
from .options import Model, Options, Release, TargetOptions, form
from .places import Place
from .problems import Problems, Where, dotted
from .variables import Slot, slots, unknown, words

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
        path, key: the file, and the key in it; empty for what stands in none.
    """

    name: str = "default"
    rank: int = 0
    path: str = ""
    key: str = ""

    def __str__(self) -> str:
        return self.name


class Reading:
    """Gather values, the later ones over the earlier.

    Attributes:
        values: of the top level, by field; ``own`` those of single targets, ``release`` those of ``[release]``.
        sources: where each came from, by ``field``, ``triple.field`` or ``release.field``.
    """

    def __init__(self, problems: Problems) -> None:
        """Begin with nothing."""
        self.values: dict[str, Any] = {}
        self.own: dict[str, dict[str, Any]] = {}
        self.release: dict[str, Any] = {}
        self.sources: dict[str, Source] = {}
        self._problems = problems

    def file(self, place: Place, raw: Any) -> None:
        """Take what the file says."""
        if not isinstance(raw, dict):
            self._problems.add((), "must be a table")
            return
        self._version(raw, wanted=not place.table)
        for key, value in raw.items():
            if key == "target":
                self._targets(value, place)
            elif key == "release":
                self._table(Release, value, ("release",), place)
            elif key != "version":
                self._keyed(Slot(Options, key), value, (key,), place)

    def _version(self, raw: Mapping[str, Any], *, wanted: bool) -> None:
        version = raw.get("version")
        if version is None and wanted:
            self._problems.add((), "`version = 1` is missing")
        elif version is not None and (type(version) is not int or version != 1):
            self._problems.add(("version",), f"{version!r} is not supported; this crosstasks reads version 1")

    def _targets(self, tables: Any, place: Place) -> None:
        if not isinstance(tables, dict):
            self._problems.add(("target",), "must be a table that holds one for each target")
            return
        seen: dict[str, str] = {}
        for name, table in tables.items():
            triple = target_names.triple(name, ("target", name), self._problems)
            if triple in seen:
                self._problems.add(("target", name), f"is the same target as {dotted(('target', seen[triple]))}")
            elif triple:
                seen[triple] = name
            # looked at even if there is no such target: all problems are told at once
            self._table(TargetOptions, table, ("target", name), place, triple)

    def _table(self, model: Model, table: Any, path: tuple[str, ...], place: Place, triple: str = "") -> None:
        if not isinstance(table, dict):
            self._problems.add(path, "must be a table")
            return
        for key, value in table.items():
            self._keyed(Slot(model, key, triple), value, (*path, key), place)

    def _keyed(self, slot: Slot, value: Any, path: tuple[str, ...], place: Place) -> None:
        source = Source(name=place.path.name, rank=FILE, path=str(place.path), key=dotted((*place.table, *path)))
        self._put(slot, value, source, path)

    def variables(self, environ: Mapping[str, str]) -> None:
        """Take what ``CROSSTASKS_*`` variables say; an empty one counts as not set."""
        seen: dict[Slot, str] = {}
        for name, text, slot in slots(environ):
            if slot is None:
                self._problems.add(name, unknown(name))
            elif slot in seen:
                self._problems.add(name, f"says the same as {seen[slot]}; keep one of them")
            else:
                seen[slot] = name
                self._put(slot, words(slot, text), Source(name=name, rank=VARIABLE), name, strict=False)

    def command_line(self, overrides: Mapping[str, Any]) -> None:
        """Take what the command line says; None counts as not given, and text is read as that of a variable."""
        for name, value in overrides.items():
            slot = Slot(Options, name.replace("_", "-"))
            option = f"--{slot.key}"
            if value is not None:
                text = isinstance(value, str)
                given = words(slot, value) if text else value
                self._put(slot, given, Source(name=option, rank=COMMAND_LINE), option, strict=not text)

    def _put(self, slot: Slot, value: Any, source: Source, where: Where, *, strict: bool = True) -> None:
        field = FIELDS[slot.model].get(slot.key)
        if field is None:
            self._problems.unknown(where, slot.model, slot.key)
            return
        try:
            converted = getattr(msgspec.convert({slot.key: value}, slot.model, strict=strict), field)
            _check(converted, form(slot.model, field))
        except msgspec.ValidationError as error:
            self._problems.wrong(where, slot.model, slot.key, value, error)
            return
        if slot.key == "targets":
            converted = target_names.triples(converted, where, self._problems)
        if slot.key == "glibc" and converted and slot.triple and targets.catalogue()[slot.triple].libc != "gnu":
            self._problems.add(where, f"{slot.triple} has no glibc")
        self._store(slot, field, converted, source)

    def _store(self, slot: Slot, field: str, value: Any, source: Source) -> None:
        if slot.model is Release:
            self.release[field] = value
            self.sources[f"release.{field}"] = source
        elif slot.model is TargetOptions:
            self.own.setdefault(slot.triple, {})[field] = value
            self.sources[f"{slot.triple}.{field}"] = source
        else:
            self.values[field] = value
            self.sources[field] = source


def _check(value: Any, pattern: str) -> None:
    """Refuse a text of another form as msgspec would: it searches, and says so in these words."""
    if pattern and not re.search(pattern, value):
        raise msgspec.ValidationError(f"Expected `str` matching regex {pattern!r}")
