"""What the pages tell people to type is there: tasks, options of tasks, options of crosstasks.toml, files of this repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from invoke.parser import ParserContext

from crosstasks.invoke import collection
from crosstasks.tasks import DEFAULTS, TASKS

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
COMMAND = re.compile(r"(?:\$ |`|^    )(?:python -m )?(?:crosstasks|invoke) (?!passed`)([a-z]+(?:\.[a-z]+)?)((?: [^`\n|#]*)?)", re.MULTILINE)
"""`crosstasks passed` is a job of a workflow."""

OURS = re.compile(r"(?<![\w/.-])(?:tests|crosstasks|docs|benchmarks|examples)/[\w./-]*\w\.(?:py|md|toml|json|c|sh)\b")


def text(page):
    return page.read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_command_that_is_shown_is_there(page):
    """Its task, and each of its flags."""
    for task, rest in COMMAND.findall(text(page)):
        name = f"{task}.{DEFAULTS[task]}" if task in DEFAULTS else task
        assert name in TASKS
        known = ParserContext(name, args=collection()[name].get_arguments()).flags
        assert [] == [flag for flag in re.findall(r"(?<!\S)--[a-z-]+", rest.partition(" -- ")[0]) if flag not in known], task


def test_a_file_of_ours_that_is_named_is_there():
    """From the top of the repository."""
    assert [] == [(page.name, name) for page in PAGES for name in OURS.findall(text(page)) if not (TOP / name).exists()]


def test_the_commands_are_found():
    """In blocks, in lines of text, and behind a prompt."""
    assert ("release", " --bump minor") in COMMAND.findall("`crosstasks release --bump minor` looks")
    assert ("vendor", " --into x") in COMMAND.findall("    $ python -m crosstasks vendor --into x\n")
    assert ("lock", " --check                   ") in COMMAND.findall("    crosstasks lock --check                   # in CI\n")


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_nothing_stands_twice(page):
    """No heading, and no entry of a list, in one page."""
    lines = [line for line in text(page).splitlines() if line.startswith(("#", "- "))]
    assert [] == sorted({line for line in lines if lines.count(line) > 1})


PUBLISHED = sorted((TOP / "docs").rglob("*.md"))


def test_a_page_begins_with_what_it_is_for():
    """So that a reader knows whether to go on."""
    assert [] == [page.name for page in PUBLISHED if not text(page).partition("\n\n")[2].startswith("This page ")]


def test_the_site_leads_to_every_page():
    """A page that no list names would be built, and found by nobody."""
    listed = text(TOP / "docs" / "index.md").splitlines()
    names = {page.relative_to(TOP / "docs").with_suffix("").as_posix() for page in PUBLISHED}
    assert [] == sorted(name for name in names if name not in listed and name != "index" and not name.startswith("tutorials/"))
