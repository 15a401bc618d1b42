"""Every task, by its name: a dotted one lies in a collection of its own. A new task is one function and one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import building, emulation, housekeeping
from .call import BUILDING, Task

TASKS: Final[Mapping[str, Task]] = {
    "plan": Task(building.plan, ("target", "verb", "format", "cross", "builder", "engine", "offline")),
    "doctor": Task(housekeeping.doctor, ("format",)),
    "provision": Task(building.provision, ("target", "verb", "cross", "builder", "engine", "yes")),
    "build": Task(building.build, BUILDING),
    "test": Task(building.test, BUILDING),
    "shell": Task(building.shell, ("target", "cross", "engine")),
    "explain": Task(housekeeping.explain, ("text", "format")),
    "emulation.status": Task(emulation.status, ("platform", "engine", "format")),
    "emulation.install": Task(emulation.install, ("platform", "source", "engine", "offline")),
    "emulation.uninstall": Task(emulation.uninstall, ("platform", "engine")),
    "targets": Task(housekeeping.targets, ("format",)),
    "init": Task(housekeeping.init),
    "clean": Task(housekeeping.clean, ("images", "cache", "engine")),
}

DEFAULTS: Final[Mapping[str, str]] = {"emulation": "status"}
"""The task that a collection's own name stands for."""
