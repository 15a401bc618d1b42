"""What ``crosstasks doctor`` says of this machine, and when it fails."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def doctor(crosstasks, crate):
    """The rows by name, and the exit code."""

    def call(**env):
        done = crosstasks("doctor", "--format", "json", cwd=crate, **env)
        return {row["name"]: row for row in json.loads(done.stdout)["rows"]}, done.returncode

    return call


def test_all_is_well_where_every_target_has_a_route(doctor):
    """What is out of reach is a warning with a fix, as long as every target can be built."""
    rows, code = doctor()
    assert 0 == code
    assert "ok" == rows["aarch64-unknown-linux-gnu"]["state"]
    assert {
        "host",
        "python",
        "engine",
        "cross",
        "rustup",
        "toolchains",
        "Debian's archive",
        "registry",
        "emulation",
        "disk of the cache",
    } <= set(rows)
    assert ("warning", True) == (rows["rustup's server"]["state"], "RUSTUP_DIST_SERVER" in rows["rustup's server"]["fix"])
    assert all(row["fix"] for row in rows.values() if row["state"] != "ok")


def test_every_row_is_a_line(crosstasks, crate):
    """The table for people has a line for each row, and a fix below what is not ok."""
    done = crosstasks("doctor", cwd=crate)
    lines = [line for line in done.stdout.splitlines() if line[:2].strip()]
    fixes = [line for line in done.stdout.splitlines() if line.lstrip().startswith("fix: ")]
    assert {"ok", "--"} == {line[:2] for line in lines}
    assert len(fixes) == sum(line.startswith("--") for line in lines)


def test_a_dead_engine_is_7_only_if_it_is_needed(doctor):
    """Zigbuild serves without an engine; `builder = "cross"` does not."""
    dead = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    rows, code = doctor(**dead)
    assert (0, "warning") == (code, rows["engine"]["state"])
    rows, code = doctor(**dead, CROSSTASKS_BUILDER="cross")
    assert (7, "missing") == (code, rows["engine"]["state"])
    assert "missing" == rows["aarch64-unknown-linux-gnu"]["state"]


def test_no_route_is_4(doctor, crate):
    """A target that nothing can build is named, with every reason."""
    with (crate / "crosstasks.toml").open("a") as file:
        file.write('[target.aarch64]\nglibc = "2.17"\nbuilder = "cross"\n')
    rows, code = doctor()
    assert (4, "missing") == (code, rows["aarch64-unknown-linux-gnu"]["state"])
    assert "2.17" in rows["aarch64-unknown-linux-gnu"]["detail"]
    assert "ok" == rows["armv7-unknown-linux-gnueabihf"]["state"]


def test_a_wrong_configuration_is_2_and_the_rest_is_looked_at(doctor, crate):
    """The problems are a row; so is every fact of the machine."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["arch64"]\n')
    rows, code = doctor()
    assert (2, "missing") == (code, rows["config"]["state"])
    assert "arch64" in rows["config"]["detail"]
    assert "ok" == rows["engine"]["state"]


def test_no_repository_is_2(doctor, crate):
    """There is nothing to build without a Cargo.toml."""
    (crate / "Cargo.toml").unlink()
    rows, code = doctor()
    assert (2, "missing") == (code, rows["repository"]["state"])


def test_no_configuration_is_a_warning(doctor, crate):
    """Whoever has not begun yet is told of `init`."""
    (crate / "crosstasks.toml").unlink()
    rows, code = doctor()
    assert (0, "warning") == (code, rows["config"]["state"])
    assert "crosstasks init" in rows["config"]["fix"]
