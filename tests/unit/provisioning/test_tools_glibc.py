"""A program of glibc on a host of another C library: started by the loader that lies beside it."""

from __future__ import annotations

import io
import tarfile

import pytest
from acting import context

from crosstasks.catalog.ingredients import BringGlibc
from crosstasks.core.errors import ToolMissing
from crosstasks.provisioning import tools


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
    tools.bring_glibc(tmp_path / "tool", {"cross": "../cross"}, archive, "amd64")
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
        tools.bring_glibc(tmp_path / "tool", {"cross": "../cross"}, archive, "amd64")


@pytest.fixture
def brought(monkeypatch):
    """Keep which programs are to be started with glibc, and of which architecture's."""
    brought = []

    def bring(folder, programs, archive, architecture):
        (folder / "bin").mkdir(exist_ok=True)
        for name in programs:
            (folder / "bin" / name).write_text("start")
        brought.append((folder.name.startswith("."), programs, archive.suite, architecture))

    monkeypatch.setattr(tools, "bring_glibc", bring)
    return brought


def test_a_tools_own_program_moves_out_of_the_way(tmp_path, brought):
    """What starts it has its name, and finds it wherever the folder lies."""
    (tmp_path / "tool/bin").mkdir(parents=True)
    (tmp_path / "tool/bin/cross").write_text("program")
    tools.glibc_around("cross", "aarch64-unknown-linux-gnu", context(tmp_path), tmp_path / "tool")
    assert ("program", "start") == ((tmp_path / "tool/cross").read_text(), (tmp_path / "tool/bin/cross").read_text())
    assert [(False, {"cross": "../cross"}, "bookworm", "arm64")] == brought


def test_a_toolchain_is_started_from_beside_it(tmp_path, brought):
    """By paths that hold wherever our cache lies; the folder looks like a toolchain's, and is made once."""
    call = context(tmp_path)
    step = BringGlibc(why="", name="glibc-1", toolchain=str(call.cache / "rustup/toolchains/t"), machine="x86_64-unknown-linux-gnu")
    for _ in range(2):
        tools.glibc_beside(step, call)
    programs = {name: f"../../../rustup/toolchains/t/bin/{name}" for name in step.programs}
    assert [(True, programs, "bookworm", "amd64")] == brought
    assert (call.cache / "tools/glibc-1/lib/rustlib").is_dir()
