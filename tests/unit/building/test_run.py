"""What cargo is told beyond what the user says."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from acting import context
from msgspec.structs import replace
from planning import settle

from crosstasks.building import commands, dependencies, run
from crosstasks.building.run import cargo_options, needs_spec_flag, ours, past_cross, subcommand, unwinding
from crosstasks.catalog import targets
from crosstasks.catalog.targets import Target, find
from crosstasks.core.errors import DiskFull, EngineFailed, ToolMissing
from crosstasks.core.results import Container
from crosstasks.core.steps import Done
from crosstasks.testing import ARM64, config, facts, repository


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
    ("builder", "target", "verb", "words"),
    [
        ("cross", "aarch64", "clippy", ("clippy",)),
        ("cargo", "aarch64", "build", ("build",)),
        ("zigbuild", "aarch64", "build", ("zigbuild",)),
        ("zigbuild", "netbsd", "build", ("build",)),
        ("zigbuild", "aarch64", "test", ("test",)),
        ("zigbuild", "aarch64", "doc", ("doc",)),
        ("cross", "aarch64", "nextest", ("test", "run")),
        ("zigbuild", "aarch64", "nextest", ("nextest", "run")),
        ("cargo", "aarch64", "nextest-archive", ("nextest", "archive")),
    ],
)
def test_what_each_builder_calls_a_verb(builder, target, verb, words):
    """As cargo does, but for the build that is cargo-zigbuild's own, and for what cross would run on the host under its name."""
    assert subcommand(SimpleNamespace(route=SimpleNamespace(builder=builder), target=target, verb=verb)) == words


@pytest.mark.parametrize(("target", "parts"), [("riscv64", "std,panic_abort"), ("thumbv7em", "core,alloc"), ("wasip1", "std,panic_abort")])
def test_what_is_compiled_of_the_standard_library(target, parts):
    """A bare machine has no system that the whole of it could be for."""
    route = SimpleNamespace(target=find(target).triple, builder="cargo", libc="", build_std=True)
    assert ours(SimpleNamespace(route=route, verb="check"), repository(lock=False))[-1] == f"-Zbuild-std={parts}"


def test_a_universal_target_is_built_part_by_part():
    """Each call of cargo is told one of them."""
    request = SimpleNamespace(target=find("universal2"))
    route = SimpleNamespace(target="universal2-apple-darwin", builder="zigbuild", glibc_floor="", build_std=False)
    plan = SimpleNamespace(request=request, route=route, verb="build")
    for part in ("aarch64-apple-darwin", "x86_64-apple-darwin"):
        assert ours(plan, repository(lock=False), "", (part,))[:2] == ("--target", part)


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
    assert needs_spec_flag(release) is asked


@pytest.mark.parametrize(
    ("verb", "words", "own", "profile"),
    [
        ("test", (), {}, "dev"),
        ("test", ("--release",), {"profile": "small"}, "release"),
        ("test", ("-p", "a"), {"profile": "small"}, "small"),
        ("test", ("--profile", "test"), {"profile": "small"}, "dev"),
        ("nextest", ("--profile", "ci", "--cargo-profile=bench"), {}, "release"),
        ("bench", (), {}, "release"),
        ("build", (), {}, ""),
    ],
)
def test_programs_beside_tests_unwind_with_a_library_of_their_own(verb, words, own, profile):
    """As the tests do, in the profile that cargo takes; where the library is shipped, or there is none, the manifest counts."""
    options = config("aarch64", **own).target("aarch64-unknown-linux-gnu")
    route = SimpleNamespace(build_std=True, target="aarch64-unknown-linux-gnu")
    plan = SimpleNamespace(verb=verb, route=route, request=SimpleNamespace(options=options))
    assert (("--config", f'profile.{profile}.panic="unwind"') if profile else ()) == unwinding(plan, words)
    for other in ({"build_std": False}, {"target": "thumbv7em-none-eabi"}):
        plan.route = SimpleNamespace(**{**vars(route), **other})
        assert () == unwinding(plan, words)


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


FINISHED = b'{"reason":"build-finished","success":true}\n'
DIAGNOSTICS = (Path(__file__).parents[1] / "data/cargo/diagnostics.jsonl").read_bytes()
CONTAINER = Container(id="1", image="i", digest="sha256:1", platform="linux/amd64")


