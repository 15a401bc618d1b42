"""The engine, by its command, with a real one, and with a real registry beside it."""

from __future__ import annotations

import http.client
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace

from crosstasks.clients import engines
from crosstasks.clients.engines import EngineClient
from crosstasks.core.errors import EngineFailed, ImageFailed, ToolMissing
from crosstasks.facts.engine import Engine

DOCKER = Engine(kind="docker", command="docker", version="", arch="x86_64")


@pytest.fixture
def door():
    """The machine's Docker."""
    return EngineClient("docker")


@pytest.fixture
def start(busybox):
    """A maker of containers that sleep, with labels; all are removed."""
    made = []

    def make(*labels):
        options = [f"--label={label}" for label in labels]
        command = ("docker", "run", "--detach", *options, busybox, "sleep", "600")
        made.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
        return made[-1]

    yield make
    subprocess.run(("docker", "rm", "--force", *made), check=False, capture_output=True)


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    """Debian's docker-registry on a free port, without being installed; its address."""
    folder = tmp_path_factory.mktemp("registry")
    subprocess.run(("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "docker-registry"), cwd=folder, check=True)
    (deb,) = folder.glob("*.deb")
    subprocess.run(("dpkg-deb", "-x", str(deb), str(folder / "root")), check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = folder / "store"
    config = {"version": "0.1", "storage": {"filesystem": {"rootdirectory": str(store)}}, "http": {"addr": f"127.0.0.1:{port}"}}
    (folder / "config.yml").write_text(json.dumps(config), "utf-8")
    program = (str(folder / "root/usr/bin/docker-registry"), "serve", str(folder / "config.yml"))
    served = subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _answering(port)
        yield f"127.0.0.1:{port}"
    finally:
        served.terminate()
        served.wait()


def _answering(port):
    for _ in range(100):
        try:
            _request(port, "GET", "/v2/")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the registry does not answer")


def _request(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


@pytest.fixture(scope="module")
def pushed(registry):
    """An image that only the registry holds, and an index beside it that is for another platform alone."""
    ref = f"{registry}/crosstasks-test/busybox:{uuid4().hex[:8]}"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as layer:  # one that the engine does not have already
        member = tarfile.TarInfo("random")
        member.size = 3_000_000
        layer.addfile(member, io.BytesIO(os.urandom(member.size)))
    subprocess.run(("docker", "import", "-", ref), input=stream.getvalue(), check=True, capture_output=True)
    subprocess.run(("docker", "push", ref), check=True, capture_output=True)
    subprocess.run(("docker", "rmi", ref), check=True, capture_output=True)
    port, path = int(registry.rpartition(":")[2]), "/v2/crosstasks-test/busybox/manifests/"
    media = "application/vnd.docker.distribution.manifest.v2+json"
    _, manifest, headers = _request(port, "GET", path + ref.rpartition(":")[2], headers={"Accept": media})
    entry = {"mediaType": media, "size": len(manifest), "digest": headers["Docker-Content-Digest"]}
    platforms = [{"os": "linux", "architecture": "s390x"}, {"os": "unknown", "architecture": "unknown"}]
    kind = "application/vnd.oci.image.index.v1+json"
    index = {"schemaVersion": 2, "mediaType": kind, "manifests": [{**entry, "platform": one} for one in platforms]}
    status, body, _ = _request(port, "PUT", f"{path}foreign", json.dumps(index), {"Content-Type": kind})
    assert status == 201, body
    yield ref
    subprocess.run(("docker", "rmi", "--force", ref), check=False, capture_output=True)


def test_engine_that_is_not_there(door, monkeypatch):
    """Without a daemon the error has the engine's own words, and says what to do."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    for ask in (lambda: door.image("x"), lambda: door.containers("x")):
        with pytest.raises(EngineFailed, match=r"docker does not answer\n(.*\n)*hint: start docker") as caught:
            ask()
        assert "unix:///nowhere.sock" in caught.value.why
    with pytest.raises(ToolMissing):
        EngineClient("no-such-docker").image("x")


def test_image(door, busybox):
    """An image is told with all that the engine knows; one that is not there is None."""
    assert door.image(busybox)["Os"] == "linux"
    assert door.image("crosstasks-test/never:made") is None


def test_images_by_label(door, busybox):
    """Images are found by a label, and by its value."""
    assert [found["RepoTags"] for found in door.images("crosstasks.test=busybox") if busybox in found["RepoTags"]] == [[busybox]]
    assert door.images(f"crosstasks.test={uuid4().hex}") == []


def test_containers(door, start):
    """Containers are found by label with all of their labels, also when they have ended; removing the same twice is no failure."""
    mark = f"crosstasks.test={uuid4().hex}"
    running, ended = start(mark, "other=a b"), start(mark)
    subprocess.run(("docker", "kill", ended), check=True, capture_output=True)
    found = door.containers(mark)
    assert set(found) == {running, ended}
    assert found[running]["other"] == "a b"
    door.remove(found)
    assert door.containers(mark) == {}
    door.remove(found)
    door.remove(())


@pytest.mark.serial
def test_sweep(door, start):
    """A container whose owner is dead is removed; that of a living one, of another host and of nobody stay."""
    dead = subprocess.Popen(("sleep", "600"))
    living = subprocess.Popen(("sleep", "600"))
    run_id = f"test-{uuid4().hex[:8]}"
    try:
        orphan = start(*engines.labels(run_id, engines.owner(dead.pid)))
        kept = {
            start(*engines.labels(run_id, engines.owner(living.pid))),
            start(*engines.labels(run_id)),
            start(*engines.labels(run_id, "0123456789abcdef:1:1")),
            start(*engines.labels(run_id, "told-otherwise")),
            start(f"{engines.RUN}={run_id}"),
        }
        assert set(door.containers(f"{engines.RUN}={run_id}")) == {orphan, *kept}
        dead.kill()
        dead.wait()
        assert door.sweep(f"{engines.RUN}={run_id}") == 1
        assert set(door.containers(f"{engines.RUN}={run_id}")) == kept
    finally:
        for program in (dead, living):
            program.kill()
            program.wait()


def test_ending_removes_after_an_exception(door, start):
    """When the block fails, the containers of its run are removed, and no others."""
    run_id, other = uuid4().hex[:12], f"{engines.RUN}={uuid4().hex[:12]}"
    start(other)

    def fail():
        with engines.reap_containers("docker", run_id):
            start(*engines.labels(run_id))
            raise ValueError("on purpose")

    with pytest.raises(ValueError, match="on purpose"):
        fail()
    assert door.containers(f"{engines.RUN}={run_id}") == {}
    assert len(door.containers(other)) == 1


def test_ending_without_an_engine():
    """An engine that is gone does not hide why the block failed."""
    with pytest.raises(ValueError, match="on purpose"), engines.reap_containers("no-such-docker", uuid4().hex):
        raise ValueError("on purpose")


def _archive(ref, layer):
    """An archive as ``docker load`` takes it, in pieces."""
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]}}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        files = {"layer.tar": layer, "config.json": json.dumps(config).encode()}
        files["manifest.json"] = json.dumps([{"Config": "config.json", "RepoTags": [ref], "Layers": ["layer.tar"]}]).encode()
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _digest(content):
    import hashlib

    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize("give", [lambda archive: (archive[at : at + 9999] for at in range(0, len(archive), 9999)), io.BytesIO])
def test_load(door, busybox_layer, give):
    """An archive is loaded while it is made, or from a file, and its name is told."""
    ref = f"crosstasks-test/loaded:{uuid4().hex[:8]}"
    try:
        assert engines.load(door.command, give(_archive(ref, busybox_layer))) == ref
        assert door.image(ref) is not None
    finally:
        subprocess.run(("docker", "rmi", "--force", ref), check=False, capture_output=True)


def test_load_of_a_broken_archive(door, busybox_layer):
    """What is no archive is refused with the engine's words, and nothing is left of it."""
    with pytest.raises(ImageFailed, match="did not load"):
        engines.load(door.command, [b"not an archive" * 1000])
    ref = f"crosstasks-test/half:{uuid4().hex[:8]}"

    def half():
        yield _archive(ref, busybox_layer)[:100_000]
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        engines.load(door.command, half())
    assert door.image(ref) is None


def test_save(busybox):
    """Images are saved into one archive, piece by piece; an image that the engine does not hold is a failure."""
    archive = io.BytesIO()
    engines.save(DOCKER, (busybox,), archive.write)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as tar:
        assert json.load(tar.extractfile("manifest.json"))[0]["RepoTags"] == [busybox]
    with pytest.raises(ImageFailed, match="cannot save"):
        engines.save(DOCKER, ("crosstasks-test/never:made",), archive.write)


def test_pull(door, pushed):
    """An image is pulled from its registry, and how far that is is told."""
    told = []
    engines.pull(DOCKER, pushed, "linux/amd64", told.append)
    assert door.image(pushed) is not None
    assert told[0] == f"pulling {pushed} for linux/amd64"
    assert told[-1] == f"pulled {pushed}: 1 of 1 layers, 3 of 3 MB"
    engines.pull(DOCKER, pushed, "linux/amd64", told.append)
    assert told[-1] == f"pulled {pushed}: no layer is new"


def test_pull_by_the_command_line(pushed, capfd):
    """The command line, podman's way, pulls as well, and shows the engine's own progress on stderr."""
    subprocess.run(("docker", "rmi", "--force", pushed), check=False, capture_output=True)
    engines.pull(replace(DOCKER, kind="podman"), pushed, "linux/amd64", lambda _: None)
    assert EngineClient("docker").image(pushed) is not None
    seen = capfd.readouterr()
    assert "Downloaded newer image" in seen.err
    assert seen.out == ""


@pytest.mark.parametrize("kind", ["docker", "podman"])
def test_pull_that_fails(registry, pushed, kind):
    """A platform that is not offered, an image and a registry that are not there: each says why, and what to do."""
    engine = replace(DOCKER, kind=kind)
    with pytest.raises(ImageFailed, match=r"no matching manifest[\s\S]*hint: the image is not offered for this platform"):
        engines.pull(engine, f"{registry}/crosstasks-test/busybox:foreign", "linux/amd64", lambda _: None)
    with pytest.raises(ImageFailed, match=r"cannot pull [\s\S]*(not found|manifest unknown)"):
        engines.pull(engine, f"{registry}/crosstasks-test/busybox:never", "linux/amd64", lambda _: None)
    with pytest.raises(ImageFailed, match=r"refused[\s\S]*hint: the registry is out of reach"):
        engines.pull(engine, "127.0.0.1:1/nothing:here", "linux/amd64", lambda _: None)
    assert pushed.startswith(registry)


def test_reaper_imports_little():
    """The reaper waits with what Python itself has loaded: starting it costs its caller nothing."""
    program = Path(engines.__file__).with_name("reaper.py")
    command = (sys.executable, "-I", "-S", "-X", "importtime", str(program), "docker", "label=none")
    done = subprocess.run(command, input=b"done\n", capture_output=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    assert not loaded & {"subprocess", "signal", "json", "re", "typing", "site"}


ROOTS = ("--privileged", "--cap-add", "--device", "--pid", "--security-opt", "--volume=/:", "--volume=/var/run", "binfmt")
"""What would give a container power over the machine."""


def test_no_step_of_the_default_way_is_privileged(crosstasks, crate, without, tmp_path):
    """Neither what we say to the engine nor what cross does, for all that is provided, built and tested; and nobody is asked to be root."""
    said, asked = tmp_path / "said", tmp_path / "asked"
    for name, act in (
        ("docker", f'echo "$*" >> {said}; exec {shutil.which("docker")} "$@"'),
        ("sudo", f"echo >> {asked}"),
        ("pkexec", f"echo >> {asked}"),
    ):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{act}\n")
        program.chmod(0o755)
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "CROSSTASKS_CACHE_DIR": without()}
    done = crosstasks("test", "--target", "aarch64", "--builder", "cross", cwd=crate, **env)
    assert 0 == done.returncode, done.stderr
    lines = said.read_text().splitlines()
    started = [line for line in lines if line.startswith("run ")]
    assert len(started) == 1, lines
    assert [] == [line for line in lines for word in ROOTS if word in line]
    assert not asked.exists()
