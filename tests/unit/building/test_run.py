"""What cargo is told beyond what the user says."""

from __future__ import annotations

import pytest

from crosstasks.building.run import configured
from crosstasks.testing import config


@pytest.mark.parametrize(
    ("options", "arguments", "expected"),
    [
        ({}, (), ()),
        ({"members": ["server", "cli"]}, (), ("--package=server", "--package=cli")),
        ({"exclude": ["desktop"]}, (), ("--workspace", "--exclude=desktop")),
        ({"features": ["tls", "log"], "default-features": False}, (), ("--no-default-features", "--features=tls,log")),
        ({"profile": "release"}, (), ("--profile=release",)),
        ({"profile": "release"}, ("--profile", "dev"), ()),
        ({"profile": "small"}, ("--release",), ()),
        ({"features": ["tls"]}, ("--features=log",), ()),
        ({"members": ["server"]}, ("-p", "cli"), ()),
    ],
)
def test_the_configuration_speaks_where_the_user_does_not(options, arguments, expected):
    """Packages, features and profile of the configuration are handed to cargo; arguments of the same kind win."""
    own = config("aarch64", **options).target("aarch64-unknown-linux-gnu")
    assert configured(own, arguments) == expected
