"""Plans and results as text for people."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace
from planning import settle

from crosstasks.catalog.ingredients import BringGlibc, CompileCross, InstallToolchain, InstallWheels, PullImage, RegisterEmulator, Tool
from crosstasks.core.results import Artifact, Result
from crosstasks.core.steps import Failure, Refused
from crosstasks.planning.toolchains import INSTEAD
from crosstasks.reporting import progress, report
from crosstasks.testing import arm64_facts, config, toolchain

SHA = "77ab" * 16
ARM64 = "aarch64-unknown-linux-gnu"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (InstallWheels(why="", name="x", projects=("astral-dev-toolchain-cross==0.2.5",)), "install cross 0.2.5 from PyPI"),
        (
            InstallWheels(why="", name="x", projects=("cargo-zigbuild==0.22.1", "ziglang==0.15.1")),
            "install cargo-zigbuild 0.22.1 and zig 0.15.1 from PyPI",
        ),
        (
            InstallWheels(why="", name="x", projects=("astral-dev-toolchain-cross==0.2.5",), machine="x", glibc=True),
            "install cross 0.2.5 from PyPI, and glibc of Debian's packages for it",
        ),
        (BringGlibc(why="", name="x", toolchain="/t", machine="x"), "bring glibc of Debian's packages, for Rust's programs on this host"),
        (CompileCross(why="", name="x", flavour="git", install=(), cargo="cargo"), "compile cross git with cargo"),
        (
            InstallToolchain(why="", release="1.95.0", host="x", targets=(ARM64,), library=False, source="rustup"),
            "install Rust 1.95.0 with the standard library of aarch64, from rustup's server",
        ),
        (
            InstallToolchain(why="", release="1.85.0", host="x", targets=(ARM64, "s390x-unknown-linux-gnu"), library=True, source="debian"),
            "install Rust 1.85.0 with the standard library of aarch64 and s390x and the library's source, from Debian's packages",
        ),
        (PullImage(why="", ref="r/i:1", platform="linux/amd64", digest=""), "pull r/i:1 for linux/amd64"),
        (RegisterEmulator(why="", platform="linux/s390x", source="image"), "set up emulation of linux/s390x in the engine's kernel"),
    ],
)
def test_a_step_is_said_in_words(step, words):
    """A verb, what, and where it comes from."""
    assert words == progress.step_words(step)


def test_many_targets_are_counted():
    """Two are named, so that the line stays short."""
    assert "a, b and 2 more targets" == progress.some(("a", "b", "c", "d"))


def test_refusals_with_one_reason_stand_together():
    """Three groups; what is left is counted."""
    rows = [Refused(name=name, why=why) for name, why in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "z"), ("e", "w"), ("f", "w"))]
    assert ["a and 1 more: x", "c: y", "d: z", "2 more routes"] == report.group_refusals(rows)


@pytest.fixture
def planned():
    """A plan for an engine of arm64, with an image to build."""
    made, _ = settle("aarch64", arm64_facts(), config())
    return made


def test_a_plan_answers_first(planned, monkeypatch):
    """Route, why, isolation, glibc, what will be done, and then what is refused; everything else waits for `--all`."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = report.plan_text(planned).splitlines()
    labels = [line[2:12].strip() for line in lines[1:]]
    assert ["route", "why", "isolation", "glibc", "to do", "refused"] == list(dict.fromkeys(filter(None, labels)))
    assert f"  route      {planned.route.name}" == lines[1]
    assert any("build an image for aarch64 from the packages of bookworm" in line for line in lines)
    assert "--all shows" in lines[-1]
    assert [] == [line for line in lines if len(line) > 80]


def test_everything_of_a_plan_is_shown_on_request(planned):
    """Every refused route by its name, each ingredient with its path, each step with its values, what would be next."""
    text = " ".join(report.plan_text(planned, everything=True).split())
    assert all(f"{refusal.name}: " in text for refusal in planned.refused)
    assert planned.route.toolchain.name in text
    assert all(str(step) in text for step in planned.steps)
    assert f"next {planned.below[0]}" in text


def test_a_result_has_the_relative_path_the_glibc_and_the_whole_hash(tmp_path, monkeypatch):
    """Each line fits into 80 columns but for the path."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "target" / "crosstasks" / ARM64 / "debug" / "hello"
    artifact = Artifact(path=str(path), glibc="2.34", size=4_100_000, sha256=SHA)
    result = Result(target=ARM64, verb="build", route="cross 0.2.5", seconds=1.24, artifacts=(artifact,))
    assert [
        f"{ARM64}: build ok in 1.2 s, cross 0.2.5",
        f"  target/crosstasks/{ARM64}/debug/hello",
        "    4.1 MB, runs with glibc 2.34 or newer",
        f"    sha256 {SHA}",
    ] == report.result_text((result,)).splitlines()


@pytest.mark.parametrize(
    ("fields", "words"), [({"glibc": "2.17"}, "runs with glibc 2.17 or newer"), ({"static": True}, "needs no library"), ({}, "")]
)
def test_the_floor_is_that_of_the_program(fields, words):
    """What is linked statically runs anywhere; of another libc nothing is said."""
    assert words == report.floor(Artifact(path="x", **fields))


def test_a_failure_names_the_routes_that_failed_before():
    """With the error's first line."""
    result = Result(
        target=ARM64,
        verb="test",
        route="zigbuild",
        error="it broke\nmore",
        code=1,
        failures=(Failure(route="cross 0.2.5", what="no image"),),
    )
    assert f"{ARM64}: test failed: it broke\n  not by cross 0.2.5: no image" == report.result_text((result,))


