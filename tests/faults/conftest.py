"""What tests of faults share: the program, a project, a registry, and a proxy before it that misbehaves."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import facts_registry
import pytest
import second_engine
from misbehaving import Proxy, configure

from crosstasks.core.cache import ALL, note_checksums

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def _programs(rust):
    """Have cargo and rustup on PATH, on a machine without Rust as well."""


@pytest.fixture(scope="session")
def shared(cache):
    """The cache that lives from run to run: toolchains and cross are in it."""
    return cache


@pytest.fixture
def own_cache(shared, tmp_path):
    """A cache whose toolchains, tools and packages are the shared ones, and whose answers are its own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    for name in ("rustup", "tools", "debian", "images"):
        (shared / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(shared / name)
    return folder


@pytest.fixture
def crosstasks(own_cache):
    """The program: arguments, the folder to run in, changes to the environment; ``start`` does not wait for its end."""
    fixed = {"CROSSTASKS_CACHE_DIR": str(own_cache), "RUSTUP_DIST_SERVER": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
    fixed["CROSSTASKS_TOOLCHAIN"] = "1.85.0"  # of Debian's releases the one that has the library of every target here
    environ = {key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("CROSSTASKS_")} | fixed

    def start(*arguments, cwd, before=(), **env):
        argv = (*before, sys.executable, "-m", "crosstasks", *arguments)
        return subprocess.Popen(argv, cwd=cwd, env=environ | env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def call(*arguments, cwd, before=(), **env):
        child = start(*arguments, cwd=cwd, before=before, **env)
        out, err = child.communicate(timeout=900)
        return subprocess.CompletedProcess(child.args, child.returncode, out, err)

    call.start = start
    return call


@pytest.fixture
def built(crosstasks, crate):
    """The crate, once built, so that everything is there; and a cache of its own for what is not shared."""
    configure(crate, images='["local", "build"]', fallback="[]")
    done = crosstasks("build", "--target", "aarch64", cwd=crate)
    assert not done.returncode, done.stderr
    return crate


@pytest.fixture
def apart(crosstasks, own_cache, shared):
    """Give the test its own copy of a part (``tool`` or ``toolchain``) of a target's route; nothing else is in that folder of its cache.

    Its files are other names of the shared ones, so they are to be replaced, and never written. Of a folder *linked* there is a link.
    """

    def made(part, target, cwd, *, cache=shared, linked=""):
        told = crosstasks("plan", "--format", "json", "--target", target, cwd=cwd, CROSSTASKS_CACHE_DIR=str(cache)).stdout
        path = Path(json.loads(told)["plans"][0]["route"][part]["path"])
        real = path.parents[1] if part == "tool" else path
        place = own_cache / real.relative_to(cache)
        top = own_cache / real.relative_to(cache).parts[0]
        if top.is_symlink():
            top.unlink()
        passed = real / linked
        shutil.copytree(
            *(real, place), symlinks=True, copy_function=os.link, ignore=lambda folder, _: [passed.name] * (Path(folder) == passed.parent)
        )
        if linked:
            (place / linked).symlink_to(passed)
        if not (place / ALL).exists():  # an older crosstasks made the shared one
            note_checksums(place)
        return place

    return made


@pytest.fixture(scope="session")
def alone(shared):
    """A cache that lives from run to run as well: a toolchain for this host, without other targets, which is soon copied, packed and made."""
    folder = shared / "around" / "host"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("debian", "tools"):
        with suppress(FileExistsError):
            (folder / name).symlink_to(shared / name)
    return folder


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    """An engine beside the machine's."""
    with second_engine.running(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Debian's docker-registry on a free port."""
    with facts_registry.running(tmp_path_factory.mktemp("registry")) as address:
        yield address


@pytest.fixture
def proxy(registry):
    """A proxy before the registry, which does nothing wrong yet."""
    server = Proxy(registry)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def served(registry, proxy):
    """An image that only the registry holds, as the proxy serves it; whatever was pulled is removed."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as layer:
        member = tarfile.TarInfo("random")
        member.size = 3_000_000
        layer.addfile(member, io.BytesIO(os.urandom(member.size)))
    name = f"crosstasks-test/faults:{uuid4().hex[:8]}"
    ref = f"{registry}/{name}"
    subprocess.run(("docker", "import", "-", ref), input=stream.getvalue(), check=True, capture_output=True)
    subprocess.run(("docker", "push", ref), check=True, capture_output=True)
    subprocess.run(("docker", "rmi", ref), check=True, capture_output=True)
    yield f"{proxy.address}/{name}"
    # one that was pulled by its digest has no tag
    listed = ("docker", "images", "--quiet", "--no-trunc", f"{proxy.address}/{name.partition(':')[0]}")
    left = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(("docker", "rmi", "--force", *left, f"{proxy.address}/{name}"), check=False, capture_output=True)


@pytest.fixture(scope="session")
def later(tmp_path_factory):
    """Variables that set the clock of a program: Debian's libfaketime, without being installed."""
    root = facts_registry.unpacked(tmp_path_factory.mktemp("faketime"), "libfaketime")
    (library,) = root.rglob("libfaketime.so.1")
    return lambda offset: {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
