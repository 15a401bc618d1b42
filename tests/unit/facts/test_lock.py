"""What crosstasks.lock says here, and what is said of one that cannot be read."""

from __future__ import annotations

import pytest
from facts_looks import look
from msgspec.structs import replace

from crosstasks.core.errors import ConfigError
from crosstasks.core.steps import Absent, Question
from crosstasks.facts import lock
from crosstasks.testing import ARM64, facts

ROW = lock.LockRow(builder="cross", toolchain="1.95.0", toolchain_source="rustup", flavour="0.2.5")
LOCKED = lock.Lock(target={ARM64: {"linux/amd64": ROW, "none": replace(ROW, builder="zigbuild", toolchain="1.96.0")}})


def test_the_file_lies_beside_the_configuration(tmp_path):
    """Else in the project's folder; one that is not there locks nothing."""
    seen = look(tmp_path)
    assert lock.Lock() == lock.ask(seen, Question("lock"), None)
    (seen.cwd / "crosstasks.lock").write_text('version = 1\n[target.a."linux/amd64"]\nbuilder = "cargo"\ntoolchain = "1.95.0"\n')
    assert {"a": lock.LockRow(builder="cargo", toolchain="1.95.0")} == lock.ask(seen, Question("lock"), None).on("linux/amd64")
    assert tmp_path / "ci" / "crosstasks.lock" == lock.place(str(tmp_path / "ci" / "crosstasks.toml"), seen.cwd)


@pytest.mark.parametrize("text", ["version = 2\n", "other = 1\n", '[target.a."linux/amd64"]\nbuilder = "make"\ntoolchain = "1"\n'])
def test_a_lock_of_another_version(tmp_path, text):
    """The version that wrote it can read it; a word that is not known is no lock of ours."""
    (tmp_path / "crosstasks.lock").write_text(text)
    with pytest.raises(ConfigError) as raised:
        lock.read(tmp_path / "crosstasks.lock")
    assert f"{tmp_path / 'crosstasks.lock'} cannot be read" == raised.value.what
    assert "without the file, crosstasks.lock is made anew" in raised.value.hint


@pytest.mark.parametrize(
    ("changes", "row", "release"),
    [
        ({"lock": LOCKED}, ROW, ("1.95.0", "rustup")),
        ({"lock": LOCKED, "engine": Absent("none")}, LOCKED.target[ARM64]["none"], ("1.96.0", "rustup")),
        ({"lock": lock.Lock()}, None, ("", "")),
        ({"lock": None}, None, ("", "")),
    ],
)
def test_what_is_locked_here(changes, row, release):
    """By the engine's platform, or for machines without one; the release is the same for all targets."""
    known = facts(**changes)
    assert (row, release) == (lock.row(known, ARM64), lock.release(known))
    assert lock.row(known, "other") is None


def test_a_lock_that_cannot_be_read_is_no_empty_one():
    """What was locked would be built with anything else."""
    with pytest.raises(ConfigError) as raised:
        lock.row(facts(lock=Absent("broken", "mend it")), ARM64)
    assert ("broken", "mend it") == (raised.value.what, raised.value.hint)


@pytest.mark.parametrize(
    ("locked", "value", "words"), [("1", "2", "1, and this is 2"), ("", "2", "none, and this is 2"), ("1", "", "1, and this is none")]
)
def test_what_differs_is_said_in_the_words_of_the_file(locked, value, words):
    """What it holds, and what would be instead."""
    assert f"crosstasks.lock holds toolchain-source {words}" == lock.differs("toolchain_source", locked, value)
