"""Act: give programs the glibc of Debian's packages, on a host that has another C library (Alpine's musl), or an older glibc."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from ..catalog.machines import BY_TRIPLE
from ..catalog.recipes import SUITE
from ..clients.debian.deb import members
from ..core import cache
from ..core.errors import ToolMissing

if TYPE_CHECKING:
    from ..catalog.ingredients import BringGlibc
    from ..clients.debian import Archive
    from ..context import Context

PACKAGES: Final = ("libc6", "libgcc-s1", "zlib1g")
"""rustup's rustc needs zlib's library too."""

FOLDER: Final = "glibc"

_LIBRARIES: Final = r"lib(?:c|m|dl|rt|pthread|gcc_s|z)\.so"
_FILE: Final = re.compile(rf"(?P<name>(?P<loader>ld-linux[^/]*\.so)\.\d+|{_LIBRARIES}\.\d+)(?:\.[\d.]+)?")

_START: Final = """\
#!/bin/sh
place=${{0%/*}}/../{folder}
exec "$place/{loader}" --library-path "$place" "$place/{program}" "$@"
"""
"""What is started in a program's place: no variable is set, since all that the program starts would have it as well."""


def bring(folder: Path, programs: Mapping[str, str], archive: Archive, architecture: str) -> None:
    """
    Let ``bin/…`` of a *folder* start programs with glibc of Debian's packages.

    Args:
        programs: the path of each by the name that it gets in ``bin``, as seen from ``glibc``.

    Raises:
        ToolMissing: the packages cannot be had, or hold no loader.
    """
    place = folder / FOLDER
    place.mkdir()
    archive.update((architecture,))
    loader = ""
    for deb in archive.fetch([archive.single(name, architecture) for name in PACKAGES]):
        for member, content in members(deb):
            match = _FILE.fullmatch(PurePosixPath(member.name).name)
            if match and content and member.isreg():
                (place / match["name"]).write_bytes(content.read())
                (place / match["name"]).chmod(0o755)
                loader = match["name"] if match["loader"] else loader
    if not loader:
        raise ToolMissing(f"Debian's libc6 for {architecture} holds no loader", hint="try again: the archive may be changing")
    (folder / "bin").mkdir(exist_ok=True)
    for name, program in programs.items():
        start = folder / "bin" / name
        start.write_text(_START.format(folder=FOLDER, loader=loader, program=program), "utf-8")
        start.chmod(0o755)


def around(program: str, machine: str, context: Context, folder: Path) -> None:
    """Put glibc around a *program* in ``bin`` of a folder, whose triple is *machine*; the folder can be moved."""
    (folder / "bin" / program).rename(folder / program)
    bring(folder, {program: f"../{program}"}, context.debian_archive(SUITE), BY_TRIPLE[machine].debian)


def beside(step: BringGlibc, context: Context) -> None:
    """
    Make a folder whose programs are a toolchain's, started with glibc.

    Raises:
        ToolMissing: as of ``bring``.
    """
    path = context.cache / "tools" / step.name
    cache.make_once(path, partial(_make, step, path, context), ("bin/*", f"{FOLDER}/*"), context.say)


def _make(step: BringGlibc, path: Path, context: Context, draft: Path) -> None:
    bin_ = os.path.relpath(f"{step.toolchain}/bin", path / FOLDER)
    bring(draft, {name: f"{bin_}/{name}" for name in step.programs}, context.debian_archive(SUITE), BY_TRIPLE[step.machine].debian)
    # so a toolchain's own cargo is told from rustup's proxy (guard.py)
    (draft / "lib" / "rustlib").mkdir(parents=True)
