"""What is said of the types of values can be read while the program runs: msgspec does, and an import for types alone would fail there."""

from __future__ import annotations

import importlib
import typing

import msgspec
import pytest
from layers import MODULES


def structs(name):
    """Return the structs that a module defines."""
    module = importlib.import_module(".".join(filter(None, ("crosstasks", name))))
    return [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, msgspec.Struct) and one.__module__ == module.__name__
    ]


@pytest.mark.parametrize("name", [name for name in MODULES if name not in {"__main__", "clients.reaper"}])
def test_the_types_of_fields_are_there(name):
    """Of every struct of every module."""
    for one in structs(name):
        assert set(one.__struct_fields__) <= set(typing.get_type_hints(one))
