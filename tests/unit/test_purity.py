"""Modules that think cannot act, and the stages are imported in one direction only: read from the sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import crosstasks

PACKAGE = Path(crosstasks.__file__).parent
DOORS = frozenset({"process", "docker_api", "docker_sdk", "registry_api", "registry_copy", "registry_push", "registry_session"})
OUTSIDE = frozenset({"importlib", "subprocess", "socket", "urllib", "requests", "docker", "oras", "http", "multiprocessing"})

STAGES = (
    {"nox", "invoke", "cli", "__main__"},
    {"pipeline"},
    {"provision", "run", "starting", "verify", "release", "report"},
    {"plan"},
    {"routes"},
    {"sources", "facts", "config"},
    {"targets", "steps"},
    {"errors"},
)
"""DESIGN's order: left may import right, never back."""


def name_of(path: Path) -> str:
    """Return a module's name below the package; a package is named as its folder, the whole as nothing."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """Walk a module, but not into ``if TYPE_CHECKING:``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from statements(node)


def first_word(module: str) -> str:
    """Return the library; taking an address apart is no act, so ``urllib.parse`` is another than ``urllib``."""
    return module if module == "urllib.parse" else module.partition(".")[0]


@cache
def imported(name: str) -> frozenset[str]:
    """Return what a module imports, inside functions as well: ours by their names below the package, others by their first word."""
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in statements(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {first_word(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(first_word(node.module or ""))
        elif isinstance(node, ast.ImportFrom):
            base = [part for part in package[: len(package) + 1 - node.level] if part] + (node.module or "").split(".")
            base = [part for part in base if part]
            within = {".".join([*base, alias.name]) for alias in node.names} & set(MODULES)
            found |= within | ({".".join(base)} if base and ".".join(base) in MODULES else set())
    return frozenset(found)


@cache
def reached(name: str) -> frozenset[str]:
    """Return all that a module imports, through other modules of the package as well."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        for other in imported(todo.pop()) - seen:
            seen.add(other)
            if other in MODULES:
                todo.append(other)
    return frozenset(seen)


def is_pure(name: str) -> bool:
    return (ast.get_docstring(ast.parse(MODULES[name].read_text("utf-8"))) or "").startswith("Pure:")


PURE = [name for name in MODULES if is_pure(name)]


def test_the_reader_sees_what_there_is_to_see():
    """It finds doors where they are opened, packages and relative names."""
    assert "process" in imported("pipeline")
    assert "subprocess" in imported("process")
    assert {"facts.engine", "steps", "targets"} <= imported("sources.image")
    assert "docker" in reached("pipeline")


def test_what_thinks_says_so():
    """The stages before provisioning are pure, all of them."""
    thinking = {
        "facts",
        "sources",
        "routes",
        "plan",
        "environment",
        "targets",
        "config",
        "steps",
        "errors",
        "options",
        "recipes",
        "lock",
        "receiver",
        "testing",
    }
    families = {
        name for name in MODULES if name.startswith(("facts.", "sources.")) or (name.startswith("config_") and name != "config_schema")
    }
    assert thinking | families <= set(PURE)


@pytest.mark.parametrize("name", PURE)
def test_modules_that_think_cannot_act(name):
    """No door to the outside is reached, not even inside a function or through another module."""
    assert reached(name) & (DOORS | OUTSIDE) == set()


def stage(name: str) -> int | None:
    return next((place for place, names in enumerate(STAGES) if name.partition(".")[0] in names), None)


@pytest.mark.parametrize("name", [name for name in MODULES if stage(name) is not None])
def test_stages_import_in_one_direction(name):
    """A stage knows those behind it, and none before."""
    back = {other for other in imported(name) if (there := stage(other)) is not None and there < stage(name)}
    assert back == set()


@pytest.mark.parametrize("name", MODULES)
def test_our_own_modules_are_imported_relatively(name):
    """A vendored copy has another name."""
    assert "crosstasks" not in imported(name)


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_in_one_line_what_it_is(name):
    """By its docstring; `Pure:` is held by the tests above."""
    assert (ast.get_docstring(ast.parse(MODULES[name].read_text("utf-8"))) or "").strip()
