"""Act: read the files of a package, streamed."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ..errors import ToolMissing


def members(deb: Path) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """
    Read the files of a package one by one, streamed: nothing is unpacked on the disk.

    Raises:
        ToolMissing: the package cannot be read to its end.
    """
    broken = ""
    try:
        child = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    except FileNotFoundError:
        raise ToolMissing("dpkg-deb is not here, and Debian's packages are read with it") from None
    try:
        with tarfile.open(fileobj=child.stdout, mode="r|") as archive:
            for member in archive:
                yield member, archive.extractfile(member) if member.isreg() else None
    except tarfile.TarError as error:
        broken = str(error)
    except BaseException:
        child.kill()
        raise
    finally:
        _, err = child.communicate()
    if broken or child.returncode:
        why = err.decode(errors="replace").strip() or broken
        raise ToolMissing(f"{deb.name} cannot be read", why=why, hint=f"remove {deb}, and try again")


__all__ = ["members"]
