"""The files that are published: what is listed, and what belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...core.errors import CrosstasksError
from . import dist, files

if TYPE_CHECKING:
    from ..release.context import Context

ALSO: Final = (dist.SUMS, "artifacts.json", "metadata.json")
"""What is published beside the files that are listed."""


def listed(context: Context) -> tuple[Path, ...]:
    """
    Return the files to publish: those that are listed, their checksums, what hooks made of them, and the lists themselves.

    Raises:
        CrosstasksError: there are none, or one is not as it is listed.
    """
    named = listing(context.dist)
    if not named:
        raise CrosstasksError(f"there is nothing to publish in {context.dist}", hint="`release.build` makes it")
    for name, checksum in named.items():
        path = context.dist / name
        if not path.is_file() or files.sha256(path) != checksum:
            raise CrosstasksError(f"{path} is not as {dist.SUMS} has it", hint="`release.build` makes it anew")
    heads = (*named, *ALSO)
    more = sorted(path for path in context.dist.iterdir() if any(path.name.startswith(f"{head}.") for head in heads))
    there = (context.dist / name for name in heads)
    return tuple(dict.fromkeys(path for path in (*there, *more) if path.is_file()))


def listing(folder: Path) -> dict[str, str]:
    """Return what SHA256SUMS says: the checksum of each file."""
    try:
        lines = (folder / dist.SUMS).read_text("utf-8").splitlines()
    except OSError:
        return {}
    return {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}


def product(context: Context, path: Path) -> str:
    """Return the product whose file it is; lists of several products are the first one's."""
    fitting = (one.name for one in context.products if path.name.startswith(f"{one.name}-") and f"-v{one.version}" in path.name)
    return max(fitting, key=len, default=context.products[0].name)