class Cargo:
    """A cargo that is streamed: each call ends as the next row says, after it has said its lines."""

    def __init__(self, *rows):
        """Be called for nothing yet; a row is the code, what comes on standard output, and what on standard error."""
        self.rows, self.calls = list(rows), []

    def __call__(self, argv, *, env, cwd, timeout, on_out, on_err, owner):
        code, out, err = self.rows.pop(0)
        self.calls.append((argv, env, cwd, timeout, owner))
        if on_out:
            on_out(out)
        on_err(err.encode())
        return Done(argv=argv, code=code, err=err)


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Run a plan with a cargo, in a crate whose dependencies are there; return how it ended."""

    def ran(cargo, target="aarch64", *words, verb="build", container=CONTAINER, environ=None, invocation=None, options=None, route=None):
        @contextmanager
        def start(_route, _target_dir, _context):
            ready = {
                "program": ("/b/cross",),
                "env": {"A": "1"},
                "arguments": ("--config=x",),
                "owner": "owner",
                "container": lambda: container,
            }
            yield commands.Invocation(**{**ready, **(invocation or {})})

        root = str(tmp_path)
        known = facts(repository=repository(root=root, target_directory=f"{root}/target"))
        plan, _ = settle(target, known, config(target, **(options or {})), verb)
        plan = dataclasses.replace(plan, route=replace(plan.route, **(route or {})))
        monkeypatch.setitem(run.STARTERS, plan.route.builder, start)
        monkeypatch.setattr(run.process, "stream", cargo)
        monkeypatch.setattr(run.dependencies, "fetch", lambda *_arguments: None)
        return run.run(plan, words, context(tmp_path, facts=known, environ=environ or {}, config=config(target, **(options or {}))))

    return ran


def test_a_build_that_ends_well(ran, tmp_path):
    """Its own words say so, and the engine has seen a container; what is behind two dashes gets past cross by a variable."""
    cargo = Cargo((0, FINISHED, ""))
    result = ran(cargo, "aarch64", "--release", "--", "--flag", options={"timeout": 60, "features": ["tls"]})
    assert (0, None, CONTAINER, True) == (result.code, result.error, result.container, result.at_work)
    ((argv, env, cwd, timeout, owner),) = cargo.calls
    told = ("build", "--target", ARM64, "--locked", "--message-format=json-render-diagnostics", "--features=tls", "--config=x", "--release")
    assert ("/b/cross", *told) == argv
    assert ({"A": "1", "CROSSTASKS_BEHIND": "-- --flag"}, str(tmp_path), 60.0, "owner") == (env, cwd, timeout, owner)
    assert Path(result.target_dir).is_dir()


CUT = "cross ended well, but cargo did not say that its build had"
HOST = "cross ended well, and the engine knows of no container of this run: it may have called the host's cargo"
FULL = "error: No space left on device (os error 28)"


@pytest.mark.parametrize(
    ("row", "more", "kind", "what", "why", "at_work"),
    [
        ((0, b"", ""), {}, EngineFailed, "cargo's output was cut off", CUT, False),
        ((0, b"", ""), {"words": ("--help",)}, None, "", "", False),
        ((0, FINISHED, ""), {"container": None}, EngineFailed, f"{ARM64} was built in no container", HOST, True),
        ((101, b"", f"x\n{FULL}\ny"), {}, DiskFull, f"{ARM64}: a disk is full", FULL, False),
        # a test may print what it likes
        ((101, b"", FULL), {"verb": "test"}, None, "", "", False),
        ((101, b"", "\x1b[1m   Compiling\x1b[0m a v1.0.0\nerror"), {"verb": "check"}, None, "", "", True),
        ((101, b"", "error: no such option"), {"verb": "check"}, None, "", "", False),
        ((1, b"", "odd"), {"invocation": {"failure": lambda _done: ToolMissing("cross's own", why="odd")}}, ToolMissing, "cross's own", "odd", False),
    ],
)  # fmt: skip
def test_how_a_build_ends(ran, row, more, kind, what, why, at_work):
    """What cargo answers is no failure of the route; a full disk, a build that nothing saw, and what cross itself says are."""
    words = more.pop("words", ())
    result = ran(Cargo(row), "aarch64", *words, **more)
    error = result.error
    assert (row[0], row[2], at_work) == (result.code, result.err, result.at_work)
    assert (kind, what, why) == ((type(error), error.what, error.why) if error else (None, "", ""))


def test_a_universal_target_is_built_until_a_part_fails(ran):
    """Each part for the oldest macOS of its own; the next is not begun, and nothing is joined."""
    cargo = Cargo((0, FINISHED, ""), (101, b"", "error"))
    route = {"builder": "zigbuild"}
    result = ran(cargo, "universal2", route=route, container=None)
    assert (101, None) == (result.code, result.error)
    assert [("11.0", "aarch64-apple-darwin"), ("10.12", "x86_64-apple-darwin")] == [
        (env["MACOSX_DEPLOYMENT_TARGET"], argv[argv.index("--target") + 1]) for argv, env, *_ in cargo.calls
    ]


def test_messages_of_the_compiler_are_kept_for_ci(ran):
    """And damage of our own files is looked for in them as well; programs that are built to be tested are not for keeping."""
    cargo = Cargo((101, DIAGNOSTICS, ""))
    result = ran(cargo, environ={"GITHUB_ACTIONS": "true"})
    assert ["E0425"] == [diagnostic.code for diagnostic in result.output.diagnostics]
    assert "--message-format=json" in cargo.calls[0][0]
    artifacts = (Path(__file__).parents[1] / "data/cargo/workspace.jsonl").read_bytes()
    assert ran(Cargo((0, artifacts, ""))).output.products
    assert () == ran(Cargo((0, artifacts, "")), environ={"GITHUB_ACTIONS": "true"}, verb="check").output.products


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"builder": "cross", "flavour": "0.2.5"}, (("/project", "/source"),)),
        (
            {"builder": "cross", "flavour": "git"},
            (("{root}", "/source"), ("/rust", "/rust"), ("{home}", "/cargo"), ("/t", "/target")),
        ),
        (
            {"builder": "zigbuild"},
            (("{root}", "/source"), ("/rust", "/rust"), ("{user}", "/cargo"), ("{host}", "/cargo"), ("/t", "/target")),
        ),
    ],
)
def test_what_programs_call_the_folders_of_this_machine(tmp_path, changes, names):
    """In a container of 0.2.x all but the project have fixed names; of the others each is told, the last that fits counts."""
    call = context(tmp_path, facts=facts(repository=repository(root=str(tmp_path))), environ={"CARGO_HOME": str(tmp_path / "user")})
    route = SimpleNamespace(**changes, remote=False, toolchain=SimpleNamespace(path="/rust"))
    places = {"root": tmp_path, "user": tmp_path / "user", "home": dependencies.home(call), "host": dependencies.host_home(call)}
    if "flavour" not in changes:
        route.flavour = ""
    assert tuple((name.format(**places), other) for name, other in names) == run._folders(route, Path("/t"), call)  # noqa: SLF001  # of one release


@pytest.mark.parametrize(
    ("changes", "places"),
    [
        ({"builder": "cross", "flavour": "0.2.5"}, ("/rust",)),
        ({"builder": "cross", "flavour": "0.2.5", "remote": True}, ("/rust", "/cross/rust")),
        ({"builder": "cross", "flavour": "git"}, ("/t",)),
        ({"builder": "zigbuild"}, ("/t",)),
    ],
)
@pytest.mark.parametrize(("library", "commit"), [(True, "abc"), (True, ""), (False, "abc")])
def test_the_librarys_source_changes_no_program(monkeypatch, tmp_path, changes, places, library, commit):
    """Where it is installed, programs call it what they call it where it is not: by the compiler's commit, if that is told."""
    monkeypatch.setattr(commands, "commit", lambda *_arguments: commit)
    route = SimpleNamespace(**{"flavour": "", "remote": False, **changes}, toolchain=SimpleNamespace(path="/t", library=library))
    renamed = tuple((f"{place}/lib/rustlib/src/rust", "/rustc/abc") for place in places) if library and commit else ()
    assert renamed == run._library(route, context(tmp_path))  # noqa: SLF001  # of every build
