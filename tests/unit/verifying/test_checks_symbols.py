"""Which crates ask for a symbol, and with which Rust a program was compiled, read from archives that are made here."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from crosstasks.verifying import checks

REAL = Path(__file__).parents[1] / "data" / "elf"


def elf_object(*, required=(), defined=(), comment=b"", sections=True):
    """Return an object of ELF for x86_64 that refers to some symbols, and holds others."""
    names, table = b"\0", bytes(24)
    for name, section in (*((name, 0) for name in required), *((name, 1) for name in defined)):
        table += struct.pack("<IBBHQQ", len(names), 0x10, 0, section, 0, 0)
        names += name.encode() + b"\0"
    titles = b"\0.comment\0.symtab\0.strtab\0.shstrtab\0"
    bodies = ((b".comment", 1, comment, 0, 0), (b".symtab", 2, table, 3, 24), (b".strtab", 3, names, 0, 0), (b".shstrtab", 3, titles, 0, 0))
    offset, rows, content = 64, bytes(64), b""
    for title, kind, body, link, size in bodies if sections else bodies[-1:]:
        rows += struct.pack("<IIQQQQIIQQ", titles.index(title), kind, 0, 0, offset + len(content), len(body), link, 1, 1, size)
        content += body
    count = len(rows) // 64
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, 64 + len(content), 0, 64, 0, 0, 64, count, count - 1
    )
    return head + content + rows


def archive(path, *members):
    """Write an archive of these members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = b"".join(b"x.o".ljust(48) + str(len(data)).encode().ljust(10) + b"`\n" + data + b"\n" * (len(data) % 2) for data in members)
    path.write_bytes(b"!<arch>\n" + body)


HASH = "0123456789abcdef"


def test_crates_that_ask_for_a_symbol(tmp_path):
    """Those whose objects refer to it and do not hold it; a name in their data alone is no symbol, nor is a part of one."""
    release, standard = tmp_path / "release", tmp_path / "std"
    archive(release / "deps" / f"libasks-{HASH}.rlib", b"metadata of rustc, getrandom", elf_object(required=("getrandom", "memcpy")))
    archive(release / "deps" / f"libholds-{HASH}.rlib", elf_object(required=("getrandom",)), elf_object(defined=("getrandom",)))
    archive(release / "deps" / f"libtells-{HASH}.rlib", elf_object(required=("getrandom_uncached",), comment=b"getrandom"))
    archive(release / "deps" / f"libstripped-{HASH}.rlib", elf_object(comment=b"getrandom", sections=False) + b"getrandom")
    archive(release / f"libtop_level-{HASH}.rlib", elf_object(required=("memfd_create",)))
    archive(release / "deps" / "libother.rlib", elf_object(required=("getrandom",)))
    archive(release / "build" / f"zstd-sys-{HASH}" / "out" / "lib" / "libzstd.a", elf_object(required=("getrandom",)))
    archive(release / "build" / "notes" / "out" / "libx.a", elf_object(required=("getrandom",)))
    archive(release / "deps" / f"libtext-{HASH}.rlib", b"getrandom")
    archive(release / "deps" / f"libnothing-{HASH}.rlib", elf_object(required=("memcpy",)))
    (release / "deps" / f"libempty-{HASH}.rlib").touch()
    archive(standard / f"libstd-{HASH}.rlib", elf_object(required=("getrandom", "memfd_create")))
    folders = (release, standard, tmp_path / "absent")
    assert {"getrandom": ("asks", "std", "zstd-sys"), "memfd_create": ("std", "top_level"), "statx": ()} == checks.askers(
        ("getrandom", "memfd_create", "statx"), folders
    )


@pytest.mark.parametrize(
    ("comment", "release"),
    [
        (b"GCC: (Debian 12.2.0)\0rustc version 1.95.0 (abc 2026-03-01)\0", "1.95.0"),
        (b"rustc version 1.97.0-nightly (abc)\0", "1.97.0"),
        (b"clang version 19.1.0\0", ""),
        (b"", ""),
    ],
)
def test_the_rust_that_compiled_a_program(tmp_path, comment, release):
    """It stands beside what other compilers say; a program that was stripped says nothing."""
    path = tmp_path / "program"
    path.write_bytes(elf_object(comment=comment))
    assert release == checks.rust(path)
    assert "" == checks.rust(REAL / "riscv64-static")


@pytest.mark.parametrize(
    ("name", "floor", "newer"),
    [
        ("aarch64-gnu", "2.28", ("__libc_start_main@GLIBC_2.34",)),
        ("aarch64-gnu", "2.33", ("__libc_start_main@GLIBC_2.34",)),
        ("aarch64-gnu", "2.34", ()),
        ("aarch64-gnu", "2.16", ("__cxa_finalize@GLIBC_2.17", "__libc_start_main@GLIBC_2.34", "abort@GLIBC_2.17", "puts@GLIBC_2.17")),
        ("riscv64-static", "2.17", ()),
    ],
)
def test_symbols_above_a_floor_are_named(name, floor, newer):
    """Each once, as the linker writes it; at the floor there are none, and a static program has none."""
    assert newer == checks.newer(REAL / name, floor)
