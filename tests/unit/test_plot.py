"""The benchmarks as a picture: drawn from figures, without measuring any."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "plot.py"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def plot():
    spec = importlib.util.spec_from_file_location("plot", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(plot, figures):
    return ET.fromstring(plot.svg(figures))  # noqa: S314 - it is ours


def figure(wanted, value, other=None, ratio=None, *, held=True, unit="s"):
    return {
        "what": "`a` & <b>",
        "against": "c",
        "wanted": wanted,
        "value": value,
        "unit": unit,
        "other": other,
        "ratio": ratio,
        "held": held,
    }


RATIO = figure("ratio <= 1.25", 4, 2, 2.0, held=False)
MORE = figure("more <= 0.5 s", 1, 0.75)
ALONE = figure("<= 80 MB", 60, unit="MB")
SHOWN = figure("shown", 3, 1, 3.0)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(RATIO, (2.0, 1.25)), (MORE, (0.25, 0.5)), (ALONE, (60, 80)), (SHOWN, None)],
    ids=["ratio", "more", "alone", "shown"],
)
def test_what_was_found_stands_beside_what_was_wanted(plot, given, expected):
    """A ratio, a difference or a value is taken, as the wish says; what is only shown has no limit."""
    assert expected == plot.share(given)


def test_bars_are_as_long_as_their_share(plot):
    """All that is allowed is WIDE; too much is longer, cut at MOST times that, and has the colour of what does not hold."""
    far = figure("ratio <= 1", 9, 1, 9.0, held=False)
    rects = drawn(plot, [RATIO, MORE, ALONE, SHOWN, far]).findall(f"{SVG}rect")[1:]
    expected = [1.6 * plot.WIDE, 0.5 * plot.WIDE, 0.75 * plot.WIDE, plot.MOST * plot.WIDE]
    assert expected == [pytest.approx(float(rect.get("width"))) for rect in rects]
    assert [plot.COLOURS[held] for held in (False, True, True, False)] == [rect.get("fill") for rect in rects]


def test_words_say_what_bars_mean(plot):
    """Names without marks, the value in its unit, and the wish; the text is escaped."""
    words = [text.text for text in drawn(plot, [RATIO, MORE, ALONE, SHOWN]).findall(f"{SVG}text")]
    assert words[1::2] == ["a & <b> / c"] * 4
    expected = ["2.00 times, at most 1.25 wanted", "0.25 s more, at most 0.5 wanted", "60.00 MB, at most 80 wanted", "3.00 times, no limit"]
    assert expected == words[2::2]


def test_nothing_measured_is_a_picture_as_well(plot):
    """Without results it says so, and has no bar and no line; with them every bar has a line, where all that is allowed ends."""
    lines = drawn(plot, [RATIO, MORE, SHOWN]).findall(f"{SVG}line")
    assert [f"{plot.LEFT + plot.WIDE:g}"] * 2 == [line.get("x1") for line in lines]
    root = drawn(plot, [])
    assert ["nothing has been measured yet"] == [text.text for text in root.findall(f"{SVG}text")]
    assert 1 == len(root.findall(f"{SVG}rect"))
    assert [] == root.findall(f"{SVG}line")


def test_the_same_figures_give_the_same_bytes(plot):
    """The picture can be kept in the repository; it reaches for nothing outside of itself."""
    assert plot.svg([RATIO, MORE]) == plot.svg([RATIO, MORE])
    assert ["http://www.w3.org/2000/svg"] == [word.strip('"') for word in plot.svg([RATIO]).replace("=", " ").split() if "://" in word]
