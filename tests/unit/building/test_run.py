"""What cargo is told beyond what the user says."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from crosstasks.building.run import cargo_options, gated, oldest, ours, past_cross, rounds, subcommand
from crosstasks.catalog import targets
from crosstasks.catalog.targets import Target, find
from crosstasks.testing import config, repository


@pytest.mark.parametrize(
    ("options", "arguments", "expected"),
    [
        ({}, (), ()),
        ({"members": ["server", "cli"]}, (), ("--package=server", "--package=cli")),
        ({"exclude": ["desktop"]}, (), ("--workspace", "--exclude=desktop")),
        ({"features": ["tls", "log"], "default-features": False}, (), ("--no-default-features", "--features=tls,log")),
        ({"profile": "release"}, (), ("--profile=release",)),
        ({"profile": "release"}, ("--profile", "dev"), ()),
        ({"profile": "small"}, ("--release",), ()),
        ({"features": ["tls"]}, ("--features=log",), ()),
        ({"members": ["server"]}, ("-p", "cli"), ()),
    ],
)
def test_the_configuration_speaks_where_the_user_does_not(options, arguments, expected):
    """Packages, features and profile of the configuration are handed to cargo; arguments of the same kind win."""
    own = config("aarch64", **options).target("aarch64-unknown-linux-gnu")
    assert cargo_options(own, arguments) == expected


@pytest.mark.parametrize(
    ("builder", "verb", "words"),
    [
        ("cross", "clippy", ("clippy",)),
        ("cargo", "build", ("build",)),
        ("zigbuild", "build", ("zigbuild",)),
        ("zigbuild", "test", ("test",)),
        ("zigbuild", "doc", ("doc",)),
        ("cross", "nextest", ("test", "run")),
        ("zigbuild", "nextest", ("nextest", "run")),
        ("cargo", "nextest-archive", ("nextest", "archive")),
    ],
)
def test_what_each_builder_calls_a_verb(builder, verb, words):
    """As cargo does, but for the build that is cargo-zigbuild's own, and for what cross would run on the host under its name."""
    assert subcommand(SimpleNamespace(route=SimpleNamespace(builder=builder), verb=verb)) == words


@pytest.mark.parametrize(("target", "parts"), [("riscv64", "std,panic_abort"), ("thumbv7em", "core,alloc"), ("wasip1", "std,panic_abort")])
def test_what_is_compiled_of_the_standard_library(target, parts):
    """A bare machine has no system that the whole of it could be for."""
    route = SimpleNamespace(target=find(target).triple, builder="cargo", libc="", build_std=True)
    assert ours(SimpleNamespace(route=route, verb="check"), repository(lock=False))[-1] == f"-Zbuild-std={parts}"


def test_a_universal_target_is_built_part_by_part():
    """Each with the oldest macOS of its own, which the user may name for both."""
    request = SimpleNamespace(target=find("universal2"))
    route = SimpleNamespace(target="universal2-apple-darwin", builder="zigbuild", glibc_floor="", build_std=False)
    plan = SimpleNamespace(request=request, route=route, verb="build")
    parts = rounds(plan)
    assert parts == (("aarch64-apple-darwin",), ("x86_64-apple-darwin",))
    assert [ours(plan, repository(lock=False), "", part)[:2] for part in parts] == [("--target", part[0]) for part in parts]
    told = [oldest(plan, part, SimpleNamespace(environ={})) for part in parts]
    assert told == [{"MACOSX_DEPLOYMENT_TARGET": "11.0"}, {"MACOSX_DEPLOYMENT_TARGET": "10.12"}]
    assert oldest(plan, parts[0], SimpleNamespace(environ={"MACOSX_DEPLOYMENT_TARGET": "13.0"})) == {}


def nextest(builder, verb, **more):
    route = SimpleNamespace(
        target="aarch64-unknown-linux-gnu", builder=builder, build_std=False, glibc_floor="2.28", image=None, remote=False, **more
    )
    return ours(SimpleNamespace(route=route, verb=verb), repository(lock=True), "json")


def test_cargo_nextest_is_told_the_target_alone():
    """It looks for the target's runner under that name, and has messages of its own; its cargo adds the version of glibc."""
    assert ("--target", "aarch64-unknown-linux-gnu", "--locked") == nextest("zigbuild", "nextest")[:3]
    assert ("--target", "aarch64-unknown-linux-gnu.2.28") == ours(
        SimpleNamespace(
            route=SimpleNamespace(target="aarch64-unknown-linux-gnu", builder="zigbuild", glibc_floor="2.28", build_std=False), verb="test"
        ),
        repository(lock=False),
    )


@pytest.mark.parametrize(
    ("builder", "flavour", "place"),
    [("cross", "0.2.5", "/target"), ("cross", "git", "/project/target/"), ("cargo", "", "/project/target/")],
)
def test_packed_tests_lie_in_the_target_folder(builder, flavour, place):
    """As it is called where cargo-nextest runs."""
    argument = nextest(builder, "nextest-archive", flavour=flavour)[-1]
    assert argument.startswith(f"--archive-file={place}")
    assert argument.endswith("/nextest.tar.zst")


def test_a_profile_of_cargos_is_no_profile_of_nextests():
    """The configuration names cargo's."""
    own = config("aarch64", profile="small").target("aarch64-unknown-linux-gnu")
    assert ("--cargo-profile=small",) == cargo_options(own, ("--profile", "ci"), "nextest")
    assert () == cargo_options(own, ("--cargo-profile", "dev"), "nextest")


@pytest.mark.parametrize(("builder", "file"), [("cargo", "/crate/targets/thing.json"), ("cross", "targets/thing.json")])
def test_a_target_in_json_is_named_by_its_file(monkeypatch, builder, file):
    """In a container, where the workspace has another name, as it is seen from there; and the library is compiled for it."""
    thing = Target(
        **{name: getattr(find("x86_64-none"), name) for name in ("arch", "bits", "endian", "machine", "os", "libc", "format")},
        triple="thing",
        aliases=(),
        build_std=True,
        specification="/crate/targets/thing.json",
    )
    monkeypatch.setattr(targets, "_FROM_FILES", {"thing": thing})
    route = SimpleNamespace(target="thing", builder=builder, build_std=True, toolchain=SimpleNamespace(release="1.95.0"))
    told = ours(SimpleNamespace(route=route, verb="check"), repository(root="/crate", lock=False))
    assert told == ("--target", file, "-Zbuild-std=core,alloc", "-Zjson-target-spec")


@pytest.mark.parametrize(
    ("release", "asked"),
    [("1.85.0", False), ("1.94.1", False), ("1.95.0", True), ("2.0.0", True), ("nightly-2026-01-31", False), ("nightly-2026-02-01", True)],
)
def test_which_cargo_has_to_be_told_of_json(release, asked):
    """The older ones do not know the flag."""
    assert gated(release) is asked


@pytest.mark.parametrize(
    ("arguments", "read", "behind"),
    [
        (("-p", "a"), ("-p", "a"), {}),
        (("--release", "--", "--version", "a b"), ("--release",), {"CROSSTASKS_BEHIND": "-- --version 'a b'"}),
    ],
)
def test_cross_reads_nothing_behind_two_dashes(arguments, read, behind):
    """It would take the program's `--version`, and its `--target`, for its own."""
    assert (read, behind) == past_cross(arguments)
