"""The tables of what long runs have kept: every state of a cell has its word."""

from __future__ import annotations

import as_run
import pytest

from crosstasks.catalog.targets import catalogue

TRIPLE = "aarch64-unknown-linux-gnu"


def came(result, **more):
    return {"result": result, "date": "2026-11-29", "seconds": 1.0, **more}


def cells(**by_builder):
    return {f"{TRIPLE} none {builder}": cell for builder, cell in by_builder.items()}


@pytest.mark.parametrize(
    ("kept", "builds", "tests"),
    [
        ({}, "not run", "not run"),
        (cells(cargo={"build": came("refused")}), "zigbuild not run", "zigbuild not run"),
        (cells(cargo={"build": came("refused")}, zigbuild={"build": came("refused")}), "no", "-"),
        (cells(cargo={"build": came("refused")}, zigbuild={"build": came("ok"), "test": came("refused")}), "zigbuild", "no"),
        (cells(cargo={"build": came("ok"), "test": came("ok")}, zigbuild={"build": came("failed")}), "cargo, zigbuild failed", "cargo"),
        (cells(cargo={"build": came("ok"), "test": came("failed")}), "cargo, zigbuild not run", "cargo failed, zigbuild not run"),
    ],
)
def test_each_cell_says_what_was_run(kept, builds, tests):
    """What failed, what was refused and what nobody tried are three things."""
    assert (builds, tests) == tuple(as_run.summary(kept, TRIPLE, "none", verb) for verb in ("build", "test"))


def test_the_table_has_every_target_and_names_what_failed():
    """With the versions of what was used, and the program's own words."""
    text = as_run.every_target(cells(zigbuild={"build": came("ok", tools=["Rust 1.95.0"]), "test": came("failed", why="it\nfails | so")}))
    assert all(f"| `{triple}` |" in text for triple in catalogue())
    assert "tried, 2026-11-29, with Rust 1.95.0." in text
    assert f"- `{TRIPLE} none zigbuild`, test: it; fails \\| so" in text


def test_tools_are_named_as_readers_know_them():
    """Each once, whatever a plan calls it."""
    names = [
        "Rust 1.95.0, std from source",
        "Rust 1.95.0",
        "qemu-arm-static",
        "qemu-mips-static",
        "/usr/lib/crosstasks/wine.sh",
        "container",
    ]
    text = as_run.every_target(cells(zigbuild={"build": came("ok", tools=[*names, f"crosstasks/{TRIPLE}:amd64-0123456789ab"])}))
    assert "with images built here, QEMU, Rust 1.95.0, wine." in text


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "not run"),
        ({"build": came("failed")}, "failed"),
        ({"build": came("ok", route="cross 0.2.5, image built here"), "run": came("ok")}, "cross 0.2.5: built, ran"),
        ({"build": came("ok", route="zigbuild"), "run": came("refused")}, "zigbuild: built, not run here"),
    ],
)
def test_a_program_of_others_was_built_and_run(cell, said):
    """Or was not."""
    assert said == as_run.crate(cell)


def test_a_library_shows_the_line_that_crosstasks_named():
    """And whether it served."""
    kept = {
        "pq-sys without": {"line": "libpq-dev", "says": ["libpq-dev"], "without": came("failed")},
        "pq-sys with": {"line": "libpq-dev", "says": [], "with": came("ok")},
    }
    assert ("`pq-sys`", '`packages = ["libpq-dev"]`', "built, ran") == as_run.library("pq-sys", kept)
    assert ("`alsa-sys`", "not run", "not run") == as_run.library("alsa-sys", kept)


def from_cache(release="1.95.0", digest="a" * 64, **more):
    artifacts = [{"glibc": "2.34", "sha256": digest}]
    return came("ok", route="zigbuild", isolation="host", tools=[f"Rust {release}"], artifacts=artifacts, **more)


def test_two_builds_that_are_the_same_stand_once():
    """The release, the route and the hash; the seconds are of each."""
    row = as_run.caches("home 0.5.12, used none", {"empty": from_cache(), "full": from_cache(seconds=2.0)})
    assert row == ("home 0.5.12, used", "none", "1.95.0", "zigbuild", "host", "2.34", f"`{'a' * 12}`", "1, 2")


def test_two_builds_that_differ_are_both_shown():
    """Whoever reads the table sees it."""
    row = as_run.caches("hexyl 0.17.0 amd64", {"empty": from_cache(), "full": from_cache("1.85.0", "b" * 64)})
    assert ("1.95.0 / 1.85.0", f"`{'a' * 12}` / `{'b' * 12}`") == (row[2], row[6])
    failed = as_run.caches("hexyl 0.17.0 amd64", {"empty": from_cache(), "full": came("failed", route="zigbuild")})
    assert ("1.95.0 / failed", "zigbuild") == failed[2:4]
