"""Pure: LOOK. What is found out about the machine, the engine, the network and the repository; one question, one reader each.

A fact's module has ``ASK`` (what is run or read), ``parse`` (the answer in, the fact out), and ``ask``, which puts the
two together with what it is lent in a ``Look``. A new fact is one file here, one word in ``steps.About`` and one row of ``ASKERS``.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from ..core.errors import CrosstasksError, DiskFull
from ..core.steps import About, Absent, Failure, Question, Runner
from ..project import repository
from ..project.repository import Repository
from . import builders, debian, emulation, engine, host, inventory, lock, probes, registry, rustup
from .answer_cache import absent
from .builders import Builders
from .emulation import Emulation
from .engine import Engine
from .host import Host, Platform
from .inventory import Provided
from .rustup import Rustup

if TYPE_CHECKING:
    from ..config.configuration import Config

Versions: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""What apt offers: the versions of a package for an architecture, newest first."""


def _no_registry(ref: str, _engine: Engine | None, _timeout: float) -> object:
    raise CrosstasksError(f"{ref} was not looked up: no door to registries was given")


def _no_fetch(url: str, _timeout: float, _until: str) -> str:
    raise CrosstasksError(f"{url} was not fetched: no door to the network was given")


def _no_names(_own: str, _suite: str, _architecture: str, _names: Sequence[str]) -> Mapping[str, str]:
    raise CrosstasksError("apt was not asked: no door to it was given")


def _no_versions(_wanted: Sequence[tuple[str, str]]) -> Versions:
    raise CrosstasksError("apt was not asked: no door to it was given")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What looking needs: the doors, and where things lie.

    Attributes:
        run: the door to programs.
        environ: the user's environment.
        cwd: the project's folder; *manifest* is the Cargo.toml to use, relative to it, or empty to look for one.
        cache: our cache folder.
        home: the user's.
        engine: as configured: ``""`` or ``auto``, ``docker``, ``podman``, or a path.
        config_place: the file of the configuration, beside which the lock is; empty without one.
        offline: ask the network nothing.
        timeout: seconds that a network question may take.
        registry: the door to registries: a reference, the engine to ask through, seconds.
        fetch: the door to web servers: an address, seconds, and a text after whose line reading may stop.
        debian_versions: the door to apt: packages with an architecture each.
        debian_lacking: the door to what apt's sources lack: the machine's suite, the one to ask, an architecture, names.
        terminal: tells whether the user can be asked.
        root: of the file system, and *platform* and *now* what Python says of machine and time; tests give others.
    """

    run: Runner
    environ: Mapping[str, str]
    cwd: Path
    cache: Path
    home: Path
    manifest: str = ""
    engine: str = ""
    config_place: str = ""
    offline: bool = False
    timeout: float = 10.0
    registry: Callable[[str, Engine | None, float], object] = _no_registry
    fetch: Callable[[str, float, str], str] = _no_fetch
    debian_versions: Callable[[Sequence[tuple[str, str]]], Versions] = _no_versions
    debian_lacking: Callable[[str, str, str, Sequence[str]], Mapping[str, str]] = _no_names
    terminal: Callable[[], bool] = lambda: False
    root: Path = Path("/")
    platform: Callable[[], Platform] = Platform.here
    now: Callable[[], float] = time.time

    @classmethod
    def make(cls, cwd: Path, cache: Path, config: Config, environ: Mapping[str, str], run: Runner, **doors: Any) -> Look:
        """Take from the configuration what looking needs; *doors* are those of ``doors.made``."""
        return cls(
            run=run,
            environ=environ,
            cwd=cwd,
            cache=cache,
            home=Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home()),
            engine=config.engine,
            config_place=config.place,
            offline=config.offline,
            timeout=config.network_timeout,
            **doors,
        )

    def which(self, name: str) -> str:
        """Return the path of a program on the user's PATH; empty if there is none."""
        return shutil.which(name, path=self.environ.get("PATH", os.defpath)) or ""

    @property
    def path(self) -> tuple[Path, ...]:
        """Return the folders of the user's PATH, each once."""
        folders = self.environ.get("PATH", os.defpath).split(os.pathsep)
        return tuple(dict.fromkeys(Path(folder) for folder in folders if folder))


class Facts(Struct, frozen=True, kw_only=True):
    """What is known by now. A fact that was never asked for is no fact: to read it is a mistake in the program."""

    answers: Mapping[Question, Any] = {}
    failures: tuple[Failure, ...] = ()

    def __getitem__(self, about: About) -> Any:
        """
        Return the fact of a question without a subject, or why it is absent.

        Raises:
            KeyError: nobody asked.
        """
        return self.answers[Question(about)]

    def get(self, question: Question) -> Any:
        """Return the answer to a question; None if nobody asked it."""
        return self.answers.get(question)

    def open(self, *abouts: About) -> tuple[Question, ...]:
        """Return those questions that nobody has asked yet."""
        return tuple(question for question in map(Question, abouts) if question not in self.answers)

    def with_(self, answers: Mapping[Question, Any]) -> Facts:
        """Return these facts and more."""
        return replace(self, answers={**self.answers, **answers})

    @property
    def host(self) -> Host:
        """Return the machine; a host that we do not know ends the call here."""
        found: Host | Absent = self["host"]
        if isinstance(found, Absent):
            raise CrosstasksError("this machine is not supported", why=found.why, hint=found.hint)
        return found

    @property
    def provided(self) -> Provided:
        """Return what lies in our cache."""
        found: Provided = self["provided"]
        return found

    @property
    def engine(self) -> Engine | Absent:
        """Return the container engine."""
        found: Engine | Absent = self["engine"]
        return found

    @property
    def emulation(self) -> Emulation | Absent:
        """Return which foreign programs run here."""
        found: Emulation | Absent = self["emulation"]
        return found

    @property
    def rustup(self) -> Rustup | Absent:
        """Return the user's rustup."""
        found: Rustup | Absent = self["rustup"]
        return found

    @property
    def builders(self) -> Builders | Absent:
        """Return the programs that build."""
        found: Builders | Absent = self["builders"]
        return found

    @property
    def repository(self) -> Repository | Absent:
        """Return the Rust repository."""
        found: Repository | Absent = self["repository"]
        return found


Asker: TypeAlias = Callable[[Look, Question, Facts], object]

ASKERS: Final[Mapping[About, Asker]] = {
    "host": host.ask,
    "engine": engine.ask,
    "image": engine.ask_image,
    "registry": registry.ask,
    "emulation": emulation.ask,
    "emulation-proof": probes.ask,
    "shared": probes.ask_shared,
    "rustup": rustup.ask,
    "rustup-server": rustup.ask_server,
    "debian": debian.ask,
    "packages": debian.ask_packages,
    "builders": builders.ask,
    "repository": repository.ask,
    "lock": lock.ask,
    "provided": inventory.ask,
}


def ask(question: Question, look: Look, facts: Facts) -> Any:
    """Return the fact, or ``Absent`` with the reason: what a door has to say is a reason as well."""
    try:
        return ASKERS[question.about](look, question, facts)
    except DiskFull:
        raise  # no fact is missing, and nothing could be done with it
    except CrosstasksError as error:
        return absent(error)


__all__ = ["ASKERS", "About", "Absent", "Facts", "Failure", "Look", "Platform", "Question", "Versions", "ask"]
