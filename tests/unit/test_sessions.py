"""Our own sessions: what noxfile.py has, the page for contributors speaks of."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]


def sessions():
    """Read the names and docstrings of the sessions, without running nox."""
    found = {}
    for node in ast.parse((TOP / "noxfile.py").read_text("utf-8")).body:
        for mark in getattr(node, "decorator_list", ()):
            if ast.unparse(mark).startswith("nox.session"):
                given = {word.arg: ast.literal_eval(word.value) for word in getattr(mark, "keywords", ())}
                found[given.get("name", node.name)] = ast.get_docstring(node)
    return found


@pytest.mark.parametrize("name", sessions())
def test_every_session_is_in_the_pages_for_contributors(name):
    """Who changes something finds what to call."""
    assert f"| `{name}` |" in (TOP / "CONTRIBUTING.md").read_text("utf-8")
