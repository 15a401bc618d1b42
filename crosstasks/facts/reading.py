"""Pure: read JSON and tables into values, one thread at a time.

msgspec (0.22) makes a type's table when it is first read, and lets go of Python's lock meanwhile: another thread that reads the same
type then finds half a table, and the process ends with a segmentation fault. Facts are asked side by side, so all read here.
"""

from __future__ import annotations

import threading
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

_ALONE: Final = threading.Lock()


def decode(content: bytes | msgspec.Raw, kind: type[T]) -> T:
    """
    Read JSON.

    Raises:
        MsgspecError: it is none, or of another shape.
    """
    with _ALONE:
        return msgspec.json.decode(content, type=kind)


def convert(content: Any, kind: type[T]) -> T:
    """
    Read a table.

    Raises:
        ValidationError: it is of another shape.
    """
    with _ALONE:
        return msgspec.convert(content, kind)
