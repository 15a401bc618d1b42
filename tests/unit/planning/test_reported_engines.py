"""Engines that could not be tried here: what their users reported is read, and the route on such a machine follows from it."""

from __future__ import annotations

import tomllib

import pytest
from facts_looks import DATA, look
from planning import settle, world

from crosstasks.core.looking import Platform
from crosstasks.facts.emulation import Emulation
from crosstasks.facts.engine import parse
from crosstasks.facts.host import Host
from crosstasks.facts.rustup import Rustup
from crosstasks.testing import AMD64, ARM64, config, facts, toolchain

REPORTED = tomllib.loads((DATA / "docker" / "reported.toml").read_text("utf-8"))

HOSTS = {
    "darwin": Host(os="macos", arch="aarch64", triple="aarch64-apple-darwin"),
    "linux": Host(os="linux", arch="aarch64", triple=ARM64, libc="gnu", glibc="2.36", apt=True, suite="bookworm"),
}


def read(case, tmp_path):
    """Return the engine as it is read on the machine of a report."""
    here = Platform(system=case["host"]["system"], machine=case["host"]["machine"], release="6.1.0", node="laptop")
    return parse(
        "/usr/bin/docker",
        {"Client": case["client"], "Server": case["server"]},
        case["info"],
        case["address"],
        look(tmp_path, platform=lambda: here),
    )


@pytest.mark.parametrize("case", REPORTED.values(), ids=REPORTED)
def test_a_reported_engine_is_read(case, tmp_path):
    """Architecture, product, store, rootless; an engine in a machine of its own is not remote."""
    engine = read(case, tmp_path)
    assert {name: getattr(engine, name) for name in case["engine"]} == case["engine"]
    assert case["source"].startswith("https://")


@pytest.mark.parametrize("case", REPORTED.values(), ids=REPORTED)
def test_the_route_with_a_reported_engine(case, tmp_path):
    """An image is built here for the engine's own platform, also on a Mac; emulation is what is left when nothing else is."""
    machine = case["host"]["machine"]
    host = HOSTS[case["host"]["system"]] if machine != "x86_64" else facts().host
    known = facts(host=host, engine=read(case, tmp_path), emulation=Emulation())
    own = {"x86_64": AMD64}.get(machine, host.triple)
    known = known.with_({question: fact for question, fact in facts(rustup=_rustup(own)).answers.items() if question.about == "rustup"})
    planned, _ = settle("aarch64", known, config(), around=world(proof=True))
    assert planned.route.name == case["route"]
    assert planned.route.host_toolchain.host == own
    emulated = [name for name in planned.below if "emulated" in name]
    assert planned.below[-len(emulated) - 1 :] == ("zigbuild", *emulated)


def _rustup(triple):
    active = toolchain(host=triple)
    return Rustup(command="rustup", version="1.29.0", home="/r", toolchains=(active,), active=active.name)


def test_the_toolchain_of_an_emulated_image_on_a_mac(tmp_path):
    """It is x86_64's for Linux, from rustup with --force-non-host; the mac's own reads the workspace."""
    known = facts(host=HOSTS["darwin"], engine=read(REPORTED["colima"], tmp_path), rustup=_rustup("aarch64-apple-darwin"))
    planned, _ = settle("aarch64", known, config(images=["upstream"], fallback=[]), around=world(proof=True))
    route = planned.route
    assert (route.toolchain.name, route.toolchain.source) == (f"1.96.0-{AMD64}", "rustup")
    assert (route.host_toolchain.name, route.host_toolchain.source) == ("1.96.0-aarch64-apple-darwin", "user")
    assert route.image.platform == "linux/amd64"
