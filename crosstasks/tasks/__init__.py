"""Every task, by its name: a dotted one lies in a collection of its own. A new task is one function and one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import building, ci, housekeeping
from .call import BUILDING, Task

TASKS: Final[Mapping[str, Task]] = {
    "plan": Task(building.plan, ("target", "verb", "format", "cross", "builder", "engine", "offline")),
    "doctor": Task(housekeeping.doctor, ("format",)),
    "provision": Task(building.provision, ("target", "verb", "cross", "builder", "engine")),
    "build": Task(building.build, BUILDING),
    "test": Task(building.test, BUILDING),
    "shell": Task(building.shell, ("target", "cross", "engine")),
    "targets": Task(housekeeping.targets, ("format",)),
    "matrix": Task(ci.matrix, ("target", "verb", "format", "packages", "prefix", "runner"), ("text", "json", "github", "gitlab")),
    "ci.generate": Task(ci.generate, ("provider", "check", "output", "target", "prefix")),
    "init": Task(housekeeping.init),
    "clean": Task(housekeeping.clean, ("images", "cache", "engine")),
}

DEFAULTS: Final[Mapping[str, str]] = {}
"""The task that a collection's own name stands for."""
