"""Look: crosstasks.lock, what each target was resolved to on each platform of an engine; ``lock`` makes it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct, structs

from ..core import looking, toml_file
from ..core.errors import ConfigError
from ..core.looking import BaseFacts, Look
from ..core.steps import Absent, Question
from .engine import Engine

FILE: Final = "crosstasks.lock"
NO_ENGINE: Final = "none"
"""The platform of a machine without an engine."""

HINT: Final = "`crosstasks offline.lock --update` takes what is resolved now, and keeps the other platforms"


class LockRow(Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True, omit_defaults=True):
    """One row: what a target is built with.

    Attributes:
        builder: ``cross``, ``zigbuild`` or ``cargo``.
        flavour, revision: of cross; the revision only of ``git``.
        tool: the version of a builder that is not cross.
        image: its reference with the tag, as upstream or the user names it.
        platform: the image's, which is another than the engine's under emulation.
        digest: of an image of a registry: of the index, if there is one.
        recipe: of an image built here, the hash of what it is made of.
        toolchain, toolchain_source: the release of Rust, and whether ``rustup``'s or ``debian``'s.
        glibc: what artifacts need at most.
    """

    builder: Literal["cross", "zigbuild", "cargo", "xwin"]
    flavour: str = ""
    revision: str = ""
    tool: str = ""
    image: str = ""
    platform: str = ""
    digest: str = ""
    recipe: str = ""
    toolchain: str
    toolchain_source: str = ""
    glibc: str = ""


class Lock(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file: rows by triple and by platform of the engine."""

    version: Literal[1] = 1
    target: Mapping[str, Mapping[str, LockRow]] = {}

    def on(self, platform: str) -> dict[str, LockRow]:
        """Return the rows of one platform, by triple."""
        return {triple: rows[platform] for triple, rows in self.target.items() if platform in rows}

    def merge(self, platform: str, rows: Mapping[str, LockRow]) -> Lock:
        """Put rows of one platform in the place of what was there; those of other platforms, and targets, stay."""
        targets = {triple: dict(by_platform) for triple, by_platform in self.target.items()}
        for triple, row in rows.items():
            targets.setdefault(triple, {})[platform] = row
        return structs.replace(self, target=targets)

    def without(self, platform: str, triples: Collection[str]) -> Lock:
        """Take the rows of some targets on one platform away."""
        targets = {
            triple: {name: row for name, row in rows.items() if name != platform or triple not in triples}
            for triple, rows in self.target.items()
        }
        return structs.replace(self, target={triple: rows for triple, rows in targets.items() if rows})

    def only(self, triples: Collection[str]) -> Lock:
        """Keep the rows of these targets, on every platform."""
        return structs.replace(self, target={triple: rows for triple, rows in self.target.items() if triple in triples})


def place(config_place: str, root: Path) -> Path:
    """Return where the file is: beside the configuration, else in the project's folder."""
    return (Path(config_place).parent if config_place else root) / FILE


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Lock | Absent:
    """Read the file; one that is not there locks nothing."""
    path = place(look.config_place, look.cwd)
    return read(path) if path.exists() else Lock()


def read(path: Path) -> Lock:
    """Read a lock.

    Raises:
        ConfigError: it is no lock, or of another version.
    """
    try:
        return looking.convert(toml_file.read(path), Lock)
    except msgspec.ValidationError as error:
        hint = f"`crosstasks offline.lock` of the version that wrote it reads it; without the file, {FILE} is made anew"
        raise ConfigError(f"{path} cannot be read", why=str(error), hint=hint) from error


def lock(facts: BaseFacts) -> Lock:
    """Return the lock; an empty one if nobody asked.

    Raises:
        ConfigError: the file cannot be read.
    """
    answer = facts.get(Question("lock"))
    if isinstance(answer, Absent):
        raise ConfigError(answer.why, hint=answer.hint)
    return answer or Lock()


def platform(facts: BaseFacts) -> str:
    """Return the platform whose rows hold here."""
    return facts["engine"].platform if isinstance(facts["engine"], Engine) else NO_ENGINE


def row(facts: BaseFacts, triple: str) -> LockRow | None:
    """Return what is locked for a target here; None if nothing is."""
    return lock(facts).on(platform(facts)).get(triple)


def differs(name: str, kept: str, value: str) -> str:
    """Say what is locked, and what would be instead."""
    return f"{FILE} holds {name.replace('_', '-')} {kept or 'none'}, and this is {value or 'none'}"


def release(facts: BaseFacts) -> tuple[str, str]:
    """Return the locked toolchain, its release and source: one for all targets; empty if none is locked."""
    rows = lock(facts).on(platform(facts)).values()
    return next(((row.toolchain, row.toolchain_source) for row in rows), ("", ""))
