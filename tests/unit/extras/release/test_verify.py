"""What is said of the files of packages, as a table, as an error, and of a second build."""

from __future__ import annotations

import os
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from release_values import failed

from crosstasks.catalog import targets
from crosstasks.core import cache
from crosstasks.core.errors import ConfigError, NothingSelected
from crosstasks.core.results import Artifact
from crosstasks.extras.packaging.contents import Difference, Package
from crosstasks.extras.release import dist, verify
from crosstasks.extras.release.verify import Finding
from crosstasks.facts.inventory import Inventory
from crosstasks.testing import ARM64, toolchain
from crosstasks.verifying.checks import CHECKS

PROGRAM = Path(__file__).parents[2] / "data" / "elf" / "aarch64-gnu"
STEM = f"hello-{ARM64}-v0.1.0"
LEFT_OUT = {"target": {"aarch64": {"verify-skip": ["smoke"]}}}


@pytest.fixture
def package(tmp_path):
    """A maker of packages in a folder: files by their names in it, with modes."""

    def package(files, stem=STEM, folder=None):
        dist = tmp_path / "dist"
        dist.mkdir(exist_ok=True)
        with tarfile.open(dist / f"{stem}.tar.gz", "w:gz") as archive:
            for name, (content, mode) in files.items():
                path = tmp_path / "member"
                path.write_bytes(content)
                path.chmod(mode)
                archive.add(path, f"{folder or stem}/{name}")
        return dist

    return package


def states(findings):
    """What each check says, by file and check."""
    return {(one.member, one.check): one.state for one in findings}


def test_every_file_is_checked(make, package):
    """A program by each check, a text by none; what is left out says so."""
    dist = package({"hello": (PROGRAM.read_bytes(), 0o755), "README.md": (b"text", 0o644), "run.sh": (b"#!/bin/sh\n", 0o755)})
    context = make(top=LEFT_OUT).context
    findings = verify.examine(dist, context)
    expected = {("", "package"): "ok"} | {("hello", name): "ok" for name in CHECKS} | {("hello", "smoke"): "off"}
    # no glibc is configured or was promised, and only programs of musl promise to be static
    expected |= {("hello", name): "unchecked" for name in ("glibc", "static")}
    assert expected == states(findings) | {("hello", name): "ok" for name in ("stack", "relro", "pie", "paths")}
    assert {(f"{STEM}.tar.gz", ARM64)} == {(one.package, one.target) for one in findings}
    skipped = make(top={"target": {"aarch64": {"verify-skip": ["smoke", "paths", "pie"]}}}).context
    off = {check for (_, check), state in states(verify.examine(dist, skipped)).items() if state == "off"}
    assert {"smoke", "paths", "pie"} == off


def test_a_program_is_started_where_the_engine_sees_it(make, package, monkeypatch):
    """In our cache: an engine in a virtual machine may share no folder of the system's; and nothing stays."""
    context, places = make().context, []
    monkeypatch.setattr(verify, "smoke", lambda subject, *_: places.append(subject.path) or ())
    verify.examine(package({"hello": (PROGRAM.read_bytes(), 0o755)}), context)
    assert [(True, False)] == [(path.is_relative_to(context.cache), path.exists()) for path in places]
    assert [] == list(context.cache.glob(f"{cache.TEMPORARY}*"))


@pytest.mark.parametrize(("promised", "state"), [("2.36", "ok"), ("2.5", "failed")])
def test_what_the_build_promised_is_checked(make, package, promised, state):
    """Where no glibc is configured, it is that of every default build, as was written down when the package was made."""
    folder = package({"hello": (PROGRAM.read_bytes(), 0o755)})
    dist.remember(folder, dist.Part(target=ARM64, glibc=promised))
    assert state == states(verify.examine(folder, make(top=LEFT_OUT).context))["hello", "glibc"]


