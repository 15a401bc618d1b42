"""The pages that are made from tasks and catalogue."""

from __future__ import annotations

import re

import pytest
import reference
from invoke.parser import ParserContext

from crosstasks.invoke import collection
from crosstasks.tasks import TASKS


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_page_is_what_would_be_made(name):
    """`nox -s renew` makes both anew."""
    assert reference.PAGES[name]() == (reference.DOCS / name).read_text("utf-8"), "call nox -s renew"


@pytest.mark.parametrize("name", TASKS)
def test_a_page_shows_the_flags_that_the_program_takes(name):
    """Spelt as they are typed, with their letters."""
    section = reference.tasks().partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    shown = {flag for cell in cells for flag in re.findall(r"`(--?[a-z-]+)`", cell)}
    flags = ParserContext(name, args=collection()[name].get_arguments()).flags
    assert shown == flags.keys() | flags.aliases.keys()
