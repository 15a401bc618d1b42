"""A release from a clean tree to what others can fetch: with git, cargo, a registry and a full disk that are real."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import github_places
import pytest
import release_places
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

HOST = "x86_64-unknown-linux-gnu"
OPTIONS = 'version = 1\ntargets = ["x86_64"]\nbuilder = "cargo"\n\n[release]\n'
MAIN = """\
fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.len() > 1 && words[1] == "--version" { println!("small {}", env!("CARGO_PKG_VERSION")); return; }
    let _ = words.get(7).expect("a word");
}
"""
IDENTITY = {f"GIT_{who}_{what}": "someone@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder, *words):
    return subprocess.run(("git", *words), cwd=folder, check=True, capture_output=True, text=True, env=os.environ | IDENTITY).stdout


def committed(folder, message="Change"):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


@pytest.fixture
def project(tmp_path):
    """A git repository with a crate that needs nothing, built by plain cargo for the machine itself."""
    folder = tmp_path / "small"
    (folder / "src").mkdir(parents=True)
    files = {
        "Cargo.toml": '[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\nlicense = "MIT"\ndescription = "Small"\n',
        "Cargo.lock": 'version = 3\n\n[[package]]\nname = "small"\nversion = "0.1.0"\n',
        "src/main.rs": MAIN,
        ".gitignore": "/target/\n/dist/\n",
        "LICENSE": "MIT\n",
        "README.md": "# small\n",
        "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n- All of it.\n",
        "crosstasks.toml": OPTIONS,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    git(folder, "init", "--quiet", "--initial-branch=main")
    committed(folder, "All of it")
    return folder


@pytest.fixture
def release(crosstasks):
    """Call a task of a release; what is said is one text."""

    def call(task, *words, cwd, **env):
        return crosstasks(task, *words, cwd=cwd, **IDENTITY, **env)

    return call


def options(folder, text):
    (folder / "crosstasks.toml").write_text(OPTIONS + text)
    committed(folder)


def test_a_release_goes_to_a_directory(project, release, tmp_path):
    """One call bumps, commits, tags, builds, packs and publishes; the next has nothing to do; the program runs where it is unpacked."""
    options(project, 'publish = ["directory"]\ndirectory = "../published/{package}/{version}"\n')
    done = release("release", "--bump", "minor", "--yes", cwd=project)
    assert done.returncode == 0, done.stderr
    assert git(project, "cat-file", "-t", "v0.2.0") == "tag\n"
    assert git(project, "status", "--porcelain") == ""
    assert "Release 0.2.0\n" == git(project, "log", "-1", "--format=%s")
    stem = f"small-{HOST}-v0.2.0"
    published = tmp_path / "published" / "small" / "0.2.0"
    subprocess.run(("sha256sum", "--check", "--quiet", "SHA256SUMS", f"{stem}.tar.gz.sha256"), cwd=published, check=True)
    subprocess.run(("tar", "-xzf", published / f"{stem}.tar.gz"), cwd=tmp_path, check=True)
    said = subprocess.run((tmp_path / stem / "small", "--version"), check=True, capture_output=True, text=True).stdout
    assert (said, sorted(os.listdir(tmp_path / stem))) == ("small 0.2.0\n", ["CHANGELOG.md", "LICENSE", "README.md", "small"])
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str((published / f"{stem}.cdx.json").read_text()) is None
    assert json.loads((published / "metadata.json").read_text())["commit"] == git(project, "rev-parse", "HEAD").strip()
    status = release("release.status", "--format", "json", cwd=project)
    assert json.loads(status.stdout)["complete"] is True, status.stdout
    again = release("release", "--bump", "minor", "--yes", cwd=project)
    assert again.returncode == 0, again.stderr
    assert (git(project, "tag"), ": published" in again.stdout) == ("v0.2.0\n", False)


def test_two_folders_give_the_same_bytes(project, release, tmp_path):
    """Debug information included; the name of neither folder is in a program."""
    with (project / "Cargo.toml").open("a") as manifest:
        manifest.write("\n[profile.release]\ndebug = true\n")
    committed(project)
    other = tmp_path / "quite" / "another" / "folder"
    git(tmp_path, "clone", "--quiet", str(project), str(other))
    for folder in (project, other):
        done = release("release.build", cwd=folder)
        assert done.returncode == 0, done.stderr
    names = [path.name for path in (project / "dist").iterdir() if path.is_file()]
    assert f"small-{HOST}-v0.1.0.tar.gz" in names
    assert [(project / "dist" / name).read_bytes() for name in names] == [(other / "dist" / name).read_bytes() for name in names]
    program = (project / "target" / "crosstasks" / HOST / "release" / "small").read_bytes()
    assert str(tmp_path).encode() not in program
    assert b"/source" in program


def test_a_shared_target_folder_is_no_part_of_a_second_build(project, release, tmp_path):
    """Two folders build into the one that the user names; --rebuild has folders of its own, and finds the same packages in both."""
    needed = project / "base"
    (needed / "src").mkdir(parents=True)
    (needed / "Cargo.toml").write_text('[package]\nname = "base"\nversion = "0.1.0"\nedition = "2021"\n')
    (needed / "src" / "lib.rs").write_text("pub fn all() -> u32 { 1 }\n")
    with (project / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\nbase = { path = "base" }\n')
    subprocess.run(("cargo", "generate-lockfile", "--quiet", "--offline"), cwd=project, check=True)
    committed(project)
    other = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", str(project), str(other))
    shared = tmp_path / "shared"
    env = {"CARGO_TARGET_DIR": str(shared / "target")}
    for folder in (project, other):
        env["CROSSTASKS_RELEASE_DIST"] = str(shared / folder.name)
        done = release("release.build", "--skip=sbom", cwd=folder, **env)
        assert done.returncode == 0, done.stderr
    before = {path: path.stat().st_mtime_ns for path in shared.rglob("*") if path.is_file()}
    for folder in (project, other):
        env["CROSSTASKS_RELEASE_DIST"] = str(shared / folder.name)
        done = release("release.verify", "--rebuild", cwd=folder, **env)
        assert done.returncode == 0, done.stderr
        assert "a second build of the same commit gives the same packages, byte for byte" in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in shared.rglob("*") if path.is_file()}


def test_a_release_through_cross(project, release):
    """Real cross builds it, the image's QEMU starts it, every promise is kept, and a second build in another folder is the same."""
    shared = ("aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64")  # with one toolchain and one image, as the other tests have
    (project / "crosstasks.toml").write_text(f"version = 1\ntargets = {list(shared)}\nbuilder = 'cross'\n")
    committed(project)
    done = release("release.build", "--snapshot", "--target", "aarch64", "--format", "json", cwd=project)
    assert done.returncode == 0, done.stderr
    (part,) = json.loads(done.stdout)["targets"]
    assert part["route"].startswith("cross 0.2.5"), part["route"]
    assert part["notes"] == ["cargo-auditable is no part of cross's images: the SBOM beside the archive says what is in it"]
    verified = release("release.verify", "--rebuild", "--target", "aarch64", "--format", "json", cwd=project)
    assert verified.returncode == 0, verified.stderr
    told = json.loads(verified.stdout)
    states = {row["check"]: row["state"] for row in told["findings"]}
    assert {name for name, state in states.items() if state == "ok"} == set(states) - {"static"}
    assert (states["smoke"], told["differences"]) == ("ok", [])


