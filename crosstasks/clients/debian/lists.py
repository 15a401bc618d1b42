"""Act: a suite's lists of packages, kept in our cache: fetched, verified, made small, and renewed once a day.

::

    <suite>/state.json     where they came from, and what each source's Release file said
    <suite>/lists/*.index  one for each source, architecture and content (index.py)
"""

from __future__ import annotations

import lzma
import mmap
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ...catalog import recipes
from ...core import cache, files, looking
from ...core.errors import ToolMissing
from ...core.steps import Say
from . import fetch, index, release
from .fetch import Web
from .release import Entry, Release
from .resolve import ALL

if TYPE_CHECKING:
    from pysequoia import Cert

FRESH: Final = 24 * 3600
"""Seconds that lists are taken for current."""

SOON: Final = 600
"""Seconds after which a mirror that was behind is asked again."""

MOST: Final = 4_000_000
"""Bytes of a Release file: bookworm's has 151 000."""

UNPACKED: Final = 300_000_000
"""Bytes of a list, unpacked: bookworm's for amd64 has 50 million."""

SOURCES: Final = (("debian", "{suite}"), ("debian", "{suite}-updates"), ("debian-security", "{suite}-security"))
"""The archives that have a suite, and what it is called there."""


class Source(Struct, frozen=True, kw_only=True):
    """What a source's Release file said: its *date*, and the SHA-256 of its list for each architecture that was asked."""

    date: datetime
    lists: Mapping[str, str] = {}


FORM: Final = 1
"""Raised when indexes are made otherwise; those of before are made anew."""


class State(Struct, frozen=True, kw_only=True):
    """What is kept: the mirror that *base* names, when each architecture was asked for, and each source by its suite."""

    form: int = FORM
    base: str = ""
    stamps: Mapping[str, float] = {}
    sources: Mapping[str, Source] = {}