def test_what_a_target_promises_is_looked_up_once(make, package, monkeypatch):
    """For all programs of all its packages: how it was built is known only after each of its files was read."""
    looked = []
    monkeypatch.setattr(verify, "part", lambda _, target: looked.append(target))
    programs = {"hello": (PROGRAM.read_bytes(), 0o755), "more": (PROGRAM.read_bytes(), 0o755)}
    package(programs, f"other-{ARM64}-v0.1.0")
    findings = verify.examine(package(programs), make(top=LEFT_OUT).context)
    assert ([ARM64], 4) == (looked, sum(row.check == "glibc" for row in findings))


def test_a_program_of_another_target_is_checked_no_further(make, package):
    """What else its headers say was not asked for."""
    armv7 = (PROGRAM.parent / "armv7-gnueabihf").read_bytes()
    findings = verify.examine(package({"lib/hello": (armv7, 0o644)}), make(top=LEFT_OUT).context)
    assert {("", "package"): "ok", ("lib/hello", "format"): "failed"} == states(findings)
    (wrong,) = [one for one in findings if one.state == "failed"]
    assert (True, CHECKS["format"].hint) == (bool(wrong.problems), wrong.hint)


@pytest.mark.parametrize("content", [b"text", b"#!/bin/sh"])
@pytest.mark.parametrize(("mode", "pretends"), [(0o744, True), (0o755, True), (0o644, False), (0o666, False)])
def test_what_pretends_to_be_a_program_is_one(make, package, mode, pretends, content):
    """By its mode: its owner may start it. A script does not pretend."""
    files = {"hello": (PROGRAM.read_bytes(), 0o755), "other": (content, mode)}
    findings = states(verify.examine(package(files), make(top=LEFT_OUT).context))
    assert ("failed" if pretends and content == b"text" else None) == findings.get(("other", "format"))


@pytest.mark.parametrize(
    ("files", "folder", "problem"),
    [
        ({"README.md": (b"text", 0o644)}, None, "holds no program and no library"),
        ({"hello": (PROGRAM.read_bytes(), 0o755)}, "other", f"holds other, not one folder {STEM}"),
    ],
)
def test_an_archive_that_holds_something_else(files, folder, problem, make, package):
    """Is wrong itself."""
    findings = verify.examine(package(files, folder=folder), make(top=LEFT_OUT).context)
    assert ("failed", (problem,)) == (findings[0].state, findings[0].problems)


def test_an_archive_that_is_damaged(make, package):
    """Is told beside the others."""
    dist = package({"hello": (PROGRAM.read_bytes(), 0o755)})
    (dist / f"{STEM}.tar.gz").write_bytes(b"no archive")
    (finding,) = verify.examine(dist, make().context)
    assert ("failed", True) == (finding.state, finding.problems[0].startswith(f"{STEM}.tar.gz cannot be unpacked: "))
    with pytest.raises(NothingSelected, match="there is no package of s390x-unknown-linux-gnu"):
        verify.examine(dist, make().context, ("s390x-unknown-linux-gnu",))


def finding(check="format", state="ok", member="hello", package="a.tar.gz", **more):
    return Finding(package=package, member=member, target=ARM64, check=check, state=state, **more)


def test_what_is_wrong_is_one_error():
    """With each problem behind its file, and each hint once; nothing is one if all holds."""
    rows = (
        finding(),
        finding("glibc", "unchecked", why="unknown"),
        finding("pie", "failed", problems=("no", "never"), hint="h"),
        finding("relro", "failed", problems=("partly",), hint="h"),
        finding("package", "failed", member="", problems=("holds nothing",), hint="g"),
    )
    error = verify.error_of(rows)
    assert ("not every package is what its target promises", "h; g") == (error.what, error.hint)
    assert "a.tar.gz/hello no\na.tar.gz/hello never\na.tar.gz/hello partly\na.tar.gz holds nothing" == error.why
    assert verify.error_of(rows[:2]) is None


def test_the_table(monkeypatch):
    """A row for each file, an archive's own before those of its files; below it what is wrong, and what was not checked."""
    rows = (
        finding("package", member=""),
        finding("format"),
        finding("smoke", "unchecked", why="no engine"),
        finding("smoke", "unchecked", member="more", why="no engine"),
        finding("pie", "unchecked", why="a script"),
        finding("format", "failed", member="more", problems=("is for [arm]",)),
        finding("glibc", "off", member="more"),
    )
    expected = """\
file      package  format  smoke  pie  glibc
a.tar.gz  ok
  hello            ok      -      -
  more             FAILED  -           off
a.tar.gz/more is for [arm]
a.tar.gz/hello: smoke not checked: no engine"""
    assert expected == verify.text(rows)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1;31mFAILED" in verify.text(rows)


