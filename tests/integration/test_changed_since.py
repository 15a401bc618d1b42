"""``--changed-since`` in a generated workspace of 30 crates, with real git and cargo; one build, by real cross."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from workspaces import generate

GIT = ("git", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
HERE = ("--target", "x86_64")


@pytest.fixture
def git():
    """git, in a folder."""

    def call(folder, *arguments):
        return subprocess.run((*GIT, "-C", str(folder), *arguments), check=True, capture_output=True, text=True).stdout

    return call


@pytest.fixture
def many(tmp_path, git):
    """The workspace, committed."""
    folder = generate(tmp_path / "many")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


@pytest.fixture
def members(crosstasks):
    """The packages that a plan names since a revision; the exit code if there is no plan."""

    def call(folder, ref="main", *arguments):
        done = crosstasks("plan", *HERE, "--format", "json", "--changed-since", ref, *arguments, cwd=folder)
        if done.returncode:
            return done.returncode, done.stderr
        (made,) = json.loads(done.stdout)["plans"]
        return {name.removeprefix("crate-") for name in made["members"]}

    return call


def append(path, text):
    path.write_text(path.read_text() + text)


def replaced(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_nothing_changed_selects_nothing(many, members):
    """Exit code 3, with the reason."""
    code, said = members(many)
    assert 3 == code
    assert "nothing is selected\n0 paths have changed since main, and none reaches a package that is built" in said


def test_a_change_reaches_its_crate_and_all_that_need_it(many, members, git):
    """Uncommitted, committed, and in a file that git does not know yet."""
    expected = {"07", "14", "15", "28", "29"}
    append(many / "crates/crate-07/src/lib.rs", "// changed\n")
    assert expected == members(many)
    git(many, "checkout", "-q", "-b", "feature")
    git(many, "commit", "-q", "-a", "-m", "change")
    assert expected == members(many)
    assert 3 == members(many, "HEAD")[0]
    (many / "crates/crate-29/src/extra.rs").write_text("// new\n")
    assert {"29"} == members(many, "HEAD")


def test_what_happened_on_the_other_branch_since_counts_for_nothing(many, members, git):
    """The base is where the branches parted."""
    git(many, "checkout", "-q", "-b", "feature")
    append(many / "crates/crate-29/src/lib.rs", "// changed\n")
    git(many, "commit", "-q", "-a", "-m", "change")
    git(many, "checkout", "-q", "main")
    append(many / "crates/crate-00/src/lib.rs", "// changed\n")
    git(many, "commit", "-q", "-a", "-m", "other")
    git(many, "checkout", "-q", "feature")
    assert {"29"} == members(many)


def test_a_text_above_the_crates_reaches_who_includes_it(many, members):
    """And one that nobody includes nobody."""
    append(many / "crates/crate-28/src/lib.rs", 'pub const TEXT: &str = include_str!("../../../shared/text.txt");\n')
    subprocess.run((*GIT, "-C", str(many), "commit", "-q", "-a", "-m", "include"), check=True)
    (many / "shared").mkdir()
    (many / "shared" / "text.txt").write_text("text\n")
    (many / "README.md").write_text("read\n")
    assert {"28"} == members(many, "HEAD")


def test_a_package_at_the_root_is_not_the_crates_below_it(many, members, git):
    """What those include is theirs alone; what lies in no other crate is the root's."""
    append(many / "Cargo.toml", '[package]\nname = "root"\nversion = "0.1.0"\nedition = "2021"\n')
    append(many / "crosstasks.toml", 'exclude = ["crate-00"]\n')
    replaced(
        many / "Cargo.lock",
        '[[package]]\nname = "crate-00"',
        '[[package]]\nname = "root"\nversion = "0.1.0"\n\n[[package]]\nname = "crate-00"',
    )
    (many / "src").mkdir()
    (many / "src" / "lib.rs").write_text("")
    append(many / "crates/crate-28/src/lib.rs", 'pub const TEXT: &str = include_str!("../../crate-03/words.txt");\n')
    git(many, "add", "-A")
    git(many, "commit", "-q", "-m", "root")
    (many / "crates/crate-03/words.txt").write_text("words\n")
    assert {"03", "06", "07", "12", "13", "14", "15", "24", "25", "26", "27", "28", "29"} == members(many, "HEAD")
    (many / "crates/crate-03/words.txt").unlink()
    (many / "src" / "lib.rs").write_text("// changed\n")
    assert {"root"} == members(many, "HEAD")


