"""What headers of files for Windows, Apple's systems, the BSDs and WebAssembly say, and what of it a target does not have."""

from __future__ import annotations

import hashlib
import io
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import asdict

from crosstasks.catalog.targets import find
from crosstasks.core.errors import VerificationFailed
from crosstasks.core.results import Artifact
from crosstasks.verifying import headers
from crosstasks.verifying.verify import check, inspect

REAL = Path(__file__).parents[1] / "data" / "headers"

ARM64, AMD64 = 0x0100000C, 0x01000007
MACOS_11 = struct.pack("<6I", 0x32, 24, 1, 11 << 16, 27 << 16, 0)
MACOS_10 = struct.pack("<4I", 0x24, 16, 10 << 16 | 12 << 8 | 3, 0)


def dylib(name: bytes, number: int = 0xC) -> bytes:
    """A command that names a library."""
    text = name.ljust((len(name) // 8 + 1) * 8, b"\0")
    return struct.pack("<6I", number, 24 + len(text), 24, 2, 0, 0) + text


def signature(flags: int) -> bytes:
    """A signature with requirements before its code directory, which holds the flags."""
    blob = (
        struct.pack(">3I4I", 0xFADE0CC0, 60, 2, 2, 28, 0, 36)
        + struct.pack(">II", 0xFADE0C01, 8)
        + struct.pack(">4I", 0xFADE0C02, 24, 0, flags)
    )
    return blob.ljust(64, b"\0")


def macho(cpu: int, *commands: bytes, kind: int = 2, flags: int | None = None) -> bytes:
    """A program, signed with *flags*."""
    signed = () if flags is None else (struct.pack("<4I", 0x1D, 16, 32 + sum(map(len, commands)) + 16, 64),)
    body = b"".join((*commands, *signed))
    head = struct.pack("<8I", 0xFEEDFACF, cpu, 0, kind, len(commands) + len(signed), len(body), 0x200000, 0)
    return head + body + (b"" if flags is None else signature(flags))


def universal(*parts: tuple[int, bytes]) -> bytes:
    """Parts for several processors in one file."""
    offset, rows, bodies = 8 + 20 * len(parts), b"", b""
    for cpu, part in parts:
        rows += struct.pack(">5I", cpu, 0, offset + len(bodies), len(part), 0)
        bodies += part
    return struct.pack(">II", 0xCAFEBABE, len(parts)) + rows + bodies


def pe(subsystem: int, *libraries: bytes) -> bytes:
    """A program of 64 bits that imports from libraries; one section is loaded at 0x1000 and lies at 0x200."""
    optional = bytearray(240)
    struct.pack_into("<H", optional, 0, 0x20B)
    struct.pack_into("<HH", optional, 48, 6, 2)
    struct.pack_into("<HH", optional, 68, subsystem, 0x40)
    struct.pack_into("<I", optional, 120, 0x1000)
    table, names = b"", b""
    for name in libraries:
        table += struct.pack("<5I", 1, 2, 3, 0x1000 + 20 * (len(libraries) + 1) + len(names), 4)
        names += name + b"\0"
    section = table + bytes(20) + names
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<HH12xHH", 0x8664, 1, len(optional), 0) + optional
    head += b".rdata\0\0" + struct.pack("<4I16x", len(section), 0x1000, len(section), 0x200)
    return head.ljust(0x200, b"\0") + section


def sized(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def module(*imports: tuple[bytes, bytes, bytes]) -> bytes:
    """A module of WebAssembly; what an import is, is written as it stands in the file. Another section comes before it, and one behind."""
    rows = bytes([len(imports)]) + b"".join(sized(place) + sized(name) + kind for place, name, kind in imports)
    return b"\0asm\1\0\0\0" + b"\0" + sized(sized(b"name")) + b"\2" + sized(rows) + b"\7" + sized(b"\1" + sized(b"_start") + b"\0\0")


COMPONENT = (
    b"\0asm" + b"\x0d\0\1\0"
    + b"\1" + sized(b"a module, passed over")
    + b"\x0a" + sized(b"\2" + b"\0" + sized(b"wasi:cli/exit@0.2.6") + b"\5\0" + b"\0" + sized(b"host") + b"\3\1")
    + b"\x0b" + sized(b"\1" + b"\0" + sized(b"wasi:cli/run@0.2.0") + b"\5\1" + b"\0")
)  # fmt: skip
KINDS = [
    (b"wasi_snapshot_preview1", b"fd_write", b"\0\x80\1"),
    (b"env", b"table", b"\1\x70\1\1\2"),
    (b"env", b"memory", b"\2\0\x11"),
    (b"env", b"stack", b"\3\x7f\1"),
]


def read(folder: Path, data: bytes):
    path = folder / "program"
    path.write_bytes(data)
    return inspect(path)


def test_a_program_for_macos(tmp_path):
    """The oldest system, the libraries, and that the linker has signed it."""
    found = read(tmp_path, macho(ARM64, MACOS_11, dylib(b"/usr/lib/libSystem.B.dylib"), dylib(b"/w.dylib", 0x80000018), flags=2))

    assert (found.machine, found.system, found.minimum, found.signed, found.pie) == ("EM_AARCH64", "macos", "11.0", "ad hoc", True)
    assert found.needed == ("/usr/lib/libSystem.B.dylib", "/w.dylib")
    assert check(found, find("aarch64-apple-darwin")) == ()
    assert check(found, find("aarch64-apple-ios")) == ("is for the system macos, not ios",)


def test_the_oldest_system_of_older_linkers(tmp_path):
    """Before 2018 each system had a command of its own."""
    found = read(tmp_path, macho(AMD64, MACOS_10))

    assert (found.system, found.minimum, found.signed) == ("macos", "10.12.3", "no")
    assert check(found, find("x86_64-apple-darwin")) == ()


@pytest.mark.parametrize(("flags", "signed"), [(None, "no"), (2, "ad hoc"), (0x10000, "yes")])
def test_what_is_signed(tmp_path, flags, signed):
    """Apple's systems start nothing for arm64 that is not signed, be it ad hoc."""
    found = read(tmp_path, macho(ARM64, MACOS_11, flags=flags))

    assert found.signed == signed
    unsigned = ("is not signed, and Apple's systems start nothing for arm64 that is not",)
    assert check(found, find("aarch64-apple-darwin")) == (unsigned if signed == "no" else ())


@pytest.mark.parametrize("magic", [0xFADE0CC0, 0xFADE0C02])
def test_a_signature_without_its_parts_is_none(tmp_path, magic):
    """Neither a blob that is no signature, nor a signature that has no code directory."""
    signed = macho(ARM64, MACOS_11, flags=2)
    count = 1 if magic == 0xFADE0CC0 else 2  # the first of the two is no code directory
    found = read(tmp_path, signed.replace(struct.pack(">3I", 0xFADE0CC0, 60, 2), struct.pack(">3I", magic, 60, count)))
    assert "no" == found.signed


def test_an_object_is_signed_later(tmp_path):
    """What is yet to be linked needs no signature."""
    found = read(tmp_path, macho(ARM64, MACOS_11, kind=1))

    assert (found.signed, check(found, find("aarch64-apple-darwin"))) == ("", ())


def test_a_universal_file(tmp_path):
    """All machines are told, and the signature of the part that needs one."""
    amd64, arm64 = macho(AMD64, MACOS_10), macho(ARM64, MACOS_11, flags=2)

    found = read(tmp_path, universal((AMD64, amd64), (ARM64, arm64)))

    assert (found.machine, found.parts, found.signed) == ("EM_X86_64", ("EM_X86_64", "EM_AARCH64"), "ad hoc")


@pytest.mark.parametrize(
    ("parts", "problems"),
    [
        ((ARM64, AMD64), ()),
        ((AMD64, ARM64), ()),
        ((ARM64,), ("is for EM_AARCH64, not EM_AARCH64, EM_X86_64",)),
    ],
)
def test_a_universal_target_has_both_parts(tmp_path, parts, problems):
    """In any order, and each of them; a file for one of them has more than was asked for."""
    found = read(tmp_path, universal(*((cpu, macho(cpu, MACOS_11, flags=2)) for cpu in parts)))
    assert check(found, find("universal2")) == problems
    assert check(found, find("macos")) == (("is for EM_AARCH64, EM_X86_64, not EM_AARCH64",) if len(parts) == 2 else ())


def test_a_universal_target_is_signed_for_arm64(tmp_path):
    """As every program for it is; that of x86_64 need not be."""
    assert check(
        read(tmp_path, universal((ARM64, macho(ARM64, MACOS_11)), (AMD64, macho(AMD64, MACOS_10, flags=2)))), find("universal2")
    ) == ("is not signed, and Apple's systems start nothing for arm64 that is not",)


def test_a_universal_library_of_objects(tmp_path):
    """Each part is an archive, whose first object tells; what is no object, such as its table of symbols, does not."""
    parts = [
        (
            cpu,
            b"!<arch>\n"
            + b"".join(b"%-48s%-10d`\n" % (name, len(body)) + body for name, body in ((b"x", b"text"), (b"o", macho(cpu, kind=1)))),
        )
        for cpu in (ARM64, AMD64)
    ]
    found = read(tmp_path, universal(*parts))
    assert (found.parts, found.signed) == (("EM_AARCH64", "EM_X86_64"), "")


def test_a_part_that_is_another_than_its_file_says(tmp_path):
    """A header that lies about its parts is damaged."""
    with pytest.raises(VerificationFailed, match="a part is for another machine"):
        read(tmp_path, universal((AMD64, macho(ARM64))))


def test_a_class_of_java_is_no_universal_file(tmp_path):
    """Both begin alike; a class's version is more than the number of any file's parts."""
    assert read(tmp_path, bytes.fromhex("cafebabe00000041") + bytes(40)).format == ""


def test_a_program_for_windows(tmp_path):
    """The libraries that it imports from, and the oldest system."""
    found = read(tmp_path, pe(3, b"KERNEL32.dll", b"libgcc_s_seh-1.dll"))

    assert (found.system, found.minimum, found.needed) == ("windows", "6.2", ("KERNEL32.dll", "libgcc_s_seh-1.dll"))
    assert check(found, find("x86_64-pc-windows-gnu")) == ()
    assert check(found, find("x86_64-unknown-uefi")) == ("is for the system windows, not uefi",)


def test_a_program_for_firmware():
    """A real program for UEFI is one, and is not taken for one for Windows."""
    found = inspect(REAL / "uefi.efi")

    assert (found.format, found.machine, found.system, found.needed) == ("pe", "EM_X86_64", "uefi", ())
    assert check(found, find("x86_64-unknown-uefi")) == ()
    assert check(found, find("x86_64-pc-windows-gnu")) == ("is for the system uefi, not windows",)


def test_a_program_for_a_bare_machine():
    """A real program for a Cortex-M has an entry, and asks for no loader."""
    found = inspect(REAL / "thumb")

    assert (found.machine, found.abi, found.interpreter, found.needed) == ("EM_ARM", "hard-float", "", ())
    assert found.entry % 2  # of Thumb code
    assert check(found, find("thumbv7em-none-eabihf")) == ()
    assert check(found, find("thumbv7em-none-eabi")) == ("is built for the ABI hard-float, not soft-float",)


def test_a_program_with_a_loader_is_for_no_bare_machine():
    """What asks for a loader and libraries was linked for a system."""
    linux = inspect(REAL.parent / "elf" / "aarch64-gnu")

    assert check(linux, find("aarch64-unknown-none")) == (
        "is for the system linux, not no system",
        "asks for /lib/ld-linux-aarch64.so.1, libc.so.6, and nothing loads that for aarch64-unknown-none",
    )


def test_a_module(tmp_path):
    """What it imports tells what runs it, wherever among imports of every kind that stands."""
    for rows in (KINDS, KINDS[1:] + KINDS[:1]):
        found = read(tmp_path, module(*rows))
        assert (found.system, check(found, find("wasm32-wasip1"))) == ("wasip1", ())
        assert check(found, find("wasm32-wasip2")) == ("is for the system wasip1, not wasip2",)


def test_a_component(tmp_path):
    """A component is no module, and has the second preview, whatever the first would be called in it."""
    found = read(tmp_path, COMPONENT)

    assert (found.system, check(found, find("wasm32-wasip2"))) == ("wasip2", ())
    assert check(found, find("wasm32-wasip1")) == ("is for the system wasip2, not wasip1",)
    assert check(found, find("wasm")) == ("is for wasip2, and wasm32-unknown-unknown has no system",)
    assert read(tmp_path, b"\0asm\x0d\0\1\0" + module(KINDS[0])[8:]).system == "wasip2"


def test_a_module_that_calls_a_system_that_is_not_there(tmp_path):
    """A browser has no WASI; a module that asks for it was built for another target."""
    calls, alone = (read(tmp_path, module(*imports)) for imports in (KINDS[:1], KINDS[1:]))

    assert check(calls, find("wasm")) == (
        "imports from wasi_snapshot_preview1: it is for wasip1, and wasm32-unknown-unknown has no system",
    )
    assert check(alone, find("wasm")) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"\0asm\1\0\0\0",  # nothing but a header
        module(),
        module((b"env", b"wasi_snapshot_preview1", b"\0\0")),
        module((b"env", b"\x16wasi_snapshot_preview1", b"\0\0")),
        module((b"wasi_snapshot_preview12", b"fd_write", b"\0\0"), (b"my_wasi_snapshot_preview1", b"fd_write", b"\0\0")),
        b"\0asm\1\0\0\0" + b"\0" + sized(sized(b"wasi_snapshot_preview1")) + module((b"env", b"f", b"\0\0"))[8:],
    ],
)
def test_a_module_that_only_has_the_name_of_a_system_in_it(tmp_path, data):
    """A function that is called so, a longer name, or a section of something else calls no system."""
    found = read(tmp_path, data)
    assert (found.format, found.system, check(found, find("wasm"))) == ("wasm", "", ())


@pytest.mark.parametrize(
    ("command", "system"),
    [
        *((struct.pack("<6I", 0x32, 24, number, 11 << 16, 0, 0), system) for number, system in (
            (1, "macos"), (2, "ios"), (3, "tvos"), (4, "watchos"), (6, "maccatalyst"), (7, "ios-simulator"), (99, "platform 99"))),
        (struct.pack("<4I", 0x24, 16, 11 << 16, 0), "macos"),
        (struct.pack("<4I", 0x25, 16, 11 << 16, 0), "ios"),
        (struct.pack("<4I", 0x26, 16, 11 << 16, 0), ""),
    ],
)  # fmt: skip
def test_the_systems_of_apple(tmp_path, command, system):
    """Each by its number, or by a command of its own in older files; the release is 11.0 in all."""
    found = read(tmp_path, macho(ARM64, command))
    assert (system, "11.0" if system else "") == (found.system, found.minimum)


@pytest.mark.parametrize(
    ("number", "machine"),
    [(7, "EM_386"), (12, "EM_ARM"), (AMD64, "EM_X86_64"), (ARM64, "EM_AARCH64"), (8, "0x8"), (0x0200000C, "0x200000c")],
)
def test_the_machines_of_apple(tmp_path, number, machine):
    """Those that have a target, and the number of another; the header of 32 bits is four bytes shorter."""
    data = macho(number, MACOS_11)
    short = b"\xce" + data[1:28] + data[32:]
    for content, bits in ((data, 64), (short, 32)):
        found = read(tmp_path, content)
        assert (machine, bits, "macos", "little") == (found.machine, found.bits, found.system, found.endian)


def test_what_a_library_is_called_is_none_that_it_needs(tmp_path):
    """One that it must have, one that it may have and one that it hands on are needed; its own name, and what loads it, are not."""
    names = {0xC: b"/must", 0x80000018: b"/may", 0x8000001F: b"/on", 0xD: b"/itself", 0xE: b"/loader"}
    found = read(tmp_path, macho(AMD64, *(dylib(name, number) for number, name in names.items())))
    assert found.needed == ("/must", "/may", "/on")


@pytest.mark.parametrize(
    ("subsystem", "system"), [(2, "windows"), (3, "windows"), (9, "windows"), *((n, "uefi") for n in (10, 11, 12, 13)), (14, "windows")]
)
def test_what_starts_a_program_of_pe(tmp_path, subsystem, system):
    """The firmware starts an application, two kinds of drivers and an image of its memory; those have no oldest release of Windows."""
    found = read(tmp_path, pe(subsystem))
    assert (system, "" if system == "uefi" else "6.2") == (found.system, found.minimum)


@pytest.mark.parametrize(
    ("number", "machine", "bits"),
    [(0x14C, "EM_386", 32), (0x8664, "EM_X86_64", 64), (0x1C4, "EM_ARM", 32), (0xAA64, "EM_AARCH64", 64), (0x200, "", 0)],
)
def test_an_object_for_windows(tmp_path, number, machine, bits):
    """It has no magic number: an archive's first member that is one of these machines is taken for one."""
    body = number.to_bytes(2, "little") + b"\x01" * 20
    found = read(tmp_path, b"!<arch>\n" + b"%-48s%-10d`\n" % (b"x.obj", len(body)) + body)
    assert (("pe" if machine else ""), machine, bits) == (found.format, found.machine, found.bits)


def test_a_program_of_32_bits_for_windows(tmp_path):
    """Its list of libraries stands sixteen bytes before that of 64 bits."""
    wide = pe(3, b"KERNEL32.dll")
    optional = 64 + 24
    narrow = bytearray(wide)
    narrow[68:70], narrow[optional : optional + 2] = struct.pack("<H", 0x14C), struct.pack("<H", 0x10B)
    narrow[optional + 104 : optional + 108] = wide[optional + 120 : optional + 124]
    narrow[optional + 120 : optional + 124] = bytes(4)
    found = read(tmp_path, bytes(narrow))
    assert ("EM_386", 32, ("KERNEL32.dll",)) == (found.machine, found.bits, found.needed)


def test_a_long_name_of_bsd_comes_before_its_object(tmp_path):
    """An archive of Apple's: the name is counted in the member's size; tables of symbols and names are no members."""
    name, body = b"object.o".ljust(20, b"\0"), macho(ARM64, MACOS_11, kind=1)
    rows = ((b"/", b"table"), (b"//", b"names"), (b"/12", b"text"), (b"#1/20", name + body))
    data = b"".join(b"%-48s%-10d`\n" % (title, len(content)) + content + b"\n" * (len(content) % 2) for title, content in rows)
    assert ("EM_AARCH64", "macos") == ((found := read(tmp_path, b"!<arch>\n" + data)).machine, found.system)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\0asm\2\0\0\0", "version 2 of wasm, layer 0"),
        (b"\0asm\1\0\2\0", "version 1 of wasm, layer 2"),
        (module((b"env", b"odd", b"\5")), "an import of kind 5"),
        (module(KINDS[0], (b"env", b"odd", b"\5")), "an import of kind 5"),
        (b"\0asm\1\0\0\0\2" + sized(b"\1" + b"\x80" * 10), "a number without an end"),
        (b"\0asm\1\0\0\0\2" + sized(b"\1\7env"), "a section ends too early"),
        (b"\0asm\1\0\0\0\2\xff\xff\xff\x7f", "a section ends too early"),
        (b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"NE".ljust(26, b"\0"), "a program for DOS"),
        (struct.pack("<8I", 0xFEEDFACF, ARM64, 0, 2, 1, 8, 0, 0) + bytes(8), "a load command without a size"),
        (universal((ARM64, b"text".ljust(40))), "no Mach-O header where one should be"),
        (b"!<arch>\n" + b"%-48s%-10d`\n" % (b"x", -1), "a member of negative size"),
    ],
)
def test_what_is_damaged_is_told(tmp_path, data, why):
    """No count and no size of a file is believed."""
    with pytest.raises(VerificationFailed) as raised:
        read(tmp_path, data)
    assert f"its headers cannot be read: {why}" == raised.value.why


