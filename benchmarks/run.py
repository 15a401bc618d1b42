"""Measure crosstasks side by side with what it wraps: ``python benchmarks/run.py [NAME…] [--runs N]``.

Every pair is run in turn, A B A B. The last results are kept in benchmarks/results.json; docs/benchmarks.md and
docs/benchmarks.svg are made of them, and of nothing else with ``--draw``.
Needs crosstasks installed and an engine; what is built beforehand, the script builds itself.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from figures import FIGURES, ROOT, Place
from plot import svg

RESULTS = Path(__file__).with_name("results.json")
HEAD = """\
# Benchmarks

This page shows what crosstasks costs beside cross and Nox alone, and where it saves time.

Made by `python benchmarks/run.py`. Ratios and differences count; seconds are one machine's. Each pair is run in turn, and the
ratio is the median of the pairs'.

![each figure as a bar, against the most that was wanted](benchmarks.svg)

| what | against | median | of the other | ratio | wanted | held | measured |
| --- | --- | --- | --- | --- | --- | --- | --- |
"""


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return the page."""
    return HEAD + "".join(map(_line, _sort(results)))


def _sort(results: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [figure for name in FIGURES for figure in results.get(name, [])]


def write(results: dict[str, list[dict[str, Any]]], docs: Path) -> None:
    """Write the page and its picture."""
    (docs / "benchmarks.md").write_text(table(results), "utf-8")
    (docs / "benchmarks.svg").write_text(svg(_sort(results)), "utf-8")


def _line(figure: dict[str, Any]) -> str:
    unit = figure["unit"]
    other = "" if figure["other"] is None else f"{figure['other']:.2f} {unit}"
    ratio = "" if figure["ratio"] is None else f"{figure['ratio']:.2f}"
    cells = (
        figure["what"],
        figure["against"],
        f"{figure['value']:.2f} {unit}",
        other,
        ratio,
        figure["wanted"],
        "yes" if figure["held"] else "**no**",
        figure["when"],
    )
    return f"| {' | '.join(cells)} |\n"


def main() -> None:
    """Measure what is named, or everything, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*FIGURES, []], help="all if not given")
    parser.add_argument("--runs", type=int, default=9, help="counted pairs")
    parser.add_argument("--draw", action="store_true", help="measure nothing: write the page and its picture from the kept results")
    given = parser.parse_args()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    when = f"{dt.datetime.now(tz=dt.UTC).date()}, {os.cpu_count()} cores"
    if given.draw:
        write(results, ROOT / "docs")
        return
    for name in given.names or FIGURES:
        with tempfile.TemporaryDirectory() as folder:
            results[name] = [{**asdict(figure), "when": when} for figure in FIGURES[name](Place(Path(folder), given.runs))]
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
        write(results, ROOT / "docs")
        sys.stdout.write("".join(map(_line, results[name])))


if __name__ == "__main__":
    main()