@pytest.mark.parametrize(
    "flags",
    [
        '[build]\nrustflags = ["--cfg", "mine"]\n',
        f'[target.{HOST}]\nrustflags = "--cfg mine"\n',
        '[target.\'cfg(unix)\']\nrustflags = ["--cfg", "mine"]\n[build]\nrustflags = []\n',
        "RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
    ],
)
def test_the_users_own_flags_stay_beside_ours(project, release, tmp_path, flags):
    """Wherever cargo takes them from: a program knows its flag, and not the folder that it was built in.

    Which arguments each place leads to, tests/unit/building/test_environment_flags.py has; here cargo joins a list, a text and a variable.
    """
    line = 'fn main() {\n    if !cfg!(mine) { panic!("{}", file!()); }'
    (project / "src" / "main.rs").write_text("#![allow(unexpected_cfgs)]\n" + MAIN.replace("fn main() {", line))
    with (project / "Cargo.toml").open("a") as manifest:
        manifest.write("\n[profile.release]\ndebug = true\n")
    env = {}
    if "[" in flags:
        (project / ".cargo").mkdir()
        (project / ".cargo" / "config.toml").write_text(flags)
    else:
        env[flags] = "--cfg mine"
    committed(project)
    done = release("release.build", "--skip=sbom", cwd=project, **env)
    assert done.returncode == 0, done.stderr
    program = project / "target" / "crosstasks" / HOST / "release" / "small"
    assert 0 == subprocess.run((program, "--version"), check=False).returncode
    assert str(tmp_path).encode() not in program.read_bytes()


