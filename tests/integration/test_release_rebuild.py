"""The same commit is built once more in another folder, and what differs is named."""

from __future__ import annotations

import gzip
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from crosstasks import pipeline
from crosstasks.core.errors import ConfigError
from crosstasks.extras.release.verify import again

NAME = "app-x86_64-unknown-linux-gnu-v1.0.0"


def git(folder, *words):
    subprocess.run(("git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words), check=True, cwd=folder, capture_output=True)


def package(root):
    """Build a folder with its paths taken out, and package the program so that its bytes follow from it alone."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "target"))
    flags = ("build", "--quiet", "--release", "--config", f'build.rustflags=["--remap-path-prefix={root}=/build"]')
    subprocess.run(("cargo", *flags), check=True, cwd=root)
    dist = Path(os.environ.get("CROSSTASKS_RELEASE_DIST", root / "dist"))
    dist.mkdir(exist_ok=True)
    with gzip.GzipFile(dist / f"{NAME}.tar.gz", "wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("app", "Cargo.toml"):
            path = target / "release" / name if name == "app" else root / name
            row = archive.gettarinfo(path, f"{NAME}/{name}")
            row.mtime, row.uid, row.gid, row.uname, row.gname = 0, 0, 0, "", ""
            with path.open("rb") as content:
                archive.addfile(row, content)
    return dist


@pytest.fixture
def project(tmp_path, environ):
    """A committed crate, and what acts on it."""
    folder = tmp_path / "project"
    subprocess.run(("cargo", "init", "--quiet", "--name", "app", str(folder)), check=True)
    (folder / ".gitignore").write_text("/target\n/dist\n")
    (folder / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\n')

    def committed(**files):
        for name, text in files.items():
            (folder / f"{name}.rs").write_text(text)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "all")
        return folder, pipeline.start(folder, environ=environ, say=lambda _line: None)

    return committed


def test_a_reproducible_build(project):
    """Nothing differs, and git knows of no other work tree afterwards."""
    folder, context = project()
    assert () == again(package(folder), context, package)
    listed = subprocess.run(("git", "worktree", "list"), cwd=folder, capture_output=True, text=True, check=True)
    assert 1 == len(listed.stdout.splitlines())


def test_a_reproducible_build_with_submodules(project, tmp_path):
    """What they hold is there again, one in another too, though their repositories have gone; no work tree is left in any of them."""
    for name, needed in (("inner", ""), ("outer", "inner")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "word.rs").write_text(f'"{name}"')
        git(tmp_path / name, "init", "--quiet")
        if needed:
            git(tmp_path / name, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / needed))
        git(tmp_path / name, "add", "--all")
        git(tmp_path / name, "commit", "--quiet", "--message", "all")
    folder, _ = project()
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "outer"), "libs/outer")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", "--recursive")
    for name in ("inner", "outer"):
        (tmp_path / name).rename(tmp_path / f"{name}-gone")
    places = ("libs/outer", "libs/outer/inner")
    words = ", ".join(f'include!("../{place}/word.rs")' for place in places)
    (folder / "src" / "main.rs").write_text(f'fn main() {{ println!("{{}} {{}}", {words}); }}\n')
    folder, context = project()
    assert () == again(package(folder), context, package)
    for place in (".", *places):
        listed = subprocess.run(("git", "worktree", "list"), cwd=folder / place, capture_output=True, text=True, check=True)
        assert 1 == len(listed.stdout.splitlines())
    assert (
        ""
        == subprocess.run(
            ("git", "status", "--porcelain", "--untracked-files=no"), cwd=folder, capture_output=True, text=True, check=True
        ).stdout
    )


def test_a_build_that_holds_its_own_folder(project):
    """The file is named that differs, and the section in it."""
    folder, context = project(build='fn main() { println!("cargo:rustc-env=HERE={}", std::env::var("OUT_DIR").unwrap()); }\n')
    (folder / "src" / "main.rs").write_text('fn main() { println!("{}", env!("HERE")); }\n')
    git(folder, "commit", "--quiet", "--all", "--message", "more")
    found = [row for row in again(package(folder), context, package) if "differs" in row.what]
    assert [f"{NAME}/app"] == [row.member for row in found]
    assert "differs in .rodata, " in found[0].what
    assert found[0].offset > 0


def test_what_is_not_committed_is_refused(project):
    """A changed file would make the comparison say nothing; untracked ones do not."""
    folder, context = project()
    (folder / "notes").write_text("new")
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    with pytest.raises(ConfigError, match="the last commit") as failed:
        again(folder / "dist", context, package)
    assert "src/main.rs" in failed.value.why


def test_a_second_build_that_fails_leaves_nothing(project):
    """The work tree goes also then."""
    folder, context = project()

    def fails(root):
        raise ConfigError(f"no build in {root.name}")

    with pytest.raises(ConfigError, match="no build in tree"):
        again(folder / "dist", context, fails)
    listed = subprocess.run(("git", "worktree", "list"), cwd=folder, capture_output=True, text=True, check=True)
    assert 1 == len(listed.stdout.splitlines())
