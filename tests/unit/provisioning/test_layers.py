"""Where the files of Debian's packages come to lie in an image, and what is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from crosstasks.core.errors import ImageFailed
from crosstasks.provisioning import layers
from crosstasks.provisioning.layers import USR_LINKS, LayerContents, place


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("./usr/bin/gcc", "usr/bin/gcc"),
        ("usr/bin/gcc", "usr/bin/gcc"),
        ("./bin/sh", "usr/bin/sh"),
        ("./lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"),
        ("./lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2"),
        ("./lib64", "usr/lib64"),
        ("./library/x", "library/x"),
        ("./usr/lib/./x//y", "usr/lib/x/y"),
        ("./etc/..hidden", "etc/..hidden"),
        ("./", ""),
        (".", ""),
    ],
)
def test_where_a_file_lies(name, expected):
    """Folders that are links into usr in every image are so here: https://wiki.debian.org/UsrMerge."""
    assert place(name, "gcc.deb") == expected


@pytest.mark.parametrize("name", ["/etc/passwd", "../etc/passwd", "./usr/../../etc/passwd", "usr/..", "..", "//etc"])
def test_a_path_that_leads_out_is_refused(name):
    """The package is named, and the path."""
    with pytest.raises(ImageFailed) as caught:
        place(name, "evil.deb")
    assert (caught.value.what, caught.value.why) == (f"evil.deb holds the path {name!r}", "it leads out of the image")


def test_the_merged_folders_are_debians():
    """Each is made as a link, and what a package holds below it lies below usr."""
    assert {place(f"./{name}/x", "a.deb") for name in USR_LINKS} == {f"usr/{name}/x" for name in USR_LINKS}


def package(*members):
    """Return the members of a package: name, type, mode, what it links to."""
    for name, kind, mode, link in members:
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.linkname = kind, mode, link
        info.uid, info.gid, info.uname = 1000, 1000, "user"
        yield info, io.BytesIO(b"")


def copied(monkeypatch, *members):
    """Return what a layer holds of a package."""
    monkeypatch.setattr(layers, "members", lambda _deb: package(*members))
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        layers.copy(LayerContents(()), [Path("a.deb")], tar)
    stream.seek(0)
    with tarfile.open(fileobj=stream) as tar:
        return {member.name: member for member in tar}


FILE, FOLDER, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


def test_files_are_roots_and_nobody_becomes_another_by_them(monkeypatch):
    """Owner and set-user-id are dropped; the sticky bit of a folder is kept."""
    held = copied(monkeypatch, ("./usr/bin/su", FILE, 0o4755, ""), ("./tmp", FOLDER, 0o1777, ""), ("./bin/ls", FILE, 0o755, ""))
    assert {name: (member.mode, member.uid, member.gid, member.uname) for name, member in held.items()} == {
        "usr/bin/su": (0o755, 0, 0, ""),
        "tmp": (0o1777, 0, 0, ""),
        "usr/bin/ls": (0o755, 0, 0, ""),
    }


def test_links_lead_where_the_file_lies(monkeypatch):
    """A hard link's path is one of the image, and moves with usr; a symbolic one is text."""
    held = copied(monkeypatch, ("./bin/a", FILE, 0o755, ""), ("./bin/b", HARD, 0o755, "./bin/a"), ("./bin/c", LINK, 0o777, "../lib/c"))
    assert (held["usr/bin/b"].linkname, held["usr/bin/c"].linkname) == ("usr/bin/a", "../lib/c")


@pytest.mark.parametrize(
    ("member", "what"),
    [
        (("./dev/sda", tarfile.BLKTYPE, 0o600, ""), "a.deb holds the device './dev/sda'"),
        (("./run/x", tarfile.FIFOTYPE, 0o600, ""), "a.deb holds the device './run/x'"),
        (("./usr/bin/b", HARD, 0o755, "../../etc/shadow"), "a.deb holds the path '../../etc/shadow'"),
        (("./usr/bin/b", HARD, 0o755, "./usr/bin/elsewhere"), "a.deb holds 'usr/bin/b', a link to 'usr/bin/elsewhere'"),
    ],
)
def test_what_an_image_must_not_hold(monkeypatch, member, what):
    """Devices, and hard links to what is not in the image."""
    with pytest.raises(ImageFailed) as caught:
        copied(monkeypatch, member)
    assert caught.value.what == what


def test_what_no_build_reads_is_left_out(monkeypatch):
    """Documentation, caches and dpkg's lists; a folder that several packages share is there once."""
    held = copied(
        monkeypatch,
        ("./usr/share/doc/gcc/copyright", FILE, 0o644, ""),
        ("./usr/share/doc", FOLDER, 0o755, ""),
        ("./var/lib/dpkg/status", FILE, 0o644, ""),
        ("./usr/bin/lto-dump", FILE, 0o755, ""),
        ("./usr/bin/aarch64-linux-gnu-lto-dump-12", FILE, 0o755, ""),
        ("./usr/lib", FOLDER, 0o755, ""),
        ("./usr/lib", FOLDER, 0o755, ""),
        ("./usr/share/docbook", FOLDER, 0o755, ""),
    )
    assert list(held) == ["usr/lib", "usr/share/docbook"]


def test_a_package_is_read_no_further_than_it_is_wanted(monkeypatch):
    """The one emulator of sixty that an image takes: what lies behind it costs seconds to unpack."""
    members = [(f"./usr/bin/qemu-{name}-static", FILE, 0o755, "") for name in ("aarch64", "arm", "i386")]
    wanted = frozenset({"usr/bin/qemu-arm", "usr/bin/qemu-arm-static"})
    read = []

    def told():
        for member in package(*members):
            read.append(member[0].name)
            yield member

    monkeypatch.setattr(layers, "members", lambda _deb: told())
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        layers.copy(LayerContents((), only=wanted), [Path("qemu.deb")], tar)
        assert tar.getnames() == ["usr/bin/qemu-arm-static"]
    assert read == ["./usr/bin/qemu-aarch64-static", "./usr/bin/qemu-arm-static"]