def test_a_section_that_is_too_large_is_not_read(tmp_path, monkeypatch):
    """Only that of the imports is read at all."""
    monkeypatch.setattr(headers, "LARGEST", 77)
    assert read(tmp_path, module(KINDS[1]) + b"\x0a" + sized(bytes(78))).format == "wasm"
    with pytest.raises(VerificationFailed) as raised:
        read(tmp_path, module(*KINDS))
    assert raised.value.why == "its headers cannot be read: a section of 78 bytes"


@pytest.mark.parametrize("whole", [module(*KINDS), COMPONENT], ids=["module", "component"])
def test_a_cut_section_is_told_whatever_is_in_it(tmp_path, whole):
    """A file of WebAssembly ends with a section."""
    ends, place = {8}, 8
    while place < len(whole):
        place += 2 + whole[place + 1]
        ends.add(place)
    for size in sorted(set(range(9, len(whole) + 1)) - ends):
        with pytest.raises(VerificationFailed, match="damaged"):
            read(tmp_path, whole[:size])
    assert {read(tmp_path, whole[:size]).format for size in ends} == {"wasm"}


def test_a_tag_and_limits_of_a_module_are_passed_over(tmp_path):
    """What comes behind them is read in its place: a memory has one limit, or two."""
    rows = [(b"env", b"tag", b"\4\0\1"), (b"env", b"one", b"\2\0\1"), (b"env", b"two", b"\2\1\1\x82\1")]
    for row in rows:
        assert read(tmp_path, module(row, KINDS[0])).system == "wasip1"


