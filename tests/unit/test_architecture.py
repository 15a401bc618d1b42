"""The page docs/architecture.md names the modules that there are, and the layers that are held."""

from __future__ import annotations

import re
from pathlib import Path

from test_purity import PACKAGE, STAGES

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"^\| (`[^|]*`) \| ([^|]*) \|$", re.MULTILINE)


def rows():
    """Read the table of modules: the names on the left of each row, and all that it says."""
    section = PAGE.partition("## Modules")[2].partition("\n## ")[0]
    return [(re.findall(r"`([^`]+)`", left), set(re.findall(r"`(\w+)`", left + right))) for left, right in ROW.findall(section)]


def modules(folder):
    return {path.stem for path in folder.glob("*.py") if path.stem != "__init__"}


def test_every_module_has_a_place_in_the_table():
    """Those of the package by themselves, those of a folder in its row; what is not there is not named."""
    named = {name for left, _ in rows() for name in left}
    told = set().union(*(everything for _, everything in rows()))
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    inner = {name for folder in folders for name in modules(PACKAGE / folder)}
    assert named - modules(PACKAGE) - folders == set(), "not in the package"
    assert (modules(PACKAGE) | inner) - told == set(), "not on the page"
    assert folders - named == set()


def test_the_modules_of_a_folder_are_in_its_row():
    """Not in another's."""
    for left, everything in rows():
        for folder in (name for name in left if name.endswith("/")):
            assert modules(PACKAGE / folder) <= everything, folder


def test_the_layers_are_those_that_are_held():
    """In the order of the test that holds them."""
    (line,) = [line.strip() for line in PAGE.splitlines() if line.startswith("    nox, invoke, cli ->")]
    assert [names - {"__main__"} for names in STAGES] == [set(part.split(", ")) for part in line.split(" -> ")]
