"""Pure: what a step of a plan does, in words: `install Rust 1.95.0 with the standard library of aarch64`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, assert_never

from ..catalog import targets
from ..planning.ingredients import BuildImage, CompileCross, InstallToolchain, InstallWheels, PullImage, RegisterEmulator

if TYPE_CHECKING:
    from ..planning.ingredients import Provision

CALLED: Final = {"astral-dev-toolchain-cross": "cross", "ziglang": "zig"}
"""What people call a program that PyPI has under another name."""

SERVERS: Final = {"rustup": "rustup's server", "debian": "Debian's packages"}


def words(step: Provision) -> str:
    """Return what a step does, as a sentence without a subject."""
    match step:
        case InstallWheels(projects=projects):
            return f"install {joined([_project(project) for project in projects])} from PyPI"
        case CompileCross(flavour=flavour):
            return f"compile cross {flavour} with cargo"
        case InstallToolchain(release=release, targets=triples, library=library, source=source):
            parts = [*([f"the standard library of {some(triples)}"] if triples else []), *(["the library's source"] if library else [])]
            return f"install Rust {release}{' with ' if parts else ''}{' and '.join(parts)}, from {SERVERS[source]}"
        case PullImage(ref=ref, platform=platform):
            return f"pull {ref} for {platform}"
        case BuildImage(recipe=recipe) if recipe.target.startswith("binfmt-"):
            return f"build an image that runs {recipe.target.removeprefix('binfmt-')} programs from the packages of {recipe.suite}"
        case BuildImage(recipe=recipe):
            return f"build an image for {short(recipe.target)} from the packages of {recipe.suite}, for {recipe.platform}"
        case RegisterEmulator(platform=platform):
            return f"set up emulation of {platform} in the engine's kernel"
        case _:
            assert_never(step)


def _project(project: str) -> str:
    name, _, version = project.partition("==")
    return f"{CALLED.get(name, name)} {version}"


def short(triple: str) -> str:
    """Return the name that sessions have for a target."""
    row = targets.catalogue().get(triple)
    return targets.alias(row) if row else triple


def some(triples: Sequence[str]) -> str:
    """Name the first targets, and count the others."""
    names = [short(triple) for triple in triples]
    return joined(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more targets"


def joined(names: Sequence[str]) -> str:
    """Return names with commas, and *and* before the last."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if names[1:] else "".join(names)
