"""Tests chosen by what changed since the last commit: ``nox -R -s unit -- --changed``."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]

ALWAYS = ("tests/unit/test_layers.py",)


def paths():
    """Return the files that differ from the last commit, new ones too, from the top of the repository."""
    asked = (("diff", "--name-only", "HEAD"), ("ls-files", "--others", "--exclude-standard"))
    told = "".join(subprocess.run(("git", *words), cwd=ROOT, capture_output=True, text=True, check=True).stdout for words in asked)
    return sorted(set(told.split("\n")) - {""})


def chosen(changed, tests):
    """Return the tests of changed modules: those that mirror one or import it; and tests that were changed, or whose folder's data or fixtures were.

    Args:
        changed: paths from the top of the repository.
        tests: the text of every test file by its path.
    """
    names = [path.split(".")[0].removesuffix("/__init__") for path in changed if path.startswith("crosstasks/")]
    around = [path.rpartition("/")[0] for path in changed if path.startswith("tests/") and path not in tests]
    found = {path for path in tests if path in changed or path in ALWAYS or any(path.startswith(f"{folder}/") for folder in around)}
    for name in names:
        package, _, module = name.rpartition("/")
        mirror = f"{package.replace('crosstasks', 'tests/unit', 1)}/test_{module}"
        dotted, parent = name.replace("/", "."), package.replace("/", ".")
        imported = re.compile(
            rf"^\s*(?:from {re.escape(dotted)}\b|import {re.escape(dotted)}\b|from {re.escape(parent)} import .*\b{module}\b)", re.MULTILINE
        )
        found |= {path for path, text in tests.items() if path.startswith(mirror) or imported.search(text)}
    return found


def choose(config):
    """Return whether a file of tests is left out, by its path; nothing is if all were asked for."""
    if not config.getoption("--changed"):
        return lambda _path: False
    tests = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    taken = chosen(paths(), tests)
    return lambda path: path.relative_to(ROOT).as_posix() in tests and path.relative_to(ROOT).as_posix() not in taken
