"""The whole way on hosts that have nothing of Debian: with only Python, Docker's program, git and the engine's socket (lands.py).

Each land has an empty cache, and whatever its network gives: the first command, tests under QEMU, a C library, a release.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import arm64_engine
import foreign
import pytest
from lands import ROOT, Hidden, Land

MAIN = """\
fn main() { println!("{}", std::env::consts::ARCH); }
#[test]
fn runs() { assert_eq!(std::env::consts::ARCH, "aarch64"); }
"""
MANIFEST = '[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\nlicense = "MIT"\nrepository = "https://example.org/hello"\n'
OPENSSL = '[dependencies]\nopenssl-sys = "=0.9.111"\n'
CALLS_OPENSSL = """\
fn main() { println!("{}", version()); }
fn version() -> std::os::raw::c_ulong { unsafe { openssl_sys::OpenSSL_version_num() } }
#[test]
fn runs() { assert!(version() > 0x3000_0000); }
"""

RELEASE = '[release]\npublish = ["directory"]\ndirectory = "../published/{version}"\n'

LANDS = {
    "musl": partial(Land, kind="musl"),
    "glibc 2.41": partial(Land, kind="glibc"),
    "glibc 2.31": partial(Land, kind="glibc", suite="bullseye"),
    "apt hidden": lambda _cache: Hidden(),
    "apt hidden, arm64": lambda _cache: Hidden(),
}


@pytest.fixture(scope="module")
def arm64(cache, busybox):
    """The variables of an engine that says arm64, where arm64 programs run."""
    foreign.arm64_runs(cache, busybox)
    with tempfile.TemporaryDirectory(prefix="arm64-", dir="/tmp") as folder, arm64_engine.running(Path(folder)) as address:
        yield {"DOCKER_HOST": address}


@pytest.fixture(scope="module", params=LANDS)
def host(request, cache, tmp_path_factory):
    """A land, with what crosstasks imports, an empty cache, and a crate."""
    engine = request.getfixturevalue("arm64") if request.param.endswith("arm64") else {}
    folder = tmp_path_factory.mktemp("host")
    yield Host(LANDS[request.param](cache), folder, engine)
    shutil.rmtree(folder)


class Host:
    """A land, and a folder in it with all that a user has there."""

    def __init__(self, land: Land | Hidden, folder: Path, engine: Mapping[str, str]) -> None:
        """Install what crosstasks imports, by the land's own pip; *engine* are the variables that name one."""
        self.land, self.folder, self.crate, self.engine = land, folder, folder / "hello", engine
        (self.crate / "src").mkdir(parents=True)
        pip = ("python3", "-m", "pip", "install", "--quiet", "--target", str(folder / "site"))
        done = land.call(*pip, "--requirement", str(ROOT / "crosstasks/requirements.txt"), cwd=folder, folders=(ROOT,))
        assert done.returncode == 0, done.stderr
        (self.folder / ".gitconfig").write_text("[user]\n\tname = you\n\temail = you@example.org\n")
        self.write(MAIN)

    def write(self, main: str, manifest: str = "", config: str = "") -> None:
        """Write the crate's files; cargo locks its dependencies anew."""
        (self.crate / "Cargo.lock").unlink(missing_ok=True)
        (self.crate / "Cargo.toml").write_text(MANIFEST + manifest)
        (self.crate / "src/main.rs").write_text(main)
        (self.crate / "crosstasks.toml").write_text(f'version = 1\ntargets = ["aarch64"]\n{config}')

    def git(self, *arguments: str) -> None:
        """Call the land's git."""
        done = self.land.call("git", *arguments, cwd=self.crate, folders=(self.folder,), HOME=str(self.folder))
        assert done.returncode == 0, done.stderr

    def crosstasks(self, *arguments: str) -> str:
        """Call the program, which must succeed, and return what it printed; its time is said."""
        env = {"PYTHONPATH": f"{ROOT}:{self.folder}/site", "CROSSTASKS_CACHE_DIR": f"{self.folder}/cache", "HOME": str(self.folder)}
        env |= self.engine
        begun = time.perf_counter()
        done = self.land.call("python3", "-m", "crosstasks", *arguments, cwd=self.crate, folders=(self.folder, ROOT), **env)
        sys.stderr.write(f"{self.land.kind} {self.land.suite}: {' '.join(arguments)}: {time.perf_counter() - begun:.0f} s\n")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


def test_the_whole_way(host):
    """In the order of a new user: what is there, a build, its tests under QEMU, a C library, a release."""
    assert "aarch64-unknown-linux-gnu" in host.crosstasks("doctor")
    assert "cross 0.2.5, image built here" in host.crosstasks("plan")
    assert "build ok" in host.crosstasks("build")
    assert "test ok" in host.crosstasks("test")
    host.write(CALLS_OPENSSL, OPENSSL, 'packages = ["libssl-dev"]\n')
    assert "test ok" in host.crosstasks("test")
    host.write(MAIN, config=RELEASE)
    (host.crate / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- It says hello.\n")
    (host.crate / ".gitignore").write_text("/target\n/dist\n")
    assert "build ok" in host.crosstasks("build")
    host.git("init", "--quiet", "--initial-branch", "main", ".")
    host.git("add", "--all")
    host.git("commit", "--quiet", "--message", "Say hello")
    assert "ok" in host.crosstasks("release", "--bump", "minor", "--yes")
    assert (host.folder / "published/0.2.0/hello-aarch64-unknown-linux-gnu-v0.2.0.tar.gz").is_file()
