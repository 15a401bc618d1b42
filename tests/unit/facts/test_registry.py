"""What registries serve, from the answers of Docker and of a registry."""

from __future__ import annotations

import json

import pytest
from facts_looks import DATA, look

from crosstasks.core.errors import ImageFailed, UnknownRegistry
from crosstasks.core.steps import Absent, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.engine import Engine
from crosstasks.facts.registry import RegistryImage, parse, platform

REF = "127.0.0.1/cross:0.2.5"


def answer(name):
    return json.loads((DATA / "registry" / name).read_text("utf-8"))


@pytest.mark.parametrize("way", ["docker", "direct"])
def test_the_shape_of_0_2_5_is_an_index_of_one_platform(way):
    """An index of linux/amd64 and an attestation: an arm64 engine finds nothing in it."""
    image = parse(REF, answer(f"{way}-index.json"))
    assert isinstance(image, RegistryImage)
    assert (("linux/amd64",), True) == (image.platforms, image.index)
    assert image.digest.startswith("sha256:")


@pytest.mark.parametrize("way", ["docker", "direct"])
def test_the_shape_of_0_2_4_is_a_plain_manifest(way):
    """Its platform stands in the image's configuration; every engine pulls it."""
    image = parse(REF, answer(f"{way}-plain.json"))
    assert isinstance(image, RegistryImage)
    assert (("linux/amd64",), False) == (image.platforms, image.index)


@pytest.mark.parametrize("raw", [None, [], "<html>", {"manifest": {}}, {"Descriptor": {}, "Platforms": None}])
def test_what_cannot_be_read_is_absent(raw):
    """A proxy's page or an empty answer is a reason, not a crash."""
    assert isinstance(parse(REF, raw), Absent)


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64"),
        ({"os": "linux", "architecture": "arm", "variant": "v7"}, "linux/arm/v7"),
        ({"os": "linux", "architecture": "amd64"}, "linux/amd64"),
        ({"os": "unknown", "architecture": "unknown"}, ""),
        ({}, ""),
    ],
)
def test_a_platform_is_one_word(entry, word):
    """A variant that is its architecture's default goes without saying."""
    assert word == platform(entry)


class Registry:
    """A door that counts its callers."""

    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def __call__(self, ref, engine, timeout):
        self.calls.append((ref, engine, timeout))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_the_registry_is_asked_through_the_engine_once_an_hour(tmp_path):
    """The door gets the engine and the time limit; a second look within the hour asks nobody."""
    engine, door = Engine(kind="docker", command="docker", version="1", arch="aarch64"), Registry(answer("docker-index.json"))
    facts = Facts(answers={Question("engine"): engine})
    time = [1000.0]
    here = look(tmp_path, registry=door, timeout=4, now=lambda: time[0])
    for time[0] in (1000.0, 4599.0, 4601.0):
        assert ("linux/amd64",) == ask(Question("registry", REF), here, facts).platforms
    assert [(REF, engine, 4)] * 2 == door.calls


def test_a_registry_that_was_waited_for_is_absent_for_five_minutes(tmp_path, monkeypatch):
    """A refusal is remembered for a while, so that each call does not wait for it again."""
    monkeypatch.setattr("crosstasks.core.looking.QUICK", 0.0)
    door, time = Registry(ImageFailed("x could not be looked up", why="no such host")), [1000.0]
    here = look(tmp_path, registry=door, now=lambda: time[0])
    for time[0] in (1000.0, 1299.0, 1301.0):
        assert Absent("x could not be looked up: no such host") == ask(Question("registry", REF), here, Facts())
    assert 2 == len(door.calls)
    assert door.calls[0][1] is None


def test_a_registry_whose_name_is_unknown_is_absent_for_a_minute(tmp_path):
    """Though that is told at once: a network without a registry has none in the next call either, and to ask loads a client."""
    door, time = Registry(UnknownRegistry("x could not be looked up", why="no such host")), [1000.0]
    here = look(tmp_path, registry=door, now=lambda: time[0])
    for time[0] in (1000.0, 1059.0, 1061.0):
        assert Absent("x could not be looked up: no such host") == ask(Question("registry", REF), here, Facts())
    assert 2 == len(door.calls)


def test_offline_asks_nobody(tmp_path):
    """Offline = true is reason enough."""
    door = Registry({})
    assert Absent("offline = true") == ask(Question("registry", REF), look(tmp_path, registry=door, offline=True), Facts())
    assert [] == door.calls
