"""The file of a bundle: what is written is read, and nothing that is read is trusted."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from types import SimpleNamespace

import pytest

from crosstasks.clients import engines
from crosstasks.core.errors import ConfigError
from crosstasks.extras.offline import bundle
from crosstasks.extras.offline.bundle import MANIFEST, Manifest


@pytest.fixture
def folder(tmp_path):
    """A folder with what toolchains have: programs, links, files of two names."""
    made = tmp_path / "made"
    (made / "bin").mkdir(parents=True)
    (made / "bin" / "rustc").write_text("#!/bin/sh\n")
    (made / "bin" / "rustc").chmod(0o755)
    (made / "cargo").symlink_to("bin/rustc")
    os.link(made / "bin" / "rustc", made / "bin" / "rustdoc")
    (made / "left-out").write_text("x")
    return made


def write(path, folder):
    with bundle.writer(path) as writer:
        writer.add("tools/one.tar.gz", "tool", "one", lambda take: bundle.pack(folder, take, keep=lambda name: name != "left-out"))
        writer.add("tools/two.tar.gz", "tool", "two", lambda take: take(b"two"))
        manifest = Manifest(crosstasks="0", targets=(), platforms=("linux/amd64",), members=tuple(writer.members))
        writer.close(manifest)
    return manifest


def test_what_is_packed_comes_out(tmp_path, folder):
    """With its links and modes; other tars read the file as well."""
    path, out = tmp_path / "b.tar", tmp_path / "out"
    out.mkdir()
    manifest = write(path, folder)
    with tarfile.open(path) as tar:
        assert tar.getnames() == ["tools/one.tar.gz", "tools/two.tar.gz", MANIFEST]
    with bundle.reader(path) as reader:
        assert reader.manifest == manifest
        assert bundle.unpack(reader.open(manifest.members[0]), out, "one") == ["bin/rustc", "bin/rustdoc", "cargo"]
        assert gzip.decompress(reader.open(manifest.members[1]).read()) == b"two"
    assert os.readlink(out / "cargo") == "bin/rustc"
    assert os.access(out / "bin" / "rustdoc", os.X_OK)
    assert not (out / "left-out").exists()


def test_equal_content_makes_equal_files(tmp_path, folder):
    """So that a bundle can be compared by its checksum."""
    write(tmp_path / "a.tar", folder)
    write(tmp_path / "b.tar", folder)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_bundle_is_written_at_once_or_not_at_all(tmp_path):
    """What was there stays, and no draft is left."""
    path = tmp_path / "b.tar"
    path.write_text("old")

    def cut(take):
        take(b"x")
        raise InterruptedError

    with pytest.raises(InterruptedError), bundle.writer(path) as writer:
        writer.add("x", "tool", "x", cut)
    assert [file.name for file in tmp_path.iterdir()] == ["b.tar"]
    assert path.read_text() == "old"


def test_what_a_killed_call_left_goes(tmp_path, folder):
    """And no file of the user's, nor the draft of one that is at work."""
    dead, busy, theirs = (
        tmp_path / name
        for name in (
            f".b.tar.{engines.host_id()}_{2**22}_1.part",
            f".b.tar.{engines.owner(os.getppid()).replace(':', '_')}.part",
            ".b.tar.mine.part",
        )
    )
    for path in (dead, busy, theirs):
        path.touch()
    write(tmp_path / "b.tar", folder)
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"b.tar", busy.name, theirs.name}


@pytest.mark.parametrize("place", [600, 1200, -3000])
def test_a_flipped_byte_is_seen(tmp_path, folder, place):
    """In a member, between members, or in the manifest: nothing of the bundle counts, or the byte matters to nobody."""
    path = tmp_path / "b.tar"
    manifest = write(path, folder)
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    try:
        with bundle.reader(path) as reader:
            contents = [reader.open(member).read() for member in reader.manifest.members]
    except ConfigError:
        return
    write(tmp_path / "whole.tar", folder)
    with bundle.reader(tmp_path / "whole.tar") as reader:
        assert contents == [reader.open(member).read() for member in manifest.members]


