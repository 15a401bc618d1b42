"""What each place has of a release, what it is to get, and the commands that do it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from release_values import failed

from crosstasks.core import files
from crosstasks.core.errors import ConfigError, CrosstasksError, ToolMissing
from crosstasks.core.steps import Command
from crosstasks.extras.packaging.product import Crate
from crosstasks.extras.release import publish
from crosstasks.extras.release.publish import Copy
from crosstasks.testing import ARM64

NAME = f"hello-{ARM64}-v0.1.0.tar.gz"
ALL = (NAME, f"{NAME}.sha256", "SHA256SUMS", "artifacts.json", "metadata.json")
VIEW = ("gh", "release", "view")


def shown(*assets, draft=False):
    return json.dumps({"assets": list(assets), "isDraft": draft, "tagName": "v0.1.0"})


def asset(path, **changes):
    return {"name": path.name, "size": path.stat().st_size, "digest": f"sha256:{files.sha256(path)}", "state": "uploaded", **changes}


def asked(release, *words):
    """The commands that were run and begin so."""
    return [call for call in release.context.run.calls if call[: len(words)] == words]


@pytest.mark.parametrize(
    ("options", "more", "expected"),
    [
        ({"publish": ["directory", "github"], "directory": "out"}, {}, ("directory", "github")),
        ({"publish": ["directory", "github"], "directory": "out"}, {"skip": frozenset({"github"})}, ("directory",)),
        ({"publish": ["github"]}, {"skip": frozenset({"publish"})}, ()),
        ({"publish": ["github"]}, {"snapshot": True}, ()),
        ({}, {}, ()),
    ],
)
def test_where_a_release_goes(options, more, expected, make):
    """In the order of the configuration, without what is skipped; a snapshot goes nowhere."""
    assert expected == publish.places(make(options=options, **more))


def test_a_release_that_github_does_not_know_is_made_filled_and_shown(make, packed):
    """As a draft, for the tag that is there, with the files of the folder; it is shown when all is there."""
    release = make({VIEW: failed("release not found")}, options={"publish": ["github"]})
    packed(release)
    actions = publish.look(release, "github")
    notes = str(release.dist / ".parts" / "notes-v0.1.0.md")
    create = ("gh", "release", "create", "v0.1.0", "--verify-tag", "--draft", "--title", "v0.1.0", "--notes-file", notes)
    upload = [("gh", "release", "upload", "v0.1.0", f"dist/{name}") for name in ALL]
    edit = ("gh", "release", "edit", "v0.1.0", "--draft=false")
    assert [create, *sorted(upload), edit] == [actions[0].step.argv, *sorted(one.step.argv for one in actions[1:-1]), actions[-1].step.argv]
    assert ["release v0.1.0", "v0.1.0 is shown"] == [actions[0].what, actions[-1].what]
    assert {f"v0.1.0: {name}" for name in ALL} == {one.what for one in actions[1:-1]}
    assert [] == [one.what for one in actions if one.done]
    assert (False, "v0.1.0") == (Path(notes).exists(), actions[0].step.notes)
    assert [(*VIEW, "v0.1.0", "--json", "assets,isDraft,tagName")] == asked(release, *VIEW)


def test_a_repository_that_is_named_is_named_to_gh(make, packed):
    """In every command."""
    release = make({VIEW: failed("release not found")}, options={"publish": ["github"], "repository": "me/hello"})
    packed(release)
    argvs = [one.step.argv for one in publish.look(release, "github")] + asked(release, *VIEW)
    assert [] == [argv for argv in argvs if argv[argv.index("v0.1.0") + 1 :][:2] != ("--repo", "me/hello")]


def test_an_early_version_is_marked(make, packed):
    """GitHub then does not call it the latest."""
    crate = Crate(name="hello", version="0.1.0-rc.1", folder="/nowhere", tag="v0.1.0-rc.1", binaries=("hello",))
    release = make({VIEW: failed("Release Not Found")}, options={"publish": ["github"]}, crates=(crate,))
    packed(make())
    (release.dist / "artifacts.json").write_text(json.dumps({"artifacts": [{"name": NAME, "sha256": files.sha256(release.dist / NAME)}]}))
    assert "--prerelease" == publish.look(release, "github")[0].step.argv[-1]


def test_what_github_has_is_left_alone(make, packed):
    """The draft, the files that are the same, and a release that is shown; the rest is done."""
    release = make(options={"publish": ["github"]})
    path = packed(release)
    release = make({VIEW: shown(asset(path), draft=True)}, options={"publish": ["github"]})
    done = {one.what: one.done for one in publish.look(release, "github")}
    left = {f"v0.1.0: {name}": False for name in ALL[1:]}
    assert {"release v0.1.0": True, f"v0.1.0: {NAME}": True, **left, "v0.1.0 is shown": False} == done
    release = make({VIEW: shown(*(asset(release.dist / name) for name in ALL))}, options={"publish": ["github"]})
    assert {True} == {one.done for one in publish.look(release, "github")}


@pytest.mark.parametrize("changes", [{"size": 1}, {"digest": "sha256:" + "0" * 64}])
def test_a_file_that_differs_on_github_is_refused(changes, make, packed):
    """It is never replaced."""
    path = packed(make())
    release = make({VIEW: shown(asset(path, **changes))}, options={"publish": ["github"]})
    with pytest.raises(CrosstasksError, match=rf"{NAME} of v0.1.0 on GitHub is published already, and differs"):
        publish.look(release, "github")


def test_an_upload_that_was_cut_off_is_replaced(make, packed):
    """Such an asset was never whole, whatever it holds."""
    path = packed(make())
    release = make({VIEW: shown(asset(path, size=1, state="starter"))}, options={"publish": ["github"]})
    (action,) = [one for one in publish.look(release, "github") if one.what == f"v0.1.0: {NAME}"]
    assert (False, ("gh", "release", "upload", "v0.1.0", f"dist/{NAME}", "--clobber")) == (action.done, action.step.argv)


@pytest.mark.parametrize(("theirs", "same"), [("archive", True), ("another", False)])
def test_an_older_gh_fetches_what_is_to_be_compared(theirs, same, make, packed):
    """Where GitHub tells no checksum."""
    path = packed(make())

    def download(argv):
        (Path(argv[argv.index("--dir") + 1]) / argv[argv.index("--pattern") + 1]).write_text(theirs)
        return ""

    answers = {VIEW: shown({"name": path.name}), ("gh", "release", "download"): download}
    release = make(answers, options={"publish": ["github"]})
    if same:
        assert f"v0.1.0: {NAME}" in {one.what for one in publish.look(release, "github") if one.done}
    else:
        with pytest.raises(CrosstasksError, match="differs"):
            publish.look(release, "github")
    assert ("--pattern", NAME, "--dir") == asked(release, "gh", "release", "download")[0][4:7]


def test_what_cannot_be_fetched_is_not_the_same(make, packed):
    """Even if the file was left there."""
    path = packed(make())

    def download(argv):
        (Path(argv[argv.index("--dir") + 1]) / path.name).write_text("archive")
        return failed("connection reset")

    release = make({VIEW: shown({"name": path.name}), ("gh", "release", "download"): download}, options={"publish": ["github"]})
    with pytest.raises(CrosstasksError, match="differs"):
        publish.look(release, "github")


def test_gh_that_does_not_tell_is_an_error(make, packed):
    """With what it said, without tokens."""
    token = "ghp_" + "a" * 30
    release = make({VIEW: failed(f"HTTP 401: Bad credentials, {token}\n")}, options={"publish": ["github"]})
    packed(release)
    with pytest.raises(CrosstasksError, match="gh does not tell what is published") as caught:
        publish.look(release, "github")
    assert ("HTTP 401: Bad credentials, ***", "`gh auth status` shows who you are") == (caught.value.why, caught.value.hint)


def test_without_gh_the_hint_says_where_it_is(make, packed):
    """It is no part of this."""
    release = make(options={"publish": ["github"]})
    packed(release)
    with pytest.raises(ToolMissing) as caught:
        publish.look(release, "github")
    assert "https://cli.github.com" == caught.value.hint


def test_the_notes_are_the_section_of_the_changelog(make, packed, tmp_path):
    """Of the version, as it is committed; they are written when the release is made, and not by looking or trying."""
    changelog = "# Changelog\n\n## [0.1.0] - 2026-01-02\n\n- All.\n\n## [0.0.9] - 2025-01-01\n\n- Old.\n"
    show = ("git", "-C", str(tmp_path), "show")
    answers = {VIEW: failed("not found"), ("gh",): "", show: failed("fatal"), (*show, "HEAD:CHANGELOG.md"): changelog}
    release = make(answers, options={"publish": ["github"]})
    packed(release)
    notes = release.dist / ".parts" / "notes-v0.1.0.md"
    publish.look(release, "github")
    publish.publish(release, dry=True)
    assert not notes.exists()
    publish.publish(release)
    assert "- All." == notes.read_text()


def test_a_folder_gets_each_file(make, packed, tmp_path):
    """Under the version and the package, wherever it lies; what is there is left alone."""
    release = make(options={"publish": ["directory"], "directory": "out/{package}/{version}"})
    path = packed(release)
    target = tmp_path / "out" / "hello" / "0.1.0" / NAME
    actions = {one.what: one for one in publish.look(release, "directory")}
    assert {str(target.parent / name) for name in ALL} == set(actions)
    assert Copy(why="publish to a directory", source=str(path), target=str(target)) == actions[str(target)].step
    said = []
    lines = publish.publish(replace(release, context=replace(release.context, say=said.append)))
    assert sorted(f"directory: {target.parent / name}: published" for name in ALL) == sorted(lines)
    assert [str(one.step) for one in actions.values()] == said
    assert "archive" == target.read_text()
    assert sorted(f"directory: {target.parent / name}: is there" for name in ALL) == sorted(publish.publish(release))
    target.write_text("another")
    with pytest.raises(CrosstasksError, match=f"{target} is published already, and differs"):
        publish.publish(release)


def test_packages_of_several_versions_have_folders_of_their_own(make, tmp_path):
    """Each file by its package's version; the lists lie with the first."""
    versions = {"a": "1.0.0", "a-b": "2.0.0"}
    both = tuple(
        Crate(name=name, version=version, folder=str(tmp_path / name), tag=f"{name}-v{version}", binaries=(name,))
        for name, version in versions.items()
    )
    release = make(crates=both, options={"publish": ["directory"], "directory": "out/{package}/{version}", "tag": "{package}-v{version}"})
    archives = {name: f"{name}-{ARM64}-v{version}.tar.gz" for name, version in versions.items()}
    release.dist.mkdir()
    rows = []
    for name, archive in archives.items():
        (release.dist / archive).write_text(name)
        rows.append({"name": archive, "sha256": files.sha256(release.dist / archive)})
    (release.dist / "artifacts.json").write_text(json.dumps({"artifacts": rows}))
    (release.dist / "SHA256SUMS").write_text("".join(f"{row['sha256']}  {row['name']}\n" for row in rows))
    places = {f"a/1.0.0/{archives['a']}", f"a-b/2.0.0/{archives['a-b']}", "a/1.0.0/SHA256SUMS", "a/1.0.0/artifacts.json"}
    assert {str(tmp_path / "out" / place) for place in places} == {one.what for one in publish.look(release, "directory")}


