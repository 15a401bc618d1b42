"""What a release is refused for before anything is built, and what its parts are called with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from crosstasks.core.errors import ConfigError, RefusedArgument
from crosstasks.tasks import TASKS, release
from crosstasks.tasks.call import OPTIONS, Call
from crosstasks.testing import config


def test_a_release_without_programs_is_refused(tmp_path):
    """Libraries alone make no archive."""
    nothing = SimpleNamespace(context=SimpleNamespace(config=config("aarch64"), root=tmp_path), products=())
    with pytest.raises(ConfigError, match="no cargo package that is released has a program"):
        release._build_parts(Call(tmp_path, {"target": None, "jobs": "1"}), nothing)  # noqa: SLF001 - `release.build`, without a repository


@pytest.mark.parametrize("arguments", [("-F", "tls"), ("-Ftls",), ("--features=tls",), ("--all-features",), ("--no-default-features",)])
@pytest.mark.parametrize("task", [release.build, release.everything])
def test_features_are_those_of_the_configuration(tmp_path, task, arguments):
    """The SBOM and metadata.json tell these, and a second build of the commit has no others; nothing is done before it is said."""
    with pytest.raises(RefusedArgument, match=f"'{arguments[0]}': set `features` or `default-features`"):
        task(Call(tmp_path, {}, arguments))


@pytest.mark.parametrize("arguments", [("--config", "a=1"), ("--config=a=1",), ("-Z", "no-index-update"), ("-vZno-index-update",)])
@pytest.mark.parametrize("task", [release.build, release.everything])
def test_settings_of_cargo_are_those_that_are_committed(tmp_path, task, arguments):
    """A second build of the commit has no others; nothing is done before it is said."""
    with pytest.raises(RefusedArgument, match=rf"'{arguments[0]}': write it into .*\.cargo/config\.toml, and commit that"):
        task(Call(tmp_path, {}, arguments))


@pytest.mark.parametrize("task", ["release.build", "release.all"])
def test_a_process_of_its_own_builds_with_the_same_options(tmp_path, task):
    """With the user's consent too; how often and how it is shown is the first process's, and a release's bump is done by then."""
    chosen = {
        "target": ["a", "b"],
        "jobs": "2",
        "yes": True,
        "bump": "minor",
        "dry_run": False,
        "engine": "podman",
        "skip": ["sbom", "hooks"],
    }
    options = {name: chosen.get(name, OPTIONS[name].default) for name in TASKS[task].options}
    words = release._words(Call(tmp_path, options, ("--timings",)), "a")  # noqa: SLF001 - `--jobs 2`, without processes
    assert ("release.build", "--target=a", "--format=json") == words[:3]
    assert ["--engine=podman", "--skip=hooks", "--skip=sbom", "--yes"] == sorted(words[3:-2])
    assert ("--", "--timings") == words[-2:]
