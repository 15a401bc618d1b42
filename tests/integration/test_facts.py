"""Facts, asked of real programs, engines and servers."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import facts_registry
import pytest
from msgspec.structs import replace

from crosstasks.clients import process, registry_api
from crosstasks.core.errors import CrosstasksError, ImageFailed
from crosstasks.core.looking import Look
from crosstasks.core.steps import Absent, Done, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.engine import Engine
from crosstasks.facts.host import Host
from crosstasks.facts.registry import RegistryImage, parse
from crosstasks.facts.rustup import Channel, Rustup
from crosstasks.project import manifest
from crosstasks.project.repository import Repository

DEAD = "unix:///nowhere/docker.sock"


@pytest.fixture
def look(tmp_path):
    """A look at this machine, with a cache of its own."""
    (tmp_path / "project").mkdir()
    return _look(tmp_path)


def _look(tmp_path, **more):
    doors = {"registry": registry_api.look, "fetch": registry_api.fetch_text}
    return Look(
        run=more.pop("run", process.run),
        environ=more.pop("environ", os.environ),
        cwd=tmp_path / "project",
        cache=tmp_path / "cache",
        home=Path.home(),
        **{**doors, **more},
    )


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """A registry with both shapes of ``cross``."""
    with facts_registry.running(tmp_path_factory.mktemp("registry")) as address:
        facts_registry.push(address, "cross-rs/aarch64")
        yield address


@pytest.fixture
def docker(look):
    """The engine of this machine, which must be there."""
    engine = ask(Question("engine"), look, Facts())
    assert isinstance(engine, Engine), engine
    return engine


@pytest.mark.parametrize("way", ["docker", "direct"])
@pytest.mark.parametrize(("tag", "index"), [("0.2.5", True), ("0.2.4", False), ("oci", False)])
def test_both_shapes_are_told_apart_before_any_pull(address, docker, way, tag, index):
    """The released 0.2.5 images are an index with linux/amd64 alone, those of 0.2.4 a plain manifest."""
    ref = f"{address}/cross-rs/aarch64:{tag}"
    image = parse(ref, registry_api.look(ref, docker if way == "docker" else None, 10))
    assert isinstance(image, RegistryImage)
    assert (("linux/amd64",), index) == (image.platforms, image.index)
    assert subprocess.run([docker.command, "image", "inspect", ref], capture_output=True, check=False).returncode, "it was pulled"


@pytest.mark.parametrize("endpoint", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"])
def test_an_engine_that_is_gone_is_an_error_of_ours(docker, endpoint):
    """Whatever way leads to an engine that does not answer, the end is the same; one that is reached by ssh is not asked (test_remote.py)."""
    with pytest.raises(CrosstasksError, match=r"docker does not answer|no answer within"):
        registry_api.look("127.0.0.1:1/x:1", replace(docker, endpoint=endpoint), 5)


def test_both_ways_give_one_digest(address, docker):
    """What Docker says and what the registry says is the same, so that a lock made through one holds for the other."""
    ref = f"{address}/cross-rs/aarch64:0.2.5"
    first, second = (parse(ref, registry_api.look(ref, engine, 10)) for engine in (docker, None))
    assert first == second
    pinned = f"{address}/cross-rs/aarch64@{second.digest}"
    assert second.digest == parse(pinned, registry_api.look(pinned, None, 10)).digest


@pytest.mark.parametrize("way", ["docker", "direct"])
@pytest.mark.parametrize("ref", ["{address}/cross-rs/aarch64:9.9.9", "127.0.0.1:1/cross-rs/aarch64:0.2.5", "registry.invalid/cross:0.2.5"])
def test_what_is_not_served_is_an_error_with_its_reason(address, docker, way, ref):
    """A tag that is not there, a closed port and an unknown name each end in an error of ours, in time."""
    with pytest.raises(ImageFailed) as raised:
        registry_api.look(ref.format(address=address), docker if way == "docker" else None, 10)
    assert any(word in str(raised.value) for word in ("is not in its registry", "refused", "no such host", "not known", "resol")), str(
        raised.value
    )


@pytest.mark.parametrize("way", ["docker", "direct"])
def test_a_registry_that_never_answers_ends_at_the_time_limit(docker, way):
    """Whoever accepts a connection and says nothing costs no more than the limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        with pytest.raises(CrosstasksError):
            registry_api.look(f"127.0.0.1:{silent.getsockname()[1]}/x:1", docker if way == "docker" else None, 1)
        assert time.monotonic() - begun < 3


