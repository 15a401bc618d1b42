"""Pure: the names of targets in a configuration, as triples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..catalog import targets
from ..core.errors import ConfigError
from .problems import Problems, Where

HOST = "host"


def triple(name: str, where: Where, problems: Problems, index: str = "") -> str:
    """Return the triple of a name; empty if there is none, which is a problem."""
    try:
        return targets.find(name).triple
    except ConfigError as error:
        problems.add(where, ", ".join(filter(None, (error.what, error.why))), index)
        return ""


def triples(names: Sequence[str], where: Where, problems: Problems) -> tuple[str, ...]:
    """Return the triples of names, each once; a target that is named twice is a problem, unless ``host`` is one of the names."""
    seen: dict[str, str] = {}
    for number, name in enumerate(names):
        index = f"[{number}]"
        found = _host(where, problems, index) if name == HOST else triple(name, where, problems, index)
        first = seen.get(found)
        if first is not None and HOST not in {first, name}:
            again = "stands there twice" if first == name else f"is the same target as {first!r}"
            problems.add(where, f"{name!r} {again}", index)
        elif found:
            seen.setdefault(found, name)
    return tuple(seen)


def _host(where: Where, problems: Problems, index: str) -> str:
    """Return the machine's own target: what Rust's programs would say, without asking one."""
    from ..facts.host import Host, Platform, parse

    match parse(Platform.here(), {}, musl=any(Path("/lib").glob("ld-musl-*.so.1"))):
        case Host(triple=here) if here in targets.catalogue():
            return here
        case Host(triple=here):
            why = f"it is {here}, which the catalogue does not have"
        case absent:
            why = absent.why
    problems.add(where, f"'host' is no target here: {why}", index)
    return ""
