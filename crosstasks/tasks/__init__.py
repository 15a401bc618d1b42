"""Every task, by its name: a dotted one lies in a collection of its own. A new task is one function and one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import building, housekeeping, vendoring
from .call import BUILDING, Task

TASKS: Final[Mapping[str, Task]] = {
    "plan": Task(building.plan, ("target", "verb", "format", "changed_since", "cross", "builder", "engine", "offline")),
    "doctor": Task(housekeeping.doctor, ("format",)),
    "provision": Task(building.provision, ("target", "verb", "cross", "builder", "engine")),
    "build": Task(building.build, BUILDING),
    "test": Task(building.test, BUILDING),
    "shell": Task(building.shell, ("target", "cross", "engine")),
    "targets": Task(housekeeping.targets, ("format",)),
    "init": Task(housekeeping.init),
    "vendor": Task(vendoring.vendor, ("into", "check", "update", "force")),
    "clean": Task(housekeeping.clean, ("images", "cache", "stale", "engine")),
}

DEFAULTS: Final[Mapping[str, str]] = {}
"""The task that a collection's own name stands for."""
