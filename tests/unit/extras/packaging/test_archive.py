"""Archives of the same files are the same bytes, and hold what they should."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile

import pytest

from crosstasks.config.options import Release
from crosstasks.core.errors import ConfigError, CrosstasksError
from crosstasks.extras.packaging.archive import Entry, documents, pack, suffix
from crosstasks.extras.packaging.product import Crate, Product

STEM = "hello-aarch64-unknown-linux-gnu-v1.0.0"
EPOCH = 1_700_000_001


def product(folder, **more):
    crate = Crate(name="hello", version="1.0.0", folder=str(folder), tag="v1.0.0", binaries=("hello",), **more)
    return Product(name="hello", version="1.0.0", tag="v1.0.0", crates=(crate,))


def packed(folder, name, mode, umask):
    """Pack a program and a readme, made anew with other permissions, times and in another order."""
    folder.mkdir()
    before = os.umask(umask)
    try:
        for file in ("hello", "README.md", "licences/MIT"):
            path = folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(file.encode() * 1000)
            path.chmod(mode)
            os.utime(path, (mode, mode))
        entries = [Entry(name=file, source=folder / file, program=file == "hello") for file in ("hello", "licences/MIT", "README.md")]
        pack(folder / name, STEM, entries if umask else reversed(entries), EPOCH)
    finally:
        os.umask(before)
    return folder / name


@pytest.mark.parametrize("name", [f"{STEM}.tar.gz", f"{STEM}.zip"])
def test_the_same_files_give_the_same_bytes(tmp_path, name):
    """Whatever their permissions, their times, the umask, the folder, and the order that they were found in."""
    one, other = packed(tmp_path / "a", name, 0o600, 0o077), packed(tmp_path / "longer", name, 0o777, 0)
    assert one.read_bytes() == other.read_bytes()
    assert 0o644 == stat.S_IMODE(one.stat().st_mode)


def test_a_tar_holds_one_folder(tmp_path):
    """Owned by root, of the commit's time, programs 0755 and all else 0644; gzip's header has neither name nor time."""
    path = packed(tmp_path / "a", f"{STEM}.tar.gz", 0o600, 0)
    with tarfile.open(path) as tar:
        rows = [(info.name, oct(info.mode), info.mtime, info.uid, info.gid, info.uname) for info in tar]
    assert rows == [
        (STEM, "0o755", EPOCH, 0, 0, ""),
        (f"{STEM}/README.md", "0o644", EPOCH, 0, 0, ""),
        (f"{STEM}/hello", "0o755", EPOCH, 0, 0, ""),
        (f"{STEM}/licences/MIT", "0o644", EPOCH, 0, 0, ""),
    ]
    assert path.read_bytes()[3:8] == bytes(5)


def test_a_zip_holds_one_folder(tmp_path):
    """With the same names; times are those of UTC, in steps of two seconds as zip has them."""
    with zipfile.ZipFile(packed(tmp_path / "a", f"{STEM}.zip", 0o600, 0)) as file:
        rows = [(info.filename, oct(info.external_attr >> 16), info.date_time) for info in file.infolist()]
        assert file.read(f"{STEM}/hello") == b"hello" * 1000
    assert rows[1] == (f"{STEM}/hello", "0o100755", (2023, 11, 14, 22, 13, 20))


def test_documents_go_with_the_programs(tmp_path):
    """Those of the root, those of the crate's folder over them, and what is configured, at its place."""
    crate = tmp_path / "crates" / "hello"
    (tmp_path / "man").mkdir()
    crate.mkdir(parents=True)
    for path in ("LICENSE-MIT", "README.md", "CHANGELOG.md", "Makefile", "man/hello.1", "crates/hello/README.md"):
        (tmp_path / path).write_text(path)
    found = {entry.name: entry.source for entry in documents(product(crate), tmp_path, Release(files=("man/*",)))}
    assert found == {
        "CHANGELOG.md": tmp_path / "CHANGELOG.md",
        "LICENSE-MIT": tmp_path / "LICENSE-MIT",
        "README.md": crate / "README.md",
        "man/hello.1": tmp_path / "man" / "hello.1",
    }


def test_documents_that_a_manifest_names_are_packed(tmp_path):
    """Wherever in the repository they lie; one that is not there is left out."""
    (tmp_path / "legal").mkdir()
    (tmp_path / "legal" / "terms").write_text("terms")
    named = product(tmp_path / "crates" / "hello", licence=str(tmp_path / "legal" / "terms"), readme=str(tmp_path / "all.md"))
    assert {"terms": tmp_path / "legal" / "terms"} == {entry.name: entry.source for entry in documents(named, tmp_path, Release())}


@pytest.mark.parametrize(("pattern", "said"), [("man/*", "fits no file"), ("../x", "leads out"), ("/etc/passwd", "leads out")])
def test_patterns_that_are_wrong_are_told(tmp_path, pattern, said):
    """An archive without what was asked for is not made."""
    with pytest.raises(ConfigError, match=said):
        documents(product(tmp_path), tmp_path, Release(files=(pattern,)))


def test_archives_for_windows_are_zips():
    """All others are tarballs."""
    assert (".zip", ".tar.gz") == (suffix("windows"), suffix("linux"))
    assert STEM == product("/").stem("aarch64-unknown-linux-gnu")


@pytest.mark.parametrize("name", ["all.tar.gz", "all.zip"])
def test_a_program_that_is_not_what_was_verified(tmp_path, name):
    """Another build may have put its own in that place: there is no archive, and nothing half of one."""
    program = tmp_path / "hello"
    program.write_bytes(b"another")
    folder = tmp_path / "dist"
    with pytest.raises(CrosstasksError, match="hello was changed before it was packed"):
        pack(folder / name, STEM, [Entry(name="hello", source=program, program=True, sha256="0" * 64)], EPOCH)
    assert [] == list(folder.iterdir())
