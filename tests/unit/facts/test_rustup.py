"""rustup's folder and answers, as rustup 1.29 made them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from facts_looks import DATA, Programs, look, program, recorded

from crosstasks.core.errors import CrosstasksError
from crosstasks.core.steps import Absent, Done, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.rustup import (
    components_of,
    identity,
    parse,
    parse_channel,
    parse_rustc,
    release_of,
    resolve,
)

HOST = "x86_64-unknown-linux-gnu"
MANIFEST = (DATA / "rustup/manifest-nightly.toml").read_text("utf-8")
SAID = {"rustup --version": recorded("rustup/version-1.29.out"), "rustc -vV": recorded("rustup/rustc-1.95.out")}


def toolchain(home, name, *, manifest=True, targets=(HOST,), source=False):
    """Put a toolchain together as rustup does, or (without a manifest) as somebody else would."""
    folder = home / "toolchains" / name
    program(folder / "bin", "rustc")
    for target in targets:
        (folder / "lib/rustlib" / target / "lib").mkdir(parents=True)
        (folder / "lib/rustlib" / target / "lib/libcore-1.rlib").touch()
    (folder / "lib/rustlib/wasm32-wasip1/lib").mkdir(parents=True)
    if manifest:
        shutil.copy(DATA / "rustup/manifest-nightly.toml", folder / "lib/rustlib/multirust-channel-manifest.toml")
        shutil.copy(DATA / "rustup/components", folder / "lib/rustlib/components")
    if source:
        (folder / "lib/rustlib/src/rust/library").mkdir(parents=True)
        (folder / "lib/rustlib/src/rust/library/Cargo.toml").touch()
    return folder


@pytest.fixture
def machine(tmp_path):
    """A machine with rustup, and one installed toolchain that is the default."""
    home = tmp_path / "home/.rustup"
    toolchain(home, f"stable-{HOST}")
    shutil.copy(DATA / "rustup/settings.toml", home / "settings.toml")
    return look(tmp_path, Programs(SAID), programs=("rustup",))


def test_the_version_is_the_first_line():
    """What rustup says of rustc, and how it ends, does not matter."""
    assert "1.29.0" == parse(recorded("rustup/version-1.29.out", code=1))
    found = parse(Done(argv=(), code=1, err="error: home is broken"))
    assert isinstance(found, Absent)
    assert "home is broken" in found.why


def test_an_installed_toolchain_is_read_without_running_it(machine):
    """Release and host come from what rustup wrote; a target counts if its library is there."""
    found = ask(Question("rustup"), machine, Facts())
    (only,) = found.toolchains
    assert (f"stable-{HOST}", "1.97.0-nightly", HOST, (HOST,), False, "2.17") == (
        only.name,
        only.release,
        only.host,
        only.standard,
        only.library,
        only.glibc,
    )
    assert (f"stable-{HOST}", "1.29.0") == (found.active, found.version)
    assert [("rustup", "--version")] == machine.run.calls
    assert {"RUSTUP_AUTO_INSTALL": "0", "RUSTUP_TOOLCHAIN": "none"} == machine.run.envs[0]


def test_the_second_look_starts_no_program(machine):
    """Rustup's version is kept until rustup changes."""
    ask(Question("rustup"), machine, Facts())
    ask(Question("rustup"), machine, Facts())
    assert 1 == len(machine.run.calls)


def test_a_toolchain_of_somebody_else_is_asked(machine, tmp_path):
    """A linked toolchain has no manifest: its rustc tells release and host, and nobody knows its glibc."""
    toolchain(tmp_path / "home/.rustup", "mine", manifest=False, source=True)
    mine = ask(Question("rustup"), machine, Facts()).toolchains[0]
    assert ("mine", "1.95.0", HOST, "", True) == (mine.name, mine.release, mine.host, mine.glibc, mine.library)


def test_a_toolchain_that_does_not_run_here_is_still_one(machine, tmp_path):
    """A foreign one without a manifest has no release that we could know."""
    toolchain(tmp_path / "home/.rustup", "foreign", manifest=False)
    machine.run.said.pop("rustc -vV")
    assert ("foreign", "", "") == ((first := ask(Question("rustup"), machine, Facts()).toolchains[0]).name, first.release, first.host)


