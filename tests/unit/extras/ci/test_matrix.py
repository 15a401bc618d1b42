"""The jobs of a CI service, from values alone."""

from __future__ import annotations

import time

import pytest

from crosstasks.catalog import targets
from crosstasks.catalog.pins import pins
from crosstasks.config.configuration import Config
from crosstasks.core.errors import ConfigError
from crosstasks.extras.ci import matrix

HASHES = matrix.Hashes(provision="p" * 16, cargo="c" * 16)
AARCH64, MUSL = "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"


def made(*names, verbs=("build",), **more):
    config = more.pop("config", Config())
    return matrix.jobs(config, [targets.find(name).triple for name in names], verbs, HASHES, **more)


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("aarch64", "linux/arm64"),
        ("aarch64-musl", "linux/amd64"),
        ("aarch64-android", "linux/amd64"),
        ("x86_64", "linux/amd64"),
        ("s390x", "linux/amd64"),
        ("windows", "linux/amd64"),
        ("wasm32", "linux/amd64"),
        ("macos", "macos/arm64"),
        ("ios", "macos/arm64"),
        ("x86_64-macos", "macos/amd64"),
        ("msvc", "windows/amd64"),
        ("aarch64-msvc", "windows/arm64"),
    ],
)
def test_a_target_has_the_platform_that_builds_it_natively(name, platform):
    """Where only images for amd64 exist, an arm64 machine would emulate them."""
    assert platform == matrix.place(targets.find(name))[0]


def test_every_target_has_a_runner_of_every_provider():
    """No row of the catalogue is left out, and each says why."""
    for provider in ("github", "gitlab"):
        jobs = matrix.jobs(Config(), list(targets.catalogue()), ["build"], HASHES, provider=provider)
        assert all(job.runner in matrix.LABELS[provider].values() and job.why for job in jobs)


def test_a_job_is_whole():
    """It holds all that a CI service has to know."""
    config = Config(glibc="2.28")
    (job,) = made("aarch64", verbs=["test"], config=config, prefix="tools")
    assert job == matrix.Job(
        target=AARCH64,
        alias="aarch64",
        verb="test",
        platform="linux/arm64",
        runner="ubuntu-24.04-arm",
        why="image and tests are native on arm64",
        session="tools-cross-test-aarch64",
        command="nox -s tools-cross-test-aarch64",
        tags=("cross", "test", "aarch64", "linux", "gnu", AARCH64),
        glibc="2.28",
        cache_key=f"crosstasks-linux-arm64-{'p' * 16}",
        cargo_key=f"cargo-{'c' * 16}",
    )


def test_runners_of_the_user_win():
    """By target before platform, and by platform before ours; the later word of two holds."""
    config = Config(ci_runners=("linux/amd64=big", "x86_64-musl=old", f"{MUSL}=own"))
    assert ["ubuntu-24.04-arm", "big", "own"] == [job.runner for job in made("aarch64", "s390x", "x86_64-musl", config=config)]


@pytest.mark.parametrize("text", ["label", "arch64=label", "linux/sparc=label", "aarch64="])
def test_a_runner_for_nothing_is_refused(text):
    """It is told what is wrong with it."""
    with pytest.raises(ConfigError):
        matrix.runners([text])


def test_packages_are_kept_apart():
    """Each has a job for each target, whose command builds it alone."""
    jobs = made("aarch64", "s390x", verbs=["build", "test"], packages=["one", "two"])
    assert 8 == len(jobs)
    assert "nox -s cross-aarch64 -- -p two" == jobs[1].command


def test_sixty_targets_of_thirty_packages_take_less_than_a_second():
    """1800 jobs are made of values at hand."""
    chosen = list(targets.catalogue())[:60]
    begun = time.process_time()
    jobs = matrix.jobs(Config(targets=tuple(chosen)), chosen, ["build"], HASHES, packages=[f"crate-{number}" for number in range(30)])
    assert 1800 == len(jobs)
    assert time.process_time() - begun < 1


def test_keys_change_with_what_they_stand_for():
    """A hash tells where each text ends; the catalogue and the pins are in it."""
    assert matrix.digest(b"a", b"bc") != matrix.digest(b"ab", b"c")
    assert 16 == len(matrix.shipped())


def test_actions_are_pinned_by_commit():
    """Each by a whole revision, with the tag beside it."""
    for pin in pins().actions.values():
        assert 40 == len(pin.rev)
        assert pin.tag.startswith("v")


def test_the_table_names_packages_if_there_are_any():
    """Two jobs of a session are told apart."""
    head, *rows = matrix.text(made("s390x", packages=("server", "tool"))).splitlines()
    assert ["session", "package", "runner", "glibc", "why"] == head.split()
    assert ["server", "tool"] == [row.split()[1] for row in rows]
    assert ["session", "runner", "glibc", "why"] == matrix.text(made("s390x")).splitlines()[0].split()
