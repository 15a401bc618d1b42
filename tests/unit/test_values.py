"""What is said of the types of values can be read while the program runs: msgspec does, and an import for types alone would fail there."""

from __future__ import annotations

import importlib
import inspect
import typing
from dataclasses import is_dataclass

import msgspec
import pytest
from layers import MODULES


def classes(name):
    """Return the classes of values that a module defines."""
    module = importlib.import_module(".".join(filter(None, ("crosstasks", name))))
    return [
        one
        for one in vars(module).values()
        if isinstance(one, type) and one.__module__ == module.__name__ and (issubclass(one, msgspec.Struct) or is_dataclass(one))
    ]


@pytest.mark.parametrize("name", [name for name in MODULES if name not in {"__main__", "clients.reaper"}])
def test_the_types_of_fields_are_there(name):
    """Of every struct of every module."""
    for one in (one for one in classes(name) if issubclass(one, msgspec.Struct)):
        assert set(one.__struct_fields__) <= set(typing.get_type_hints(one))


IN_ORDER = frozenset({"Absent", "Call", "Candidate", "Entry", "Provision", "Question", "Relation", "Unchecked"})
"""Values of few fields, which are given in their order."""


@pytest.mark.parametrize("name", [name for name in MODULES if name not in {"__main__", "clients.reaper"}])
def test_values_are_frozen_and_name_their_fields(name):
    """All that other modules see."""
    for one in (one for one in classes(name) if not one.__name__.startswith("_")):
        assert one.__struct_config__.frozen if issubclass(one, msgspec.Struct) else one.__dataclass_params__.frozen
        kinds = {field.kind for field in inspect.signature(one).parameters.values()}
        assert kinds <= {inspect.Parameter.KEYWORD_ONLY} or one.__name__ in IN_ORDER
