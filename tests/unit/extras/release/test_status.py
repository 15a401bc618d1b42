"""The rows of `release.status`: what is there, what is missing, and what is to be done about it."""

from __future__ import annotations

import json

import pytest
from release_values import failed

from crosstasks.core.errors import Interrupted
from crosstasks.extras.release import dist, status
from crosstasks.extras.release.dist import Part
from crosstasks.extras.release.status import Row
from crosstasks.testing import AMD64, ARM64

COMMIT = "a" * 40
CHANGELOG = "# Changelog\n\n## Unreleased\n\n{}\n\n## 0.0.9\n\n- Old.\n"


def row(release, name):
    """The rows of a name."""
    return list(status.examine(release, {name}))


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        (None, Row(name="lock", state="wrong", detail="there is no Cargo.lock", next="`cargo generate-lockfile`, and commit it")),
        ("[", Row(name="lock", state="wrong", detail="Cargo.lock is not TOML")),
        ('[[package]]\nname = "hello"\nversion = "0.1.0"\n', Row(name="lock", state="ok", detail="agrees with Cargo.toml")),
        (
            '[[package]]\nname = "hello"\nversion = "0.0.9"\n',
            Row(name="lock", state="wrong", detail="hello 0.0.9", next="`cargo update --workspace`, and commit Cargo.lock"),
        ),
        (
            '[[package]]\nname = "hello"\nversion = "0.1.0"\nsource = "registry"\n',
            Row(name="lock", state="wrong", detail="hello is not in it", next="`cargo update --workspace`, and commit Cargo.lock"),
        ),
    ],
)
def test_the_lock_file(lock, expected, make, tmp_path):
    """It agrees with the manifests, or what differs is named; a crate of a registry is another."""
    if lock is not None:
        (tmp_path / "Cargo.lock").write_text(lock)
    assert [expected] == row(make(), "lock")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Row(name="changelog", state="ok", detail="none")),
        ("## 0.1.0\n\n- All.\n", Row(name="changelog", state="ok", detail="CHANGELOG.md has 0.1.0")),
        (
            CHANGELOG.format("- New."),
            Row(name="changelog", state="missing", detail="CHANGELOG.md has it under Unreleased", next="`release.prepare`"),
        ),
        (
            CHANGELOG.format(""),
            Row(name="changelog", state="wrong", detail="CHANGELOG.md has no section for 0.1.0", next="write below Unreleased what is new"),
        ),
    ],
)
def test_the_changelog(text, expected, make, tmp_path):
    """It has the version, has it under Unreleased, or says nothing."""
    answers = {("git", "-C", str(tmp_path), "show", "HEAD:CHANGELOG.md"): text} if text else {}
    assert [expected] == row(make(answers), "changelog")


@pytest.mark.parametrize(
    ("git", "name", "expected"),
    [
        ({}, "tag", Row(name="tag", state="missing", detail="v0.1.0 is not there", next="`release.prepare`")),
        ({"tags": {"v0.1.0": COMMIT}}, "tag", Row(name="tag", state="ok", detail="v0.1.0")),
        (
            {"tags": {"v0.1.0": "b" * 40}},
            "tag",
            Row(
                name="tag",
                state="wrong",
                detail=f"v0.1.0 names {'b' * 12}, and HEAD is another commit",
                next="`release.prepare --bump patch`",
            ),
        ),
        ({}, "tree", Row(name="tree", state="ok", detail="clean")),
        ({"dirty": ("a", "b", "c")}, "tree", Row(name="tree", state="wrong", detail="not committed: a, b, c", next="commit it")),
        ({"dirty": ("a", "b", "c", "d")}, "tree", Row(name="tree", state="wrong", detail="not committed: a, b, c, …", next="commit it")),
        ({}, "branch", Row(name="branch", state="ok", detail="main")),
        ({"branch": ""}, "branch", Row(name="branch", state="wrong", detail="none", next="`git switch main`")),
        ({}, "version", Row(name="version", state="ok", detail="0.1.0")),
    ],
)
def test_what_git_knows(git, name, expected, make):
    """The tag of this commit, the tree, the branch that is configured."""
    assert [expected] == row(make(git=git, options={"branch": "main"}), name)


def test_any_branch_will_do_if_none_is_configured(make):
    """Also none."""
    assert [Row(name="branch", state="ok", detail="none")] == row(make(git={"branch": ""}), "branch")


