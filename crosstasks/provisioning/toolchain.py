"""Act: put a Rust toolchain into a RUSTUP_HOME of ours, from rustup's server, and keep it whole; and what its library is built with.

::

    <home>/toolchains/<release>-<host>/                   bin, lib, as rustup and cross know it
    <home>/toolchains/<release>-<host>/.crosstasks.json   what is in it; written last, so what has it is whole
    <home>/toolchains/<release>-<host>/.sums              its files (core/cache.py)
    <home>/making/                                        drafts and locks; nothing of use when nobody works
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, structs

from ..catalog.ingredients import InstallToolchain, Toolchain
from ..core import cache, files
from ..core.errors import ToolMissing
from ..core.steps import Done, Env, Runner, Say
from ..facts import inventory
from ..facts.rustup import GLIBC

SOURCE: Final = "lib/rustlib/src/rust/library"

BUILD_STD: Final = "it can be built from the library's source with -Zbuild-std"

BOOKS: Final = frozenset(
    {inventory.MARKER, *(f"lib/rustlib/{name}" for name in ("components", "multirust-config.toml", "multirust-channel-manifest.toml"))}
)
"""What we and rustup write anew when something is added, also where that fails half way: all else that is added is new files."""


def path(home: Path, step: InstallToolchain) -> Path:
    """Return the folder of the toolchain."""
    return home / "toolchains" / step.name


def missing(home: Path, step: InstallToolchain) -> tuple[str, ...]:
    """Return what is not there yet: ``rustc``, triples, ``source``; nothing if the toolchain is complete."""
    folder = path(home, step)
    present = inventory.toolchain(folder)
    rustc = () if present else ("rustc",)
    triples = (t for t in step.triples if not present or t not in present.standard or not (folder / "lib/rustlib" / t).is_dir())
    source = step.library and not (present and present.library and (folder / SOURCE).is_dir())
    components = (name for name in step.components if not present or name not in present.components)
    return (*rustc, *triples, *(("source",) if source else ()), *components)


class Addition(Struct, frozen=True, kw_only=True):
    """What is to be added to a toolchain, or made anew.

    Attributes:
        step: what is asked for, and what is there already, so that adding a target takes none away.
        present: what is there, of the same origin; another's cannot be added to.
        base: the same, if it may be added to: of its own files, and those of these targets, none is damaged.
        folder: an empty one, for what is made aside.
    """

    step: InstallToolchain
    present: Toolchain | None
    base: Toolchain | None
    folder: Path


@contextmanager
def addition(home: Path, step: InstallToolchain, origin: str, say: Say) -> Iterator[Addition | None]:
    """Hold the toolchain's lock, and tell what is to be added; nothing if it is complete."""
    place = path(home, step)
    with draft(home, step.name, say) as folder:
        if not missing(home, step):
            yield None
            return
        present = inventory.toolchain(place)
        if present and present.origin != origin:
            present = None
        wrong = cache.describe(cache.changed_files(place, but=inventory.unused(present, step.triples)))
        if wrong:
            say(f"{place} is made anew: {wrong}")
        yield Addition(step=union(step, present), present=present, base=None if wrong else present, folder=folder)


def contents(step: InstallToolchain, origin: str, glibc: str) -> Toolchain:
    """Pure: return what a toolchain holds once the step was taken; the marker has no path."""
    return Toolchain(
        name=step.name,
        path="",
        release=step.release,
        host=step.host,
        standard=step.triples,
        library=step.library,
        origin=origin,
        glibc=glibc,
        components=step.components,
    )


def union(step: InstallToolchain, present: Toolchain | None) -> InstallToolchain:
    """Pure: ask also for what is there already, so that adding a target takes none away."""
    if present is None:
        return step
    return structs.replace(
        step,
        targets=tuple(dict.fromkeys((*present.standard, *step.targets))),
        library=step.library or present.library,
        components=tuple(dict.fromkeys((*present.components, *step.components))),
    )


def mark(folder: Path, content: Toolchain) -> None:
    """Note the files of a toolchain, and then what it holds, which makes it count as whole."""
    cache.note_checksums(folder, but=BOOKS)
    files.write(folder / inventory.MARKER, marker(content))


