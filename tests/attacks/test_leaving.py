"""What leaves a container: files of its own target folder, and nothing by links or forged messages."""

from __future__ import annotations

import shutil

import pytest

ARM = "aarch64-unknown-linux-gnu"


@pytest.mark.parametrize("name", ["planted_link", "replaced_folder"])
def test_nothing_is_written_through_a_link(name, hostile, built, victim):
    """The folder of artifacts holds a link to the user's: nothing lands there, whatever becomes of the build."""
    crate = hostile(name)
    for _ in range(2):  # what the first leaves, the second would use
        built(cwd=crate)
        assert [] == list(victim.iterdir())


def test_nothing_is_written_above_the_workspace(hostile, built):
    """A message with `..` in its path is no artifact; the failure says why."""
    crate = hostile("led_above")
    _, result = built(cwd=crate)
    assert not (crate.parent / "ESC").exists()
    assert (6, []) == (result["code"], result["artifacts"]), result["error"]
    assert "is not an artifact\nit does not lie in" in result["error"]


def test_no_file_of_the_users_is_taken_for_an_artifact(crate, hostile, built, victim):
    """It would pass for one, but a link leads to it."""
    _, before = built("--target", "aarch64", cwd=crate)
    shutil.copy(before["artifacts"][0]["path"], victim / "secret")
    _, result = built(cwd=hostile("linked_artifact"))
    assert (6, []) == (result["code"], result["artifacts"]), result["error"]
    assert "git is not an artifact\nit is not a regular file" in result["error"]
    assert not (crate / "target" / "crosstasks" / ARM / "debug" / "git").exists()
