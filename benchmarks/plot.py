"""Draw the results as bars in two panels: what is meant to be faster than cross, and what crosstasks costs on top.

A bar is as long as its share of what the line stands for: in the first panel the other's time, in the second the most that is allowed.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree as ET

WANTED: Final = re.compile(r"(ratio|more|) ?<= ([\d.]+)(?: \w+)?")
LEFT, WIDE, MOST = 24, 280.0, 1.5
"""Left edge; length of a bar that reaches the line; where a bar is cut, in lengths."""
LINE, BAR, GAP, HEAD = 17, 16, 14, 56
"""Heights: of a line of text, a bar, what is below it, and the head of a panel."""
CHARACTERS: Final = 92
"""What fits into a line: a label that is longer is broken, and never cut off."""
WIDTH: Final = LEFT * 2 + 660
COLOURS: Final = {True: "#2f7d4f", False: "#b3382c"}


class Bar(NamedTuple):
    """A row: what stands above it, its length as a share of the line, what stands behind it, and whether that is as it should be."""

    label: Sequence[str]
    part: float
    words: str
    good: bool


def share(figure: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return what was measured and the limit; None for what is only shown."""
    if not (wanted := WANTED.fullmatch(figure["wanted"])):
        return None
    found = {"ratio": lambda: figure["ratio"], "more": lambda: figure["value"] - figure["other"], "": lambda: figure["value"]}
    return found[wanted[1]](), float(wanted[2])


def faster(figure: Mapping[str, Any]) -> bool:
    """Tell whether a figure is meant to take less time than what it stands against."""
    limit = share(figure)
    return bool(limit) and figure["wanted"].startswith("ratio") and limit[1] < 1  # type: ignore[index]


def bar(figure: Mapping[str, Any]) -> Bar:
    """Return the row of a figure."""
    against = f", beside {figure['against']}" if figure["against"] else ""
    label = textwrap.wrap(f"{figure['what']}{against}".replace("`", ""), CHARACTERS)
    limit = share(figure)
    if limit is None:
        return Bar(label, 0, f"{figure['ratio']:.2f} times, no limit", True)
    found, most = limit
    if faster(figure):
        return Bar(label, found, f"{figure['value']:.1f} s, and {figure['other']:.1f} s: {found:.2f} times", figure["held"])
    kind = figure["wanted"].partition("<=")[0].strip()
    unit = "times" if kind == "ratio" else f"{figure['unit']} {kind}".strip()
    return Bar(label, found / most, f"{found:.2f} {unit}, limit {most:g}", figure["held"])


PANELS: Final = (
    (True, "Faster than cross: seconds of crosstasks, and of the other (the line)"),
    (False, "Overhead: what crosstasks costs on top, as a share of the limit (the line)"),
)


def svg(figures: Sequence[Mapping[str, Any]]) -> str:
    """Return the picture; the same figures give the same bytes."""
    panels = [(title, [bar(figure) for figure in figures if faster(figure) is which]) for which, title in PANELS]
    drawn = [(title, bars) for title, bars in panels if bars] or [("Nothing has been measured yet", [])]
    height = sum(HEAD + sum(map(_height, bars)) for _, bars in drawn) + GAP
    about = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {WIDTH} {height}", "width": f"{WIDTH}", "role": "img"}
    root = ET.Element("svg", about | {"font-family": "sans-serif", "font-size": "13", "fill": "#222222"})
    ET.SubElement(root, "title").text = "Benchmarks: what is faster than cross, and what crosstasks costs on top"
    ET.SubElement(root, "rect", _numbers(width=WIDTH, height=height, rx=6) | {"fill": "#ffffff"})
    top = 0
    for title, bars in drawn:
        _text(root, LEFT, top + 32, title).set("font-weight", "bold")
        top += HEAD
        for row in bars:
            _row(root, top, row)
            top += _height(row)
    ET.indent(root, " ")
    return ET.tostring(root, "unicode") + "\n"


def _height(row: Bar) -> int:
    return LINE * len(row.label) + BAR + GAP


def _row(root: ET.Element, top: float, row: Bar) -> None:
    for number, text in enumerate(row.label):
        _text(root, LEFT, top + LINE * number + 4, text)
    top += LINE * (len(row.label) - 1) + 10
    part = min(row.part, MOST)
    if row.part:
        shape = _numbers(x=LEFT, y=top, width=max(1.0, part * WIDE), height=BAR, rx=2)
        ET.SubElement(root, "rect", shape | {"fill": COLOURS[row.good]})
        line = _numbers(x1=LEFT + WIDE, x2=LEFT + WIDE, y1=top - 3, y2=top + BAR + 3)
        ET.SubElement(root, "line", line | {"stroke": "#222222", "stroke-width": "2"})
    _text(root, LEFT + (max(part, 1) * WIDE + 8 if row.part else 0), top + 13, row.words, "#444444")


def _text(root: ET.Element, x: float, y: float, words: str, fill: str = "#222222") -> ET.Element:
    element = ET.SubElement(root, "text", _numbers(x=x, y=y) | {"fill": fill})
    element.text = words
    return element


def _numbers(**values: float) -> dict[str, str]:
    return {name: f"{value:g}" for name, value in values.items()}