def marker(content: Toolchain) -> str:
    """Return the text of the file that says what a toolchain holds."""
    return msgspec.json.format(msgspec.json.encode(inventory.marker_content(content))).decode()


def keep(place: Path, present: Toolchain, draft_: Path, other: Toolchain) -> None:
    """Put into the toolchain *draft_*, which is to replace the one in *place*, what only that holds: adding takes nothing away.

    rustup's own books do not come along; it then adds what it does not know of by installing anew (``from_rustup``).

    Raises:
        ToolMissing: they were built apart, and a standard library fits only the rustc that it was built with.
    """
    more = [triple for triple in present.standard if triple not in other.standard]
    parts = [*more, *(["src"] if present.library and not other.library else [])]
    if not parts:
        return
    if (present.origin, _rustc(present)) != (other.origin, _rustc(other)):
        why = f"{', '.join(parts)} would be lost, which fit no other build of rustc"
        hint = "make one bundle for all targets, or remove the toolchain that is there"
        raise ToolMissing(f"{place.name} is there, and is not that of the bundle", why=why, hint=hint)
    for part in parts:
        shutil.copytree(place / "lib/rustlib" / part, draft_ / "lib/rustlib" / part, symlinks=True)
    union = {
        "standard": (*other.standard, *more),
        "library": present.library or other.library,
        "architectures": {**present.architectures, **other.architectures},
        "packages": {**present.packages, **other.packages},
    }
    mark(draft_, structs.replace(other, **union))


def _rustc(content: Toolchain) -> str:
    """Return the version of Debian's package; rustup's are told apart by their release."""
    return next((version for name, version in content.packages.items() if name.startswith("rustc-web:")), "")


@contextmanager
def draft(home: Path, name: str, say: Say) -> Iterator[Path]:
    """Hold the lock of the toolchain of this *name*, and lend an empty folder beside it that is gone afterwards.

    Its name is new each time: the rustup of a call that was killed goes on, and must not write into what the next one makes.
    """
    place = home / "making" / name
    with cache.lock(place, say), files.draft_folder(place) as folder:
        yield folder


def from_rustup(step: InstallToolchain, *, home: Path, rustup: str, run: Runner, say: Say) -> None:
    """Let *rustup* (a path) install the toolchain into *home*, or add to one that it did.

    Raises:
        ToolMissing: rustup failed; its last words say why.
    """
    with addition(home, step, "rustup", say) as more:
        if more is None:
            return
        want = more.step
        say(f"rustup installs Rust {want.release} for {want.host}: {', '.join(missing(home, want))}")
        if more.base is None or not _add(want, home, rustup, run, say):
            # What an interrupted rustup leaves has no components to add to (cross-rs/cross#1192): make it anew, aside.
            _install(want, more.folder, rustup, run)
            files.replace_folder(path(more.folder, want), path(home, want))
        else:
            mark(path(home, want), contents(want, "rustup", GLIBC))
        say(f"Rust {want.release} for {want.host} lies in {path(home, want)}")


def _add(want: InstallToolchain, home: Path, rustup: str, run: Runner, say: Say) -> bool:
    """Add to the toolchain in *home* what it lacks; tell whether that went well."""
    lacking = missing(home, want)
    triples = [triple for triple in lacking if triple in want.triples]
    components = [*(["rust-src"] if "source" in lacking else []), *(name for name in lacking if name in want.components)]
    calls = [["target", "add", *triples]] if triples else []
    calls += [["component", "add", *components]] if components else []
    # toolchains share the downloads of a home, of rust-src for one
    with cache.lock(home / "making" / "rustup", say):
        went = all(_rustup([*call, "--toolchain", want.name], home, rustup, run).code == 0 for call in calls)
    folder = path(home, want)
    return went and all((folder / part).is_dir() for part in (*(f"lib/rustlib/{t}" for t in triples), *([SOURCE] if want.library else [])))


