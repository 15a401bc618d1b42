"""Look: which foreign programs the kernel hands to an emulator."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from ..catalog.targets import ARCHES
from ..core import files
from ..core.looking import BaseFacts, Look
from ..core.steps import Question

ASK: Final = "proc/sys/fs/binfmt_misc"

MOUNT: Final = ("mount", "-t", "binfmt_misc", "binfmt_misc", f"/{ASK}")
"""Makes the table stay; for root."""


class Registration(Struct, frozen=True, kw_only=True):
    """One binfmt_misc entry. *fixed* is the flag ``F``: the interpreter is open, so it works in containers too; *lost*: it is not there."""

    name: str
    interpreter: str
    flags: str = ""
    enabled: bool = True
    lost: bool = False

    @property
    def fixed(self) -> bool:
        """Containers can use it."""
        return "F" in self.flags


class Emulation(Struct, frozen=True, kw_only=True):
    """What runs foreign programs here, and who may set it up.

    Attributes:
        registered: emulators by architecture as Rust names it.
        programs: QEMU's on PATH by the same key.
        enabled: the kernel's table as a whole is on; *mounted*: this machine has it where all look for it.
        root: we are; and *terminal*: the user can be asked.
    """

    registered: Mapping[str, Registration] = {}
    programs: Mapping[str, str] = {}
    enabled: bool = True
    mounted: bool = True
    root: bool = False
    terminal: bool = False

    def running(self, arch: str) -> Registration | None:
        """Return the entry by which this machine starts an architecture's programs, if there is one that can."""
        entry = self.registered.get(arch)
        return entry if entry and self.enabled and entry.enabled and not entry.lost else None


_MACHINES: Final[Mapping[int, str]] = {3: "i386", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 258: "loongarch64"}
"""QEMU's names by ``e_machine`` of the ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""

_ELF: Final = "7f454c46"


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Emulation:
    """Read the kernel's table and PATH. Other systems keep it in the engine's machine, where it cannot be read."""
    terminal = look.terminal()
    if look.platform().system != "linux":
        return Emulation(terminal=terminal)
    registered = parse(_entries(look.root / ASK))

    def exists(entry: Registration) -> bool:
        return (look.root / entry.interpreter.lstrip("/")).exists()

    return Emulation(
        # with the flag F an interpreter is open, wherever it came from
        registered={arch: replace(entry, lost=not entry.fixed and not exists(entry)) for arch, entry in registered.items()},
        programs=_programs(look),
        enabled=files.read(look.root / ASK / "status").strip() != "disabled",
        mounted=is_mounted(look.root),
        root=os.geteuid() == 0,
        terminal=terminal,
    )


def is_mounted(root: Path) -> bool:
    """Tell whether the kernel's table is mounted on this machine.

    Where nothing else mounts it, a table goes with the container that did, and so does what was registered in it: seen with
    Linux 6.18, and said of all since 6.7, where it became one for each user namespace.
    """
    return (root / ASK / "status").exists()


def _entries(folder: Path) -> dict[str, str]:
    """Read the entries; none if it is not mounted, and a table that we may not read is as good as none."""
    try:
        names = sorted(path for path in folder.iterdir() if path.name not in {"register", "status"})
        return {path.name: path.read_text("utf-8", errors="replace") for path in names}
    except OSError:
        return {}


def parse(entries: Mapping[str, str]) -> dict[str, Registration]:
    """Read the table: by architecture, the entry that is enabled, and rather one that works in containers."""
    table: dict[str, Registration] = {}
    for name, text in entries.items():
        if entry := parse_entry(name, text):
            for arch in arches(_machine(name, text)):
                table[arch] = max(table.get(arch, entry), entry, key=lambda one: (one.enabled, one.fixed))
    return table


def arches(qemu: str) -> tuple[str, ...]:
    """Return the architectures that an emulator of QEMU's serves; ``arm`` serves several."""
    return tuple(name for name, row in ARCHES.items() if qemu and row.qemu == qemu)


def parse_entry(name: str, text: str) -> Registration | None:
    """Read one entry as the kernel prints it; None if it is none."""
    lines = text.splitlines()
    values = {key.rstrip(":"): value.strip() for key, _, value in (line.partition(" ") for line in lines)}
    if not lines or "interpreter" not in values:
        return None
    return Registration(name=name, interpreter=values["interpreter"], flags=values.get("flags", ""), enabled=lines[0] == "enabled")


def fault(entry: Registration | None) -> str:
    """Say what keeps containers from using an entry; empty if nothing is seen that does."""
    if entry is None:
        return "nothing is registered"
    if not entry.enabled:
        return "it is registered, and disabled"
    if entry.lost:
        return f"its interpreter {entry.interpreter} is not there"
    return "" if entry.fixed else "it lacks the flag F: containers have no such interpreter"


def _machine(name: str, text: str) -> str:
    """Return QEMU's name of what an entry runs: by its own name, else by the ELF header that it matches (``rosetta``)."""
    if name.startswith("qemu-"):
        return name.removeprefix("qemu-")
    magic = next((line.split()[1] for line in text.splitlines() if line.startswith("magic ")), "")
    if not magic.startswith(_ELF) or len(magic) < 40:
        return ""
    little = magic[10:12] == "01"
    machine = int.from_bytes(bytes.fromhex(magic[36:40]), "little" if little else "big")
    return _MACHINES.get(machine, "")


def _programs(look: Look) -> dict[str, str]:
    """Find QEMU's user emulators on PATH; a static one is taken first, since it needs nothing in a container."""
    paths = (path for folder in look.path for path in sorted(folder.glob("qemu-*")))
    programs: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: not path.name.endswith("-static")):
        for arch in arches(path.name.removeprefix("qemu-").removesuffix("-static")):
            programs.setdefault(arch, str(path))
    return programs
