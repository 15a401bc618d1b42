"""Programs that are started with the glibc of Debian's packages: cross of PyPI's wheel, and Rust of Debian's."""

from __future__ import annotations

import os
import platform
import subprocess

import pytest

from crosstasks import pipeline
from crosstasks.catalog.ingredients import InstallWheels
from crosstasks.catalog.pins import pins
from crosstasks.planning import toolchains
from crosstasks.provisioning import take

TRIPLE = f"{platform.machine()}-unknown-linux-gnu"


@pytest.fixture
def context(crate, cache, tmp_path, monkeypatch):
    """Work in a cache of its own, with the packages that other tests have fetched."""
    (tmp_path / "cache").mkdir()
    (cache / "debian").mkdir(exist_ok=True)
    (tmp_path / "cache/debian").symlink_to(cache / "debian")
    monkeypatch.setenv("CROSSTASKS_CACHE_DIR", str(tmp_path / "cache"))
    return pipeline.look(pipeline.start(crate, say=lambda _line: None))


def said(program, *arguments):
    """Return what a program says, which must be its loader's own doing: nothing names a library."""
    env = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    return subprocess.run((program, *arguments), env=env, capture_output=True, text=True, check=True).stdout


def test_cross_of_the_wheel_runs_with_it(context, tmp_path):
    """As on a host of musl; the folder can be moved, and what is asked for arguments is what it gets."""
    project = f"astral-dev-toolchain-cross=={pins().pypi['astral-dev-toolchain-cross'].version}"
    take(InstallWheels(why="", name="cross-0.2.5-any", projects=(project,), machine=TRIPLE, glibc=True), context)
    moved = (context.cache / "tools/cross-0.2.5-any").rename(tmp_path / "moved")
    assert said(moved / "bin/cross", "--version").startswith("cross 0.2.5")
    traced = subprocess.run(
        (moved / "bin/cross", "--version"), env=os.environ | {"LD_DEBUG": "libs"}, capture_output=True, text=True, check=True
    )
    assert f"{moved}/bin/../glibc/libc.so.6" in traced.stderr


def test_cargo_and_rustc_run_with_it(context, environ, crate, crosstasks):
    """Those of a toolchain that is there, by a folder that holds no copy of them."""
    done = crosstasks("provision", "--target", "host", "--builder", "cargo", cwd=crate)
    assert done.returncode == 0, done.stderr
    home = f"{environ['CROSSTASKS_CACHE_DIR']}/rustup/toolchains"
    (name,) = (entry.name for entry in os.scandir(home) if entry.name.startswith("1.85.0") and entry.name.endswith(TRIPLE))
    plain = toolchains.Toolchain(
        name=name, release="1.85.0", host=TRIPLE, path=f"{home}/{name}", standard=(), glibc="2.36", origin="debian", source="cache", why=""
    )
    around = toolchains.with_glibc(plain, context.facts)
    (step,) = around.steps
    take(step, context)
    assert "release: 1.85.0\n" in said(f"{around.path}/bin/rustc", "-vV")
    assert said(f"{around.path}/bin/cargo", "-V").startswith("cargo 1.85.0")
    assert sum(path.stat().st_size for path in (context.cache / "tools" / step.name).rglob("*")) < 8_000_000
