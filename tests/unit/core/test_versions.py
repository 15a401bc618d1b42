"""Versions are compared by their numbers."""

from __future__ import annotations

import pytest

from crosstasks.core.versions import highest, numbers


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2.9", (2, 9)), ("2.2.5", (2, 2, 5)), ("2.x", (2,)), ("1.98.0-nightly", (1, 98, 0)), ("", ()), ("2.²", (2,))],
)
def test_the_numbers_of_a_version(version, expected):
    """What follows a hyphen, and what is no number, does not count."""
    assert expected == numbers(version)


def test_the_highest_version_is_not_the_last_by_letters():
    """2.10 is above 2.9; of no versions none is the highest."""
    assert highest(("2.9", "2.10", "2.2.5")) == "2.10"
    assert highest(()) == ""
