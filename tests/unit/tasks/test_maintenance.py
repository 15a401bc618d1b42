"""The question of `init`, which is put to whoever is there to answer it."""

from __future__ import annotations

import io
import sys

import pytest

from crosstasks.core.errors import ConfigError
from crosstasks.extras.maintenance import scaffold, vendoring
from crosstasks.reporting import streams
from crosstasks.tasks import maintenance
from crosstasks.tasks.call import Call

NOTHING = {"vendor": "", "wheel": "", "git": "", "index": False, "with_": ""}


@pytest.fixture
def answered(monkeypatch, tmp_path):
    """Somebody at a terminal who types a line, in a repository whose crosstasks came from nowhere; and the copies that were made."""
    made = []
    monkeypatch.setattr(streams, "is_interactive", lambda: True)
    monkeypatch.setattr(scaffold, "present", lambda _root: None)
    monkeypatch.setattr(vendoring, "make", lambda into, parts: made.append((into, parts)))
    monkeypatch.setattr(
        scaffold, "vendored_copy", lambda copy, root: scaffold.Way(listed=(), pip="", folder=str(copy.relative_to(root).parent))
    )

    def answer(line):
        monkeypatch.setattr(sys, "stdin", io.StringIO(line))
        return maintenance._way(Call(tmp_path, NOTHING), tmp_path), made  # noqa: SLF001 - what `init` asks, without its files

    return answer


@pytest.mark.parametrize("line", ["1\n", "\n"])
def test_the_first_answer_is_a_copy(line, answered, tmp_path):
    """Which an empty line stands for as well."""
    way, made = answered(line)
    assert ("third_party", [(str(tmp_path / "third_party" / "crosstasks"), ())]) == (way.folder, made)


def test_the_second_answer_is_the_index(answered):
    """And no copy is made."""
    assert (scaffold.index(), []) == answered("2\n")


def test_another_answer_is_refused(answered):
    """With the options that need no answer."""
    with pytest.raises(ConfigError, match="'3' is neither 1 nor 2") as raised:
        answered("3\n")
    assert scaffold.CHOICES in raised.value.hint
