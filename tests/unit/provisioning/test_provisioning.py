"""Which step is taken by what, and what it is given."""

from __future__ import annotations

from pathlib import Path

import pytest
from acting import context

from crosstasks import provisioning
from crosstasks.catalog import recipes
from crosstasks.catalog.ingredients import (
    BringGlibc,
    BuildImage,
    CompileCross,
    InstallToolchain,
    InstallWheels,
    PullImage,
    RegisterEmulator,
)
from crosstasks.clients import engines
from crosstasks.core import cache
from crosstasks.provisioning import emulation, image, rust_packages, toolchain, tools
from crosstasks.testing import facts

AMD64, ARM64 = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
RECIPE = recipes.emulator("s390x", "linux/amd64")


@pytest.fixture
def calls(monkeypatch):
    """Keep the calls of all that acts, and do nothing."""
    calls = []
    monkeypatch.setattr(cache, "ROOM", 1.0)
    acts = (
        (tools, "from_pypi"),
        (tools, "from_cargo"),
        (tools, "patchelf"),
        (tools, "glibc_beside"),
        (tools, "glibc_around"),
        (engines, "pull"),
    )
    acts += (image, "provide"), (emulation, "install"), (toolchain, "from_rustup"), (rust_packages, "from_debian")
    for place, name in acts:
        monkeypatch.setattr(place, name, lambda *arguments, name=name, **options: calls.append((name, arguments, options)))
    return calls


@pytest.mark.parametrize(
    ("step", "name", "arguments", "options"),
    [
        (
            CompileCross(why="", name="cross-git", flavour="git", install=("--git", "u"), cargo="/t/bin/cargo"),
            "from_cargo",
            ("{cache}/tools", "cross-git", "git", ("--git", "u")),
            {"cargo": Path("/t/bin/cargo")},
        ),
        (PullImage(why="", ref="r/i:1", platform="linux/arm64", digest=""), "pull", ("{engine}", "r/i:1", "linux/arm64", "{say}"), {}),
        (BuildImage(why="", recipe=RECIPE), "provide", (RECIPE, "{call}"), {}),
        (step := BringGlibc(why="", name="g", toolchain="/t", machine=AMD64), "glibc_beside", (step, "{call}"), {}),
        (step := RegisterEmulator(why="", platform="linux/s390x", source="image"), "install", (step, "{call}"), {}),
        (
            step := InstallToolchain(why="", release="1.95.0", host=AMD64, targets=(), library=False, source="rustup", rustup="/r"),
            "from_rustup",
            (step,),
            {"home": "{cache}/rustup", "rustup": "/r"},
        ),
    ],
)
def test_each_step_is_taken_by_one_function(tmp_path, calls, step, name, arguments, options):
    """With the fields of the step, and our own folders."""
    call = context(tmp_path)
    provisioning.take(step, call)
    known = {
        "{call}": call,
        "{engine}": call.engine,
        "{say}": call.say,
        "{cache}/tools": call.cache / "tools",
        "{cache}/rustup": call.cache / "rustup",
    }
    clients = {"run": call.run, "say": call.say} if name.startswith("from_") else {}
    expected = {key: known.get(value, value) if isinstance(value, str) else value for key, value in options.items()}
    assert [(name, tuple(known.get(one, one) if isinstance(one, str) else one for one in arguments), {**expected, **clients})] == calls
    assert (call.cache / "CACHEDIR.TAG").is_file()


def test_glibc_is_put_around_wheels_that_lack_it(tmp_path, calls):
    """Around the program, whose project begins the folder's name, before the folder gets its name."""
    call = context(tmp_path)
    plain = InstallWheels(why="", name="cross-0.2.5", projects=("p==1",))
    provisioning.take(plain, call)
    provisioning.take(InstallWheels(why="", name="cross-0.2.5", projects=("p==1",), machine=ARM64, glibc=True), call)
    (first, second) = calls
    assert ("from_pypi", (call.cache / "tools", "cross-0.2.5", ("p==1",))) == first[:2] == second[:2]
    assert ("", (), ARM64) == (first[2]["machine"], first[2]["then"], second[2]["machine"])
    (then,) = second[2]["then"]
    then(Path("/draft"))
    assert ("glibc_around", ("cross", ARM64, call, Path("/draft")), {}) == calls[-1]


@pytest.mark.parametrize(("host", "glibc_here", "runs"), [(AMD64, "2.36", True), (AMD64, "2.28", False), (ARM64, "2.36", False)])
def test_a_toolchain_of_debians_is_tried_where_it_runs(tmp_path, calls, host, glibc_here, runs):
    """On its own architecture, with a glibc that is new enough."""
    from msgspec.structs import replace

    call = context(tmp_path, facts=facts(host=replace(facts().host, glibc=glibc_here)))
    step = InstallToolchain(why="", release="1.96.0", host=host, targets=(), library=False, source="debian")
    provisioning.take(step, call)
    ((name, arguments, options),) = calls
    assert ("from_debian", (step,), call.cache / "rustup", runs) == (name, arguments, options["home"], options["runs_here"])
    assert "bookworm" == options["archive"].suite
    options["patchelf"]()
    assert ("patchelf", (call.cache / "tools",), {"run": call.run, "say": call.say}) == calls[-1]
