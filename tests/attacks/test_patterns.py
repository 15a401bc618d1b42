"""No pattern of the package is worse than linear: a crate's tests, a file to be explained and a registry write what it has to read."""

from __future__ import annotations

import ast
import re
from collections import Counter

import pytest
from patterns import MADE, SIZE, calls, patterns, too_slow

PATTERNS = patterns()


@pytest.mark.parametrize("place", PATTERNS)
def test_a_pattern_is_linear_on_its_worst_text(place):
    """A megabyte takes a fifth of a second at most; a quadratic pattern takes minutes."""
    assert too_slow(*PATTERNS[place]) is None


@pytest.mark.parametrize("source", [r"^\s*(?:Compiling)\b", r'(\w+)="([^"]*)"', r"path .* is not shared"])
def test_the_texts_find_a_quadratic_pattern(source):
    """As these were; far less than a megabyte is enough to tell."""
    _, _, size = too_slow("search", re.compile(source, re.MULTILINE))
    assert size < SIZE


def test_no_pattern_is_left_out():
    """What is no text in a call is of a table, or has no loop."""
    made = Counter(module for module, call in calls() if call.func.value.id == "re" and not isinstance(call.args[0], ast.Constant))
    assert MADE == made
