"""Act: take a tar archive that is not trusted out into a folder: nothing lands elsewhere, and nobody's rights come along.

Python's own filter (PEP 706) came with 3.11.4; Debian 12 has 3.11.2. What it refuses is refused here beforehand, in words of ours.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath


class UnfitError(tarfile.TarError):
    """A member that no archive of ours has: *name* is its path, *problem* what is wrong with it."""

    def __init__(self, name: str, problem: str) -> None:
        """Say both."""
        super().__init__(f"{name!r}: {problem}")
        self.name = name
        self.problem = problem


def extract(tar: tarfile.TarFile, folder: Path) -> Sequence[str]:
    """
    Take every member out, and return the paths of all but folders.

    Args:
        tar: open for reading, also as a stream.
        folder: an empty one.

    Raises:
        UnfitError: a path or link leads out of the folder, or a member is of another kind; what was written before stays.
    """
    links: set[PurePosixPath] = set()
    written = []
    for entry in tar:
        problem = unfit(entry, links)
        if problem:
            raise UnfitError(entry.name, problem)
        if entry.issym():
            links.add(PurePosixPath(entry.name))
        _extract(tar, entry, folder)
        written += [] if entry.isdir() else [entry.name]
    return written


def _extract(tar: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        tar.extract(entry, folder, filter="data")
        return
    # what is left of the filter's work for a member that is fit: who owns it, and who may do what with it
    entry.uid, entry.gid, entry.uname, entry.gname = os.getuid(), os.getgid(), "", ""
    entry.mode &= 0o755
    tar.extract(entry, folder)


def unfit(entry: tarfile.TarInfo, links: set[PurePosixPath]) -> str:
    """Pure: say what is wrong with an entry; *links* are those that came before it. Empty if nothing is."""
    path = PurePosixPath(entry.name)
    if not (entry.isreg() or entry.isdir() or entry.issym()):
        return "it is neither file, folder nor symbolic link"
    if path.is_absolute() or ".." in path.parts:
        return "it leads out of its folder"
    if path in links or links.intersection(path.parents):
        return "it lies behind a link"
    if not entry.issym():
        return ""
    target = PurePosixPath(entry.linkname)
    depth = len(path.parts) - 1
    for part in target.parts:
        depth += -1 if part == ".." else 1
        if target.is_absolute() or depth < 0:
            return f"it is a link to {entry.linkname!r}, out of its folder"
    return ""
