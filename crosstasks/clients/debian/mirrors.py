"""Look: where Debian's archive is asked for, as addresses with ``{archive}`` in them: ``debian``, or ``debian-security``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ...catalog import recipes

OFFICIAL: Final = "https://deb.debian.org"
"""Where the archive is served to the whole world."""

ARCHIVE: Final = "{archive}"

_SOURCE: Final = re.compile(r"^[ \t]*+(?:URIs:|deb[ \t]++(?:\[[^\]\n]*+\][ \t]++)?)(.*)$", re.MULTILINE)
_ADDRESS: Final = re.compile(r"https?://[^\s]+")


def bases(mirror: str, hints: Sequence[str] = ()) -> tuple[str, ...]:
    """
    Return the addresses to try, in their order.

    Args:
        mirror: what the user named; alone then.
        hints: mirrors that the machine's own apt names, for where the official one is out of reach.
    """
    return tuple(dict.fromkeys(map(_based, (mirror,) if mirror else (OFFICIAL, *hints))))


def of_apt(etc: Path = Path("/etc/apt")) -> tuple[str, ...]:
    """
    Return the mirrors of Debian's archive that the machine's own apt names: hints, and no more.

    Whoever serves the archive, it is the archive's keys that count.
    """
    files = (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*")))
    texts = (_text(file) for file in files if file.suffix in {".list", ".sources"})
    found = (address.rstrip("/") for text in texts for line in _SOURCE.findall(text) for address in _ADDRESS.findall(line))
    return tuple(dict.fromkeys(one.removesuffix("/debian") for one in found if one.endswith("/debian")))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _based(mirror: str) -> str:
    """``https://snapshot.debian.org/archive/{archive}/20261101T000000Z`` stays as it is; else the archive's name is the last part."""
    return mirror.rstrip("/") if ARCHIVE in mirror else f"{mirror.rstrip('/')}/{ARCHIVE}"


def point_in_time(base: str) -> datetime | None:
    """Return the time of a mirror that keeps the archive as it was at one."""
    text = recipes.moment(base)
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if text else None


def folder(suite: str, mirror: str, keyring: str) -> str:
    """Return the folder for a suite's lists: what comes from elsewhere, or is signed by others, is kept apart."""
    own = f"{mirror} {keyring}".strip()
    return f"{suite}-{hashlib.sha256(own.encode()).hexdigest()[:8]}" if own else suite
