"""Act: where the archive is, and its files: each by its SHA-256, at once or not at all, several side by side.

A mirror that breaks off is asked for the rest; one in the middle of a sync is asked again a little later. What came is checked
before it gets its name, so a mirror or a proxy can keep a file from us, and can never give us another.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Final, TypeVar

from ...core import files
from .. import network

if TYPE_CHECKING:
    from requests import Response, Session

T = TypeVar("T")

OFFICIAL: Final = "https://deb.debian.org"
"""Where the archive is served to the whole world."""

ARCHIVE: Final = "{archive}"
"""Stands in the address of a mirror for ``debian``, or ``debian-security``."""

_SOURCE: Final = re.compile(r"^[ \t]*+(?:URIs:|deb[ \t]++(?:\[[^\]\n]*+\][ \t]++)?)(.*)$", re.MULTILINE)
_ADDRESS: Final = re.compile(r"https?://[^\s\N{REPLACEMENT CHARACTER}]+")


def bases(mirror: str, hints: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the addresses to try, in their order.

    Args:
        mirror: what the user named; alone then.
        hints: mirrors that the machine's own apt names, for where the official one is out of reach.
    """
    return tuple(dict.fromkeys(map(_with_archive, (mirror,) if mirror else (OFFICIAL, *hints))))


def of_apt(etc: Path = Path("/etc/apt")) -> tuple[str, ...]:
    """Return the mirrors of Debian's archive that the machine's own apt names: hints, and no more.

    Whoever serves the archive, it is the archive's keys that count.
    """
    lists = (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*")))
    texts = (files.read(file) for file in lists if file.suffix in {".list", ".sources"})
    addresses = (address.rstrip("/") for text in texts for line in _SOURCE.findall(text) for address in _ADDRESS.findall(line))
    return tuple(dict.fromkeys(one.removesuffix("/debian") for one in addresses if one.endswith("/debian")))


def _with_archive(mirror: str) -> str:
    """``https://snapshot.debian.org/archive/{archive}/20261101T000000Z`` stays as it is; else the archive's name is the last part."""
    return mirror.rstrip("/") if ARCHIVE in mirror else f"{mirror.rstrip('/')}/{ARCHIVE}"


PIECE: Final = 1 << 16
"""Bytes that are read at a time."""

SIDE_BY_SIDE: Final = 6
"""Files that are fetched at once: a mirror is not to be besieged."""

WAITS: Final = (1, 4)
"""Seconds before a file is asked for again, and again."""

PATIENCE: Final = 30
"""Seconds for each answer of a mirror."""

PARTIAL: Final = 206
GONE: Final = {404, 410}


class Unreached(Exception):
    """A file could not be had: *gone* if another attempt would not help, since the mirror has none, or is not there."""

    def __init__(self, why: str, *, gone: bool = False) -> None:
        """Keep both."""
        super().__init__(why)
        self.gone = gone


class Web:
    """The archive by HTTP, through the user's proxies, and trusting the user's authorities."""

    def __init__(self, patience: float = PATIENCE) -> None:
        """Ask nothing yet; a server that does not take a connection within *patience*, in seconds, is not there."""
        self.patience = patience
        self.stopped = Event()

    def stop(self) -> None:
        """Have what is being fetched end with the next piece."""
        self.stopped.set()

    @cached_property
    def _session(self) -> Session:
        """Return what holds the connections of all threads: with one for each, each would hold all authorities of the world."""
        import requests

        from ..registry_api import trust_authorities

        return trust_authorities(requests.Session())

    @contextmanager
    def get(self, url: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Open what is at an address, from a byte on: give where it starts, and its pieces.

        Raises:
            Unreached: it is not there, or the connection ends.
        """
        from requests.exceptions import ConnectTimeout, RequestException
        from urllib3.exceptions import HTTPError

        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
        try:
            with self._session.get(url, headers=headers, timeout=(self.patience, PATIENCE), stream=True) as response:
                if response.status_code in GONE:
                    raise Unreached(f"{url} is not there", gone=True)
                response.raise_for_status()
                yield start if response.status_code == PARTIAL else 0, self._pieces(response)
        except (RequestException, HTTPError) as error:
            raise Unreached(f"{url}: {network.root_cause(error)}", gone=isinstance(error, ConnectTimeout)) from error

    def _pieces(self, response: Response) -> Iterator[bytes]:
        for piece in response.iter_content(PIECE):
            if self.stopped.is_set():
                raise Unreached("interrupted", gone=True)
            yield piece


def text(web: Web, url: str, most: int) -> bytes:
    """Return a small file that is signed.

    Raises:
        Unreached: it is not there, cannot be had, or is larger than *most*.
    """

    def once() -> bytes:
        with web.get(url, 0) as (_, pieces):
            content = b""
            for piece in pieces:
                content += piece
                if len(content) > most:
                    raise Unreached(f"{url} is larger than {most} bytes", gone=True)
            return content

    return patient(once)


def patient(act: Callable[[], T]) -> T:
    """Act, and again after a while if a mirror fails that has the file."""
    for wait in WAITS:
        try:
            return act()
        except Unreached as error:
            if error.gone:
                raise
            time.sleep(wait)  # a mirror that is overloaded tells no moment at which it will answer
    return act()


def is_complete(path: Path, size: int, sha256: str) -> bool:
    """Tell whether a file is there, and what it is to be."""
    try:
        return path.stat().st_size == size and files.sha256(path) == sha256
    except OSError:
        return False


def file(web: Web, url: str, path: Path, size: int, sha256: str) -> None:
    """Fetch a file of known size and hash; what an earlier call left of it is gone on with.

    Raises:
        Unreached: the mirror does not have it, or another.
    """
    draft = path.with_name(f"{path.name}.part")
    patient(lambda: _complete_draft(web, url, draft, size, sha256))
    draft.replace(path)


def _complete_draft(web: Web, url: str, draft: Path, size: int, sha256: str) -> None:
    """Have the draft as it is to be, or not at all where more of the same would not help."""
    there = draft.stat().st_size if draft.exists() else 0
    if there < size:
        _append(web, url, draft, there, size)
    if not is_complete(draft, size, sha256):
        short = draft.stat().st_size < size
        if not short:
            draft.unlink()
        raise Unreached(f"{url} {'ended early' if short else 'is another file than the archive signed'}")


def _append(web: Web, url: str, draft: Path, there: int, size: int) -> None:
    with web.get(url, there) as (start, pieces), draft.open("ab" if start else "wb") as out:
        length = start
        for piece in pieces:
            length += len(piece)
            if length > size:
                break
            out.write(piece)
    if length > size:
        draft.unlink()
        raise Unreached(f"{url} is larger than the {size} bytes that the archive signed")


def side_by_side(web: Web, acts: Sequence[Callable[[], None]]) -> None:
    """Do all, several at once; on Ctrl-C none of them is waited for longer than for a piece of *web*.

    Raises:
        Unreached: the first that failed; those that have not begun are not begun.
    """
    pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="debian")
    try:
        for future in [pool.submit(act) for act in acts]:
            future.result()
    except KeyboardInterrupt:
        web.stop()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
