"""How each builder is started: its program, what its environment has more, and what is made and removed around it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace as changed
from pathlib import Path
from types import SimpleNamespace

import pytest
from acting import context
from facts_looks import program

from crosstasks.building import commands, dependencies, guard, outcome
from crosstasks.catalog.ingredients import Image, Tool, Toolchain
from crosstasks.clients import engines
from crosstasks.context import Extra
from crosstasks.core.errors import ConfigError, EngineFailed, Interrupted
from crosstasks.core.steps import Done
from crosstasks.planning.route import Route
from crosstasks.testing import AMD64, ARM64, config, facts, repository

NEXTEST = Tool(source="cache", why="", name="cargo-nextest", version="1", path="/n/bin/cargo-nextest")
DARWIN = "aarch64-apple-darwin"


@pytest.fixture
def make(tmp_path):
    """Return a route whose programs lie in the test's folder, and a call for it."""
    toolchain = Toolchain(source="cache", why="", name="1.96.0", release="1.96.0", host=AMD64, path=str(tmp_path / "rustup/toolchains/t"))
    for name in ("cargo", "rustc"):
        program(Path(toolchain.path, "bin"), name)
    (tmp_path / "project").mkdir()

    def make(builder, target=ARM64, *, run=None, extra=Extra(), options=None, environ=None, **changes):  # noqa: B008  # it is frozen
        tool = Tool(source="cache", why="", name=builder, version="1", path=str(tmp_path / "tool/bin" / builder))
        route = Route(name=builder, target=target, builder=builder, tool=tool, toolchain=toolchain, host_toolchain=toolchain, **changes)
        root = str(tmp_path / "project")
        known = facts(repository=repository(root=root, target_directory=f"{root}/target"))
        environ = {"PATH": "/usr/bin", "CARGO_HOME": str(tmp_path / "user"), **(environ or {})}
        call = context(
            tmp_path, run, facts=known, environ=environ, config=config(target, **({"target": {target: options}} if options else {}))
        )
        return route, changed(call, extra=extra)

    return make


@contextmanager
def started(route, call):
    """Start a builder."""
    target_dir = Path(call.repository.target_directory, "x")
    target_dir.mkdir(parents=True, exist_ok=True)
    with commands.STARTERS[route.builder](route, target_dir, call) as invocation:
        yield invocation


@pytest.mark.parametrize(
    ("builder", "target", "changes", "options", "words", "env"),
    [
        ("cargo", ARM64, {}, {}, ("{rust}/cargo",), {}),
        ("cargo", ARM64, {}, {"linker": "/opt/ld"}, ("{rust}/cargo",), {"CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER": "/opt/ld"}),
        ("cargo", ARM64, {"nextest": NEXTEST}, {}, ("/n/bin/cargo-nextest",), {"CARGO": "{rust}/cargo"}),
        (
            "cargo",
            "aarch64-linux-android",
            {"sdk": "/ndk/bin/clang"},
            {},
            ("{rust}/cargo",),
            {"CC_aarch64_linux_android": "/ndk/bin/clang"},
        ),
        ("xwin", "x86_64-pc-windows-msvc", {"sdk": "/xwin"}, {}, ("{tool}/xwin", "xwin"), {"XWIN_CACHE_DIR": "/xwin"}),
        (
            "zigbuild",
            ARM64,
            {},
            {},
            ("{tool}/zigbuild",),
            {
                "PATH": "{tool}:{rust}:/usr/bin:{cargo}/bin",
                "CARGO_ZIGBUILD_CACHE_DIR": "{cache}/zig/wrappers",
                "ZIG_GLOBAL_CACHE_DIR": "{cache}/zig/objects",
            },
        ),
        ("zigbuild", ARM64, {"nextest": NEXTEST}, {}, ("/n/bin/cargo-nextest",), {"CARGO": "{target}/cargo-of-nextest"}),
    ],
)
def test_what_is_started_on_the_host(tmp_path, make, builder, target, changes, options, words, env):
    """Cargo itself, or what calls it, with what that looks for."""
    route, call = make(builder, target, options=options, **changes)
    places = {
        "rust": f"{route.toolchain.path}/bin",
        "tool": f"{tmp_path}/tool/bin",
        "cache": call.cache,
        "target": f"{tmp_path}/project/target/x",
    }
    places["cargo"] = dependencies.host_home(call)
    with started(route, call) as invocation:
        assert tuple(word.format(**places) for word in words) == invocation.program
        assert {key: value.format(**places) for key, value in env.items()} == {key: invocation.env.get(key) for key in env}
        assert ((), {}, None) == (invocation.arguments, invocation.places, invocation.container())
        assert invocation.failure(Done(argv=(), code=1)) is None


