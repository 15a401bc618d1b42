"""Pure: another machine that this one resolves and provides for: of a platform, with an engine, and with nothing of Rust on it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import structs

from ...core.errors import ConfigError
from ...core.steps import About, Absent, Question
from ...facts.builders import Builders
from ...facts.emulation import Emulation
from ...facts.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...context import Work


class _Kind(NamedTuple):
    arch: str
    triple: str


KINDS: Final[Mapping[str, _Kind]] = {
    "linux/amd64": _Kind("x86_64", "x86_64-unknown-linux-gnu"),
    "linux/arm64": _Kind("aarch64", "aarch64-unknown-linux-gnu"),
}
"""Machines that can be provided for: glibc Linux, as servers and CI runners are."""


def received(work: Work, platform: str) -> Work:
    """
    Return the call as if it were made on a machine of *platform* that has an engine, no rustup, and nothing on PATH.

    What apt offers here is what its image and toolchain would be made of; the suite stays this machine's.

    Raises:
        ConfigError: no such platform.
    """
    if platform not in KINDS:
        raise ConfigError(f"--platform is {' or '.join(KINDS)}, not {platform!r}")
    kind = KINDS[platform]
    engine = work.facts.engine
    ready = Engine(kind="docker", command="docker", version="", arch=kind.arch)
    answers: dict[About, Any] = {
        "host": structs.replace(work.facts.host, os="linux", libc="gnu", arch=kind.arch, triple=kind.triple),
        "engine": structs.replace(engine, arch=kind.arch, os="linux") if isinstance(engine, Engine) else ready,
        "rustup": Absent(f"it is not known what a machine of {platform} has"),
        "builders": Builders(),
        "emulation": Emulation(),
    }
    return replace(work, facts=work.facts.with_({Question(about): fact for about, fact in answers.items()}))
