"""Modules that think cannot act, and every folder has its layer: read from the sources."""

from __future__ import annotations

import ast
from collections import Counter

from layers import LAYERS, MODULES, OUTSIDE, chain, circles, imported, layer, place, reached, word

PURE = [name for name in MODULES if word(name) == "Pure"]

THINKING = ("catalog", "config", "project", "facts", "planning")
"""The stages before provisioning: what of them only reads says `Look`."""


def test_the_reader_sees_what_there_is_to_see():
    """It finds programs where they are started, packages, relative names, and imports for types and inside functions."""
    assert "clients.process" in imported("pipeline")
    assert "subprocess" in imported("clients.process")
    assert {"facts.engine", "core.steps", "catalog.targets"} <= imported("planning.images")
    assert "docker" in reached("pipeline")
    assert "core.steps" in imported("core.errors")
    assert "core.steps" not in imported("core.errors", types=False)


def test_every_folder_and_module_of_the_root_has_one_layer():
    """A new one is put into its place first."""
    assert sorted({place(name) for name in MODULES}) == sorted(name for names in LAYERS for name in names)


def test_the_package_says_where_to_begin():
    """Its docstring names every folder, once."""
    folders = {place(name).partition(".")[0] for name, path in MODULES.items() if path.parent != MODULES[""].parent}
    lines = (ast.get_docstring(ast.parse(MODULES[""].read_text("utf-8"))) or "").splitlines()
    assert sorted(folders) == sorted(line.partition("/")[0].strip() for line in lines if "/ " in line)


def test_layers_import_in_one_direction():
    """A layer knows those below it, none above, and of its own only the same folder; types and imports in functions count."""
    links = [(name, other) for name in MODULES for other in imported(name) & set(MODULES)]
    assert [] == sorted((name, other) for name, other in links if place(other) != place(name) and layer(other) <= layer(name))


def test_no_modules_import_one_another():
    """In no way at all."""
    assert [] == circles()


def test_a_reader_goes_down_ten_modules_at_most():
    """From any to the one that imports nothing of ours, as they are loaded."""
    assert [] == [chain(name) for name in MODULES if len(chain(name)) > 10]


def test_only_tasks_and_front_ends_import_extras():
    """What a build needs does not know of releases, bundles or CI."""
    core = [name for name in MODULES if place(name) not in LAYERS[0] | LAYERS[1] | LAYERS[2] and not name.startswith("extras")]
    assert [] == [(name, other) for name in core for other in imported(name) if other.startswith("extras")]


def test_what_comes_before_provisioning_thinks_or_looks():
    """And says so; a folder's own line says what is in it."""
    modules = [name for name, path in MODULES.items() if place(name) in THINKING and path.name != "__init__.py"]
    assert [] == [name for name in modules if word(name) not in {"Pure", "Look"}]


def test_modules_that_think_cannot_act():
    """No client and no library that reaches the outside is imported, not even inside a function or through another module."""
    doors = {other for other in MODULES if place(other) in {"clients", "clients.debian"} and word(other) not in {"Pure", "Look"}}
    assert [] == [(name, other) for name in PURE for other in reached(name) & (OUTSIDE | doors)]


def test_folders_are_small():
    """A stranger can look through one: at most fourteen modules in a folder, and ten in the root."""
    counts = Counter(place(name) for name in MODULES)
    root = [name for name in counts if "." not in name and MODULES.get(name) and MODULES[name].name != "__init__.py"]
    assert {name: count for name, count in counts.items() if count > 14} == {}
    assert len(root) <= 10


def test_our_own_modules_are_imported_relatively():
    """A vendored copy has another name."""
    assert [] == [name for name in MODULES if "crosstasks" in imported(name)]


def test_every_module_says_in_one_line_what_it_is():
    """By its docstring; `Pure:` is held by the tests above."""
    assert [] == [name for name, path in MODULES.items() if not path.read_text("utf-8").startswith('"""') or not word(name).strip()]
