"""Who asks the engine, beside a build, in which container it is done."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from crosstasks.building import outcome
from crosstasks.clients import docker_sdk
from crosstasks.clients.engines import EngineClient
from crosstasks.core.results import Container
from crosstasks.core.steps import Done
from crosstasks.testing import facts

DOCKER = facts().engine
PODMAN = replace(DOCKER, kind="podman", command="podman")
LABELS = {"crosstasks.run": "r1"}
CONTAINER = {"Id": "c1", "Image": "sha256:1", "Config": {"Image": "r/i:1", "Labels": LABELS}}
IMAGE = {"Id": "sha256:1", "RepoDigests": ["r/i@sha256:2"], "Os": "linux", "Architecture": "arm", "Variant": "v7"}
RESULT = Container(id="c1", image="r/i:1", digest="sha256:2", platform="linux/arm/v7")


class Podman:
    """A runner of an engine without a socket, which knows a container, its image, and what has happened."""

    def __init__(self, container=CONTAINER, image=IMAGE, event=None):
        """Be asked for nothing yet."""
        self.container, self.image, self.event, self.calls = container, image, event, []

    def __call__(self, argv, **_options):
        self.calls.append(argv)
        answer = {"container": self.container, "image": self.image}.get(argv[1])
        if argv[1] == "events":
            return Done(argv=argv, code=0, out=f"{json.dumps(self.event)}\nmore\n" if self.event else "")
        return Done(argv=argv, code=int(not answer), out=json.dumps([answer]), err="" if answer else "no such container")


def witnessed(tmp_path, runner, engine=PODMAN):
    """Return what is known of the container at the end of a build whose engine has written its id."""
    (tmp_path / "cid").write_text("c1\n")
    with outcome.Witness(engine, EngineClient("podman", runner), "r1", tmp_path / "cid") as witness:
        return witness.container()


@pytest.mark.parametrize(
    ("container", "image", "result"),
    [
        (CONTAINER, IMAGE, RESULT),
        ({**CONTAINER, "Config": {"Image": "", "Labels": LABELS}, "ImageName": "r/i:2"}, IMAGE, replace(RESULT, image="r/i:2")),
        (CONTAINER, {"Id": "sha256:1", "Os": "linux", "Architecture": "amd64"}, replace(RESULT, digest="sha256:1", platform="linux/amd64")),
        # neither a container of another run, nor one that says nothing, is taken for this one's
        ({**CONTAINER, "Config": {"Labels": {"crosstasks.run": "other"}}}, IMAGE, None),
        ({**CONTAINER, "Config": {"Labels": None}}, IMAGE, None),
        ({"Id": "c1"}, IMAGE, None),
    ],
)
def test_what_the_engine_says_of_the_container(tmp_path, container, image, result):
    """Its image by the reference that it was started from, and by the registry's digest, else by its own id."""
    assert result == witnessed(tmp_path, Podman(container, image))


@pytest.mark.parametrize("event", [{"id": "c1", "from": "r/i:1"}, {"ID": "c1", "Image": "r/i:1"}])
def test_a_container_that_is_gone_already_is_told_of_by_its_start(tmp_path, monkeypatch, event):
    """In Docker's words and in Podman's; the engine is asked for this run alone, since the build began."""
    runner = Podman(None, event=event)
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.4)
    assert RESULT == witnessed(tmp_path, runner)
    (argv,) = [argv for argv in runner.calls if argv[1] == "events"]
    assert ("--filter", "label=crosstasks.run=r1", "--filter", "event=start", "--format", "{{json .}}") == argv[6:]
    assert ("--since", "1699999999", "--until", "1700000001") == argv[2:6]
    assert witnessed(tmp_path, Podman(None)) is None


def test_docker_is_asked_by_its_socket(tmp_path, monkeypatch):
    """Which takes a fiftieth of the time of its command."""
    asked = []

    def get(place, what):
        asked.append((place, what))
        return CONTAINER if "containers" in what else IMAGE

    monkeypatch.setattr(docker_sdk, "socket_get", get)
    assert RESULT == witnessed(tmp_path, Podman(), replace(DOCKER, endpoint="unix:///s"))
    assert [("/s", "/containers/c1/json"), ("/s", "/images/sha256:1/json")] == asked


def test_an_id_that_is_written_last_is_read(tmp_path):
    """The build may end before this thread has had its turn again; where no id came, no engine is asked."""
    runner = Podman()
    late = outcome.Witness(PODMAN, EngineClient("podman", runner), "r1", tmp_path / "cid")

    def wait(_seconds):
        (tmp_path / "cid").write_text("c1")
        return True

    late.end = SimpleNamespace(set=lambda: None, wait=wait)
    late.thread.start()
    assert late.container() == RESULT
    with outcome.Witness(PODMAN, EngineClient("podman", runner := Podman()), "r1", tmp_path / "absent") as witness:
        assert (None, []) == (witness.container(), runner.calls)
