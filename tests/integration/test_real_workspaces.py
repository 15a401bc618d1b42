"""Two workspaces that others wrote, put together again from the crates registry: serde's and crossbeam's, built by real cross.

A published crate holds its manifest as its authors wrote it (``Cargo.toml.orig``), with the paths to its neighbours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

GIT = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
TARGETS = 'version = 1\ntargets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]\n'

SERDE = {"serde": "1.0.228", "serde_core": "1.0.228", "serde_derive": "1.0.228"}
ROOT = """\
[workspace]
members = ["serde", "serde_core", "serde_derive"]
resolver = "2"

[workspace.dependencies]
proc-macro2 = { version = "1.0.74", default-features = false }
quote = { version = "1.0.35", default-features = false }
syn = { version = "2.0.81", default-features = false }
"""

CROSSBEAM = {
    "crossbeam": "0.8.4",
    "crossbeam-channel": "0.5.15",
    "crossbeam-deque": "0.8.6",
    "crossbeam-epoch": "0.9.18",
    "crossbeam-queue": "0.3.12",
    "crossbeam-utils": "0.8.21",
}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Fetch crates: the folder of each, by its name."""

    def fetch(crates):
        folder = tmp_path_factory.mktemp("fetch")
        (folder / "src").mkdir()
        (folder / "src" / "lib.rs").write_text("")
        listed = "".join(f'{name} = "={version}"\n' for name, version in crates.items())
        head = '[package]\nname = "fetch"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n'
        (folder / "Cargo.toml").write_text(f"{head}[dependencies]\n{listed}")
        subprocess.run(("cargo", "fetch", "--quiet"), cwd=folder, check=True)
        home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
        return {name: next((home / "registry" / "src").glob(f"*/{name}-{version}")) for name, version in crates.items()}

    return fetch


def put(source, folder):
    """Copy a crate as its authors have it."""
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("Cargo.lock", ".cargo*", "Cargo.toml"))
    (folder / "Cargo.toml.orig").rename(folder / "Cargo.toml")


def committed(folder):
    (folder / ".gitignore").write_text("/target\n")
    (folder / "crosstasks.toml").write_text(TARGETS)
    subprocess.run(("cargo", "generate-lockfile", "--quiet"), cwd=folder, check=True)
    subprocess.run((*GIT, "init", "-q", "-b", "main", str(folder)), check=True)
    subprocess.run((*GIT, "-C", str(folder), "add", "-A"), check=True)
    subprocess.run((*GIT, "-C", str(folder), "commit", "-q", "-m", "first"), check=True)
    return folder


@pytest.fixture(scope="module")
def serde(sources, tmp_path_factory):
    """Three members below a manifest without a package; two of them need one another in their tests."""
    folder = tmp_path_factory.mktemp("serde")
    for name, source in sources(SERDE).items():
        put(source, folder / name)
    (folder / "Cargo.toml").write_text(ROOT)
    return committed(folder)


@pytest.fixture(scope="module")
def crossbeam(sources, tmp_path_factory):
    """A package at the root and five members, which inherit lints."""
    folder = tmp_path_factory.mktemp("crossbeam")
    for name, source in sources(CROSSBEAM).items():
        put(source, folder if name == "crossbeam" else folder / name)
    text = (folder / "Cargo.toml").read_text().replace('  "crossbeam-channel/benchmarks",\n', "").replace('  "crossbeam-skiplist",\n', "")
    (folder / "Cargo.toml").write_text(f'{text}\n[workspace.lints.rust]\nunexpected_cfgs = "allow"\n')
    return committed(folder)


@pytest.fixture
def changed(crosstasks):
    """Which packages a change of a file selects."""

    def call(folder, name, *arguments):
        path = folder / name
        text = path.read_text()
        path.write_text(f"{text}\n// changed\n")
        try:
            done = crosstasks("plan", "--target", "x86_64", "--format", "json", "--changed-since", "main", *arguments, cwd=folder)
        finally:
            path.write_text(text)
        assert 0 == done.returncode, done.stderr
        (made,) = json.loads(done.stdout)["plans"]
        return set(made["members"])

    return call


def test_serde_is_built_for_another_machine(serde, crosstasks):
    """Its whole workspace, with a proc-macro that runs in the container."""
    done = crosstasks("build", "--target", "aarch64", "--builder", "cross", "--", "--workspace", "--features", "serde/derive", cwd=serde)
    assert 0 == done.returncode, done.stderr
    assert "Compiling serde v1.0.228" in done.stderr


def test_crossbeam_is_built_for_another_machine(crossbeam, crosstasks):
    """Its five members; the package at the root needs them all."""
    done = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=crossbeam)
    assert 0 == done.returncode, done.stderr
    assert "Compiling crossbeam v0.8.4" in done.stderr


@pytest.mark.parametrize(
    ("name", "verb", "expected"),
    [
        ("serde_core/src/lib.rs", "build", {"serde", "serde_core"}),
        ("serde/src/lib.rs", "build", {"serde"}),
        ("serde/src/lib.rs", "test", {"serde", "serde_core", "serde_derive"}),
        ("serde_derive/src/lib.rs", "build", {"serde", "serde_core", "serde_derive"}),
    ],
)
def test_a_change_in_serde_reaches_what_its_manifests_say(name, verb, expected, serde, changed):
    """What only tests need reaches only tests; serde_core names serde_derive under a condition that never holds."""
    assert expected == changed(serde, name, "--verb", verb)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("crossbeam-utils/src/lib.rs", {"crossbeam"}),
        ("crossbeam-queue/src/lib.rs", {"crossbeam"}),
    ],
)
def test_a_change_in_crossbeam_reaches_the_package_at_the_root(name, expected, crossbeam, changed):
    """Which is what cargo builds by itself there."""
    assert expected == changed(crossbeam, name)


def test_a_change_in_crossbeam_reaches_its_members(crossbeam, changed):
    """Where all of them are configured."""
    text = (crossbeam / "crosstasks.toml").read_text()
    (crossbeam / "crosstasks.toml").write_text(text + 'exclude = ["crossbeam"]\n')
    subprocess.run((*GIT, "-C", str(crossbeam), "commit", "-q", "-a", "-m", "all"), check=True)
    assert {"crossbeam-deque", "crossbeam-epoch"} == changed(crossbeam, "crossbeam-epoch/src/lib.rs")
    assert {"crossbeam-queue"} == changed(crossbeam, "crossbeam-queue/src/lib.rs")
