"""What is written to the cache folder."""

from __future__ import annotations

import errno
import os
import re
import shutil
from pathlib import Path

import pytest

from crosstasks.core import cache
from crosstasks.core.errors import BuildFailed, ConfigError, DiskFull, ToolMissing
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
        shutil.Error([("/x/a", "/y/a", "[Errno 28] No space left on device: '/y/a'")]),
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
    named = {name for text in sources for name in re.findall(r"\.cache / \"(\w+)\"", text)}
    assert (told, named - told) == (set(cleaning.ENTRIES), set())


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "Permission denied"),
        (OSError(errno.EROFS, "Read-only", "/x"), "Read-only"),
    ],
)
def test_what_is_closed_to_us_is_the_users_to_open(error, why):
    """No other route would help; the variables that name other folders are told."""
    with pytest.raises(ConfigError) as raised, cache.room("x"):
        raise error
    hint = "let it be written; CARGO_TARGET_DIR and CROSSTASKS_CACHE_DIR name other folders"
    assert ("x: /x cannot be used", why, hint) == (raised.value.what, raised.value.why, raised.value.hint)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), BuildFailed("no space left on device"), ToolMissing("pip failed")])
def test_what_is_no_full_disk_stays_what_it_is(error):
    """A crate's own error may speak of a disk as it likes."""
    with pytest.raises(type(error)) as raised, cache.room("x"):
        raise error
    assert error is raised.value


def test_a_cache_that_cannot_be_used_is_told(tmp_path, monkeypatch):
    """With how to name another: a file in its place, a folder that is closed, and a file system that runs no programs."""
    (tmp_path / "file").touch()
    whys = []
    for change in (
        lambda: None,
        lambda: monkeypatch.setattr(os, "access", lambda *_: False),
        lambda: monkeypatch.setattr(cache, "_runs_programs", lambda _: False),
    ):
        change()
        with pytest.raises(ConfigError) as raised:
            cache.prepare(tmp_path / ("file" if not whys else "folder"))
        whys.append(raised.value.why)
        assert "name another with CROSSTASKS_CACHE_DIR" == raised.value.hint
        if len(whys) == 2:
            monkeypatch.undo()
    assert ["File exists", "not writable", "its file system is mounted noexec, and toolchains could not be run"] == whys


def test_who_waits_for_another_says_so(tmp_path, monkeypatch):
    """Once, and goes on as soon as the other is done."""
    monkeypatch.setattr(cache, "PATIENCE", 0.01)
    other, lines = cache.lock(tmp_path / "tool", str), []

    def say(line):
        lines.append(line)
        other.__exit__(None, None, None)

    other.__enter__()
    with cache.lock(tmp_path / "tool", say):
        assert [f"waiting for another crosstasks, which is making {tmp_path / 'tool'}"] == lines
