"""What the pages show: every command is run, or says why not, and prints what the page says."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "```console" in path.read_text("utf-8"))
PROGRAMS = {name: (sys.executable, "-m", name) for name in ("crosstasks", "nox", "invoke")}


def blocks(page):
    return [found.groupdict() for found in BLOCK.finditer((DOCS / page).read_text("utf-8"))]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_is_run_or_says_why_not(page):
    """No block of commands is without a mark."""
    marks = [block["mark"] or "" for block in blocks(page) if block["kind"] == "console"]
    assert [] == [mark for mark in marks if mark != "run" and not mark.startswith("not run: ")]


def test_no_command_hides_in_a_block_without_a_mark():
    """What is merely indented is no command."""
    hidden = re.compile(r"^    (?:\$|crosstasks|invoke|nox) .*", re.MULTILINE)
    assert {} == {path.name: found for path in DOCS.rglob("*.md") if (found := hidden.findall(path.read_text("utf-8")))}


@pytest.mark.parametrize("page", [page for page in PAGES if "<!-- run -->" in (DOCS / page).read_text("utf-8")])
def test_a_page_does_what_it_says(page, tmp_path, environ):
    """From top to bottom, in an empty folder; what it shows is printed, ``…`` being anything."""
    folder = tmp_path / "hello"
    folder.mkdir()
    here = folder
    if "cargo init" not in (DOCS / page).read_text("utf-8"):
        _crate(folder)
    for block in blocks(page):
        if (block["mark"] or "").startswith("file: "):
            path = folder / block["mark"].removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"])
        elif block["kind"] == "console" and block["mark"] == "run":
            for command, shown in commands(block["text"]):
                if command.startswith("cd "):
                    here = folder / command.removeprefix("cd ")
                else:
                    _run(command, shown, here, environ)


def commands(text):
    """Return each command of a block, with the lines that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, [line for line in shown if line]


def _run(command, shown, folder, environ):
    argv = shlex.split(command)
    argv = [*PROGRAMS.get(argv[0], (argv[0],)), *argv[1:]]
    env = environ | {"NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
    done = subprocess.run(argv, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert 0 == done.returncode, f"{command}\n{done.stdout}"
    for line in shown:
        assert re.search(".*".join(map(re.escape, line.split("…"))), done.stdout), f"{command}\n{line!r} is not in\n{done.stdout}"


def _crate(folder):
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    (folder / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n')


def test_a_block_is_read_as_people_read_it():
    """Each command with what follows it, up to the next."""
    assert [("a b", ["out", "more"]), ("c", [])] == list(commands("$ a b\nout\nmore\n$ c\n"))
