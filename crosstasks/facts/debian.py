"""Look: what Debian's archive offers: toolchains, the parts of images, and whether it has the packages that an image is to hold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from ..catalog.machines import debian_name
from ..catalog.recipes import SUITE
from ..catalog.targets import catalogue
from ..core import looking
from ..core.looking import BaseFacts, Look, Versions
from ..core.steps import Absent, Question
from .host import Host


class Debian(Struct, frozen=True, kw_only=True):
    """What a suite of Debian's archive offers.

    Attributes:
        suite: the code name, ``bookworm``.
        rust: Rust releases (``1.96.0``) of ``rustc-web`` for the host's architecture, newest first, with Debian's names
            of the architectures, of those that were asked for, whose standard library there is in exactly that release.
        source: releases whose library source (``rust-web-src``) there is.
    """

    suite: str
    rust: Mapping[str, tuple[str, ...]] = {}
    source: tuple[str, ...] = ()


ARCHITECTURES: Final = ("amd64", "arm64", "armhf", "i386", "s390x", "ppc64el", "mips64el", "riscv64", "armel")
"""Debian's architectures whose standard library may be there."""

RUSTC: Final = "rustc-web"

STD: Final = "libstd-rust-web-dev"

SOURCE: Final = "rust-web-src"

LIFE: Final = looking.Life(positive=86_400, negative=300)


def rust_question(machine: str, triples: Iterable[str]) -> Question:
    """Return what to ask of Rust, for a machine of this architecture and these targets: each has a list of packages, of megabytes."""
    architectures = {machine, *(row.debian_std for triple in triples if (row := catalogue().get(triple)))}
    return Question("debian", " ".join(sorted(architectures & {*ARCHITECTURES})))


def asks(host: str, others: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return what the archive is asked for a host's architecture, and those of targets: packages, each with an architecture."""
    return ((RUSTC, host), *((STD, other) for other in others), (SOURCE, "all"))


def ask(look: Look, question: Question, facts: BaseFacts) -> Debian | Absent:
    """Ask the archive for the versions it offers of Rust, for the architectures of the subject, or all; once a day."""
    machine: Host | Absent = facts["host"]
    if isinstance(machine, Absent):
        return machine
    host = debian_name(machine.arch)
    others = question.subject.split() or ARCHITECTURES
    subject = " ".join(filter(None, ("debian", SUITE, host, question.subject, look.debian_mirror)))
    return looking.cached_answer(
        look, subject, Debian, LIFE, lambda: parse(look.debian_versions(SUITE, asks(host, others)), suite=SUITE, host=host)
    )


def parse(versions: Versions, *, suite: str, host: str) -> Debian | Absent:
    """Put the versions together: a standard library fits only the rustc of exactly the same version."""
    rustc = versions.get((RUSTC, host), ())
    if not rustc:
        return Absent(f"Debian's {suite} has no {RUSTC} for {host}", "its security suite has it: does the mirror serve that?")
    rust: dict[str, tuple[str, ...]] = {}
    for version in rustc:
        std = tuple(other for other in ARCHITECTURES if plain(version) in map(plain, versions.get((STD, other), ())))
        rust.setdefault(release(version), std)
    source = dict.fromkeys(map(release, versions.get((SOURCE, "all"), ())))
    return Debian(suite=suite, rust=rust, source=tuple(source))


def plain(version: str) -> str:
    """Return a version without its rebuilds (``+b1``), which each architecture counts for itself."""
    return re.sub(r"\+b\d+$", "", version)


def release(version: str) -> str:
    """Return the upstream release of a version of Debian's: ``1.96.0`` of ``1.96.0+dfsg1-1~deb12u2``."""
    match = re.match(r"(?:\d{1,9}:)?(\d++(?:\.\d++)*+)", version[:100])
    return match[1] if match else version


class MissingPackages(Struct, frozen=True, kw_only=True):
    """The packages that a *suite* does not have for an *architecture*, each with a likely name, or an empty one."""

    suite: str
    architecture: str
    names: Mapping[str, str] = {}


def question(suite: str, architecture: str, names: Sequence[str]) -> Question:
    """Return what to ask."""
    return Question("packages", " ".join((suite, architecture, *names)))


def ask_packages(look: Look, asked: Question, _facts: BaseFacts) -> MissingPackages | Absent:
    """Ask the archive for the names, once a day."""
    suite, architecture, *names = asked.subject.split()

    def ask() -> MissingPackages:
        return MissingPackages(suite=suite, architecture=architecture, names=look.debian_missing(suite, architecture, names))

    return looking.cached_answer(look, f"packages {asked.subject} {look.debian_mirror}".rstrip(), MissingPackages, LIFE, ask)
