"""Measure crosstasks side by side with what it wraps, and write the table into docs/benchmarks.md.

``python benchmarks/run.py [--runs N]``; every pair is run in turn, A B A B, and the ratio is taken pair by pair, since machines
drift. Needs crosstasks installed, an engine, and a first build, which the script makes itself.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = "| what | against | median | median of the other | ratio (median of pairs) | wanted |\n| --- | --- | --- | --- | --- | --- |\n"


def seconds(argv: Sequence[str], cwd: Path, env: dict[str, str]) -> float:
    """Return how long a command takes; it must succeed."""
    begun = time.perf_counter()
    subprocess.run(argv, cwd=cwd, env=env, check=True, capture_output=True)
    return time.perf_counter() - begun


def pairs(one: Callable[[], float], other: Callable[[], float], runs: int) -> tuple[float, float, float]:
    """Return both medians, and the median of the ratios, after one pair that is not counted."""
    one(), other()
    found = [(one(), other()) for _ in range(runs)]
    first, second = zip(*found, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median(a / b for a, b in found)


def row(what: str, against: str, found: tuple[float, float, float], wanted: str) -> str:
    """Return one line of the table."""
    first, second, ratio = found
    return f"| {what} | {against} | {first:.3f} s | {second:.3f} s | {ratio:.2f} | {wanted} |\n"


def listing(folder: Path, env: dict[str, str], runs: int) -> str:
    """``nox -l`` with 60 targets against an empty noxfile."""
    from crosstasks.targets import catalogue

    ours, empty = folder / "ours", folder / "empty"
    for place in (ours, empty):
        place.mkdir()
    (ours / "crosstasks.toml").write_text(f"version = 1\ntargets = {list(catalogue())[:60]!r}\n")
    (ours / "noxfile.py").write_text("import crosstasks.nox\ncrosstasks.nox.register()\n")
    (empty / "noxfile.py").write_text("import nox\n@nox.session(python=False)\ndef one(session): ...\n")
    nox = (sys.executable, "-m", "nox", "-l")
    found = pairs(lambda: seconds(nox, ours, env), lambda: seconds(nox, empty, env), runs)
    return row("`nox -l`, 60 targets", "an empty noxfile", found, "<= 1.15")


def nothing_to_do(folder: Path, env: dict[str, str], runs: int) -> str:
    """Time a build with nothing to do, against the same call of bare cross and an empty nox session."""
    place = folder / "hello"
    shutil.copytree(ROOT / "examples" / "hello", place, ignore=shutil.ignore_patterns("target"))
    (place / "noxfile.py").write_text("import crosstasks.nox\ncrosstasks.nox.register()\n")
    empty = folder / "session"
    empty.mkdir()
    (empty / "noxfile.py").write_text("import nox\n@nox.session(python=False)\ndef one(session): ...\n")
    ours = (sys.executable, "-m", "nox", "-s", "cross-aarch64")
    seconds(ours, place, env)
    argv, cross_env = bare(place, env)

    def other() -> float:
        return seconds((sys.executable, "-m", "nox", "-s", "one"), empty, env) + seconds(argv, place, cross_env)

    found = pairs(lambda: seconds(ours, place, env), other, runs)
    return row("`nox -s cross-aarch64`, nothing to do", "bare `cross build` and an empty nox session", found, "<= 1.10")


def bare(place: Path, env: dict[str, str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the call of cross that a user would make with the same ingredients, and no guard."""
    from crosstasks import pipeline

    planned, _ = pipeline.make("aarch64", "build", pipeline.start(place, environ=env))
    route = planned.route
    assert route.tool is not None  # noqa: S101
    assert route.image is not None  # noqa: S101
    toolchain = Path(route.toolchain.path)
    changed = {
        "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE": route.image.ref,
        "CARGO_TARGET_DIR": str(place / "target" / "bare"),
        "CROSS_CUSTOM_TOOLCHAIN": "1",
        "RUSTUP_HOME": str(toolchain.parent.parent),
        "RUSTC": str(toolchain / "bin" / "rustc"),
        "RUSTUP_TOOLCHAIN": toolchain.name,
    }
    return (route.tool.path, "build", "--target", planned.target, "--locked"), {**env, **changed}


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="counted pairs")
    runs = parser.parse_args().runs
    env = {key: value for key, value in os.environ.items() if key not in {"CI", "PYTHONDONTWRITEBYTECODE"}}
    env["NOX_SCRIPT_MODE"] = "none"
    with tempfile.TemporaryDirectory() as name:
        table = HEAD + listing(Path(name), env, runs) + nothing_to_do(Path(name), env, runs)
    made = f"Made by `python benchmarks/run.py --runs {runs}`, {os.cpu_count()} cores. Ratios count; seconds are one machine's."
    text = f"# Benchmarks\n\n{made}\n\n{table}"
    (ROOT / "docs" / "benchmarks.md").write_text(text, "utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
