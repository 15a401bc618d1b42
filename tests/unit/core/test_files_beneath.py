"""Files below a folder, reached without links."""

from __future__ import annotations

import os

import pytest

from crosstasks.core import files
from crosstasks.core.files import AstrayError


@pytest.fixture
def folder(tmp_path):
    """A folder with a file two levels down, and links, a pipe and a folder beside it."""
    place = tmp_path / "folder"
    (place / "a" / "b").mkdir(parents=True)
    (place / "a" / "b" / "file").write_text("inside")
    (place / "a" / "link").symlink_to("b")
    (place / "a" / "b" / "alias").symlink_to("file")
    os.mkfifo(place / "a" / "b" / "pipe")
    return place


def read(folder, *names):
    with files.open_file(folder, names) as handle:
        return os.read(handle, 100).decode()


def test_a_regular_file_is_read(folder, tmp_path):
    """Also where the folder itself is named by a link: that is the user's own choice."""
    (tmp_path / "named").symlink_to(folder)
    assert ["inside", "inside"] == [read(place, "a", "b", "file") for place in (folder, tmp_path / "named")]


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (("a", "b", "alias"), "it is not a regular file"),
        (("a", "b", "pipe"), "it is not a regular file"),
        (("a", "b"), "it is not a regular file"),
        (("a", "link", "file"), "link on the way to it is a link, or no folder"),
        (("a", "b", "file", "more"), "file on the way to it is a link, or no folder"),
    ],
)
def test_nothing_else_is(names, why, folder):
    """No link, no pipe, which would never end, no folder, and nothing behind a link; the error says which."""
    with pytest.raises(AstrayError, match=f"^{why}$"):
        read(folder, *names)


def test_what_is_not_there_is_not_found(folder):
    """That is another matter than what is refused."""
    with pytest.raises(FileNotFoundError):
        read(folder, "a", "none", "file")
    assert not (folder / "a" / "none").exists()


@pytest.mark.parametrize("path", ["/out/../secret", "/elsewhere/x", "/out", "/outside/x", "out/x"])
def test_a_path_that_leads_out_is_astray(path):
    """By `..`, by another folder, or by none."""
    with pytest.raises(AstrayError):
        files.path_parts(path, "/out")


def test_the_parts_of_a_path():
    """They are those below the folder."""
    assert ("x", "y") == files.path_parts("/out/x/y", "/out")


def test_a_copy_takes_time_and_rights_but_no_privileges(folder):
    """The set-user-id bit stays behind; folders are made; a link of the name is replaced, not followed."""
    source = folder / "a" / "b" / "file"
    source.chmod(0o4755)
    os.utime(source, ns=(1_000_000_000, 2_000_000_007))
    (folder / "new").mkdir()
    (folder / "new" / "copy").symlink_to(folder / "a" / "b" / "pipe")
    with files.open_file(folder, ("a", "b", "file")) as handle:
        files.copy_beneath(handle, folder, ("new", "copy"))
        files.copy_beneath(handle, folder, ("newer", "below", "copy"))
    made = folder / "newer" / "below" / "copy"
    assert ("inside", 0o755, 2_000_000_007) == (made.read_text(), made.stat().st_mode & 0o7777, made.stat().st_mtime_ns)
    assert not (folder / "new" / "copy").is_symlink()
    assert ["copy"] == os.listdir(folder / "new")


def test_nothing_is_copied_behind_a_link(folder):
    """A folder on the way that is a link is refused."""
    with files.open_file(folder, ("a", "b", "file")) as handle, pytest.raises(AstrayError):
        files.copy_beneath(handle, folder, ("a", "link", "copy"))
