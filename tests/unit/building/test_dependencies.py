"""What a container is told of the user's cargo, and when dependencies are fetched again."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from crosstasks.building.dependencies import fetch, home, user_home, without_secrets
from crosstasks.catalog.ingredients import Toolchain
from crosstasks.core.errors import BuildFailed, ConfigError
from crosstasks.core.steps import Done
from crosstasks.planning.route import Route
from crosstasks.testing import AMD64, ARM64, FakeRunner, repository

OWN = Toolchain(source="user", why="", name="1.96.0", release="1.96.0", host=AMD64, path="/toolchain", standard=(ARM64,))
ROUTE = Route(name="cross 0.2.5", target=ARM64, builder="cross", toolchain=OWN, host_toolchain=OWN)
CARGO = "/toolchain/bin/cargo"


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({}, {}),
        ({"registry": {"token": "x"}, "credential-alias": {"a": ["b"]}, "http": {"proxy": "http://u:p@example.org"}}, {}),
        ({"build": {"rustc-wrapper": "sccache", "target-dir": "/x", "jobs": 2}, "net": {"offline": True}, "env": {"SECRET": "x"}}, {}),
        ({"build": {"rustflags": ["-Cdebuginfo=1"], "rustc": "/x"}}, {"build": {"rustflags": ["-Cdebuginfo=1"]}}),
        (
            {
                "registries": {
                    "mine": {"index": "sparse+https://example.org/", "token": "x", "credential-provider": "y"},
                    "bare": {"token": "x"},
                }
            },
            {"registries": {"mine": {"index": "sparse+https://example.org/"}}},
        ),
        (
            {
                "source": {"crates-io": {"replace-with": "mine"}},
                "patch": {"crates-io": {"a": {"path": "a"}}},
                "profile": {"release": {"lto": True}},
            },
            {
                "source": {"crates-io": {"replace-with": "mine"}},
                "patch": {"crates-io": {"a": {"path": "a"}}},
                "profile": {"release": {"lto": True}},
            },
        ),
        (
            {"target": {ARM64: {"linker": "ld", "runner": "qemu", "rustflags": "-g", "rustc-wrapper": "x"}, "cfg(unix)": {"runner": "r"}}},
            {"target": {ARM64: {"linker": "ld", "runner": "qemu", "rustflags": "-g"}, "cfg(unix)": {"runner": "r"}}},
        ),
        ({"registries": "a registry index", "target": {ARM64: "x"}, "build": "rustflags"}, {}),
        ({"registries": {"mine": "the index"}}, {}),
    ],
)
def test_what_a_container_needs_and_no_more(config, kept):
    """Tokens, providers, proxies, wrappers and what else speaks of the host stay there."""
    assert without_secrets(config) == kept


def context(tmp_path, run=None, lock='version = 4\n[[package]]\nname = "hello"\nversion = "0.1.0"\n'):
    """Return what acting is given, for a project in a folder."""
    project = tmp_path / "project"
    project.mkdir(exist_ok=True)
    if lock:
        (project / "Cargo.lock").write_text(lock)
    said = []
    known = repository(root=str(project), target_directory=str(project / "target"), lock=bool(lock))
    return SimpleNamespace(
        cache=tmp_path / "cache", environ={"CARGO_HOME": str(tmp_path / "home")}, run=run, say=said.append, said=said, repository=known
    )


def test_the_home_of_containers_is_made_once_per_configuration(tmp_path):
    """It holds no credentials, and mount points for the user's caches."""
    theirs = tmp_path / "home"
    theirs.mkdir()
    (theirs / "credentials.toml").write_text('[registry]\ntoken = "secret"\n')
    (theirs / "config.toml").write_text('[registry]\ntoken = "secret"\n[build]\nrustflags = ["-g"]\n')
    made = home(context(tmp_path))
    assert sorted(path.name for path in made.iterdir() if not path.name.startswith(".")) == [
        *("bin", "config.toml", "git", "registry", "xargo")
    ]
    assert (made / "config.toml").read_text() == '"build" = { "rustflags" = ["-g"] }\n'
    assert "secret" not in "".join(path.read_text() for path in made.rglob("*") if path.is_file())
    assert home(context(tmp_path)) == made
    (theirs / "config.toml").write_text("[profile.release]\nlto = true\n")
    assert home(context(tmp_path)) != made


def test_the_home_of_containers_has_the_users_authorities(tmp_path):
    """A copy, and another home when they change."""
    (tmp_path / "home").mkdir()
    file = tmp_path / "corp.pem"
    file.write_text("one")
    behind = context(tmp_path)
    behind.environ = {**behind.environ, "SSL_CERT_FILE": str(file)}
    made = home(behind)
    assert ((made / "certificates.pem").read_text(), home(context(tmp_path)) != made) == ("one", True)
    file.write_text("two")
    assert (home(behind) / "certificates.pem").read_text() == "two"


