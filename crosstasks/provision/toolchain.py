"""Act: put a Rust toolchain into a RUSTUP_HOME of ours, from rustup's server or from Debian's packages."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final

from ..errors import ToolMissing
from . import assemble
from .rustup_home import SOURCE, Marker, Wanted, complete, draft, inspect, mark, marker, missing, name, path, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ..facts.debian import Debian
    from ..steps import Env, Runner, Say
    from .debian import Archive, Package

RUSTUP_GLIBC: Final = "2.17"
"""What rustup's programs for Linux need since 1.64: https://blog.rust-lang.org/2022/08/01/Increasing-glibc-kernel-requirements"""

MB: Final = 1_000_000


def choose_release(debian: Debian, triples: Sequence[str], debian_std: Mapping[str, str]) -> str:
    """
    Return the newest release that has std for every triple that Debian has any std of; empty if there is none.

    The others are built from source, so then the release must have that too. *debian_std* names a triple's architecture.

    ===================  =====================================  ======
    triples              Debian has                             chosen
    ===================  =====================================  ======
    aarch64              1.96 arm64; 1.85 arm64, armhf          1.96
    aarch64, armv7       1.96 arm64; 1.85 arm64, armhf          1.85
    aarch64, riscv64     1.96 arm64 and source; 1.85            1.96
    riscv64              1.96 without, 1.85 with source         1.85
    armv7, s390x         1.96 armhf; 1.85 s390x                 none
    ===================  =====================================  ======
    """
    offered = {architecture for architectures in debian.rust.values() for architecture in architectures}
    wanted = {debian_std[triple] for triple in triples if debian_std.get(triple) in offered}
    built = any(debian_std.get(triple) not in offered for triple in triples)
    for release in sorted(debian.rust, key=_numbers, reverse=True):
        if wanted <= set(debian.rust[release]) and (not built or release in debian.source):
            return release
    return ""


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def from_debian(
    wanted: Wanted,
    *,
    home: Path,
    archive: Archive,
    debian_std: Mapping[str, str],
    host_debian: str,
    run: Runner,
    say: Say,
) -> None:
    """
    Put the toolchain together from Debian's packages, or add to one that was.

    Args:
        wanted: what to have.
        home: our RUSTUP_HOME.
        archive: the machine's apt.
        debian_std: the architecture, as Debian names it, of each of ``wanted.targets``.
        host_debian: that of ``wanted.host``.
        run: the door to programs.
        say: told what is fetched, and what becomes of it.

    Raises:
        ToolMissing: Debian does not have it, or what came out does not run.
    """
    stds = {**debian_std, wanted.host: host_debian}
    strangers = [triple for triple in wanted.triples if triple not in stds]
    if strangers:
        raise ToolMissing(f"Debian has no standard library of {', '.join(strangers)}", hint=BUILD_STD)
    with draft(home, wanted) as folder:
        if complete(home, wanted):
            return
        _Debian(wanted=wanted, home=home, archive=archive, stds=stds, run=run, say=say).make(folder)
