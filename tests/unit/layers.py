"""The package as its imports are, read from the sources: for the tests of layers and of the page that shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import crosstasks

PACKAGE = Path(crosstasks.__file__).parent

LAYERS = (
    {"__main__"},
    {"nox", "invoke", ""},
    {"tasks"},
    {"extras.release"},
    {"extras.packaging", "extras.offline", "extras.ci", "extras.maintenance"},
    {"pipeline", "testing", "extras"},
    {"verifying"},
    {"building"},
    {"provisioning"},
    {"reporting"},
    {"context"},
    {"clients.debian"},
    {"clients"},
    {"planning"},
    {"facts"},
    {"project", "config"},
    {"catalog"},
    {"parts"},
    {"core"},
)
"""Every folder and every module of the root: above may import below, never back, and what stands side by side only its own."""

OUTSIDE = frozenset({"importlib", "subprocess", "socket", "urllib", "requests", "docker", "http", "multiprocessing"})


def name_of(path: Path) -> str:
    """Return a module's name below the package; a package is named as its folder, the whole as nothing."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def first_word(module: str) -> str:
    """Return the library; taking an address apart is no act, so ``urllib.parse`` is another than ``urllib``."""
    return module if module == "urllib.parse" else module.partition(".")[0]


def statements(tree: ast.AST, *, types: bool, functions: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give every import of a module; with *types* those for type checkers as well, with *functions* those inside of some."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING" and not types:
            continue
        if isinstance(node, ast.FunctionDef) and not functions:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from statements(node, types=types, functions=functions)


@cache
def imported(name: str, *, types: bool = True, functions: bool = True) -> frozenset[str]:
    """Return what a module imports: ours by their names below the package, others by their first word."""
    path = MODULES[name]
    package = [part for part in (name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]) if part]
    modules: set[str] = set()
    for node in statements(ast.parse(path.read_text("utf-8")), types=types, functions=functions):
        if isinstance(node, ast.Import):
            modules |= {first_word(alias.name) for alias in node.names}
        elif not node.level:
            modules.add(first_word(node.module or ""))
        else:
            base = [*package[: len(package) + 1 - node.level], *(node.module.split(".") if node.module else ())]
            ours = {".".join([*base, alias.name]) for alias in node.names} & set(MODULES)
            names = {alias.name for alias in node.names if ".".join([*base, alias.name]) not in MODULES}
            modules |= ours | ({".".join(base)} if names else set())
    return frozenset(modules)


@cache
def chain(name: str) -> tuple[str, ...]:
    """Return the longest chain of our modules that each import the next when they are loaded, from this one down."""
    below = imported(name, types=False, functions=False) & set(MODULES) - {name}
    return (name, *max(map(chain, below), key=len, default=()))


@cache
def reached(name: str) -> frozenset[str]:
    """Return all that a module imports when it runs, through other modules of the package as well."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        for other in imported(todo.pop(), types=False) - seen:
            seen.add(other)
            if other in MODULES:
                todo.append(other)
    return frozenset(seen)


def word(name: str) -> str:
    """Return the first word of a module's docstring, with which it begins: ``Pure``, ``Look``, ``Act``, …"""
    return MODULES[name].read_text("utf-8").removeprefix('"""').partition(":")[0]


def place(name: str) -> str:
    """Return the folder that a module lies in, or the module itself if it lies in the root."""
    parts = name.split(".")
    own = (parts[0] == "extras" and len(parts) > 1) or parts[:2] == ["clients", "debian"]
    return ".".join(parts[:2]) if own else parts[0]


def layer(name: str) -> int:
    """Return the number of a module's layer, from the top."""
    (number,) = [number for number, names in enumerate(LAYERS) if place(name) in names]
    return number


def circles() -> list[list[str]]:
    """Return the modules that import one another, in whatever way, group by group."""
    links = {name: imported(name) & set(MODULES) - {name} for name in MODULES}
    below: dict[str, set[str]] = {}
    for name in MODULES:
        seen, todo = set(), list(links[name])
        while todo:
            other = todo.pop()
            if other not in seen:
                seen.add(other)
                todo += links[other]
        below[name] = seen
    return sorted({tuple(sorted(other for other in below[name] if name in below[other])) for name in MODULES if name in below[name]})
