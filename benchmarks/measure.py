"""Measure commands as whole processes: in pairs, with the peak of the first process's memory, less what cargo itself took."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FINISHED: Final = re.compile(r"Finished .*? in (?:(\d+)m )?([\d.]+)s")


@dataclass(frozen=True, kw_only=True)
class Took:
    """How a command went: its *seconds*, those that cargo says it compiled, and the peak *memory* of its first process in MB."""

    seconds: float
    cargo: float = 0.0
    memory: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table.

    Attributes:
        value: the first command's median, in *unit*.
        other: the second's; None if it stands alone.
        ratio: the median of the ratios of the pairs; None likewise.
        held: what *wanted* says is true.
    """

    what: str
    against: str
    wanted: str
    value: float
    unit: str = "s"
    other: float | None = None
    ratio: float | None = None
    held: bool


def run(argv: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Took:
    """Run a command to its end; it must succeed."""
    with tempfile.TemporaryFile() as words:
        begun = time.perf_counter()
        process = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=words, stderr=words)
        peak = 0
        while process.poll() is None:
            peak = max(peak, _peak(process.pid))
            time.sleep(0.005)
        seconds = time.perf_counter() - begun
        words.seek(0)
        said = words.read().decode(errors="replace")
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)} failed with {process.returncode}:\n{said[-4000:]}")
    cargo = sum(60 * int(minutes or 0) + float(rest) for minutes, rest in FINISHED.findall(said))
    return Took(seconds=seconds, cargo=cargo, memory=peak / 1024)


def _peak(pid: int) -> int:
    """Return the most memory that a process has had, in kB; Linux only."""
    try:
        words = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", words)
    return int(found[1]) if found else 0


def pairs(one: Callable[[], float], other: Callable[[], float], runs: int) -> tuple[float, float, float]:
    """Return both medians, and the median of the ratios, after one pair that is not counted: A B, A B, since machines drift."""
    one(), other()
    found = [(one(), other()) for _ in range(runs)]
    first, second = zip(*found, strict=True)
    return statistics.median(first), statistics.median(second), statistics.median(a / b for a, b in found)


def environment(**more: str) -> dict[str, str]:
    """Return our environment without what would change the measurement; script mode is off, and is measured by itself."""
    kept = {key: value for key, value in os.environ.items() if key not in {"CI", "PYTHONDONTWRITEBYTECODE"}}
    return {**kept, "NOX_SCRIPT_MODE": "none", **more}
