"""Build several targets of a release side by side: a process for each, a live table of all, and a log file each."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from ...clients import process
from ...clients.process import SignalReceived, Signals
from ...core.about import NAME, PACKAGE
from ...core.errors import CrosstasksError
from ...reporting import report
from .dist import Part, newest

if TYPE_CHECKING:
    from rich.table import Table

    from .context import ReleaseContext

PATIENCE: Final = 8.0
"""Seconds that builds are given to end what they started, containers above all."""

RECENT: Final = 4096
"""Bytes of what a build said last, more than a line has."""


class _Answer(msgspec.Struct):
    targets: tuple[Part, ...]


class Workers:
    """The processes: who is waiting, running and done.

    Attributes:
        lines: the last line that each target's build said.
        groups: the process groups that run.
    """

    def __init__(self, release: ReleaseContext, words: Callable[[str], Sequence[str]]) -> None:
        """Take *words*, which returns what a target's process is called with."""
        self.release = release
        self.words = words
        self.logs = Path(release.context.repository.target_directory) / "crosstasks" / "logs"
        self.lines: dict[str, str] = {}
        self.start_times: dict[str, float] = {}
        self.groups: set[int] = set()
        self.parts: dict[str, Part] = {}
        self.stopped = False

    def build(self, triples: Sequence[str], jobs: int) -> tuple[Part, ...]:
        """Build all, *jobs* at a time.

        Raises:
            Interrupted: the user ended it; every process and what it had started is ended first.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        with Signals() as signals, ThreadPoolExecutor(max_workers=jobs) as pool, self._show(triples) as refresh:
            open_: set[Future[None]] = {pool.submit(self._one, triple) for triple in triples}
            try:
                while open_:
                    done, open_ = wait(open_, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in done:
                        future.result()
                    refresh()
                    signals.check()
            except SignalReceived:
                self._stop(open_)
            except BaseException:
                self._stop(open_)
                raise
        return tuple(self.parts[triple] for triple in triples)

    def _stop(self, open_: set[Future[None]]) -> None:
        """End every process: each ends its own container when it is interrupted."""
        self.stopped = True
        for future in open_:
            future.cancel()
        for number, seconds in ((signal.SIGINT, PATIENCE), (signal.SIGKILL, PATIENCE)):
            for group in tuple(self.groups):
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(group, number)
            if not wait(open_, timeout=seconds).not_done:
                return

    def start(self) -> None:
        """Be ready at once: ``process.stream`` tells the owner of a program how it goes."""

    def begun(self, group: int) -> None:
        """Note the process group of a build, so that it can be told to end."""
        self.groups.add(group)

    def over(self, group: int, code: int) -> None:
        """Forget a group that has ended."""
        del code
        self.groups.discard(group)

    def _one(self, triple: str) -> None:
        if self.stopped:
            return
        self.start_times[triple] = time.monotonic()
        out, recent = bytearray(), bytearray()
        with (self.logs / f"{triple}.log").open("wb") as log:

            def note(chunk: bytes) -> None:
                log.write(chunk)
                recent.extend(chunk)  # a line may come in pieces
                del recent[:-RECENT]
                last = recent.decode(errors="replace").strip().rpartition("\n")[2].rpartition("\r")[2]
                self.lines[triple] = last.strip() or self.lines.get(triple, "")

            argv = (sys.executable, "-m", NAME, *self.words(triple))
            done = process.stream(argv, env=_env(), cwd=str(self.release.context.root), on_out=out.extend, on_err=note, owner=self)
        try:
            self.parts[triple] = msgspec.json.decode(bytes(out), type=_Answer).targets[0]
        except (msgspec.DecodeError, IndexError):
            seconds = time.monotonic() - self.start_times[triple]
            error = "\n".join(done.err.strip().splitlines()[-5:]) or f"the build ended with {done.code}"
            self.parts[triple] = Part(target=triple, seconds=seconds, error=error, code=done.code or CrosstasksError.code)

    @contextmanager
    def _show(self, triples: Sequence[str]) -> Iterator[Callable[[], None]]:
        """Show a live table on a terminal, else a line when a target has come to its end."""
        if not sys.stderr.isatty():
            shown: set[str] = set()

            def tell() -> None:
                for triple in [triple for triple in triples if triple in self.parts and triple not in shown]:
                    shown.add(triple)
                    self.release.context.say(f"{triple}: {self._state(triple)}, {self.logs / f'{triple}.log'}")

            yield tell
            tell()
            return
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
            yield lambda: live.update(self._table(triples), refresh=True)

    def _table(self, triples: Sequence[str]) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for triple in triples:
            ended = self.parts.get(triple)
            last = ended.error.splitlines()[0] if ended and ended.error else self.lines.get(triple, "")
            # cargo's `[optimized]` is no markup of rich's
            table.add_row(triple, self._state(triple), Text("" if ended and not ended.error else last[:70]))
        return table

    def _state(self, triple: str) -> str:
        if part := self.parts.get(triple):
            success = "kept" if part.reused else f"built in {part.seconds:.0f} s"
            return "failed" if part.error else success
        return f"building, {time.monotonic() - self.start_times[triple]:.0f} s" if triple in self.start_times else "waiting"


def _env() -> dict[str, str | None]:
    """Let the same copy of the package be found that runs here."""
    above = PACKAGE.parents[NAME.count(".")]
    path = os.environ.get("PYTHONPATH", "")
    return {"PYTHONPATH": os.pathsep.join(filter(None, (str(above), path))), "FORCE_COLOR": None}


def results(parts: Sequence[Part]) -> str:
    """Return how each target went, as text."""
    lines = []
    for part in parts:
        how = "kept from before" if part.reused else f"built in {part.seconds:.1f} s, {part.route}"
        lines.append(f"{report.bold(part.target)}: {'failed: ' + part.error.splitlines()[0] if part.error else how}")
        for file in part.files:
            cells = (file.name, report.size(file.size), report.runs_with(newest(file.programs)), f"sha256 {file.sha256[:16]}")
            lines.append(f"  {'  '.join(filter(None, cells))}")
        lines += [f"  {note}" for note in part.notes]
    return "\n".join(lines)