class Lists:
    """The lists of one suite in a folder."""

    def __init__(self, folder: Path, suite: str, bases: Sequence[str], keyring: str, *, web: Web, say: Say) -> None:
        """Read nothing yet; *bases* are addresses with ``{archive}`` in them, tried in their order."""
        self.folder, self.suite, self.bases, self.keyring = folder, suite, tuple(bases), keyring
        self._sources = tuple((archive, name.format(suite=suite)) for archive, name in SOURCES)
        self._web, self._say = web, say

    def state(self) -> State:
        """Return what is kept."""
        try:
            state = looking.decode((self.folder / "state.json").read_bytes(), State)
        except (OSError, msgspec.MsgspecError):
            return State()
        return state if state.form == FORM else State()

    def forget(self) -> None:
        """Let the next call ask anew; what is kept serves as long as nothing newer can be had."""
        with cache.lock(self.folder / "lists", self._say):
            self._write(replace(self.state(), stamps={}))

    def update(self, architectures: Sequence[str]) -> None:
        """Have the lists of these architectures; see ``Archive.update``."""
        with cache.lock(self.folder / "lists", self._say):
            state = self.state()
            now = time.time()
            real = dict.fromkeys(one for one in architectures if one != ALL)
            stale = [one for one in real if now - state.stamps.get(one, 0) > FRESH or not self._there(state, one)]
            if stale:
                self._write(self._renew(state, stale))

    def _there(self, state: State, architecture: str) -> bool:
        """Tell whether nobody has taken away what is kept of an architecture."""
        lists = ((suite, source.lists[architecture]) for suite, source in state.sources.items() if architecture in source.lists)
        return all(self._path(suite, architecture, sha256).exists() for suite, sha256 in lists)

    def _path(self, suite: str, architecture: str, sha256: str) -> Path:
        return self.folder / "lists" / f"{suite}-{architecture}-{sha256[:16]}.index"

    def _write(self, state: State) -> None:
        files.write(self.folder / "state.json", msgspec.json.format(msgspec.json.encode(state, order="sorted")).decode())
        used = {self._path(suite, name, sha256) for suite, source in state.sources.items() for name, sha256 in source.lists.items()}
        for path in (self.folder / "lists").glob("*.index"):
            if path not in used:
                path.unlink(missing_ok=True)

    def _renew(self, state: State, stale: Sequence[str]) -> State:
        self._say(f"asking {_server(self.bases[0])} what {self.suite} offers for {', '.join(stale)}")
        base, releases = self._first_mirror(state)
        behind = [one for one, (_, old) in releases.items() if old]
        if behind:
            self._say(f"{_server(base)} is behind with {', '.join(behind)}; what is known already is used")
        rows = self._rows(state, releases, stale)
        lists = self._fetch(base, rows)
        sources = {}
        for suite, (file, old) in releases.items():
            before = state.sources.get(suite, Source(date=file.date))
            new = {row.architecture: row.entry.sha256 for row in lists if row.suite == suite}
            sources[suite] = Source(date=before.date if old else file.date, lists={**before.lists, **new})
        stamp = time.time() - (FRESH - SOON if behind or len(lists) < len(rows) else 0)
        return State(base=base, stamps={**state.stamps, **dict.fromkeys(stale, stamp)}, sources=sources)

    def _first_mirror(self, state: State) -> tuple[str, dict[str, tuple[Release, bool]]]:
        """Return the first mirror that answers, with the Release file of each source, and whether it is older than what is kept."""
        keys = release.keyring(self.keyring)
        for base in self.bases:
            try:
                with ThreadPoolExecutor(len(SOURCES)) as pool:
                    answers = [pool.submit(self._release, base, archive, suite, keys, state) for archive, suite in self._sources]
                return base, dict(answer.result() for answer in answers)
            except fetch.Unreached as error:
                problem = error
        hint = "`debian-mirror` names another mirror, https_proxy a proxy"
        raise ToolMissing(f"Debian's archive does not answer for {self.suite}", why=str(problem), hint=hint)

    def _release(self, base: str, archive: str, suite: str, keys: Sequence[Cert], state: State) -> tuple[str, tuple[Release, bool]]:
        place = f"{base.format(archive=archive)}/dists/{suite}/InRelease"
        content = fetch.text(self._web, place, MOST)
        file = release.read(release.signed_text(content, keys, place), place)
        if file.suite != suite:
            raise ToolMissing(f"{place} is of another suite", why=f"it says {file.suite!r}", hint="`base` takes code names")
        # what a mirror of one moment serves holds always
        moment = recipes.moment(base)
        now = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if moment else datetime.now(UTC)
        known = state.sources[suite].date if suite in state.sources else None
        return suite, (file, not release.is_current(file, place, now=now, known=known))

    def _rows(self, state: State, releases: Mapping[str, tuple[Release, bool]], stale: Sequence[str]) -> tuple[_Row, ...]:
        """Return the lists to have: of what is asked for now, and of what was before where a source has newer ones."""
        rows = []
        for archive, suite in self._sources:
            file, old = releases[suite]
            before = state.sources[suite].lists if suite in state.sources else {}
            for architecture in sorted({*stale, *(() if old else before), *((ALL,) if file.apart else ())}):
                entry = file.lists.get(architecture)
                if entry and not (old and architecture in before):
                    path = self._path(suite, architecture, entry.sha256)
                    rows.append(_Row(archive=archive, suite=suite, architecture=architecture, entry=entry, path=path))
        return tuple(rows)

    def _fetch(self, base: str, rows: Sequence[_Row]) -> list[_Row]:
        """Have lists, and return those that could be had: a mirror in the middle of a sync lacks some of the updates."""
        (self.folder / "lists").mkdir(parents=True, exist_ok=True)
        missing = [row for row in rows if not row.path.exists()]
        if missing:
            size = sum(row.entry.size for row in missing)
            self._say(f"fetching {len(missing)} lists of packages, {size / 1e6:.0f} MB, from {_server(base)}")
        failed: list[_Row] = []
        fetch.side_by_side(self._web, [partial(self._try, base, row, failed) for row in missing])
        for row in missing:
            if row not in failed:
                _make_index(row)  # one after another: each takes 30 MB of memory
        return [row for row in rows if row not in failed]

    def _try(self, base: str, row: _Row, failed: list[_Row]) -> None:
        try:
            _fetch_list(self._web, base, row)
        except fetch.Unreached as error:
            if row.suite == self.suite:
                hint = "the mirror may be in the middle of a sync: try again in some minutes"
                raise ToolMissing(f"Debian's lists of {self.suite} cannot be fetched", why=str(error), hint=hint) from error
            self._say(f"{_server(base)} lacks the list of {row.suite} for {row.architecture}: {self.suite}'s own packages are taken")
            failed.append(row)

    def indexes(self, architectures: Sequence[str]) -> tuple[index.Index, ...]:
        """Return the lists of architectures; what is read of them takes memory, until they are let go."""
        state = self.state()
        return tuple(
            _open_index(self._path(suite, architecture, sha256), state.base.format(archive=archive))
            for archive, suite in self._sources
            for architecture in (*architectures, ALL)
            if suite in state.sources and (sha256 := state.sources[suite].lists.get(architecture))
        )


