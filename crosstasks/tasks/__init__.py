"""Every task, by its name: a dotted one lies in a collection of its own. A new task is one function and one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import building, housekeeping, release
from .call import BUILDING, OVERRIDES, RELEASING, Task

TASKS: Final[Mapping[str, Task]] = {
    "plan": Task(building.plan, ("target", "verb", "format", "cross", "builder", "engine", "offline")),
    "doctor": Task(housekeeping.doctor, ("format",)),
    "provision": Task(building.provision, ("target", "verb", "cross", "builder", "engine")),
    "build": Task(building.build, BUILDING),
    "test": Task(building.test, BUILDING),
    "shell": Task(building.shell, ("target", "cross", "engine")),
    "targets": Task(housekeeping.targets, ("format",)),
    "init": Task(housekeeping.init),
    "release.status": Task(release.status, ("format", *RELEASING)),
    "release.prepare": Task(release.prepare, ("bump", "dry_run", "yes", *RELEASING)),
    "release.build": Task(release.build, (*BUILDING, *RELEASING, "jobs")),
    "release.sign": Task(release.sign, RELEASING),
    "release.publish": Task(release.publish, ("dry_run", "yes", *RELEASING)),
    "release.all": Task(release.everything, ("bump", "dry_run", "yes", "target", *OVERRIDES, *RELEASING, "jobs")),
    "clean": Task(housekeeping.clean, ("images", "cache", "engine")),
}

DEFAULTS: Final[Mapping[str, str]] = {"release": "all"}
"""The task that a collection's own name stands for."""
