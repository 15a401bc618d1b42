"""Standard streams that are closed, full, gone, or unable to write every letter: a plain end, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import crosstasks

ENVIRON = {**os.environ, "PYTHONPATH": str(Path(crosstasks.__file__).parent.parent)}
PROGRAM = (sys.executable, "-m", "crosstasks")


@pytest.fixture
def program(repository, tmp_path):
    """The program, with streams made by a shell."""
    environ = ENVIRON | {"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache")}

    def call(streams, *arguments, **env):
        shell = ("/bin/sh", "-c", f'"$@" {streams}', "sh", *PROGRAM, *arguments)
        return subprocess.run(shell, cwd=repository, env=environ | env, capture_output=True, text=True, timeout=120, check=False)

    return call


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_reader_that_has_gone_ends_it_without_a_word(form, repository):
    """What `| head -1` does is no error to be told of."""
    read, write = os.pipe()
    os.close(read)
    words = (*PROGRAM, "targets", "--format", form)
    done = subprocess.run(words, cwd=repository, env=ENVIRON, stdout=write, stderr=subprocess.PIPE, timeout=120, check=False)
    os.close(write)
    assert (1, b"") == (done.returncode, done.stderr)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_full_disk_is_named(form, program):
    """A result that cannot be written is an error with its reason."""
    done = program(">/dev/full", "targets", "--format", form)
    assert (1, "error: the result cannot be read or written\nNo space left on device\n") == (done.returncode, done.stderr)


@pytest.mark.parametrize("form", ["text", "json"])
def test_without_standard_output_the_task_is_done_all_the_same(form, program):
    """A service may close it."""
    done = program(">&-", "targets", "--format", form)
    assert (0, "") == (done.returncode, done.stderr)


def test_without_standard_input_there_is_nothing_to_explain(program):
    """`explain -` says so, and ends with 2."""
    done = program("<&-", "explain", "-")
    assert (2, "error: standard input is closed\nhint: pipe the text into it, or name a file\n") == (done.returncode, done.stderr)


def test_letters_that_a_stream_has_not_are_written_as_escapes(program, repository):
    """An ASCII terminal shows the place of a file all the same."""
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\n')
    done = program("", "ci.generate", "--output", "é.yml", PYTHONIOENCODING="ascii")
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.endswith("\\xe9.yml\n")
