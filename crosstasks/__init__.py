"""Cross-compile Rust on any machine, from Nox and Invoke.

The stages, in reading order::

    config      crosstasks.toml -> Config
    facts/      LOOK   what is there: host, engine, registry, emulation, rustup, builders, repository
    sources/    THINK  where each ingredient can come from
    routes      THINK  the ladder: every way to a target, possible or refused with a reason
    plan        THINK  the chosen route, and the steps still to be taken
    environment THINK  the environment of one call
    provision/  ACT    cross, toolchain, image
    run, guard  ACT    build and test in the container, and nowhere else
    verify      ACT    what came out is what was asked for
    report      TELL   text, JSON, CI
    pipeline    the order of all this
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
