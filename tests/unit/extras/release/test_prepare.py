"""What a release will be, worked out from HEAD, and the files, the commit and the tags that make it."""

from __future__ import annotations

from pathlib import Path

import pytest
from release_values import failed

from crosstasks.core.errors import ConfigError, CrosstasksError
from crosstasks.extras.packaging.product import Crate
from crosstasks.extras.release import prepare
from crosstasks.extras.release.prepare import Intent, Write

MANIFEST = '[package]\nname = "hello"\nversion = "0.1.0"\n'
LOCK = 'version = 4\n\n[[package]]\nname = "hello"\nversion = "0.1.0"\n'
CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- New.\n\n[unreleased]: https://x.example/compare/v0.0.9...HEAD\n"


def crate(tmp_path, version):
    """The crate as the working tree has it."""
    return Crate(name="hello", version=version, folder=str(tmp_path), tag=f"v{version}", binaries=("hello",))


@pytest.fixture
def head(make, tmp_path):
    """A maker of releases whose HEAD holds files."""

    def head(files=None, *, answers=None, **more):
        show = ("git", "-C", str(tmp_path), "show")
        texts = {"Cargo.toml": MANIFEST, "Cargo.lock": LOCK, "CHANGELOG.md": CHANGELOG} if files is None else files
        return make({(*show, f"HEAD:{path}"): text for path, text in texts.items()} | (answers or {}), **more)

    return head


def test_the_next_version_is_written_everywhere(head):
    """The manifest, Cargo.lock and the changelog, in one commit with one tag; the patch shows it."""
    intent = prepare.intend(head(), "minor", today="2026-03-04")
    assert ({"hello": "0.2.0"}, "Release 0.2.0", ("v0.2.0",), False) == (
        intent.versions,
        intent.message,
        intent.tags,
        intent.resumed,
    )
    assert {"Cargo.toml", "Cargo.lock", "CHANGELOG.md"} == set(intent.writes)
    assert (MANIFEST.replace("0.1.0", "0.2.0"), LOCK.replace("0.1.0", "0.2.0")) == (
        intent.writes["Cargo.toml"],
        intent.writes["Cargo.lock"],
    )
    changelog = intent.writes["CHANGELOG.md"]
    assert "## [Unreleased]\n\n## [0.2.0] - 2026-03-04\n\n- New.\n" in changelog
    assert "[unreleased]: https://x.example/compare/v0.2.0...HEAD\n[0.2.0]: https://x.example/compare/v0.1.0...v0.2.0\n" in changelog
    writes = [Write(why="the release", path=path) for path in intent.writes]
    assert writes == list(intent.steps[: len(writes)])
    commit, tag = (step.argv for step in intent.steps[len(writes) :])
    assert ("git", "commit", "--message", "Release 0.2.0", "--", *intent.writes) == commit
    assert ("git", "tag", "--annotate", "--message", "Release 0.2.0", "v0.2.0") == tag
    assert '--- a/Cargo.toml\n+++ b/Cargo.toml\n@@ -2,2 +2,2 @@\n name = "hello"\n-version = "0.1.0"\n+version = "0.2.0"\n' in intent.diff()


def test_the_first_release_keeps_its_version(head):
    """Without --bump only the changelog changes; its link goes on from the tag that it names."""
    intent = prepare.intend(head(), today="2026-03-04")
    assert ({"hello": "0.1.0"}, {"CHANGELOG.md"}) == (intent.versions, set(intent.writes))
    assert "[0.1.0]: https://x.example/compare/v0.0.9...v0.1.0\n" in intent.writes["CHANGELOG.md"]


