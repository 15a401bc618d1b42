"""The jobs of a CI service, from values alone."""

from __future__ import annotations

import time

import pytest

from crosstasks.catalog import targets
from crosstasks.catalog.pins import pins
from crosstasks.config.configuration import Config
from crosstasks.core.errors import ConfigError
from crosstasks.core.steps import Refused
from crosstasks.extras.ci import matrix
from crosstasks.extras.ci.runners import Project
from crosstasks.facts.lock import Lock
from crosstasks.testing import config, repository

AARCH64, MUSL = "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"


def made(*names, verbs=("build",), packages=(), **more):
    """The jobs; that nothing can do one is not expected."""
    return [one for job in asked(*names, verbs=verbs, **more) for one in matrix.by_package(job, packages)]


def asked(*names, verbs=("build",), config=Config(), **more):  # noqa: B008 - it is frozen
    project = Project(config, repository(), Lock(), provision="p" * 16, cargo="c" * 16, **more)
    return [matrix.job(targets.find(name), verb, project) for verb in verbs for name in names]


def place(name, verb="build", provider="github", **options):
    """The job of a target, or why there is none."""
    (job,) = asked(name, verbs=(verb,), config=config(name, **options), provider=provider)
    return job


@pytest.mark.parametrize(
    ("name", "platform", "route"),
    [
        ("aarch64", "linux/arm64", "cross 0.2.5, image built here"),
        ("aarch64-musl", "linux/arm64", "zigbuild"),
        ("aarch64-android", "linux/amd64", "cross 0.2.5, upstream image"),
        ("x86_64", "linux/amd64", "cross 0.2.5, upstream image"),
        ("s390x", "linux/amd64", "cross 0.2.5, upstream image"),
        ("windows", "linux/amd64", "cross 0.2.5, upstream image"),
        ("freebsd", "linux/amd64", "cross 0.2.5, upstream image"),
        ("wasm32", "linux/arm64", "cargo"),
        ("wasip1", "linux/arm64", "cargo"),
        ("x86_64-gnullvm", "linux/arm64", "zigbuild"),
        ("macos", "macos/arm64", "cargo"),
        ("universal2", "macos/arm64", "zigbuild"),
        ("ios", "macos/arm64", "cargo"),
        ("x86_64-macos", "macos/amd64", "cargo"),
    ],
)
def test_a_target_has_the_platform_that_builds_it_natively(name, platform, route):
    """Where only images for amd64 exist, an arm64 machine would emulate them; what needs no image needs no amd64."""
    found = place(name)
    assert (found.platform, found.route) == (platform, route)


@pytest.mark.parametrize(
    ("name", "verb", "provider", "platform"),
    [
        ("x86_64-macos", "build", "gitlab", "linux/amd64"),
        ("wasip1", "test", "gitlab", "linux/arm64"),
    ],
)
def test_another_platform_does_what_the_best_cannot(name, verb, provider, platform):
    """GitLab has no Intel Macs; a package of wasm's is tested where that costs least."""
    assert place(name, verb, provider).platform == platform


def test_a_platform_that_the_user_names_a_runner_for_is_there():
    """Also if the service has no such machines."""
    job = place("x86_64-macos", "build", "gitlab", ci_runners=("macos/amd64=mine",))
    assert ("macos/amd64", "mine") == (job.platform, job.runner)


def test_why_another_platform_is_taken():
    """The best one can do nothing, or has no runner."""
    assert "`ci-runners` names none for macos/amd64" == place("x86_64-macos", "build", "gitlab").why


@pytest.mark.parametrize(
    ("name", "verb", "provider", "why"),
    [
        ("universal2", "test", "github", "a universal program is tested as its parts"),
        ("freebsd", "test", "github", "x86_64-unknown-freebsd programs do not run on this host"),
        ("x86_64-none", "test", "github", "x86_64-unknown-none has no system that could start a test: name what does as `runner`"),
        ("redox", "build", "github", "zig has no C library for x86_64-unknown-redox"),
        ("msvc", "build", "github", "Microsoft's CRT and SDK have a licence, which nobody has accepted"),
        ("i686-gnullvm", "test", "github", "i686-pc-windows-gnullvm programs are started on Windows, or by the `runner` that you name"),
    ],
)
def test_a_job_that_could_never_pass_is_none(name, verb, provider, why):
    """It has the reason that the plan would give there."""
    found = place(name, verb, provider)
    assert isinstance(found, Refused)
    assert found.why.startswith(why)


