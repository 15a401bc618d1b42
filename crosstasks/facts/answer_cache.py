"""Look: answers kept for a while, so that a call with nothing to do asks neither the network nor a program again.

One JSON file each in ``answers/`` of our cache. A file that cannot be read, or is of another shape, is not there.

msgspec (0.22) makes a type's table when it is first read, and lets go of Python's lock meanwhile: another thread that reads the same
type then finds half a table, and the process ends with a segmentation fault. Known are asked side by side, so all read here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from msgspec import Struct

from ..core import files
from ..core.steps import Absent

if TYPE_CHECKING:
    from ..core.looking import Look

T = TypeVar("T")

_ALONE: Final = threading.Lock()


def decode(content: bytes | msgspec.Raw, kind: type[T]) -> T:
    """
    Read JSON.

    Raises:
        MsgspecError: it is none, or of another shape.
    """
    with _ALONE:
        return msgspec.json.decode(content, type=kind)


def convert(content: Any, kind: type[T]) -> T:
    """
    Read a table.

    Raises:
        ValidationError: it is of another shape.
    """
    with _ALONE:
        return msgspec.convert(content, kind)


VERSION: Final = 1
"""Of the shape of all answers; raised when a fact changes, so that what was kept before is asked anew."""

QUICK: Final = 1.0
"""Seconds within which a refusal costs nothing, and is not kept."""


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


def answer(look: Look, subject: str, kind: type[T], life: Life, ask: Callable[[], T | Absent]) -> T | Absent:
    """Return the answer that was kept and still counts; else *ask*, and keep what it says."""
    path = _path(look, subject)
    cached = _read(path, subject, kind, life, look.now())
    if cached is not None:
        return cached
    begun = time.monotonic()
    answer = ask()
    # what refused at once may be asked again at once: whoever has just mended it wants to go on
    costly = life.negative > 0 and time.monotonic() - begun >= QUICK
    if costly if isinstance(answer, Absent) else life.positive:
        _write(path, subject, answer, look.now())
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
    return answer(look, f"{what} {path} {real} {file.st_size} {file.st_mtime_ns} {file.st_ino}", kind, FOR_EVER, ask)