def test_nothing_but_a_tag(head):
    """Where the changelog has the version, and where there is none to keep."""
    said = CHANGELOG.replace("[Unreleased]", "[0.1.0] - 2026-01-02")
    for release in (
        head({"Cargo.toml": MANIFEST, "CHANGELOG.md": said}),
        head(skip=frozenset({"changelog"})),
        head({"Cargo.toml": MANIFEST}),
        head({"Cargo.toml": MANIFEST}, options={"changelog": ""}),
    ):
        intent = prepare.intend(release)
        assert ({}, ("v0.1.0",)) == (intent.writes, intent.tags)
        assert [("git", "tag")] == [step.argv[:2] for step in intent.steps]
    assert () == prepare.intend(head({"Cargo.toml": MANIFEST}, skip=frozenset({"tag"}))).steps


def test_a_changelog_that_is_configured_must_be_committed(head):
    """The usual name may be missing, a named one may not."""
    with pytest.raises(ConfigError, match=r"the changelog 'NEWS\.md' is not committed"):
        prepare.intend(head({"Cargo.toml": MANIFEST}, options={"changelog": "NEWS.md"}))


@pytest.mark.parametrize(
    "git",
    [{"tags": {"v0.1.0": "a" * 40}}, {"subject": "Release 0.1.0"}, {"tags": {"v0.1.0": "a" * 40}, "subject": "Release 0.1.0"}],
)
def test_a_prepared_release_is_taken_up(git, head):
    """It is known by its tag, or by the message of its commit; --bump then means nothing, and that is said."""
    intent = prepare.intend(head(git=git), "minor")
    tags = () if git.get("tags") else ("v0.1.0",)
    assert Intent(versions={"hello": "0.1.0"}, message="Release 0.1.0", tags=tags, resumed=True) == intent
    assert not prepare.intend(head(git=git)).resumed


def test_a_tag_of_another_commit_is_no_name_for_this(head):
    """What names both commits is shown."""
    with pytest.raises(ConfigError, match=r"the tag v0\.1\.0 exists already, for another commit") as caught:
        prepare.intend(head(git={"tags": {"v0.1.0": "b" * 40}}))
    assert f"it names {'b' * 12}, and HEAD is {'a' * 12}" == caught.value.why
    assert ("v0.2.0",) == prepare.intend(head(git={"tags": {"v0.1.0": "b" * 40}}), "minor").tags
    assert () == prepare.intend(head(git={"tags": {"v0.1.0": "b" * 40}}, skip=frozenset({"tag"}))).tags


@pytest.mark.parametrize(("branch", "now"), [("next", "next"), ("", "no branch")])
def test_a_release_is_made_on_its_branch(branch, now, head):
    """If one is configured."""
    with pytest.raises(ConfigError, match=f"releases are made on main, and this is {now}"):
        prepare.intend(head(options={"branch": "main"}, git={"branch": branch}))
    assert prepare.intend(head(options={"branch": "main"}))
    assert prepare.intend(head(git={"branch": branch}))


