"""Pure: what cargo built, and how targets went: what front ends show and reports hold."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from .errors import BuildFailed, CrosstasksError
from .steps import Diagnostic, Failure, Refused, Verb


class Artifact(Struct, frozen=True, kw_only=True):
    """A built file.

    Attributes:
        format: ``elf``, ``pe``, ``macho`` or ``wasm``, of an archive's first object if it is one; empty: none of them.
        machine, bits, endian: what it runs on; *machine* is named as in ELF, whatever the format.
        parts: the machines of a universal file of Apple's; empty if it is none.
        system: what runs it, as far as its headers tell: ``linux``, ``freebsd``, ``macos``, ``windows``, ``uefi``, ``wasip1``, …
        minimum: the oldest release of that, ``11.0``; the kernel's on Linux.
        abi: what of the calling convention the header tells: ``hard-float``, ``elfv2``, …; empty if nothing.
        interpreter: the loader it asks for, and *needed* the libraries.
        entry: where a linked ELF file begins, 0 if nowhere.
        signed: how a linked file of Apple's is signed: ``ad hoc``, ``yes`` or ``no``.
        glibc: the newest version of a symbol of glibc that it needs, empty if there is none.
        relro: ``full``, ``partial`` or empty.
    """

    path: str
    format: str = ""
    machine: str = ""
    bits: int = 0
    endian: str = ""
    parts: tuple[str, ...] = ()
    system: str = ""
    minimum: str = ""
    abi: str = ""
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    entry: int = 0
    signed: str = ""
    glibc: str = ""
    static: bool = False
    pie: bool = False
    relro: str = ""
    execstack: bool = False
    size: int = 0
    sha256: str = ""


class Container(Struct, frozen=True, kw_only=True):
    """Where a target was built, as the engine itself told while it was.

    Attributes:
        image: the reference that it was started from; *digest* that of the registry, or the image's id if it is from none.
        platform: the image's, as in ``linux/arm64``.
    """

    id: str
    image: str
    digest: str
    platform: str


class Result(Struct, frozen=True, kw_only=True):
    """How one target went.

    Attributes:
        route: the name of the one that was taken, or failed last; empty if there was none.
        isolation: ``container``, or ``host`` if build scripts ran as programs of the user's; empty if nothing was built.
        container: the one that it was built in.
        failures: the routes that failed before it, each with its reason.
        refused: the better routes that were not possible, each with its reason.
        better: in one line, those of them that are of another kind, and a release of Rust that could not be had.
        artifacts: what was built, at the stable paths.
        error: empty, or what went wrong; *code* is its exit code.
        diagnostics: the compiler's, where they are asked for: in CI, and for a report.
    """

    target: str
    verb: Verb
    route: str = ""
    isolation: Literal["container", "host", ""] = ""
    container: Container | None = None
    failures: tuple[Failure, ...] = ()
    refused: tuple[Refused, ...] = ()
    better: str = ""
    artifacts: tuple[Artifact, ...] = ()
    seconds: float = 0.0
    error: str = ""
    code: int = 0
    diagnostics: tuple[Diagnostic, ...] = ()


def failure(triple: str, verb: Verb, error: CrosstasksError, seconds: float) -> Result:
    """Return how a target went that ended in an error."""
    diagnostics = tuple(error.diagnostics) if isinstance(error, BuildFailed) else ()
    return Result(
        target=triple,
        verb=verb,
        route=error.route,
        failures=error.failures,
        seconds=seconds,
        error=str(error),
        code=error.code,
        diagnostics=diagnostics,
    )
