"""No pattern of the package is worse than linear: a crate's tests, a file to be explained and a registry write what it has to read."""

from __future__ import annotations

import time
from itertools import islice

import pytest
from patterns import ask, patterns, worst

PATTERNS = patterns()
TEXTS = 80
"""How many texts each pattern is asked about; short patterns have fewer."""


@pytest.mark.parametrize("place", PATTERNS)
def test_a_pattern_is_linear_on_its_worst_text(place):
    """A megabyte takes a fifth of a second at most; a quadratic pattern takes minutes. What the machine does besides is not counted."""
    way, pattern = PATTERNS[place]
    for text in islice(worst(pattern), TEXTS):
        for _ in range(3):
            begun = time.process_time()
            ask(way, pattern, text)
            seconds = time.process_time() - begun
            if seconds <= 0.2:
                break
        assert seconds <= 0.2, text[:80]


def test_the_texts_find_a_quadratic_pattern():
    """As these were; a part of the text is enough to tell."""
    import re

    for source in (r"^\s*(?:Compiling)\b", r'(\w+)="([^"]*)"', r"path .* is not shared"):
        pattern = re.compile(source, re.MULTILINE)
        slowest = 0.0
        for text in islice(worst(pattern), TEXTS):
            begun = time.process_time()
            ask("search", pattern, text[:60_000])
            slowest = max(slowest, time.process_time() - begun)
        assert slowest > 0.2
