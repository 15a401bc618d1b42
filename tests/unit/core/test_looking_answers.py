"""Answers that are kept for a while."""

from __future__ import annotations

from dataclasses import replace

import pytest
from facts_looks import look, program

from crosstasks.core import looking
from crosstasks.core.errors import CrosstasksError, DiskFull
from crosstasks.core.looking import Life, of_program
from crosstasks.core.steps import Absent
from crosstasks.facts.rustup import Channel

LIFE = Life(positive=100, negative=10)
FACT = Channel(release="1.96.0", server="https://server")


class Asked:
    """Something to ask that counts how often it was."""

    def __init__(self, answer):
        self.answer, self.times = answer, 0

    def __call__(self):
        self.times += 1
        return self.answer


@pytest.mark.parametrize(
    ("answer", "later", "times"),
    [(FACT, 99, 1), (FACT, 101, 2), (FACT, -1, 2), (Absent("no", "hint"), 9, 1), (Absent("no"), 11, 2)],
)
def test_an_answer_counts_for_its_time(tmp_path, monkeypatch, answer, later, times):
    """Refusals count for less long than answers; a clock that was set back makes all of them old."""
    monkeypatch.setattr("crosstasks.core.looking.QUICK", 0.0)
    asked, here = Asked(answer), look(tmp_path, now=lambda: 1000.0)
    assert answer == looking.cached_answer(here, "server x", Channel, LIFE, asked)
    assert answer == looking.cached_answer(replace(here, now=lambda: 1000.0 + later), "server x", Channel, LIFE, asked)
    assert times == asked.times


@pytest.mark.parametrize(
    "damage", ["", "{", '{"version":1}', '{"version":1,"subject":"server x","at":1000,"fact":{"release":3}}', '{"version":0}']
)
def test_a_damaged_file_is_not_there(tmp_path, damage):
    """Whatever is in the file, the question is asked again and the file made good."""
    asked, here = Asked(FACT), look(tmp_path, now=lambda: 1000.0)
    looking.cached_answer(here, "server x", Channel, LIFE, asked)
    (path,) = (tmp_path / "cache/answers").iterdir()
    path.write_text(damage)
    assert FACT == looking.cached_answer(here, "server x", Channel, LIFE, asked)
    assert FACT == looking.cached_answer(here, "server x", Channel, LIFE, asked)
    assert 2 == asked.times


def test_a_refusal_that_came_at_once_is_not_kept(tmp_path):
    """It costs nothing to ask again, and what was wrong may have been mended."""
    asked, here = Asked(Absent("connection refused")), look(tmp_path)
    for _ in range(2):
        looking.cached_answer(here, "server x", Channel, LIFE, asked)
    assert 2 == asked.times


def test_the_error_of_a_client_is_a_refusal_where_refusals_are_kept(tmp_path, monkeypatch):
    """A server that is out of reach is not waited for again at once; a full disk is no answer."""
    monkeypatch.setattr("crosstasks.core.looking.QUICK", 0.0)
    asked, here = [], look(tmp_path)

    def ask(error):
        asked.append(error)
        raise error

    for _ in range(2):
        answer = looking.cached_answer(here, "server x", Channel, LIFE, lambda: ask(CrosstasksError("no answer", why="timed out")))
        assert answer == Absent("no answer: timed out")
    assert 1 == len(asked)
    for subject, life, error in (("server y", LIFE, DiskFull("full")), ("server z", Life(positive=1), CrosstasksError("no answer"))):
        with pytest.raises(type(error), match=error.what):
            looking.cached_answer(here, subject, Channel, life, lambda error=error: ask(error))


def test_another_question_has_another_answer(tmp_path):
    """Answers are kept under the whole question."""
    here = look(tmp_path)
    assert FACT == looking.cached_answer(here, "server x", Channel, LIFE, lambda: FACT)
    assert Absent("no") == looking.cached_answer(here, "server y", Channel, LIFE, lambda: Absent("no"))


def test_what_is_not_to_be_kept_is_not(tmp_path):
    """A life of nothing leaves no file."""
    looking.cached_answer(look(tmp_path), "server x", Channel, Life(positive=0), lambda: FACT)
    looking.cached_answer(look(tmp_path), "server x", Channel, Life(positive=1), lambda: Absent("no"))
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    """The answer is given, and asked for again the next time."""
    (tmp_path / "cache").write_text("in the way")
    assert FACT == looking.cached_answer(look(tmp_path), "server x", Channel, LIFE, lambda: FACT)


def test_a_program_is_asked_again_when_its_file_changes(tmp_path):
    """What a program says of itself counts for as long as its file is the same."""
    path, asked, here = program(tmp_path / "bin", "tool"), Asked("1.0"), look(tmp_path)
    assert ["1.0", "1.0"] == [of_program(here, str(path), "tool", asked, str) for _ in range(2)]
    assert 1 == asked.times
    path.write_text("#!/bin/sh\n# longer\n")
    of_program(here, str(path), "tool", asked, str)
    assert 2 == asked.times
    path.unlink()
    assert isinstance(of_program(here, str(path), "tool", asked, str), Absent)
