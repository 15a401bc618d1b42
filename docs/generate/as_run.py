"""What long runs have kept, as tables: every target (docs/targets.md), the programs and libraries of others (docs/real-crates.md).

The runs are benchmarks/every_target.py, real_crates.py, c_libraries.py and caches.py; ``nox -s renew`` writes the pages anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from crosstasks.catalog.targets import catalogue

KEPT: Final = Path(__file__).parents[2] / "benchmarks"

Cells: TypeAlias = Mapping[str, Mapping[str, Any]]
"""What came of each cell, by its key."""

ENGINES: Final[Mapping[str, tuple[str, ...]]] = {
    "amd64": ("cross", "cargo", "zigbuild"),
    "arm64": ("cross", "cargo", "zigbuild"),
    "none": ("cargo", "zigbuild"),
}
"""The engines of the table, and the builders that each may have: cross needs an engine."""

UNRUN: Final = "not run"

RUN: Final = """\
What came of it where it was tried, {dates}, with {tools}.
`nox -s every-target` builds a crate with a C file (a `no_std` one for bare machines, one of Rust alone where plain cargo links) for
every target, and tests it, {count} of {all} times so far. *amd64* is an engine of amd64, *arm64* one that says that it is of
arm64, *none* a machine without one. A builder that stands alone did it; *no* is a refusal before anything was built, whose reason
`crosstasks plan --all` shows; *not run* is what it says. cross's own images were out of reach: these are built of Debian's packages."""

PROGRAMS: Final = """\
`nox -s real-crates`, {dates}, with {tools}. *ran* is the program with `--version`, or the small one that uses the library; under QEMU
where it is for another machine."""

LIBRARIES: Final = """\
`nox -s c-libraries`, {dates}, with {tools}. Each crate was built for `aarch64-unknown-linux-gnu` without the package, and the line is
what crosstasks said then; and with it, and run under QEMU. All but gtk-sys shared an image that had the packages of them all."""

CACHES: Final = """\
`nox -s caches`, {dates}, with {tools}. Three crates that need Rust 1.88 or newer, one that names nightly and one with
`components = ["rust-src"]`, in the toolchain file that each is published with; *used* is a small program that depends on the
crate. Each was built for aarch64 twice, in the same folder: from an empty cache, and from one that other projects had filled with
Rust 1.85.0, 1.99.1 and a nightly. A column has one value where both builds had the same. The engine *arm64* is one
that says that it is of arm64, whose programs QEMU runs. Seconds, from an empty and from a full cache, were taken beside much else.

The toolchain in the full cache has the library's source, since anyhow asks for it; programs call it what they call it where it is not
installed, `/rustc/<commit>`. A nightly of another day is one that the server has for the host that is asked for."""


def kept(name: str) -> Cells:
    """Return what a run has kept; nothing if there was none."""
    path = KEPT / name
    cells: Cells = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return cells


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def every_target(cells: Cells) -> str:
    """Return the section of docs/targets.md that says what was run."""
    head = ("triple", *(f"{engine} {verb}" for engine in ENGINES for verb in ("builds", "tests")))
    rows = (
        (f"`{triple}`", *(summary(cells, triple, engine, verb) for engine in ENGINES for verb in ("build", "test")))
        for triple in catalogue()
    )
    every = [f"{triple} {engine} {builder}" for triple in catalogue() for engine, builders in ENGINES.items() for builder in builders]
    return "\n\n".join(
        (
            "## As run",
            RUN.format(dates=_dates(cells), tools=_tools(cells), count=len(cells.keys() & every), all=len(every)),
            table(head, rows),
            *_failures(cells),
        )
    )


def summary(cells: Cells, triple: str, engine: str, verb: str) -> str:
    """Return one cell of the table.

    ================  =================================================================
    all builders      are not run: ``not run``; are refused: ``no``
    some              ``zigbuild``; ``zigbuild failed``; ``cross not run``; those refused are left out
    nothing built     there is nothing to test, and a dash
    ================  =================================================================
    """
    found = {builder: cells.get(f"{triple} {engine} {builder}") for builder in ENGINES[engine]}
    if not any(found.values()):
        return UNRUN
    words = [_word(builder, cell, verb) for builder, cell in found.items()]
    return ", ".join(filter(None, words)) or ("no" if verb == "build" or any(map(_built, found.values())) else "-")


def _word(builder: str, cell: Mapping[str, Any] | None, verb: str) -> str:
    if cell is None:
        return f"{builder} {UNRUN}"
    result = cell[verb]["result"] if verb in cell else "refused"
    return {"ok": builder, "failed": f"{builder} failed", "refused": ""}[result]


def _built(cell: Mapping[str, Any] | None) -> bool:
    return bool(cell) and cell["build"]["result"] == "ok" if cell else False


def _runs(cells: Cells) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Give each thing that was done: key, verb, and what came of it."""
    for key, cell in cells.items():
        yield from ((key, verb, came) for verb, came in cell.items() if isinstance(came, dict))


