"""Pure: what the headers of files for Windows, Apple's systems and WebAssembly say, read from an open file.

PE      Microsoft's "PE Format": COFF header, optional header, import directory
``Mach-O``  ``mach-o/loader.h``, ``fat.h``, and for signatures ``cs_blobs.h`` of Apple's xnu
``wasm``    the core specification's "Binary Format", and ``design/mvp/Binary.md`` of the component model

What is counted in a file is never trusted: every list has an end of ours, and every place lies in what was read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import IO, Final

from msgspec.structs import replace

from ..core.results import Artifact

MOST: Final = 4096
"""How many sections, commands, libraries or imports are read."""

LONGEST: Final = 1024
"""How long a name may be."""

LARGEST: Final = 1 << 24
"""How many bytes of commands, or of a module's imports, are read."""

COFF: Final[Mapping[int, tuple[str, int]]] = {
    0x14C: ("EM_386", 32),
    0x8664: ("EM_X86_64", 64),
    0x1C4: ("EM_ARM", 32),
    0xAA64: ("EM_AARCH64", 64),
}
_CPU: Final = {7: "EM_386", 12: "EM_ARM", 0x01000007: "EM_X86_64", 0x0100000C: "EM_AARCH64"}
_EFI: Final = frozenset({10, 11, 12, 13})
"""The subsystems of PE that firmware starts."""

_PLATFORM: Final = {1: "macos", 2: "ios", 3: "tvos", 4: "watchos", 6: "maccatalyst", 7: "ios-simulator"}
_OLD: Final = {0x24: "macos", 0x25: "ios"}
"""Commands of linkers before 2018, each for one system."""

_DYLIBS: Final = frozenset({0xC, 0x80000018, 0x8000001F})
"""Commands that name a library: one that must be there, one that may, one that is handed on."""

_BUILD: Final = 0x32
_SIGNATURE: Final = 0x1D
_AD_HOC: Final = 0x2


def at(file: IO[bytes], offset: int, size: int) -> bytes:
    """Return what lies at a place; less if the file ends before."""
    file.seek(offset)
    return file.read(size)


def _text(data: bytes) -> str:
    """Return a text that ends with a zero."""
    return data[:LONGEST].partition(b"\0")[0].decode("utf-8", "replace")


def coff(file: IO[bytes], path: str) -> Artifact:
    """Return what an object for Windows is; it has no magic number but its machine."""
    machine, bits = COFF.get(int.from_bytes(at(file, 0, 2), "little"), ("", 0))
    return Artifact(path=path, format="pe", machine=machine, bits=bits, endian="little") if machine else Artifact(path=path)


def pe(file: IO[bytes], path: str) -> Artifact:
    """Return what a program or library for Windows or UEFI is."""
    (offset,) = struct.unpack("<I", at(file, 0x3C, 4))
    signature, number, sections, length, magic = struct.unpack("<4sHH12xHxxH", at(file, offset, 26))
    if signature != b"PE\0\0":
        raise ValueError("a program for DOS")
    optional = offset + 24
    wide = magic == 0x20B
    major, minor = struct.unpack("<HH", at(file, optional + 48, 4))
    subsystem, characteristics = struct.unpack("<HH", at(file, optional + 68, 4))
    machine, _ = COFF.get(number, (f"{number:#x}", 0))
    return Artifact(
        path=path,
        format="pe",
        machine=machine,
        bits=64 if wide else 32,
        endian="little",
        system="uefi" if subsystem in _EFI else "windows",
        minimum="" if subsystem in _EFI else f"{major}.{minor}",
        needed=tuple(_dlls(file, optional + (120 if wide else 104), optional + length, sections)),
        pie=bool(characteristics & 0x40),
    )


