"""Docker and Podman, from what Docker 20.10 and Podman 4.3 really said."""

from __future__ import annotations

import json

import pytest
from facts_looks import LINUX, Programs, look, recorded

from crosstasks.core.steps import Absent, Done, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.engine import PROGRAMS, Engine, candidates, parse, parse_image, parse_podman, table

VERSION = table(recorded("docker/version-20.10.json"))
INFO = table(recorded("docker/info-20.10.json"))
DEAD = recorded("docker/version-dead.json", code=1, err="docker/version-dead.err")
LIVE = {"docker version": recorded("docker/version-20.10.json"), "docker info": recorded("docker/info-20.10.json")}
NERDCTL = {"nerdctl version": recorded("nerdctl/version.json"), "nerdctl info": recorded("nerdctl/info.json")}
PODMAN = {"podman version": recorded("podman/version-4.3.json"), "podman info": recorded("podman/info-4.3.json")}


def test_docker_is_read_from_two_answers(tmp_path):
    """Version, architecture and store, as Rust names them."""
    engine = parse("/usr/bin/docker", VERSION, INFO, "", look(tmp_path))
    assert ("docker", "20.10.24+dfsg1", "linux", "x86_64", "fuse-overlayfs") == (
        engine.kind,
        engine.version,
        engine.os,
        engine.arch,
        engine.store,
    )
    assert (False, False, False, "", "default") == (engine.rootless, engine.remote, engine.selinux, engine.desktop, engine.context)
    assert "linux/amd64" == engine.platform


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, "rootless", True),
        ({"SecurityOptions": ["name=selinux"]}, "selinux", True),
        ({"Driver": "overlayfs", "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}, "store", "containerd"),
        ({"OperatingSystem": "Docker Desktop"}, "desktop", "Docker Desktop"),
        ({"OperatingSystem": "OrbStack"}, "desktop", "OrbStack"),
        ({"Name": "colima"}, "desktop", "colima"),
        ({"Name": "lima-rancher-desktop", "OperatingSystem": "Rancher Desktop WSL Distribution"}, "desktop", "Rancher Desktop"),
    ],
)
def test_what_info_adds(tmp_path, change, field, value):
    """Rootless, labels, the containerd store and the product with the virtual machine are told by info."""
    assert value == getattr(parse("docker", VERSION, {**INFO, **change}, "", look(tmp_path)), field)


def test_an_arm_engine_is_aarch64(tmp_path):
    """Docker says arm64 where info says aarch64: both are aarch64."""
    arm = {**VERSION, "Server": {**VERSION["Server"], "Arch": "arm64"}}
    assert ("aarch64", "linux/arm64") == ((engine := parse("docker", arm, INFO, "", look(tmp_path))).arch, engine.platform)


@pytest.mark.parametrize(
    ("configured", "environ", "names"),
    [
        ("", {}, ("docker", "podman")),
        ("auto", {}, ("docker", "podman")),
        ("podman", {"CROSS_CONTAINER_ENGINE": "docker"}, ("podman",)),
        ("auto", {"CROSS_CONTAINER_ENGINE": "/opt/podman"}, ("/opt/podman",)),
    ],
)
def test_which_engines_are_asked(configured, environ, names):
    """The configured one; cross's own variable; else docker before podman."""
    assert names == candidates(configured, environ)


def test_docker_that_answers_is_the_engine(tmp_path):
    """Two calls, and one as long as the second answer is kept."""
    run = Programs(LIVE)
    here = look(tmp_path, run, programs=("docker", "podman"), now=lambda: 1000.0)
    assert "docker" == ask(Question("engine"), here, Facts()).kind
    assert ["version", "info"] == [call[1] for call in run.calls]
    assert "fuse-overlayfs" == ask(Question("engine"), here, Facts()).store
    assert ["version", "info", "version"] == [call[1] for call in run.calls]


