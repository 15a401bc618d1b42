"""Every task, by its name: a dotted one lies in a collection of its own. A new task is one function and one row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from . import building, ci, maintenance, offline, release
from .call import BUILDING, OVERRIDES, PACKING, RELEASING, VERIFYING, Task

TASKS: Final[Mapping[str, Task]] = {
    "plan": Task(building.plan, ("target", "verb", "format", "changed_since", "cross", "builder", "engine", "offline")),
    "doctor": Task(maintenance.doctor, ("format",)),
    "provision": Task(building.provision, ("target", "from_", "verb", "cross", "builder", "engine", "offline", "yes")),
    "build": Task(building.build, BUILDING),
    "test": Task(building.test, BUILDING),
    "shell": Task(building.shell, ("target", "cross", "engine")),
    "lock": Task(offline.lock, ("target", "check", "update", "platform", "format", "cross", "builder", "engine", "offline")),
    "bundle": Task(offline.bundle, ("to", "target", "platform", "format", "cross", "builder", "engine")),
    "mirror": Task(offline.mirror, ("to", "target", "platform", "format", "cross", "engine")),
    "outdated": Task(offline.outdated, ("target", "format", "engine", "offline")),
    "explain": Task(maintenance.explain, ("text", "format")),
    "emulation.status": Task(maintenance.status, ("platform", "engine", "format")),
    "emulation.install": Task(maintenance.install, ("platform", "source", "engine", "offline")),
    "emulation.uninstall": Task(maintenance.uninstall, ("platform", "engine")),
    "targets": Task(maintenance.targets, ("format",)),
    "matrix": Task(
        ci.matrix, ("target", "verb", "format", "changed_since", "packages", "prefix", "runner"), ("text", "json", "github", "gitlab")
    ),
    "ci.generate": Task(ci.generate, ("provider", "check", "output", "target", "prefix")),
    "init": Task(maintenance.init),
    "release.status": Task(release.status, ("format", *RELEASING)),
    "release.prepare": Task(release.prepare, ("bump", "dry_run", "yes", *RELEASING)),
    "release.build": Task(release.build, PACKING),
    "release.verify": Task(release.verify, VERIFYING),
    "release.sign": Task(release.sign, RELEASING),
    "release.publish": Task(release.publish, ("dry_run", "yes", *RELEASING)),
    "release.all": Task(release.everything, ("bump", "dry_run", "yes", "target", *OVERRIDES, *RELEASING, "jobs")),
    "vendor": Task(maintenance.vendor, ("into", "check", "update", "force")),
    "clean": Task(maintenance.clean, ("images", "cache", "stale", "dry_run", "engine")),
}

DEFAULTS: Final[Mapping[str, str]] = {"emulation": "status", "release": "all"}
"""The task that a collection's own name stands for."""