def test_progress_goes_to_standard_error_without_what_moves_the_cursor(monkeypatch, capsys):
    """A name of others may hold anything; only our own colours are believed."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    report.say("a\x1b[2Jb")
    assert ("", "\x1b[2m*\x1b[0m a\\x1b[2Jb\n") == tuple(capsys.readouterr())


def changed(plan, **route):
    """Return a plan by another route."""
    return dataclasses.replace(plan, route=replace(plan.route, **route))


def test_a_plan_tells_what_a_user_has_to_know(monkeypatch):
    """Of another release, of a library that is compiled, of emulation and of members."""
    monkeypatch.setenv("COLUMNS", "120")
    plan, _ = settle("aarch64", arm64_facts(), config("aarch64", members=["a", "b"]))
    old = replace(plan.route.toolchain, why=f"1.95.0 {INSTEAD} 1.96.0")
    image = replace(plan.route.image, platform="linux/amd64")
    lines = report.plan_text(changed(plan, toolchain=old, build_std=True, emulated=True, image=image)).splitlines()
    assert [
        f"  rust       1.95.0 {INSTEAD} 1.96.0",
        f"  std        compiled from source (-Zbuild-std): {old.name} has none for {ARM64}",
        "  slow       linux/amd64 is emulated on this engine, about 11 times slower",
        "  members    a, b",
    ] == [line for line in lines if line[2:9].strip() in {"rust", "std", "slow", "members"}]


def test_a_tool_is_shown_with_its_path_and_nothing_to_do_is_said(planned, monkeypatch):
    """With all that there is about it."""
    monkeypatch.setenv("COLUMNS", "120")
    tool = Tool(name="cross", version="0.2.5", path="/c/cross", source="cache", why="it is there")
    made = changed(planned, tool=tool, image=None, toolchain=toolchain(), host_toolchain=toolchain())
    lines = report.plan_text(made, everything=True).splitlines()
    at = lines.index("  cross      0.2.5, cache: /c/cross")
    assert ["             it is there", "  to do      nothing: everything is there"] == [
        lines[at + 1],
        *[line for line in lines if "to do" in line],
    ]


@pytest.mark.parametrize(
    ("floor", "words"),
    [
        ("2.31", "2.31 or newer"),
        ("", "2.31 or newer"),
        ("2.17", "2.31 or newer, on every machine; by this route with 2.17"),
        ("2.36", '2.36 or newer: this route cannot keep 2.31, which others do; `glibc = "2.31"` rules it out'),
    ],
)
def test_a_route_that_gives_more_or_less_than_others(floor, words):
    """What is promised on every machine, and what this route gives, are told where they differ."""
    plan, _ = settle("aarch64", arm64_facts(), config("aarch64", glibc="2.31"))
    text = " ".join(report.plan_text(changed(plan, glibc_floor=floor)).split())
    assert f" glibc programs run with glibc {words} to do 1." in text


def test_a_result_tells_where_it_was_built_and_what_was_refused():
    """The host is named, as it is no container."""
    result = Result(target=ARM64, verb="build", route="zigbuild", seconds=2, isolation="host", better="cross: no engine")
    assert f"{ARM64}: build ok in 2.0 s, zigbuild, on the host\n  better was refused: cross: no engine" == report.result_text((result,))


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (4_100_000, "4.1 MB"), (2_500_000_000, "2.5 GB")]
)
def test_sizes_are_read_by_people(count, words):
    """In units of a thousand."""
    assert words == report.size(count)


def test_the_table_of_targets():
    """A column for each verb that was asked for; what a target does not have is a dash."""
    rows = {row.triple: row for row in report.target_rows()}
    shown = [
        replace(rows[triple], here={"build": word}) for triple, word in ((ARM64, "cross 0.2.5"), ("riscv32imc-unknown-none-elf", "no: x"))
    ]
    assert [
        [
            "triple",
            "session",
            "cross-<name>,",
            "other",
            "names",
            "images",
            "of",
            "cross",
            "built",
            "here",
            "no",
            "image",
            "tests",
            "std",
            "build",
        ],
        f"{ARM64} {', '.join(rows[ARM64].aliases)} 0.2.5 0.2.4 git yes zigbuild yes shipped cross 0.2.5".split(),
        ["riscv32imc-unknown-none-elf", "riscv32imc", *"--", "cargo", "-", "shipped", "no:", "x"],
    ] == [line.split() for line in report.text(shown).splitlines()]
    assert 1 == len(report.text(()).splitlines())
