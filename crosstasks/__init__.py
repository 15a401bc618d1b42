"""Cross-compile Rust on any machine, from Nox and Invoke.

The folders, in reading order::

    core/          values and files, which know nothing of Rust
    catalog/       targets, machines, pins, images' recipes, known errors: data and its readers
    config/        what the user asked for
    project/       LOOK   the Rust repository
    facts/         LOOK   what is there: host, engine, registry, emulation, rustup, builders
    planning/      THINK  where each ingredient can come from, the ladder of routes, the plan and its steps
    clients/       ACT    the only ways out: processes, engines, registries, Debian's archive, git
    provisioning/  ACT    what the steps say: cross, toolchain, image, emulation
    building/      ACT    build and test in the container, and nowhere else
    verifying/     ACT    what came out is what was promised
    reporting/     TELL   text, JSON, logs of CI services
    pipeline       the order of all this
    tasks/         every task, a function each; nox, invoke and __main__ are thin
    extras/        what the core does without: releases, packages, bundles, CI, upkeep
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pipeline import build, start

from .core.about import __version__

__all__ = ["__version__", "build", "plan", "start", "test"]


def __getattr__(name: str) -> Any:
    """Import the pipeline when it is first used: ``import crosstasks.nox`` must stay cheap."""
    from functools import partial

    if name in {"build", "plan", "start", "test"}:
        from . import pipeline

        return {
            "build": pipeline.build,
            "plan": pipeline.plans,
            "start": pipeline.start,
            "test": partial(pipeline.build, verb="test"),
        }[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
