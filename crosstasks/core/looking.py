"""Pure: what looking is lent, and what is known by it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from .errors import CrosstasksError
from .steps import About, Absent, Failure, Question, Runner


class Platform(Struct, frozen=True, kw_only=True):
    """What Python knows of the machine.

    Attributes:
        system: ``sys.platform``.
        machine: as the kernel names the architecture; ``release`` is the kernel's, ``node`` the machine's name.
        bits: of Python, and so of the programs that are usual here.
        glibc: as the C library names itself, ``glibc 2.36``; empty if it is another one.
    """

    system: str
    machine: str
    bits: int = 64
    glibc: str = ""
    release: str = ""
    node: str = ""

    @classmethod
    def here(cls) -> Platform:
        """Return what it is where this runs."""
        bits = 64 if sys.maxsize > 2**32 else 32
        if sys.platform == "win32":
            machine = os.environ.get("PROCESSOR_ARCHITEW6432") or os.environ.get("PROCESSOR_ARCHITECTURE", "")
            return cls(system=sys.platform, machine=machine, bits=64, node=os.environ.get("COMPUTERNAME", ""))
        named = os.uname()
        return cls(system=sys.platform, machine=named.machine, bits=bits, glibc=_libc(), release=named.release, node=named.nodename)


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""  # musl and macOS do not know the name


Versions: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""What Debian offers: the versions of a package for an architecture, newest first."""


def _no_registry(ref: str, _engine: object, _timeout: float) -> object:
    raise CrosstasksError(f"{ref} was not looked up: no client for registries was given")


def _no_fetch(url: str, _timeout: float, _until: str) -> str:
    raise CrosstasksError(f"{url} was not fetched: no client for the network was given")


def _no_names(_suite: str, _architecture: str, _names: Sequence[str]) -> Mapping[str, str]:
    raise CrosstasksError("Debian's archive was not asked: no client for it was given")


def _no_versions(_suite: str, _packages: Sequence[tuple[str, str]]) -> Versions:
    raise CrosstasksError("Debian's archive was not asked: no client for it was given")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What looking needs: clients, and where things lie.

    Attributes:
        run: runs programs.
        environ: the user's environment.
        cwd: the project's folder; *manifest* is the Cargo.toml to use, relative to it, or empty to look for one.
        cache: our cache folder.
        home: the user's.
        engine: as configured: ``""`` or ``auto``, ``docker``, ``podman``, or a path.
        config_place: the file of the configuration, beside which the lock is; empty without one.
        offline: ask the network nothing.
        timeout: seconds that a network question may take.
        registry: asks a registry: a reference, the engine to ask through, seconds.
        fetch: fetches from web servers: an address, seconds, and a text after whose line reading may stop.
        debian_versions: asks Debian's archive: a suite, and packages with an architecture each.
        debian_lacking: asks what it lacks: a suite, an architecture, names.
        debian_mirror: where it is asked, and whose signature counts, as configured; empty where nothing is.
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
    registry: Callable[[str, Any, float], object] = _no_registry
    fetch: Callable[[str, float, str], str] = _no_fetch
    debian_versions: Callable[[str, Sequence[tuple[str, str]]], Versions] = _no_versions
    debian_lacking: Callable[[str, str, Sequence[str]], Mapping[str, str]] = _no_names
    debian_mirror: str = ""
    terminal: Callable[[], bool] = lambda: False
    root: Path = Path("/")
    platform: Callable[[], Platform] = Platform.here
    now: Callable[[], float] = time.time

    def which(self, name: str) -> str:
        """Return the path of a program on the user's PATH; empty if there is none."""
        return shutil.which(name, path=self.environ.get("PATH", os.defpath)) or ""

    @property
    def path(self) -> tuple[Path, ...]:
        """Return the folders of the user's PATH, each once."""
        folders = self.environ.get("PATH", os.defpath).split(os.pathsep)
        return tuple(dict.fromkeys(Path(folder) for folder in folders if folder))


class BaseFacts(Struct, frozen=True, kw_only=True):
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

    def with_(self, answers: Mapping[Question, Any]) -> Self:
        """Return these facts and more."""
        return replace(self, answers={**self.answers, **answers})


Asker: TypeAlias = Callable[[Look, Question, BaseFacts], object]
"""Answers one kind of question, with what it is lent and what is known already."""


def absent(error: CrosstasksError) -> Absent:
    """Return the reason of an absence from the error of a client."""
    return Absent(": ".join(part for part in (error.what, error.why) if part), error.hint)