def _dlls(file: IO[bytes], directory: int, table: int, sections: int) -> Iterator[str]:
    """Give the libraries that a program imports from; *directory* is the entry that tells where they are listed."""
    (address,) = struct.unpack("<I", at(file, directory, 4)) if directory + 4 <= table else (0,)
    rows = [struct.unpack("<8xIIII", at(file, table + 40 * number, 24)) for number in range(min(sections, MOST))] if address else []
    place = _place(rows, address)
    for number in range(MOST if place else 0):
        entry = at(file, place + 20 * number, 20)
        name = int.from_bytes(entry[12:16], "little")
        if len(entry) < 20 or not name:
            return
        if there := _place(rows, name):
            yield _text(at(file, there, LONGEST))


def _place(sections: list[tuple[int, ...]], address: int) -> int:
    """Return where in the file an address of a loaded program lies; 0 if nowhere."""
    return next((raw + address - start for size, start, length, raw in sections if start <= address < start + max(size, length)), 0)


def members(file: IO[bytes], begin: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    """Give offset and size of each member of an archive, which may be a part of a file; its symbol table and its names are none.

    Raises:
        ValueError: the archive is damaged.
    """
    offset = begin + 8
    while (end is None or offset < end) and len(head := at(file, offset, 60)) == 60:
        offset += 60
        size = int(head[48:58])
        if size < 0:
            raise ValueError("a member of negative size")
        name = int(head[3:16]) if head.startswith(b"#1/") else 0  # BSD: a long name comes before what it names
        if head[:1] != b"/" or head[1:2].isdigit():
            yield offset + name, size - name
        offset += size + size % 2


MAGIC: Final = frozenset({b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"})
"""How the headers of Mach-O begin, of 64 and of 32 bits."""


def macho(file: IO[bytes], path: str) -> Artifact:
    """Return what a file for Apple's systems is; of a universal one its first part, and the machines of all."""
    if at(file, 0, 4) != b"\xca\xfe\xba\xbe":
        return _part(file, path, 0)
    (count,) = struct.unpack(">I", at(file, 4, 4))
    if not 0 < count < 43:  # more is the version of a class file of Java's, which begins alike
        return Artifact(path=path)
    rows = [struct.unpack(">I4xII", at(file, 8 + 20 * number, 16)) for number in range(count)]
    parts = [_part(file, path, _object(file, offset, size)) for _, offset, size in rows]
    if [part.machine for part in parts] != [_CPU.get(cpu, f"{cpu:#x}") for cpu, _, _ in rows]:
        raise ValueError("a part is for another machine than the header says")
    signed = next((part.signed for part in parts if part.machine == "EM_AARCH64"), parts[0].signed)  # the one that has to be
    return replace(parts[0], parts=tuple(part.machine for part in parts), signed=signed, pie=all(part.pie for part in parts))


def _object(file: IO[bytes], offset: int, size: int) -> int:
    """Return where a part's Mach-O header is: of a static library, that of the first object in it."""
    if at(file, offset, 8) != b"!<arch>\n":
        return offset
    return next((start for start, _ in members(file, offset, offset + size) if at(file, start, 4) in MAGIC), offset)


def _part(file: IO[bytes], path: str, start: int) -> Artifact:
    magic, cpu, kind, count, size, flags = struct.unpack("<II4xIIII", at(file, start, 28))
    if magic not in {0xFEEDFACF, 0xFEEDFACE}:
        raise ValueError("no Mach-O header where one should be")
    wide = magic == 0xFEEDFACF
    commands = list(_commands(at(file, start + (32 if wide else 28), min(size, LARGEST)), count))
    system, minimum = next(filter(None, (_release(number, body) for number, body in commands)), ("", ""))
    return Artifact(
        path=path,
        format="macho",
        machine=_CPU.get(cpu, f"{cpu:#x}"),
        bits=64 if wide else 32,
        endian="little",
        system=system,
        minimum=minimum,
        needed=tuple(_text(body[struct.unpack_from("<I", body, 8)[0] :]) for number, body in commands if number in _DYLIBS),
        # an object is signed when it is linked
        signed="" if kind == 1 else next((_signature(file, start, body) for number, body in commands if number == _SIGNATURE), "no"),
        pie=bool(flags & 0x200000),
    )


def _commands(data: bytes, count: int) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for _ in range(min(count, MOST)):
        number, size = struct.unpack_from("<II", data, offset)
        if size < 8:
            raise ValueError("a load command without a size")
        yield number, data[offset : offset + size]
        offset += size


def _release(number: int, body: bytes) -> tuple[str, str] | None:
    if number == _BUILD:
        platform, oldest = struct.unpack_from("<II", body, 8)
        return _PLATFORM.get(platform, f"platform {platform}"), _nibbles(oldest)
    if number in _OLD:
        return _OLD[number], _nibbles(struct.unpack_from("<I", body, 8)[0])
    return None


def _nibbles(number: int) -> str:
    patch = f".{number & 0xFF}" if number & 0xFF else ""
    return f"{number >> 16}.{number >> 8 & 0xFF}{patch}"


def _signature(file: IO[bytes], start: int, body: bytes) -> str:
    """Return how a part is signed: the flags stand in the first blob of a signature that is a code directory."""
    offset, size = struct.unpack_from("<II", body, 8)
    blob = at(file, start + offset, min(size, LARGEST))
    magic, _, count = struct.unpack_from(">III", blob, 0)
    if magic != 0xFADE0CC0:
        return "no"
    for number in range(min(count, MOST)):
        (place,) = struct.unpack_from(">I", blob, 16 + 8 * number)
        kind, flags = struct.unpack_from(">I8xI", blob, place)
        if kind == 0xFADE0C02:
            return "ad hoc" if flags & _AD_HOC else "yes"
    return "no"


PREVIEW_1: Final = "wasi_snapshot_preview1"
"""The module that holds what programs call of WASI's first preview."""

_IMPORTS: Final = 2
"""The section that says what a module imports."""

_NUMBERS: Final = {0: 1, 1: 1, 2: 0, 3: 2, 4: 2}
"""How many numbers tell of a function, a table, a memory, a global or a tag that is imported, but for limits."""


def wasm(file: IO[bytes], path: str) -> Artifact:
    """Return what a module or a component of WebAssembly is, and so what runs it."""
    version, layer = struct.unpack("<HH", at(file, 4, 4))
    component = layer == 1
    if not component and (version, layer) != (1, 0):
        raise ValueError(f"version {version} of wasm, layer {layer}")
    sections = dict(_sections(file))
    modules = set() if component or _IMPORTS not in sections else set(_modules(file, *sections[_IMPORTS]))
    system = "wasip2" if component else "wasip1" if PREVIEW_1 in modules else ""
    return Artifact(path=path, format="wasm", bits=32, endian="little", static=True, system=system)


def _sections(file: IO[bytes]) -> Iterator[tuple[int, tuple[int, int]]]:
    """Give the kind of each section, and where what it holds begins and how long that is; the last one ends with the file."""
    end = file.seek(0, 2)
    file.seek(8)
    while kind := file.read(1):
        size, offset = _number(file), file.tell()
        if size > end - offset:
            raise ValueError("a section ends too early")
        yield kind[0], (offset, size)
        file.seek(offset + size)


def _modules(file: IO[bytes], offset: int, size: int) -> Iterator[str]:
    """Give the modules that are imported from; of what is imported itself, only the length matters."""
    if size > LARGEST:
        raise ValueError(f"a section of {size} bytes")
    section = BytesIO(at(file, offset, size))
    for _ in range(min(_number(section), MOST)):
        yield _bytes(section, _number(section)).decode("utf-8", "replace")
        _bytes(section, _number(section))  # the name that it has there
        kind = _number(section)
        if kind not in _NUMBERS:
            raise ValueError(f"an import of kind {kind}")
        for _ in range(_NUMBERS[kind]):  # a type is one of a single byte
            _number(section)
        if kind in {1, 2}:
            for _ in range(2 if _number(section) & 1 else 1):
                _number(section)


def _number(file: IO[bytes]) -> int:
    """Read a number, as LEB128 has it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = _bytes(file, 1)[0]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value
    raise ValueError("a number without an end")


def _bytes(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError("a section ends too early")
    return data
