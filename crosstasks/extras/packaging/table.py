"""Pure: what was found of released files, as a table for people: one row a file, one column a check."""

from __future__ import annotations

from io import StringIO
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..release.verify import Finding
    from .differences import Difference

SIGNS: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "failed": ("FAILED", "bold red"),
    "unchecked": ("-", "dim"),
    "off": ("off", "dim"),
}


def text(findings: Sequence[Finding], *, colour: bool = False, width: int = 0) -> str:
    """
    Return the table, and below it what is wrong and why something was not checked.

    Args:
        findings: of all packages.
        colour: for a terminal.
        width: of the terminal; 0 is as wide as it takes.
    """
    from rich.console import Console
    from rich.table import Table

    names = tuple(dict.fromkeys(row.check for row in findings))
    table = Table("file", *names, box=None, pad_edge=False)
    for label, rows in _files(findings).items():
        table.add_row(label, *(_sign(rows.get(name)) for name in names))
    out = StringIO()
    console = Console(file=out, force_terminal=colour, width=width or 200, highlight=False)
    console.print(table)
    for line in _notes(findings):
        console.print(line, markup=False, soft_wrap=True)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _sign(row: Finding | None) -> str:
    word, style = SIGNS[row.state] if row else ("", "")
    return f"[{style}]{word}[/]" if word else ""


def _files(findings: Iterable[Finding]) -> dict[str, dict[str, Finding]]:
    """Sort the findings by file; an archive's own come before those of its files."""
    files: dict[str, dict[str, Finding]] = {}
    for row in findings:
        label = f"  {row.member}" if row.member else row.package
        key = f"{row.package}\0{label}"
        files.setdefault(key, {})[row.check] = row
    return {key.partition("\0")[2] if _unique(key, files) else key.replace("\0", ""): rows for key, rows in files.items()}


def _unique(key: str, files: Mapping[str, object]) -> bool:
    label = key.partition("\0")[2]
    return sum(other.partition("\0")[2] == label for other in files) == 1


def _notes(findings: Iterable[Finding]) -> list[str]:
    wrong: list[str] = []
    unknown: dict[str, str] = {}
    for row in findings:
        where = "/".join(filter(None, (row.package, row.member)))
        wrong += [f"{where} {problem}" for problem in row.problems]
        if row.state == "unchecked" and row.check in {"smoke", "glibc"}:
            unknown.setdefault(f"{row.check} not checked: {row.why}", where)
    return [*wrong, *(f"{where}: {why}" for why, where in unknown.items())]


def compared(found: Sequence[Difference]) -> str:
    """Return in lines how a second build differs from the first."""
    return "\n".join(map(str, found)) or "a second build of the same commit gives the same packages, byte for byte"