def test_trying_changes_nothing(make, packed, tmp_path):
    """Each line is what would be done."""
    release = make(options={"publish": ["directory"], "directory": "out"})
    packed(release)
    assert all(line.startswith("directory: ") and "published" not in line for line in publish.publish(release, dry=True))
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_set_is_named(make):
    """Before anything is looked at."""
    with pytest.raises(ConfigError, match=r"release\.directory is not set"):
        publish.look(make(options={"publish": ["directory"]}), "directory")


METADATA = ("cargo", "metadata", "--format-version=1", "--no-deps")
LOCKFILE = ("cargo", "generate-lockfile", "--quiet", "--manifest-path")
PACKAGE = ("cargo", "package", "--quiet", "--no-verify", "--locked", "--package")


def crates(*names, registries=None):
    return tuple(Crate(name=name, version="0.1.0", folder=f"/{name}", tag="v0.1.0", registries=registries) for name in names)


def needing(**edges):
    """What cargo tells of packages, each with those that it needs."""
    rows = [{"name": name, "dependencies": [{"name": need, **more} for need, more in needs]} for name, needs in edges.items()]
    return json.dumps({"packages": rows})


def absent(argv):
    """Cargo's answer to a package that the registry does not have."""
    name = next(line.split('package = "')[1].split('"')[0] for line in Path(argv[-1]).read_text().splitlines() if "asked" in line)
    return failed(f"error: no matching package named `{name}` found\nlocation searched: crates.io index")


