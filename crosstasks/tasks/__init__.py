"""Every task, by its name: a dotted one lies in a collection. A new task is one function, and one row in its module."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

from .. import parts
from .call import Task

MODULES: Final = ("building", "maintenance", "offline", "ci", "release")
"""Where the tasks stand; a vendored copy has only those of the parts that it was made with."""

PARTS: Final[Mapping[str, str]] = {"from_": "offline", "changed_since": "ci"}
"""Options of other tasks that a part of the package does the work for."""


TASKS: Final[Mapping[str, Task]] = {
    name: row._replace(options=tuple(option for option in row.options if option not in PARTS or parts.has(PARTS[option])))
    for module in MODULES
    if Path(__file__).with_name(f"{module}.py").is_file()
    for name, row in import_module(f".{module}", __name__).TASKS.items()
}

ROOT: Final = ("init", "plan", "build", "test", "doctor", "explain", "release")
"""What stands in no collection, in the order in which a newcomer needs it; ``release`` is one whose default is meant."""

DEFAULTS: Final[Mapping[str, str]] = {"emulation": "status", "release": "all"}
"""The task that a collection's own name stands for."""

ALIASES: Final[Mapping[str, str]] = {
    name.rpartition(".")[2]: name for name in TASKS if name.startswith(("tools.", "offline.")) or name == "ci.matrix"
}
"""Names without their collection, as these tasks were called up to 0.1: still understood, and listed nowhere."""
