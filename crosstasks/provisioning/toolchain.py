"""Act: put a Rust toolchain into a RUSTUP_HOME of ours, from rustup's server; and what its library is built with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..core import cache, files
from ..core.errors import ToolMissing
from ..planning.toolchains import RUSTUP_GLIBC
from .rustup_home import BUILD_STD, SOURCE, addition, contents, mark, missing, path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..catalog.ingredients import InstallToolchain
    from ..core.steps import Done, Env, Runner, Say


def from_rustup(step: InstallToolchain, *, home: Path, rustup: str, run: Runner, say: Say) -> None:
    """
    Let *rustup* (a path) install the toolchain into *home*, or add to one that it did.

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
            mark(path(home, want), contents(want, "rustup", RUSTUP_GLIBC))
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
    mark(path(home, want), contents(want, "rustup", RUSTUP_GLIBC))
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


def fetch_library(toolchain: Path, *, host_toolchain: Path | None = None, cargo_home: str = "", run: Runner, say: Say) -> None:
    """
    Fetch the crates that the standard library itself needs, so that ``-Zbuild-std`` works offline.

    Args:
        toolchain: the folder whose library's source it is.
        host_toolchain: the folder of a toolchain that runs on this machine, if *toolchain* does not.
        cargo_home: where to; the user's own if empty.
        run: runs programs.
        say: told what is done.

    Raises:
        ToolMissing: the source is not there, or a crate cannot be fetched.
    """
    manifest = toolchain / SOURCE / "Cargo.toml"
    if not manifest.is_file():
        raise ToolMissing(f"{toolchain.name} holds no source of the standard library", hint="`rustup component add rust-src` adds it")
    say(f"fetching the dependencies of the standard library of {toolchain.name}")
    programs = (host_toolchain or toolchain) / "bin"
    env = {"RUSTC_BOOTSTRAP": "1", "RUSTC": str(programs / "rustc"), "RUSTUP_TOOLCHAIN": None}
    if cargo_home:
        env["CARGO_HOME"] = cargo_home
    argv = [str(programs / "cargo"), "fetch", "--locked", "--manifest-path", str(manifest)]
    # from elsewhere: library/.cargo of newer rust-src names copies beside it, which `cargo build -Zbuild-std` does not look at
    done = run(argv, env=env, cwd=str(toolchain))
    if done.code:
        why = done.err.strip() or f"cargo exited with {done.code}"
        raise ToolMissing("the standard library's dependencies cannot be fetched", why=why, hint="is the crates registry within reach?")


def start_files(toolchain: Path, triple: str, *, host_toolchain: Path, run: Runner) -> None:
    """
    Make the two objects that every windows-gnu program is linked with, and that rustup ships beside its standard library.

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
        source = toolchain / SOURCE / "rtstartup" / f"{stem}.rs"
        argv = (
            str(host_toolchain / "bin" / "rustc"),
            "--target",
            triple,
            "--emit=obj",
            "-O",
            "--crate-type=lib",
            "-o",
            str(draft_),
            str(source),
        )
        done = run(argv, env={"RUSTC_BOOTSTRAP": "1"})
        if done.code:
            raise ToolMissing(f"{stem}.o of {triple} cannot be made", why=done.err.strip()[-1000:])
        draft_.replace(place / f"{stem}.o")