def indexed(checksum):
    """Cargo's answer to one that it has."""

    def answer(argv):
        manifest = Path(argv[-1])
        name = manifest.read_text().split('package = "')[1].split('"')[0]
        line = f'checksum = "{checksum}"\n' if checksum else ""
        rows = f'[[package]]\nname = "other"\nversion = "0.1.0"\nchecksum = "no"\n[[package]]\nname = "{name}"\nversion = "0.1.0"\n{line}'
        manifest.with_name("Cargo.lock").write_text(rows)
        return ""

    return answer


def packing(text, code=0):
    """Cargo's packing of a crate."""

    def answer(argv):
        folder = Path(argv[argv.index("--target-dir") + 1]) / "package"
        folder.mkdir()
        (folder / f"{argv[argv.index('--package') + 1]}-0.1.0.crate").write_text(text)
        return failed("error: it cannot be packed:\n\nmore", code) if code else ""

    return answer


def test_packages_are_published_behind_what_they_need(make):
    """What only tests need counts if it has a version."""
    edges = needing(
        app=[("lib", {"kind": None}), ("tools", {"kind": "dev", "req": "^1"}), ("late", {"kind": "dev", "req": "*"})],
        lib=[("core", {"kind": "build"})], core=[], tools=[], late=[("app", {})],
    )  # fmt: skip
    release = make(
        {METADATA: edges, LOCKFILE: absent}, options={"publish": ["registry"]}, crates=crates("app", "late", "lib", "core", "tools")
    )
    actions = publish.look(release, "registry")
    names = [one.what for one in actions]
    assert ["core 0.1.0", "lib 0.1.0", "tools 0.1.0", "app 0.1.0", "late 0.1.0"] == names
    root = str(release.root)
    expected = Command(why="behind the crates that it needs", argv=("cargo", "publish", "--locked", "--package", "core"), cwd=root)
    assert (expected, False, "") == (actions[0].step, actions[0].done, actions[0].note)


