"""The program's words as pictures: drawn from texts, without running anything."""

from __future__ import annotations

import importlib.util
import re
from html import unescape
from pathlib import Path

import pytest

from crosstasks import listing

DOCS = Path(__file__).parents[2] / "docs"
AGAIN = "a picture shows what the program no longer prints: run `nox -s pictures`"


@pytest.fixture(scope="module")
def pictures():
    spec = importlib.util.spec_from_file_location("pictures", DOCS / "pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def words(drawn):
    """Return the words of a picture, line by line as they were drawn."""
    return unescape(" ".join(re.findall(r"<text [^>]*>([^<]*)</text>", drawn))).split()


def test_folders_and_seconds_are_replaced(pictures):
    """The longest folder goes first, and what is no time of a build stays."""
    text = "build ok in 19.3 s, at /a/b/hello/target, from /a/b/cache, of /a/b; 1.85.0, sha256 12.3"
    expected = "build ok in … s, at /home/you/hello/target, from /c/cache, of /c; 1.85.0, sha256 12.3"
    assert expected == pictures.neutral(text, {"/a/b": "/c", "/a/b/hello": "/home/you/hello"})


def test_a_picture_has_the_words_and_their_weight(pictures):
    """The command, and what it printed, the bold in bold; no line is broken."""
    long = "word " * 40
    drawn = pictures.svg("a", "crosstasks plan", f"\x1b[1mbold <&>\x1b[0m\n{long}\n")
    assert ["hello", "$", "crosstasks", "plan", "bold", "<&>", *["word"] * 40] == words(drawn)
    assert "font-weight: bold" in drawn
    assert 40 == max(part.count("word") for part in re.findall(r"<text [^>]*>([^<]*)</text>", drawn))


def test_only_the_first_lines_are_shown_where_so_many_are_wanted(pictures):
    """The command says so itself."""
    assert ["hello", "$", "c", "|", "head", "-n", "2", "one", "two"] == words(pictures.svg("a", "c", "one\ntwo\nthree\n", 2))


def test_a_picture_reaches_for_nothing_and_is_the_same_each_time(pictures):
    """No fonts or scripts from elsewhere, nothing by chance."""
    drawn = pictures.svg("a", "c", "one\n")
    assert drawn == pictures.svg("a", "c", "one\n")
    assert [] == re.findall(r"@font-face|<script|<image|href|url\((?!#)|Fira", drawn)


def test_the_targets_are_those_of_today(pictures):
    """The first of them stand in the picture as the program lists them."""
    command, lines = pictures.PICTURES["targets"]
    expected = pictures.svg("targets", command, listing.text(listing.listed()), lines)
    assert words(expected) == words((DOCS / "pictures" / "targets.svg").read_text("utf-8")), AGAIN


def test_every_picture_is_one_of_the_script(pictures):
    """The folder holds what the command draws, and no folder of a machine."""
    found = {path.stem: path.read_text("utf-8") for path in (DOCS / "pictures").iterdir()}
    assert sorted(pictures.PICTURES) == sorted(found)
    for drawn in found.values():
        assert [] == [word for word in words(drawn) if word.startswith("/") and not word.startswith("/home/you/")]
