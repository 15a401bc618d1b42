"""Pure: how a run of cross ended: by cargo or a program in the container, or by cross itself before that.

cross hands to the host's cargo what it does not put into a container, and says little about why. The marks that the
guard leaves decide, since a program under ``cross run`` may exit with any code.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from .errors import (
    BuildFailed,
    ConfigError,
    CrosstasksError,
    EmulationFailed,
    EngineFailed,
    ImageFailed,
    NoRoute,
    RefusedArgument,
    ToolMissing,
)

ALLOWED: Final = frozenset({"build", "b", "check", "c", "doc", "run", "r", "rustc", "test", "t", "bench", "clippy", "metadata"})
"""The subcommands that cross runs in a container (0.2.x and git: ``src/cargo.rs``)."""

REFUSED_SUBCOMMANDS: Final[Mapping[str, str]] = {
    "": "name what to do: build, test, check, …",
    "nextest": "use `test`; or build with `test --no-run` and run the programs yourself",
    "fmt": "run `cargo fmt` itself: it needs no target",
    "clean": "run `cargo clean` itself, with the same target directory",
    "--list": "run `cargo --list` itself",
    "rustdoc": "use `doc`",
    "zigbuild": "choose the builder zigbuild instead of calling it through cross",
}
"""What to do instead of some that cross hands to the host's cargo; every alias is among them (cross-rs/cross#716)."""


class Marks(Struct, frozen=True, kw_only=True):
    """What a run left in the guard's folder: the arguments that were refused, and what cargo said to ``metadata``."""

    cargo: tuple[str, ...] | None = None
    rustup: tuple[str, ...] | None = None
    metadata_code: int = 0
    metadata_stderr: str = ""


def check_subcommand(argv: Sequence[str]) -> None:
    """Refuse arguments of cross whose subcommand cross would hand to the host's cargo.

    Raises:
        RefusedArgument: with what to do instead.
    """
    refusal = _refusal(argv)
    if refusal:
        raise refusal


def _refusal(argv: Sequence[str]) -> RefusedArgument | None:
    found = subcommand(argv)
    if found in ALLOWED:
        return None
    what = f"cross runs `cargo {found}` on the host, not in a container" if found else "cross was given no subcommand"
    hint = REFUSED_SUBCOMMANDS.get(found, "it runs only build, check, clippy, doc, run, rustc, test and bench in a container")
    if argv and argv[0].startswith("-") and ALLOWED.intersection(argv):
        hint = "put the subcommand before its options: cross takes the first word for it (cross-rs/cross#903)"
    return RefusedArgument(what, hint=hint)


_VALUED: Final = ("--color", "--manifest-path", "--target", "--features", "--target-dir")


def subcommand(argv: Sequence[str]) -> str:
    """Return what cross 0.2.x takes for the subcommand: the first bare word (cli.rs:150-227), empty if there is none."""
    words = iter(argv)
    for word in words:
        if word in _VALUED:
            next(words, None)
        elif word == "--list" or (word and word[0] not in "-+"):
            return word
    return ""


def explain(marks: Marks, code: int, err: str = "") -> CrosstasksError | None:
    """Say which of cross's ways ended a run, or None if cargo or a program in the container did.

    ===================================================  ==============================================
    there is                                             it was
    ===================================================  ==============================================
    a metadata that failed                               the project: ConfigError; a download: BuildFailed
    a mark of rustup                                     an install: ToolMissing
    a mark of cargo, and "does not provide" in *err*     no image: ImageFailed
    a mark of cargo, with a subcommand that stays here   RefusedArgument
    a mark of cargo, else                                a target without a container: NoRoute
    no mark, and the engine's or cross's own words       EngineFailed, ImageFailed, EmulationFailed, …
    no mark                                              None, also for 97 and 98
    ===================================================  ==============================================
    """
    err = re.sub(r"\x1b\[[0-9;]*m", "", err)
    if marks.metadata_code:
        return _unreadable(marks.metadata_stderr)
    if marks.rustup is not None:
        return _install(marks.rustup)
    if marks.cargo is not None:
        return _fall_back(marks.cargo, err)
    return _no_image(err) if code == 1 and _ABORTED in err else _known(code, err)