def test_a_zig_that_comes_with_the_tool_is_the_one_that_is_used(tmp_path, make):
    """The user's own caches stay the user's; what nextest calls cargo is a program of ours, which hands the build to cargo-zigbuild."""
    zig = program(tmp_path / "tool/ziglang", "zig")
    route, call = make("zigbuild", environ={"ZIG_GLOBAL_CACHE_DIR": "/mine"}, nextest=NEXTEST, glibc_floor="2.28")
    with started(route, call) as invocation:
        assert str(zig) == invocation.env["CARGO_ZIGBUILD_ZIG_PATH"]
        assert "ZIG_GLOBAL_CACHE_DIR" not in invocation.env
        cargo = Path(invocation.env["CARGO"])
    assert os.access(cargo, os.X_OK)
    assert f"{ARM64}) word={ARM64}.2.28 ;;" in cargo.read_text()
    assert f"export CARGO={route.host_toolchain.path}/bin/cargo\n" in cargo.read_text()


def test_what_cargo_zigbuild_refuses_cargo_builds_with_zig(tmp_path, make):
    """By programs of ours: a linker, and compilers for build scripts, that leave their arguments to cargo-zigbuild to clean."""
    program(tmp_path / "tool/ziglang", "zig")
    route, call = make("zigbuild", "x86_64-unknown-netbsd")
    with started(route, call) as invocation:
        assert (f"{route.host_toolchain.path}/bin/cargo",) == invocation.program
        linker = Path(invocation.env["CARGO_TARGET_X86_64_UNKNOWN_NETBSD_LINKER"])
        assert {"cc": str(linker), "ar": str(linker.with_name("zig-ar"))} == {
            name: invocation.env[f"{name.upper()}_x86_64_unknown_netbsd"] for name in ("cc", "ar")
        }
    assert f'exec {route.tool.path} zig cc -- -target x86_64-netbsd-none "$@"\n' in linker.read_text()
    assert os.access(linker, os.X_OK)


def test_cargo_auditable_calls_cargo(make):
    """And finds cargo-zigbuild as cargo does, on PATH."""
    route, call = make("zigbuild", extra=Extra(wrapper="/a/cargo-auditable"))
    with started(route, call) as invocation:
        assert ("/a/cargo-auditable", "auditable") == invocation.program
        assert f"{route.host_toolchain.path}/bin/cargo" == invocation.env["CARGO"]


@pytest.mark.parametrize(
    ("target", "name", "folder", "there", "sdk"),
    [
        (DARWIN, "SDKROOT", "", True, "{sdk}"),
        (DARWIN, "DEVELOPER_DIR", "Platforms/MacOSX.platform/Developer/SDKs/MacOSX.sdk", True, "{sdk}"),
        (DARWIN, "SDKROOT", "", False, None),
        (DARWIN, "", "", True, ""),
        (ARM64, "SDKROOT", "", False, ""),
    ],
)
def test_where_the_sdk_of_apple_is(tmp_path, make, target, name, folder, there, sdk):
    """By either of Xcode's variables; one that names none is an error, with what it should name."""
    place = tmp_path / "sdk" / folder
    (place / "System/Library/Frameworks" if there else place).mkdir(parents=True)
    route, call = make("zigbuild", target, environ={name: str(tmp_path / "sdk")} if name else {})
    if sdk is None:
        with pytest.raises(ConfigError) as raised, started(route, call):
            pass
        assert (f"{name} names no SDK of macOS", f"{place} has no System/Library/Frameworks") == (raised.value.what, raised.value.why)
        assert "SDKROOT is the folder MacOSX.sdk, DEVELOPER_DIR that of Xcode" == raised.value.hint
    else:
        with started(route, call) as invocation:
            assert sdk.format(sdk=place) == invocation.env.get("SDKROOT", "")


def test_what_no_container_writes(tmp_path):
    """What programs of the host take orders from, of what is there: a link would be followed where it is mounted."""
    for name in (".git", "dist", "lib/a/.git", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".cargo").symlink_to(tmp_path / "elsewhere")
    (tmp_path / ".gitmodules").write_text("path = lib/a\npath = lib/b\n")
    assert (".git", "dist", "lib/a/.git") == commands.read_only(tmp_path, "dist", "../up", "/abs", "absent")


class Compiler:
    """A runner whose rustc answers, and whose engine holds nothing and says *err* if it is asked."""

    def __init__(self, err=""):
        """Be asked for nothing yet."""
        self.err, self.calls = err, []

    def __call__(self, argv, **_options):
        self.calls.append(argv)
        if Path(argv[0]).name == "rustc":
            return Done(argv=argv, code=0, out=f"answer to {' '.join(argv[1:])}\n")
        return Done(argv=argv, code=int(bool(self.err)), out="", err=self.err)


