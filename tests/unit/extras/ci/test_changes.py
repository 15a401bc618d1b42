"""Which crates a change reaches, as values."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstasks.extras.ci import changes
from crosstasks.extras.ci.changes import Crate
from crosstasks.testing import config

TOP = Path("/top")
ARM64, ARMV7 = "aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf"


def crate(name, *needs, place="", **more):
    return Crate(
        name=name,
        version="0.1.0",
        folders=(TOP / (place or name),),
        needs=tuple(TOP / need for need in needs),
        **{"member": True, "default": True, **more},
    )


# base <- log <- api, and base <- cli
BASE, LOG, API, CLI, OTHER = crate("base"), crate("log", "base"), crate("api", "log"), crate("cli", "base"), crate("other")
KNOWN = (BASE, LOG, API, CLI, OTHER)


def names(found):
    return {one.name for one in found}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ((API,), {"api"}),
        ((LOG,), {"log", "api"}),
        ((BASE,), {"base", "log", "api", "cli"}),
        ((OTHER, CLI), {"other", "cli"}),
        ((), set()),
    ],
)
def test_a_change_reaches_all_that_depend_on_it(changed, expected):
    """However far."""
    assert expected == names(changes.dependents(changed, KNOWN))


def test_a_ring_of_test_dependencies_ends():
    """Two crates may need one another in their tests."""
    first, second = crate("first", "second"), crate("second", "first")
    assert {"first", "second"} == names(changes.dependents({first}, (first, second)))


def test_a_file_belongs_to_the_innermost_crate():
    """That of a crate in a crate is not the outer's."""
    outer, inner = crate("outer", place="outer"), crate("inner", place="outer/inner")
    assert {"inner"} == names(changes.crates_of(TOP / "outer/inner/src/lib.rs", (outer, inner)))
    assert {"outer"} == names(changes.crates_of(TOP / "outer/src/lib.rs", (outer, inner)))
    assert set() == changes.crates_of(TOP / "README.md", (outer, inner))


def test_a_submodule_changes_the_crates_in_it():
    """Git names its folder alone."""
    part = crate("part", place="parts/part/rust")
    assert {"part"} == names(changes.crates_of(TOP / "parts/part", (*KNOWN, part)))


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ('include_str!("../../shared/greeting.txt")', "shared/greeting.txt", True),
        ('concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/greeting.txt")', "shared/greeting.txt", True),
        ('compile(&["../proto"])', "proto/v1/api.proto", True),
        ('compile(&["../proto/"])', "proto/v1/api.proto", True),
        ('include_str!("ungreeting.txt")', "shared/greeting.txt", False),
        ("// greeting.txt", "shared/greeting.txt", False),
        ('join("src")', "other/src/lib.rs", False),
    ],
)
def test_a_source_that_names_a_file_is_reached_by_it(text, path, expected):
    """By its name, or by that of a folder above it; not by a word like it."""
    assert expected == bool(changes.mention(TOP / path, TOP).search(text))


def test_a_file_reaches_who_owns_it_and_who_names_it():
    """A crate may include what lies in another's folder."""

    def mentions(one, pattern):
        return bool(pattern.search({"cli": '"../other/words.txt"'}.get(one.name, "")))

    assert {"other", "cli"} == names(changes.changed_crates([TOP / "other/words.txt"], KNOWN, TOP, mentions))
    assert set() == changes.changed_crates([TOP / "README.md"], KNOWN, TOP, mentions)


def lock(**packages):
    """Return a lock file: of every package its version, its source or not, and what it needs."""
    parts = []
    for name, (version, source, *needs) in packages.items():
        lines = [f'name = "{name}"', f'version = "{version}"'] + (
            [f'source = "{source}"', f'checksum = "{name}{version}"'] if source else []
        )
        lines.append(f"dependencies = {needs!r}".replace("'", '"'))
        parts.append("[[package]]\n" + "\n".join(lines))
    return "version = 4\n\n" + "\n\n".join(parts)


REGISTRY = "registry+https://example.org/index"
BEFORE = {"api": ("0.1.0", "", "rand"), "cli": ("0.1.0", "", "libc"), "rand": ("0.8.0", REGISTRY, "libc"), "libc": ("0.2.1", REGISTRY)}


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (BEFORE, set()),
        ({**BEFORE, "rand": ("0.8.1", REGISTRY, "libc")}, {("api", "0.1.0")}),
        ({**BEFORE, "libc": ("0.2.2", REGISTRY)}, {("api", "0.1.0"), ("cli", "0.1.0")}),
        ({**BEFORE, "cli": ("0.1.0", "")}, {("cli", "0.1.0")}),
        ({**BEFORE, "unused": ("1.0.0", REGISTRY)}, set()),
    ],
)
def test_a_lock_file_reaches_those_whose_dependencies_are_others(after, expected):
    """Through other packages as well; one that nobody needs reaches nobody."""
    assert expected == changes.lock_changes(lock(**BEFORE), lock(**after))


