"""Channels of Rust, from a server of ours with archives of a real toolchain: resolved to their day once, locked, and installed whole."""

from __future__ import annotations

import json
import platform

import pytest
from rustup_server import publish, serving

pytestmark = pytest.mark.long

HOST = f"{platform.machine()}-unknown-linux-gnu"
FILE = """\
[toolchain]
channel = "nightly"
components = ["rust-src"]
profile = "default"
"""


@pytest.fixture(scope="module")
def whole(cache, crosstasks, tmp_path_factory):
    """The folder of a toolchain made of Debian's packages, with the library's source."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "src").mkdir()
    (folder / "src" / "lib.rs").touch()
    (folder / "Cargo.toml").write_text('[package]\nname = "any"\nversion = "0.1.0"\nedition = "2021"\n')
    (folder / "crosstasks.toml").write_text('version = 1\ntargets = ["host"]\nbuilder = "cargo"\nbuild-std = "always"\n')
    done = crosstasks("provision", cwd=folder)
    assert done.returncode == 0, done.stderr
    return cache / "rustup" / "toolchains" / f"1.85.0-{HOST}"


@pytest.fixture(scope="module")
def server(whole, tmp_path_factory):
    """The address of a server of Rust, and what offers a channel there: what it was before is still there by its day."""
    place = tmp_path_factory.mktemp("served")
    with serving(place) as url:
        yield url, lambda channel: publish(place, url, "1.85.0", whole, host=HOST, targets=(), channel=channel)


@pytest.fixture
def call(server, crate, crosstasks, tmp_path):
    """Call for the crate, which needs a nightly: no other Rust is there than the server's."""
    (crate / "rust-toolchain.toml").write_text(FILE)
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["host"]\nbuilder = "cargo"\n')
    there = {"RUSTUP_DIST_SERVER": server[0], "RUSTUP_HOME": str(tmp_path / "users"), "CROSSTASKS_TOOLCHAIN": None}

    def called(*arguments, cache="ours"):
        done = crosstasks(*arguments, cwd=crate, **there, CROSSTASKS_CACHE_DIR=str(tmp_path / cache))
        assert done.returncode == 0, done.stderr
        return done.stdout

    return called


def released(output):
    return json.loads(output)["plans"][0]["route"]["toolchain"]["release"]


def test_a_channel_is_that_of_one_day(server, call, crate, tmp_path):
    """Built with what rust-toolchain.toml names beside the compiler; locked, the day stays when the channel moves on."""
    _, offer = server
    offer("nightly-2026-01-01")
    (result,) = json.loads(call("build", "--format", "json"))["results"]
    assert ("cargo", "") == (result["route"], result["error"])
    folder = tmp_path / "ours" / "rustup" / "toolchains" / f"nightly-2026-01-01-{HOST}"
    for part in ("bin/rustc", "lib/rustlib/src/rust/library/Cargo.toml", "bin/cargo-clippy", "share/doc/rust/README.md"):
        assert (folder / part).exists(), part
    call("lock")
    assert 'toolchain = "nightly-2026-01-01"' in (crate / "crosstasks.lock").read_text()
    offer("nightly-2026-01-02")
    assert "nightly-2026-01-01" == released(call("plan", "--format", "json", cache="another"))
    (crate / "crosstasks.lock").unlink()
    assert "nightly-2026-01-02" == released(call("plan", "--format", "json", cache="a-third"))


@pytest.mark.parametrize(("named", "release"), [("beta", "beta-2026-01-03"), ("beta-2026-01-01", "beta-2026-01-01")])
def test_what_a_name_stands_for(server, call, crate, named, release):
    """A moving channel is what it is by now; one of a day stays."""
    _, offer = server
    for channel in ("beta-2026-01-01", "beta-2026-01-03"):
        offer(channel)
    (crate / "rust-toolchain.toml").write_text(f'[toolchain]\nchannel = "{named}"\n')
    assert release == released(call("plan", "--format", "json"))