def test_a_bundle_that_is_cut_off_is_refused(tmp_path, folder):
    """At every length."""
    path = tmp_path / "b.tar"
    write(path, folder)
    data = path.read_bytes()
    for length in (0, 100, 700, len(data) // 2, len(data) - 2 * tarfile.BLOCKSIZE - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ConfigError), bundle.reader(path):
            pass


def test_what_is_no_bundle_is_refused(tmp_path):
    """A file of another kind, a tar of somebody else's, and none."""
    path = tmp_path / "b.tar"
    for content in (b"hello" * 1000, b""):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="is no bundle"), bundle.reader(path):
            pass
    with tarfile.open(path, "w") as tar:
        tar.addfile(tarfile.TarInfo("x"))
    with pytest.raises(ConfigError, match="is no bundle"), bundle.reader(path):
        pass
    with pytest.raises(ConfigError, match="there is no bundle"), bundle.reader(tmp_path / "none.tar"):
        pass
    with pytest.raises(ConfigError, match="is a folder, and no bundle"), bundle.reader(tmp_path):
        pass


def test_a_member_more_than_the_manifest_says_is_refused(tmp_path, folder):
    """It has no checksum."""
    path = tmp_path / "b.tar"
    write(path, folder)
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("tools/three.tar.gz"))
    with pytest.raises(ConfigError, match="does not hold what its manifest says"), bundle.reader(path):
        pass


def entry(name, kind=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


HOSTILE = {
    "absolute": [entry("/etc/crosstasks-evil")],
    "above": [entry("../evil")],
    "above within": [entry("a/../../evil")],
    "link out": [entry("a", tarfile.SYMTYPE, "../evil")],
    "link deep out": [entry("a/b", tarfile.SYMTYPE, "../../evil")],
    "link absolute": [entry("a", tarfile.SYMTYPE, "/etc/passwd")],
    "behind a link": [entry("a", tarfile.SYMTYPE, "b"), entry("a/evil")],
    "over a link": [entry("a", tarfile.SYMTYPE, "b"), entry("a")],
    "hard link": [entry("a", tarfile.LNKTYPE, "/etc/passwd")],
    "device": [entry("a", tarfile.CHRTYPE)],
    "pipe": [entry("a", tarfile.FIFOTYPE)],
}


@pytest.mark.parametrize("entries", HOSTILE.values(), ids=HOSTILE)
def test_a_member_that_leads_out_of_its_folder_is_refused(tmp_path, entries):
    """Before anything is written there."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for one in entries:
            tar.addfile(one)
    stream.seek(0)
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(ConfigError, match="the bundle is not trusted"):
        bundle.unpack(stream, inside, "evil.tar.gz")
    assert [path.name for path in tmp_path.rglob("*evil*")] == []


def test_a_member_that_is_no_archive_is_refused(tmp_path):
    """Its checksum was right, so another copy would not help; nor is it known what was loaded before."""
    with pytest.raises(ConfigError, match="cannot be unpacked") as caught:
        bundle.unpack(io.BytesIO(gzip.compress(b"x" * 1000)), tmp_path, "one.tar.gz")
    assert "`crosstasks offline.bundle` makes the bundle anew" == caught.value.hint


def test_crates_hold_no_links(tmp_path):
    """Within the folder they lead to the user's own configuration of cargo, and a second member would be written behind them."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for info in (entry("registry/cache/one/a.crate"), entry("registry/cache/all", tarfile.SYMTYPE, "../..")):
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    stream.seek(0)
    with pytest.raises(ConfigError, match="the link 'registry/cache/all'"):
        bundle.put_crates(stream, SimpleNamespace(environ={"CARGO_HOME": str(tmp_path / "cargo")}))
    assert [] == list((tmp_path / "cargo").iterdir())
