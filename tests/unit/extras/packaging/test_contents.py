"""Two folders of packages are the same byte for byte, or it is said which file differs, and where."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from crosstasks.core.errors import VerificationFailed
from crosstasks.extras.packaging.archive import Entry, pack
from crosstasks.extras.packaging.contents import Difference, differences, find_packages, unpack

ELF = Path(__file__).parents[2] / "data" / "elf" / "aarch64-gnu"
PROGRAM = ELF.read_bytes()
NAME = "app-aarch64-unknown-linux-gnu-v1.0.0.tar.gz"
ZIP = NAME.replace(".tar.gz", ".zip")


def package(folder, members, *, level=9):
    """Write an archive whose bytes follow from its members alone: (name, content, mode, time)."""
    folder.mkdir(exist_ok=True)
    with gzip.GzipFile(folder / NAME, "wb", level, mtime=0) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for name, data, mode, time in members:
            row = tarfile.TarInfo(name)
            row.size, row.mode, row.mtime = len(data), mode, time
            archive.addfile(row, io.BytesIO(data))
    return folder


GOOD = (("app/app", PROGRAM, 0o755, 1), ("app/LICENSE", b"MIT\n", 0o644, 1))


def told(tmp_path, members, **said):
    return [str(row) for row in differences(package(tmp_path / "a", GOOD), package(tmp_path / "b", members, **said), tmp_path / "cache")]


def changed(data, offset):
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1 :]


def test_equal_packages_do_not_differ(tmp_path):
    """Byte for byte the same is no difference."""
    assert [] == told(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ((("app/app", changed(PROGRAM, PROGRAM.index(b"hello")), 0o755, 1), GOOD[1]), f"app/app: differs in .rodata, first at {PROGRAM.index(b'hello'):#x} in .rodata"),
        ((GOOD[0], ("app/LICENSE", b"MIT", 0o644, 1)), "app/LICENSE: 4 and 3 bytes, differs, first at 0x3"),
        ((("app/app", PROGRAM, 0o700, 1), GOOD[1]), "app/app: the mode is 0o755, and 0o700 in the second"),
        ((GOOD[0], ("app/LICENSE", b"MIT\n", 0o644, 2)), "the files are the same, but not how they are packed at "),
        (GOOD[:1], "app/LICENSE: is only in the first"),
        ((*GOOD, ("app/new", b"", 0o644, 1)), "app/new: is only in the second"),
        ((GOOD[1], GOOD[0]), "the files are the same, but not how they are packed at "),
    ],
)  # fmt: skip
def test_the_member_and_the_place_are_named(tmp_path, members, words):
    """One line for one difference: content, size, mode, a file too few or too many; time and order are how they are packed."""
    (line,) = told(tmp_path, members)
    assert line.startswith(f"{NAME}{'/' if words.startswith('app') else ': '}{words}")


def test_another_compression_is_told(tmp_path):
    """The files are the same, and yet a checksum would differ."""
    (line,) = told(tmp_path, GOOD, level=1)
    assert f"{NAME}: the files are the same, but not how they are packed" in line


def test_zip_archives_are_compared(tmp_path):
    """Also those for Windows, with their modes."""
    for folder, data in (("a", b"one"), ("b", b"two")):
        (tmp_path / folder).mkdir()
        with zipfile.ZipFile(tmp_path / folder / "app.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo("app/app.exe"), data)
    assert [Difference(package="app.zip", member="app/app.exe", what="differs, first", offset=0)] == list(
        differences(tmp_path / "a", tmp_path / "b", tmp_path / "cache")
    )


def packed(folder, name):
    """Write a package of a program as a release does."""
    pack(folder / name, name.partition(".")[0], [Entry(name="app", source=ELF, program=True)], 1_700_000_000)
    return folder / name


@pytest.mark.parametrize(
    ("name", "marker", "offset"),
    [(NAME, b"\x1f\x8b", 40), (ZIP, b"PK\x03\x04", 100), (ZIP, b"PK\x01\x02", 10), (ZIP, b"PK\x01\x02", 8)],
    ids=["data of gzip", "data of a zip", "the method", "the flags"],
)
def test_a_damaged_package_is_an_error_in_words(tmp_path, name, marker, offset):
    """Wherever the damage is: where it is unpacked, and where it is compared."""
    path = packed(tmp_path / "a", name)
    data = path.read_bytes()
    place = data.index(marker) + offset
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / name).write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
    (package,) = find_packages(tmp_path / "b")
    with pytest.raises(VerificationFailed, match=f"{name} cannot be unpacked"), unpack(package.path, tmp_path):
        pass
    with pytest.raises(VerificationFailed, match=f"{name} cannot be unpacked"):
        differences(tmp_path / "a", tmp_path / "b", tmp_path)


def test_a_package_that_only_one_has(tmp_path):
    """A target that was not built again is a difference."""
    package(tmp_path / "a", GOOD)
    package(tmp_path / "b", GOOD)
    shutil.copy(tmp_path / "b" / NAME, tmp_path / "b" / "more.zip")
    (row,) = differences(tmp_path / "a", tmp_path / "b", tmp_path / "cache")
    assert (row.package, row.what) == ("more.zip", f"is only in {tmp_path / 'b'}")


def test_only_the_targets_that_are_asked_for(tmp_path):
    """A package of another target, which was not built again, is no difference."""
    for folder in ("a", "b"):
        package(tmp_path / folder, GOOD)
    shutil.copy(tmp_path / "a" / NAME, tmp_path / "a" / NAME.replace("aarch64", "riscv64gc"))
    assert () == differences(tmp_path / "a", tmp_path / "b", tmp_path / "cache", ["aarch64-unknown-linux-gnu"])
    assert 1 == len(differences(tmp_path / "a", tmp_path / "b", tmp_path / "cache"))
