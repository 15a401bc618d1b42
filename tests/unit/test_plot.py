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


SPEED = figure("ratio <= 0.8", 38.3, 65.7, 0.58)


def test_what_is_meant_to_be_faster_has_a_panel_of_its_own(plot):
    """A ratio whose limit is below 1; everything else is overhead."""
    assert [False, False, False, False, True] == [plot.faster(one) for one in (RATIO, MORE, ALONE, SHOWN, SPEED)]
    heads = [text.text for text in drawn(plot, [RATIO, SPEED]).findall(f"{SVG}text") if text.get("font-weight")]
    assert [title for _, title in plot.PANELS] == heads


def test_bars_are_as_long_as_their_share(plot):
    """In the first panel of the other's time, in the second of the limit; too much is cut, and has the colour of what does not hold."""
    far = figure("ratio <= 1", 9, 1, 9.0, held=False)
    rects = drawn(plot, [SPEED, MORE, ALONE, SHOWN, far]).findall(f"{SVG}rect")[1:]
    expected = [0.58 * plot.WIDE, 0.5 * plot.WIDE, 0.75 * plot.WIDE, plot.MOST * plot.WIDE]
    assert expected == [pytest.approx(float(rect.get("width"))) for rect in rects]
    assert [plot.COLOURS[held] for held in (True, True, True, False)] == [rect.get("fill") for rect in rects]


def test_words_say_what_bars_mean(plot):
    """Names without marks, the value in its unit, and the limit; the text is escaped."""
    words = [text.text for text in drawn(plot, [SPEED, RATIO, MORE, ALONE, SHOWN]).findall(f"{SVG}text") if not text.get("font-weight")]
    assert ["a & <b>, beside c"] * 5 == words[::2]
    expected = [
        "38.3 s, and 65.7 s: 0.58 times",
        "2.00 times, limit 1.25",
        "0.25 s more, limit 0.5",
        "60.00 MB, limit 80",
        "3.00 times, no limit",
    ]
    assert expected == words[1::2]


def test_a_long_label_is_broken_and_not_cut(plot):
    """Every line fits into the picture."""
    long = RATIO | {"what": " ".join(["the image of aarch64 for linux/amd64"] * 5)}
    lines = [text.text for text in drawn(plot, [long]).findall(f"{SVG}text")][1:-1]
    assert len(lines) > 1
    assert all(len(line) <= plot.CHARACTERS for line in lines)
    assert f"{long['what']}, beside c" == " ".join(lines)


def test_nothing_measured_is_a_picture_as_well(plot):
    """Without results it says so, and has no bar and no line; with them every bar has a line."""
    lines = drawn(plot, [RATIO, MORE, SHOWN]).findall(f"{SVG}line")
    assert [f"{plot.LEFT + plot.WIDE:g}"] * 2 == [line.get("x1") for line in lines]
    root = drawn(plot, [])
    assert ["Nothing has been measured yet"] == [text.text for text in root.findall(f"{SVG}text")]
    assert 1 == len(root.findall(f"{SVG}rect"))
    assert [] == root.findall(f"{SVG}line")


def test_the_same_figures_give_the_same_bytes(plot):
    """The picture can be kept in the repository; it reaches for nothing outside of itself."""
    assert plot.svg([RATIO, MORE]) == plot.svg([RATIO, MORE])
    assert ["http://www.w3.org/2000/svg"] == [word.strip('"') for word in plot.svg([RATIO]).replace("=", " ").split() if "://" in word]
