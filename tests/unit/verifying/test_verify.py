from __future__ import annotations

import hashlib
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from crosstasks.catalog.targets import find
from crosstasks.core.errors import VerificationFailed
from crosstasks.core.results import Artifact
from crosstasks.verifying.verify import check, inspect, verify

SOFT = {"bits": 32, "machine": 40, "flags": 0x5000200}
N32 = {"bits": 32, "machine": 8, "flags": 0x20000020, "endian": ">"}
NEITHER = {"bits": 32, "machine": 40, "flags": 0x5000000}
REAL = Path(__file__).parents[1] / "data" / "elf"


def elf_header(*, bits: int = 64, endian: str = "<", machine: int = 62, flags: int = 0, kind: int = 2) -> bytes:
    """One ELF header and a segment, nothing else."""
    ident = b"\x7fELF" + bytes([bits // 32, 1 if endian == "<" else 2, 1]) + bytes(9)
    word = "Q" if bits == 64 else "I"
    size, segment = (64, 56) if bits == 64 else (52, 32)
    entries = (size, segment, 1, 64 if bits == 64 else 40, 0, 0)
    head = ident + struct.pack(f"{endian}HHI3{word}I6H", kind, machine, 1, 0, size, 0, flags, *entries)
    return head + struct.pack(f"{endian}I", 1) + bytes(segment - 4)


def pe(machine: int, magic: int, characteristics: int = 0) -> bytes:
    return (
        b"MZ" + bytes(58) + struct.pack("<I", 64)
        + b"PE\0\0" + struct.pack("<H", machine) + bytes(18)
        + struct.pack("<H", magic) + bytes(68) + struct.pack("<H", characteristics) + bytes(150)
    )  # fmt: skip


def macho(cpu: int) -> bytes:
    """An object, which is signed when it is linked."""
    return struct.pack("<7I", 0xFEEDFACF, cpu, 0, 1, 0, 0, 0)


def archive(*members: tuple[bytes, bytes]) -> bytes:
    body = b"!<arch>\n"
    for name, data in members:
        body += name.ljust(48) + str(len(data)).encode().ljust(10) + b"`\n" + data + b"\n" * (len(data) % 2)
    return body


def written(folder: Path, data: bytes, name: str = "program") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def test_a_pie_that_binds_at_once():
    """All that there is to know of a program of Debian's aarch64 compiler is read."""
    path = REAL / "aarch64-gnu"

    assert inspect(path) == Artifact(
        path=str(path),
        format="elf",
        machine="EM_AARCH64",
        bits=64,
        endian="little",
        system="linux",
        minimum="3.7.0",
        entry=0x680,
        interpreter="/lib/ld-linux-aarch64.so.1",
        needed=("libc.so.6",),
        glibc="2.34",
        pie=True,
        relro="full",
        size=path.stat().st_size,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


@pytest.mark.parametrize(
    ("flags", "flags_1", "loader", "pie", "relro"),
    [
        (8, 0x08000001, True, True, "full"),
        (8, 0, True, True, "full"),
        (0, 1, True, True, "full"),
        (0, 0x08000000, True, True, "partial"),
        (0x17, 0x07FFFFFE, True, True, "partial"),
        (0, 0x08000000, False, True, "partial"),
        (0, 0x07FFFFFE, False, False, "partial"),
    ],
)
def test_what_the_flags_of_the_dynamic_section_say(tmp_path, flags, flags_1, loader, pie, relro):
    """DF_BIND_NOW is 8, DF_1_NOW 1 and DF_1_PIE 0x08000000; a shared object with a loader is a program as well."""
    data = (REAL / "aarch64-gnu").read_bytes()
    for tag, before, after in ((0x1E, 8, flags), (0x6FFFFFFB, 0x08000001, flags_1)):
        assert 1 == data.count(struct.pack("<QQ", tag, before))
        data = data.replace(struct.pack("<QQ", tag, before), struct.pack("<QQ", tag, after))
    if not loader:
        data = data.replace(struct.pack("<II", 3, 4), struct.pack("<II", 0, 4), 1)  # PT_INTERP, PT_NULL
    is_ = inspect(written(tmp_path, data))
    assert (pie, relro, bool(is_.interpreter)) == (is_.pie, is_.relro, loader)


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("armv7-gnueabihf", ("EM_ARM", 32, "little", "hard-float", "/lib/ld-linux-armhf.so.3", "2.34", False, "partial", False, False)),
        ("s390x-gnu", ("EM_S390", 64, "big", "", "/lib/ld64.so.1", "2.34", True, "partial", False, False)),
        ("riscv64-static", ("EM_RISCV", 64, "little", "double-float", "", "", False, "", True, True)),
        ("powerpc64le.a", ("EM_PPC64", 64, "little", "elfv2", "", "", False, "", False, False)),
    ],
)
def test_real_files(name, facts):
    """Programs and an archive of real cross compilers are read: 32 bits, big-endian, static, an executable stack."""
    is_ = inspect(REAL / name)
    target = (is_.machine, is_.bits, is_.endian, is_.abi)

    assert facts == (*target, is_.interpreter, is_.glibc, is_.pie, is_.relro, is_.static, is_.execstack)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("aarch64-gnu", "aarch64-unknown-linux-gnu"),
        ("armv7-gnueabihf", "armv7-unknown-linux-gnueabihf"),
        ("s390x-gnu", "s390x-unknown-linux-gnu"),
        ("riscv64-static", "riscv64gc-unknown-linux-gnu"),
        ("riscv64-static", "riscv64gc-unknown-linux-musl"),
        ("powerpc64le.a", "powerpc64le-unknown-linux-gnu"),
    ],
)
def test_what_was_asked_for_is_good(name, target):
    """A file that is for its target has no problem."""
    assert check(inspect(REAL / name), find(target)) == ()