@pytest.mark.parametrize(
    ("registry", "registries", "names", "words", "setting"),
    [
        ("", None, ["hello"], (), ""),
        ("", (), [], (), ""),
        ("", ("crates-io",), ["hello"], (), ""),
        ("crates-io", ("crates-io",), ["hello"], ("--registry", "crates-io"), ""),
        ("ours", ("ours",), ["hello"], ("--registry", "ours"), ', registry = "ours"'),
        ("ours", ("theirs",), [], (), ""),
    ],
)
def test_a_package_goes_only_where_its_manifest_lets_it(registry, registries, names, words, setting, make):
    """And cargo is asked about, and told, that registry."""
    written = []

    def answer(argv):
        written.append(Path(argv[-1]).read_text())
        return absent(argv)

    options = {"publish": ["registry"], "registry": registry} if registry else {"publish": ["registry"]}
    release = make({METADATA: needing(hello=[]), LOCKFILE: answer}, options=options, crates=crates("hello", registries=registries))
    actions = publish.look(release, "registry")
    assert names == [one.what.split()[0] for one in actions]
    if names:
        assert ("cargo", "publish", *words, "--locked", "--package", "hello") == actions[0].step.argv
        assert f'asked = {{ package = "hello", version = "=0.1.0"{setting} }}' in written[0]


