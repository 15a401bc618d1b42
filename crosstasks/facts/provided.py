"""Pure: what earlier calls put into our cache."""

from __future__ import annotations

from msgspec import Struct

from .rustup import Toolchain


class Provided(Struct, frozen=True, kw_only=True):
    """What lies in our cache, whole: *toolchains* in our RUSTUP_HOME; *tools* are names of complete entries in ``tools``."""

    home: str
    toolchains: tuple[Toolchain, ...] = ()
    tools: tuple[str, ...] = ()