@pytest.mark.parametrize(
    ("name", "target", "problems"),
    [
        ("aarch64-gnu", "x86_64-unknown-linux-gnu", ("is for EM_AARCH64, not EM_X86_64",)),
        ("aarch64-gnu", "aarch64-unknown-linux-musl", ("is for the libc gnu, not musl",)),
        ("aarch64-gnu", "aarch64-linux-android", ("is for the system linux, not android", "is for the libc gnu, not bionic")),
        ("aarch64-gnu", "x86_64-pc-windows-gnu", ("is elf for EM_AARCH64, not pe",)),
        ("armv7-gnueabihf", "armv7-unknown-linux-gnueabi", ("is built for the ABI hard-float, not soft-float",)),
        ("powerpc64le.a", "powerpc64-unknown-linux-gnu", ("is little-endian, not big", "is built for the ABI elfv2, not elfv1")),
        (
            "s390x-gnu",
            "i686-unknown-linux-gnu",
            ("is for EM_S390, not EM_386", "has 64 bits, not 32", "is big-endian, not little"),
        ),
    ],
)
def test_what_was_not_asked_for_is_told(name, target, problems):
    """Each way in which a file is not for its target is said in words."""
    assert problems == check(inspect(REAL / name), find(target))


@pytest.mark.parametrize(
    ("machine", "flags", "abi"),
    [
        *[(40, 0x5000000 | flags, abi) for flags, abi in {0: "", 0x200: "soft-float", 0x400: "hard-float"}.items()],
        *[(243, 1 | kind, f"{abi}-float") for kind, abi in {0: "soft", 2: "single", 4: "double", 6: "quad"}.items()],
        *[(21, kind, abi) for kind, abi in {0: "", 1: "elfv1", 2: "elfv2"}.items()],
        *[(258, 0x40 | kind, abi) for kind, abi in {0: "", 1: "soft-float", 2: "single-float", 3: "double-float"}.items()],
        *[(8, 0x60000000 | kind, abi) for kind, abi in {0: "", 0x20: "n32", 0x1000: "o32"}.items()],
        (62, 0xFFFF, ""),
    ],
)
def test_which_abi_the_flags_of_a_header_name(tmp_path, machine, flags, abi):
    """By bits of the machine's own; the others mean something else."""
    assert abi == inspect(written(tmp_path, elf_header(machine=machine, flags=flags))).abi


