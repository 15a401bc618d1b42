"""Look: what a reader of facts is given, what is known by it, and answers that are kept for a while.

Answers are kept so that a call with nothing to do asks neither the network nor a program again: one JSON file each in ``answers/`` of
our cache. A file that cannot be read, or is of another shape, counts as not there.

msgspec (0.22) makes the table of a type when it first reads one, and lets go of Python's lock meanwhile: another thread that reads the
same type then finds half a table, and the process ends with a segmentation fault. Questions are asked side by side, so all of them read
through ``decode`` and ``convert``, one at a time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from . import files
from .errors import CrosstasksError, DiskFull, UnknownRegistry
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
        if sys.platform == "win32":  # os has no uname there, and we do nothing there (``host_triple``)
            return cls(system=sys.platform, machine="")
        kernel = os.uname()
        return cls(system=sys.platform, machine=kernel.machine, bits=bits, glibc=_libc(), release=kernel.release, node=kernel.nodename)


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""  # musl and macOS do not know the name


Versions: TypeAlias = Mapping[tuple[str, str], tuple[str, ...]]
"""What Debian offers: the versions of a package for an architecture, newest first."""


def _no_client(*_asked: object) -> Any:
    raise CrosstasksError("no client was given to ask")


@dataclass(frozen=True, kw_only=True)
class Look:
    """What looking needs: clients, and where things lie.

    Attributes:
        run: runs programs.
        environ: the user's environment.
        cwd: the project's folder.
        cache: our cache folder.
        home: the user's.
        engine: as configured: ``""`` or ``auto``, ``docker``, ``podman``, or a path.
        config_place: the file of the configuration, beside which the lock is; empty without one.
        offline: ask the network nothing.
        timeout: seconds that a network question may take.
        registry: asks a registry: a reference, the engine to ask through, seconds.
        fetch: fetches a text from a web server: an address, seconds.
        debian_versions: asks Debian's archive: a suite, and packages with an architecture each.
        debian_missing: asks what it lacks: a suite, an architecture, names.
        debian_mirror: where it is asked, and whose signature counts, as configured; empty where nothing is.
        terminal: tells whether the user can be asked.
        labels: gives the labels of a container that looking starts, each for a ``--label``.
        root: of the file system, and *platform* and *now* what Python says of machine and time; tests give others.
    """

    run: Runner
    environ: Mapping[str, str]
    cwd: Path
    cache: Path
    home: Path
    engine: str = ""
    config_place: str = ""
    offline: bool = False
    timeout: float = 10.0
    registry: Callable[[str, Any, float], object] = _no_client
    fetch: Callable[[str, float], str] = _no_client
    debian_versions: Callable[[str, Sequence[tuple[str, str]]], Versions] = _no_client
    debian_missing: Callable[[str, str, Sequence[str]], Mapping[str, str]] = _no_client
    debian_mirror: str = ""
    terminal: Callable[[], bool] = lambda: False
    labels: Callable[[], Sequence[str]] = tuple
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
        """Return the fact of a question without a subject, or why it is absent; a KeyError if nobody asked."""
        return self.answers[Question(about)]

    def get(self, question: Question) -> Any:
        """Return the answer to a question; None if nobody asked it."""
        return self.answers.get(question)

    def open(self, *questions: About | Question) -> tuple[Question, ...]:
        """Return those questions that nobody has asked yet; one without a subject is named by what it is about."""
        every = (one if isinstance(one, Question) else Question(one) for one in questions)
        return tuple(question for question in every if question not in self.answers)

    def with_(self, answers: Mapping[Question, Any]) -> Self:
        """Return these facts and more."""
        return replace(self, answers={**self.answers, **answers})


Asker: TypeAlias = Callable[[Look, Question, BaseFacts], object]
"""Answers one kind of question, with what it is lent and what is known already."""


def absent(error: CrosstasksError) -> Absent:
    """Turn the error of a client into the reason why a fact is absent."""
    return Absent(": ".join(part for part in (error.what, error.why) if part), error.hint)


T = TypeVar("T")

_ALONE: Final = threading.Lock()


def decode(content: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Read JSON; a MsgspecError if it is none, or of another shape."""
    with _ALONE:
        return msgspec.json.decode(content, type=kind)


