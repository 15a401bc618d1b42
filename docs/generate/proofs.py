"""Act: write tests/proofs.txt, what every test proves, from the names and the first lines of the tests: ``nox -s renew``.

With ``--check``, as ``nox -s lint`` calls it, tell which tests of the list are gone: each leaves it in the change that takes it away.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crosstasks.core import files

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "tests" / "proofs.txt"


def page() -> str:
    """Return the whole list: a file, and below it a line for each of its tests."""
    return "".join(_section(path) for path in sorted((ROOT / "tests").rglob("test_*.py")))


def _section(path: Path) -> str:
    rows = [f"  {name}: {said}".rstrip(": ") for name, said in _tests(ast.parse(path.read_text("utf-8")))]
    return "\n".join((path.relative_to(ROOT).as_posix(), *rows, "", ""))


def _tests(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")


def listed(text: str) -> set[tuple[str, str]]:
    """Return each file and test that a list names."""
    rows, file = set(), ""
    for line in text.splitlines():
        if line.startswith("tests/"):
            file = line
        elif line:
            rows.add((file, line.split(": ")[0].strip()))
    return rows


def gone() -> list[str]:
    """Return the tests that the list has, and the folder has not."""
    return [f"{file}: {name}" for file, name in sorted(listed(PAGE.read_text("utf-8")) - listed(page()))]


if __name__ == "__main__":
    if "--check" in sys.argv and (names := gone()):
        raise SystemExit("tests are gone, and tests/proofs.txt names them; `nox -s renew` takes them out\n" + "\n".join(names))
    if "--check" not in sys.argv:
        files.write(PAGE, page())
