"""Act: write tests/proofs.txt, what every test proves, from the names and the first lines of the tests: ``nox -s renew``."""

from __future__ import annotations

import ast
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


if __name__ == "__main__":
    files.write(PAGE, page())
