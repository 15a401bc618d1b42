"""Where ``crosstasks doctor`` says that the engine's disk is."""

from __future__ import annotations

import pytest
from acting import context
from msgspec.structs import replace

from crosstasks.core.errors import NoRoute
from crosstasks.core.steps import Absent
from crosstasks.extras.maintenance import doctor
from crosstasks.testing import AMD64, facts


@pytest.mark.parametrize(
    ("told", "container", "where"),
    [
        ({"remote": True, "desktop": "colima"}, "", "on another machine"),
        ({"apart": True, "desktop": "Docker Desktop"}, "", "in the machine of Docker Desktop"),
        ({"apart": True}, "docker", "outside of the container that we are in"),
        ({}, "docker", "outside of the container that we are in"),
        ({"apart": True}, "", "not to be seen from here"),
    ],
)
def test_where_the_disk_is_that_cannot_be_measured(told, container, where):
    """Nothing is called a virtual machine that may be none."""
    known = facts()
    assert where == doctor.away(replace(known.engine, **told), replace(known.host, container=container))


def test_the_toolchain_is_that_of_the_target_without_a_route(tmp_path, monkeypatch):
    """Not of the first one, which may have one."""
    monkeypatch.setattr(doctor.toolchains, "choose", lambda _triple, asked, _facts: Absent(f"none for {asked.target.triple}"))
    plans = {AMD64: object(), "s390x-unknown-linux-gnu": NoRoute("none"), "mips-unknown-linux-gnu": NoRoute("none")}
    (row,) = doctor._toolchain(plans, context(tmp_path))  # noqa: SLF001 - the one line of many
    assert ("missing", "none for s390x-unknown-linux-gnu") == (row.state, row.detail)
