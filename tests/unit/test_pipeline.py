"""Several targets in one call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crosstasks import pipeline
from crosstasks.catalog import targets
from crosstasks.context import Context, look_of
from crosstasks.core.errors import ConfigError, ToolDamaged
from crosstasks.core.steps import Absent, Question
from crosstasks.facts import lock
from crosstasks.facts.inventory import Inventory
from crosstasks.testing import AMD64, ARM64, FakeRunner, config, facts


def test_what_one_target_found_damaged_is_not_there_for_the_next(monkeypatch):
    """It has been taken out: the next target has it provided, and does not take another route because it is missing."""
    options, runner, here = config("x86_64", "aarch64"), FakeRunner(), Path("/project")
    look = look_of(here, Path("/cache"), options, {}, runner)
    known = facts(inventory=Inventory(home="/cache/rustup", tools_home="/cache/tools"))
    context = Context(config=options, root=here, cache=Path("/cache"), environ={}, run=runner, say=lambda _: None, look=look, facts=known)
    seen = []

    def act(triple, verb, arguments, given):
        assert ("build", ()) == (verb, arguments)
        seen.append((triple, Question("inventory") in given.facts.answers))
        raise ToolDamaged(f"the toolchain of {triple} was damaged")

    monkeypatch.setattr(pipeline, "_build_one", act)
    results = pipeline.build(context=context)
    assert seen == [(AMD64, True), (ARM64, False)]
    assert [result.code for result in results] == [5, 5]


def test_what_is_named_is_what_is_selected(tmp_path):
    """Names on the command line select, as the variable does; what the file declares is known all the same."""
    (tmp_path / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64", "aarch64"]\n')
    named = pipeline.start(tmp_path, names=("aarch64",), environ={})
    variable = pipeline.start(tmp_path, environ={"CROSSTASKS_TARGETS": "aarch64"})
    assert ((ARM64,), (AMD64, ARM64)) == (named.config.targets, named.config.all_targets)
    assert named.config.targets == variable.config.targets == pipeline.select((), named)


def test_a_target_in_json_is_seen_from_the_repository(tmp_path, monkeypatch):
    """Not from the folder of the process: a noxfile may name another with `root`."""
    monkeypatch.setattr(targets, "_FROM_FILES", {})
    (tmp_path / "thing.json").write_text(
        '{"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "data-layout": "e", "target-pointer-width": 64}'
    )
    context = pipeline.start(tmp_path, names=("thing.json",), environ={})
    assert ("thing",) == context.config.targets == pipeline.select(("thing.json",), context)
    with pytest.raises(ConfigError, match="there is no Rust repository here"):
        pipeline.make("thing.json", "build", replace(context, facts=facts(repository=Absent("none"))))


def test_the_lock_lies_beside_the_configuration(tmp_path):
    """Which may stand above the repository; where the process is does not matter."""
    (tmp_path / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\n')
    (tmp_path / "tools").mkdir()
    context = pipeline.start(tmp_path / "tools", environ={})
    assert tmp_path / "crosstasks.lock" == lock.place(context.look.config_place, context.look.cwd)


def test_members_are_checked_before_anything_is_done(tmp_path):
    """A package that the workspace does not have is told when the configuration is read."""
    (tmp_path / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nmembers = ["nope"]\n')
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "hello"\n')
    with pytest.raises(ConfigError, match="the workspace has no package 'nope'"):
        pipeline.start(tmp_path, environ={})