def test_a_dead_docker_gives_way_to_podman(tmp_path):
    """Podman is taken where docker's engine does not answer."""
    engine = ask(Question("engine"), look(tmp_path, Programs({"docker version": DEAD, **PODMAN}), programs=("docker", "podman")), Facts())
    assert ("podman", "4.3.1", "x86_64", "overlay") == (engine.kind, engine.version, engine.arch, engine.store)


def test_a_dead_docker_says_so_itself(tmp_path):
    """The engine's own words are the reason, and what to do is the hint."""
    found = ask(Question("engine"), look(tmp_path, Programs({"docker version": DEAD}), programs=("docker",)), Facts())
    assert isinstance(found, Absent)
    assert "Cannot connect to the Docker daemon at unix:///nonexistent.sock" in found.why
    assert "start docker" in found.hint


def test_a_configured_engine_is_the_only_one(tmp_path):
    """Who names docker does not get podman."""
    here = look(tmp_path, Programs({"docker version": DEAD, **PODMAN}), programs=("docker", "podman"), engine="docker")
    assert isinstance(ask(Question("engine"), here, Facts()), Absent)


def test_no_engine_is_absent_with_a_way_out(tmp_path):
    """Neither program on PATH is one reason, not two."""
    assert "neither docker nor podman is on PATH" == ask(Question("engine"), look(tmp_path), Facts()).why
    assert "podman is not on PATH" == ask(Question("engine"), look(tmp_path, engine="podman"), Facts()).why


def test_podman_behind_the_name_docker_is_podman(tmp_path):
    """podman-docker's docker prints podman's answer; and Podman's service may answer to Docker's own program."""
    said = {"docker version": PODMAN["podman version"], "docker info": PODMAN["podman info"]}
    engine = ask(Question("engine"), look(tmp_path, Programs(said), programs=("docker",)), Facts())
    assert ("podman", f"{tmp_path}/bin/docker") == (engine.kind, engine.command)
    served = {**VERSION, "Server": {**VERSION["Server"], "Components": [{"Name": "Podman Engine"}]}}
    assert "podman" == parse("docker", served, INFO, "", look(tmp_path)).kind
    assert not engine.program.api


def test_every_answer_is_of_one_program():
    """Podman's own program with a service elsewhere tells of a server too."""
    both = {"Client": {"APIVersion": "4.3.1"}, "Server": {"Version": "4.3.1"}}
    for version, expected in (
        (VERSION, "docker"),
        (table(PODMAN["podman version"]), "podman"),
        (table(NERDCTL["nerdctl version"]), "nerdctl"),
        (both, "podman"),
    ):
        assert [expected] == [name for name, program in PROGRAMS.items() if program.recognise(version)]


def test_nerdctl_is_an_engine_if_it_is_named(tmp_path):
    """It is one row and one reader: version, architecture, store, and who it runs as."""
    here = look(tmp_path, Programs(NERDCTL), programs=("nerdctl",), engine="nerdctl")
    engine = ask(Question("engine"), here, Facts())
    assert ("nerdctl", "2.1.3", "x86_64", "overlayfs") == (engine.kind, engine.version, engine.arch, engine.store)
    assert (True, False, False, "", False) == (engine.rootless, engine.remote, engine.apart, engine.desktop, engine.selinux)
    assert isinstance(ask(Question("engine"), look(tmp_path, Programs(NERDCTL), programs=("nerdctl",)), Facts()), Absent)


def test_nerdctl_without_its_containerd_says_so(tmp_path):
    """It prints its own part, and fails."""
    dead = {"nerdctl version": recorded("nerdctl/version-dead.json", code=1, err="nerdctl/version-dead.err")}
    found = ask(Question("engine"), look(tmp_path, Programs(dead), programs=("nerdctl",), engine="nerdctl"), Facts())
    assert isinstance(found, Absent)
    assert "cannot access containerd socket" in found.why


def test_the_folder_of_the_images(tmp_path):
    """Docker and Podman tell where they keep them."""
    assert INFO["DockerRootDir"] == parse("docker", VERSION, INFO, "", look(tmp_path)).folder
    assert table(PODMAN["podman info"])["store"]["graphRoot"] == parse_podman("podman", PODMAN["podman info"], look(tmp_path)).folder


