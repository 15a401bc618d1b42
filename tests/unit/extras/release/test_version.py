"""A new version is written everywhere it stands, and nothing else changes."""

from __future__ import annotations

import pytest

from crosstasks.core.errors import ConfigError
from crosstasks.extras.release.version import bump, lock, manifests, order

ROOT = """\
# the workspace
[workspace]
members = ["crates/*"]  # all of them

[workspace.package]
version = "0.1.0"   # for all

[workspace.dependencies]
place = { path = "crates/place", version = "0.1" }
"""
HEIR = '[package]\nname = "{}"\nversion.workspace = true\n'
OWN = """\
[package]
name = "tool"
version = '1.0.0' # quoted so

[dependencies]
place = { workspace = true }
core = { package = "tool-core", path = "../core", version = "=1.0.0", features = [ "a" ] }
serde = "1.0.0"

[target.'cfg(unix)'.build-dependencies.tool-core]
path = "../core"
version = "~1.0"
"""


@pytest.mark.parametrize(
    ("version", "how", "new"),
    [
        ("1.2.3", "patch", "1.2.4"),
        ("1.2.3", "minor", "1.3.0"),
        ("1.2.3", "major", "2.0.0"),
        ("1.2.3-rc.1", "patch", "1.2.3"),
        ("1.2.3", "1.2.4-rc.1", "1.2.4-rc.1"),
        ("1.2.3", "1.2.3", "1.2.3"),
    ],
)
def test_versions_go_on(version, how, new):
    """By a word, or as said; of a pre-release comes its release."""
    assert new == bump(version, how)


@pytest.mark.parametrize(
    ("version", "how", "said"),
    [
        ("1.2.3", "1.2.2", "1.2.2 is lower than 1.2.3"),
        ("1.2.3", "1.2.3-rc.1", "is lower than 1.2.3"),
        ("1.2.3", "mino", "--bump is patch, minor, major or a version"),
        ("1.2", "patch", "no semantic version"),
    ],
)
def test_versions_do_not_go_back(version, how, said):
    """Nor to something that is no version."""
    with pytest.raises(ConfigError, match=said):
        bump(version, how)


def test_a_version_of_the_workspace_is_changed_where_it_stands():
    """Members that inherit it stay as they are; comments and spaces too."""
    texts = {"Cargo.toml": ROOT, "crates/place/Cargo.toml": HEIR.format("place"), "crates/rows/Cargo.toml": HEIR.format("rows")}
    made = manifests(texts, "Cargo.toml", {"place": "0.2.0", "rows": "0.2.0"})
    wanted = ROOT.replace('version = "0.1.0"', 'version = "0.2.0"').replace('version = "0.1" }', 'version = "0.2.0" }')
    assert made == {**texts, "Cargo.toml": wanted}


def test_dependencies_by_path_ask_for_the_new_version():
    """Under their own or another name, for one target or all, with the operator that they had; others are left alone."""
    made = manifests({"tool/Cargo.toml": OWN}, "Cargo.toml", {"tool": "1.1.0", "tool-core": "1.1.0"})["tool/Cargo.toml"]
    wanted = OWN.replace("'1.0.0' # quoted", '"1.1.0" # quoted').replace('"=1.0.0"', '"=1.1.0"').replace('"~1.0"', '"~1.1.0"')
    assert wanted == made


@pytest.mark.parametrize(
    ("versions", "who"), [({"place": "0.2.0"}, "rows"), ({"rows": "0.2.0"}, "place"), ({"place": "0.2.0", "rows": "0.3.0"}, "place, rows")]
)
def test_one_heir_is_not_released_without_the_others(versions, who):
    """They would get another version without anybody asking for it; nor do two get one version that differ."""
    texts = {"Cargo.toml": ROOT, "a/Cargo.toml": HEIR.format("place"), "b/Cargo.toml": HEIR.format("rows")}
    with pytest.raises(ConfigError, match="inherit one version") as caught:
        manifests(texts, "Cargo.toml", versions)
    assert caught.value.what == "packages inherit one version from the workspace"
    assert caught.value.why == f"{who} would get another version as well"
    assert caught.value.hint == "release them together, or give each its own"


def test_the_lock_file_has_the_new_versions():
    """Those of packages by path only, though a crate of the registry has the same name."""
    registry = 'source = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "00"\n'
    text = (
        "# generated\nversion = 4\n\n"
        f'[[package]]\nname = "tool"\nversion = "0.9.0"\n{registry}\n'
        '[[package]]\nname = "tool"\nversion = "1.0.0"\ndependencies = [\n "other",\n]\n\n'
        '[[package]]\nname = "user"\nversion = "1.0.0"\ndependencies = [\n "tool 0.9.0",\n "tool 1.0.0",\n]\n'
    )
    made = lock(text, {"tool": "1.1.0"}, {"tool": "1.0.0"})
    wanted = text.replace('version = "1.0.0"\ndependencies = [\n "other"', 'version = "1.1.0"\ndependencies = [\n "other"')
    assert made == wanted.replace('"tool 1.0.0"', '"tool 1.1.0"')


def test_packages_come_behind_what_they_need():
    """A circle, as tests may make one, ends nothing."""
    assert order(("app", "lib", "core"), {"app": ["lib", "serde"], "lib": ["core"], "core": ["lib"]}) == ("core", "lib", "app")