def test_files_of_two_archives_with_one_name_are_told_apart():
    """By the archive."""
    text = verify.text((finding("package", member=""), finding(), finding(package="b.tar.gz"), finding(member="x", package="b.tar.gz")))
    assert ["file", "a.tar.gz", "a.tar.gz  hello", "b.tar.gz  hello", "  x"] == [line[:17].rstrip() for line in text.splitlines()]


def test_folders_that_no_file_may_name(make, tmp_path):
    """Those of this machine, by what they are; what is not set is none."""
    named = verify.folders(make(environ={"HOME": "/home/me", "CARGO_HOME": "/cargo"}).context)
    assert {
        str(Path.home()): "the home folder",
        "/home/me": "the home folder",
        str(tmp_path / "cache"): "the cache of crosstasks",
        "/cargo": "cargo's home",
        str(tmp_path): "the project's folder",
        str(tmp_path / "target"): "the target folder",
    } == named
    assert "" not in verify.folders(make().context)


def test_folders_with_what_was_linked(make, tmp_path):
    """Those of every builder and profile of the target, and standard libraries that are there, by their release."""
    context = make().context
    for path in (".cross-1/{}/release", ".cross-2/{}/debug", ".cross-1/s390x-unknown-linux-gnu/release", "plain/{}/release"):
        (tmp_path / "target" / "crosstasks" / path.format(ARM64)).mkdir(parents=True)
    ours = tmp_path / "target" / "crosstasks"
    package = Package(path=tmp_path / "x.tar.gz", target=targets.find("aarch64"))
    assert (ours / ".cross-1" / ARM64 / "release", ours / ".cross-2" / ARM64 / "debug") == verify.promise(package, context).libraries
    library = tmp_path / "rust" / "lib" / "rustlib" / ARM64 / "lib"
    library.mkdir(parents=True)
    inventory = Inventory(home="", tools_home="", toolchains=(toolchain("1.90.0", path=str(tmp_path / "rust")), toolchain("1.89.0")))
    facts = context.facts.with_({question: inventory for question in context.facts.answers if question.about == "inventory"})
    assert {"1.90.0": library} == verify.promise(package, replace(context, facts=facts)).standard


def test_a_second_build_is_compared_in_lines():
    """Or found the same."""
    rows = (
        Difference(package="a.tar.gz", member="hello", what="differs, first", offset=16, section=".data"),
        Difference(package="b", what="x"),
    )
    assert "a.tar.gz/hello: differs, first at 0x10 in .data\nb: x" == verify.differences_text(rows)
    assert "a second build of the same commit gives the same packages, byte for byte" == verify.differences_text(())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"artifacts": [{"product": "b"}, {"product": "a"}, {"product": "b"}]}', ("b", "a")),
        ("{}", ()),
        ('{"artifacts": [{}]}', ()),
        ('{"artifacts": 1}', ()),
        ("[", ()),
        (None, ()),
    ],
)
def test_a_folder_says_what_its_archives_are_of(text, names, tmp_path):
    """As the first build has listed it."""
    if text is not None:
        (tmp_path / "artifacts.json").write_text(text)
    assert names == verify.product_names(tmp_path)