@pytest.mark.parametrize(
    ("environ", "override", "file", "active"),
    [
        ({}, False, "", f"stable-{HOST}"),
        ({}, False, "nightly", f"nightly-{HOST}"),
        ({}, False, '[toolchain]\ncomponents = ["rust-src"]', f"stable-{HOST}"),
        ({}, False, '[toolchain]\npath = "/opt/rust"', ""),
        ({}, True, "nightly", f"beta-{HOST}"),
        ({"RUSTUP_TOOLCHAIN": f"stable-{HOST}"}, True, "nightly", f"stable-{HOST}"),
        ({"RUSTUP_TOOLCHAIN": "1.2.3"}, False, "", ""),
    ],
)
def test_the_active_toolchain_is_rustups_choice(machine, tmp_path, environ, override, file, active):
    """The variable, then an override of the folder, then its file, then the default; what is not installed is none."""
    home = tmp_path / "home/.rustup"
    toolchain(home, f"nightly-{HOST}")
    toolchain(home, f"beta-{HOST}")
    if override:
        settings = home / "settings.toml"
        settings.write_text(settings.read_text() + f'"{machine.cwd}" = "beta-{HOST}"\n')
    if file:
        (machine.cwd / "rust-toolchain").write_text(f"{file}\n")
    here = look(tmp_path, Programs(SAID), environ=environ)
    assert active == ask(Question("rustup"), here, Facts()).active


def test_an_override_holds_behind_a_link_too(machine, tmp_path):
    """What rustup writes down is where a link leads."""
    home = tmp_path / "home/.rustup"
    toolchain(home, f"beta-{HOST}")
    settings = home / "settings.toml"
    settings.write_text(settings.read_text() + f'"{machine.cwd.resolve()}" = "beta-{HOST}"\n')
    (tmp_path / "linked").symlink_to(machine.cwd)
    here = replace(look(tmp_path, Programs(SAID)), cwd=tmp_path / "linked")
    assert f"beta-{HOST}" == ask(Question("rustup"), here, Facts()).active


def test_a_short_name_stands_for_that_of_the_host():
    """Only what is installed has a name."""
    assert f"1.96.0-{HOST}" == resolve("1.96.0", HOST, [f"1.96.0-{HOST}"])
    assert "mine" == resolve("mine", HOST, ["mine"])
    assert "" == resolve("1.95.0", HOST, [f"1.96.0-{HOST}"])


def test_no_rustup_says_whose_rustc_there_is(tmp_path):
    """A distribution's rustc is no rustup."""
    assert "no rustup on PATH" == ask(Question("rustup"), look(tmp_path), Facts()).why
    assert f"{tmp_path}/bin/rustc is not rustup's" == ask(Question("rustup"), look(tmp_path, programs=("rustc",)), Facts()).why


def test_rustc_tells_release_and_host():
    """The answer to rustc -vV."""
    assert ("1.95.0", HOST) == parse_rustc(recorded("rustup/rustc-1.95.out").out)


def test_a_release_is_found_in_a_manifest():
    """Each package has its own; an unknown one has none."""
    assert ["1.97.0-nightly", "1.97.0-nightly", "0.98.0-nightly", ""] == [
        release_of(MANIFEST, f"[pkg.{name}]") for name in ("rust", "rustc", "cargo", "none")
    ]


def test_the_server_tells_its_stable_release(tmp_path):
    """It is asked once in ten minutes, at the address that rustup itself would use."""
    asked = []

    def fetch(url, timeout):
        asked.append((url, timeout))
        return manifest("1.99.1")

    here = look(tmp_path, fetch=fetch, environ={"RUSTUP_DIST_SERVER": "https://mirror/"}, timeout=3)
    channels = [ask(Question("rust-channel", "stable"), here, Facts()) for _ in range(2)]
    assert [("1.99.1", "https://mirror")] * 2 == [(channel.release, channel.server) for channel in channels]
    assert [("https://mirror/dist/channel-rust-stable.toml", 3)] == asked


