"""Blocks of the pages in docs/: their marks, and how their commands are run as people would type them."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
INIT = ["crosstasks", "init"]
"""It writes the way in which crosstasks was installed. What is tested is a checkout, which is none: there --index is said as well."""

BLOCK = re.compile(r"(?:<!-- (?P<mark>[^\n]*?) -->\n)?```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL)
PROGRAMS = {name: (sys.executable, "-m", name) for name in ("crosstasks", "nox", "invoke")}


def blocks(page):
    """Return the blocks of a page, each with its mark, kind and text."""
    return [found.groupdict() for found in BLOCK.finditer((DOCS / page).read_text("utf-8"))]


def followed(page, folder, environ, mark="run", before=()):
    """Do what a page says from top to bottom in *folder*: its files, and the commands of blocks with a mark; *before* starts each."""
    folder.mkdir()
    here = folder
    if "cargo init" not in (DOCS / page).read_text("utf-8"):
        _crate(folder)
    for block in blocks(page):
        if (block["mark"] or "").startswith("file: "):
            path = folder / block["mark"].removeprefix("file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block["text"])
        elif block["kind"] == "console" and block["mark"] == mark:
            for command, shown in commands(block["text"]):
                if command.startswith("cd "):
                    here = folder / command.removeprefix("cd ")
                else:
                    _run(command, shown, here, environ, before)


def commands(text):
    """Return each command of a block, with the lines that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, [line for line in shown if line]


def _run(command, shown, folder, environ, before):
    argv = shlex.split(command)
    argv += ["--index"] if argv == INIT else []
    argv = [*before, *PROGRAMS.get(argv[0], (argv[0],)), *argv[1:]]
    env = environ | {"NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
    done = subprocess.run(argv, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert 0 == done.returncode, f"{command}\n{done.stdout}"
    for line in shown:
        assert re.search(".*".join(map(re.escape, line.split("…"))), done.stdout), f"{command}\n{line!r} is not in\n{done.stdout}"


def _crate(folder):
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text("fn main() {}\n")
    (folder / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\nedition = "2021"\n')
