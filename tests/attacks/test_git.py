"""What git is told by a repository, and not obeyed in our own calls: a program that looks at every file, hooks, a pager."""

from __future__ import annotations

import subprocess

import pytest

CONFIG = """version = 1
targets = ["aarch64"]
builder = "cross"
[release]
branch = ""
"""
ORDERS = ("fsmonitor", "pager", "hook")


@pytest.fixture
def repository(crate, tmp_path):
    """A repository whose configuration names programs that leave a mark."""
    (crate / "crosstasks.toml").write_text(CONFIG)
    (crate / ".gitignore").write_text("target\ndist\n")
    (crate / "Cargo.lock").write_text('version = 3\n\n[[package]]\nname = "small"\nversion = "0.1.0"\n')
    (crate / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- All is new.\n")

    def git(*words):
        subprocess.run(("git", "-C", crate, "-c", "user.name=u", "-c", "user.email=u@example.org", *words), check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "first")
    for name in ORDERS:
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {name} >>{tmp_path}/obeyed\n")
        program.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "post-commit", "commit-msg", "post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).symlink_to(tmp_path / "hook")
    git("config", "core.fsmonitor", str(tmp_path / "fsmonitor"))
    git("config", "core.pager", str(tmp_path / "pager"))
    git("config", "core.hooksPath", str(hooks))
    git("config", "user.name", "u")
    git("config", "user.email", "u@example.org")
    return crate


@pytest.mark.parametrize(
    "words",
    [
        ("release.status",),
        ("build", "--changed-since", "HEAD"),
        ("release.prepare", "--bump", "minor", "--yes"),
        ("release.build", "--snapshot"),
    ],
    ids=lambda words: words[0],
)
def test_git_obeys_no_orders_of_the_repository(words, repository, crosstasks, tmp_path):
    """Whatever we ask git, or have it do."""
    done = crosstasks(*words, cwd=repository)
    assert not (tmp_path / "obeyed").exists(), done.stderr
    assert "Traceback" not in done.stderr
    assert words[0] != "release.prepare" or done.returncode == 0, done.stderr
