"""Pure: the names of ``CROSSTASKS_*`` variables, and their texts read as what an option wants."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from ..catalog import targets
from .options import Model, Options, Release, TargetOptions
from .problems import likely

PREFIX: Final = "CROSSTASKS_"
TARGET: Final = f"{PREFIX}TARGET_"

CHANGED_SINCE: Final = "CROSSTASKS_CHANGED_SINCE"
"""What ``--changed-since`` is for Nox."""

OURS: Final = ("CROSSTASKS_CACHE_DIR", CHANGED_SINCE, "CROSSTASKS_CODE_QUALITY", "CROSSTASKS_REPORT")
"""Variables of ours that are no option."""


WHOLE: Final = ("pre-build",)
"""Lists whose items hold spaces: a text is one item."""

COMMANDS: Final = ("hooks",)
"""Lists of commands: a text is one of them, split as a shell splits words."""


class Slot(NamedTuple):
    """What a value is for: an option of a model, written as in the file, and the target if it is for one only."""

    model: Model
    key: str
    triple: str = ""


def slots(environ: Mapping[str, str]) -> Iterator[tuple[str, str, Slot | None]]:
    """Return the variables that are set, each with its text and what it is for; None if we know no such variable."""
    for name in sorted(environ):
        text = environ[name].strip()
        if name.startswith(PREFIX) and name not in OURS and text:
            yield name, text, slot(name)


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
    found = _named(name, PREFIX, Options) or _named(name, f"{PREFIX}RELEASE_", Release)
    if found or not name.startswith(TARGET):
        return found
    for prefix, triple in _prefixes():
        found = _named(name, prefix, TargetOptions)
        if found:
            return found._replace(triple=triple)
    return None


def _named(name: str, prefix: str, model: Model) -> Slot | None:
    if not name.startswith(prefix):
        return None
    rest = name.removeprefix(prefix)
    return next((Slot(model, key) for key in model.__struct_encode_fields__ if variable(key) == rest), None)


def variable(word: str) -> str:
    """Return an option, a triple or an alias as it stands in the names of variables."""
    return word.upper().replace("-", "_").replace(".", "_")


def _prefixes() -> Iterator[tuple[str, str]]:
    for row in targets.catalogue().values():
        for name in (row.triple, *row.aliases):
            yield f"{TARGET}{variable(name)}_", row.triple


def unknown(name: str) -> str:
    """Say that we know no such variable, and which one was likely meant."""
    if name.startswith(TARGET):
        prefix = max((prefix for prefix, _ in _prefixes() if name.startswith(prefix)), key=len, default="")
        if not prefix:
            return "names no target; it is CROSSTASKS_TARGET_<TRIPLE>_<OPTION>"
        return f"unknown variable{likely(name, (f'{prefix}{variable(key)}' for key in TargetOptions.__struct_encode_fields__))}"
    known = (f"{PREFIX}{variable(key)}" for key in Options.__struct_encode_fields__)
    release = (f"{PREFIX}RELEASE_{variable(key)}" for key in Release.__struct_encode_fields__)
    return f"unknown variable{likely(name, (*known, *release, *OURS))}"


def words(slot: Slot, text: str) -> Any:
    """Read a text as what the option wants: words between commas or spaces for a list, else the text itself."""
    if slot.key in WHOLE:
        return [text.strip()]
    if slot.key in COMMANDS:
        return [shlex.split(text)]
    if isinstance(_default(slot), tuple):
        return text.replace(",", " ").split()
    return text.strip()


def _default(slot: Slot) -> Any:
    defaults = dict(zip(slot.model.__struct_encode_fields__, slot.model.__struct_defaults__, strict=True))
    return defaults.get(slot.key)
