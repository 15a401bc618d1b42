"""Act: Debian's archive: what it offers, what depends on what, and its packages, verified, the same on every host.

::

    release    what a suite's Release file says, and whose signature counts
    lists      its lists of packages, kept in our cache
    index      one of them, its packages, and how a name is looked up
    resolve    what an empty machine needs, and the order of versions
    fetch      where the archive is, and its files by their hash
    deb        what lies in a package

Neither apt, dpkg, gpg nor root has a part in it; nothing is installed, and no maintainer script runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Final

from ...core import cache
from ...core.errors import ToolMissing
from ...core.steps import Say
from . import fetch, resolve
from .fetch import Web
from .index import Index, Offered, Package, megabytes
from .lists import Lists
from .resolve import ALL, version_key

LIKE: Final = 3
"""Letters that a name shares with one that was likely meant."""


class Archive:
    """A suite of Debian's archive, with lists and packages in a *folder* of our cache."""

    def __init__(
        self, folder: Path, suite: str, *, say: Say, mirror: str = "", keyring: str = "", hints: Sequence[str] = (), web: Web | None = None
    ) -> None:
        """Keep where things lie; nothing is asked yet.

        Args:
            mirror: an address instead of the official one; *hints* are tried where that is out of reach, and none is named.
            keyring: a file with the keys of an archive of the user's own.
        """
        self.suite, self._say, self._web = suite, say, web or fetch.Web()
        self.folder = folder
        # what comes from elsewhere, or is signed by others, is kept apart
        other = f"{mirror} {keyring}".strip()
        place = folder / (f"{suite}-{hashlib.sha256(other.encode()).hexdigest()[:8]}" if other else suite)
        self.lists = Lists(place, suite, fetch.bases(mirror, hints), keyring, web=self._web, say=say)

    def update(self, architectures: Sequence[str]) -> None:
        """Have the lists of these architectures, not older than a day; one that the suite does not have has none, and that is an answer.

        Raises:
            ToolMissing: the archive cannot be reached, or what it says is not signed, not valid or not whole.
        """
        self.lists.update(architectures)

    def versions(self, name: str, architecture: str) -> tuple[str, ...]:
        """Return the versions of a package, newest first; *architecture* as of ``single``."""
        return tuple(dict.fromkeys(one.version for one in self._offers(name, architecture)))

    def _offers(self, name: str, architecture: str) -> list[Package]:
        known = [architecture] if architecture != ALL else sorted(self.lists.state().stamps)
        packages = (one for index in self.lists.indexes(known) for one in index.packages(name))
        fitting = (one for one in packages if one.architecture in {architecture, ALL})
        return sorted(fitting, key=lambda one: version_key(one.version), reverse=True)

    def lacking(self, names: Sequence[str], architecture: str) -> dict[str, str]:
        """Return those of *names* that no package has, or provides, with the likeliest that one has; empty if none is near."""
        indexes = self.lists.indexes((architecture,))
        return {name: _likely(name, indexes) for name in names if not any(True for index in indexes for _ in index.names(f"{name}\t"))}

    def closure(self, packages: Sequence[str], architecture: str) -> tuple[Package, ...]:
        """Return packages and all that they depend on, as on an empty machine of *architecture*.

        Args:
            packages: ``gcc``, ``rustc-web=1.85.0+dfsg3-1~deb12u3`` or ``libssl-dev:arm64``.

        Raises:
            ToolMissing: there is no such package, or no machine can have all of them.
        """
        foreign = sorted({name.partition("=")[0].partition(":")[2] for name in packages} - {"", architecture})
        offered = Offered(self.lists.indexes((architecture, *foreign)))
        return tuple(sorted(resolve.closure(packages, offered, architecture), key=lambda one: one.file))

    def single(self, name: str, architecture: str, version: str = "") -> Package:
        """Return one package without what it depends on; the newest, or of exactly *version*. One for every architecture is of ``all``.

        Raises:
            ToolMissing: there is none.
        """
        offered = self._offers(name, architecture)
        for one in offered:
            if version in {"", one.version}:
                return one
        there = ", ".join(dict.fromkeys(one.version for one in offered)) or "none"
        raise ToolMissing(
            f"Debian's {self.suite} has no {name}{f' {version}' if version else ''} for {architecture}", why=f"there is {there}"
        )

    def fetch(self, packages: Sequence[Package]) -> tuple[Path, ...]:
        """Have the packages in our cache, each checked, and return their files in the order asked.

        Raises:
            ToolMissing: one cannot be fetched.
        """
        return tuple(path for files in self.fetch_each([packages]) for path in files)

    def fetch_each(self, groups: Sequence[Sequence[Package]]) -> Iterator[tuple[Path, ...]]:
        """Have groups of packages in our cache, each checked, and give the files of each as soon as they are there.

        Raises:
            ToolMissing: one cannot be fetched.
        """
        folder = self.folder / "archives"
        folder.mkdir(parents=True, exist_ok=True)
        with cache.lock(folder, self._say):
            every = dict.fromkeys(package for group in groups for package in group)
            missing = [package for package in every if not fetch.is_complete(folder / package.file, package.size, _sha256(package))]
            ready: list[Package] = []
            for group in groups:
                lacking = [package for package in missing if package in group and package not in ready]
                if lacking:
                    self._download(lacking, folder)
                    ready += lacking
                    self._say(f"fetched {len(ready)} of {len(missing)} packages, {megabytes(ready)} of {megabytes(missing)} MB")
                yield tuple(folder / package.file for package in group)

    def _download(self, packages: Sequence[Package], folder: Path) -> None:
        acts = [partial(fetch.file, self._web, one.url, folder / one.file, one.size, _sha256(one)) for one in packages]
        try:
            fetch.side_by_side(self._web, acts)
        except fetch.Unreached as error:
            self.lists.forget()  # what the mirror no longer has, it has in a newer version
            hint = "try again: the lists are asked for anew"
            raise ToolMissing(f"a package of Debian's {self.suite} cannot be fetched", why=str(error), hint=hint) from error


def _sha256(package: Package) -> str:
    return package.digest.removeprefix("sha256:")


def _likely(name: str, indexes: Iterable[Index]) -> str:
    """Return the name that was likely meant: comparing with tens of thousands takes seconds, so only those that begin alike count."""
    alike = {other for index in indexes for other in index.names(name[:LIKE])}
    return next(iter(get_close_matches(name, sorted(alike), n=1)), "")
