"""The files of CI services, as text."""

from __future__ import annotations

import pytest

from crosstasks.catalog import targets
from crosstasks.config.configuration import Config
from crosstasks.core.errors import ConfigError
from crosstasks.extras.ci import matrix
from crosstasks.extras.ci.matrix import Layout
from crosstasks.extras.ci.runners import Project
from crosstasks.facts.lock import Lock
from crosstasks.testing import repository

HERE = Layout()


def written(provider, *names, layout=HERE, verbs=("build", "test")):
    project = Project(Config(), repository(), Lock(), provider, provision="p")
    jobs = [matrix.job(targets.find(name), verb, project) for verb in verbs for name in names]
    jobs = [job for job in jobs if isinstance(job, matrix.Job)]
    return matrix.workflow(provider, jobs, layout, minutes=30, install=matrix.NOX)


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_a_file_calls_the_sessions(provider):
    """Each target's own, build and test, on the runner of its own; the file is ours, and nothing is left to fill in."""
    text = written(provider, "aarch64", "s390x")
    for session in ("cross-aarch64", "cross-s390x", "cross-test-aarch64", "cross-test-s390x"):
        assert f'"{session}"' in text
    assert matrix.LABELS[provider]["linux/arm64"] in text
    assert matrix.is_ours(text)
    assert "@mark@" not in text
    assert "timeout" in text
    assert "30" in text


def test_a_repository_below_the_top_is_gone_into():
    """Paths and commands hold its folder, in both services."""
    files = ("rust/pyproject.toml", "rust/crosstasks.lock", "rust/app/rust-toolchain")
    layout = Layout(folder="rust/app", sessions="rust", target="rust/target", provision=files)
    github = written("github", "aarch64", layout=layout)
    assert 'working-directory: "rust"' in github
    assert "name: crosstasks rust-app passed" in github
    assert " rust/crosstasks-report.json\n" in github
    assert "hashFiles('rust/pyproject.toml', 'rust/crosstasks.lock', 'rust/app/rust-toolchain')" in github
    assert " rust/target/crosstasks/${{ matrix.target }}/" in github
    gitlab = written("gitlab", "aarch64", layout=layout)
    assert 'cd "rust"' in gitlab
    assert "      files:\n        - rust/pyproject.toml\n        - rust/crosstasks.lock\n    paths:" in gitlab
    assert "- rust/target/crosstasks/$TRIPLE/" in gitlab


def test_a_matrix_that_github_would_refuse_is_refused():
    """It takes 256 jobs."""
    with pytest.raises(ConfigError, match="too many jobs"):
        written("github", *list(targets.catalogue())[:75], verbs=("build", "test", "build", "test"))


def test_a_file_of_others_is_not_ours():
    """Only the mark on the first line tells."""
    assert not matrix.is_ours("name: ci\n# Written by `crosstasks ci.generate --provider github`\n")
    assert not matrix.is_ours("")


def test_a_difference_is_shown_as_a_diff():
    """Nothing, if there is none."""
    assert "" == matrix.difference("a\n", "a\n", "f")
    assert ["--- f", "+++ f, as it would be written", "@@ -1 +1 @@", "-a", "+b"] == matrix.difference("a\n", "b\n", "f").splitlines()
