"""The pages that are made from tasks and catalogue."""

from __future__ import annotations

import pytest

from crosstasks import reference


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_is_what_would_be_made(name):
    """`python -m crosstasks.reference` makes both anew."""
    assert reference.PAGES[name]() == (reference.DOCS / name).read_text("utf-8"), "call python -m crosstasks.reference"