def test_a_server_that_is_out_of_reach_is_absent(tmp_path):
    """The door's error is the reason; a page of a captive portal is no channel; offline, nothing is asked."""

    def fetch(url, timeout):
        raise CrosstasksError("it cannot be fetched", why="no such host", hint="try later")

    stable = Question("rust-channel", "stable")
    assert Absent("it cannot be fetched: no such host", "try later") == ask(stable, look(tmp_path, fetch=fetch), Facts())
    assert "does not serve stable" in ask(stable, look(tmp_path, fetch=lambda *_: "<html>"), Facts()).why
    assert Absent("offline = true") == ask(stable, look(tmp_path, fetch=fetch, offline=True), Facts())


# channels, from manifests of which the lines that are read are kept


def manifest(name):
    return (DATA / "rustup" / f"channel-{name}.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "release"),
    [("1.99.1", "1.99.1"), ("nightly", "nightly-2026-10-30"), ("nightly-2026-10-30", "nightly-2026-10-30"), ("beta", "beta-2026-10-18")],
)
def test_a_channel_is_what_it_is_today(name, release):
    """A release by its number, another channel by its day; with the hosts and targets that the server has, and the library's source."""
    found = parse_channel("https://static.rust-lang.org", name, manifest(name.removesuffix("-2026-10-30")))
    assert release == found.release
    assert ("aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu") == found.hosts
    assert found.source
    assert {"aarch64-unknown-linux-gnu", "wasm32-unknown-unknown"} <= set(found.standard)
    assert "riscv64gc-unknown-linux-gnu" not in found.standard, "it is listed, and not available"


def test_what_is_no_channel_is_absent():
    """A proxy's page."""
    assert Absent("https://x does not serve nightly") == parse_channel("https://x", "nightly", "<html>")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("stable", "dist/channel-rust-stable.toml"),
        ("1.99.1", "dist/channel-rust-1.99.1.toml"),
        ("nightly", "dist/channel-rust-nightly.toml"),
        ("nightly-2026-10-30", "dist/2026-10-30/channel-rust-nightly.toml"),
        ("beta-2026-10-18", "dist/2026-10-18/channel-rust-beta.toml"),
    ],
)
def test_where_a_channel_is_asked_for(tmp_path, name, place):
    """As rustup does, from the server that it is told; what does not change is asked once, the rest every ten minutes."""
    asked = []

    def fetch(url, _timeout):
        asked.append(url)
        return manifest("nightly")

    time = [1000.0]
    here = look(tmp_path, fetch=fetch, now=lambda: time[0], environ={"RUSTUP_DIST_SERVER": "https://mirror.example.org/"})
    for time[0] in (1000.0, 1001.0, 2000.0):
        ask(Question("rust-channel", name), here, Facts())
    assert [f"https://mirror.example.org/{place}"] * (1 if name[-1].isdecimal() else 2) == asked


def test_offline_no_channel_is_asked_for(tmp_path):
    """Whatever is reachable."""
    assert Absent("offline = true") == ask(Question("rust-channel", "nightly"), look(tmp_path, offline=True), Facts())


@pytest.mark.parametrize(
    ("release", "date", "name"),
    [
        ("1.95.0", "2026-04-16", "1.95.0"),
        ("1.101.0-nightly", "2026-10-30", "nightly-2026-10-30"),
        ("1.100.0-beta.7", "2026-10-18", "beta-2026-10-18"),
        ("1.101.0-nightly", "", ""),
        ("nightly-2026-10-30", "", "nightly-2026-10-30"),
    ],
)
def test_what_names_a_compiler(release, date, name):
    """For ever: a nightly without its day, one that was compiled by hand, has no name."""
    assert name == identity(release, date)


def test_components_as_users_write_them():
    """Without the host, and without rustup's word for what may change."""
    host = "x86_64-unknown-linux-gnu"
    text = f"cargo-{host}\nclippy-preview-{host}\nrust-src\nrust-std-aarch64-unknown-linux-gnu\nllvm-tools-preview-{host}\n"
    assert ("cargo", "clippy", "llvm-tools", "rust-src", "rust-std-aarch64-unknown-linux-gnu") == components_of(text, host)