@pytest.fixture
def reaped(monkeypatch):
    """Have no reaper and no witness started; what they would be given is kept."""
    reaped = []

    @contextmanager
    def reap(command, run_id):
        reaped.append((command, run_id))
        yield "the reaper"

    @contextmanager
    def watch(_engine, _client, run_id, file):
        reaped.append((run_id, file.name))
        yield SimpleNamespace(container=lambda: "a container")

    monkeypatch.setattr(engines, "reap_containers", reap)
    monkeypatch.setattr(outcome, "Witness", watch)
    return reaped


IMAGE = Image(source="local", why="", ref="r/i:1", platform="linux/amd64", digest="sha256:1")


def test_cross_is_started_behind_the_guard(tmp_path, make, reaped):
    """With its own folder, which goes with the run; what a killed call left is removed, and the compiler is asked for it beforehand."""
    run = Compiler()
    route, call = make("cross", run=run, flavour="0.2.5", image=IMAGE)
    other = call.cache / "runs" / "abandoned"
    other.mkdir(parents=True)
    (other / "owner").write_text(f"{engines.host_id()}:999999999:1")
    with started(route, call) as invocation:
        (folder,) = (call.cache / "runs").iterdir()
        (command, run_id), witnessed = reaped
        assert ("/usr/bin/docker", folder.name, (run_id, guard.CONTAINER)) == (command, run_id, witnessed)
        assert (((str(tmp_path / "tool/bin/cross"),), "the reaper", {})) == (invocation.program, invocation.owner, invocation.places)
        assert (f"{folder}:/usr/bin", f"{folder}/engine") == (invocation.env["PATH"], invocation.env["CROSS_CONTAINER_ENGINE"])
        assert {"home", "cargo", "rustc", "rustup", "engine"} <= {path.name for path in folder.iterdir()}
        assert "answer to -vV" in (folder / "rustc").read_text()
        assert "a container" == invocation.container()
        assert invocation.failure(Done(argv=(), code=101, err="error: could not compile")) is None
        lost = invocation.failure(Done(argv=(), code=1, err="x\nerror during connect: gone \ny"))
        assert (EngineFailed, f"the container engine went away while {ARM64} was built") == (type(lost), lost.what)
        assert ("error during connect: gone", "call again; what was compiled is kept") == (lost.why, lost.hint)
    assert [] == list((call.cache / "runs").iterdir())


@pytest.mark.usefixtures("reaped")
def test_an_interrupt_while_a_silent_engine_is_asked_is_none_of_its_failures(make):
    """Ctrl-C ends the engine's program and ours: what is asked then is why the build ended, and nobody is told that the engine went away."""

    class Cut(Compiler):
        def __call__(self, argv, **options):
            if argv[1:2] == ("version",):
                raise Interrupted("interrupted")
            return super().__call__(argv, **options)

    route, call = make("cross", run=Cut(), flavour="0.2.5", image=IMAGE)
    with started(route, call) as invocation, pytest.raises(Interrupted):
        invocation.failure(Done(argv=(), code=130))


@pytest.mark.parametrize(
    ("said", "commit"), [("rustc 1.95.0\ncommit-hash: 598a\n", "598a"), ("commit-hash: unknown\n", ""), ("rustc 1.95.0\n", "")]
)
def test_the_commit_of_a_compiler(make, said, commit):
    """As it says itself; Debian's do not know theirs."""
    route, call = make("zigbuild", run=lambda argv, **_more: Done(argv=argv, code=0, out=said))
    assert commit == commands.commit(route, call)


def test_cross_is_given_copies_where_the_engine_is_elsewhere(tmp_path, make, reaped):
    """The toolchain by a name of this run's, a CARGO_HOME of its own, a program that copies; what was built is not copied there."""
    run, said = Compiler("Cannot connect"), []
    route, call = make("cross", run=run, flavour="0.2.5", image=IMAGE, remote=True)
    call = changed(call, say=said.append)
    with started(route, call) as invocation:
        (_, run_id), _ = reaped
        folder = call.cache / "runs" / run_id
        assert commands.REMOTE.items() <= invocation.env.items()
        assert Path(route.toolchain.path) == (folder / f"{run_id}-{guard.CROSS_HOST}").readlink()
        assert (folder / "home" / "config.toml").is_file()
        assert f"--cidfile={folder}/{guard.CONTAINER}" in (folder / "engine").read_text()
        assert guard.places(f"{tmp_path}/project/target/x", f"{tmp_path}/project") == invocation.places
    assert (tmp_path / "project/target/crosstasks/CACHEDIR.TAG").is_file()
    (line,) = said
    assert line.startswith("what an earlier call may have left was not removed: docker does not answer")


def test_an_engine_that_is_gone_is_told_from_a_build_that_failed(make, reaped):
    """It is asked, where its command said nothing of it."""
    del reaped
    route, call = make("cross", run=Compiler(), flavour="0.2.5", image=IMAGE)
    with started(route, call) as invocation:
        gone = invocation.failure(Done(argv=(), code=125, err="odd"))
    assert (EngineFailed, "start it again; what was compiled is kept") == (type(gone), gone.hint)