def test_a_second_build_has_folders_of_its_own(make, package, monkeypatch):
    """In a work tree of HEAD, which git forgets afterwards; the user's own folders are named again then, whatever happens."""
    dist = package({"hello": (b"one", 0o755)})
    monkeypatch.setenv("CARGO_TARGET_DIR", "/theirs")
    monkeypatch.delenv("CROSSTASKS_RELEASE_DIST", raising=False)
    seen = []

    def packager(folder):
        seen.append((folder, os.environ["CARGO_TARGET_DIR"], os.environ["CROSSTASKS_RELEASE_DIST"]))
        shutil.copytree(dist, seen[0][2])

    context = make({("git",): lambda argv: "below/\n" if "--show-prefix" in argv else ""}).context
    assert () == verify.again(dist, context, packager)
    ((folder, target, place),) = seen
    tree = folder.parent
    assert ("below", str(tree / "target"), str(tree.with_name("dist"))) == (folder.name, target, place)
    assert ("/theirs", None) == (os.environ.get("CARGO_TARGET_DIR"), os.environ.get("CROSSTASKS_RELEASE_DIST"))
    words = [call[3:] for call in context.run.calls]
    assert [
        ("status", "--porcelain", "--untracked-files=no"),
        ("rev-parse", "--show-toplevel"),
        ("worktree", "add", "--detach", "--quiet", str(tree), "HEAD"),
        ("rev-parse", "--show-prefix"),
        ("worktree", "remove", "--force", str(tree)),
    ] == words

    def broken(_folder):
        raise ConfigError("it cannot be built")

    with pytest.raises(ConfigError):
        verify.again(dist, context, broken)
    assert ("worktree", "remove") == context.run.calls[-1][3:5]
    assert "CROSSTASKS_RELEASE_DIST" not in os.environ


def test_submodules_are_checked_out_from_what_is_here(make, tmp_path):
    """Each by its own repository, those in it too, and removed before the one around it; one that was not fetched is not there again."""
    for path in ("in/a/b", "c"):
        (tmp_path / "top" / path).mkdir(parents=True)
    for path in ("in/a", "in/a/b"):
        (tmp_path / "top" / path / ".git").touch()
    modules = {"top": "path = in/a\npath = c\n", "a": "path = b\n"}

    def answer(argv):
        if "add" in argv:
            (tree := Path(argv[-2])).mkdir(parents=True)
            (tree / ".gitmodules").write_text(modules.get(Path(argv[2]).name, ""))
        return f"{argv[2]}\n" if "--show-toplevel" in argv else ""

    context = replace(make({("git",): answer}).context, root=tmp_path / "top")
    with verify.worktree(context) as tree:
        places = {"": tree, "in/a": tree / "in" / "a", "in/a/b": tree / "in" / "a" / "b"}
        assert all(place.is_dir() for place in places.values())
    calls = [(call[2], *call[3:5], call[-1 if "remove" in call else -2]) for call in context.run.calls if call[3] == "worktree"]
    rows = [(str(tmp_path / "top" / path), "worktree", str(place)) for path, place in places.items()]
    added, removed = (
        [(folder, word, kind, place) for folder, word, place in some] for kind, some in (("add", rows), ("remove", rows[::-1]))
    )
    assert [*added, *removed] == calls


def test_only_what_was_committed_is_built_again(make):
    """Ten files that differ are named; git that fails says why."""
    changed = "".join(f" M f{number:02}\n" for number in range(11))
    with pytest.raises(ConfigError, match="--rebuild builds the last commit, and the working tree differs from it") as caught:
        verify.clean(make({("git",): changed}).context)
    assert "\n".join(f" M f{number:02}" for number in range(10)) == caught.value.why
    with pytest.raises(ConfigError, match="git status fails in") as caught:
        verify.clean(make({("git",): failed("fatal: not a git repository\n", 128)}).context)
    assert "fatal: not a git repository" == caught.value.why


def test_files_that_are_no_programs_are_told_by_their_headers(tmp_path):
    """A file with a format is a subject, though nobody may start it; one without is none."""
    (tmp_path / "package" / STEM / "lib").mkdir(parents=True)
    paths = [tmp_path / "package" / STEM / "lib" / "a.so", tmp_path / "package" / STEM / "text"]
    for path, content in zip(paths, (PROGRAM.read_bytes(), b"text"), strict=True):
        path.write_bytes(content)
        path.chmod(0o644)
    assert ["lib/a.so"] == [one.member for one in verify._subjects(tmp_path / "package")]  # noqa: SLF001
    assert isinstance(next(iter(verify._subjects(tmp_path / "package"))).artifact, Artifact)  # noqa: SLF001
