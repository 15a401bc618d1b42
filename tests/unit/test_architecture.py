"""The page docs/architecture.md names the modules that there are, and the layers that are held."""

from __future__ import annotations

import re
from pathlib import Path

from layers import LAYERS, MODULES, PACKAGE, place

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"^\| `?([^|`]*?)/?`? \| ([^|]*) \|$", re.MULTILINE)


def rows():
    """Read the table of modules: each folder with the modules that its row names."""
    section = PAGE.partition("## Modules")[2].partition("\n## ")[0]
    table = {left.replace("/", "."): set(re.findall(r"`(\w+)`", right)) for left, right in ROW.findall(section)}
    return {folder: names for folder, names in table.items() if folder not in {"folder", "---"}}


def modules():
    """Return the modules of each folder; those of the root, and of no folder, under `root`."""
    found = {}
    for name, path in MODULES.items():
        if path.name != "__init__.py":
            found.setdefault(place(name) if "." in name else "root", set()).add(name.rpartition(".")[2])
    return found


def test_every_module_has_a_place_in_the_table():
    """In the row of its folder; what is not there is not named."""
    assert modules() == rows()


def test_the_layers_are_those_that_are_held():
    """In the order of the test that holds them."""
    block = PAGE.partition("    __main__\n")[1:]
    lines = "".join(block).partition("\n\n")[0].splitlines()
    assert [names - {"", "extras"} for names in LAYERS] == [set(line.strip().split(", ")) for line in lines]


def test_the_rows_of_what_is_new_name_files_that_are_there():
    """Of the package."""
    section = PAGE.partition("| a new … |")[2].partition("## Modules")[0]
    named = re.findall(r"`([a-z]+/[\w./]*)`", section)
    assert named
    assert [] == [name for name in named if not (PACKAGE / name).exists()]
