"""Act: fetch the packages that Debian makes of Rust, and make a toolchain, or what one lacks, of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from ..clients.deb import members
from ..core import integrity
from ..core.errors import ToolMissing
from . import assemble
from .rustup_home import Marker, Wanted, mark, missing, name, path

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..clients.apt import Archive
    from ..clients.deb import Package
    from ..core.steps import Runner, Say

RUSTC: Final = "rustc-web"
CARGO: Final = "cargo-web"
STD: Final = "libstd-rust-web-dev"
LIBRARY: Final = "rust-web-src"


class Parts(Struct, frozen=True, kw_only=True):
    """The packages to fetch: of the programs and all that they need (none if they are there), std by triple, its source."""

    programs: tuple[Package, ...] = ()
    patchelf: Package | None = None
    standard: Mapping[str, Package] = {}
    library: Package | None = None

    def all(self) -> tuple[Package, ...]:
        """Return each of them."""
        return (*self.programs, *self.standard.values(), *(part for part in (self.patchelf, self.library) if part))


def make(
    want: Wanted,
    kept: Marker | None,
    *,
    home: Path,
    draft: Path,
    archive: Archive,
    architectures: Mapping[str, str],
    run: Runner,
    say: Say,
) -> None:
    """
    Make *want* in the folder *draft*, and move it into *home*: a whole toolchain, or what *kept* lacks.

    Raises:
        ToolMissing: a package is not offered, or what came out does not run.
    """
    machine = run(["dpkg", "--print-architecture"]).out.strip()
    archive.update(sorted({machine, *architectures.values()}))
    parts = _parts(want, kept, home, archive=archive, architectures=architectures, machine=machine)
    packages = parts.all()
    size = sum(package.size for package in packages) / 1e6
    what = ", ".join((*(["rustc", "cargo"] if parts.programs else ()), *parts.standard, *(["source"] if parts.library else ())))
    say(f"taking {len(packages)} packages of Debian, {size:.0f} MB: Rust {want.release} for {want.host}: {what}")
    debs = dict(zip(packages, archive.fetch(packages), strict=True))
    folder, glibc = draft / name(want), kept.glibc if kept else ""
    if parts.patchelf:
        say(f"unpacking rustc, cargo and what they need from {len(parts.programs)} packages")
        glibc = assemble.programs((member for package in parts.programs for member in members(debs[package])), folder)
        assemble.single_file(members(debs[parts.patchelf]), "usr/bin/patchelf", draft / "patchelf")
        assemble.set_run_paths(folder, draft / "patchelf", run=run)
        if machine == architectures[want.host]:
            prove(folder, want, run)
    for triple, package in parts.standard.items():
        say(f"unpacking the standard library of {triple}")
        assemble.standard(members(debs[package]), triple, folder)
    if parts.library:
        say("unpacking the standard library's source")
        assemble.library(members(debs[parts.library]), want.release, folder)
    held = Marker(
        release=want.release,
        host=want.host,
        targets=want.triples,
        source=want.source,
        origin="debian",
        glibc=glibc,
        architectures=architectures,
        packages={**(kept.packages if kept and not parts.programs else {}), **{_key(package): package.version for package in packages}},
    )
    _move(parts, folder, path(home, want), held)
    say(f"Rust {want.release} for {want.host} lies in {path(home, want)}")


def _parts(want: Wanted, kept: Marker | None, home: Path, *, archive: Archive, architectures: Mapping[str, str], machine: str) -> Parts:
    own = architectures[want.host]
    before = kept.packages.get(f"{RUSTC}:{own}", "") if kept else ""
    version = _version(want, archive, architectures, before)
    whole = version != before
    lacking = (*want.triples, *(("source",) if want.source else ())) if whole else missing(home, want)
    return Parts(
        programs=_closure(archive, want.release, version, own) if whole else (),
        patchelf=archive.single("patchelf", machine, _newest(archive, "patchelf", machine)) if whole else None,
        standard={triple: archive.single(STD, architectures[triple], version) for triple in want.triples if triple in lacking},
        library=archive.single(LIBRARY, "all", version) if "source" in lacking else None,
    )


def _version(want: Wanted, archive: Archive, architectures: Mapping[str, str], before: str) -> str:
    """
    Return the version of Debian's packages that has all of it.

    A standard library fits only the rustc that it was built with, so its version must be rustc's to the letter. *before* is
    what the toolchain was made of; if apt offers no more of it, everything is made anew.
    """
    own = architectures[want.host]
    offered = archive.versions(RUSTC, own)
    fitting = [version for version in offered if upstream(version) == want.release]
    if not fitting:
        there = ", ".join(dict.fromkeys(map(upstream, offered))) or "none"
        raise ToolMissing(f"Debian has no rustc {want.release} for {own}", why=f"its releases are: {there}")
    std = {triple: archive.versions(STD, architecture) for triple, architecture in architectures.items()}
    for version in sorted(fitting, key=lambda version: version != before):
        if all(version in versions for versions in std.values()):
            return version
    lacking = {triple: versions for triple, versions in std.items() if fitting[0] not in versions}
    there = "; ".join(f"for {triple} there is {', '.join(map(upstream, versions)) or 'none'}" for triple, versions in lacking.items())
    raise ToolMissing(
        f"Debian has no standard library of {want.release} for {', '.join(lacking)}",
        why=f"it must be of rustc's own version {fitting[0]}; {there}",
        hint="take a release that has all of them, or build it from the library's source with -Zbuild-std",
    )


def upstream(version: str) -> str:
    """Return the release of Rust in a version of Debian, ``1.96.0`` of ``1.96.0+dfsg1-1~deb12u2``."""
    return re.split(r"[+~-]", version.rpartition(":")[2])[0]


def _closure(archive: Archive, release: str, version: str, architecture: str) -> tuple[Package, ...]:
    driver = f"libstd-rust-web-{'.'.join(release.split('.')[:2])}"
    # All of them by version, or apt takes the newest of those that rustc names without one.
    asked = [f"{package}={version}" for package in (RUSTC, CARGO, STD, driver)]
    return tuple(package for package in archive.closure(asked, architecture) if assemble.may_hold_libraries(package.name))


def _newest(archive: Archive, package: str, architecture: str) -> str:
    versions: Sequence[str] = archive.versions(package, architecture)
    if not versions:
        raise ToolMissing(f"Debian offers no {package} for {architecture}", hint="run `apt-get update`, and try again")
    return versions[0]


def prove(folder: Path, want: Wanted, run: Runner) -> None:
    """
    Run the programs, with nothing but their own run path to find their shared objects.

    Raises:
        ToolMissing: one does not run, or is another than was wanted.
    """
    for argv, expected in ((["rustc", "-vV"], f"host: {want.host}\nrelease: {want.release}\n"), (["cargo", "-V"], f"cargo {want.release}")):
        done = run([str(folder / "bin" / argv[0]), *argv[1:]], env={"LD_LIBRARY_PATH": None}, cwd=str(folder))
        if done.code or expected not in done.out:
            why = done.err.strip() or done.out.strip() or f"it exited with {done.code}"
            raise ToolMissing(f"the {argv[0]} made of Debian's packages does not run as {name(want)}", why=why)


def _move(parts: Parts, made: Path, folder: Path, held: Marker) -> None:
    """Let the toolchain appear at once; or each thing that it lacked, and the marker last."""
    if parts.programs:
        mark(made, held)
        integrity.replace(made, folder)
        return
    for added in (*parts.standard, *(("src",) if parts.library else ())):
        integrity.replace(made / "lib/rustlib" / added, folder / "lib/rustlib" / added)
    mark(folder, held)


def _key(package: Package) -> str:
    return f"{package.name}:{package.architecture}"
