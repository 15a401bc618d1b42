"""How users steer the ladder: `cross`, `fallback`, `builder`, `image`, `emulation`, by file, for one target, by environment, by option."""

from __future__ import annotations

import pytest
from planning import request

from crosstasks.config import configuration
from crosstasks.planning.ladder import ladder
from crosstasks.testing import arm64_facts, facts

SHORT = 'version = 1\ntargets = ["aarch64", "armv7"]\nimages = ["build"]\n'
LOW = 'fallback = ["zigbuild"]\n'
"""A short ladder: one source of images, and zigbuild alone to fall back to."""

V5, V4, GIT = (f"cross {flavour}, image built here" for flavour in ("0.2.5", "0.2.4", "git"))
EMULATED = ", linux/amd64 emulated"


def rungs(tmp_path, text="", *, known=None, target="aarch64", overrides=None, **environ):
    """Return the names of the ladder that a file, the environment and options make."""
    (tmp_path / "crosstasks.toml").write_text(SHORT + text)
    variables = {f"CROSSTASKS_{name.upper()}": value for name, value in environ.items()}
    loaded = configuration.load(tmp_path, environ=variables, overrides=overrides or {})
    known = known or facts()
    return [candidate.name for candidate in ladder(request(target, known, loaded), known)]


@pytest.mark.parametrize(
    ("text", "environ", "overrides", "expected"),
    [
        pytest.param("", {}, {}, [V5, GIT, V4, "cargo", "zigbuild"], id="as it is"),
        pytest.param('cross = "git"\n', {}, {}, [GIT, "cargo", "zigbuild"], id="the flavour that is named, and no other"),
        pytest.param(f'cross = "0.2.4"\n{LOW}', {}, {}, [V4, "cargo", "zigbuild"], id="one flavour and zigbuild"),
        pytest.param('fallback = ["0.2.4", "git"]\n', {}, {}, [V5, V4, GIT, "cargo"], id="an order of one's own, without zigbuild"),
        pytest.param("fallback = []\n", {}, {}, [V5, "cargo"], id="nothing to fall back to"),
        pytest.param(LOW, {"cross": "git"}, {}, [GIT, "cargo", "zigbuild"], id="CROSSTASKS_CROSS"),
        pytest.param("", {"fallback": "0.2.4"}, {}, [V5, V4, "cargo"], id="CROSSTASKS_FALLBACK"),
        pytest.param("", {"fallback": "0.2.4,git"}, {}, [V5, V4, GIT, "cargo"], id="CROSSTASKS_FALLBACK, several"),
        pytest.param("", {"fallback": ""}, {}, [V5, GIT, V4, "cargo", "zigbuild"], id="an empty variable says nothing"),
        pytest.param("", {"builder": "zigbuild"}, {}, ["zigbuild"], id="CROSSTASKS_BUILDER"),
        pytest.param('builder = "zigbuild"\n', {"builder": "cargo"}, {}, ["cargo"], id="the environment before the file"),
        pytest.param(LOW, {"builder": "cargo"}, {"builder": "cross"}, [V5], id="the command line before the environment"),
        pytest.param(LOW, {}, {"cross": "git"}, [GIT, "cargo", "zigbuild"], id="--cross"),
        pytest.param(
            LOW, {"image": "example.org/own:1"}, {}, ["cross 0.2.5, configured image", "cargo", "zigbuild"], id="CROSSTASKS_IMAGE"
        ),
        pytest.param(f'{LOW}[target.armv7]\ncross = "git"\n', {}, {}, [V5, "cargo", "zigbuild"], id="of another target"),
        pytest.param(f'{LOW}[target.aarch64]\ncross = "git"\n', {}, {}, [GIT, "cargo", "zigbuild"], id="of this target"),
        pytest.param('[target.aarch64]\nbuilder = "zigbuild"\n', {}, {}, ["zigbuild"], id="this target's builder"),
        pytest.param("[target.aarch64]\nfallback = []\n", {}, {}, [V5, "cargo"], id="this target's fallback"),
    ],
)
def test_the_ladder_that_is_asked_for(tmp_path, text, environ, overrides, expected):
    """Each way to say it, and which one wins."""
    assert rungs(tmp_path, text, overrides=overrides, **environ) == expected


@pytest.mark.parametrize(
    ("text", "environ", "expected"),
    [
        pytest.param(LOW, {}, [V5, "cargo", "zigbuild", V5 + EMULATED], id="as it is"),
        pytest.param(f'{LOW}emulation = "never"\n', {}, [V5, "cargo", "zigbuild"], id="never"),
        pytest.param(LOW, {"emulation": "never"}, [V5, "cargo", "zigbuild"], id="CROSSTASKS_EMULATION"),
        pytest.param(f'{LOW}emulation = "never"\n', {"emulation": "auto"}, [V5, "cargo", "zigbuild", V5 + EMULATED], id="auto again"),
        pytest.param(f'{LOW}[target.aarch64]\nemulation = "never"\n', {}, [V5, "cargo", "zigbuild"], id="never for this target"),
    ],
)
def test_emulation_on_an_arm64_engine(tmp_path, text, environ, expected):
    """Native comes first, and emulated last, and only where it is wanted."""
    assert rungs(tmp_path, text, known=arm64_facts(), **environ) == expected


@pytest.mark.parametrize(("name", "value"), [("cross", "0.2.6"), ("fallback", "0.2.6"), ("builder", "bazel"), ("emulation", "sometimes")])
def test_what_is_misspelt_is_named(tmp_path, name, value):
    """A variable is checked as the file is, and named as it was given."""
    with pytest.raises(configuration.ConfigError) as caught:
        rungs(tmp_path, **{name: value})
    assert f"CROSSTASKS_{name.upper()}" in str(caught.value)
    assert value in str(caught.value)
