"""Whose a container is: labels name its run and the process that started it, so that nothing is left when that is gone."""

from __future__ import annotations

import hashlib
import os
import re
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from . import process

RUN: Final = "crosstasks.run"
OWNER: Final = "crosstasks.owner"
MARK: Final = "owner"


def labels(run_id: str, name: str = "") -> tuple[str, ...]:
    """Return the labels of a container: its run and its owner, this process unless *name* is another; each for a ``--label``."""
    return (f"{RUN}={run_id}", f"{OWNER}={name or owner()}")


def owner(pid: int = 0) -> str:
    """Return what names a process, ours if *pid* is 0, among all machines: ``host:pid:start``; the start tells a reused pid."""
    pid = pid or os.getpid()
    return f"{host_id()}:{pid}:{_started(pid)}"


@cache
def host_id() -> str:
    """Return what names this boot of this machine, and where pids mean the same: two containers may share all but that."""
    parts: list[str] = []
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        with suppress(OSError):
            parts.append(Path(path).read_text("utf-8").strip())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    # a laptop's host name changes with its network
    return hashlib.sha256("\n".join(parts or [socket.gethostname()]).encode()).hexdigest()[:16]


def _started(pid: int) -> str:
    """Return when a process started; empty if there is none, or if it is dead and only not yet waited for."""
    if Path("/proc/self/stat").exists():
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            return "" if fields[0] in {"Z", "X"} else fields[19]
        return ""
    done = process.run(("ps", "-o", "lstart=", "-p", str(pid)), env={"LC_ALL": "C"}, timeout=10)  # macOS
    return re.sub(r"\W+", "-", done.out.strip())


def mark(folder: Path) -> None:
    """Note in a folder that it is this process's."""
    (folder / MARK).write_text(owner(), "utf-8")


def abandoned(folder: Path) -> bool:
    """Tell whether the owner of a marked folder is gone; one without a mark is taken for in use."""
    try:
        return not alive((folder / MARK).read_text("utf-8").strip())
    except OSError:
        return False


def alive(name: str) -> bool:
    """Tell whether the owner of a container lives; one that is not of this machine, or not named as ours are, is taken for living."""
    host, _, rest = name.partition(":")
    pid, _, started = rest.partition(":")
    if host != host_id() or not pid.isdigit():
        return True
    return bool(started) and _started(int(pid)) == started
