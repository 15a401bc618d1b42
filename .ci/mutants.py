"""Change one thing in the code that decides, and see whether a unit test notices: ``nox -s mutants``.

A sample of all small changes (:data:`SCOPE`, :class:`Changes`) is drawn by a seed. Each is tried in a process of its own, forked from one
that has collected the unit tests: the function is given its changed code, no file is written, and the tests that reach the line run, those
of the module's own file first, up to the first that fails. What an import runs is changed by importing all anew. A change that takes longer
than :data:`SECONDS` of processor time, or :data:`WAIT` in all, counts as noticed. docs/testing.md names those that nothing noticed.
"""

from __future__ import annotations

import argparse
import ast
import gc
import importlib.abc
import importlib.util
import json
import os
import random
import re
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from itertools import chain
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Final, NamedTuple

import coverage
import pytest

ROOT: Final = Path(__file__).parents[1]
UNIT: Final = ROOT / "tests" / "unit"

SCOPE: Final = (
    "planning/*.py",
    "building/guard.py",
    "verifying/*.py",
    "extras/offline/locking.py",
    "facts/lock.py",
    "extras/release/*.py",
    "core/files.py",
)
"""The modules that are changed, below the package."""

SECONDS: Final = 120
"""Of processor time, for one change: all unit tests take half of it."""

WAIT: Final = 1800
"""Seconds in all, for one change: a test may wait for ever for what never comes."""

VALUES: Final = tuple(f"tests/unit/test_values.py::{name}" for name in ("test_values_are_frozen", "test_values_name_their_fields"))
"""Tell of every class of values, without a line of it."""

QUIETLY: Final = ("-x", "-q", "-q", "-s", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist")

OTHERS: Final = 50

ENOUGH: Final = 0.9
"""Of the changes must be noticed; else the program ends with 1."""

COMPARED: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}

COMPUTED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One small change: the place, what became of what, and whether it is in a function; else an import runs it."""

    path: str
    number: int
    line: int
    what: str
    in_function: bool = False

    def __str__(self) -> str:
        """Name the place and the change."""
        return f"{self.path}:{self.line} {self.what}"


class Changes(ast.NodeTransformer):
    """Walk through a module and count what can be changed; make the change with the number *wanted*, none if it is negative.

    Changed are comparisons, ``and`` and ``or``, conditions (negated), ``True`` and ``False``, whole numbers (one more), words in quotes
    that have no space (keys, options and names, not messages), arithmetic, results (``None``), and calls that stand alone (left out).
    Types, docstrings and what is imported are left as they are.
    """

    def __init__(self, path: str, wanted: int = -1) -> None:
        self.path, self.wanted = path, wanted
        self.changes: list[Change] = []
        self.depth = 0

    def _take(self, node: ast.AST, what: str) -> bool:
        line: int = node.lineno  # type: ignore[attr-defined]
        self.changes.append(Change(path=self.path, number=len(self.changes), line=line, what=what, in_function=self.depth > 0))
        return len(self.changes) - 1 == self.wanted

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """Turn the first comparison into its opposite, or move its bound."""
        other = COMPARED[type(node.ops[0])]
        if self._take(node, f"{type(node.ops[0]).__name__} -> {other.__name__} in {_short(node)}"):
            node.ops[0] = other()
        return self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Take ``or`` for ``and``."""
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        if self._take(node, f"{type(node.op).__name__} -> {other.__name__} in {_short(node)}"):
            node.op = other()
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Take another operator."""
        other = COMPUTED.get(type(node.op))
        if other and self._take(node, f"{type(node.op).__name__} -> {other.__name__} in {_short(node)}"):
            node.op = other()
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """Leave ``not`` out."""
        if isinstance(node.op, ast.Not) and self._take(node, f"left out not in {_short(node)}"):
            return self.visit(node.operand)  # type: ignore[no-any-return]
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST:
        """Negate the condition; what is for type checkers alone is left as it is."""
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node
        return self._negated(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """Negate the condition."""
        return self._negated(node)

    def _negated(self, node: ast.If | ast.IfExp) -> ast.AST:
        negated = not isinstance(node.test, ast.Compare | ast.UnaryOp) and self._take(node, f"negated {_short(node.test)}")
        self.generic_visit(node)
        if negated:
            node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Take another value."""
        value = node.value
        if isinstance(value, bool):
            return ast.Constant(not value) if self._take(node, f"{value} -> {not value}") else node
        if isinstance(value, int):
            return ast.Constant(value + 1) if self._take(node, f"{value} -> {value + 1}") else node
        # Python takes the codec by another spelling as well
        if isinstance(value, str) and value not in {"", "utf-8"} and " " not in value and self._take(node, f"{value!r} -> {'_' + value!r}"):
            return ast.Constant("_" + value)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Change what is put into a text, not the text."""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                part.value = self.visit(part.value)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        """Return nothing."""
        if node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None):
            return node
        if self._take(node, f"None for {_short(node.value)}"):
            node.value = ast.Constant(None)
            return node
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Leave a call out; docstrings are no code."""
        if isinstance(node.value, ast.Constant):
            return node
        if isinstance(node.value, ast.Call) and self._take(node, f"left out {_short(node.value)}"):
            return ast.Pass()
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Leave the type as it is, and what is the name of one."""
        if node.value and not (isinstance(node.annotation, ast.Name) and node.annotation.id == "TypeAlias"):
            node.value = self.visit(node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave types as they are."""
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        node.args.kw_defaults = [default and self.visit(default) for default in node.args.kw_defaults]
        self.depth += 1
        node.body = [self.visit(statement) for statement in node.body]
        self.depth -= 1
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """Leave imports as they are."""
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Leave the list of public names as it is: it is for ``import *`` alone."""
        if isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            return node
        return self.generic_visit(node)


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "..."


def every(package: Path) -> Iterator[Change]:
    """Give every change of :data:`SCOPE`."""
    for pattern in SCOPE:
        for path in sorted(package.glob(pattern)):
            walk = Changes(str(path.relative_to(package)))
            walk.visit(ast.parse(path.read_text("utf-8")))
            yield from walk.changes


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the module with one change to whoever imports it."""

    def __init__(self, change: Change, package: Path) -> None:
        self.path = package / change.path
        parts = (package.name, *Path(change.path).with_suffix("").parts)
        self.name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        tree = Changes(change.path, change.number).visit(ast.parse(self.path.read_text("utf-8")))
        self.code = compile(ast.fix_missing_locations(tree), str(self.path), "exec")

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Answer for that module alone."""
        del path, target
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            self.path,
            loader=self,
            submodule_search_locations=[str(self.path.parent)] if self.path.name == "__init__.py" else None,
        )

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed code."""
        exec(self.code, module.__dict__)  # noqa: S102  # what a loader does


