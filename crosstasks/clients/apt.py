"""Act: packages of the machine's own apt sources, fetched and read without root.

apt-get runs with state and cache folders of ours over the sources of the machine, so that mirrors, proxies, credentials
and signatures are apt's own business. Nothing is installed, and no maintainer script runs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..core import cache, files
from ..core.errors import ToolMissing
from . import network
from .deb import Package, megabytes, offered, whole

if TYPE_CHECKING:
    from ..core.steps import Done, Runner, Say

FRESH: Final = 24 * 3600
"""Seconds that apt's lists are taken for current."""

SOON: Final = 600
"""Seconds after which apt is asked again where a mirror failed."""

TRIES: Final = 3
"""A mirror in the middle of a sync says ``File has unexpected size``; a little later it is whole."""

BATCH: Final = 24
"""Packages fetched by one call of apt-get, after which progress is told, where nobody waits for some of them."""

_HOOKS: Final = ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")
_INDEXES: Final = ("DEP-11", "DEP-11-icons-small", "DEP-11-icons", "DEP-11-icons-hidpi", "DEP-11-icons-large", "CNF", "Contents-deb")

QUIET: Final = "".join(
    f"#clear {name};\n"
    for name in (*(f"APT::Update::{hook}" for hook in _HOOKS), *(f"Acquire::IndexTargets::deb::{index}" for index in _INDEXES))
)
"""
The machine's hooks on `apt-get update` are not for our lists: they empty its cache, and wake PackageKit. Nor are the indexes
of its desktop and shell, larger than the packages' own. No -o can clear a list.
"""

DRAFT: Final = ".fetch."

ALL: Final = "all"
"""The architecture of packages that are for every one: they are in the lists of each, and apt finds them by their name alone."""