FILES = {
    "macho": macho(ARM64, MACOS_11, dylib(b"/usr/lib/libSystem.B.dylib"), flags=2),
    "universal": universal((AMD64, macho(AMD64, MACOS_10)), (ARM64, macho(ARM64, MACOS_11, flags=2))),
    "pe": pe(3, b"KERNEL32.dll"),
    "module": module(*KINDS),
    "component": COMPONENT,
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES)
def test_a_cut_or_altered_file_never_ends_in_another_error(tmp_path, data):
    """A file that is cut, or has a byte set to the most, is read or called damaged."""
    for size in range(len(data)):
        for changed in (data[:size], data[:size] + b"\xff" + data[size + 1 :]):
            with suppress(VerificationFailed):
                read(tmp_path, changed)


@pytest.mark.parametrize("before", [b"", b"another part"])
def test_where_the_members_of_an_archive_lie(before):
    """Behind their heads of 60 bytes, and behind a long name that comes first; each head begins at an even place of the archive."""
    rows = ((b"/", b"symbols!"), (b"//", b"names"), (b"a.o", b"odd"), (b"/12", b"even"), (b"#1/4", b"nameBODY"), (b"#1/3", b"abc"))
    data = b"".join(b"%-48s%-10d`\n" % (title, len(content)) + content + b"\n" * (len(content) % 2) for title, content in rows)
    whole = before + b"!<arch>\n" + data
    file = io.BytesIO(whole + b"%-48s%-10d`\n" % (b"next", 0) * bool(before))  # a part has an end of its own
    places = headers.members(file, len(before), len(whole) if before else None)
    assert [b"odd", b"even", b"BODY", b""] == [whole[offset : offset + size] for offset, size in places]


