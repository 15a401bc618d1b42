"""Tutorials and their examples, and pictures in pages: what one shows the other has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TUTORIALS = sorted(path.stem for path in (DOCS / "tutorials").glob("*.md"))
SERVED: dict[str, str] = {"first-crate": "hello"}
"""Tutorials whose example has another name."""
FILE = re.compile(r"<!-- file: (?P<path>[^\n]*?) -->\n```\w+\n(?P<text>.*?)```", re.DOTALL)
PICTURE = re.compile(r"!\[(?P<said>[^]]*)\]\((?P<path>[^)]+)\)")


@pytest.mark.parametrize("tutorial", TUTORIALS)
def test_every_tutorial_has_an_example_and_names_it(tutorial):
    """It is called as the tutorial is, but for the first."""
    name = SERVED.get(tutorial, tutorial)
    assert f"`examples/{name}`" in (DOCS / "tutorials" / f"{tutorial}.md").read_text("utf-8")
    assert list((ROOT / "examples" / name).rglob("Cargo.toml"))


@pytest.mark.parametrize("tutorial", [name for name in TUTORIALS if name not in SERVED])
def test_an_example_has_the_files_of_its_tutorial(tutorial):
    """What the tutorial shows as a file stands in the example, word for word."""
    for found in FILE.finditer((DOCS / "tutorials" / f"{tutorial}.md").read_text("utf-8")):
        assert found["text"] in (ROOT / "examples" / tutorial / found["path"]).read_text("utf-8")


def shown():
    """Give each picture that a page shows: its path, and what is said of it."""
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        for match in PICTURE.finditer(page.read_text("utf-8")):
            yield (page.parent / match["path"]).resolve(), match["said"].strip()


def test_every_picture_is_said_in_words():
    """There is a text for who does not see it."""
    assert [] == [path for path, said in shown() if not said]


def test_every_picture_is_in_a_page():
    """Every one that a page shows exists, and none is drawn that nobody sees."""
    assert {path.resolve() for path in DOCS.rglob("*.svg") if "_build" not in path.parts} == {path for path, _said in shown()}