class Archive:
    """The machine's apt sources, or those in the folder *sources*, with lists and packages in a *folder* of our cache."""

    def __init__(self, folder: Path, *, run: Runner, say: Say, sources: Path | None = None) -> None:
        """Keep where things lie; nothing is asked yet."""
        self.folder, self._run, self._say, self._sources = folder, run, say, sources

    def update(self, architectures: Sequence[str]) -> None:
        """
        Have apt's lists of these architectures, not older than a day.

        A mirror in the middle of a sync fails for one suite or architecture; what the others offer is used, and asked anew soon.

        An architecture that the distribution does not have (riscv64 in bookworm) has empty lists, and that is an answer.

        Raises:
            ToolMissing: apt cannot get any list.
        """
        with cache.locked(self.folder / "lists"):
            known = self._stamps()
            stale = [one for one in architectures if one != ALL and time.time() - known.get(one, 0) > FRESH]
            if not stale:
                return
            self._say(f"asking apt's sources what they offer for {', '.join(stale)}")
            done = self._patient("update", architectures=stale)
            stamp = time.time()
            if done.code:
                stamp -= FRESH - SOON
                for one in stale:
                    self._apt("apt-get", "update", architectures=(one,))
            every = self._known(*stale)  # apt keeps some 20 MB for each, in a file of its own for each set
            lacking = [one for one in stale if not self._apt("apt-cache", "madison", f"libc6:{one}", architectures=every).out.strip()]
            if len(lacking) == len(stale):
                hint = "`apt-get update` on this machine says the same; or wait, if a mirror is being synchronised"
                raise ToolMissing(f"apt's lists for {', '.join(lacking)} cannot be had", why=_said(done), hint=hint)
            files.write(self.folder / "stamps.json", json.dumps({**known, **dict.fromkeys(stale, stamp)}))
            for made in self.folder.glob("pkgcache-*.bin"):  # apt makes it anew for the new lists, and maybe never for this set
                made.unlink(missing_ok=True)

    def _stamps(self) -> dict[str, float]:
        try:
            stamps: dict[str, float] = json.loads((self.folder / "stamps.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return stamps

    def versions(self, name: str, architecture: str) -> tuple[str, ...]:
        """Return the versions of a package that apt offers, newest first; *architecture* as of ``single``."""
        done = self._apt("apt-cache", "madison", _asked(name, architecture), architectures=self._known(architecture))
        rows = (line.split("|") for line in done.out.splitlines())
        return tuple(dict.fromkeys(row[1].strip() for row in rows if len(row) > 1 and row[0].strip().partition(":")[0] == name))

    def lacking(self, names: Sequence[str], architecture: str) -> dict[str, str]:
        """Return those of *names* that no package has, or provides, with the likeliest that one has; empty if none is near."""
        known = set(self._apt("apt-cache", "pkgnames", architectures=(architecture,)).out.split())
        return {name: _likely(name, known) for name in names if name not in known and not self._provided(name, architecture)}

    def _provided(self, name: str, architecture: str) -> bool:
        said = self._apt("apt-cache", "showpkg", "--", name, architectures=(architecture,)).out
        return bool(said.partition("\nReverse Provides:")[2].strip())

    def closure(self, packages: Sequence[str], architecture: str) -> tuple[Package, ...]:
        """
        Return packages and all that they depend on, as on an empty machine of *architecture*.

        Args:
            packages: ``gcc``, ``rustc-web=1.85.0+dfsg3-1~deb12u3`` or ``libssl-dev:arm64``.

        Raises:
            ToolMissing: apt has no such package.
        """
        foreign = sorted({name.partition(":")[2] for name in packages if ":" in name.partition("=")[0]} - {"", architecture})
        asked = ("install", "--print-uris", "--yes", "--no-install-recommends", *packages)
        done = self._apt("apt-get", *asked, architectures=(architecture, *foreign))
        found = tuple(filter(None, map(offered, done.out.splitlines())))
        if done.code or not found:
            words = set(re.findall(r"[a-z0-9][a-z0-9+.-]+", done.err))
            named = [name for name in packages if re.split("[:=]", name)[0] in words] or list(packages[:4])
            raise ToolMissing(f"apt cannot give {', '.join(named)} for {architecture}", why=_said(done))
        return tuple(sorted(found, key=lambda package: package.file))

    def single(self, name: str, architecture: str, version: str = "") -> Package:
        """Return one package without what it depends on; the newest, or of exactly *version*. One for every architecture is of ``all``."""
        asked = f"{_asked(name, architecture)}{f'={version}' if version else ''}"
        done = self._apt("apt-get", "download", "--print-uris", asked, architectures=self._known(architecture))
        found = next(filter(None, map(offered, done.out.splitlines())), None)
        if found is None:
            raise ToolMissing(f"apt has no {asked}", why=_said(done))
        return found

    def fetch(self, packages: Sequence[Package]) -> tuple[Path, ...]:
        """
        Have the packages in our cache, each checked, and return their files in the order asked.

        Raises:
            ToolMissing: apt cannot get one of them.
        """
        batches = [packages[start : start + BATCH] for start in range(0, len(packages), BATCH)]
        return tuple(path for files in self.fetch_each(batches) for path in files)

    def fetch_each(self, groups: Sequence[Sequence[Package]]) -> Iterator[tuple[Path, ...]]:
        """
        Have groups of packages in our cache, each checked, and give the files of each as soon as they are there.

        Raises:
            ToolMissing: apt cannot get one of them.
        """
        folder = self.folder / "archives"
        folder.mkdir(parents=True, exist_ok=True)
        with cache.locked(folder):
            for left in folder.glob(f"{DRAFT}*"):  # of a call that was killed: only the holder of the lock has one
                shutil.rmtree(left, ignore_errors=True)
            every = dict.fromkeys(package for group in groups for package in group)
            missing = [package for package in every if not whole(folder / package.file, package)]
            got: list[Package] = []
            for group in groups:
                lacking = [package for package in missing if package in group and package not in got]
                if lacking:
                    self._download(lacking, folder)
                    got += lacking
                    self._say(f"fetched {len(got)} of {len(missing)} packages, {megabytes(got)} of {megabytes(missing)} MB")
                yield tuple(folder / package.file for package in group)

    def _download(self, packages: Sequence[Package], folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder, prefix=DRAFT) as draft:
            names = [f"{package.name}:{package.architecture}={package.version}" for package in packages]
            architectures = self._known(*(package.architecture for package in packages))
            done = self._patient("download", *names, architectures=architectures, cwd=draft)
            for package in packages:
                got = Path(draft, package.file)
                if not whole(got, package):
                    # what the mirror no longer has, it has in a newer version: the next call asks for new lists
                    (self.folder / "stamps.json").unlink(missing_ok=True)
                    raise ToolMissing(f"apt did not get {package.file}", why=_said(done), hint="try again: apt's lists are asked for anew")
                got.replace(folder / package.file)

    def _known(self, *more: str) -> tuple[str, ...]:
        return tuple(sorted({*self._stamps(), *more} - {ALL}))

    def _patient(self, *arguments: str, architectures: Sequence[str], cwd: str = "") -> Done:
        done = self._apt("apt-get", *arguments, architectures=architectures, cwd=cwd)
        for _ in range(TRIES - 1):
            if not done.code:
                break
            done = self._apt("apt-get", *arguments, architectures=architectures, cwd=cwd)
        return done

    def _apt(self, program: str, *arguments: str, architectures: Sequence[str], cwd: str = "") -> Done:
        """Run apt with our folders; the first architecture is the one of the machine that it plays."""
        for place in ("lists/partial", "none/partial", "state"):
            (self.folder / place).mkdir(parents=True, exist_ok=True)
        status, quiet = (self.folder / "state" / name for name in ("status", "quiet.conf"))
        files.update(status, "")
        files.update(quiet, QUIET)
        options = {
            "Dir::State": self.folder / "state",
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": status,
            "Dir::Cache": self.folder,
            "Dir::Cache::archives": self.folder / "none",  # --print-uris passes over what it finds there
            "Dir::Cache::pkgcache": f"pkgcache-{'-'.join(architectures)}.bin",
            "Dir::Cache::srcpkgcache": "",
            "APT::Architecture": architectures[0],
            "APT::Get::List-Cleanup": "false",
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::ForceHash": "SHA256",  # else --print-uris tells of MD5
        }
        if self._sources:
            options |= {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": self._sources}
        listed = [f"-o{key}={value}" for key, value in options.items()]
        listed += ["-oAPT::Architectures::=", *(f"-oAPT::Architectures::={one}" for one in architectures)]
        call = (program, f"--config-file={quiet}", *listed, *arguments)
        return self._run(call, env={"LC_ALL": "C.UTF-8", **self._trusting()}, cwd=cwd)

    def _trusting(self) -> dict[str, str]:
        """Name the user's authorities in the file that apt reads first: what the machine's own configuration says wins (apt.conf(5))."""
        file = network.authorities(os.environ)
        if not file or "APT_CONFIG" in os.environ:
            return {}
        first = self.folder / "state" / "first.conf"
        files.update(first, f'Acquire::https::CaInfo "{file}";\n')
        return {"APT_CONFIG": str(first)}


def _asked(name: str, architecture: str) -> str:
    return name if architecture == ALL else f"{name}:{architecture}"


def _likely(name: str, known: Iterable[str]) -> str:
    """Return the name that was likely meant: comparing with tens of thousands takes seconds, so only those that begin alike count."""
    alike = [other for other in known if other[:3] == name[:3]]
    return next(iter(get_close_matches(name, sorted(alike), n=1)), "")


def _said(done: Done) -> str:
    unmet = [line.strip() for line in done.out.splitlines() if re.match(r" \S+ : ", line)]  # apt's reason, which its error does not tell
    if done.code and (full := cache.said_full(done.err)):
        return full
    if done.code and unmet:
        return "; ".join(unmet[:2])
    lines = [line for line in done.err.splitlines() if line.startswith("E:")] or done.err.splitlines()
    return "; ".join(line.removeprefix("E:").strip() for line in lines[:2])


__all__ = ["Archive"]
