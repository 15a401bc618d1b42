"""The values that pass between the stages."""

from __future__ import annotations

import pytest

from crosstasks.catalog.ingredients import InstallWheels, PullImage
from crosstasks.core.steps import Command, Question, Step


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Command(why="", argv=("cargo", "build", "--features", "a b")), "cargo build --features 'a b'"),
        (Command(why="", argv=("cargo",), env={"A": "x y", "B": "1"}), "env A='x y' B=1 cargo"),
        (Command(why="", argv=("cargo",), env={"A": None, "B": "1", "C": None}), "env -u A -u C B=1 cargo"),
        (PullImage(why="", ref="a:1", platform="linux/amd64", digest=""), "PullImage ref=a:1 platform=linux/amd64"),
        (InstallWheels(why="", name="a b", projects=("a==1", "b==2")), "InstallWheels name='a b' projects=a==1,b==2"),
        (Step(why=""), "Step"),
    ],
)
def test_a_step_is_shown_ready_to_paste(step, line):
    """A program as a shell takes it, with what changes in the environment; any other kind with its fields, but for those that are empty."""
    assert str(step) == line


def test_questions_are_sorted_and_told_apart_by_their_subject():
    """They are keys of the facts."""
    assert sorted({Question("image", "b"), Question("image", "a"), Question("image", "a"), Question("host")}) == [
        Question("host"),
        Question("image", "a"),
        Question("image", "b"),
    ]