def _install(want: InstallToolchain, home: Path, rustup: str, run: Runner) -> None:
    targets = [word for triple in want.targets if triple != want.host for word in ("--target", triple)]
    source = [word for name in (*(["rust-src"] if want.library else []), *want.components) for word in ("--component", name)]
    flags = ["--profile", want.profile or "minimal", "--force-non-host", "--no-self-update"]
    done = _rustup(["toolchain", "install", want.name, *flags, *targets, *source], home, rustup, run)
    if done.code:
        chatter, error, message = done.err.partition("error: ")
        reason, _, more = ((message if error else chatter).strip() or f"it exited with {done.code}").partition("\n")
        hint = BUILD_STD if "unavailable for download" in reason else "is rustup's server, or what RUSTUP_DIST_SERVER names, within reach?"
        raise ToolMissing(f"rustup cannot install {want.name}: {reason}", why=more[-2000:], hint=hint)
    mark(path(home, want), contents(want, "rustup", GLIBC))
    lacking = missing(home, want)
    if lacking:
        raise ToolMissing(f"rustup installed {want.name} without {', '.join(lacking)}")


def _rustup(arguments: Sequence[str], home: Path, rustup: str, run: Runner) -> Done:
    env: Env = {
        "RUSTUP_HOME": str(home),
        "RUSTUP_TOOLCHAIN": None,
        "RUSTUP_INIT_SKIP_PATH_CHECK": "yes",
        "RUSTUP_TERM_COLOR": "never",
        "RUST_BACKTRACE": None,
    }
    return run([rustup, *arguments], env=env, cwd=str(home))


def fetch_library(toolchain: Path, *, host_toolchain: Path, cargo_home: str = "", run: Runner, say: Say) -> None:
    """Fetch the crates that the standard library itself needs, so that ``-Zbuild-std`` works offline.

    Args:
        toolchain: the folder whose library's source it is.
        host_toolchain: the folder of a toolchain that runs on this machine; *toolchain* need not.
        cargo_home: where to; the user's own if empty.

    Raises:
        ToolMissing: the source is not there, or a crate cannot be fetched.
    """
    manifest = toolchain / SOURCE / "Cargo.toml"
    if not manifest.is_file():
        raise ToolMissing(f"{toolchain.name} holds no source of the standard library", hint="`rustup component add rust-src` adds it")
    say(f"fetching the dependencies of the standard library of {toolchain.name}")
    programs = host_toolchain / "bin"
    env = {"RUSTC_BOOTSTRAP": "1", "RUSTC": str(programs / "rustc"), "RUSTUP_TOOLCHAIN": None}
    env |= {"CARGO_HOME": cargo_home} if cargo_home else {}
    argv = [str(programs / "cargo"), "fetch", "--locked", "--manifest-path", str(manifest)]
    # from elsewhere: library/.cargo of newer rust-src names copies beside it, which `cargo build -Zbuild-std` does not look at
    done = run(argv, env=env, cwd=str(toolchain))
    if done.code:
        why = done.err.strip() or f"cargo exited with {done.code}"
        raise ToolMissing("the standard library's dependencies cannot be fetched", why=why, hint="is the crates registry within reach?")


def start_files(toolchain: Path, triple: str, *, host_toolchain: Path, run: Runner) -> None:
    """Make the two objects that every windows-gnu program is linked with, and that rustup ships beside its standard library.

    ``-Zbuild-std`` does not build them, though their source lies beside the library's (library/rtstartup).

    Raises:
        ToolMissing: rustc does not compile them.
    """
    place = toolchain / "lib" / "rustlib" / triple / "lib"
    for stem in ("rsbegin", "rsend"):
        if (place / f"{stem}.o").is_file():
            continue
        place.mkdir(parents=True, exist_ok=True)
        draft_ = place / f".{stem}.{os.getpid()}.o"
        words = ("--target", triple, "--emit=obj", "-O", "--crate-type=lib", "-o", str(draft_))
        source = toolchain / SOURCE / "rtstartup" / f"{stem}.rs"
        done = run((str(host_toolchain / "bin" / "rustc"), *words, str(source)), env={"RUSTC_BOOTSTRAP": "1"})
        if done.code:
            raise ToolMissing(f"{stem}.o of {triple} cannot be made", why=done.err.strip()[-1000:])
        draft_.replace(place / f"{stem}.o")