class Reach(NamedTuple):
    """The tests that reach a change, those of the module's own file first, and whether an import does as well."""

    tests: list[str]
    imported: bool


def _own(change: Change) -> list[str]:
    """Return the tests that mirror a module: its own file, or those whose names begin as the module does."""
    path = Path(change.path)
    folder = UNIT.relative_to(ROOT) / path.parent
    return [str(file.relative_to(ROOT)) for file in sorted((ROOT / folder).glob(f"test_*{path.stem.strip('_')}*.py"))]


def _reaching(change: Change, package: Path, data: coverage.CoverageData) -> Reach:
    """Tell which tests reach the line, by the last measurement of coverage.

    None reaches what an import runs, and what was made a constant has no line: then it is the own ones, and the :data:`OTHERS` that reach
    the most lines of the module.
    """
    file = os.path.relpath(package / change.path, ROOT)
    (measured,) = (path for path in data.measured_files() if path.endswith(f"{os.sep}{file}"))
    lines = data.contexts_by_lineno(measured)
    imported = not change.in_function or "" in lines.get(change.line, ())
    contexts = Counter(lines.get(change.line, ()))
    alone = set(contexts) <= {""}
    if alone:
        contexts.update(chain.from_iterable(lines.values()))
    del contexts[""]
    # a row's name may hold anything
    tests = list(dict.fromkeys(re.split(r"[|\[]", context, maxsplit=1)[0] for context, _ in contexts.most_common()))
    files = _own(change)
    own = sorted(test for test in tests if test.partition("::")[0] in files)
    others = [test for test in tests if test not in own]
    first = [*own, *(others[:OTHERS] if alone else sorted(others))]
    return Reach([*first, *VALUES] if imported else first, imported)


