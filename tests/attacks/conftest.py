"""What attacks share: the program as its users call it, and crates whose build scripts are hostile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import podman
import pytest

ROOT = Path(__file__).parents[2]
CRATES = Path(__file__).parent / "crates"
SHARED = CRATES / "shared.rs"
"""What build scripts share; it is put before each."""


@pytest.fixture(scope="session", autouse=True)
def _programs(rust):
    """Have cargo and rustup on PATH, on a machine without Rust as well; nothing here is skipped where no engine answers."""
    subprocess.run(("docker", "version"), check=True, capture_output=True, timeout=60)


class Attacked(NamedTuple):
    """The engine that is attacked: as options of the program, and who calls it; *folders* are given to a user who is not root."""

    options: Mapping[str, str] = {}
    user: tuple[str, ...] = ()

    def give(self, *folders):
        """Let the user own folders, with all in them."""
        if self.user:
            subprocess.run(("chown", "--recursive", "--no-dereference", NOBODY, *folders), check=True)


NOBODY = "12345:12345"
"""A user and a group without a name and without other ids: in the container, root is this user."""


@pytest.fixture(scope="session")
def engine(tmp_path_factory, cache):
    """Docker; with ``ATTACKS_ENGINE=podman`` Debian's podman as root, with ``podman-rootless`` as somebody else; with Docker's images."""
    kind = os.environ.get("ATTACKS_ENGINE", "docker")
    if kind == "docker":
        yield Attacked()
        return
    folder = tmp_path_factory.mktemp("engine")
    _provision(folder / "crate", cache)
    more = ("--storage-opt", "ignore_chown_errors=true") if kind == "podman-rootless" else ()
    with tempfile.TemporaryDirectory(prefix="podman-") as runroot:
        program = str(podman.made(folder, runroot, "overlay", *more))
        options = {"CROSSTASKS_ENGINE": program, "CROSSTASKS_IMAGES": "local,build"}
        attacked = Attacked(options)
        if kind == "podman-rootless":
            attacked = _rootless(folder, cache, options)
            attacked.give(folder, runroot)
        listed = subprocess.run(("docker", "images", "--format", "{{.Repository}}:{{.Tag}}"), check=True, capture_output=True, text=True)
        images = [ref for ref in listed.stdout.split() if ref.startswith("crosstasks/aarch64-unknown-linux-gnu:")]
        with subprocess.Popen(("docker", "save", *images), stdout=subprocess.PIPE) as saved:
            subprocess.run((*attacked.user, program, "load"), stdin=saved.stdout, check=True, capture_output=True)
        try:
            yield attacked
        finally:
            if attacked.user:  # rootless, a process of its own holds the user's ids
                subprocess.run((*attacked.user, program, "system", "migrate"), check=False, capture_output=True)
            podman.unmounted(folder)


def _provision(crate, cache):
    """Have Docker's image, the tools and the toolchain made, which Podman is given."""
    (crate / "src").mkdir(parents=True)
    (crate / "src" / "main.rs").write_text("fn main() {}\n")
    (crate / "Cargo.toml").write_text('[package]\nname = "made"\nversion = "0.1.0"\nedition = "2021"\n')
    argv = (sys.executable, "-m", "crosstasks", "build", "--target", "aarch64", "--builder", "cross")
    subprocess.run(argv, cwd=crate, env=_environ(cache), check=True, capture_output=True, timeout=600)


def _rootless(folder, cache, options):
    """Make a home and a cache for a user who is not root, and let that user reach both."""
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o711)
    own = folder / "cache"
    own.mkdir()
    for name in ("tools", "rustup", "answers", "debian"):
        subprocess.run(("cp", "--recursive", cache / name, own / name), check=True)
    user, _, group = NOBODY.partition(":")
    # this Python may lie in a home that is closed to others
    reading = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    caller = ("setpriv", "--reuid", user, "--regid", group, "--clear-groups", *reading, "env", f"HOME={folder}")
    return Attacked(options | {"CROSSTASKS_CACHE_DIR": str(own)}, caller)


@pytest.fixture
def victim(tmp_path):
    """A folder of the user's that nothing may be written to; it holds what may not be read."""
    folder = tmp_path / "victim"
    folder.mkdir()
    return folder


@pytest.fixture
def hostile(crate, victim):
    """A maker of crates by the name of their folder; its build script finds the victim's folder in ``victim.txt``."""

    def make(name):
        shutil.copytree(CRATES / name, crate, dirs_exist_ok=True)
        (crate / "build.rs").write_text(SHARED.read_text("utf-8") + (CRATES / name / "build.rs").read_text("utf-8"))
        (crate / "victim.txt").write_text(str(victim))
        (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\nbuilder = "cross"\n')
        return crate

    return make


@pytest.fixture
def environ(cache, engine):
    """The user's environment for the engine that is attacked."""
    return _environ(cache, engine.options)


def _environ(cache, options={}):
    """Return the environment without options of crosstasks in it; Debian's packages serve, as where rustup's server is out of reach."""
    fixed = {"CROSSTASKS_CACHE_DIR": str(cache), "RUSTUP_DIST_SERVER": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    fixed["CROSSTASKS_TOOLCHAIN"] = "1.85.0"  # of Debian's releases the one that has the library of every target here
    return {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("CROSSTASKS_")} | fixed | options


@pytest.fixture
def crosstasks(environ, engine, tmp_path):
    """The program: arguments, the folder to run in, changes to the environment (None takes a variable away)."""

    def call(*arguments, cwd, **env):
        engine.give(tmp_path)
        argv = (*engine.user, sys.executable, "-m", "crosstasks", *arguments)
        changed = {name: value for name, value in (environ | env).items() if value is not None}
        return subprocess.run(argv, cwd=cwd, env=changed, capture_output=True, text=True, check=False, timeout=600)

    return call


@pytest.fixture
def built(crosstasks):
    """Build a crate with the answer as JSON, and return the program's end and the only result."""

    def call(*arguments, cwd, **env):
        done = crosstasks("build", *arguments, "--format", "json", cwd=cwd, **env)
        (result,) = json.loads(done.stdout)["results"]
        return done, result

    return call
