"""What a machine takes of a bundle."""

from __future__ import annotations

import pytest

from crosstasks.extras.offline.bundle import Member
from crosstasks.extras.offline.bundle_load import wanted

AMD64, ARM64 = "linux/amd64", "linux/arm64"


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
    assert taken == [member.platforms[0] for member in members if wanted(member, host, engine)]
    assert wanted(Member(path="x", kind=kind, name="x", sha256="", size=0), host, engine)