def test_a_package_that_is_published_is_compared(make):
    """By the checksum of what cargo packs here; the same is done, and another is refused."""
    import hashlib

    checksum = hashlib.sha256(b"crate").hexdigest()
    answers = {METADATA: needing(hello=[]), LOCKFILE: indexed(checksum), PACKAGE: packing("crate")}
    release = make(answers, options={"publish": ["registry"]}, crates=crates("hello"))
    (action,) = publish.look(release, "registry")
    assert (True, "with the same content") == (action.done, action.note)
    assert ("registry: hello 0.1.0: is there, with the same content",) == publish.publish(release)
    other = make(answers | {PACKAGE: packing("another")}, options={"publish": ["registry"]}, crates=crates("hello"))
    with pytest.raises(CrosstasksError, match=r"hello 0\.1\.0 is published already, and differs") as caught:
        publish.look(other, "registry")
    assert checksum[:16] in caught.value.why


@pytest.mark.parametrize(
    ("checksum", "package", "why"),
    [
        ("", packing("crate"), "the registry tells no checksum"),
        ("00", packing("crate", 101), "it cannot be packed"),
        ("00", lambda _argv: failed("error: no such package:\n\nmore", 101), "no such package"),
    ],
)
def test_what_cannot_be_compared_is_said(checksum, package, why, make):
    """It is there all the same."""
    answers = {METADATA: needing(hello=[]), LOCKFILE: indexed(checksum), PACKAGE: package}
    (action,) = publish.look(make(answers, options={"publish": ["registry"]}, crates=crates("hello")), "registry")
    assert (True, f"it could not be compared: {why}") == (action.done, action.note)


def test_build_metadata_make_no_other_version(make):
    """Cargo takes 0.1.0 where 0.1.0+b is asked for, and so does a registry that is to be given both."""
    (crate,) = crates("hello")
    other = Crate(name="hello", version="0.1.0+b", folder=crate.folder, tag="v0.1.0+b")
    release = make({METADATA: needing(hello=[]), LOCKFILE: indexed("00")}, options={"publish": ["registry"]}, crates=(other,))
    with pytest.raises(CrosstasksError, match=r"hello 0\.1\.0\+b is published already, and differs") as caught:
        publish.look(release, "registry")
    assert "the registry has 0.1.0, and what follows a + makes no other version" == caught.value.why


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ("error: version 0.1.0 of hello is yanked", "hello 0.1.0 was published, and is yanked"),
        ("error: failed to connect", "cargo does not tell whether hello 0.1.0 is published"),
        ("error: no matching package named `hell` found", "cargo does not tell whether hello 0.1.0 is published"),
    ],
)
def test_a_registry_that_does_not_tell_is_an_error(said, what, make):
    """So is a version that was taken back."""
    release = make({METADATA: needing(hello=[]), LOCKFILE: failed(said)}, options={"publish": ["registry"]}, crates=crates("hello"))
    with pytest.raises(CrosstasksError, match=what):
        publish.look(release, "registry")


@pytest.mark.parametrize(
    "said",
    [
        "error: no matching package found\nsearched package name: `hello`",
        'error: failed to select a version for the requirement `hello = "=0.1.0"`',
    ],
)
def test_cargo_says_in_three_ways_that_there_is_none(said, make):
    """Each is an absence, and no error."""
    release = make({METADATA: needing(hello=[]), LOCKFILE: failed(said)}, options={"publish": ["registry"]}, crates=crates("hello"))
    assert [False] == [one.done for one in publish.look(release, "registry")]


