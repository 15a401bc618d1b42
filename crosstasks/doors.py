"""Act: the doors that looking is lent: registries, web servers, apt, the terminal; each imports what stands behind it when first opened."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clients import apt, suites
from .clients.process import run
from .core import cache

if TYPE_CHECKING:
    from .core.steps import Say


def made(folder: Path, say: Say) -> dict[str, Any]:
    """Return the doors by the names that ``facts.Look`` has for them; *folder* is our cache."""

    def registry(ref: str, engine: Any, timeout: float) -> object:
        from .clients import registry_api

        return registry_api.look(ref, engine, timeout)

    def fetch(url: str, timeout: float, until: str) -> str:
        from .clients import registry_api

        return registry_api.fetch_text(url, timeout, until)

    def debian(wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], tuple[str, ...]]:
        archive = _archive(folder, say, "", "", [architecture for _, architecture in wanted])
        return {(name, architecture): archive.versions(name, architecture) for name, architecture in wanted}

    def lacking(own: str, suite: str, architecture: str, names: Sequence[str]) -> Mapping[str, str]:
        return _archive(folder, say, own, suite, [architecture]).lacking(names, architecture)

    return {"registry": registry, "fetch": fetch, "debian_versions": debian, "debian_lacking": lacking, "terminal": _terminal}


def _archive(folder: Path, say: Say, own: str, suite: str, architectures: Sequence[str]) -> apt.Archive:
    """Return the machine's apt sources, those for another *suite* than its *own* likewise, with lists of these architectures."""
    cache.prepare(folder)
    cache.roomy(folder, cache.LISTS)
    archive = suites.archive(folder, own, suite, run=run, say=say)
    archive.update(sorted(set(architectures)))
    return archive


def _terminal() -> bool:
    """Tell whether the user can be asked."""
    return all(bool(getattr(stream, "isatty", lambda: False)()) for stream in (sys.stdin, sys.stderr))


__all__ = ["made"]