def test_a_new_lock_file_reaches_all():
    """Before it, every dependency was whatever was newest."""
    assert {("api", "0.1.0"), ("cli", "0.1.0")} == changes.lock_changes("", lock(**BEFORE))


def test_two_versions_of_a_package_are_told_apart():
    """A lock file names them with their version."""
    both = '[[package]]\nname = "libc"\nversion = "0.2.1"\nsource = "r"\n[[package]]\nname = "libc"\nversion = "0.1.0"\nsource = "r"\n{}'
    needing = '[[package]]\nname = "a"\nversion = "1.0.0"\ndependencies = ["libc 0.{}"]\n'
    assert {("a", "1.0.0")} == changes.lock_changes(both.format(needing.format("2.1")), both.format(needing.format("1.0")))


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ({"workspace": {"members": ["a", "b"], "dependencies": {"x": "1"}}}, False),
        ({"workspace": {"members": ["a"]}, "profile": {"release": {"lto": True}}}, True),
        ({"workspace": {"members": ["a"], "package": {"version": "2.0.0"}}}, True),
        ({"workspace": {"members": ["a"]}, "package": {"name": "root"}}, False),
        ({"workspace": {"members": ["a"]}, "patch": {"crates-io": {"x": {"path": "x"}}}}, True),
    ],
)
def test_what_holds_for_every_crate_is_told_from_lists(after, expected):
    """A new member or dependency is not everybody's."""
    assert expected == (changes.common({"workspace": {"members": ["a"]}}) != changes.common(after))


def test_who_inherits_a_dependency_is_reached():
    """In any table of dependencies, by name."""
    changed = changes.dependency_differences(
        {"workspace": {"dependencies": {"x": "1", "y": "1"}}}, {"workspace": {"dependencies": {"x": "2", "y": "1"}}}
    )
    assert {"x"} == changed
    assert changes.inherits({"target": {"cfg(unix)": {"dev-dependencies": {"x": {"workspace": True}}}}}, changed)
    assert not changes.inherits({"dependencies": {"x": "1", "y": {"workspace": True}}}, changed)


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        ({}, {ARM64: ("log", "api"), ARMV7: ("log", "api")}),
        ({ARM64: {"members": ["api", "cli"]}}, {ARM64: ("api",), ARMV7: ("log", "api")}),
        ({ARM64: {"exclude": ["lo*"]}}, {ARM64: ("api",), ARMV7: ("log", "api")}),
        ({ARM64: {"members": ["cli"]}}, {ARMV7: ("log", "api")}),
    ],
)
def test_only_what_is_reached_is_left(own, expected):
    """Of each target the packages that were to be built anyway; a target without one is gone."""
    found = changes.narrow_to(config(ARM64, ARMV7, target=own), (ARM64, ARMV7), KNOWN, {"log", "api"}, "--changed-since main")
    assert expected == {triple: found.target(triple).members for triple in found.targets}
    assert all(() == found.target(triple).exclude for triple in found.targets)
    assert "--changed-since main" == found.source("members", ARMV7)


def test_a_crate_outside_the_workspace_is_never_named():
    """It is built by whoever needs it."""
    outside = crate("outside", member=False, default=False)
    assert () == changes.narrow_to(config(ARM64), (ARM64,), (outside,), {"outside"}, "x").targets


def test_cargo_is_read_as_it_tells():
    """Folders, paths, and what it builds if no package is named."""
    package = {
        "id": "path+file:///top/a#0.1.0",
        "name": "a",
        "version": "0.1.0",
        "manifest_path": "/top/a/Cargo.toml",
        "dependencies": [{"name": "b", "path": "/top/b"}, {"name": "libc"}, {"name": "c", "path": "/top/c", "kind": "dev"}],
        "targets": [{"src_path": "/top/a/src/lib.rs"}, {"src_path": "/top/bin/main.rs"}],
    }
    told = {"packages": [package], "workspace_default_members": [package["id"]]}
    expected = Crate(name="a", version="0.1.0", folders=(TOP / "a", TOP / "bin"), needs=(TOP / "b",), member=True, default=True)
    assert (expected,) == changes.crates(told, members=True, verb="build")
    assert (TOP / "b", TOP / "c") == changes.crates(told, members=True, verb="test")[0].needs
    assert not changes.crates({**told, "workspace_default_members": []}, members=True)[0].default