def test_packages_are_counted(make, packed):
    """Those of this commit; what failed has a row of its own, with the first line of why."""
    release = make(targets=("aarch64", "x86_64", "s390x"))
    packed(release)
    dist.remember(release.dist, Part(target=AMD64, commit=COMMIT, error="it failed\nand more", code=1))
    missing = "1 of 3 targets; not of this commit: s390x-unknown-linux-gnu"
    expected = [
        Row(name="packages", state="missing", detail=missing, next="`release.build`"),
        Row(name="packages", state="wrong", detail=f"{AMD64} failed: it failed", next=f"`release.build --target {AMD64}`"),
    ]
    assert expected == row(release, "packages")
    assert [Row(name="packages", state="ok", detail="1 of 1 targets")] == row(make(), "packages")
    other = make(git={"commit": "c" * 40})
    assert ["missing"] == [one.state for one in row(other, "packages")]


def test_what_is_published_is_looked_at(make, packed, tmp_path):
    """Nothing before there is something; a place that is not asked offline says so, and what is left is counted."""
    options = {"publish": ["directory"], "directory": "out"}
    missing = Row(name="published", state="missing", detail="directory: nothing is built yet", next="`release.build`")
    assert [missing] == row(make(options=options), "published")
    release = make(options=options)
    packed(release)
    assert [("missing", "directory: 5 left", "`release.publish`")] == [
        (one.state, one.detail, one.next) for one in row(release, "published")
    ]
    (tmp_path / "out").mkdir()
    for path in dist.files_to_publish(release):
        (tmp_path / "out" / path.name).write_bytes(path.read_bytes())
    assert [Row(name="published", state="ok", detail="directory")] == row(release, "published")
    offline = make(options={"publish": ["github", "directory"], "directory": "out"}, top={"offline": True})
    assert [("missing", "github: not asked, offline"), ("ok", "directory")] == [
        (one.state, one.detail) for one in row(offline, "published")
    ]


def test_a_registry_tells_what_it_knows(make, packed):
    """The note stands behind the place, once."""
    import hashlib

    checksum = hashlib.sha256(b"x").hexdigest()

    def lockfile(argv):
        from pathlib import Path

        Path(argv[-1]).with_name("Cargo.lock").write_text(f'[[package]]\nname = "hello"\nversion = "0.1.0"\nchecksum = "{checksum}"\n')
        return ""

    answers = {
        ("cargo", "metadata"): json.dumps({"packages": [{"name": "hello", "dependencies": []}]}),
        ("cargo", "generate-lockfile"): lockfile,
        ("cargo", "package"): failed("error: no"),
    }
    release = make(answers, options={"publish": ["registry"]})
    packed(release)
    assert [("ok", "registry, it could not be compared: no")] == [(one.state, one.detail) for one in row(release, "published")]


def test_what_cannot_be_looked_at_is_wrong(make, packed):
    """With what was said and what to do; an interrupt ends all."""
    release = make({("gh",): failed("HTTP 401")}, options={"publish": ["github"]})
    packed(release)
    expected = Row(name="published", state="wrong", detail="gh does not tell what is published", next="`gh auth status` shows who you are")
    assert [expected] == row(release, "published")

    def interrupt(_argv):
        raise Interrupted("Ctrl-C")

    with pytest.raises(Interrupted):
        status.examine(make({("gh",): interrupt}, options={"publish": ["github"]}))


def test_only_what_is_asked_for_is_looked_at(make, packed):
    """GitHub is not asked for a row that nobody wants, and nothing is written for it."""
    release = make({("gh",): failed("HTTP 401")}, options={"publish": ["github"]})
    packed(release)
    assert ["tag", "tree"] == [one.name for one in status.examine(release, ("tree", "tag"))]
    assert ([], False) == (release.context.run.calls, (release.dist / ".parts" / "notes-v0.1.0.md").exists())


def test_the_table():
    """A sign, the name, what was found; and below it what is next."""
    rows = (
        Row(name="tag", state="missing", detail="v1 is not there", next="`release.prepare`"),
        Row(name="tree", state="ok", detail="clean"),
    )
    assert "· tag   v1 is not there\n        next: `release.prepare`\n✔ tree  clean" == status.text(rows)
    assert [False, True] == [status.complete(rows), status.complete(rows[1:])]


def test_the_rows_have_an_order(make):
    """That of the work."""
    names = list(dict.fromkeys(one.name for one in status.examine(make(targets=("aarch64",)))))
    assert ["version", "lock", "changelog", "tag", "tree", "branch", "packages"] == names
    assert ARM64 in next(one.detail for one in status.examine(make()) if one.name == "packages")
