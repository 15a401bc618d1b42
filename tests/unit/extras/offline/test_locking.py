"""Another machine that is planned for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs
from planning import request, settle, world

from crosstasks.catalog import recipes, targets
from crosstasks.catalog.ingredients import CompileCross, InstallToolchain, InstallWheels
from crosstasks.context import Context, look_of, on_platform
from crosstasks.core.errors import ConfigError, ToolMissing
from crosstasks.core.steps import Absent, Question
from crosstasks.extras.offline import locking
from crosstasks.extras.offline.bundle_tasks import step_here
from crosstasks.facts.lock import Lock, LockRow
from crosstasks.planning import plan
from crosstasks.planning.plan import Plan
from crosstasks.provisioning import tools
from crosstasks.testing import ARM64, BOOKWORM, FakeRunner, bare_facts, config, facts


def context(known):
    here, runner = Path("/project"), FakeRunner()
    look = look_of(here, Path("/cache"), config(), {}, runner)
    return Context(config=config(), root=here, cache=Path("/cache"), environ={}, run=runner, say=lambda _: None, look=look, facts=known)


@pytest.mark.parametrize(
    ("platform", "triple"), [("linux/amd64", "x86_64-unknown-linux-gnu"), ("linux/arm64", "aarch64-unknown-linux-gnu")]
)
@pytest.mark.parametrize("known", [facts(), bare_facts()], ids=["like it", "without an engine"])
def test_it_has_an_engine_and_nothing_of_rust(known, platform, triple):
    """Whatever this machine has."""
    machine = on_platform(context(known), platform).facts
    assert (machine.host.triple, machine.engine.platform) == (triple, platform)
    assert machine.builders.programs == ()
    assert "is not known" in machine.rustup.why


def test_what_it_is_provided_with_is_for_itself():
    """Its own cross, its own toolchain, and an image of its platform, though this machine has another, and a rustup."""
    machine = on_platform(context(facts(debian=BOOKWORM)), "linux/arm64").facts
    tag = recipes.recipe(targets.find("aarch64"), "linux/arm64", "bookworm").tag
    machine = machine.with_({Question("image", tag): Absent("it is not there")})
    found = plan.make(request("aarch64", machine, config(images=["build"], toolchains=["debian"])), machine)
    assert isinstance(found, Plan)
    assert [type(step).__name__ for step in found.steps] == ["InstallWheels", "InstallToolchain", "BuildImage"]
    assert found.route.tool.path.endswith("cross-0.2.5-aarch64-unknown-linux-gnu/bin/cross")
    assert (found.route.toolchain.host, found.route.image.ref) == ("aarch64-unknown-linux-gnu", tag)


def test_only_platforms_that_can_be_provided_for_are_taken():
    """The others are named."""
    with pytest.raises(ConfigError, match=r"--platform is linux/amd64 or linux/arm64, not 'windows'"):
        on_platform(context(facts()), "windows")


def test_what_only_such_a_machine_can_compile_is_refused(monkeypatch):
    """Where to make the bundle is said."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    step = CompileCross(why="x", name="cross", flavour="0.2.4", install=(), cargo="cargo")
    asked = request("aarch64", facts(), config())
    assert step_here(step, "linux/amd64", asked, context(facts())) == step
    with pytest.raises(ToolMissing) as caught:
        step_here(step, "linux/arm64", asked, context(facts()))
    assert caught.value.hint == "make this bundle on such a machine"


def test_a_toolchain_for_another_machine_is_fetched_by_the_rustup_of_this_one(monkeypatch):
    """That machine's own would not run here, nor is it packed: it is not fetched."""
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    wheels = InstallWheels(why="x", name="rustup-1-aarch64-unknown-linux-gnu", projects=("rustup==1",))
    cross = structs.replace(wheels, name="cross-0.2.5-aarch64-unknown-linux-gnu", projects=("cross==0.2.5",))
    step = InstallToolchain(why="x", release="1.95.0", host="aarch64-unknown-linux-gnu", source="rustup", rustup="/theirs")
    here, asked = context(facts()), request("aarch64", facts(), config())
    steps = [step_here(one, "linux/arm64", asked, here) for one in (wheels, cross, step)]
    assert [None, cross, structs.replace(step, rustup=here.facts.rustup.command)] == steps
    assert [wheels, step] == [step_here(one, "linux/amd64", asked, here) for one in (wheels, step)]


@pytest.mark.parametrize(
    ("machine", "name", "expected"),
    [
        ("x86_64", "cross-0.2.5-x86_64-unknown-linux-gnu", ""),
        ("x86_64", "cross-0.2.5-aarch64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"),
        ("aarch64", "zigbuild-1-zig-2-x86_64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"),
        ("x86_64", "cross-0.2.5-aarch64-apple-darwin", ""),
    ],
)
def test_wheels_for_another_machine_are_asked_for_by_its_platform(monkeypatch, machine, name, expected):
    """A tool's folder is named after the host that it is for."""
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("sys.platform", "linux")
    assert tools.foreign(name) == expected


