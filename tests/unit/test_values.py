"""What is said of the types of values can be read while the program runs: msgspec does, and an import for types alone would fail there."""

from __future__ import annotations

import importlib
import inspect
import typing
from dataclasses import is_dataclass

import msgspec
from layers import MODULES


def classes():
    """Give the classes of values that each module defines."""
    for name in MODULES.keys() - {"__main__", "clients.reaper"}:
        module = importlib.import_module(".".join(filter(None, ("crosstasks", name))))
        for one in vars(module).values():
            if isinstance(one, type) and one.__module__ == module.__name__ and (issubclass(one, msgspec.Struct) or is_dataclass(one)):
                yield one


def test_the_types_of_fields_are_there():
    """Of every struct of every module."""
    structs = [one for one in classes() if issubclass(one, msgspec.Struct)]
    assert structs
    assert [] == [one for one in structs if not set(one.__struct_fields__) <= set(typing.get_type_hints(one))]


IN_ORDER = frozenset({"Absent", "Call", "Candidate", "Entry", "Provision", "Question", "Relation", "Unchecked"})
"""Values of few fields, which are given in their order."""


def test_values_are_frozen():
    """All that other modules see."""
    seen = [one for one in classes() if not one.__name__.startswith("_")]
    assert [] == [
        one for one in seen if not (one.__struct_config__ if issubclass(one, msgspec.Struct) else one.__dataclass_params__).frozen
    ]


def test_values_name_their_fields():
    """But those that are given in their order."""
    for one in (one for one in classes() if not one.__name__.startswith("_") and one.__name__ not in IN_ORDER):
        kinds = {field.kind for field in inspect.signature(one).parameters.values()}
        assert kinds <= {inspect.Parameter.KEYWORD_ONLY}, one
