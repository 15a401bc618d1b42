"""Files and folders are written completely or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from pathlib import Path

import pytest

from crosstasks.core import files


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_has_the_rights_that_the_umask_leaves(mask, mode, tmp_path):
    """A cache that a team shares can be read by all of it; nothing but the file is left."""
    before = os.umask(mask)
    try:
        files.write(tmp_path / "answers" / "one.json", "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "answers" / "one.json").stat().st_mode) == mode
    assert os.listdir(tmp_path / "answers") == ["one.json"]


def test_a_file_that_cannot_be_written_is_named_itself(tmp_path):
    """Not the draft that would have taken its place; nothing is left of that."""
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file") as caught:
        files.write(tmp_path / "file", "x")
    assert str(tmp_path / "file") == caught.value.filename
    assert ["file"] == [path.name for path in tmp_path.iterdir()]


def test_an_error_in_the_block_leaves_the_file_as_it_was(tmp_path):
    """Another file's error keeps its name."""
    path = tmp_path / "file"
    path.write_text("before")
    with pytest.raises(FileNotFoundError) as caught, files.draft(path) as file:
        file.write((tmp_path / "other").read_bytes())
    assert caught.value.filename == str(tmp_path / "other")
    assert path.read_text() == "before"
    assert ["file"] == os.listdir(tmp_path)


@pytest.mark.parametrize("sync", [True, False])
def test_the_disk_has_what_was_waited_for(tmp_path, monkeypatch, sync):
    """All of it, before the file has its name."""
    synced = []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append((os.fstat(number).st_size, os.path.exists(tmp_path / "file"))))
    with files.draft(tmp_path / "file", sync=sync) as file:
        file.write(b"text")
    assert synced == ([(4, False)] if sync else [])


def test_the_checksum_of_a_file(tmp_path):
    """A path and an open file have the same; of an open one, what has been read does not count."""
    content = b"x" * 3_000_000
    (tmp_path / "file").write_bytes(content)
    assert files.sha256(tmp_path / "file") == files.sha256(io.BytesIO(content)) == hashlib.sha256(content).hexdigest()
    file = io.BytesIO(b"ab")
    file.read(1)
    assert files.sha256(file) == hashlib.sha256(b"b").hexdigest()


def test_a_draft_of_a_killed_call_is_removed(tmp_path):
    """And the own one too, unless it was renamed; another folder's drafts are left."""
    (tmp_path / ".tool.dead").mkdir()
    (tmp_path / ".tools.other").mkdir()
    with files.draft_folder(tmp_path / "tool") as draft:
        assert not (tmp_path / ".tool.dead").exists()
        assert draft.is_dir()
    assert [".tools.other"] == os.listdir(tmp_path)


def test_what_cannot_be_removed_hinders_nobody(tmp_path, monkeypatch):
    """It is left to the next call."""
    for left in (".tool.dead", "new", "new.old", "folder"):
        (tmp_path / left).mkdir()

    def refuse(*_, **__):
        raise PermissionError

    monkeypatch.setattr(os, "rmdir", refuse)
    with files.draft_folder(tmp_path / "tool") as draft:
        assert draft.is_dir()
    assert {".tool.dead", draft.name} <= set(os.listdir(tmp_path))


def test_a_folder_that_cannot_be_replaced_stays(tmp_path):
    """The old one has its name back."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with pytest.raises(FileNotFoundError):
        files.replace_folder(tmp_path / "missing", tmp_path / "folder")
    assert ["old"] == os.listdir(tmp_path / "folder")
    assert ["folder"] == os.listdir(tmp_path)


def test_a_folder_that_was_replaced_just_before_a_ctrl_c_is_as_before(tmp_path, monkeypatch):
    """Its new name is taken away again, and nothing else hides the interrupt."""
    for name in ("folder", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    rename = Path.rename

    def interrupted(path, target):
        rename(path, target)
        if path.name == "new":
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.replace_folder(tmp_path / "new", tmp_path / "folder")
    assert (["folder"], ["folder"]) == (os.listdir(tmp_path / "folder"), os.listdir(tmp_path))


def test_a_folder_is_removed_whole(tmp_path, monkeypatch):
    """What a killed call left aside goes first; what cannot be removed stays aside, and the next call removes it."""
    folder, aside = tmp_path / "folder", tmp_path / "aside"
    for left in (False, True):
        (folder / "deep").mkdir(parents=True)
        if left:
            (aside / "rest").mkdir(parents=True)
        files.remove_folder(folder, aside)
        assert [] == os.listdir(tmp_path)

    folder.mkdir()

    def refuse(*_, **__):
        raise PermissionError

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", refuse)
        files.remove_folder(folder, aside)
        assert ["aside"] == os.listdir(tmp_path)
    folder.mkdir()
    files.remove_folder(folder, aside)
    assert [] == os.listdir(tmp_path)


def test_a_folder_takes_the_place_of_another(tmp_path):
    """Folders above are made; what a killed call left of the old one goes too."""
    folder = tmp_path / "a" / "folder"
    for name in ("one", "two", "three"):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / name).touch()
        if name == "three":
            (tmp_path / "new.old").mkdir()
        files.replace_folder(tmp_path / "new", folder)
        assert ([name], ["a"]) == (os.listdir(folder), os.listdir(tmp_path))
