"""Bytes that were flipped in programs of the cache: nothing damaged is used for long, the user is told, and the next call makes it anew."""

from __future__ import annotations

import platform
import shutil
import subprocess

import pytest
from misbehaving import configure, flip

from crosstasks.catalog.pins import pins
from crosstasks.clients.process import run
from crosstasks.core import cache
from crosstasks.provisioning import tools

TRIPLE = f"{platform.machine()}-unknown-linux-gnu"


def test_in_cross(crosstasks, built, apart, shared):
    """It is not run: without a network that is the reason, and with one it is installed anew in the same call."""
    place = apart("tool", "aarch64", built)
    flip(place / "bin/cross")
    refused = crosstasks("build", "--target", "aarch64", cwd=built, CROSSTASKS_OFFLINE="true")
    assert 4 == refused.returncode, refused.stderr
    assert "to be made anew: bin/cross is not what was installed" in refused.stderr
    done = crosstasks("build", "--target", "aarch64", cwd=built)
    assert 0 == done.returncode, done.stderr
    assert f"{place} is made anew: bin/cross is not what was installed" in done.stderr
    again = crosstasks("build", "--target", "aarch64", cwd=built, CROSSTASKS_OFFLINE="true")
    assert (0, False) == (again.returncode, "anew" in again.stderr), again.stderr
    assert "" == cache.mismatch(shared / "tools" / place.name)


def test_in_cross_with_eight_processes_at_once(crosstasks, built, apart):
    """One of them makes it anew, and all build."""
    place = apart("tool", "aarch64", built)
    flip(place / "bin/cross")
    children = [crosstasks.start("provision", "--target", "aarch64", cwd=built) for _ in range(8)]
    said = [child.communicate(timeout=300)[1] for child in children]
    assert [0] * 8 == [child.returncode for child in children], said
    assert 1 == sum(f"{place} is made anew: bin/cross is not what was installed" in words for words in said)
    assert () == cache.changed_files(place)
    assert [place.name] == [path.name for path in place.parent.iterdir() if path.is_dir()]


def test_in_rustup(tmp_path):
    """Each program is compared with what the wheel brought; everybody can check it."""
    said = []

    def install():
        project = f"rustup=={pins().pypi['rustup'].version}"
        return tools.from_pypi(tmp_path, "rustup", (project,), run=run, say=said.append)

    place = install()
    flip(place / "bin/rustup")
    subprocess.run(("sha256sum", "--check", "--strict", "--quiet", cache.ALL), cwd=install(), check=True)
    assert f"{place} is made anew: bin/rustup is not what was installed" in said
    assert ("", ()) == (cache.mismatch(place), cache.changed_files(place))


@pytest.fixture
def host(crosstasks, crate, alone, apart):
    """The crate, built for this host by a builder, with a part of its route for this test alone; all is there."""
    (crate / "crosstasks.toml").write_text(f'version = 1\ntargets = ["{TRIPLE}"]\n')

    def prepared(builder, **links):
        configure(crate, builder=f'"{builder}"', toolchains='["cache", "debian"]', fallback="[]")
        made = crosstasks("provision", cwd=crate, CROSSTASKS_CACHE_DIR=str(alone))
        assert 0 == made.returncode, made.stderr
        return {part: apart(part, TRIPLE, crate, cache=alone, linked=links.get(part, "")) for part in ("toolchain", *links)}

    prepared.crate = crate
    prepared.build = lambda: crosstasks("build", cwd=crate)
    return prepared


@pytest.mark.parametrize(
    ("pattern", "at"),
    [
        ("bin/rustc", 0),
        ("bin/cargo", 0),
        (f"lib/rustlib/{TRIPLE}/lib/libcore-*.rlib", 0),
        (f"lib/rustlib/{TRIPLE}/lib/libstd-*.rlib", 8),
    ],
)
def test_in_a_toolchain(host, pattern, at):
    """The build fails, what is damaged is found and taken out, and the error names the file; nothing else is lost."""
    folder = host("cargo")["toolchain"]
    (path,) = folder.glob(pattern)
    flip(path, at)
    failed = host.build()
    assert 5 == failed.returncode, failed.stderr
    assert f"error: {folder.name} in the cache was damaged, and has been removed" in failed.stderr
    assert f"{path.relative_to(folder)} is not what was installed: " in failed.stderr
    assert "call again: it is made anew" in failed.stderr
    assert not folder.exists()


def test_in_a_toolchain_that_is_made_anew(host):
    """The next call has it made of Debian's packages, and builds."""
    folder = host("cargo")["toolchain"]
    (path,) = folder.glob("lib/librustc_driver-*.so")
    flip(path, 8)
    assert 5 == host.build().returncode
    again = host.build()
    assert 0 == again.returncode, again.stderr
    assert () == cache.changed_files(folder)


def test_in_a_toolchain_in_a_container(crosstasks, built, apart):
    """It is the same where cross runs the compiler; the toolchain of the other tests is whole."""
    folder, target = apart("toolchain", "aarch64", built), "lib/rustlib/aarch64-unknown-linux-gnu/lib"
    (path,) = folder.glob(f"{target}/libcore-*.rlib")
    shutil.rmtree(built / "target")
    flip(path, 0)
    failed = crosstasks("build", "--target", "aarch64", cwd=built)
    assert 5 == failed.returncode, failed.stderr
    assert f"{target}/{path.name} is not what was installed: error[E0786]: found invalid metadata files" in failed.stderr
    assert not folder.exists()


def test_an_ordinary_error_compares_nothing(host):
    """What a crate gets wrong is told as ever: a toolchain that was damaged where it does no harm stays."""
    folder = host("cargo")["toolchain"]
    flip(folder / "bin/rustdoc")
    (host.crate / "src/main.rs").write_text("fn main() { absent() }\n")
    failed = host.build()
    assert 1 == failed.returncode, failed.stderr
    assert "cannot find function `absent`" in failed.stderr
    assert ("bin/rustdoc",) == cache.changed_files(folder)


def test_in_zig(host):
    """It is too big to be compared each time, so it is when it has failed."""
    place = host("zigbuild", tool="ziglang/lib")["tool"]
    flip(place / "ziglang/zig", 0)
    failed = host.build()
    assert 5 == failed.returncode, failed.stderr
    assert f"{place.name} in the cache was damaged, and has been removed" in failed.stderr
    assert "ziglang/zig is not what was installed" in failed.stderr
    assert not place.exists()
