"""Pure: what cargo built, and what the compiler said of it, as values."""

from __future__ import annotations

from msgspec import Struct


class Diagnostic(Struct, frozen=True, kw_only=True):
    """What the compiler says of one place: *path* is relative to the workspace, or absolute; empty if it names none."""

    level: str
    message: str
    code: str = ""
    path: str = ""
    line: int = 0
    end_line: int = 0
    column: int = 0


class Artifact(Struct, frozen=True, kw_only=True):
    """A built file.

    Attributes:
        format: ``elf``, ``pe``, ``macho`` or ``wasm``, of an archive's first object if it is one; empty: none of them.
        machine, bits, endian: what it runs on; *machine* is named as in ELF, whatever the format.
        abi: what of the calling convention the header tells: ``hard-float``, ``elfv2``, …; empty if nothing.
        interpreter: the loader it asks for, and *needed* the libraries.
        glibc: the newest version of a symbol of glibc that it needs, empty if there is none.
        relro: ``full``, ``partial`` or empty.
    """

    path: str
    format: str = ""
    machine: str = ""
    bits: int = 0
    endian: str = ""
    abi: str = ""
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    glibc: str = ""
    static: bool = False
    pie: bool = False
    relro: str = ""
    execstack: bool = False
    size: int = 0
    sha256: str = ""