def convert(content: Any, kind: type[T]) -> T:
    """Read a table; a ValidationError if it is of another shape."""
    with _ALONE:
        return msgspec.convert(content, kind)


VERSION: Final = 1
"""Of the shape of all answers; raised when a fact changes, so that what was kept before is asked anew."""

QUICK: Final = 1.0
"""Seconds within which a refusal costs nothing, and is not kept."""

MINUTE: Final = 60.0
"""Seconds for which it is kept that a registry has no address: asking loads a client, which takes as long as the rest of a plan."""


class Life(Struct, frozen=True, kw_only=True):
    """For how many seconds an answer counts, and for how many a refusal; 0 is never, infinity until what it is about changes."""

    positive: float
    negative: float = 0.0


class CachedAnswer(Struct, frozen=True, kw_only=True):
    """A file of the folder. *subject* is the whole question, since names are hashes."""

    version: int = VERSION
    subject: str
    at: float
    fact: msgspec.Raw = msgspec.Raw(b"null")
    absent: Absent | None = None


def cached_answer(look: Look, subject: str, kind: type[T], life: Life, ask: Callable[[], T | Absent]) -> T | Absent:
    """Return the answer that was kept and still counts; else *ask*, and keep what it says.

    Where refusals are kept, the error of a client is one.

    Raises:
        CrosstasksError: that of a client, where refusals are not kept.
        DiskFull: it is not what is asked about that is missing.
    """
    path = _path(look, subject)
    cached = _read(path, subject, kind, life, look.now())
    if cached is not None:
        return cached
    begun, unknown = time.monotonic(), False
    try:
        answer = ask()
    except CrosstasksError as error:
        if isinstance(error, DiskFull) or not life.negative:
            raise
        answer, unknown = absent(error), isinstance(error, UnknownRegistry)
    slow, refused = time.monotonic() - begun >= QUICK, isinstance(answer, Absent)
    seconds = life.negative if refused else life.positive
    # what refused at once may be asked again at once: whoever has just mended it wants to go on
    lasts = seconds if slow or not refused else min(seconds, MINUTE if unknown else 0.0)
    if lasts:
        _write(path, subject, answer, look.now() - (seconds - lasts if lasts < seconds else 0.0))
    return answer


def forget(look: Look, subject: str) -> None:
    """Have a question asked anew."""
    _path(look, subject).unlink(missing_ok=True)


def _path(look: Look, subject: str) -> Path:
    word = subject.split(maxsplit=1)[0]
    return look.cache / "answers" / f"{word}-{hashlib.sha256(subject.encode()).hexdigest()[:16]}.json"


def _read(path: Path, subject: str, kind: type[T], life: Life, now: float) -> T | Absent | None:
    try:
        file = decode(path.read_bytes(), CachedAnswer)
        if file.version != VERSION or file.subject != subject:
            return None
        age = now - file.at  # a clock that was set back makes it negative
        if file.absent is not None:
            return file.absent if 0 <= age < life.negative else None
        return decode(file.fact, kind) if 0 <= age < life.positive else None
    except (OSError, msgspec.MsgspecError):
        return None


def _write(path: Path, subject: str, answer: object, now: float) -> None:
    absent = answer if isinstance(answer, Absent) else None
    fact = msgspec.Raw(b"null" if absent else msgspec.json.encode(answer))
    with contextlib.suppress(OSError):  # what cannot be kept is asked again
        files.write(path, msgspec.json.encode(CachedAnswer(subject=subject, at=now, fact=fact, absent=absent)).decode())


FOR_EVER: Final = Life(positive=float("inf"))


def of_program(look: Look, path: str, what: str, ask: Callable[[], T | Absent], kind: type[T]) -> T | Absent:
    """Keep what a program said of itself for as long as its file is the same."""
    real = os.path.realpath(path)
    try:
        file = Path(real).stat()
    except OSError as error:
        return Absent(f"{path} cannot be read: {error.strerror}")
    return cached_answer(look, f"{what} {path} {real} {file.st_size} {file.st_mtime_ns} {file.st_ino}", kind, FOR_EVER, ask)