def test_packages_of_a_monorepo_have_tags_of_their_own(project, release):
    """One is released with its own changelog, and the other stays as it is."""
    (project / "Cargo.toml").write_text('[workspace]\nmembers = ["server", "client"]\nresolver = "2"\n')
    for name in ("server", "client"):
        (project / name / "src").mkdir(parents=True)
        (project / name / "src" / "main.rs").write_text("fn main() {}\n")
        (project / name / "Cargo.toml").write_text(f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n')
    (project / "server" / "CHANGELOG.md").write_text("## Unreleased\n\n- Serves.\n")
    subprocess.run(("cargo", "generate-lockfile", "--quiet", "--offline"), cwd=project, check=True)
    options(project, 'tag = "{package}-v{version}"\n')
    done = release("release", "--package", "server", "--bump", "minor", "--yes", cwd=project)
    assert done.returncode == 0, done.stderr
    assert git(project, "tag") == "server-v0.2.0\n"
    changed = git(project, "show", "--name-only", "--format=%s").split()
    assert changed == ["Release", "server", "0.2.0", "Cargo.lock", "server/CHANGELOG.md", "server/Cargo.toml"]
    archives = [path.name for path in (project / "dist").glob("*.tar.gz")]
    assert archives == [f"server-{HOST}-v0.2.0.tar.gz"]
    again = release("release.verify", "--rebuild", cwd=project)
    assert again.returncode == 0, again.stderr


def test_dry_run_says_what_would_be_done_and_does_nothing(project, release):
    """A patch of the files, the commands, and nothing else."""
    done = release("release", "--bump", "1.0.0", "--dry-run", cwd=project)
    assert done.returncode == 0, done.stderr
    for line in ('+version = "1.0.0"', "git commit --message 'Release 1.0.0' -- ", "git tag --annotate --message 'Release 1.0.0' v1.0.0"):
        assert line in done.stdout
    assert (git(project, "status", "--porcelain"), git(project, "tag"), (project / "dist").exists()) == ("", "", False)


def test_without_a_terminal_a_yes_has_to_be_said(project, release):
    """Nothing is done before."""
    done = release("release.prepare", "--bump", "patch", cwd=project)
    assert (done.returncode, git(project, "tag")) == (2, "")
    assert "--yes confirms" in done.stderr


@pytest.mark.parametrize(("answer", "tag"), [("n", ""), ("y", "v0.1.1\n")])
def test_on_a_terminal_it_is_asked_once(project, environ, answer, tag):
    """What would be done is shown, and only a yes does it."""
    own, theirs = pty.openpty()
    argv = (sys.executable, "-m", "crosstasks", "release.prepare", "--bump", "patch")
    child = subprocess.Popen(argv, cwd=project, env=environ | IDENTITY, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    os.write(own, f"{answer}\n".encode())
    said = b""
    with suppress(OSError):  # Linux's end of a terminal
        while chunk := os.read(own, 65536):
            said += chunk
    os.close(own)
    assert (child.wait(60), git(project, "tag")) == (0, tag), said
    assert (said.count(b"go on? [y/N]"), b"git tag --annotate --message 'Release 0.1.1' v0.1.1" in said) == (1, True)


def _dirty(project):
    (project / "new.rs").write_text("")


def _tagged(project):
    git(project, "tag", "v0.1.0")
    (project / "README.md").write_text("changed")
    committed(project)


def _latin(project):
    (project / "CHANGELOG.md").write_bytes("# Changelog\n\n## Unreleased\n\n- Größer.\n".encode("latin-1"))
    committed(project)


def _branch(project):
    options(project, 'branch = "stable"\n')


@pytest.mark.parametrize(
    ("spoilt", "bump", "said"),
    [
        (_dirty, "minor", "new.rs"),
        (_tagged, "", "the tag v0.1.0 exists already"),
        (_latin, "minor", "CHANGELOG.md is not UTF-8"),
        (_branch, "minor", "releases are made on stable, and this is main"),
        (None, "0.0.9", "the new version 0.0.9 is lower than"),
    ],
)
def test_what_is_no_release_is_refused(project, release, spoilt, bump, said):
    """Each with its reason, exit code 2, and nothing changed."""
    if spoilt:
        spoilt(project)
    before = git(project, "log", "--format=%H"), git(project, "tag"), git(project, "status", "--porcelain")
    done = release("release.prepare", "--yes", *(("--bump", bump) if bump else ()), cwd=project)
    assert done.returncode == 2
    assert said in done.stderr
    assert before == (git(project, "log", "--format=%H"), git(project, "tag"), git(project, "status", "--porcelain"))


def test_a_prepared_release_is_taken_up_where_it_stopped(project, release):
    """A lock refuses the commit, then another the tag: each call goes on, and the version is bumped once. A hook of git is not asked."""
    hook = project / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    index = project / ".git" / "index.lock"
    index.touch()
    words = ("release.prepare", "--bump", "minor", "--yes")
    first = release(*words, cwd=project)
    assert (first.returncode, "index.lock" in first.stderr) == (1, True), first.stderr
    index.unlink()
    lock = project / ".git" / "refs" / "tags" / "v0.2.0.lock"
    lock.touch()
    second = release(*words, cwd=project)
    assert (second.returncode, git(project, "log", "-1", "--format=%s")) == (1, "Release 0.2.0\n")
    lock.unlink()
    third = release(*words, cwd=project)
    assert third.returncode == 0, third.stderr
    assert (git(project, "tag"), git(project, "rev-list", "--count", "HEAD")) == ("v0.2.0\n", "2\n")


@pytest.mark.parametrize("ignored", [False, True], ids=["committed", "ignored"])
def test_a_lock_file_that_does_not_fit_is_refused_before_the_commit(project, release, ignored):
    """One without a dependency, or one of the last version that git ignores: after what the hint says the same call makes the release."""
    if ignored:
        (project / ".gitignore").write_text("/target/\n/dist/\n/Cargo.lock\n")
        git(project, "rm", "--quiet", "--cached", "Cargo.lock")
    else:
        (project / "base" / "src").mkdir(parents=True)
        (project / "base" / "src" / "lib.rs").write_text("")
        (project / "base" / "Cargo.toml").write_text('[package]\nname = "base"\nversion = "0.1.0"\nedition = "2021"\n')
        with (project / "Cargo.toml").open("a") as manifest:
            manifest.write('[dependencies]\nbase = { path = "base" }\n')
    committed(project)
    before = git(project, "rev-parse", "HEAD")
    words = ("release.prepare", "--bump", "minor", "--yes")
    first = release(*words, cwd=project)
    assert (first.returncode, "Cargo.lock does not fit" in first.stderr, "--locked was passed" in first.stderr) == (1, True, True), (
        first.stderr
    )
    assert (before, "") == (git(project, "rev-parse", "HEAD"), git(project, "tag"))
    subprocess.run(("cargo", "update", "--workspace", "--quiet", "--offline"), cwd=project, check=True)
    git(project, "add", "--force", "Cargo.lock")
    git(project, "commit", "--quiet", "--message", "Take on Cargo.lock", "--", "Cargo.lock")
    second = release(*words, cwd=project)
    assert (second.returncode, git(project, "tag")) == (0, "v0.2.0\n"), second.stderr


def test_a_cargo_that_knows_no_crates_stops_no_release(project, release, tmp_path):
    """It fails as well, offline and with nothing fetched, and says nothing of the lock file."""
    with (project / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\ncfg-if = "1"\n')
    source = f'source = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "{"0" * 64}"\n'
    lock = f'version = 3\n\n[[package]]\nname = "cfg-if"\nversion = "1.0.0"\n{source}\n[[package]]\nname = "small"\n'
    (project / "Cargo.lock").write_text(f'{lock}version = "0.1.0"\ndependencies = [\n "cfg-if",\n]\n')
    committed(project)
    done = release("release.prepare", "--bump", "minor", "--yes", cwd=project, CARGO_HOME=str(tmp_path / "cargo"))
    assert (done.returncode, git(project, "tag")) == (0, "v0.2.0\n"), done.stderr


def test_a_snapshot_is_made_of_what_is_not_committed(project, release):
    """Its version tells the commit, and it is not published."""
    (project / "new.txt").write_text("")
    assert release("release.build", cwd=project).returncode == 2
    done = release("release.build", "--snapshot", "--skip=sbom", cwd=project)
    assert done.returncode == 0, done.stderr
    commit = git(project, "rev-parse", "HEAD")[:9]
    (archive,) = json.loads((project / "dist" / "artifacts.json").read_text())["artifacts"]
    assert archive["name"] == f"small-{HOST}-v0.1.0-SNAPSHOT-{commit}-dirty.tar.gz"
    assert release("release.publish", "--snapshot", "--yes", cwd=project).returncode == 2


def test_a_snapshot_of_one_target_is_whole(project, release):
    """What is selected is what is counted, by an option or a variable: one of one, and nothing is left to do."""
    (project / "crosstasks.toml").write_text(OPTIONS.replace('["x86_64"]', '["aarch64", "x86_64", "s390x"]'))
    committed(project)
    named = release("release", "--snapshot", "--yes", "--target", "x86_64", cwd=project)
    by_variable = release("release.status", cwd=project, CROSSTASKS_TARGETS="x86_64")
    assert (0, True) == (named.returncode, "1 of 1 targets" in named.stdout), named.stderr
    assert "1 of 1 targets" in by_variable.stdout
    assert "1 of 3 targets" in release("release.status", cwd=project).stdout


def test_a_wrong_part_to_skip_lists_the_right_ones(project, release):
    """With the likely one."""
    done = release("release.build", "--skip=sbon", cwd=project)
    assert done.returncode == 2
    assert "'sbon', perhaps 'sbom'" in done.stderr


def test_one_target_fails_and_the_others_are_finished(project, release):
    """Side by side: exit code 1, the archive of the other is there, status tells, and the next call builds only what is left."""
    (project / "src" / "main.rs").write_text('#[cfg(target_arch = "aarch64")]\ncompile_error!("not here");\n' + MAIN)
    own = '[target.aarch64]\nbuilder = "zigbuild"\n'
    (project / "crosstasks.toml").write_text(OPTIONS.replace('["x86_64"]', '["aarch64", "x86_64"]') + own)
    committed(project)
    done = release("release.build", "--jobs", "2", cwd=project)
    assert done.returncode == 1, done.stderr
    assert "error: aarch64-unknown-linux-gnu: aarch64-unknown-linux-gnu does not build" in done.stderr
    log = project / "target" / "crosstasks" / "logs" / "aarch64-unknown-linux-gnu.log"
    assert "not here" in log.read_text()
    listed = [one["target"] for one in json.loads((project / "dist" / "artifacts.json").read_text())["artifacts"]]
    assert listed == [HOST, HOST]
    rows = {row["detail"] for row in json.loads(release("release.status", "--format", "json", cwd=project).stdout)["rows"]}
    assert any(found.startswith("aarch64-unknown-linux-gnu failed: ") for found in rows)
    again = release("release.build", "--target", "x86_64", cwd=project)
    assert (again.returncode, "kept from before" in again.stdout) == (0, True)


def test_a_full_disk_ends_publishing_and_the_next_call_goes_on(project, release):
    """Into a folder of the repository, which does not make the tree dirty: what fits is there, whole, and nothing else."""
    options(project, 'publish = ["directory"]\ndirectory = "published/{version}"\n')
    place = project / "published"
    place.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)), check=True)
    try:
        done = release("release", "--yes", cwd=project)
        assert (done.returncode, "No space left on device" in done.stderr) == (1, True), done.stderr
        there = [path for path in (place / "0.1.0").iterdir() if path.read_bytes() != (project / "dist" / path.name).read_bytes()]
        assert there == []
        subprocess.run(("mount", "-o", "remount,size=4m", str(place)), check=True)
        again = release("release", "--yes", cwd=project)
        assert again.returncode == 0, again.stderr
        assert (place / "0.1.0" / f"small-{HOST}-v0.1.0.tar.gz").exists()
    finally:
        subprocess.run(("umount", str(place)), check=True)