@pytest.mark.parametrize(
    ("header", "target", "problems"),
    [
        (SOFT, "arm-unknown-linux-gnueabi", ()),
        (SOFT, "arm-unknown-linux-gnueabihf", ("is built for the ABI soft-float, not hard-float",)),
        (NEITHER, "arm-unknown-linux-gnueabihf", ()),
        ({"bits": 32, "machine": 8, "flags": 0x70001005, "endian": ">"}, "mips-unknown-linux-gnu", ()),
        (N32, "mips-unknown-linux-gnu", ("is built for the ABI n32, not o32",)),
        ({"bits": 64, "machine": 8, "flags": 0x20000007, "endian": ">"}, "mips64-unknown-linux-gnuabi64", ()),
        ({"machine": 243, "flags": 0x1}, "riscv64gc-unknown-linux-gnu", ("is built for the ABI soft-float, not double-float",)),
        ({"bits": 32, "machine": 243, "flags": 0x1}, "riscv32imac-unknown-none-elf", ()),
        ({"machine": 21, "flags": 1, "endian": ">"}, "powerpc64-unknown-linux-gnu", ()),
        ({"machine": 258, "flags": 0x43}, "loongarch64-unknown-linux-gnu", ()),
        ({"bits": 32, "machine": 62}, "x86_64-unknown-linux-gnu", ("has 32 bits, not 64",)),
    ],
)
def test_calling_conventions(tmp_path, header, target, problems):
    """Soft and hard float, MIPS's three and PowerPC's two conventions are told apart by the header's flags."""
    assert problems == check(inspect(written(tmp_path, elf_header(**header))), find(target))


@pytest.mark.parametrize(
    ("data", "target"),
    [
        (pe(0x8664, 0x20B), "x86_64-pc-windows-gnu"),
        (pe(0x14C, 0x10B), "i686-pc-windows-gnu"),
        (pe(0xAA64, 0x20B), "aarch64-pc-windows-msvc"),
        (macho(0x0100000C), "aarch64-apple-darwin"),
        (struct.pack(">7I", 0xCAFEBABE, 1, 0x01000007, 3, 28, 0, 0) + macho(0x01000007), "x86_64-apple-darwin"),
        (b"\0asm\1\0\0\0", "wasm32-wasip1"),
        (archive((b"/", b"symbols"), (b"lib.rmeta/", b"rust"), (b"a.o/", elf_header())), "x86_64-unknown-linux-gnu"),
        (archive((b"#1/4", b"n.o\0" + macho(0x0100000C))), "aarch64-apple-darwin"),
        (archive((b"/", b""), (b"a.obj/", struct.pack("<H", 0x8664) + bytes(18))), "x86_64-pc-windows-msvc"),
    ],
)
def test_other_formats(tmp_path, data, target):
    """Windows', Apple's and WebAssembly's files are read, alone and in an archive."""
    found = inspect(written(tmp_path, data))

    assert (find(target).format, ()) == (found.format, check(found, find(target)))


def test_a_library_is_no_program(tmp_path):
    """A shared library lies anywhere as well, but is no position-independent program."""
    assert not inspect(written(tmp_path, elf_header(kind=3))).pie


def test_position_independence_elsewhere(tmp_path):
    """A program for Windows that may lie anywhere says so in its header."""
    assert [inspect(written(tmp_path, pe(0x8664, 0x20B, bits))).pie for bits in (0x40, 0)] == [True, False]


@pytest.mark.parametrize(
    ("glibc", "problems"),
    [
        ("", ()),
        ("2.34", ()),
        ("2.100", ()),
        ("2.28", ("needs glibc 2.34, and 2.28 is promised",)),
        ("2.4", ("needs glibc 2.34, and 2.4 is promised",)),
    ],
)
def test_the_glibc_ceiling(glibc, problems):
    """A file may need the promised glibc or an older one; versions are numbers, not text."""
    assert problems == check(inspect(REAL / "aarch64-gnu"), find("aarch64"), glibc=glibc)


@pytest.mark.parametrize(
    ("triple", "system"),
    [
        ("x86_64-unknown-linux-gnu", "linux"),
        ("x86_64-unknown-freebsd", "freebsd"),
        ("x86_64-unknown-illumos", "solaris"),
        ("x86_64-pc-solaris", "solaris"),
        ("aarch64-unknown-none", "no system"),
        ("wasm32-wasip1", "wasip1"),
        ("wasm32-wasip2", "wasip2"),
        ("wasm32-unknown-emscripten", ""),
    ],
)
def test_the_system_that_a_target_asks_for(triple, system):
    """Illumos is told as Solaris, a bare machine has none, each preview of WASI is one, and Emscripten's may say anything."""
    target = find(triple)
    headers = {"format": target.format, "machine": target.machine, "bits": target.bits, "endian": target.endian}
    problems = check(Artifact(path="x", system="another", **headers), target)
    assert problems == ((f"is for the system another, not {system}",) if system else ())
    assert check(Artifact(path="x", system=system, **headers), target) == ()


