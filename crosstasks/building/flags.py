"""Pure: flags of rustc that a build needs, added to the user's own and losing none of them.

Cargo takes one source of flags only, the first of: ``CARGO_ENCODED_RUSTFLAGS``, ``RUSTFLAGS``, ``target.*.rustflags`` with the
``cfg()`` tables that fit, ``build.rustflags`` (https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags). So a flag goes
where the user's are: another place would make cargo forget one or the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from ..core.steps import Env
from ..planning.route import Route
from .environment import variable

Said: TypeAlias = Mapping[str, str | tuple[str, ...]]
"""Flags of cargo's config files, by ``build``, a triple or a ``cfg(…)``."""

SEPARATOR = "\x1f"


class Added(Struct, frozen=True, kw_only=True):
    """How flags reach cargo: changes to its environment, and arguments."""

    env: Env = {}
    arguments: tuple[str, ...] = ()


def needed(route: Route) -> tuple[str, ...]:
    """Return the flags without which a route does not link, or not as rustc's own linker would."""
    if route.builder == "cross" or not (route.build_std and route.target.endswith("-musl")):
        return ()
    # the crt objects are rustup's own, and a std from source has none: zig's are taken instead
    own = ("-Clink-self-contained=no",)
    # zig does not know rustc's -static-pie, and would link the program at a fixed place
    return (*own, "-Clink-arg=-pie") if route.target.startswith("x86_64-") else own


def remapped(folders: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the flags that let a program hold other names of folders; of those that fit, rustc takes the last."""
    return tuple(f"--remap-path-prefix={old}={new}" for old, new in folders)


def added(triple: str, flags: Sequence[str], said: Said, environ: Mapping[str, str]) -> Added:
    """
    Add flags to the user's own.

    ==============================  =====================================================================
    the user's flags are in         ours go to
    ==============================  =====================================================================
    ``CARGO_ENCODED_RUSTFLAGS``     the same
    ``RUSTFLAGS``                   ``CARGO_ENCODED_RUSTFLAGS``, with theirs: it may hold spaces, and wins
    ``[target.<triple>]``           the same table, by ``--config``
    ``[target.'cfg(…)']``           each such table, and ``[build]``: cargo knows which of them it takes
    ``[build]``, or nowhere         ``[build]``, by ``--config``
    ==============================  =====================================================================
    """
    if not flags:
        return Added()
    theirs = _variable(environ)
    if theirs is not None:
        return Added(env={"CARGO_ENCODED_RUSTFLAGS": SEPARATOR.join((*theirs, *flags))})
    own = triple in said or f"CARGO_TARGET_{variable(triple)}_RUSTFLAGS" in environ
    tables = [triple] if own else [*(name for name in said if name.startswith("cfg(")), "build"]
    return Added(arguments=tuple(f"--config={_key(table)}.rustflags={_value(said.get(table, ()), flags)}" for table in tables))


def _variable(environ: Mapping[str, str]) -> list[str] | None:
    if "CARGO_ENCODED_RUSTFLAGS" in environ:
        return [flag for flag in environ["CARGO_ENCODED_RUSTFLAGS"].split(SEPARATOR) if flag]
    return environ["RUSTFLAGS"].split() if "RUSTFLAGS" in environ else None


def _key(table: str) -> str:
    return table if table == "build" else f"target.{json.dumps(table)}"


def _value(theirs: str | tuple[str, ...], flags: Sequence[str]) -> str:
    """Return a value that cargo joins to a list, and takes in place of a text."""
    return json.dumps(f"{theirs} {' '.join(flags)}" if isinstance(theirs, str) else list(flags))
