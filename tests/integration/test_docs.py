"""What the pages show: every command is run, or says why not, and prints what the page says."""

from __future__ import annotations

import re

import pytest
from pages import DOCS, blocks, commands, followed

PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "```console" in path.read_text("utf-8"))
RUN = ("run", "run: arm64")
"""What is run here; and on an engine that says arm64, by test_arm64.py."""


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_run_or_says_why_not(page):
    """No block of commands is without a mark."""
    marks = [block["mark"] or "" for block in blocks(page) if block["kind"] == "console"]
    assert [] == [mark for mark in marks if mark not in RUN and not mark.startswith("not run: ")]


def test_no_command_hides_in_a_block_without_a_mark():
    """What is merely indented is no command."""
    hidden = re.compile(r"^    (?:\$|crosstasks|invoke|nox) .*", re.MULTILINE)
    assert {} == {path.name: found for path in DOCS.rglob("*.md") if (found := hidden.findall(path.read_text("utf-8")))}


@pytest.mark.parametrize("page", [page for page in PAGES if "<!-- run -->" in (DOCS / page).read_text("utf-8")])
def test_a_page_does_what_it_says(page, tmp_path, environ):
    """From top to bottom, in an empty folder; what it shows is printed, ``…`` being anything."""
    followed(page, tmp_path / "hello", environ)


def test_a_block_is_read_as_people_read_it():
    """Each command with what follows it, up to the next."""
    assert [("a b", ["out", "more"]), ("c", [])] == list(commands("$ a b\nout\nmore\n$ c\n"))
