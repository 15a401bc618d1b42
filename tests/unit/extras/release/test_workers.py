"""Builds side by side: what each is called with, what is kept of what it says, and how all of them are shown."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from msgspec import structs
from release_values import failed

from crosstasks.core.steps import Done
from crosstasks.extras.release import workers
from crosstasks.extras.release.dist import File, Part, Program
from crosstasks.extras.release.workers import Workers
from crosstasks.testing import AMD64, ARM64

PLACE = Path(workers.__file__).parents[3]


def built(triple=ARM64, route="zigbuild", **changes):
    return Part(target=triple, route=route, seconds=12.4, **changes)


def answer(part):
    return msgspec.json.encode({"targets": [part]})


@pytest.fixture
def pool(make, monkeypatch, tmp_path):
    """A maker of workers whose programs give answers, by the target; what was called, and what was said."""

    def pool(answers=None, says=(), clock=()):
        calls, said = {}, []

        def stream(argv, *, env, cwd, on_out, on_err, owner):
            triple = argv[-1]
            calls[triple] = (tuple(argv), dict(env), cwd)
            owner.begun(7)
            assert {7} == owner.groups
            for chunk in says:
                on_err(chunk)
            done = answers[triple]
            if callable(done):
                done = done(said)
            if isinstance(done, bytes):
                on_out(done[:5])
                on_out(done[5:])
                done = Done(argv=(), code=0, out="", err="")
            owner.over(7, done.code)
            return done

        monkeypatch.setattr(workers.process, "stream", stream)
        times = iter(clock)
        monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: next(times, 100.0)))
        release = make()
        release = replace(release, context=replace(release.context, root=tmp_path / "member", say=said.append))
        return Workers(release, lambda triple: ("build", triple)), calls, said

    return pool


def test_each_target_has_a_process_and_a_log(pool, tmp_path, monkeypatch):
    """Of the same copy of the package, where the configuration was looked for, without colours; the answers come in the order asked for."""
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    parts = {ARM64: built(), AMD64: built(AMD64, reused=True)}
    here, calls, said = pool({triple: answer(part) for triple, part in parts.items()}, says=[b"Compil", b"ing a\n"])
    assert tuple(parts.values()) == here.build(tuple(parts), 1)
    assert calls == {
        triple: (
            (sys.executable, "-m", "crosstasks", "build", triple),
            {"PYTHONPATH": os.pathsep.join((str(PLACE), "/theirs")), "FORCE_COLOR": None},
            str(tmp_path / "member"),
        )
        for triple in parts
    }
    logs = tmp_path / "target" / "crosstasks" / "logs"
    assert {f"{triple}.log": b"Compiling a\n" for triple in parts} == {path.name: path.read_bytes() for path in logs.iterdir()}
    assert sorted(said) == sorted([f"{ARM64}: built in 12 s, {logs / f'{ARM64}.log'}", f"{AMD64}: kept, {logs / f'{AMD64}.log'}"])
    assert set() == here.groups


def test_who_has_no_terminal_is_told_of_each_target_at_its_end(pool):
    """While others still build."""

    def last(said):
        end = time.monotonic() + 10
        while not said and time.monotonic() < end:
            time.sleep(0.01)
        return answer(built(AMD64, route=", ".join(said)))

    here, _, _ = pool({ARM64: answer(built()), AMD64: last})
    assert f"{ARM64}: built in 12 s, {here.logs / f'{ARM64}.log'}" == here.build((ARM64, AMD64), 1)[1].route


@pytest.mark.parametrize(
    ("done", "error", "code"),
    [
        (failed("1\n2\n3\n4\n5\n6\n", 5), "2\n3\n4\n5\n6", 5),
        (failed("", 137), "the build ended with 137", 137),
        (failed("it says nothing of use", 0), "it says nothing of use", 1),
        (b'{"targets": []}', "the build ended with 0", 1),
        (b"no JSON", "the build ended with 0", 1),
    ],
    ids=["the last five lines", "killed", "no answer", "no target", "no JSON"],
)
def test_a_build_that_has_no_answer_has_failed(pool, done, error, code):
    """With what it said last, and a code that is not 0."""
    here, _, said = pool({ARM64: done}, clock=(100.0, 107.5))
    assert (Part(target=ARM64, seconds=7.5, error=error, code=code),) == here.build((ARM64,), 1)
    assert [f"{ARM64}: failed, {here.logs / f'{ARM64}.log'}"] == said


@pytest.mark.parametrize(
    ("says", "line"),
    [
        ([b"Compiling a\nCompiling b\n"], "Compiling b"),
        ([b"Comp", b"iling a"], "Compiling a"),
        ([b"10 %\r20 %\r"], "20 %"),
        ([b"Compiling a\n", b"\n \n"], "Compiling a"),
        ([b"\xff\n"], "\ufffd"),
        ([b"x" * 5000], "x" * workers.RECENT),
        ([b"\n"], ""),
    ],
    ids=["lines", "pieces", "a bar", "empty lines", "no text", "a long one", "nothing"],
)
def test_the_last_line_that_a_build_said(pool, says, line):
    """It may come in pieces, and behind a return; what is empty changes nothing."""
    here, _, _ = pool({ARM64: answer(built())}, says=says)
    here.build((ARM64,), 1)
    assert {ARM64: line} == here.lines


def test_a_build_that_was_not_begun_is_not(pool):
    """Once all are stopped."""
    here, calls, _ = pool({})
    here.stopped = True
    here._one(ARM64)  # noqa: SLF001
    assert ({}, {}) == (calls, here.parts)


@pytest.mark.parametrize(
    ("part", "since", "line", "row"),
    [
        (None, None, "", ["waiting", ""]),
        (None, 88.6, "Compiling [optimized] " + "x" * 70, ["building, 11 s", "Compiling [optimized] " + "x" * 48]),
        (built(), 50.0, "Finished", ["built in 12 s", ""]),
        (built(reused=True), 50.0, "Finished", ["kept", ""]),
        (built(error="it broke\nhere"), 50.0, "Finished", ["failed", "it broke"]),
        (built(error="x" * 80, reused=True), 50.0, "", ["failed", "x" * 70]),
    ],
    ids=["waiting", "building", "built", "kept", "failed", "failed with a long line"],
)
def test_a_row_of_the_table(pool, part, since, line, row):
    """What a build says last while it builds, nothing when it is built, and why it failed."""
    here, _, _ = pool({})
    here.lines[ARM64] = line
    if since is not None:
        here.start_times[ARM64] = since
    if part:
        here.parts[ARM64] = part
    table = here._table((ARM64,))  # noqa: SLF001
    assert [ARM64, *row] == [str(next(iter(column.cells))) for column in table.columns]
    assert (False, None, (0, 2, 0, 0)) == (table.show_header, table.box, table.padding)


def test_how_each_target_went_as_text():
    """Its files with what they need, and what was left out."""
    program = Program(name="hello", size=1, sha256="x", glibc="2.34")
    file = File(
        name="a.tar.gz",
        kind="archive",
        product="hello",
        version="1",
        target=ARM64,
        size=1_500_000,
        sha256="0123456789abcdef0",
        programs=(program,),
    )
    bill = structs.replace(file, name="a.cdx.json", kind="sbom", programs=())
    parts = (built(files=(file, bill), notes=("no man page",)), built(AMD64, reused=True), Part(target="x", error="it broke\nhere"))
    assert workers.results(parts).splitlines() == [
        f"{ARM64}: built in 12.4 s, zigbuild",
        "  a.tar.gz  1.5 MB  runs with glibc 2.34 or newer  sha256 0123456789abcdef",
        "  a.cdx.json  1.5 MB  sha256 0123456789abcdef",
        "  no man page",
        f"{AMD64}: kept from before",
        "x: failed: it broke",
    ]
