"""The pages docs/tasks.md and docs/targets.md, made from the tasks and the catalogue.

``nox -s renew`` writes both anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import as_run

from crosstasks.core import files
from crosstasks.reporting import report
from crosstasks.tasks import DEFAULTS, TASKS
from crosstasks.tasks.call import OPTIONS, Task

DOCS: Final = Path(__file__).parents[1]


def tasks() -> str:
    """Return the page of tasks."""
    parts = [
        "# Tasks",
        "This page lists every task with the options that it has.",
        (
            "The same tasks are the program `crosstasks`, `python -m crosstasks`, and Invoke's in a `tasks.py` that calls"
            "\n`crosstasks.invoke.collection()`. This page is made from them."
        ),
        *(_task(name, row) for name, row in TASKS.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _task(name: str, row: Task) -> str:
    folder, _, last = name.rpartition(".")
    said = inspect.getdoc(row.act) or ""
    alone = f" `{folder}` alone is the same." if folder and DEFAULTS.get(folder) == last else ""
    options = "\n\n" + _table(("option", "default", "meaning"), (_option(option) for option in row.options)) if row.options else ""
    return f"## {name}\n\n{said.replace('``', '`')}{alone}{options}"


def _option(name: str) -> Sequence[str]:
    option = OPTIONS[name]
    if option.default is inspect.Parameter.empty:
        return f"`{name}`, or `--{name}`", "required", option.help
    shown = "" if option.default in {None, "", False} else f"`{option.default}`"
    letter = f"`-{option.short}`, " if option.short else ""
    return f"{letter}`--{name.strip('_').replace('_', '-')}`", shown, option.help


def targets() -> str:
    """Return the page of targets."""
    rows = report.target_rows()
    head = ("triple", "names", "images of cross", "built here", "without an image", "tests", "standard library")
    mark = {True: "yes", False: ""}
    cells = (
        (
            f"`{row.triple}`",
            ", ".join(f"`{name}`" for name in row.aliases),
            ", ".join(row.images),
            mark[row.built],
            row.hosted,
            mark[row.tests],
            "shipped" if row.std else "from source",
        )
        for row in rows
    )
    said = (
        f"The {len(rows)} targets that crosstasks knows, from its catalogue. The first name is the one in session names; any of them"
        "\nserves in `crosstasks.toml` and with `--target`. *Built here* are images made of Debian's packages;"
        "\n*without an image* cargo or zigbuild builds it on every host; *tests* can be run in cross's images; a standard library"
        "\n*from source* is compiled with every build. `crosstasks tools.targets` prints the same, with --here by which route"
        "\nthis machine builds and tests each, or why not."
    )
    after = "This page lists every target that can be named, and what is possible for it."
    run = as_run.every_target(as_run.kept("every_target.json"))
    return f"# Targets\n\n{after}\n\n{said}\n\n{_table(head, cells)}\n\n{run}\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


PAGES: Final[Mapping[str, Callable[[], str]]] = {"tasks.md": tasks, "targets.md": targets, "real-crates.md": as_run.real_crates}
"""What is made, by its name in docs/."""


def renew() -> None:
    """Write the pages anew."""
    for name, make in PAGES.items():
        files.write(DOCS / name, make())
        (DOCS / name).chmod(0o644)


if __name__ == "__main__":
    renew()