def test_a_tree_must_be_as_committed(head, tmp_path):
    """But for what an interrupted call has written already; ten paths are named."""
    with pytest.raises(ConfigError, match="not everything is committed") as caught:
        prepare.intend(head(git={"dirty": ("a", "Cargo.toml")}), "minor", today="2026-03-04")
    assert "a\nCargo.toml" == caught.value.why
    (tmp_path / "Cargo.toml").write_text(MANIFEST.replace("0.1.0", "0.2.0"))
    assert prepare.intend(head(git={"dirty": ("Cargo.toml",)}), "minor", today="2026-03-04").writes
    (tmp_path / "Cargo.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError):
        prepare.intend(head(git={"dirty": ("Cargo.toml",)}), "minor", today="2026-03-04")
    many = tuple(f"file{number:02}" for number in range(11))
    with pytest.raises(ConfigError) as caught:
        prepare.intend(head(git={"dirty": many}))
    assert "\n".join([*many[:10], "…"]) == caught.value.why
    with pytest.raises(ConfigError) as caught:
        prepare.intend(head(git={"dirty": many[:10], "subject": "Release 0.1.0"}))
    assert "\n".join(many[:10]) == caught.value.why


def test_the_date_of_an_interrupted_call_is_kept(head, tmp_path):
    """It may have been yesterday."""
    others = "Since 0.2.0: 2026-01-01\n## [10.2.0] - 2026-01-02\n## [0.2.0-rc.1] - 2026-01-03\n"
    (tmp_path / "CHANGELOG.md").write_text(others)
    assert "## [0.2.0] - 2026-03-04\n" in prepare.intend(head(), "minor", today="2026-03-04").writes["CHANGELOG.md"]
    (tmp_path / "CHANGELOG.md").write_text(f"{others}## [0.2.0] - 2026-03-03\n")
    assert "## [0.2.0] - 2026-03-03\n" in prepare.intend(head(), "minor", today="2026-03-04").writes["CHANGELOG.md"]


def test_what_an_interrupted_call_has_written_changes_nothing(head, tmp_path):
    """The last release is the one that HEAD has: the link compares with its tag, whatever version the working tree has by now."""
    first = prepare.intend(head(), "minor", today="2026-03-04")
    again = prepare.intend(head(crates=(crate(tmp_path, "0.2.0"),)), "minor", today="2026-03-04")
    assert first == again


def test_today_is_the_date_if_none_is_given(head):
    """In the form of Keep a Changelog."""
    import re

    assert re.search(r"## \[0\.2\.0\] - 20\d\d-\d\d-\d\d\n", prepare.intend(head(), "minor").writes["CHANGELOG.md"])


WORKSPACE = '[workspace]\nmembers = ["a", "b"]\n\n[workspace.package]\nversion = "0.3.0"\n'


def two(tmp_path, tag="v{version}"):
    """Crates of two folders, which have tags by a template."""
    return tuple(
        Crate(name=name, version=version, folder=str(tmp_path / name), tag=tag.format(package=name, version=version), binaries=(name,))
        for name, version in (("a", "0.3.0"), ("b", "0.3.0"))
    )


def test_members_that_inherit_have_one_version(head, tmp_path):
    """Read from the workspace, and written there."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    heir = '[package]\nname = "{}"\nversion.workspace = true\n'
    files = {"Cargo.toml": WORKSPACE, "a/Cargo.toml": heir.format("a"), "b/Cargo.toml": heir.format("b")}
    intent = prepare.intend(head(files, crates=two(tmp_path)), "patch")
    assert ({"a": "0.3.1", "b": "0.3.1"}, "Release 0.3.1", ("v0.3.1",)) == (intent.versions, intent.message, intent.tags)
    assert {"Cargo.toml": WORKSPACE.replace("0.3.0", "0.3.1")} == intent.writes


def test_packages_with_tags_of_their_own_have_changelogs_of_their_own(head, tmp_path):
    """A package's own changelog comes before that of the root, which is taken on once; the message names each package."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    own = '[package]\nname = "{}"\nversion = "0.3.0"\n'
    files = {"a/Cargo.toml": own.format("a"), "b/Cargo.toml": own.format("b"), "a/CHANGELOG.md": CHANGELOG, "CHANGELOG.md": CHANGELOG}
    template = "{package}-v{version}"
    release = head(files, crates=two(tmp_path, template), options={"tag": template})
    intent = prepare.intend(release, "patch", today="2026-03-04")
    assert ("Release a 0.3.1, b 0.3.1", ("a-v0.3.1", "b-v0.3.1")) == (intent.message, intent.tags)
    assert {"a/Cargo.toml", "b/Cargo.toml", "a/CHANGELOG.md", "CHANGELOG.md"} == set(intent.writes)
    assert "compare/a-v0.3.0...a-v0.3.1\n" in intent.writes["a/CHANGELOG.md"]
    assert "compare/b-v0.3.0...b-v0.3.1\n" in intent.writes["CHANGELOG.md"]


def test_a_file_that_is_no_text_is_named(head):
    """What git shows of it cannot be taken on."""
    with pytest.raises(ConfigError, match=r"CHANGELOG\.md is not UTF-8"):
        prepare.intend(head({"Cargo.toml": MANIFEST, "CHANGELOG.md": "\ufffd"}))


def test_what_is_intended_is_done_in_order(head, tmp_path):
    """Files, the commit, the tag: at the top of the repository, with hooks off."""
    release = head(answers={("git", "commit"): "", ("git", "tag"): ""})
    intent = prepare.intend(release, "minor", today="2026-03-04")
    before = len(release.context.run.calls)
    prepare.prepare(release, intent)
    assert MANIFEST.replace("0.1.0", "0.2.0") == (tmp_path / "Cargo.toml").read_text()
    assert ["commit", "tag"] == [call[1] for call in release.context.run.calls[before:]]
    assert [str(tmp_path)] * 2 == release.context.run.folders[before:]
    assert all("core.hooksPath" in env["GIT_CONFIG_PARAMETERS"] for env in release.context.run.envs[before:])


@pytest.mark.parametrize(("said", "why"), [(failed("no name\n"), "no name"), (failed("", out="nothing to commit\n"), "nothing to commit")])
def test_git_that_refuses_ends_it(said, why, head):
    """The next call goes on from there; no tag is made of a commit that is not there."""
    release = head(answers={("git", "commit"): said, ("git", "tag"): ""})
    intent = prepare.intend(release, "minor")
    with pytest.raises(CrosstasksError, match="`git commit` failed") as caught:
        prepare.prepare(release, intent)
    assert (why, "the next call goes on from here") == (caught.value.why, caught.value.hint)
    assert [] == [call for call in release.context.run.calls if call[:2] == ("git", "tag")]


@pytest.mark.parametrize(
    ("code", "said", "fits"),
    [
        (101, "error: cannot update the lock file /a/Cargo.lock because --locked was passed to prevent this\n", False),
        (101, "error: no matching package named `serde` found\nAs a reminder, you're using offline mode (--offline)\n", True),
        (1, "error: toolchain '1.2.3' is not installed\n", True),
        (0, "warning: --locked\n", True),
    ],
)
def test_cargo_says_whether_its_lock_file_fits(code, said, fits, head, tmp_path):
    """Only its own refusal counts: a cargo that cannot run or knows no crates tells nothing. Those are real in tests/integration."""
    cargo = tmp_path / "bin" / "cargo"
    cargo.parent.mkdir()
    cargo.touch(0o755)
    argv = (str(cargo), "metadata", "--format-version=1", "--locked", "--offline")
    answers = {argv: failed(said, code), ("git", "commit"): "", ("git", "tag"): ""}
    release = head(answers=answers, environ={"PATH": str(cargo.parent)})
    intent = prepare.intend(release, "minor")
    if fits:
        prepare.prepare(release, intent)
    else:
        with pytest.raises(CrosstasksError, match=r"Cargo\.lock does not fit the new version") as caught:
            prepare.prepare(release, intent)
        assert (said.strip(), "commit Cargo.lock, and call again" in caught.value.hint) == (caught.value.why, True)
    asked = release.context.run.calls.index(argv)
    assert (str(release.root), {"RUSTUP_AUTO_INSTALL": "0"}) == (release.context.run.folders[asked], release.context.run.envs[asked])


def test_without_a_lock_file_cargo_is_not_asked(head, tmp_path):
    """Nor without a change."""
    cargo = tmp_path / "bin" / "cargo"
    cargo.parent.mkdir()
    cargo.touch(0o755)
    files = {"Cargo.toml": MANIFEST, "CHANGELOG.md": CHANGELOG}
    release = head(files, answers={("git", "commit"): "", ("git", "tag"): ""}, environ={"PATH": str(cargo.parent)})
    prepare.prepare(release, prepare.intend(release, "minor"))
    assert [] == [call for call in release.context.run.calls if call[0] == str(cargo)]
    assert not Path(tmp_path / "Cargo.lock").exists()