def test_a_lock_file_reaches_whose_dependencies_changed(many, members):
    """Only those, and who needs them."""
    added = '[[package]]\nname = "cfg-if"\nversion = "1.0.0"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n\n'
    lock = many / "Cargo.lock"
    replaced(lock, '[[package]]\nname = "crate-00"', f'{added}[[package]]\nname = "crate-00"')
    replaced(
        lock,
        'name = "crate-14"\nversion = "0.1.0"\ndependencies = [\n',
        'name = "crate-14"\nversion = "0.1.0"\ndependencies = [\n "cfg-if",\n',
    )
    assert {"14", "28", "29"} == members(many)


def test_an_inherited_dependency_reaches_who_inherits_it(many, members):
    """Its features may have changed, which no lock file tells."""
    replaced(
        many / "Cargo.toml", 'crate-14 = { path = "crates/crate-14" }', 'crate-14 = { path = "crates/crate-14", default-features = false }'
    )
    assert {"28", "29"} == members(many)


@pytest.mark.parametrize("name", ["crosstasks.toml", "Cross.toml", "rust-toolchain.toml", ".cargo/config.toml", "Cargo.toml"])
def test_what_all_share_reaches_all(name, many, members):
    """No package is named then: what is configured is built."""
    path = many / name
    path.parent.mkdir(exist_ok=True)
    texts = {"Cargo.toml": "[profile.dev]\nopt-level = 1\n", "rust-toolchain.toml": '[toolchain]\ncomponents = ["rustfmt"]\n'}
    path.write_text((path.read_text() if path.exists() else "") + texts.get(name, "# changed\n"))
    assert set() == members(many)


def test_members_of_the_configuration_stay(many, members, git):
    """What is not built anyway is not selected."""
    append(many / "crosstasks.toml", 'members = ["crate-29", "crate-03"]\n')
    git(many, "commit", "-q", "-a", "-m", "members")
    append(many / "crates/crate-07/src/lib.rs", "// changed\n")
    assert {"29"} == members(many, "HEAD")


@pytest.mark.parametrize(("ref", "words"), [("nothing", "git knows no revision 'nothing'"), ("--output=x", "'--output=x' is no revision")])
def test_a_revision_that_is_none_is_2(ref, words, many, crosstasks):
    """With what would bring it."""
    done = crosstasks("plan", *HERE, f"--changed-since={ref}", cwd=many)
    assert 2 == done.returncode
    assert words in done.stderr


def test_without_git_it_is_2(tmp_path, members):
    """There is no history to ask."""
    code, said = members(generate(tmp_path / "plain", 2))
    assert 2 == code
    assert "this is no git repository" in said


def test_only_what_is_reached_is_built(many, crosstasks):
    """The packages reach cargo: of ten programs, the only one below the change is built, by cross."""
    append(many / "crates/crate-07/src/lib.rs", "// changed\n")
    done = crosstasks("build", *HERE, "--builder", "cross", "--changed-since", "main", "--format", "json", cwd=many)
    assert 0 == done.returncode, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert {"crate-15"} == {Path(artifact["path"]).name for artifact in result["artifacts"]}
    assert "Compiling crate-28" in done.stderr
    assert "Compiling crate-08" not in done.stderr


def test_nox_takes_the_variable(many, environ):
    """A session of a target that nothing reaches is skipped, with the reason."""
    (many / "noxfile.py").write_text("import crosstasks.nox\ncrosstasks.nox.register()\n")
    argv = (sys.executable, "-m", "nox", "-s", "cross-x86_64")
    fixed = {"CROSSTASKS_CHANGED_SINCE": "main", "NOX_SCRIPT_MODE": "none", "CROSSTASKS_BUILDER": "cross"}
    done = subprocess.run(argv, cwd=many, env=environ | fixed, capture_output=True, text=True, check=False)
    assert 0 == done.returncode, done.stderr
    assert "skipped" in done.stderr
    assert "nothing is selected" in done.stderr
