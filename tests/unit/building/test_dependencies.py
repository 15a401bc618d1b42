"""What a container is told of the user's cargo, and when dependencies are fetched again."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from crosstasks.building.dependencies import (
    LOCKS,
    carry,
    check,
    checksums,
    fetch,
    home,
    host_home,
    mismatches,
    user_home,
    without_secrets,
    without_tokens,
)
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
    assert (made / "config.toml").read_text() == 'build = { rustflags = ["-g"] }\n'
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


CONTENT = {"a-1.0.0/Cargo.toml": b"[package]", "a-1.0.0/src/lib.rs": b"pub fn a() {}"}
REGISTRY = "registry+https://github.com/rust-lang/crates.io-index"


@pytest.fixture
def crate(tmp_path):
    """A crate lies in the user's CARGO_HOME, packed and unpacked; the lock file names it."""
    user = tmp_path / "home"
    packed, source = user / "registry/cache/index-1/a-1.0.0.crate", user / "registry/src/index-1"
    packed.parent.mkdir(parents=True)
    with tarfile.open(packed, "w:gz") as tar:
        for name, content in CONTENT.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes(content)
    (source / "a-1.0.0/.cargo-ok").touch()
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    lock = tmp_path / "Cargo.lock"
    lock.write_text(f'[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "{REGISTRY}"\nchecksum = "{digest}"\n')
    return SimpleNamespace(user=user, packed=packed, source=source / "a-1.0.0", lock=lock)


def replaced_by_a_link(path):
    content = path.read_bytes()
    path.unlink()
    (path.parents[3] / "elsewhere").write_bytes(content)
    path.symlink_to(path.parents[3] / "elsewhere")


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda _crate: None, ""),
        (lambda crate: (crate.source / "src/lib.rs").write_bytes(b"pub fn b() {}"), "registry/src/index-1/a-1.0.0/src/lib.rs"),
        (lambda crate: (crate.source / "src/lib.rs").write_bytes(b"longer than it was"), "registry/src/index-1/a-1.0.0/src/lib.rs"),
        (lambda crate: (crate.source / "src/lib.rs").unlink(), "registry/src/index-1/a-1.0.0/src/lib.rs"),
        (lambda crate: replaced_by_a_link(crate.source / "src/lib.rs"), "registry/src/index-1/a-1.0.0/src/lib.rs"),
        (lambda crate: (crate.source / "build.rs").write_bytes(b""), "registry/src/index-1/a-1.0.0/build.rs"),
        (lambda crate: (crate.source / "a.o").write_bytes(b""), ""),  # as zig leaves it
        (lambda crate: (crate.source / "a.o").write_bytes(b"\x7fELF"), "registry/src/index-1/a-1.0.0/a.o"),
        (lambda crate: (crate.source / "src/a.o").write_bytes(b""), "registry/src/index-1/a-1.0.0/src/a.o"),
        (lambda crate: (crate.source / "a.o").symlink_to("/dev/null"), "registry/src/index-1/a-1.0.0/a.o"),
        (lambda crate: crate.packed.write_bytes(b"another"), "registry/cache/index-1/a-1.0.0.crate"),
        (lambda crate: crate.lock.write_text('[[package]]\nname = "a"\nversion = "2.0.0"\nchecksum = "0"\n'), ""),
        (lambda crate: crate.lock.unlink(), ""),
    ],
)
def test_what_cargo_has_of_a_crate_is_compared(crate, change, wrong):
    """Packed with the lock file, unpacked with the packed: what was changed, has gone or came later; other crates are not looked at."""
    change(crate)
    if not wrong:
        check(crate.lock, crate.user)
        return
    with pytest.raises(ConfigError) as raised:
        check(crate.lock, crate.user)
    what = "what cargo keeps of a crate is not what Cargo.lock names"
    assert (what, str(crate.user / wrong)) == (raised.value.what, raised.value.why)
    assert "remove it, and the crate beside it" in raised.value.hint


def test_a_crate_that_is_not_unpacked_is_compared_by_its_checksum_alone(crate, monkeypatch):
    """One that would unpack to more than any crate is wrong, whatever is in it."""
    monkeypatch.setattr("crosstasks.building.dependencies.MOST", 10)
    assert [str(crate.source / "src/lib.rs")] == list(mismatches(crate.lock, crate.user))
    crate.source.rename(crate.source.with_name("other"))
    assert [] == list(mismatches(crate.lock, crate.user))


def test_checksums_of_lock_files_old_and_new(tmp_path):
    """Before 1.41 they stood in a table of their own; git dependencies have none."""
    lock = tmp_path / "Cargo.lock"
    lock.write_text(
        '[[package]]\nname = "a"\nversion = "1.0.0"\nchecksum = "1"\n[[package]]\nname = "g"\nversion = "0.1.0"\nsource = "git+https://x"\n'
        f'[metadata]\n"checksum b 2.0.0 ({REGISTRY})" = "2"\n"checksum c 3.0.0 (x)" = "<none>"\n"other" = "4"\n'
    )
    assert {"a-1.0.0": "1", "b-2.0.0": "2"} == checksums(lock)
    for text in ('version = "1.0.0"', 'name = ""\nversion = "1.0.0"', 'name = "a"\nversion = 1'):
        lock.write_text(f"[[package]]\n{text}\n")
        with pytest.raises(ConfigError, match=r"Cargo\.lock is no lock file of cargo's(.|\n)*cargo generate-lockfile"):
            checksums(lock)