ROW = LockRow(builder="zigbuild", toolchain="1.96.0")


@pytest.mark.parametrize(("selected", "stale"), [((), ["s390x-unknown-linux-gnu"]), (("aarch64-unknown-linux-gnu",), [])])
def test_what_is_selected_is_what_is_compared(monkeypatch, selected, stale):
    """A row of what is not selected is none that nobody configures."""
    monkeypatch.setattr(locking, "_check", lambda *_: [])
    held = Lock(target={"s390x-unknown-linux-gnu": {"linux/amd64": ROW}, "x86_64-unknown-linux-gnu": {"linux/amd64": ROW}})
    options = config("aarch64", "x86_64")
    here = replace(context(facts(lock=held)), config=structs.replace(options, targets=selected or options.targets))
    assert stale == [row.target for row in locking.check(here, ())]


@pytest.mark.parametrize(("selected", "kept"), [((), False), (("aarch64-unknown-linux-gnu",), True)])
def test_what_is_not_selected_stays_locked(monkeypatch, tmp_path, selected, kept):
    """Only a lock of all that is declared takes rows away."""
    monkeypatch.setattr(locking, "_resolve", lambda _work, _names, before, **_: before)
    monkeypatch.setattr(locking, "path", lambda _: tmp_path / "crosstasks.lock")
    held = Lock(target={"s390x-unknown-linux-gnu": {"linux/amd64": ROW}})
    options = config("aarch64", "x86_64")
    here = replace(context(facts(lock=held)), config=structs.replace(options, targets=selected or options.targets))
    assert kept is ("s390x-unknown-linux-gnu" in locking.make(here, ()).target)


def test_where_the_lock_is():
    """Where it is looked for: beside the configuration."""
    here = context(facts())
    assert Path("/project/crosstasks.lock") == locking.path(here)
    assert Path("/above/crosstasks.lock") == locking.path(replace(here, look=replace(here.look, config_place="/above/crosstasks.toml")))


KEPT = LockRow(
    builder="cross",
    flavour="0.2.5",
    image=f"ghcr.io/cross-rs/{ARM64}:0.2.5",
    platform="linux/amd64",
    digest="sha256:" + "2" * 64,
    toolchain="1.96.0",
    toolchain_source="rustup",
    glibc="2.23",
)


@pytest.mark.parametrize(
    ("known", "row", "options", "expected"),
    [
        (facts, KEPT, {}, []),
        (facts, None, {}, [("target", "", "configured")]),
        (facts, structs.replace(KEPT, toolchain="1.85.0"), {"toolchain": "1.96.0"}, [("toolchain", "1.85.0", "1.96.0")]),
        (
            facts,
            structs.replace(KEPT, flavour="0.2.4", image=KEPT.image.replace("0.2.5", "0.2.4")),
            {"cross": "0.2.5"},
            [("flavour", "0.2.4", "0.2.5")],
        ),
        (facts, None, {"builder": "cargo"}, []),
        (
            facts,
            KEPT,
            {"builder": "cargo"},
            [
                (
                    "route",
                    f"cross, 0.2.5, ghcr.io/cross-rs/{ARM64}:0.2.5, Rust 1.96.0",
                    f"no route to build {ARM64}",
                )
            ],
        ),
    ],
)
def test_what_differs_from_a_row(monkeypatch, known, row, options, expected):
    """Each field, if another route would be taken; that there is none, of what is locked; nothing of what is built elsewhere."""

    def make(triple, verb, here):
        assert verb == "build"
        return settle(triple, here.facts, here.config, verb, around=world())[0], here

    monkeypatch.setattr("crosstasks.pipeline.make", make)
    held = Lock(target={ARM64: {"linux/amd64": row}} if row else {})
    here = replace(context(known(lock=held)), config=config(**options))
    found = locking.check(here, ())
    assert expected == [(one.field, one.locked, one.now) for one in found]
    assert {(ARM64, "linux/amd64")} >= {(one.target, one.platform) for one in found}


@pytest.mark.parametrize("row", [None, KEPT])
def test_a_lock_is_compared_where_no_engine_answers(monkeypatch, row):
    """That there is no engine is a reason as any other: of what is locked it is told, and what is not is built elsewhere."""

    def make(triple, verb, here):
        return settle(triple, here.facts, here.config, verb, around=world())[0], here

    monkeypatch.setattr("crosstasks.pipeline.make", make)
    silent = facts(engine=Absent("docker does not answer"), lock=Lock(target={ARM64: {"none": row}} if row else {}))
    rows = locking.check(replace(context(silent), config=config(builder="cross")), ())
    said = ("route", f"cross, 0.2.5, {KEPT.image}, Rust 1.96.0", f"no container engine to build {ARM64} with")
    assert ([said] if row else []) == [(one.field, one.locked, one.now) for one in rows]