def test_cargo_that_does_not_tell_what_packages_need_is_an_error(make):
    """With what it said."""
    release = make({METADATA: failed("error: bad manifest\n")}, options={"publish": ["registry"]}, crates=crates("hello"))
    with pytest.raises(CrosstasksError, match="cargo does not tell what the packages need") as caught:
        publish.look(release, "registry")
    assert "error: bad manifest" == caught.value.why


def test_trying_a_registry_lets_cargo_try_all_at_once(make):
    """Those that are not published yet need one another; with nothing to publish cargo is not asked."""
    dry = ("cargo", "publish", "--locked", "--dry-run", "--package=hello", "--package=other")
    answers = {METADATA: needing(hello=[], other=[]), LOCKFILE: absent, dry: ""}
    release = make(answers, options={"publish": ["registry"]}, crates=crates("hello", "other"))
    assert "registry: cargo packed and checked it without an error" == publish.publish(release, dry=True)[-1]
    assert [] == publish.try_registry(make({("cargo",): ""}, crates=crates("hello", registries=())))
    release = make(answers | {dry: failed("error: no readme\n")}, options={"publish": ["registry"]}, crates=crates("hello", "other"))
    with pytest.raises(CrosstasksError, match="`cargo publish --dry-run` failed") as caught:
        publish.publish(release, dry=True)
    assert "error: no readme" == caught.value.why


@pytest.mark.parametrize(
    "said",
    [
        "error: The argument '--package [<SPEC>...]' was provided more than once, but cannot be used multiple times\n\nUSAGE:\n",
        "error: the argument '--package [<SPEC>]' cannot be used multiple times\n\nUsage: cargo publish [OPTIONS]\n",
        "error: the `--package (multiple occurrences)` flag is unstable, pass `-Z package-workspace` to enable it\n",
    ],
    ids=["1.65", "1.75", "1.85"],
)
def test_an_older_cargo_tries_one_package_at_a_time(said, make):
    """One that needs another, which is not published yet, cannot be tried by it: that is said, and is no error."""
    release = make({("cargo", "publish"): failed(said, 101)}, options={"publish": ["registry"]}, crates=crates("hello", "other"))
    assert ["registry: not tried: this cargo takes one package at a time, and several since 1.90"] == publish.try_registry(release)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (failed("tag v0.1.0 doesn't exist in the repo\n"), "push the tag first: nothing is pushed for you"),
        (failed("tag v0.1.0 is protected\n"), "what is published stays; the next call goes on from here"),
        (failed("the repo does not exist\n"), "what is published stays; the next call goes on from here"),
        (failed("", out="HTTP 502\n"), "what is published stays; the next call goes on from here"),
    ],
)
def test_what_fails_is_told_and_the_rest_is_kept(said, hint, make, packed):
    """The first command that fails ends it."""
    release = make({VIEW: failed("not found"), ("gh", "release", "create"): said}, options={"publish": ["github"]})
    packed(release)
    with pytest.raises(CrosstasksError, match="`gh release create` failed") as caught:
        publish.publish(release)
    assert ((said.err or said.out).strip(), hint) == (caught.value.why, caught.value.hint)
    assert [] == asked(release, "gh", "release", "upload")
    assert [str(release.root)] == sorted(set(release.context.run.folders) - {""})


@pytest.mark.parametrize(("program", "hint"), [("gh", "https://cli.github.com"), ("cargo", "https://rustup.rs")])
def test_where_a_program_is_had_that_is_not_there(make, program, hint):
    """The error is that of who looked for it."""
    with pytest.raises(ToolMissing, match=f"{program} is not here") as caught:
        publish.ask(make(), (program, "--version"))
    assert hint == caught.value.hint