def _open_index(path: Path, base: str) -> index.Index:
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    return index.Index(content, base)


class _Row(Struct, frozen=True, kw_only=True):
    """A list to have: of an archive's *suite*, for an *architecture*, under a *path*."""

    archive: str
    suite: str
    architecture: str
    entry: Entry
    path: Path

    @property
    def packed(self) -> Path:
        """Return where the list lies until its index is made."""
        return self.path.with_suffix(".xz")


def _fetch_list(web: Web, base: str, row: _Row) -> None:
    """Fetch a list by its hash, so that a sync of the mirror is not in the way; by its name from a mirror that has no hashes."""
    folder = f"{base.format(archive=row.archive)}/dists/{row.suite}/{release.COMPONENT}/binary-{row.architecture}"
    try:
        fetch.file(web, f"{folder}/by-hash/SHA256/{row.entry.sha256}", row.packed, row.entry.size, row.entry.sha256)
    except fetch.Unreached as error:
        if not error.gone:
            raise
        fetch.file(web, f"{folder}/{release.PACKED}", row.packed, row.entry.size, row.entry.sha256)


def _make_index(row: _Row) -> None:
    """Make an index of a list that was fetched; unpacking goes on beside. The lines wait on the disk, and only their names in memory."""
    unsorted, draft = row.path.with_suffix(".lines"), row.path.with_suffix(".draft")
    keys, offset = [], 0
    with unsorted.open("wb") as file:
        for line in index.lines(index.blocks(_ahead(_unpack(row.packed, row.entry.unpacked)))):
            keys.append(_key(line, offset))
            offset += file.write(line)
    keys.sort()
    with unsorted.open("rb", buffering=0) as file, draft.open("wb") as out:
        for key in keys:
            file.seek(int.from_bytes(key[-OFFSET - LENGTH : -LENGTH], "big"))
            out.write(file.read(int.from_bytes(key[-LENGTH:], "big")))
    draft.replace(row.path)
    unsorted.unlink()
    row.packed.unlink()


OFFSET: Final = 5
LENGTH: Final = 3
"""Bytes for where a line is, and how long."""


def _key(line: bytes, offset: int) -> bytes:
    """Return what a line is sorted by, its first two columns, with where it is."""
    name, version, _ = line.split(b"\t", 2)
    return b"%b\t%b\0%b%b" % (name, version, offset.to_bytes(OFFSET, "big"), len(line).to_bytes(LENGTH, "big"))


def _ahead(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Give pieces that another thread makes meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, pieces, b"")
        while piece := following.result():
            following = pool.submit(next, pieces, b"")
            yield piece


def _unpack(path: Path, size: int) -> Iterator[bytes]:
    """Unpack a list piece by piece, and no more than the archive signed.

    Raises:
        Unreached: it is larger, or damaged.
    """
    most = min(size, UNPACKED)
    reader = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=200_000_000)
    done = 0
    try:
        with path.open("rb") as file:
            while not reader.eof:
                packed = file.read(fetch.PIECE) if reader.needs_input else b""
                if reader.needs_input and not packed:
                    raise fetch.Unreached(f"{path.name} ends early")
                piece = reader.decompress(packed, fetch.PIECE)
                done += len(piece)
                if done > most:
                    raise fetch.Unreached(f"{path.name} is larger than {most} bytes, unpacked")
                yield piece
    except lzma.LZMAError as error:
        raise fetch.Unreached(f"{path.name} cannot be unpacked: {error}") from error


def _server(base: str) -> str:
    return base.partition("://")[2].partition("/")[0]
