"""The parts of the package, the libraries that each needs, and what is said where one is not installed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from layers import MODULES, imported

from crosstasks import parts
from crosstasks.core.about import PACKAGE

ROWS = {row.module: row for row in parts.requirements(parts.REQUIREMENTS.read_text())}


def part_of(name):
    """The part that a module belongs to; none for the core."""
    path = MODULES[name].relative_to(PACKAGE).as_posix()
    return next((part for part, paths in parts.PARTS.items() for one in paths if path == one or path.startswith(f"{one}/")), None)


@pytest.mark.parametrize("library", ROWS)
def test_a_library_belongs_to_what_imports_it(library):
    """The core's are without a comment; others name each part that imports them, and no other."""
    users = {part_of(name) for name in MODULES if library in imported(name)}
    assert set(ROWS[library].parts) == (set() if None in users else users)


def test_the_core_needs_few_libraries():
    """Eight, for a repository that builds and tests."""
    assert len([row for row in ROWS.values() if not row.parts]) <= 8


def test_the_core_imports_no_part():
    """But where tasks ask first whether it is there."""
    users = {name for name in MODULES if not part_of(name) and any(part_of(other) for other in imported(name) if other in MODULES)}
    assert {"tasks.building", "tasks.call"} == users


@pytest.mark.parametrize("part", parts.PARTS)
def test_the_files_of_a_part_are_there(part):
    """A renamed folder would be copied with every core."""
    assert all((PACKAGE / path).exists() for path in parts.PARTS[part])
    assert parts.has(part)


def test_a_library_that_is_missing_is_named_by_what_installs_it():
    """By the name on PyPI, whatever it is imported by."""
    assert ("docker", "pyelftools") == parts.missing(lambda module: None if module in {"docker", "elftools"} else object())
    assert () == parts.missing()


@pytest.mark.parametrize(
    ("names", "words"), [(("docker",), "needs docker, which"), (("a", "b"), "needs a and b,"), (("a", "b", "c"), "needs a, b and c,")]
)
def test_one_sentence_says_what_to_install(names, words):
    """And ends with the command."""
    said = parts.sentence(names, "/usr/bin/python3", Path("third_party/crosstasks/requirements.txt"))
    assert words in said
    assert said.endswith(": /usr/bin/python3 -m pip install -r third_party/crosstasks/requirements.txt")


def test_an_old_python_is_told_which_is_needed(monkeypatch):
    """The one that runs is named, and no library is asked for."""
    monkeypatch.setattr(parts.sys, "version_info", (3, 10, 13, "final", 0))
    with pytest.raises(SystemExit, match=r"^error: crosstasks needs Python 3\.11 or newer, and .* is 3\.10\.13: install Python 3\.11"):
        parts.check()


@pytest.mark.parametrize("path", ["__init__.py", "__main__.py", "nox.py", "invoke.py", "core/__init__.py", "core/about.py", "parts.py"])
def test_what_an_old_python_reads_first_it_can_read(path):
    """Before the check nothing newer than Python 3.8 stands in these files."""
    ast.parse((PACKAGE / path).read_text(), feature_version=(3, 8))
