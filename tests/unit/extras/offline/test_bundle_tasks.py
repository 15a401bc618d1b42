"""What a machine takes of a bundle."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from crosstasks.core.errors import ConfigError
from crosstasks.extras.offline import bundle_tasks
from crosstasks.extras.offline.bundle import Member
from crosstasks.extras.offline.bundle_tasks import Ready, fits
from crosstasks.testing import config

AMD64, ARM64 = "linux/amd64", "linux/arm64"
AMD, ARM, MUSL = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-unknown-linux-musl"


@pytest.mark.parametrize(
    ("kind", "host", "engine", "taken"),
    [
        ("tool", AMD64, AMD64, [AMD64]),
        ("toolchain", AMD64, AMD64, [AMD64]),
        ("images", AMD64, AMD64, [AMD64]),
        ("tool", AMD64, ARM64, [AMD64]),
        ("toolchain", AMD64, ARM64, [AMD64, ARM64]),
        ("images", AMD64, ARM64, [ARM64]),
        ("tool", "macos/arm64", ARM64, []),
        ("toolchain", "macos/arm64", ARM64, [ARM64]),
        ("images", "macos/arm64", ARM64, [ARM64]),
    ],
)
def test_a_machine_takes_what_is_for_it(kind, host, engine, taken):
    """Programs are for the machine, images for its engine, toolchains for both; what is for all is taken everywhere."""
    members = [Member(path="x", kind=kind, name="x", platforms=(platform,), sha256="", size=0) for platform in (AMD64, ARM64)]
    assert taken == [member.platforms[0] for member in members if fits(member, host, engine)]
    assert fits(Member(path="x", kind=kind, name="x", sha256="", size=0), host, engine)


@pytest.mark.parametrize(
    ("selected", "judged"),
    [
        ((), [("brought", MUSL), ("brought", ARM), ("other", AMD)]),
        ((ARM,), [("brought", ARM)]),
        ((AMD,), [("brought", AMD)]),
    ],
)
def test_which_targets_are_judged(monkeypatch, selected, judged):
    """What the bundle brings must be usable, and what is named; of the rest of the file it is only told."""
    monkeypatch.setattr(bundle_tasks, "_provide", lambda triple, *_: ("brought", triple))
    monkeypatch.setattr(bundle_tasks, "_look_offline", lambda triple, *_: ("other", triple))
    options = config("aarch64", "x86_64")
    context = SimpleNamespace(config=replace(options, targets=selected or options.targets))
    assert judged == list(bundle_tasks.readiness(context, (MUSL, ARM), "build"))


def test_a_line_for_each_target():
    """What is not ready has its reason beside it."""
    error = ConfigError("the engine did not keep the image")
    rows = [Ready(ARM, why=error.what, error=error), Ready(MUSL, why="the bundle was made without it")]
    assert bundle_tasks.readiness_text(rows).splitlines() == [
        f"{ARM}   not ready  the engine did not keep the image",
        f"{MUSL}  not ready  the bundle was made without it",
    ]
