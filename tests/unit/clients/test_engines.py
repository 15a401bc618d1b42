"""The engine's door without an engine: what its answers mean."""

from __future__ import annotations

import os

import pytest

from crosstasks.clients import engines, reaper
from crosstasks.clients.docker_sdk import Layers, failure
from crosstasks.clients.engines import EngineClient
from crosstasks.core.errors import EngineFailed
from crosstasks.core.steps import Done


class Says:
    """A runner whose program says one thing, and keeps what it was asked."""

    def __init__(self, *, out="", err="", code=0):
        self.done = Done(argv=("docker",), code=code, out=out, err=err)
        self.asked = []

    def __call__(self, argv, **_options):
        self.asked.append(tuple(argv))
        return self.done


def test_labels_name_run_and_owner():
    """A container's labels name its run, and this process by host, pid and start."""
    run, owner = engines.labels("abc")
    assert run == "crosstasks.run=abc"
    assert owner == f"crosstasks.owner={engines.host_id()}:{os.getpid()}:{owner.rpartition(':')[2]}"
    assert engines.labels("abc", "me") == ("crosstasks.run=abc", "crosstasks.owner=me")


def test_who_is_alive():
    """We live; a reused pid is another; what is elsewhere, or not named as ours are, is taken for living."""
    host, pid, start = engines.owner().split(":", 2)
    assert engines.alive(f"{host}:{pid}:{start}")
    assert not engines.alive(f"{host}:{pid}:{int(start) + 1}")
    assert not engines.alive(f"{host}:999999999:{start}")
    assert not engines.alive(f"{host}:999999999:")
    assert engines.alive(f"elsewhere:999999999:{start}")
    assert engines.alive("")
    assert engines.alive(f"{host}:nonsense")


@pytest.mark.parametrize("said", ["Error: No such image: x", "Error: x: image not known", "Error response from daemon: no such image: x"])
def test_image_that_is_not_there(said):
    """The words of both engines for an image that is not there are no failure."""
    assert EngineClient("docker", Says(out="[]", err=said, code=1)).image("x") is None


def test_removal_that_someone_else_did():
    """A container that is gone, or just going, is removed; any other complaint is a failure."""
    for said in ("Error: No such container: a", "Error response from daemon: removal of container a is already in progress"):
        EngineClient("docker", Says(err=said, code=1)).remove(["a"])
    with pytest.raises(EngineFailed, match="device busy"):
        EngineClient("docker", Says(err="Error: No such container: a\nError: device busy", code=1)).remove(["a", "b"])


def test_layers_are_counted():
    """A pull is told by layers and megabytes, and its other events are left out."""
    layers = Layers()
    assert str(layers) == "no layer is new"
    layers.feed({"status": "Pulling from library/x", "id": "latest"})
    for layer in ("a", "b", "c"):
        layers.feed({"status": "Pulling fs layer", "progressDetail": {}, "id": layer})
    layers.feed({"status": "Downloading", "progressDetail": {"current": 1_000_000, "total": 4_000_000}, "id": "a"})
    layers.feed({"status": "Already exists", "progressDetail": {}, "id": "b"})
    assert str(layers) == "1 of 3 layers, 1 of 4 MB"
    layers.feed({"status": "Download complete", "progressDetail": {}, "id": "a"})
    layers.feed({"status": "Extracting", "progressDetail": {"current": 1, "total": 4_000_000}, "id": "a"})
    assert str(layers) == "1 of 3 layers, 4 of 4 MB"
    layers.feed({"status": "Pull complete", "progressDetail": {}, "id": "a"})
    assert str(layers) == "2 of 3 layers, 4 of 4 MB"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "not offered for this platform"),
        ("unauthorized: authentication required", "docker logout"),
        ("write /var/lib/docker/tmp/x: no space left on device", "docker system df"),
        ("dial tcp: lookup ghcr.io: no such host", "name a mirror"),
        ("something new", ""),
    ],
)
def test_failed_pull_has_a_hint(said, hint):
    """What is known to go wrong comes with what can be done about it."""
    error = failure("cannot pull x", said)
    assert error.why == said
    assert hint in error.hint
    assert bool(hint) == bool(error.hint)


def test_reaper_ends_what_is_not_over():
    """Only groups that have begun and are not over are ended, and half a line at the end is none."""
    assert reaper.groups("begun 7\nbegun 8\nover 7\n") == {8}
    assert reaper.groups("") == set()
    assert reaper.groups("begun 7\nbegun 12") == {7}
