"""Look: a suite's Release file: whose keys sign it, from when it is and until when it holds, and which lists of packages it names."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ...core.errors import ConfigError, ToolDamaged, ToolMissing

if TYPE_CHECKING:
    from pysequoia import Cert

COMPONENT: Final = "main"
PACKED: Final = "Packages.xz"
PLAIN: Final = "Packages"

KEYS: Final = Path(__file__).with_name("keys.toml")
"""Debian's own, which come with us."""


class Entry(Struct, frozen=True):
    """A list of packages: its SHA-256 and *size*, packed, and its size *unpacked*."""

    sha256: str
    size: int
    unpacked: int


class Release(Struct, frozen=True, kw_only=True):
    """What a Release file says.

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


def debian_keys(file: Path = KEYS) -> tuple[Cert, ...]:
    """Return Debian's keys.

    Raises:
        ToolDamaged: one is another than its fingerprint says.
    """
    from pysequoia import Cert

    keys = []
    for row in tomllib.loads(file.read_text("utf-8"))["key"]:
        key = Cert.from_bytes(row["armor"].encode())
        if key.fingerprint.upper() != row["fingerprint"]:
            raise ToolDamaged(f"{row['name']} is another key in {file.name}", why=f"it has the fingerprint {key.fingerprint.upper()}")
        keys.append(key)
    return tuple(keys)


def keyring(file: str) -> tuple[Cert, ...]:
    """Return the keys of a file of the user's, armoured or not; Debian's where none is named.

    Raises:
        ConfigError: it cannot be read, or holds none.
    """
    if not file:
        return debian_keys()
    from pysequoia import Cert

    try:
        keys = tuple(Cert.split_bytes(Path(file).expanduser().read_bytes()))
    except OSError as error:
        raise ConfigError(f"debian-keyring: {file!r} cannot be read", why=error.strerror or str(error)) from error
    except (RuntimeError, ValueError) as error:  # pysequoia has none of its own
        raise ConfigError(f"debian-keyring: {file!r} holds no keys", why=str(error).splitlines()[0]) from None
    if not keys:
        raise ConfigError(f"debian-keyring: {file!r} holds no keys")
    return keys


def signed_text(content: bytes, keys: Sequence[Cert], place: str) -> str:
    """Return what is signed in a file, and nothing else of it.

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
    """Read what was signed.

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
    except (KeyError, ValueError, OverflowError) as error:  # a year of ten digits
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


def is_current(release: Release, place: str, *, now: datetime, known: datetime | None) -> bool:
    """Tell whether a release may be taken; False if the one from *known* is newer, as where mirrors are not all as far.

    Raises:
        ToolMissing: it holds no more.
    """
    if release.until and now > release.until:
        hint = "the mirror is behind, or this machine's clock is wrong; `debian-mirror` names another"
        raise ToolMissing(f"{place} is not valid any more", why=f"it was until {release.until:%Y-%m-%d %H:%M} UTC", hint=hint)
    return known is None or release.date >= known
