"""Pure: what earlier calls put into our cache."""

from __future__ import annotations

from msgspec import Struct

from .rustup import Toolchain


class Provided(Struct, frozen=True, kw_only=True):
    """What lies in our cache, whole.

    Attributes:
        home: our RUSTUP_HOME; *toolchains* are those in it.
        tools_home: the folder of tools; *tools* are the names of the complete entries in it.
    """

    home: str
    toolchains: tuple[Toolchain, ...] = ()
    tools_home: str
    tools: tuple[str, ...] = ()
