"""The examples: each is a repository that Nox and Invoke can use as it stands."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest

from crosstasks.catalog import targets

EXAMPLES = Path(__file__).parents[2] / "examples"
OF_OURS = {"hello"}
"""Its sessions are those of our own noxfile.py."""


def crates(example):
    """Return each folder with a configuration, and the prefix of its sessions."""
    configs = sorted((EXAMPLES / example).rglob("crosstasks.toml"))
    return {path.parent.relative_to(EXAMPLES / example).as_posix().replace(".", ""): path for path in configs}


def expected(example):
    for prefix, path in crates(example).items():
        aliases = [targets.alias(targets.find(name)) for name in tomllib.loads(path.read_text("utf-8"))["targets"]]
        for stem in ("cross", "cross-test"):
            yield from (f"{prefix}-{name}".strip("-") for name in (*(f"{stem}-{alias}" for alias in aliases), stem))


@pytest.fixture(params=sorted({path.name for path in EXAMPLES.iterdir() if path.is_dir()} - OF_OURS))
def example(request, tmp_path):
    """A copy of an example, so that nothing but its own files can be found."""
    shutil.copytree(EXAMPLES / request.param, tmp_path / request.param, ignore=shutil.ignore_patterns("target", "__pycache__"))
    return tmp_path / request.param


def test_nox_lists_the_sessions_of_an_example(example, run):
    """A build and a test session for every target that its configurations name, and nothing else; so the configurations load."""
    done = run("nox", "-l", cwd=example)
    assert 0 == done.returncode, done.stderr
    listed = [line.split()[1] for line in done.stdout.splitlines() if line[:2] in {"- ", "* "}]
    assert list(expected(example.name)) == listed


def test_invoke_lists_the_tasks_of_an_example(example, run):
    """`build`, `test` and `plan` are there for each of its crates."""
    done = run("invoke", "--list", cwd=example)
    assert 0 == done.returncode, done.stderr
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ") and line[2:3].strip()}
    prefixes = [f"{prefix}." if prefix else "" for prefix in crates(example.name)]
    assert {f"{prefix}{name}" for prefix in prefixes for name in ("build", "test", "plan")} <= listed


def test_an_example_needs_nothing_but_itself(example):
    """What its crates are made of stands in its own folder: dependencies are paths, and every lock file names crates without a source."""
    for manifest in example.rglob("Cargo.toml"):
        needed = tomllib.loads(manifest.read_text("utf-8")).get("dependencies", {})
        assert [] == [name for name, told in needed.items() if not (manifest.parent / told["path"] / "Cargo.toml").is_file()]
    for folder in (path.parent for path in example.rglob("crosstasks.toml")):
        packages = tomllib.loads((folder / "Cargo.lock").read_text("utf-8"))["package"]
        assert [] == [package["name"] for package in packages if "source" in package]
        assert tomllib.loads((folder / "Cargo.toml").read_text("utf-8"))["package"]["name"] in {package["name"] for package in packages}