def _functions(package: Path) -> dict[str, list[FunctionType]]:
    """Return all functions of the package by their file."""
    functions: dict[str, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if type(thing) is FunctionType and thing.__code__.co_filename.startswith(f"{package}{os.sep}"):
            functions.setdefault(thing.__code__.co_filename, []).append(thing)
    return functions


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _give_code(functions: Sequence[FunctionType], code: CodeType) -> bool:
    """Give each function what its module's *code* has for it; tell whether that fits into all: a closure holds what the old code named."""
    codes = {(one.co_qualname, one.co_firstlineno): one for one in _codes(code)}
    for function in functions:
        old = function.__code__
        new = codes.get((old.co_qualname, old.co_firstlineno), old)
        if new.co_freevars != old.co_freevars:
            return False
        function.__code__ = new
    return True


class _Trial:
    """Tries changes once pytest has collected the tests, in place of running these."""

    def __init__(self, options: argparse.Namespace, package: Path, reach: Mapping[Change, Reach]) -> None:
        self.options, self.package, self.reach = options, package, reach

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Share the changes among some processes, and wait for all of them."""
        self.session = session
        self.items: dict[str, list[pytest.Item]] = {}
        for item in session.items:
            self.items.setdefault(item.nodeid.partition("[")[0], []).append(item)
        if gone := {test for reach in self.reach.values() for test in reach.tests} - set(self.items):
            raise SystemExit(f"not there any more: {', '.join(sorted(gone))}; `nox -s coverage` measures anew")
        self.functions = _functions(self.package)
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # noqa: SLF001  # one for all processes
        gc.freeze()
        jobs = self.options.jobs
        ends = [_start(lambda job=job: self.work(list(self.reach)[job::jobs])) for job in range(jobs)]
        if any([end() for end in ends]):  # noqa: C419  # all are waited for
            raise SystemExit("a process ended before its last change")
        return True

    def work(self, changes: Sequence[Change]) -> int:
        """Try one change after the other, and add a line of JSON for each to a file that several write to."""
        for change in changes:
            row = {"change": str(change), "noticed": self.notices(change)}
            with self.options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        return 0

    def notices(self, change: Change) -> bool:
        """Tell whether a test fails."""
        finder = _Changed(change, self.package)  # before any fork: what cannot be compiled is no change
        tests, imported = self.reach[change]
        return bool(tests) and _fails(lambda: (self.run_anew if imported else self.run)(finder, tests))

    def run(self, finder: _Changed, tests: Sequence[str]) -> int:
        """Run the tests that were collected, with the changed code."""
        if not _give_code(self.functions[str(finder.path)], finder.code):
            return self.run_anew(finder, tests)
        items = [item for test in tests for item in self.items[test]]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.session.shouldfail:
                return 1
        return 0

    def run_anew(self, finder: _Changed, tests: Sequence[str]) -> int:
        """Import the package and its tests once more, with the changed module, and run them."""
        for name, module in list(sys.modules.items()):
            if name != "__main__" and (getattr(module, "__file__", None) or "").startswith(f"{ROOT}{os.sep}"):
                del sys.modules[name]
        sys.meta_path.insert(0, finder)
        return int(pytest.main([*QUIETLY, *tests]))


def _start(call: Callable[[], int]) -> Callable[[], int]:
    """Start a call in a process of its own; return what waits for its end, and returns its code."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = call()
        finally:
            os._exit(code)
    return lambda: os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _fails(call: Callable[[], int]) -> bool:
    """Tell whether a call ends as pytest does if a test fails (1), or a module (2, 4), or as who takes too long; silently."""

    def limited() -> int:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        signal.alarm(WAIT)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        return call()

    code = _start(limited)()
    return code in {1, 2, 4} or code < 0


def main() -> int:
    """Draw the sample, try each change, name those that nothing noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--only", default="", help="a part of the module's path")
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried side by side")
    parser.add_argument(
        "--measured",
        type=Path,
        default=ROOT / ".coverage",
        help="coverage by `nox -s coverage`",
    )
    parser.add_argument("--results", type=Path, default=ROOT / ".pytest_cache" / "mutants.jsonl", help="a line of JSON for each change")
    options = parser.parse_args()
    package = ROOT / "crosstasks"
    data = coverage.CoverageData(str(options.measured))
    data.read()
    changes = [change for change in every(package) if options.only in change.path]
    sample = random.Random(options.seed).sample(changes, min(options.sample, len(changes)))  # noqa: S311  # a sample, no secret
    print(f"seed {options.seed}: {len(sample)} of {len(changes)} changes", flush=True)
    # before any fork: coverage empties its file when a forked process reads it
    reach = {change: _reaching(change, package, data) for change in sample}
    options.results.parent.mkdir(exist_ok=True)
    options.results.unlink(missing_ok=True)
    os.chdir(ROOT)
    if code := pytest.main([*QUIETLY, str(UNIT)], plugins=[_Trial(options, package, reach)]):
        return int(code)
    rows = [json.loads(line) for line in options.results.read_text("utf-8").splitlines()]
    print(*sorted(f"not noticed: {row['change']}" for row in rows if not row["noticed"]), sep="\n")
    share = sum(row["noticed"] for row in rows) / len(sample)
    print(f"noticed {share:.1%} of {len(sample)}")
    return 0 if share >= ENOUGH else 1


if __name__ == "__main__":
    sys.exit(main())
