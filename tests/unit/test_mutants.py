"""Which tests are run with a changed line."""

from __future__ import annotations

from pathlib import Path

import coverage
import mutants
import pytest

PACKAGE = Path(mutants.__file__).parents[1] / "crosstasks"


@pytest.fixture
def measured(tmp_path):
    """What two tests, one of them with rows, and an import reached of a module."""
    data = coverage.CoverageData(str(tmp_path / "measured"))
    file = str(tmp_path / "crosstasks" / "planning" / "tools.py")
    for context, lines in {
        "": [1, 2],
        "tests/unit/planning/test_tools.py::test_one[a-[x]|y]|run": [2],
        "tests/unit/planning/test_tools.py::test_one[b]|setup": [2],
        "tests/unit/test_values.py::test_two|run": [2, 3],
    }.items():
        data.set_context(context)
        data.add_lines({file: lines})
    return data


@pytest.mark.parametrize(
    ("line", "tests"),
    [
        (1, []),
        (2, ["tests/unit/planning/test_tools.py::test_one", "tests/unit/test_values.py::test_two"]),
        (3, ["tests/unit/test_values.py::test_two"]),
        (4, []),
    ],
)
def test_the_tests_that_reach_a_line(measured, line, tests):
    """Whole ones: the name of a row may have brackets and bars, and is another in another run."""
    change = mutants.Change(path="planning/tools.py", number=0, line=line, what="")
    assert tests == mutants._reaching(change, PACKAGE, measured)  # noqa: SLF001


def test_where_nothing_was_measured_the_folders_tests_run(tmp_path):
    """All that mirror its neighbours."""
    change = mutants.Change(path="planning/tools.py", number=0, line=1, what="")
    data = coverage.CoverageData(str(tmp_path / "none"))
    assert [str(mutants.UNIT / "planning")] == mutants._reaching(change, PACKAGE, data)  # noqa: SLF001
