"""Draw the table of results as bars: each figure against what was wanted of it, which is one line for all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.etree import ElementTree as ET

WANTED: Final = re.compile(r"(ratio|more|) ?<= ([\d.]+)(?: \w+)?")
LEFT, WIDE, ROW, TOP, MOST = 24, 240.0, 44, 52, 2.0
"""Left edge; length of a bar that is all that is allowed; height of a row; where rows begin; where a bar is cut, in lengths."""
COLOURS: Final = {True: "#2f7d4f", False: "#b3382c"}


def share(figure: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return what was found and the most that is wanted; None for what is only shown."""
    if not (wanted := WANTED.fullmatch(figure["wanted"])):
        return None
    found = {"ratio": lambda: figure["ratio"], "more": lambda: figure["value"] - figure["other"], "": lambda: figure["value"]}
    return found[wanted[1]](), float(wanted[2])


def svg(figures: Sequence[Mapping[str, Any]]) -> str:
    """Return the picture; the same figures give the same bytes."""
    width, height = LEFT * 2 + WIDE * MOST + 190, TOP + ROW * max(1, len(figures)) + 12
    about = {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {width:.0f} {height}", "width": f"{width:.0f}", "role": "img"}
    root = ET.Element("svg", about | {"font-family": "sans-serif", "font-size": "13", "fill": "#222222"})
    ET.SubElement(root, "title").text = "Benchmarks: what was found, against the most that was wanted"
    ET.SubElement(root, "rect", _numbers(width=width, height=height, rx=6) | {"fill": "#ffffff"})
    _text(root, LEFT, 24, "found, as a share of the most that was wanted (the line)" if figures else "nothing has been measured yet")
    for number, figure in enumerate(figures):
        _row(root, TOP + ROW * number, figure)
    ET.indent(root, " ")
    return ET.tostring(root, "unicode") + "\n"


def _row(root: ET.Element, top: float, figure: Mapping[str, Any]) -> None:
    against = f" / {figure['against']}" if figure["against"] else ""
    _text(root, LEFT, top, f"{figure['what']}{against}".replace("`", ""))
    shown = share(figure)
    if shown is None:
        _text(root, LEFT, top + 19, f"{figure['ratio']:.2f} times, no limit", "#666666")
        return
    found, most = shown
    part = min(found / most, MOST)
    bar = _numbers(x=LEFT, y=top + 6, width=max(1.0, part * WIDE), height=16, rx=2)
    ET.SubElement(root, "rect", bar | {"fill": COLOURS[figure["held"]]})
    line = _numbers(x1=LEFT + WIDE, x2=LEFT + WIDE, y1=top + 3, y2=top + 25)
    ET.SubElement(root, "line", line | {"stroke": "#222222", "stroke-width": "2"})
    kind = figure["wanted"].partition("<=")[0].strip()
    unit = "times" if kind == "ratio" else f"{figure['unit']} {kind}".strip()
    _text(root, LEFT + max(part, 1) * WIDE + 8, top + 19, f"{found:.2f} {unit}, at most {most:g} wanted", "#444444")


def _text(root: ET.Element, x: float, y: float, words: str, fill: str = "#222222") -> None:
    ET.SubElement(root, "text", _numbers(x=x, y=y) | {"fill": fill}).text = words


def _numbers(**values: float) -> dict[str, str]:
    return {name: f"{value:g}" for name, value in values.items()}
