"""Values are read by many threads."""

from __future__ import annotations

import sys
import threading
from types import ModuleType

import pytest

from crosstasks.core import looking

TYPES = """
from __future__ import annotations
from typing import Literal, Mapping
from msgspec import Struct
class Inner(Struct, kw_only=True):
    a: Mapping[str, tuple[int, ...]] = {}
    b: str | None = None
    c: Literal["x", "y"] = "x"
class Outer(Struct, kw_only=True):
    many: tuple[Inner, ...] = ()
    one: Inner | None = None
    table: Mapping[str, Inner] = {}
"""


@pytest.fixture
def hasty():
    """Threads take turns as often as they can; a measurement of coverage, which may fail to begin in one then, does not see them."""
    before, traced = sys.getswitchinterval(), threading.gettrace()
    threading.settrace(None)
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
    threading.settrace(traced)


def test_types_that_several_threads_read_first_are_read(hasty, monkeypatch):
    """With msgspec alone this ends the process within some dozen rounds."""
    for number in range(60):
        module = ModuleType(f"types_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(TYPES, module.__dict__)  # noqa: S102  # new types in every round: only the first reading of a type is at risk
        start, read = threading.Barrier(6), []

        def act(module=module, start=start, read=read):
            start.wait(60)
            read.append(looking.decode(b'{"many": [{"a": {"k": [1]}}], "table": {"k": {}}}', module.Outer))

        threads = [threading.Thread(target=act) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert read == [module.Outer(many=(module.Inner(a={"k": (1,)}),), table={"k": module.Inner()})] * 6
