"""Let the kernel run arm64 programs: Debian's static QEMU, registered with the flag F through a container that may mount its table."""

from __future__ import annotations

import subprocess
from pathlib import Path

from facts_registry import unpacked
from filelock import FileLock

NAME = "qemu-aarch64"
TABLE = Path("/proc/sys/fs/binfmt_misc")
MAGIC = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
REGISTER = f"""
set -e
busybox mkdir -p /table
busybox mount -t binfmt_misc binfmt_misc /table
[ -e /table/{NAME} ] || printf '%s' ':{NAME}:M:0:{MAGIC}:{MASK}:/qemu/usr/bin/qemu-aarch64-static:OCF' >/table/register
busybox cat /table/{NAME}
"""
ALLOWED = ("--cap-add=SYS_ADMIN", "--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined")
"""What mounting the kernel's table takes; a privileged container has it as well, and a machine may not allow one."""


def mount_table(cache: Path) -> None:
    """Mount the kernel's table if it is not. It stays: where nothing holds it, what is registered goes with it (seen with Linux 6.18)."""
    with FileLock(cache / ".table.lock"):
        if not TABLE.joinpath("status").exists():
            subprocess.run(("mount", "-t", "binfmt_misc", "binfmt_misc", str(TABLE)), check=True, capture_output=True)


def arm64_runs(cache: Path, busybox: str) -> None:
    """Register QEMU for arm64 unless something is. Root is needed only where the kernel's table is not mounted.

    It stays: the table is the machine's, and another test may be using it by now.
    """
    mount_table(cache)
    folder = cache / "qemu"
    with FileLock(cache / ".qemu.lock"):
        if not (folder / "root" / "usr/bin/qemu-aarch64-static").exists():
            unpacked(folder, "qemu-user-static")
    argv = ("docker", "run", "--rm", "--network=none", *ALLOWED, "--volume", f"{folder}/root:/qemu:ro", busybox, "sh", "-c", REGISTER)
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "enabled" in done.stdout
    assert "F" in done.stdout.partition("flags: ")[2].partition("\n")[0], done.stdout
