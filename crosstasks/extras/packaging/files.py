"""Write files of a release: whole or not at all, readable by all, and a full disk is said to be one."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ...core.errors import CrosstasksError


@contextmanager
def placed(path: Path) -> Iterator[IO[bytes]]:
    """
    Give a file to write to, which takes its name when all is written.

    Raises:
        CrosstasksError: it cannot be written; nothing is left of it.
    """
    draft = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(draft).chmod(0o644)
        Path(draft).replace(path)
    except OSError as error:
        hint = "make room, and call again: what is finished is kept" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
        raise CrosstasksError(f"{path} cannot be written", why=error.strerror or str(error), hint=hint) from error
    finally:
        if draft:
            Path(draft).unlink(missing_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a small file; one that says the same already is left as it is."""
    if path.is_file() and path.read_bytes() == content:
        return
    with placed(path) as file:
        file.write(content)


def sha256(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
