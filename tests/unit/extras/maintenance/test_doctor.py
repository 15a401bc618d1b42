"""Where ``crosstasks doctor`` says that the engine's disk is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crosstasks.extras.maintenance import doctor
from crosstasks.testing import facts


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
