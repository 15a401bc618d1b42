"""The values that pass between the stages."""

from __future__ import annotations

import pytest

from crosstasks.core.steps import Question, Step


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (Step(why="", argv=("cargo", "build", "--features", "a b")), "cargo build --features 'a b'"),
        (Step(why="", argv=("cargo",), env={"A": "x y", "B": "1"}), "env A='x y' B=1 cargo"),
        (Step(why="", argv=("cargo",), env={"A": None, "B": "1", "C": None}), "env -u A -u C B=1 cargo"),
        (Step(why="", call="image.pull", arguments={"ref": "a:1", "digest": ""}), "image.pull ref=a:1 digest=''"),
        (
            Step(why="", call="toolchain.from_rustup", arguments={"targets": ["a", "b"], "source": True}),
            "toolchain.from_rustup targets=a,b source=True",
        ),
        (Step(why="", call="image.prune"), "image.prune"),
    ],
)
def test_a_step_is_shown_ready_to_paste(step, line):
    """A program as a shell takes it, with what changes in the environment; a call with its arguments."""
    assert str(step) == line


def test_questions_are_sorted_and_told_apart_by_their_subject():
    """They are keys of the facts."""
    assert sorted({Question("image", "b"), Question("image", "a"), Question("image", "a"), Question("host")}) == [
        Question("host"),
        Question("image", "a"),
        Question("image", "b"),
    ]
