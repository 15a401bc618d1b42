"""What the program that stands in for the engine's changes in a run's command."""

from __future__ import annotations

import pytest

from crosstasks.building import guard

FOLDERS = {"home": "/cache/cargo/1", "run": "/cache/runs/1", "root": "/p", "target_dir": "/p/target/a", "target": "/p/target"}


@pytest.mark.parametrize(("instead", "replaces"), [("", False), ("cargo nextest", True)])
def test_another_command_takes_the_place_of_test(instead, replaces):
    """Only where one is named; and then a run that has none to replace does not start."""
    text = guard.engine_program(guard.Mounts(engine="/usr/bin/docker", kind="docker", cache="/cache", instead=instead, **FOLDERS))
    assert replaces is (f" {instead or 'cargo nextest'} " in text)
    assert replaces is ("cross calls no" in text)
