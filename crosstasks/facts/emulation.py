"""Pure: which foreign programs the kernel hands to an emulator."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class Registration(Struct, frozen=True, kw_only=True):
    """One binfmt_misc entry. *fixed* is the flag ``F``: the interpreter is open, so it works in containers too."""

    name: str
    interpreter: str
    flags: str = ""
    enabled: bool = True

    @property
    def fixed(self) -> bool:
        """Containers can use it."""
        return "F" in self.flags


class Emulation(Struct, frozen=True, kw_only=True):
    """Registered emulators by architecture as Rust names it; *programs* are QEMU's on PATH by the same key."""

    registered: Mapping[str, Registration] = {}
    programs: Mapping[str, str] = {}
