"""Workers of pytest side by side on one engine: a test that is marked ``serial`` runs while no other runs one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

ACTING = ("integration", "faults", "attacks")
LONGEST = (
    *("test_bundle", "test_release", "test_build", "test_remote", "test_release_verify", "test_arm64", "test_podman", "test_toolchain"),
    *("test_proc_macros", "test_image", "test_damage", "test_mirror", "test_cache", "test_emulation", "test_docs", "test_falling_back"),
    *("test_proxy", "test_exit_codes", "test_registry", "test_leaving", "test_staying", "test_patterns", "test_publishing"),
    *("test_changed_since", "test_verify", "test_vendored", "test_monorepos", "test_answers", "test_isolation", "test_engine"),
    *("test_ending", "test_signals", "test_flavours", "test_shell", "test_bare_cross"),
)
"""Files of tests that take more than some seconds, the longest first."""


def kept() -> Path:
    """Return the cache of the tests' own, kept between runs so that nothing is made twice; TEST_CACHE_DIR names another."""
    folder = Path(os.environ.get("TEST_CACHE_DIR") or Path.home() / ".cache" / "crosstasks-tests")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def entered(folder: Path, *, alone: bool):
    """Be in a room with others, or wait until all have left it, and be there alone; who waits lets nobody else in."""
    import fcntl

    with (folder / ".door.lock").open("w") as door, (folder / ".room.lock").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest: no worker is to be left with one of them when the others have nothing more to do.

    Those with a test that runs alone come last: others wait for it, and it waits for what they have begun, which is short by then.
    """
    places = {(folder, name): place for place, name in enumerate(LONGEST) for folder in ACTING}
    alone = {item.path for item in items if item.get_closest_marker("serial")}
    items.sort(key=lambda item: (item.path in alone, places.get((item.path.parent.name, item.path.stem), len(LONGEST))))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """Let a test that acts begin, fixtures and all, when what runs meanwhile allows it."""
    if item.path.parent.name not in ACTING:
        return (yield)
    with entered(kept(), alone=bool(item.get_closest_marker("serial"))):
        return (yield)