@pytest.mark.parametrize(
    ("config", "kept"),
    [
        ({"registry": {"token": "x", "default": "mine"}}, {"registry": {"default": "mine"}}),
        ({"registries": {"mine": {"index": "i", "token": "x", "secret-key": "y", "credential-provider": "z"}}}, {"registries": {"mine": {"index": "i"}}}),
        ({"registry": {"global-credential-providers": ["a"]}, "credential-alias": {"a": ["b"]}}, {"registry": {}}),
        ({"http": {"proxy": "http://u:p@x", "timeout": 3}, "https": {"proxy": "http://x"}}, {"http": {"timeout": 3}, "https": {"proxy": "http://x"}}),
        ({"build": {"rustc-wrapper": "sccache"}}, {"build": {"rustc-wrapper": "sccache"}}),
    ],
)  # fmt: skip
def test_what_a_build_on_the_host_is_not_given(config, kept):
    """Tokens, who provides them, and proxies with a password; all else is the user's own configuration."""
    assert kept == without_tokens(config)


def test_the_home_of_builds_on_the_host(tmp_path):
    """The user's caches and programs by links, the configuration without tokens; the same folder each time, and no `config` beside it."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home/config").write_text('[registry]\ntoken = "x"\ndefault = "mine"\n')
    acting = context(tmp_path)
    folder = host_home(acting)
    assert {name: tmp_path / "home" / name for name in ("registry", "git", "bin", *LOCKS)} == {
        path.name: path.readlink() for path in folder.iterdir() if path.is_symlink()
    }
    assert 'registry = { default = "mine" }\n' == (folder / "config.toml").read_text()
    (folder / "config").write_text("[build]\nrustc = 'evil'\n")
    assert folder == host_home(acting)
    assert not (folder / "config").exists()


def test_what_a_route_needs_is_carried_to_an_engine_elsewhere(tmp_path, crate):
    """Of the user's CARGO_HOME the crates of the lock file, their rows in the index, and repositories of git; nothing else."""
    index = crate.user / "registry/index/index-1"
    rows = {"a": "1/a", "ab": "2/ab", "abc": "3/a/abc", "Abcd": "ab/cd/abcd"}
    for place in (*rows.values(), "ot/he/other"):
        (index / ".cache" / place).parent.mkdir(parents=True, exist_ok=True)
        (index / ".cache" / place).write_text(place)
    (index / "config.json").write_text("{}")
    (crate.user / "registry/cache/index-1/b-1.0.0.crate").write_text("not locked")
    for place in ("db/thing-1a", "checkouts/thing-1a", "db/other-1a"):
        (crate.user / "git" / place).mkdir(parents=True)
        (crate.user / "git" / place / "HEAD").write_text(place)
    packages = [(name, REGISTRY) for name in rows] + [("thing", "git+https://git.example/x/thing.git?rev=1#1")]
    lock = "".join(f'[[package]]\nname = "{name}"\nversion = "1.0.0"\nsource = "{source}"\n' for name, source in packages)
    carry(tmp_path / "carried", ROUTE, context(tmp_path, lock=lock))
    files = {str(path.relative_to(tmp_path / "carried")) for path in (tmp_path / "carried").rglob("*") if path.is_file()}
    assert {
        *(f"registry/index/index-1/.cache/{row}" for row in rows.values()),
        "registry/index/index-1/config.json",
        "registry/cache/index-1/a-1.0.0.crate",
        "git/db/thing-1a/HEAD",
        "git/checkouts/thing-1a/HEAD",
        "config.toml",
    } == {name for name in files if not Path(name).name.startswith(".")}


def test_a_library_that_is_compiled_has_its_crates_fetched_too(tmp_path, monkeypatch):
    """Once for all of the home, and for Windows the objects that every program begins and ends with, unless the toolchain is the user's."""
    from msgspec.structs import replace

    from crosstasks.provisioning import toolchain

    calls = []
    for name in ("fetch_library", "start_files"):
        monkeypatch.setattr(
            toolchain, name, lambda *arguments, name=name, **options: calls.append((name, arguments, options["host_toolchain"]))
        )
    for target, source in ((ARM64, "cache"), ("x86_64-pc-windows-gnu", "user"), ("x86_64-pc-windows-gnu", "cache")):
        own = replace(OWN, path="/own", source=source)
        acting = context(tmp_path, lambda argv, **_: Done(argv=argv, code=0))
        fetch(replace(ROUTE, target=target, build_std=True, toolchain=own), acting)
    library, host = ("fetch_library", (Path("/own"),), Path("/toolchain")), Path("/toolchain")
    assert [library, library, library, ("start_files", (Path("/own"), "x86_64-pc-windows-gnu"), host)] == calls
