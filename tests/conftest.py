"""What tests share: a cache that lives from run to run, a Rust where the machine has none, a crate, and an image that needs no registry."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import changed
import pytest
import side_by_side
from filelock import FileLock
from side_by_side import pytest_collection_modifyitems, pytest_runtest_protocol  # noqa: F401  # pytest looks for them here

from crosstasks.catalog.pins import pins
from crosstasks.clients.process import run
from crosstasks.facts.host import CI
from crosstasks.provisioning import tools

ROOT = Path(__file__).parents[1]

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(ROOT / ".pytest_cache" / "hypothesis"))  # beside what pytest itself keeps


def pytest_addoption(parser):
    parser.addoption("--changed", action="store_true", help="run only the tests of what differs from the last commit")


def pytest_ignore_collect(collection_path, config):
    """Leave out the files of tests that nothing which changed has to do with, if that was asked for."""
    if not hasattr(config, "left_out"):
        config.left_out = changed.choose(config)
    return True if config.left_out(collection_path) else None


def pytest_configure():
    """Be a program in the foreground of a developer's machine, wherever this runs: what is told to CI alone, a test tells itself."""
    for name in [name for name in os.environ if name in CI or name.startswith("CROSSTASKS_")]:
        del os.environ[name]
    # one started by nohup, or in the background, ignores some, and its children too
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def cache():
    """A cache of the tests' own, kept between runs."""
    return side_by_side.kept()


@pytest.fixture(scope="session")
def rust(request, tmp_path_factory):
    """A Rust on PATH: the machine's own, else one that crosstasks provides, with rustup and the host's standard library, as most have it."""
    # rustup alone, without a toolchain, is none
    if shutil.which("cargo") and subprocess.run(("cargo", "--version"), capture_output=True, check=False).returncode == 0:
        return
    cache = request.getfixturevalue("cache")
    place = cache / "around" / "rust"
    place.mkdir(parents=True, exist_ok=True)
    program, toolchain = _rustup(place), _toolchain(place, cache, tmp_path_factory.mktemp("rust"))
    os.environ["RUSTUP_HOME"] = str(place / "rustup")
    os.environ["PATH"] = os.pathsep.join((f"{toolchain}/bin", str(program.parent), os.environ["PATH"]))
    with FileLock(place / ".default.lock"):
        subprocess.run((program, "default", toolchain.name), check=True, capture_output=True)


def _rustup(place):
    """Return rustup itself: crosstasks installs it only where rustup's server can be reached."""
    project = f"rustup=={pins().pypi['rustup'].version}"
    return tools.from_pypi(place / "tools", "rustup", (project,), run=run, say=lambda _line: None) / "bin" / "rustup"


def _toolchain(place, cache, crate):
    """Provide a toolchain for a crate of the host; Debian's packages are those that the other tests fetch."""
    for name in ("answers", "debian"):
        (cache / name).mkdir(exist_ok=True)
        with suppress(FileExistsError):
            (place / name).symlink_to(cache / name)
    (crate / "src").mkdir()
    (crate / "src" / "lib.rs").touch()
    (crate / "Cargo.toml").write_text('[package]\nname = "any"\nversion = "0.1.0"\nedition = "2021"\n')
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["host"]\nbuilder = "cargo"\n')
    env = {key: value for key, value in os.environ.items() if not key.startswith("CROSSTASKS_")}
    env |= {"CROSSTASKS_CACHE_DIR": str(place), "PYTHONPATH": str(ROOT)}
    program = (sys.executable, "-m", "crosstasks")
    subprocess.run((*program, "provision"), cwd=crate, env=env, check=True)
    told = subprocess.run((*program, "plan", "--format", "json"), cwd=crate, env=env, check=True, stdout=subprocess.PIPE).stdout
    return Path(json.loads(told)["plans"][0]["route"]["host_toolchain"]["path"])


@pytest.fixture
def crate(tmp_path):
    """A crate without dependencies in a folder of its own; its targets share one toolchain."""
    folder = tmp_path / "crate"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "src" / "main.rs").write_text('fn main() { println!("{}", std::env::consts::ARCH); }\n')
    names = ("aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64")
    (folder / "crosstasks.toml").write_text(f"version = 1\ntargets = {list(names)}\n".replace("'", '"'))
    return folder


@pytest.fixture(scope="session")
def busybox_layer(tmp_path_factory):
    """A file system that holds Debian's static busybox, as a tar archive."""
    folder = tmp_path_factory.mktemp("busybox")
    subprocess.run(("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "busybox-static"), cwd=folder, check=True)
    (deb,) = folder.glob("*.deb")
    unpacked = subprocess.run(("dpkg-deb", "--fsys-tarfile", str(deb)), check=True, capture_output=True).stdout
    stream = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as package, tarfile.open(fileobj=stream, mode="w") as layer:
        (member,) = (member for member in package if member.name.endswith("bin/busybox"))
        program = package.extractfile(member)
        member.name = "bin/busybox"
        layer.addfile(member, program)
        for name in ("sh", "sleep", "echo", "uname"):
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            layer.addfile(link)
    return stream.getvalue()


@pytest.fixture(scope="session")
def busybox(busybox_layer):
    """A small image in the engine, removed afterwards."""
    ref = f"crosstasks-test/busybox:{uuid4().hex[:12]}"
    command = ("docker", "import", "--change", "LABEL crosstasks.test=busybox", "-", ref)
    subprocess.run(command, input=busybox_layer, check=True, capture_output=True)
    yield ref
    subprocess.run(("docker", "rmi", "--force", ref), check=True, capture_output=True)
