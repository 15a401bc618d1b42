"""A program of glibc on a host of another C library: started by the loader that lies beside it."""

from __future__ import annotations

import io
import tarfile

import pytest

from crosstasks.core.errors import ToolMissing
from crosstasks.provisioning import glibc


class Archive:
    """An archive whose packages hold what a test says."""

    def __init__(self, folder, **packages):
        """Make them."""
        (folder / "tool").mkdir()
        self.folder = folder
        for name, files in packages.items():
            (folder / name.replace("_", "-")).write_bytes(deb(files))

    def update(self, architectures):
        """Have lists."""
        assert architectures == ("amd64",)

    def single(self, name, architecture):
        """Return its name."""
        del architecture
        return name

    def fetch(self, packages):
        """Return its file."""
        return [self.folder / name for name in packages]


def deb(files):
    """Make a package of files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    text = b"!<arch>\n"
    for name, content in (("debian-binary", b"2.0\n"), ("data.tar", data.getvalue())):
        text += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content + b"\n" * (len(content) % 2)
    return text


FILES = {"./lib/x/ld-linux-x86-64.so.2": b"l", "./lib/x/libc.so.6": b"c", "./usr/lib/gconv/UTF-16.so": b"", "./usr/share/doc/x": b""}


def test_programs_are_started_by_the_loader_beside_them(tmp_path):
    """No variable is set: whatever they start would have it as well. tests/integration/test_glibc.py runs some."""
    archive = Archive(tmp_path, libc6=FILES, libgcc_s1={"./lib/x/libgcc_s.so.1": b"g"}, zlib1g={"./lib/x/libz.so.1.2.13": b"z"})
    glibc.bring(tmp_path / "tool", {"cross": "../cross"}, archive, "amd64")
    assert {path.name for path in (tmp_path / "tool/glibc").iterdir()} == {
        "ld-linux-x86-64.so.2",
        "libc.so.6",
        "libgcc_s.so.1",
        "libz.so.1",
    }
    start = tmp_path / "tool/bin/cross"
    assert start.read_text().splitlines()[-1] == 'exec "$place/ld-linux-x86-64.so.2" --library-path "$place" "$place/../cross" "$@"'
    assert start.stat().st_mode & 0o111


def test_packages_without_a_loader_are_refused(tmp_path):
    """A program that nothing could start is no tool."""
    archive = Archive(tmp_path, libc6={"./lib/libc.so.6": b""}, libgcc_s1={}, zlib1g={})
    with pytest.raises(ToolMissing, match="libc6 for amd64 holds no loader"):
        glibc.bring(tmp_path / "tool", {"cross": "../cross"}, archive, "amd64")
