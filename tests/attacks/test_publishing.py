"""What leaves the machine: files of the commit, and what was built of it, by no link; and no token in what is said about it."""

from __future__ import annotations

import subprocess
import tarfile

import pytest

CONFIG = """version = 1
targets = ["aarch64"]
builder = "cross"
[release]
branch = ""
publish = ["directory"]
directory = "../published"
"""


@pytest.fixture
def release(crate, victim):
    """A crate that can be released, with its tag; and a secret of the user's."""
    (victim / "secret").write_text("not to be published")
    (crate / "crosstasks.toml").write_text(CONFIG)
    (crate / ".gitignore").write_text("target\ndist\n")
    (crate / "LICENSE").write_text("free\n")
    (crate / "README.md").symlink_to("LICENSE")
    (crate / "Cargo.lock").write_text('version = 3\n\n[[package]]\nname = "small"\nversion = "0.1.0"\n')
    (crate / "CHANGELOG.md").write_text("# Changelog\n\n## 0.1.0\n\n- All is new.\n")
    return crate


@pytest.fixture
def commit(release):
    """Commit all that is there, with its tag."""

    def act():
        config = ("-c", "user.name=u", "-c", "user.email=u@example.org")
        for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "first"), ("tag", "v0.1.0")):
            subprocess.run(("git", "-C", release, *config, *words), check=True, capture_output=True)

    return act


def packed(folder):
    """The names in the only archive, and all that they hold."""
    (path,) = (folder / "dist").glob("*.tar.gz")
    with tarfile.open(path) as tar:
        return {entry.name.partition("/")[2]: tar.extractfile(entry).read() for entry in tar if entry.isfile()}


def test_an_archive_holds_files_of_the_commit(release, commit, victim, crosstasks):
    """A link to a secret, hidden from git's status, and one that is committed, are left out; one to another file of the commit is not."""
    (release / "NOTICE").symlink_to(victim / "secret")
    commit()
    (release / ".git" / "info" / "exclude").write_text("README.zz\n")
    (release / "README.zz").symlink_to(victim / "secret")
    done = crosstasks("release.build", cwd=release)
    assert done.returncode == 0, done.stderr
    files = packed(release)
    assert {"LICENSE", "README.md", "CHANGELOG.md", "small"} == set(files)
    assert b"free\n" == files["README.md"]
    (release / "dist" / "SHA256SUMS.txt").symlink_to(victim / "secret")
    done = crosstasks("release.publish", "--yes", cwd=release)
    assert "SHA256SUMS.txt is a link, and is not published" in done.stderr
    assert not list(release.parent.rglob("published/*"))
    (release / "dist" / "SHA256SUMS.txt").unlink()
    done = crosstasks("release.publish", "--yes", cwd=release)
    assert done.returncode == 0, done.stderr


def test_a_build_that_changes_the_tree_is_not_packed(release, commit, hostile, crosstasks):
    """Its commit would not be what is in the archive; what lies in dist is not the build's to write."""
    hostile("changed_tree")
    (release / "crosstasks.toml").write_text(CONFIG)
    commit()
    done = crosstasks("release.build", cwd=release)
    assert 2 == done.returncode, done.stderr
    assert "the working tree changed while the release was built" in done.stderr
    assert not list((release / "dist").glob("*.tar.gz"))
    assert not (release / "dist" / "SHA256SUMS.txt").exists()


def test_a_program_of_the_cache_that_was_changed_makes_no_release(release, commit, crosstasks, environ, tmp_path):
    """Nothing fails that would tell: the compiler's library has one more byte; every file is compared before a release is packed."""
    from pathlib import Path

    from crosstasks.core.cache import ALL, COMPLETE

    commit()
    cache = tmp_path / "cache"
    cache.mkdir()
    shared = Path(environ["CROSSTASKS_CACHE_DIR"])
    for name in ("rustup", "debian", "images", "answers"):
        (cache / name).symlink_to(shared / name)
    tool = cache / "tools" / "cross-0.2.5-x86_64-unknown-linux-gnu"
    subprocess.run(("cp", "-r", "--parents", f"./tools/{tool.name}", cache), cwd=shared, check=True)
    for path in (shared / "tools").glob("[!.]*"):
        if path.name != tool.name:
            (cache / "tools" / path.name).symlink_to(path)
    more = next(
        path
        for path in sorted(tool.rglob("*"))
        if path.is_file()
        and str(path.relative_to(tool)) in (tool / ALL).read_text()
        and str(path.relative_to(tool)) not in (tool / COMPLETE).read_text()
    )
    more.write_bytes(more.read_bytes() + b"\n")
    done = crosstasks("release.build", cwd=release, CROSSTASKS_CACHE_DIR=str(cache))
    assert 5 == done.returncode, done.stderr
    assert "was damaged, and has been removed" in done.stderr


def test_a_token_in_what_gh_says_is_not_shown(release, commit, crosstasks, environ, tmp_path):
    """Neither one of the environment nor one of its own."""
    (release / "crosstasks.toml").write_text(CONFIG.replace('"directory"]', '"github"]'))
    commit()
    program = tmp_path / "bin" / "gh"
    program.parent.mkdir()
    own = "ghp_" + "x" * 36
    program.write_text(f'#!/bin/sh\necho "refused: Authorization: token $GITHUB_TOKEN, {own}" >&2\nexit 1\n')
    program.chmod(0o755)
    assert 0 == crosstasks("release.build", cwd=release).returncode
    path = f"{program.parent}:{environ['PATH']}"
    done = crosstasks("release.publish", "--yes", cwd=release, PATH=path, GITHUB_TOKEN="abcdefgh-1234567")
    assert "refused: Authorization: token ***, ***" in done.stderr
    assert "abcdefgh" not in done.stdout + done.stderr
