"""Code of users of the public API: it is type-checked, and never run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import assert_type

import nox
from invoke.collection import Collection

import crosstasks
import crosstasks.invoke
import crosstasks.nox
from crosstasks.catalog.targets import Target, find
from crosstasks.context import Context
from crosstasks.core.errors import ConfigError, CrosstasksError
from crosstasks.core.results import Artifact, Result
from crosstasks.pipeline import plans
from crosstasks.planning.plan import Plan

assert_type(crosstasks.__version__, str)


def noxfile() -> None:
    """Register sessions, as a noxfile does."""
    sessions = crosstasks.nox.register(root=Path(), prefix="tools", names=["aarch64"])
    assert_type(sessions, Mapping[str, crosstasks.nox.Session])
    crosstasks.nox.register()


@nox.session
def own(session: nox.Session) -> None:
    """Build inside a session of one's own."""
    crosstasks.nox.cross(session, "aarch64", "build", "--release")


def tasks() -> Collection:
    """Take the tasks over, as a tasks.py does."""
    return crosstasks.invoke.collection(root="rust")


def program() -> int:
    """Build from a program, and look at what came out."""
    context = crosstasks.start("rust", names=["aarch64"], overrides={"builder": "zigbuild"})
    assert_type(context, Context)
    assert_type(plans(["aarch64"], verb="test", context=context), tuple[Plan, ...])
    try:
        results = crosstasks.build(["aarch64"], ["--release"], context=context)
    except ConfigError as error:
        assert_type(error.problems, tuple[str, ...])
        return error.code
    except CrosstasksError as error:
        assert_type(error.hint, str)
        return error.code
    assert_type(results, tuple[Result, ...])
    assert_type(results[0].artifacts, tuple[Artifact, ...])
    assert_type(find("aarch64"), Target)
    return results[0].code


def wrong() -> None:
    """Refuse what is no verb, no path and no name: an unused ``ignore`` is an error as well."""
    crosstasks.build(verb="bench")  # type: ignore[arg-type]  # each must be refused: that is the test
    crosstasks.nox.register(prefix=1)  # type: ignore[arg-type]  # likewise
    find(None)  # type: ignore[arg-type]  # likewise