def test_what_is_no_program(tmp_path):
    """A text is no artifact; the script that Emscripten puts beside its module is."""
    script = inspect(written(tmp_path, b"var Module;", "a.js"))

    problems = check(script, find("aarch64")), check(script, find("wasm32-unknown-emscripten"))

    assert problems == (("is no elf file, nor any other that is known",), ())


def test_verify_returns_what_is_good():
    """Files that are all good are returned in order."""
    path = REAL / "aarch64-gnu"

    assert verify([path, path], find("aarch64"), glibc="2.34") == (inspect(path), inspect(path))


def test_verify_tells_all_that_is_wrong(tmp_path):
    """One error names every bad file, be it foreign, damaged or gone, and none of the good ones."""
    damaged = written(tmp_path, (REAL / "aarch64-gnu").read_bytes()[:40], "damaged")
    paths = (REAL / "aarch64-gnu", REAL / "s390x-gnu", damaged, tmp_path / "gone")

    with pytest.raises(VerificationFailed, match="not every artifact is what aarch64-unknown-linux-gnu promises") as failed:
        verify(paths, find("aarch64"))

    lines = failed.value.why.splitlines()
    assert lines[:2] == [f"{paths[1]} is for EM_S390, not EM_AARCH64", f"{paths[1]} is big-endian, not little"]
    assert lines[2].startswith(f"{damaged} is damaged: its headers cannot be read: ")
    assert lines[3:] == [f"{tmp_path / 'gone'} cannot be read: No such file or directory"]
    assert failed.value.code == 6


@pytest.mark.parametrize("name", ["aarch64-gnu", "armv7-gnueabihf", "powerpc64le.a"])
def test_a_cut_file_never_ends_in_another_error(tmp_path, name):
    """A file cut at any place is read, or is called damaged."""
    whole = (REAL / name).read_bytes()
    for size in range(0, len(whole), 97):
        with suppress(VerificationFailed):
            inspect(written(tmp_path, whole[:size]))


@pytest.mark.parametrize(("name", "size"), [(b"/", b"-60"), (b"a.o/", b"-60"), (b"a.o/", b"x")])
def test_an_archive_with_a_silly_size_is_damaged(tmp_path, name, size):
    """A member's size is a number, and not below nought: else reading would not end."""
    data = b"!<arch>\n" + name.ljust(48) + size.ljust(10) + b"`\n"

    with pytest.raises(VerificationFailed, match="is damaged"):
        inspect(written(tmp_path, data))


def test_a_dos_program_is_damaged(tmp_path):
    """A program for DOS is none for Windows."""
    with pytest.raises(VerificationFailed, match="a program for DOS"):
        inspect(written(tmp_path, b"MZ" + bytes(58) + struct.pack("<I", 64) + bytes(200)))