@contextmanager
def serving(answers):
    """Serve *answers*: by path, a function of the request's headers to status, headers and body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = answers.get(self.path.partition("?")[0], lambda _: (404, {}, b""))(self.headers)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_registry_may_want_an_anonymous_token():
    """A public registry refuses first, names who gives tokens to everyone, and then answers."""
    index = {"manifests": [{"platform": {"os": "linux", "architecture": arch}} for arch in ("amd64", "arm64")]}
    body, answers = json.dumps(index).encode(), {}

    def manifest(headers):
        if headers.get("Authorization") != "Bearer for-all":
            realm = f'Bearer realm="http://{place}/token",service="here",scope="repository:x:pull"'
            return 401, {"Www-Authenticate": realm}, b"{}"
        return 200, {"Content-Type": facts_registry.INDEX, "Docker-Content-Digest": registry_api.digest(body)}, body

    answers["/v2/a/x/manifests/1"] = manifest
    answers["/token"] = lambda _: (200, {"Content-Type": "application/json"}, b'{"token": "for-all"}')
    with serving(answers) as place:
        image = parse("x", registry_api.look(f"{place}/a/x:1", None, 10))
    assert (("linux/amd64", "linux/arm64"), True) == (image.platforms, image.index)


def test_rustups_server_tells_its_stable_release(tmp_path):
    """In a manifest of a megabyte; a server that is not there is absent."""
    text = (
        b'manifest-version = "2"\n'
        + b"# filler\n" * 12_000
        + b'\n[pkg.rust]\nversion = "1.96.0 (abc 2026-05-28)"\n'
        + b"# rest\n" * 130_000
    )
    with serving({"/dist/channel-rust-stable.toml": lambda _: (200, {}, text)}) as place:
        here = _look(tmp_path, environ={**os.environ, "RUSTUP_DIST_SERVER": f"http://{place}"})
        assert Channel(release="1.96.0", server=f"http://{place}") == ask(Question("rust-channel", "stable"), here, Facts())
    gone = _look(tmp_path, environ={**os.environ, "RUSTUP_DIST_SERVER": "http://127.0.0.1:1"})
    found = ask(Question("rust-channel", "stable"), gone, Facts())
    assert isinstance(found, Absent)
    assert "refused" in found.why


def test_the_host_is_what_rustc_and_dpkg_say(look):
    """Our reading of the machine agrees with its own programs."""
    host = ask(Question("host"), look, Facts())
    assert isinstance(host, Host)
    rustup = ask(Question("rustup"), look, Facts())
    assert isinstance(rustup, Rustup)
    assert {host.triple} == {toolchain.host for toolchain in rustup.toolchains}
    assert rustup.active
    assert host.apt


def test_the_engine_is_what_docker_says(look, docker):
    """Version and architecture agree with Docker's own answer, and a dead engine is absent in Docker's own words."""
    said = subprocess.run([docker.command, "version", "--format", "{{.Server.Version}}"], capture_output=True, check=True)
    assert said.stdout.decode().split() == [docker.version]
    assert not docker.remote

    def without(argv, **more):
        return process.run(argv, **{**more, "env": {**more.get("env", {}), "DOCKER_HOST": DEAD}})

    found = ask(Question("engine"), _look(look.cwd.parent, run=without, engine="docker"), Facts())
    assert isinstance(found, Absent)
    assert DEAD in found.why


def test_podman_is_read_by_the_same_fact(tmp_path, look):
    """Debian's podman, unpacked and run from a folder, under its own name and under docker's."""
    packages = ("podman", "conmon", "crun", "libgpgme11", "libsubid4", "libassuan0", "libdevmapper1.02.1", "libyajl2")
    root = facts_registry.unpacked(tmp_path / "podman", *packages)
    runroot = tempfile.mkdtemp(prefix="podman-")  # podman wants it to be no longer than 50 characters
    (tmp_path / "containers.conf").write_text(f'[engine]\nconmon_path = ["{root}/usr/bin/conmon"]\n')
    for name in ("podman", "docker"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f'#!/bin/sh\nexport LD_LIBRARY_PATH="$(echo {root}/usr/lib/*-linux-gnu)" CONTAINERS_CONF={tmp_path}/containers.conf\n'
            f'export XDG_RUNTIME_DIR={tmp_path} PATH="{root}/usr/bin:$PATH"\n'
            f'exec {root}/usr/bin/podman --storage-driver vfs --root {tmp_path}/store --runroot {runroot} "$@"\n'
        )
        program.chmod(0o755)
        engine = ask(Question("engine"), _look(tmp_path, engine=str(program)), Facts())
        assert isinstance(engine, Engine), engine
        assert ("podman", False, str(program)) == (engine.kind, engine.remote, engine.command)
        assert engine.arch == ask(Question("host"), look, Facts()).arch
        assert isinstance(ask(Question("image", "nope:1"), look, Facts(answers={Question("engine"): engine})), Absent)
    shutil.rmtree(runroot)


@pytest.fixture(scope="session")
def cross(tmp_path_factory):
    """The cross 0.2.5 of PyPI."""
    folder = tmp_path_factory.mktemp("cross")
    argv = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "astral-dev-toolchain-cross==0.2.5"]
    subprocess.run(argv, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith("/scripts/cross"))
        (folder / "bin").mkdir()
        (folder / "bin/cross").write_bytes(wheel.read(name))
    (folder / "bin/cross").chmod(0o755)
    return folder / "bin/cross"


def test_cross_tells_its_version_and_does_nothing_else(tmp_path, cross):
    """In a repository, in CI, with rustup, cargo and docker on PATH, it calls none of them; and it is asked once."""
    look = _look(tmp_path)
    look.cwd.mkdir()
    traps = tmp_path / "bin"
    traps.mkdir()
    for name in ("rustup", "rustc", "docker", "podman"):
        (traps / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/called\nexit 1\n")
        (traps / name).chmod(0o755)
    path = os.pathsep.join((str(cross.parent), str(traps), "/usr/bin", "/bin"))
    look = _look(tmp_path, environ={**os.environ, "PATH": path, "CI": "true"})
    (found,) = [builder for builder in ask(Question("builders"), look, Facts()).all("cross") if builder.path == str(cross)]
    assert ("0.2.5", "88f49ff 2023-02-04", "PATH") == (found.version, found.commit, found.place)
    assert not (tmp_path / "called").exists()
    asked = []
    again = _look(tmp_path, environ=look.environ, run=lambda argv, **_options: asked.append(argv) or Done(argv=tuple(argv), code=1))
    assert found in ask(Question("builders"), again, Facts()).programs
    assert str(cross) not in {argv[0] for argv in asked}


def test_cargo_and_the_manifests_tell_the_same(look, tmp_path):
    """Read without cargo and by cargo, a workspace has the same members, programs and versions."""
    write(look.cwd)
    told = ask(Question("repository"), look, Facts())
    alone = ask(Question("repository"), _look(tmp_path, environ={"PATH": "/usr/bin:/bin"}), Facts())
    assert isinstance(told, Repository), told
    assert isinstance(alone, Repository), alone
    key = {package.name: (package.version, sorted(package.binaries), package.rust_version, package.manifest) for package in told.packages}
    assert key == {
        package.name: (package.version, sorted(package.binaries), package.rust_version, package.manifest) for package in alone.packages
    }
    assert {"app", "core", "tool", "inner"} == set(key)
    assert (told.root, told.target_directory, told.around) == (alone.root, alone.target_directory, alone.around)
    assert (str(tmp_path / "outside/dep"), str(tmp_path / "outside/deeper")) == manifest.read(look.cwd / "Cargo.toml").outside


def write(root):
    """Write a workspace with what workspaces have: globs, an exclusion, inheritance, programs, path dependencies."""
    files = {
        "Cargo.toml": '[workspace]\nmembers = ["app", "crates/*"]\nexclude = ["crates/not"]\nresolver = "2"\n'
        '[workspace.package]\nversion = "1.2.3"\nrust-version = "1.70"\n',
        "app/Cargo.toml": '[package]\nname = "app"\nversion.workspace = true\nrust-version.workspace = true\nedition = "2021"\n'
        '[[bin]]\nname = "listed"\npath = "src/main.rs"\n'
        '[dependencies]\ncore = { path = "../crates/core" }\ndep = { path = "../../outside/dep" }\ninner = { path = "inner" }\n',
        "app/inner/Cargo.toml": '[package]\nname = "inner"\nversion = "0.1.0"\n',
        "crates/core/Cargo.toml": '[package]\nname = "core"\nversion = "0.3.0"\nedition = "2021"\n',
        "crates/tool/Cargo.toml": '[package]\nname = "tool"\nversion = "0.4.0"\nrust-version = "1.65.0"\nedition = "2021"\n',
        "crates/not/Cargo.toml": '[package]\nname = "not"\nversion = "0.5.0"\n',
        "../outside/dep/Cargo.toml": '[package]\nname = "dep"\nversion = "0.1.0"\n[dependencies]\ndeeper = { path = "../deeper" }\n',
        "../outside/deeper/Cargo.toml": '[package]\nname = "deeper"\nversion = "0.1.0"\n',
    }
    sources = ("app/src/main.rs", "app/src/bin/extra.rs", "app/src/bin/folder/main.rs", "app/inner/src/lib.rs", "crates/core/src/lib.rs")
    sources += ("crates/tool/src/main.rs", "crates/not/src/lib.rs", "../outside/dep/src/lib.rs", "../outside/deeper/src/lib.rs")
    for name, text in {**files, **dict.fromkeys(sources, "fn main() {}\n")}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_a_broken_manifest_is_cargos_to_explain(look):
    """What only cargo knows to be wrong is told in cargo's words."""
    write(look.cwd)
    (look.cwd / "app/Cargo.toml").write_text('[package]\nname = "app"\nversion = "not a version"\n')
    found = ask(Question("repository"), look, Facts())
    assert isinstance(found, Absent)
    assert "app/Cargo.toml" in found.why


def test_a_pinned_toolchain_that_is_not_installed_is_not_installed_by_asking(look):
    """Rustup's cargo has no toolchain for the folder: the manifests alone tell, and nothing is fetched."""
    write(look.cwd)
    (look.cwd / "rust-toolchain.toml").write_text('[toolchain]\nchannel = "1.2.3"\n')
    found = ask(Question("repository"), look, Facts())
    assert isinstance(found, Repository), found
    assert ("1.2.3", {"app", "core", "tool", "inner"}) == (found.channel, {package.name for package in found.packages})