TOOLS: Final[Mapping[str, str]] = {
    r"(.*), std from source": r"\1",
    "qemu-.*": "QEMU",
    r".*/(\w+)\.sh": r"\1",
    "crosstasks/.*": "images built here",
    "container": "",
}
"""What readers know a tool by, by the name that a plan has for it."""


def _tools(cells: Cells) -> str:
    """Return what was used, each once."""
    names = {tool for _, _, came in _runs(cells) for tool in came.get("tools", ())}
    for pattern, name in TOOLS.items():
        names = {re.sub(f"^{pattern}$", name, tool) for tool in names}
    return ", ".join(sorted(names - {""}, key=str.lower)) or "nothing yet"


def _dates(cells: Cells) -> str:
    dates = sorted({came["date"] for _, _, came in _runs(cells)})
    return " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else "never"


def _failures(cells: Cells) -> Iterator[str]:
    """Give the cells that failed, each with the program's own words."""
    lines = [f"- `{key}`, {verb}: {_why(came)}" for key, verb, came in _runs(cells) if came["result"] == "failed"]
    if lines:
        yield "What failed, in the words of crosstasks:"
        yield "\n".join(lines)


def _why(came: Mapping[str, Any]) -> str:
    return "; ".join(line.strip() for line in came.get("why", "").splitlines() if line.strip()).replace("|", "\\|")[:400]


def real_crates() -> str:
    """Return docs/real-crates.md."""
    return (
        "\n\n".join(
            (
                "# What others wrote, as run",
                "This page shows which programs and libraries of others were built here, for what, and what came of it.",
                *_programs(kept("real_crates.json")),
                *_libraries(kept("c_libraries.json")),
                *_caches(kept("caches.json")),
            )
        )
        + "\n"
    )


def _programs(cells: Cells) -> Iterator[str]:
    yield "## Programs"
    yield PROGRAMS.format(dates=_dates(cells), tools=_tools(cells))
    names = list(dict.fromkeys(key.rpartition(" ")[0] for key in cells))
    triples = [triple for triple in catalogue() if any(key.endswith(f" {triple}") for key in cells)]
    yield table(
        ("", *(f"`{triple}`" for triple in triples)), ((name, *(crate(cells.get(f"{name} {one}")) for one in triples)) for name in names)
    )
    yield from _failures(cells)


def crate(cell: Mapping[str, Any] | None) -> str:
    """Return what came of one program for one target."""
    if cell is None:
        return UNRUN
    if cell["build"]["result"] != "ok":
        return cell["build"]["result"]
    ran = {"ok": "ran", "failed": "failed to run", "refused": "not run here"}[cell["run"]["result"]]
    return f"{cell['build']['route'].partition(',')[0]}: built, {ran}"


def _libraries(cells: Cells) -> Iterator[str]:
    yield "## C libraries of the system"
    yield LIBRARIES.format(dates=_dates(cells), tools=_tools(cells))
    names = list(dict.fromkeys(key.rpartition(" ")[0] for key in cells))
    yield table(("crate", "without it, crosstasks says", "with it"), (library(name, cells) for name in names))
    lines = [f"- `{key}`: {_why(came)}" for key, verb, came in _runs(cells) if verb == "with" and came["result"] != "ok"]
    yield from ["\n".join(lines)] if lines else []


def library(name: str, cells: Cells) -> tuple[str, str, str]:
    """Return the row of one crate: what was said without the library, and what came of it with the library."""
    without, with_ = cells.get(f"{name} without"), cells.get(f"{name} with")
    said = UNRUN if without is None else "it builds" if without["without"]["result"] == "ok" else "no package"
    if without and without["says"]:
        said = f"`packages = {json.dumps(without['says'])}`"
    ran = UNRUN if with_ is None else {"ok": "built, ran"}.get(with_["with"]["result"], with_["with"]["result"])
    return f"`{name}`", said, ran


def _caches(cells: Cells) -> Iterator[str]:
    yield "## From an empty cache and a full one"
    yield CACHES.format(dates=_dates(cells), tools=_tools(cells))
    head = ("crate", "engine", "Rust", "route", "isolation", "glibc", "SHA-256", "seconds")
    yield table(head, (caches(key, cell) for key, cell in cells.items()))
    yield from _failures(cells)


def caches(key: str, cell: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the row of one crate and engine: what both builds have in common stands once, and the seconds of each."""
    name, _, engine = key.rpartition(" ")
    rows = [_built_from(cell[cache]) for cache in ("empty", "full")]
    common = (" / ".join(dict.fromkeys(both)) for both in zip(*rows, strict=True))
    return name, engine, *common, ", ".join(str(round(cell[cache]["seconds"])) for cache in ("empty", "full"))


def _built_from(came: Mapping[str, Any]) -> tuple[str, ...]:
    if came["result"] != "ok":
        return came["result"], came.get("route", ""), "", "", ""
    artifacts = came["artifacts"]
    glibc = ", ".join(dict.fromkeys(one.get("glibc", "none") for one in artifacts))
    hashes = ", ".join(f"`{one['sha256'][:12]}`" for one in artifacts)
    return came["tools"][0].removeprefix("Rust "), came["route"], came["isolation"], glibc, hashes
