"""Several targets in one call."""

from __future__ import annotations

from pathlib import Path

from crosstasks import pipeline
from crosstasks.context import Work, look_of
from crosstasks.core.errors import ToolDamaged
from crosstasks.core.steps import Question
from crosstasks.facts.inventory import Inventory
from crosstasks.testing import AMD64, ARM64, FakeRunner, config, facts


def test_what_one_target_found_damaged_is_not_there_for_the_next():
    """It has been taken out: the next target has it provided, and does not take another route because it is missing."""
    options, runner, here = config("x86_64", "aarch64"), FakeRunner(), Path("/project")
    look = look_of(here, Path("/cache"), options, {}, runner)
    known = facts(inventory=Inventory(home="/cache/rustup", tools_home="/cache/tools"))
    work = Work(config=options, root=here, cache=Path("/cache"), environ={}, run=runner, say=lambda _: None, look=look, facts=known)
    seen = []

    def act(triple, given):
        seen.append((triple, Question("inventory") in given.facts.answers))
        raise ToolDamaged(f"the toolchain of {triple} was damaged")

    results = pipeline.each((), act, "build", work)
    assert seen == [(AMD64, True), (ARM64, False)]
    assert [result.code for result in results] == [5, 5]
