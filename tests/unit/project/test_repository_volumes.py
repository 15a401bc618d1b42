"""What lies around a workspace, found in real folders."""

from __future__ import annotations

import pytest

from crosstasks.project.repository import Volumes, find_volumes


@pytest.fixture
def here(tmp_path):
    """A folder with a home in it, and a way to make crates and repositories."""

    def make(name, content='[package]\nname = "small"\nversion = "0.1.0"\n', git=""):
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Cargo.toml").write_text(content)
        if git:
            (tmp_path / git / ".git").mkdir(parents=True)
        return folder

    (tmp_path / "home").mkdir()
    return make


def test_a_workspace_at_the_top_needs_nothing(here, tmp_path):
    """Of cross itself: it mounts all of it."""
    assert Volumes() == find_volumes(here("top", git="top"), (), tmp_path / "home")


def test_a_workspace_below_the_top_is_given_the_top(here, tmp_path):
    """It may include what lies above."""
    root = here("top/services/api", git="top")
    assert Volumes(folders=(str(tmp_path / "top"),)) == find_volumes(root, (), tmp_path / "home")


def test_without_a_repository_there_is_no_top(here, tmp_path):
    """Nothing around it is its own."""
    assert () == find_volumes(here("alone/deep"), (), tmp_path / "home").folders


def test_a_dependency_is_given_with_its_repository(here, tmp_path):
    """Whether or not the workspace is in one."""
    root, log = here("mine"), here("other/libs/log", git="other")
    assert (str(tmp_path / "other"),) == find_volumes(root, (str(log),), tmp_path / "home").folders


def test_a_dependency_without_a_repository_is_given_with_its_workspace(here, tmp_path):
    """It may inherit from there."""
    root, log = here("mine"), here("libs/log", '[package]\nname = "log"\nversion.workspace = true\n')
    here("libs", '[workspace]\nmembers = ["log"]\n[workspace.package]\nversion = "1.0.0"\n')
    assert (str(tmp_path / "libs"),) == find_volumes(root, (str(log),), tmp_path / "home").folders


def test_what_lies_below_another_is_not_named(here, tmp_path):
    """A dependency in the same repository is in its top."""
    root, log = here("top/api", git="top"), here("top/libs/log")
    assert (str(tmp_path / "top"),) == find_volumes(root, (str(log),), tmp_path / "home").folders


def test_a_home_is_never_given(here, tmp_path):
    """One that is a repository of dotfiles, or lies in one, stays out; the crate is not the less built."""
    root = here("home/work/mine", git="home")
    log = here("home/work/log")
    assert (str(log),) == find_volumes(root, (str(log),), tmp_path / "home").folders


def test_a_submodule_is_given_with_the_repository_around_it(here, tmp_path):
    """Its history is kept there as well."""
    root = here("top/deep/part", git="top")
    (root / ".git").write_text("gitdir: ../../.git/modules/deep/part\n")
    assert Volumes(folders=(str(tmp_path / "top"),)) == find_volumes(root, (), tmp_path / "home")


def test_a_worktree_is_given_its_history(here, tmp_path):
    """Which lies in another folder, of which nothing else is given."""
    root = here("tree")
    (root / ".git").write_text(f"gitdir: {tmp_path}/top/.git/worktrees/tree\n")
    assert Volumes() == find_volumes(root, (), tmp_path / "home")  # an engine would make what is not there
    here("top", git="top")
    assert Volumes(git_dir=str(tmp_path / "top" / ".git")) == find_volumes(root, (), tmp_path / "home")
