"""Where a released program can be started."""

from __future__ import annotations

from types import SimpleNamespace

from msgspec.structs import replace

from crosstasks.testing import facts
from crosstasks.verifying.smoke import in_image


def test_no_container_elsewhere_is_asked_to_start_a_program_of_this_machine():
    """The reason is told before anything is run."""
    context = SimpleNamespace(facts=facts(engine=replace(facts().engine, remote=True)))
    assert "the engine is on another machine, and cannot see the program" == in_image(None, None, context)
