"""All facts together, and what lies in our cache."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from facts_looks import look, program

from crosstasks.core import cache
from crosstasks.core.errors import CrosstasksError, EngineFailed
from crosstasks.core.steps import About, Absent, Question
from crosstasks.facts import ASKERS, Facts, ask
from crosstasks.facts.emulation import Emulation


def test_every_question_has_who_asks_it():
    """A word in steps.About is a row of ASKERS."""
    assert set(get_args(About)) == set(ASKERS)


def test_what_a_door_says_is_a_reason(tmp_path):
    """An error of ours while looking is an absence, with its hint."""

    def run(argv, **more):
        raise EngineFailed("it broke", why="in two", hint="mend it")

    facts = Facts(answers={Question("engine"): type("Engine", (), {"command": "docker"})()})
    assert Absent("it broke: in two", "mend it") == ask(Question("image", "x"), look(tmp_path, run), facts)


def test_a_fact_that_nobody_asked_for_is_none():
    """To read it is a mistake, and which are open can be asked."""
    facts = Facts(answers={Question("emulation"): Emulation()})
    with pytest.raises(KeyError):
        _ = facts.engine
    assert (Question("engine"),) == facts.open("engine", "emulation")
    assert Emulation() == facts.emulation == facts["emulation"]
    assert None is facts.get(Question("image", "x"))


def test_facts_grow_by_answers():
    """More answers make other facts; the first are as they were."""
    first = Facts()
    second = first.with_({Question("engine"): Absent("no")})
    assert (Absent("no"), {}) == (second.engine, first.answers)


def test_a_host_that_nobody_knows_ends_the_call():
    """Nothing can be planned for it."""
    with pytest.raises(CrosstasksError, match="not supported"):
        _ = Facts(answers={Question("host"): Absent("plan9")}).host


def marked(folder, **more):
    """Put a toolchain of ours into a folder, as provisioning leaves it."""
    program(folder / "bin", "rustc")
    marker = {
        "version": 1,
        "release": "1.96.0",
        "host": "x86_64-unknown-linux-gnu",
        "targets": ["aarch64-unknown-linux-gnu"],
        "source": True,
    }
    (folder / ".crosstasks.json").write_text(json.dumps({**marker, "origin": "debian", "glibc": "2.34", "packages": {}, **more}))


def test_what_is_whole_in_our_cache_counts(tmp_path):
    """A toolchain with its marker and a tool that is as installed; drafts, what is half there, and what was damaged, do not."""
    toolchains, tools = tmp_path / "cache/rustup/toolchains", tmp_path / "cache/tools"
    marked(toolchains / "1.96.0-x86_64-unknown-linux-gnu")
    marked(toolchains / ".draft")
    marked(toolchains / "no-rustc")
    (toolchains / "no-rustc/bin/rustc").unlink()
    marked(toolchains / "broken")
    (toolchains / "broken/.crosstasks.json").write_text("{")
    program(toolchains / "no-marker/bin", "rustc")
    for name in ("cross-0.2.5-x", "flipped", "old", ".cross.tmp"):
        cache.make_once(tools / name, lambda draft: program(draft / "bin", "cross"), ["bin/*"])
    program(tools / "flipped/bin", "cross", "another")
    (tools / "old/.complete").write_text("")
    (tools / "half").mkdir()
    found = ask(Question("inventory"), look(tmp_path), Facts())
    (only,) = found.toolchains
    assert ("1.96.0-x86_64-unknown-linux-gnu", "1.96.0", "debian", "2.34", True, ("aarch64-unknown-linux-gnu",)) == (
        only.name,
        only.release,
        only.origin,
        only.glibc,
        only.library,
        only.standard,
    )
    assert {
        "flipped": "bin/cross is not what was installed",
        "half": "it is incomplete",
        "old": "it has no checksums",
    } == found.problems
    assert (("cross-0.2.5-x",), str(tmp_path / "cache/rustup"), str(tools)) == (found.tools, found.home, found.tools_home)


def test_an_empty_cache_holds_nothing(tmp_path):
    """A first call finds no cache, which is no error."""
    found = ask(Question("inventory"), look(tmp_path), Facts())
    assert ((), ()) == (found.toolchains, found.tools)