def test_a_full_disk_leaves_nothing_half_written(project, release):
    """The archive is not there, what failed is said, and with room the next call makes it."""
    dist = project / "dist"
    dist.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(dist)), check=True)
    try:
        done = release("release.build", "--skip=sbom", cwd=project)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert [path.name for path in dist.iterdir() if path.suffix == ".gz" or "tar" in path.name] == []
    finally:
        subprocess.run(("umount", str(dist)), check=True)
    assert release("release.build", "--skip=sbom", cwd=project).returncode == 0


def running(process):
    """Tell whether a process does anything yet; one that has ended may wait for a container's first process to ask for its end."""
    try:
        return Path("/proc", process, "stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except OSError:
        return False


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_a_build_and_the_next_call_goes_on(project, environ, release, jobs):
    """Whatever was started is ended, and no archive is there."""
    (project / "build.rs").write_text(
        'fn main() { let me = std::process::id(); std::fs::write(format!("/proc/self/cwd/target/slow-{me}"), "").unwrap();\n'
        'if std::path::Path::new("/proc/self/cwd/target/wait").exists() { std::thread::sleep(std::time::Duration::from_secs(120)); } }\n'
    )
    (project / "crosstasks.toml").write_text(OPTIONS.replace('["x86_64"]', '["x86_64", "i686"]'))
    committed(project)
    (project / "target").mkdir()
    (project / "target" / "wait").touch()
    argv = (sys.executable, "-m", "crosstasks", "release.build", "--jobs", jobs, "--target", "x86_64", "--target", "i686")
    child = subprocess.Popen(argv, cwd=project, env=environ | IDENTITY, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not (slow := list((project / "target").glob("slow-*"))) and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.1)
    assert slow
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130, err.decode()
    assert [path.name for path in slow if running(path.name.removeprefix("slow-"))] == []
    assert list((project / "dist").glob("*.tar.gz")) == []
    (project / "target" / "wait").unlink()
    done = release("release.build", "--target", "x86_64", cwd=project)
    assert done.returncode == 0, done.stderr


WAITS = """\
#!{python}
import pathlib, sys, time
if pathlib.Path({wait!r}).exists():
    pathlib.Path({wait!r} + "ing").touch()
    time.sleep(120)
if "-bsau" in sys.argv:
    print("-----BEGIN PGP SIGNATURE-----\\n-----END PGP SIGNATURE-----")
    print("\\n[GNUPG:] SIG_CREATED ", file=sys.stderr)
if sys.argv[2:3] == ["view"]:
    sys.exit("release not found")
"""
"""A program that waits while a file is there: a hook of ours, gh, or what git has commits signed by."""


SLOW = 'if std::path::Path::new("dist/wait").exists() { std::fs::write("dist/waiting", "").unwrap(); loop {} }'


@pytest.mark.parametrize("stage", ["prepare", "verify", "hooks", "publish"])
def test_ctrl_c_ends_every_stage_and_the_next_call_goes_on(project, environ, release, tmp_path, stage):
    """What git, the program, a hook or gh is doing is ended with exit code 130, and the same call then comes to its end."""
    (project / "dist").mkdir()
    wait = (project / "dist" if stage == "verify" else tmp_path) / "wait"
    program = tmp_path / {"prepare": "gpg", "hooks": "sign"}.get(stage, "gh")
    if stage == "verify":
        (project / "src" / "main.rs").write_text(MAIN.replace("fn main() {", f"fn main() {{ {SLOW}"))
    more = f'hooks = [["{program}", "{{checksums}}"]]\n' if stage == "hooks" else 'profile = "release"\n'
    options(project, f'publish = ["github"]\n{more}' if stage == "publish" else f"{more}# {stage}\n")
    if stage == "prepare":
        git(project, "config", "commit.gpgsign", "true")
        git(project, "config", "gpg.program", str(program))
    program.write_text(WAITS.format(python=sys.executable, wait=str(wait)))
    program.chmod(0o755)
    wait.touch()
    env = environ | IDENTITY | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    argv = (sys.executable, "-m", "crosstasks", "release", "--yes", "--bump", "minor")
    child = subprocess.Popen(argv, cwd=project, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not wait.with_name("waiting").exists() and time.monotonic() < deadline and child.poll() is None:
        time.sleep(0.1)
    child.send_signal(signal.SIGINT)
    _, err = child.communicate(timeout=60)
    assert (child.returncode, wait.with_name("waiting").exists()) == (130, True), err.decode()
    wait.unlink()
    words = ("release", "--yes", "--bump", "minor", *(["--skip=publish"] if stage == "publish" else []))
    done = release(*words, cwd=project, PATH=env["PATH"])
    assert done.returncode == 0, done.stderr
    assert (git(project, "tag"), (project / "dist" / f"small-{HOST}-v0.2.0.tar.gz").exists()) == ("v0.2.0\n", True)


def test_hooks_sign_what_is_listed(project, release, tmp_path):
    """Once for every file, with its line of SHA256SUMS; what they make is published; one that says no ends the call."""
    script = tmp_path / "sign.py"
    script.write_text('import os, sys\nopen(sys.argv[1] + ".sig", "w").write(os.environ["CROSSTASKS_SUBJECTS"])\n')
    published = 'publish = ["directory"]\ndirectory = "../published"\n'
    options(project, f'{published}hooks = [["{sys.executable}", "{script}", "{{artifact}}"]]\n')
    done = release("release", "--yes", cwd=project)
    assert done.returncode == 0, done.stderr
    sums = (project / "dist" / "SHA256SUMS").read_text().splitlines(keepends=True)
    assert sums == [(tmp_path / "published" / f"{line.split()[1]}.sig").read_text() for line in sums]
    options(project, f'{published}hooks = [["false", "{{checksums}}"]]\n')
    failed = release("release.sign", cwd=project)
    assert (failed.returncode, "the hook 'false' ended with 1" in failed.stderr) == (1, True)


def test_signing_says_what_it_did(project, release):
    """Each call, or why there was none."""
    none = release("release.sign", cwd=project)
    assert (none.returncode, "no hook is configured to sign with" in none.stderr) == (3, True)
    options(project, 'hooks = [["true", "{artifact}"]]\n')
    empty = release("release.sign", cwd=project)
    assert (empty.returncode, "there is nothing to sign in " in empty.stderr) == (3, True)
    release("release.build", "--skip=sbom", cwd=project)
    said = [release("release.sign", *words, cwd=project).stdout for words in (["--skip=hooks"], [], [])]
    archive = project / "dist" / f"small-{HOST}-v0.1.0.tar.gz"
    assert said == ["nothing was signed: --skip leaves hooks out\n", f"true {archive}\n", "everything is signed already\n"]


def test_a_locale_without_the_letters(project, release):
    """The table of a release is written with escapes; a file that cannot be named ends in a message."""
    (project / "new-größer.rs").touch()
    ascii_ = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = release("release.status", cwd=project, **ascii_)
    assert done.returncode == 0, done.stderr
    assert "not committed: new-gr\\xf6\\xdfer.rs" in done.stdout
    options(project, 'changelog = "ÄNDERUNGEN.md"\n')
    other = release("release.status", cwd=project, **ascii_)
    assert (other.returncode, "\\xc4NDERUNGEN.md cannot be named here" in other.stderr) == (2, True)


def test_a_file_that_differs_is_not_replaced(project, release, tmp_path):
    """What others may have fetched stays as it is."""
    options(project, 'publish = ["directory"]\ndirectory = "../published"\n')
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "SHA256SUMS").write_text("other")
    done = release("release", "--yes", cwd=project)
    assert done.returncode == 1
    assert "SHA256SUMS is published already, and differs" in done.stderr
    assert (tmp_path / "published" / "SHA256SUMS").read_text() == "other"


@pytest.fixture
def hub(tmp_path):
    """The stand-in for GitHub, and the environment in which the real gh asks it."""
    with github_places.github(tmp_path) as server:
        env = {
            "PATH": f"{github_places.program(tmp_path / 'gh')}:{os.environ['PATH']}",
            "GH_HOST": server.host,
            "GH_ENTERPRISE_TOKEN": "not-to-be-printed",
            "GH_CONFIG_DIR": str(tmp_path / "config"),
            "SSL_CERT_FILE": str(tmp_path / "cert.pem"),
        }
        yield server, env


def test_github_is_given_a_draft_that_is_shown_when_it_is_full(project, release, hub):
    """An upload that is cut off leaves a draft; the next call uploads what is left, and what differs is refused. No token is printed."""
    server, env = hub
    options(project, 'publish = ["github"]\nrepository = "example/small"\n')
    said = [release("release", "--yes", cwd=project, **env)]
    assert (said[0].returncode, server.releases) == (1, [])
    assert "push the tag first: nothing is pushed for you" in said[0].stderr

    server.tags, server.fails = {"v0.1.0"}, "SHA256SUMS"
    said.append(release("release", "--yes", cwd=project, **env))
    assert (said[1].returncode, "`gh release upload` failed" in said[1].stderr) == (1, True), said[
        1
    ].stderr  # gh tries it again, and is told 422
    (draft,) = server.releases
    assert (draft["draft"], draft["body"], draft["prerelease"]) == (True, "- All of it.", False)

    server.fails = ""
    said.append(release("release.publish", "--yes", cwd=project, **env))
    assert said[2].returncode == 0, said[2].stderr
    assert (server.asked.count("create"), draft["draft"], {asset["state"] for asset in draft["assets"]}) == (1, False, {"uploaded"})
    dist = project / "dist"
    assert {name: asset["body"] for name, asset in server.assets().items()} == {
        p.name: p.read_bytes() for p in dist.iterdir() if p.is_file()
    }

    uploads = server.asked.count("upload")
    said.append(release("release.publish", "--yes", cwd=project, **env))
    assert (said[3].returncode, server.asked.count("upload")) == (0, uploads), said[3].stderr

    server.assets()["metadata.json"]["body"] = bytes((dist / "metadata.json").stat().st_size)
    said.append(release("release.publish", "--yes", cwd=project, **env))
    assert (said[4].returncode, "metadata.json of v0.1.0 on GitHub is published already, and differs" in said[4].stderr) == (1, True)
    assert server.tokens == {"token not-to-be-printed"}
    assert "not-to-be-printed" not in "".join(done.stdout + done.stderr for done in said)


@pytest.fixture
def library(project):
    """The program with a library, both for a registry."""
    library = project / "base"
    (library / "src").mkdir(parents=True)
    (library / "Cargo.toml").write_text(
        '[package]\nname = "small-base"\nversion = "0.1.0"\nedition = "2021"\nlicense = "MIT"\ndescription = "B"\n'
    )
    (library / "src" / "lib.rs").write_text("")
    with (project / "Cargo.toml").open("a") as manifest:
        manifest.write(
            '[dependencies]\nsmall-base = { path = "base", version = "0.1.0", registry = "own" }\n[workspace]\nmembers = ["base"]\n'
        )
    options(project, 'publish = ["registry"]\nregistry = "own"\n')
    return project


@pytest.fixture
def served(library, tmp_path):
    """A registry, and the environment in which cargo knows it."""
    with release_places.registry() as server:
        (library / ".cargo").mkdir()
        (library / ".cargo" / "config.toml").write_text(f'[registries.own]\nindex = "sparse+{server.url}/index/"\n')
        env = {"CARGO_REGISTRIES_OWN_TOKEN": "not-to-be-printed", "CARGO_HOME": str(tmp_path / "cargo")}
        subprocess.run(("cargo", "generate-lockfile", "--quiet"), cwd=library, check=True, env=os.environ | env)
        committed(library)
        yield server, env


def test_crates_go_to_a_registry_in_order(library, served, release):
    """The library before the program that needs it; where it stopped it goes on; the token is sent, and never printed."""
    server, env = served
    server.refused.add("small")
    first = release("release", "--bump", "minor", "--yes", cwd=library, **env)
    assert (first.returncode, server.published) == (1, ["small-base 0.2.0"]), first.stderr
    server.refused.clear()
    dry = release("release.publish", "--dry-run", cwd=library, **env)
    assert (dry.returncode, server.published) == (0, ["small-base 0.2.0"]), dry.stderr
    second = release("release.publish", "--yes", cwd=library, **env)
    assert second.returncode == 0, second.stderr
    assert server.published == ["small-base 0.2.0", "small 0.2.0"]
    assert server.tokens == {"not-to-be-printed"}
    assert "not-to-be-printed" not in "".join(done.stdout + done.stderr for done in (first, dry, second))


def test_what_a_registry_has_is_compared(library, served, release):
    """By the checksum of what cargo packs: the same is left alone, another is refused, and so is what was taken back."""
    server, env = served
    done = release("release", "--yes", cwd=library, **env)
    assert (done.returncode, server.published) == (0, ["small-base 0.1.0", "small 0.1.0"]), done.stderr
    again = release("release.publish", "--yes", cwd=library, **env)
    assert again.returncode == 0, again.stderr
    for name in ("small", "small-base"):
        assert f"registry: {name} 0.1.0: is there, with the same content" in again.stdout
    (library / "new.rs").touch()  # cargo packs nothing then
    status = release("release.status", cwd=library, **env)
    assert "registry, with the same content, it could not be compared: 1 files in the working directory" in status.stdout
    (library / "new.rs").unlink()
    row = json.loads(server.index["small"][0])
    server.index["small"] = [json.dumps(row | {"yanked": True})]
    back = release("release.publish", "--yes", cwd=library, **env)
    assert (back.returncode, "small 0.1.0 was published, and is yanked" in back.stderr) == (1, True)
    server.index["small"] = [json.dumps(row | {"cksum": "0" * 64})]
    other = release("release.publish", "--yes", cwd=library, **env)
    assert (other.returncode, len(server.published)) == (1, 2)
    assert "small 0.1.0 is published already, and differs" in other.stderr
    assert "the registry has SHA-256 0000000000000000…, and cargo packs " in other.stderr
    told = json.loads(release("release.status", "--format", "json", cwd=library, **env).stdout)
    assert {"published": "wrong"}.items() <= {row["name"]: row["state"] for row in told["rows"]}.items()
