"""What a release is refused for before anything is built."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from crosstasks.core.errors import ConfigError
from crosstasks.tasks import release
from crosstasks.tasks.call import Call
from crosstasks.testing import config


def test_a_release_without_programs_is_refused(tmp_path):
    """Libraries alone make no archive."""
    nothing = SimpleNamespace(context=SimpleNamespace(config=config("aarch64")), products=())
    with pytest.raises(ConfigError, match="no cargo package that is released has a program"):
        release._build_parts(Call(tmp_path, {"target": None, "jobs": "1"}), nothing)  # noqa: SLF001 - `release.build`, without a repository
