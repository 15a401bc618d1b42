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
        "tests/unit/test_a_values.py::test_two|run": [2, 3],
    }.items():
        data.set_context(context)
        data.add_lines({file: lines})
    return data


ONE, TWO = "tests/unit/planning/test_tools.py::test_one", "tests/unit/test_a_values.py::test_two"


@pytest.mark.parametrize(
    ("line", "in_function", "tests", "imported"),
    [
        (1, False, [ONE, TWO, *mutants.VALUES], True),
        (2, True, [ONE, TWO, *mutants.VALUES], True),
        (3, True, [TWO], False),
        (3, False, [TWO, *mutants.VALUES], True),
        (4, True, [ONE, TWO], False),
    ],
)
def test_the_tests_that_reach_a_line(measured, line, in_function, tests, imported):
    """Whole ones, the module's own first, since the name of a row is another in another run; all of the module's for what an import runs."""
    change = mutants.Change(path="planning/tools.py", number=0, line=line, what="", in_function=in_function)
    assert (tests, imported) == mutants._reaching(change, PACKAGE, measured)  # noqa: SLF001


def test_every_change_can_be_compiled():
    """A change that the program itself breaks at would count as noticed."""
    changes = list(mutants.every(PACKAGE))
    negated = [change for change in changes if change.what.startswith("negated")]
    assert negated
    for change in [*negated[::10], *changes[::100]]:
        assert mutants._Changed(change, PACKAGE).code  # noqa: SLF001
