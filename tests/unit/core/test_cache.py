"""What is written to the cache folder."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest

from crosstasks.core import cache
from crosstasks.core.errors import DiskFull, ToolMissing
from crosstasks.extras.maintenance import cleaning


@pytest.mark.parametrize(
    ("number", "refused"),
    [(errno.EDQUOT, "Disk quota exceeded: 50 MB are needed"), (errno.ENOSPC, "No space left"), (errno.EOPNOTSUPP, "")],
)
def test_a_quota_is_found_by_asking_for_the_bytes(tmp_path, monkeypatch, number, refused):
    """No figure of the disk holds it; a file system that cannot promise bytes is taken at its figures. Nothing is left of the asking."""

    def allocate(_file, _start, _size):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(cache.os, "posix_fallocate", allocate, raising=False)
    if refused:
        with pytest.raises(DiskFull, match="is full") as caught:
            cache.prepare(tmp_path)
        assert refused in caught.value.why
    else:
        cache.prepare(tmp_path)
    assert ["CACHEDIR.TAG"] == os.listdir(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", "/x"),
        OSError(errno.EDQUOT, "Disk quota exceeded", "/x"),
        ToolMissing("pip failed", why="OSError: [Errno 122] Disk quota exceeded"),
        ToolMissing("tar failed", why="tar: x: Cannot write: No space left on device"),
    ],
)
def test_a_full_disk_is_told_from_all_else(error):
    """By the number, or by a program's words; a quota is one too."""
    with pytest.raises(DiskFull, match="a disk is full") as caught, cache.room("x"):
        raise error
    assert "CROSSTASKS_CACHE_DIR" in caught.value.hint


def test_all_that_is_in_the_cache_is_cleaned_away():
    """What the table tells of, and what is named anywhere else; a rest would keep the folder, without its mark."""
    told = set(re.findall(r"^    (\w+)/", cache.__doc__, re.MULTILINE))
    sources = [path.read_text("utf-8") for path in Path(cache.__file__).parents[1].rglob("*.py")]
    named = {name for text in sources for name in re.findall(r"work\.cache / \"(\w+)\"", text)}
    assert (told, named - told) == (set(cleaning.ENTRIES), set())
