"""Pure: where Debian's archive is asked for, as addresses with ``{archive}`` in them: ``debian``, or ``debian-security``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

OFFICIAL: Final = "https://deb.debian.org"
"""Where the archive is served to the whole world."""

ARCHIVE: Final = "{archive}"

_TIME: Final = re.compile(r"/(\d{8}T\d{6}Z)(?:/|$)")


def bases(mirror: str, hints: Sequence[str] = ()) -> tuple[str, ...]:
    """
    Return the addresses to try, in their order.

    Args:
        mirror: what the user named; alone then.
        hints: mirrors that the machine's own apt names, for where the official one is out of reach.
    """
    return tuple(dict.fromkeys(map(_based, (mirror,) if mirror else (OFFICIAL, *hints))))


def _based(mirror: str) -> str:
    """``https://snapshot.debian.org/archive/{archive}/20261101T000000Z`` stays as it is; else the archive's name is the last part."""
    return mirror.rstrip("/") if ARCHIVE in mirror else f"{mirror.rstrip('/')}/{ARCHIVE}"


def point_in_time(base: str) -> datetime | None:
    """Return the time of a mirror that keeps the archive as it was at one."""
    match = _TIME.search(base)
    return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if match else None


def folder(suite: str, mirror: str, keyring: str) -> str:
    """Return the folder for a suite's lists: what comes from elsewhere, or is signed by others, is kept apart."""
    own = f"{mirror} {keyring}".strip()
    return f"{suite}-{hashlib.sha256(own.encode()).hexdigest()[:8]}" if own else suite


__all__ = ["bases", "folder", "point_in_time"]