def test_no_runner_breaks_the_promise():
    """Plain cargo would link against the glibc of the runner; what keeps the one that is promised is taken, or there is no job."""
    assert place("x86_64", glibc="2.17").route == "zigbuild"
    refused = place("x86_64", glibc="2.28", builder="cargo")
    assert "`glibc` is configured, and the host's own libraries would not keep it" in refused.why


def test_the_configuration_counts():
    """A licence that is accepted in it lets any machine build for Microsoft's library. A runner of the user's makes a test possible; a builder that is named is the one that is planned."""
    assert place("x86_64-none", "test", target={"x86_64-none": {"runner": "qemu"}}).platform == "linux/arm64"
    assert place("s390x", builder="zigbuild").platform == "linux/arm64"
    assert place("aarch64-msvc", "build", "gitlab", accept_microsoft_license=True).route == "xwin"


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_every_target_has_a_runner_or_a_reason(provider):
    """No row of the catalogue is left out; what has a job has it on a machine that the provider has."""
    every = list(targets.catalogue())
    jobs = asked(*every, verbs=("build", "test"), provider=provider)
    assert len(jobs) == 2 * len(every)
    assert all(job.why for job in jobs)
    assert all(isinstance(job, Refused) or (job.runner in matrix.LABELS[provider].values() and job.route) for job in jobs)


def test_a_machine_that_the_user_names_can_do_what_ours_cannot():
    """Nothing is known of it."""
    (job,) = made("freebsd", verbs=["test"], config=Config(ci_runners=("freebsd=beastie",)))
    assert (job.runner, job.why, job.route) == ("beastie", "its runner is named", "")


def test_a_job_is_whole():
    """It holds all that a CI service has to know; of an image built here the glibc would be too new."""
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
        route="zigbuild",
        glibc="2.28",
        isolation="host",
        cache_key=f"crosstasks-linux-arm64-{'p' * 16}",
        cargo_key=f"cargo-{'c' * 16}",
    )


def test_runners_of_the_user_win():
    """By target before platform, and by platform before ours; the later word of two holds."""
    config = Config(ci_runners=("linux/amd64=big", "x86_64-musl=old", f"{MUSL}=own"))
    assert ["ubuntu-24.04-arm", "big", "own"] == [job.runner for job in made("aarch64", "s390x", "x86_64-musl", config=config)]


@pytest.mark.parametrize("text", ["label", "arch64=label", "linux/sparc=label", "windows/amd64=label", "aarch64="])
def test_a_runner_for_nothing_is_refused(text):
    """It is told what is wrong with it."""
    with pytest.raises(ConfigError):
        matrix.labels([text])


def test_packages_are_kept_apart():
    """Each has a job for each target, whose command builds it alone."""
    jobs = made("aarch64", "s390x", verbs=["build", "test"], packages=["one", "two"])
    assert 8 == len(jobs)
    assert "nox -s cross-aarch64 -- -p two" == jobs[1].command


def test_sixty_targets_of_thirty_packages_take_less_than_a_second():
    """1800 jobs are made of values at hand."""
    chosen = list(targets.catalogue())[:60]
    begun = time.process_time()
    packages = [f"crate-{number}" for number in range(30)]
    jobs = [job if isinstance(job, Refused) else matrix.by_package(job, packages) for job in asked(*chosen)]
    assert 1800 == sum(30 if isinstance(job, Refused) else len(job) for job in jobs)
    assert time.process_time() - begun < 1


def test_keys_change_with_what_they_stand_for():
    """A hash tells where each text ends; the catalogue and the pins are in it."""
    assert matrix.digest(b"a", b"bc") != matrix.digest(b"ab", b"c")
    assert 16 == len(matrix.catalogue_hash())


def test_actions_are_pinned_by_commit():
    """Each by a whole revision, with the tag beside it."""
    for pin in pins().actions.values():
        assert 40 == len(pin.rev)
        assert pin.tag.startswith("v")


def test_the_table_names_packages_if_there_are_any():
    """Two jobs of a session are told apart."""
    head, *rows = matrix.text(made("s390x", packages=("server", "tool"))).splitlines()
    assert ["session", "package", "runner", "route", "glibc", "why"] == head.split()
    assert ["server", "tool"] == [row.split()[1] for row in rows]
    assert ["session", "runner", "route", "glibc", "why"] == matrix.text(made("s390x")).splitlines()[0].split()
