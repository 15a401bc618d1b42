"""What is written to the cache folder."""

from __future__ import annotations

import os
import stat

import pytest

from crosstasks import cache


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_rights_that_the_umask_leaves(mask, mode, tmp_path):
    """A cache that a team shares can be read by all of it; nothing but the file is left."""
    before = os.umask(mask)
    try:
        cache.write(tmp_path / "answers" / "one.json", "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "answers" / "one.json").stat().st_mode) == mode
    assert os.listdir(tmp_path / "answers") == ["one.json"]


def test_a_file_that_cannot_be_written_is_named_itself(tmp_path):
    """Not the draft that would have taken its place; nothing is left of that."""
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file") as caught:
        cache.write(tmp_path / "file", "x")
    assert str(tmp_path / "file") == caught.value.filename
    assert ["file"] == [path.name for path in tmp_path.iterdir()]