def _install(argv: Sequence[str]) -> ToolMissing:
    match [word for word in argv if word not in {"--quiet", "--verbose"}]:
        case ["toolchain", "add" | "install", name, *_]:
            what, why = f"cross wants to install the toolchain {name!r}", "it is not the one that was provided"
            hint = "name the toolchain in rust-toolchain.toml or in the config, not as +channel"
        case ["target", "add", triple, "--toolchain", name]:
            what, why = f"the toolchain {name!r} has no standard library for {triple}", "cross wants to install it"
            hint = f"add {triple!r} to the targets of the config"
        case ["component", "add", component, "--toolchain", name]:
            what, why = f"the toolchain {name!r} lacks {component!r}", "cross wants to install it"
            hint = "take a toolchain that has it"
        case _:
            what, why = "cross asked rustup for what the guard does not answer", shlex.join(["rustup", *argv])
            hint = "this cross is none of those that the guard knows"
    return ToolMissing(what, why=why, hint=hint)


_CONTAINED: Final = re.compile(r"linux|android|thumb|bsd|dragonfly|solaris|illumos|windows|emscripten|apple")
"""The triples that cross 0.2.x runs in a container if there is an image (lib.rs:233-244)."""

_NAME_ONE: Final = "name one: `image` of the target in the config, or in Cross.toml"


_ABORTED: Final = "Errors encountered before cross compilation, aborting."
"""What git's cross says in place of a fall-back, with CROSS_NO_WARNINGS or in CI (bin/cross.rs:44-48)."""


def _fall_back(argv: Sequence[str], err: str) -> CrosstasksError:
    failure = _no_image(err) or _refusal(argv)
    if failure:
        return failure
    triple = _target(argv)
    if _CONTAINED.search(triple) and "Falling back" not in err:
        return ImageFailed(f"cross has no image for {triple}", why="it was told to be quiet, and says no more", hint=_NAME_ONE)
    why = "it would run the host's cargo instead" if triple else "no --target was given, and cross would run the host's cargo"
    hint = "use the builder cargo or zigbuild; if CROSS_COMPATIBILITY_VERSION is set, unset it"
    return NoRoute(f"cross does not run {triple or 'the host'} in a container", why=why, hint=hint)


def _no_image(err: str) -> CrosstasksError | None:
    warnings = "\n".join(re.findall(r"^\[cross\] warning: (.*)", err, re.MULTILINE))
    if re.search("does not provide a Docker image|provides multiple images", warnings):
        return ImageFailed("cross has no image for the target", why=warnings, hint=_NAME_ONE)
    if _ABORTED in err:
        return ConfigError("cross does not go on after a warning", why=warnings, hint="CROSS_NO_WARNINGS=0 lets it go on")
    return None


def _target(argv: Sequence[str]) -> str:
    for word, following in zip(argv, (*argv[1:], ""), strict=True):
        if word == "--target":
            return following
        if word.startswith("--target="):
            return word.removeprefix("--target=")
    return ""


class _Known(Struct, frozen=True):
    """How a program puts it (*said*), what it was, and what to do."""

    said: str
    error: type[CrosstasksError]
    what: str
    hint: str
    codes: frozenset[int] = frozenset()


_PROJECT: Final = (
    _Known(
        r"because --locked was passed|needs to be updated but --locked",
        ConfigError,
        "Cargo.lock does not fit Cargo.toml",
        "run `cargo update --workspace` and commit the lock file, or leave --locked out",
    ),
    _Known(
        r"toolchain '[^'\n]*' is not install(ed|able)|no such command: `\+",
        ToolMissing,
        "the toolchain that reads the project is not installed",
        "leave +channel out",
    ),
    _Known(
        r"--offline was specified|failed to (download|fetch|authenticate)|[Uu]nable to update|Could not resolve|offline mode",
        BuildFailed,
        "cargo cannot get the project's dependencies",
        "try `cargo fetch` in the project",
    ),
    _Known(r"", ConfigError, "cargo cannot read the project", "`cargo metadata` with the same options says the same"),
)
"""What cargo says to ``metadata``."""

