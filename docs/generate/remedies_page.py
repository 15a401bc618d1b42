"""Act: write docs/troubleshooting.md from the table of remedies: ``nox -s renew``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crosstasks.catalog.remedies import Remedy, remedies
from crosstasks.core import files

HEAD: Final = """# Troubleshooting

This page shows how to find out what an error means, and what to do.

Every error that crosstasks knows: what a program says, what it means, and what to do. `crosstasks explain` finds it for you in a text,
in a file with the output of a build, or on standard input:

<!-- not run: tests/integration/test_explain.py does, with what real programs say -->
```console
$ crosstasks explain "error: linker \\`aarch64-linux-gnu-gcc\\` not found"
$ crosstasks explain build.log
$ cargo build 2>&1 | crosstasks explain -
```

Where such an error ends a build or a step of provisioning, the same words are its hint. This page is made of
crosstasks/catalog/remedies.toml.
"""


def page() -> str:
    """Return the whole page."""
    return "\n".join((HEAD, *(line for row in remedies() for line in _section(row))))


def _section(row: Remedy) -> Iterator[str]:
    yield f"## {row.name}\n"
    yield "\n".join(f"    {line}".rstrip() for line in row.example.splitlines()) + "\n"
    yield f"{row.what[:1].upper()}{row.what[1:]}.\n"
    yield f"**Do:** {row.advice(row.example)}\n"
    if row.source != "tried":
        yield f"Known from {_link(row.source)}.\n"


def _link(source: str) -> str:
    repository, hash_, number = source.partition("#")
    return f"[{source}](https://github.com/{repository}/issues/{number})" if hash_ and ":" not in source else f"<{source}>"


if __name__ == "__main__":
    files.write(Path(__file__).parents[1] / "troubleshooting.md", page())