@pytest.mark.parametrize(
    ("name", "kind", "number", "system", "minimum"),
    [
        ("FreeBSD", 1, 1_302_001, "freebsd", "13.2"),
        ("FreeBSD", 1, 1_400_097, "freebsd", "14.0"),
        ("FreeBSD", 1, 0, "freebsd", ""),
        ("FreeBSD", 2, 1_302_001, "", ""),
        ("NetBSD", 1, 1_001_000_000, "netbsd", "10.1"),
        ("OpenBSD", 1, 0, "openbsd", ""),
        ("DragonFly", 1, 600_400, "dragonfly", ""),
        ("Android", 1, 21, "android", "21"),
        ("Other", 1, 21, "", ""),
    ],
)
def test_a_note_tells_the_system_and_its_release(tmp_path, name, kind, number, system, minimum):
    """Each of the systems writes its release in its own way; another note, or another name, tells nothing."""
    title = name.encode() + b"\0"
    note = struct.pack("<3I", len(title), 4, kind) + title.ljust((len(title) + 3) // 4 * 4, b"\0") + struct.pack("<I", number)
    head = bytearray(elf_header())
    struct.pack_into("<IIQQQQQQ", head, 64, 4, 4, 120, 0, 0, len(note), len(note), 4)
    found = inspect(written(tmp_path, bytes(head) + note))
    assert (system, minimum) == (found.system, found.minimum)


@pytest.mark.parametrize(("number", "system"), [(0, ""), (2, "netbsd"), (3, "linux"), (6, "solaris"), (9, "freebsd"), (12, "")])
def test_the_header_tells_the_system_where_no_note_does(tmp_path, number, system):
    """By the number of its ABI; OpenBSD's files have a note."""
    head = bytearray(elf_header())
    head[7] = number
    found = inspect(written(tmp_path, bytes(head)))
    assert (system, "") == (found.system, found.minimum)


@pytest.mark.parametrize(
    ("triple", "abi"),
    [
        ("arm-unknown-linux-gnueabihf", "hard-float"),
        ("arm-unknown-linux-gnueabi", "soft-float"),
        ("riscv64gc-unknown-linux-gnu", "double-float"),
        ("riscv32imac-unknown-none-elf", "soft-float"),
        ("powerpc64-unknown-linux-gnu", "elfv1"),
        ("powerpc64-unknown-linux-musl", "elfv2"),
        ("powerpc64le-unknown-linux-gnu", "elfv2"),
        ("loongarch64-unknown-linux-gnu", "double-float"),
        ("mipsel-unknown-linux-gnu", "o32"),
        ("mips64-unknown-linux-gnuabi64", ""),
        ("x86_64-unknown-linux-gnu", ""),
    ],
)
def test_the_abi_that_a_target_asks_for(triple, abi):
    """What says another is refused; where nothing is known of it, anything is taken."""
    target = find(triple)
    headers = {"format": "elf", "machine": target.machine, "bits": target.bits, "endian": target.endian}
    problems = check(Artifact(path="x", abi="another", **headers), target)
    assert problems == ((f"is built for the ABI another, not {abi}",) if abi else ())
    assert check(Artifact(path="x", abi=abi, **headers), target) == ()


@pytest.mark.parametrize(
    ("loader", "libc"),
    [
        ("/lib/ld-linux-aarch64.so.1", "gnu"),
        ("/lib/ld64.so.1", "gnu"),
        ("/lib/ld.so.1", "gnu"),
        ("/lib/ld-musl-aarch64.so.1", "musl"),
        ("/system/bin/linker64", "bionic"),
        ("/nix/store/ld.so", ""),
    ],
)
def test_a_loader_tells_the_libc(loader, libc):
    """Of a program that names no version of glibc; one that is not known tells nothing."""
    artifact = Artifact(path="a", format="elf", machine="EM_AARCH64", bits=64, endian="little", system="linux", interpreter=loader)
    for target in ("gnu", "musl"):
        expected = (f"is for the libc {libc}, not {target}",) if libc not in {"", target} else ()
        assert expected == check(artifact, find(f"aarch64-unknown-linux-{target}"))


def patched(folder, change):
    """Return what is read of Debian's program after a change to its bytes, which is given them and the places of its sections."""
    data = bytearray((REAL / "aarch64-gnu").read_bytes())
    with (REAL / "aarch64-gnu").open("rb") as file:
        change(data, {section.name: section["sh_offset"] for section in ELFFile(file).iter_sections()})
    return inspect(written(folder, bytes(data)))


@pytest.mark.parametrize(
    ("flags", "flags_1", "relro", "pie"),
    [(8, 0, "full", True), (0, 1, "full", True), (0, 0x08000001, "full", True), (0, 0x08000000, "partial", True), (2, 2, "partial", True)],
)
def test_what_binds_at_once(tmp_path, flags, flags_1, relro, pie):
    """Either of two flags says so."""

    def change(data, places):
        values = {30: flags, 0x6FFFFFFB: flags_1}
        for place in range(places[".dynamic"], len(data) - 16, 16):
            tag = int.from_bytes(data[place : place + 8], "little")
            if tag in values:
                data[place + 8 : place + 16] = values.pop(tag).to_bytes(8, "little")
        assert not values

    found = patched(tmp_path, change)
    assert (relro, pie) == (found.relro, found.pie)


def test_a_program_with_packed_relocations_needs_the_glibc_that_knows_them(tmp_path):
    """It names a version without a number: 2.36 was the first to have it."""

    def change(data, places):
        names = places[".dynstr"]
        start = data.index(b"__libc_start_main\0", names)
        data[start : start + 17] = b"GLIBC_ABI_DT_RELR"
        # the first version that is asked for: behind the library's own row, its name comes after a hash, flags and a number
        place = places[".gnu.version_r"] + 16 + 8
        data[place : place + 4] = (start - names).to_bytes(4, "little")

    assert "2.36" == patched(tmp_path, change).glibc
