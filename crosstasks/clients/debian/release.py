"""Pure: a suite's signed Release file: who signed it, from when it is and until when it holds, and which lists of packages it names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ...core.errors import ToolMissing

if TYPE_CHECKING:
    from pysequoia import Cert

COMPONENT: Final = "main"
PACKED: Final = "Packages.xz"
PLAIN: Final = "Packages"


class Entry(Struct, frozen=True):
    """A list of packages: its SHA-256 and *size*, packed, and its size *unpacked*."""

    sha256: str
    size: int
    unpacked: int


class Release(Struct, frozen=True, kw_only=True):
    """
    What a Release file says.

    Attributes:
        suite: its code name, ``bookworm-security``.
        date: when the archive made it; *until*: after that it is not to be used any more, None if it does not say.
        architectures: which it has lists for.
        apart: the packages that are for every architecture have a list of their own, and are in no other.
        lists: by Debian's architecture.
    """

    suite: str
    date: datetime
    until: datetime | None = None
    architectures: tuple[str, ...] = ()
    apart: bool = False
    lists: Mapping[str, Entry] = {}


def signed(content: bytes, keys: Sequence[Cert], place: str) -> str:
    """
    Return what is signed in a file, and nothing else of it.

    Raises:
        ToolMissing: none of the *keys* signed it.
    """
    from pysequoia import verify

    try:
        return bytes(verify(content, store=lambda _ids: list(keys)).bytes or b"").decode()
    except (RuntimeError, ValueError) as error:  # pysequoia has none of its own
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        hint = "a proxy or a mirror may have changed it; `debian-keyring` names the keys of an archive of your own"
        raise ToolMissing(f"{place} is not signed by Debian's archive", why=why, hint=hint) from None


def read(text: str, place: str) -> Release:
    """
    Read what was signed.

    Raises:
        ToolMissing: it is no Release file.
    """
    fields = dict(_fields(text))
    try:
        until = fields.get("Valid-Until", "")
        return Release(
            suite=fields["Codename"],
            date=_time(fields["Date"]),
            until=_time(until) if until else None,
            architectures=tuple(fields["Architectures"].split()),
            apart="all" in fields["Architectures"].split() and fields.get("No-Support-for-Architecture-all") != PLAIN,
            lists=dict(_lists(fields["SHA256"].splitlines())),
        )
    except (KeyError, ValueError) as error:
        raise ToolMissing(f"{place} cannot be read", why=f"{type(error).__name__}: {error}") from None


def _fields(text: str) -> Iterator[tuple[str, str]]:
    name, lines = "", []
    for line in text.splitlines():
        if line.startswith(" "):
            lines.append(line.strip())
            continue
        if name:
            yield name, "\n".join(lines).strip()
        name, _, first = line.partition(":")
        lines = [first.strip()]
    if name:
        yield name, "\n".join(lines).strip()


def _time(text: str) -> datetime:
    return parsedate_to_datetime(text).astimezone(UTC)


def _lists(rows: Iterable[str]) -> Iterator[tuple[str, Entry]]:
    sizes = {path: (sha256, int(size)) for sha256, size, path in (row.split() for row in rows if row)}
    for path, (sha256, size) in sizes.items():
        component, _, rest = path.partition("/binary-")
        architecture, _, name = rest.partition("/")
        plain = sizes.get(path.removesuffix(PACKED) + PLAIN)
        if component == COMPONENT and name == PACKED and plain:
            yield architecture, Entry(sha256, size, plain[1])


def current(release: Release, place: str, *, now: datetime, known: datetime | None) -> bool:
    """
    Tell whether a release may be taken; False if the one from *known* is newer, as where mirrors are not all as far.

    Raises:
        ToolMissing: it holds no more.
    """
    if release.until and now > release.until:
        hint = "the mirror is behind, or this machine's clock is wrong; `debian-mirror` names another"
        raise ToolMissing(f"{place} is not valid any more", why=f"it was until {release.until:%Y-%m-%d %H:%M} UTC", hint=hint)
    return known is None or release.date >= known
