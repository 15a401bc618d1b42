"""Our own sessions: what noxfile.py has, the page for contributors speaks of."""

from __future__ import annotations

import ast
from pathlib import Path

import changed
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


def test_every_session_is_in_the_pages_for_contributors():
    """Who changes something finds what to call."""
    page = (TOP / "CONTRIBUTING.md").read_text("utf-8")
    assert [] == [name for name in sessions() if f"| `{name}` |" not in page]


TESTS = {
    "tests/unit/planning/test_tools.py": "from crosstasks.planning import tools\n",
    "tests/unit/planning/test_tools_more.py": "",
    "tests/unit/test_fallback.py": "from crosstasks.core.steps import Absent\nfrom crosstasks.planning.tools import cross\n",
    "tests/unit/test_layers.py": "",
    "tests/integration/test_build.py": "from crosstasks.planning import images, tools\n",
    "tests/frontends/test_nox.py": "",
}


@pytest.mark.parametrize(
    ("path", "names"),
    [
        (
            "crosstasks/planning/tools.py",
            {"unit/planning/test_tools", "unit/planning/test_tools_more", "unit/test_fallback", "integration/test_build"},
        ),
        ("crosstasks/core/steps.py", {"unit/test_fallback"}),
        ("crosstasks/planning/__init__.py", {"unit/planning/test_tools", "unit/test_fallback", "integration/test_build"}),
        ("tests/frontends/test_nox.py", {"frontends/test_nox"}),
        ("tests/frontends/conftest.py", {"frontends/test_nox"}),
        ("README.md", set()),
    ],
)
def test_tests_are_chosen_by_what_changed(path, names):
    """Those that mirror a module or import it, and those beside fixtures; the test of layers always."""
    assert {f"tests/{name}.py" for name in names | {"unit/test_layers"}} == changed.chosen([path], TESTS)