def test_a_member_of_negative_size_is_damage():
    """The walk through it would go back."""
    with pytest.raises(ValueError, match="a member of negative size"):
        list(headers.members(io.BytesIO(b"!<arch>\n" + b"x.o".ljust(48) + b"-8".ljust(10) + b"`\n")))


SYSTEM = b"/usr/lib/libSystem.B.dylib"
APPLE = {"format": "macho", "bits": 64, "endian": "little", "pie": True, "system": "macos"}
WASM = {"format": "wasm", "bits": 32, "endian": "little", "static": True}


@pytest.mark.parametrize(
    ("data", "facts"),
    [
        (
            macho(ARM64, MACOS_11, dylib(SYSTEM), flags=2),
            {**APPLE, "machine": "EM_AARCH64", "minimum": "11.0", "needed": (SYSTEM.decode(),), "signed": "ad hoc"},
        ),
        # a command of eight bytes says its number and its size
        (macho(AMD64, struct.pack("<II", 0x99, 8), MACOS_10, kind=1), {**APPLE, "machine": "EM_X86_64", "minimum": "10.12.3"}),
        (
            universal((AMD64, macho(AMD64, MACOS_10)), (ARM64, macho(ARM64, MACOS_11, flags=0x10000))),
            {**APPLE, "machine": "EM_X86_64", "minimum": "10.12.3", "parts": ("EM_X86_64", "EM_AARCH64"), "signed": "yes"},
        ),
        (
            pe(3, b"KERNEL32.dll", b"a.dll"),
            {
                "format": "pe",
                "bits": 64,
                "endian": "little",
                "pie": True,
                "system": "windows",
                "minimum": "6.2",
                "machine": "EM_X86_64",
                "needed": ("KERNEL32.dll", "a.dll"),
            },
        ),
        (module(*KINDS[:2]), {**WASM, "system": "wasip1"}),
        (COMPONENT, {**WASM, "system": "wasip2"}),
    ],
)
def test_all_that_a_header_says(tmp_path, data, facts):
    """Field by field; what is not named here is as of a file that says nothing."""
    found = read(tmp_path, data)
    nothing = Artifact(path=str(tmp_path / "program"), size=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert facts == {name: value for name, value in asdict(found).items() if value != getattr(nothing, name)}