def test_a_broken_configuration_of_cargo_is_told(tmp_path):
    """With the file's name."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_text("[")
    with pytest.raises(ConfigError, match=r"config\.toml is not TOML(.|\n)*cargo cannot read it either"):
        home(context(tmp_path))


def test_a_configuration_of_cargo_that_is_no_text_is_told(tmp_path):
    """Likewise."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "config.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"config\.toml is not UTF-8"):
        home(context(tmp_path))


def test_whose_home(monkeypatch):
    """CARGO_HOME, or the usual place."""
    monkeypatch.setattr(Path, "home", lambda: Path("/home/user"))
    assert user_home({"CARGO_HOME": "/x"}) == Path("/x")
    assert user_home({"CARGO_HOME": ""}) == Path("/home/user/.cargo")


LOCKED = (CARGO, "fetch", "--locked", f"--target={ARM64}", f"--target={ROUTE.host_toolchain.host}")


def test_dependencies_are_fetched_once(tmp_path):
    """With the user's own cargo and home; nothing while lock file and toolchain are the same."""
    run = FakeRunner({LOCKED: ""})
    acting = context(tmp_path, run)
    fetch(ROUTE, acting)
    fetch(ROUTE, acting)
    assert (run.calls, run.folders) == ([LOCKED], [acting.repository.root])
    assert run.envs == [{"RUSTC": "/toolchain/bin/rustc", "CARGO_TERM_COLOR": "never", "RUSTUP_TOOLCHAIN": None}]
    assert acting.said == ["fetching the dependencies of project"]


def test_a_changed_lock_file_is_fetched_anew(tmp_path):
    """And so is what somebody took out of cargo's cache since."""
    crate = '[[package]]\nname = "memchr"\nversion = "2.7.4"\nsource = "registry+https://github.com/rust-lang/crates.io-index"\n'
    source = tmp_path / "home" / "registry" / "src" / "index" / "memchr-2.7.4"
    source.mkdir(parents=True)
    run = FakeRunner({LOCKED: ""})
    fetch(ROUTE, context(tmp_path, run))
    fetch(ROUTE, context(tmp_path, run, crate))
    fetch(ROUTE, context(tmp_path, run, crate))
    assert len(run.calls) == 2
    source.rmdir()
    fetch(ROUTE, context(tmp_path, run, crate))
    assert len(run.calls) == 3


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"key": 1}', '{"crates": []}'])
def test_a_broken_stamp_is_no_stamp(tmp_path, broken):
    """It is written anew."""
    run = FakeRunner({LOCKED: ""})
    acting = context(tmp_path, run)
    fetch(ROUTE, acting)
    (stamp,) = (Path(acting.repository.target_directory) / "crosstasks").glob(".fetched-*.json")
    assert json.loads(stamp.read_text())["crates"] == []
    stamp.write_text(broken)
    fetch(ROUTE, acting)
    assert len(run.calls) == 2


@pytest.mark.parametrize(
    ("said", "kind", "what"),
    [
        ("error: the lock file needs to be updated but --locked was passed", ConfigError, "Cargo.lock does not fit Cargo.toml"),
        ("error: failed to download from the registry", BuildFailed, "the dependencies cannot be fetched"),
    ],
)
def test_what_cargo_says_is_told(tmp_path, said, kind, what):
    """A lock file that does not fit is the user's to mend; nothing is remembered."""
    run = FakeRunner({LOCKED: Done(argv=LOCKED, code=101, err=f"{said}\n")})
    for _ in range(2):
        with pytest.raises(kind) as caught:
            fetch(ROUTE, context(tmp_path, run))
        assert (type(caught.value), caught.value.what, caught.value.why) == (kind, what, said)
    assert len(run.calls) == 2


def test_without_a_lock_file_cargo_makes_one(tmp_path):
    """It is not locked, and what was fetched is remembered by the lock file that came of it."""
    acting = context(tmp_path, None, lock="")
    command = (CARGO, "fetch", f"--target={ARM64}", f"--target={ROUTE.host_toolchain.host}")

    class Cargo(FakeRunner):
        def __call__(self, argv, **more):
            (Path(acting.repository.root) / "Cargo.lock").write_text("version = 4\n")
            return super().__call__(argv, **more)

    acting.run = Cargo({command: "", LOCKED: ""})
    fetch(ROUTE, acting)
    fetch(ROUTE, acting)
    assert acting.run.calls == [command]