_ENDINGS: Final = (
    _Known(
        r"^(docker|podman|Error): .*([Cc]annot connect|failed to connect|unable to connect|error during connect|daemon running)",
        EngineFailed,
        "the container engine does not answer",
        "start it, or name another one",
        frozenset({125}),
    ),
    _Known(
        r"^(docker|podman|Error): .*(no matching manifest|manifest unknown|[Nn]o such image|pull access denied|does not exist|name unknown"
        r"|denied: |does not match the specified platform|no image found|initializing source|failed to resolve reference|short-name)"
        # docker says this before every pull; after one that succeeded comes a status
        r"|^Unable to find image '[^'\n]*' locally$(?s:(?!^Status: ).)*?^docker: ",
        ImageFailed,
        "the engine cannot get the image",
        "provide it, or name another one",
        frozenset({125}),
    ),
    _Known(
        r"^Error: container-init binary not found",
        EngineFailed,
        "podman has no program that could be a container's first",
        "install the package catatonit, which podman recommends",
        frozenset({125}),
    ),
    _Known(
        r"^(docker|podman|Error): ",
        EngineFailed,
        "the container engine did not start the container",
        "`docker run` with the same options says the same",
        frozenset({125}),
    ),
    _Known(
        r"^(docker: Error response from daemon|Error: .*OCI runtime)",
        EngineFailed,
        "the container has nothing to run cargo with",
        "cross needs an image with `sh`",
        frozenset({126, 127}),
    ),
    _Known(
        r"^(exec /\S+|standard_init_linux\S* exec user process caused|.*exec container process \S+"
        # what --init starts first: docker's, podman's
        r"|\[FATAL tini \(\d+\)\] exec \S+ failed|.*catatonit\S*: failed to exec pid1): [Ee]xec format error",
        EmulationFailed,
        "the image is for another architecture, and nothing here runs its programs",
        "take an image of the engine's own platform, or set up emulation",
        frozenset({1, 126, 255}),
    ),
    _Known(
        r"^(sh|/bin/sh): (\d+: |line \d+: )?cargo: (command )?not found",
        ToolMissing,
        "the container sees no toolchain",
        "the engine cannot mount the toolchain's folder: is it remote, or does all this run in a container?",
        frozenset({127}),
    ),
    _Known(
        r"^ +\d: (no container engine found|could not get os and arch)",
        EngineFailed,
        "cross found no container engine that answers",
        "start docker or podman, or name another one",
        frozenset({1}),
    ),
)
"""What cross and the engines say when nothing was compiled. A program may print the same: its exit code must fit as well."""

_PASSWORD: Final = re.compile(r"(?<=://)[^/@\s]+@")


def _unreadable(stderr: str) -> CrosstasksError:
    """Show cargo's own words: cross hides them, and goes on to the host's cargo."""
    said = _PASSWORD.sub("***@", stderr[max(stderr.find("error"), 0) :]).strip()
    known = next(row for row in _PROJECT if re.search(row.said, said))
    return known.error(known.what, why="\n".join(said.splitlines()[:30]), hint=known.hint)


def _known(code: int, err: str) -> CrosstasksError | None:
    for row in _ENDINGS:
        said = re.search(row.said, err, re.MULTILINE) if code in row.codes else None
        if said:
            # the line itself, and the engine's reason if that is a later one
            block = err[said.start() : err.find("\n", said.end()) if "\n" in err[said.end() :] else None].strip().splitlines()
            return row.error(row.what, why="\n".join(dict.fromkeys((block[0], block[-1]))), hint=row.hint)
    return None