def test_podman_that_does_not_answer_says_so(tmp_path):
    """Podman --remote without its machine is absent, with podman's words; at an address by ssh, what must work is named."""
    done = Done(argv=(), code=125, err=recorded("podman/info-dead.err").out)
    found = parse_podman("podman", done, look(tmp_path))
    assert isinstance(found, Absent)
    assert "podman machine start" in found.why
    there = parse_podman("podman", done, look(tmp_path, environ={"CONTAINER_HOST": "ssh://me@box:2222/run/podman.sock"}))
    assert "`ssh -p 2222 me@box podman version` must answer, and ask for nothing" == there.hint


@pytest.mark.parametrize(
    ("host", "address", "remote", "apart", "desktop"),
    [
        (LINUX.node, "unix:///run/podman/podman.sock", False, False, ""),
        ("localhost.localdomain", "", False, True, "podman machine"),
        ("localhost.localdomain", "ssh://core@127.0.0.1:40123/run/podman.sock", False, True, "podman machine"),
        ("behind-a-tunnel", "tcp://127.0.0.1:2375", True, True, ""),
        ("box", "ssh://me@box/run/podman.sock", True, True, ""),
        ("box", "tcp://10.0.0.2:2375", True, True, ""),
    ],
)
def test_where_podmans_service_is(tmp_path, host, address, remote, apart, desktop):
    """On this machine; in the machine on a laptop, which shares our folders; or elsewhere, which does not."""
    told = table(recorded("podman/info-4.3.json"))
    told["host"] |= {"serviceIsRemote": True, "hostname": host, "kernel": LINUX.release}
    found = parse_podman("podman", Done(argv=(), code=0, out=json.dumps(told)), look(tmp_path, environ={"CONTAINER_HOST": address}))
    assert (remote, apart, desktop) == (found.remote, found.apart, found.desktop)


def test_podman_without_a_service_is_here(tmp_path):
    """Whatever its host is called: there is no other."""
    done = Done(argv=(), code=0, out=json.dumps(table(recorded("podman/info-4.3.json"))))
    found = parse_podman("podman", done, look(tmp_path))
    assert (False, False, "") == (found.remote, found.apart, found.desktop)


@pytest.mark.parametrize("engine", ["docker", "podman", "nerdctl"])
def test_an_image_has_platform_labels_and_id(engine):
    """The answers of all engines to inspect are one fact."""
    image = parse_image("crosstasks-facts:arm", recorded(f"{engine}/image-arm64.json"))
    assert not isinstance(image, Absent)
    assert "sha256:a2ffa982cd3551c2d5644b01ce306e8c2e2a88048a83f89e5a104b0bac51b084" == image.id
    assert {"crosstasks.glibc": "2.36", "crosstasks.libc": "2.36"} == image.labels
    assert image.platform.startswith("linux/arm64")


def test_an_image_that_is_not_there_is_absent():
    """The engine's own words are the reason."""
    found = parse_image("nope:none", Done(argv=(), code=1, out="\n", err=recorded("docker/image-missing.err").out))
    assert isinstance(found, Absent)
    assert "No such image: nope:none" in found.why


def test_no_engine_has_no_images(tmp_path):
    """Why the engine is absent is why its images are."""
    facts = Facts(answers={Question("engine"): Absent("docker sleeps")})
    assert Absent("docker sleeps") == ask(Question("image", "x"), look(tmp_path), facts)
    engine = Engine(kind="docker", command="docker", version="1", arch="x86_64")
    run = Programs({"docker image": recorded("docker/image-arm64.json")})
    assert "x:1" == ask(Question("image", "x:1"), look(tmp_path, run), facts.with_({Question("engine"): engine})).ref
    assert [("docker", "image", "inspect", "--format", "{{json .}}", "x:1")] == run.calls
