"""What a container may write: its target folder and the workspace, and nothing that others read or obey."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def contents(folder):
    """All files below a folder, with what they hold."""
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink()
    }


@pytest.fixture
def home(tmp_path):
    """A CARGO_HOME of the test's own: what is poisoned is not the machine's."""
    folder = tmp_path / "cargo-home"
    folder.mkdir()
    return folder


def repository(folder):
    """Make a git repository of a folder, with all in it committed."""
    config = ("-c", "user.name=u", "-c", "user.email=u@example.org", "-c", "init.defaultBranch=main")
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "first")):
        subprocess.run(("git", "-C", folder, *config, *words), check=True, capture_output=True)


def test_no_source_of_another_crate_is_changed(hostile, built, home):
    """The caches of registry and git are read-only in the container: what the host's cargo takes from them is as it was fetched."""
    crate = hostile("poisoned_registry")
    (crate / "Cargo.toml").write_text((crate / "Cargo.toml").read_text() + '[dependencies]\ncfg-if = "=1.0.0"\n')
    done, result = built(cwd=crate, CARGO_HOME=str(home))
    assert 0 == result["code"], done.stderr
    sources = [text for name, text in contents(home / "registry" / "src").items() if name.endswith(".rs")]
    assert sources
    assert not any(b"poisoned" in text for text in sources)
    assert [] == list(home.rglob("POISON"))


def test_no_project_gives_orders_to_another(crate, hostile, built, tmp_path):
    """CARGO_HOME in the container is one run's: what a build script writes there is gone with it."""
    other = tmp_path / "other"
    shutil.copytree(crate, other)
    (other / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\nbuilder = "cross"\n')
    assert 0 == built(cwd=hostile("poisoned_home"))[1]["code"]
    done, result = built(cwd=other)
    assert 0 == result["code"], done.stderr


@pytest.mark.parametrize("below", ["", "services/api"])
def test_no_orders_are_left_in_the_repository(below, crate, hostile, built, tmp_path):
    """Neither git's nor cargo's, nor anything around the workspace, nor in the host's own target folder; below the top as well."""
    top = tmp_path / "top"
    (top / "beside").mkdir(parents=True)
    (top / "beside" / "file").write_text("")
    (top / ".gitignore").write_text("target\nCargo.lock\nvictim.txt\n")
    workspace = top / below if below else top
    shutil.copytree(hostile("poisoned_repository"), workspace, dirs_exist_ok=True)
    for folder in (workspace / ".cargo", workspace / "target" / "debug"):
        folder.mkdir(parents=True)
    (workspace / ".cargo" / "config.toml").write_text("")
    repository(top)
    watched = (top / ".git", top / "beside", workspace / ".cargo", workspace / "target" / "debug")
    # git itself writes its index anew when it is asked
    before = [{name: text for name, text in contents(folder).items() if name != "index"} for folder in watched]
    done, result = built(cwd=workspace)
    after = [{name: text for name, text in contents(folder).items() if name != "index"} for folder in watched]
    assert 0 == result["code"], done.stderr
    if not below:  # beside what lies in the workspace itself, which cross has to mount
        before[1] = after[1] = {}
    assert before == after


def test_no_path_dependency_is_changed(crate, hostile, built, tmp_path):
    """Cross mounts it read-write; the container has it read-only."""
    dependency = crate.parent / "dependency"
    (dependency / "src").mkdir(parents=True)
    (dependency / "Cargo.toml").write_text('[package]\nname = "dependency"\nversion = "0.1.0"\nedition = "2021"\n')
    (dependency / "src" / "lib.rs").write_text("")
    hostile("poisoned_repository")
    (crate / "Cargo.toml").write_text((crate / "Cargo.toml").read_text() + '[dependencies]\ndependency = { path = "../dependency" }\n')
    done, result = built(cwd=crate)
    assert 0 == result["code"], done.stderr
    assert "" == (dependency / "src" / "lib.rs").read_text()
