"""Folders that are whole or not there, and what is compared in them."""

from __future__ import annotations

import pytest

from crosstasks.core import cache, files


def filled(folder):
    """Put a program and another file into a folder."""
    (folder / "bin").mkdir()
    (folder / "bin/tool").write_text("tool")
    (folder / "lib").mkdir()
    (folder / "lib/part").write_text("part")
    (folder / "lib/link").symlink_to("part")


@pytest.fixture
def made(tmp_path):
    """A folder that was made once."""
    return cache.make_once(tmp_path / "tool", filled, ["bin/*"])


def test_it_is_made_once(made):
    """The second call finds it; no draft is left."""
    cache.make_once(made, lambda _draft: pytest.fail("made twice"), ["bin/*"])
    assert ["tool"] == [path.name for path in made.parent.iterdir() if path.is_dir()]


def test_every_file_is_noted(made):
    """A link is no file of its own."""
    names = [[line.partition("  ")[2] for line in (made / listed).read_text().splitlines()] for listed in (cache.ALL, cache.COMPLETE)]
    assert [["bin/tool", "lib/part"], ["bin/tool"]] == names


@pytest.mark.parametrize(
    ("name", "content", "wrong"),
    [
        ("bin/tool", "toll", "bin/tool is not what was installed"),
        ("bin/tool", None, "bin/tool is not what was installed"),
        (".complete", "", "it has no checksums"),
        (".complete", None, "it is incomplete"),
        (".complete", "0\n", ".complete is not what was installed"),
        (".complete", "12  bin/tool\n34  ..\n", "bin/tool is not what was installed, and 1 more"),
        (".complete", b"\xff", ".complete is not what was installed"),
        (".complete", b"12  bin/\0\0\0", "bin/\0\0\0 is not what was installed"),
    ],
)
def test_what_was_damaged_is_made_anew(made, name, content, wrong):
    """Changed, gone, or noted wrongly, or not at all, as by an older crosstasks: it is said, and then it is whole."""
    if content is None:
        (made / name).unlink()
    else:
        (made / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    assert wrong == cache.mismatch(made)
    said = []
    cache.make_once(made, filled, ["bin/*"], said.append)
    assert [f"{made} is made anew: {wrong}"] == said
    assert ("", ()) == (cache.mismatch(made), cache.changed_files(made))


def test_a_draft_that_failed_changes_nothing(made):
    """What was damaged stays, and does not count."""
    (made / "bin/tool").write_text("toll")

    def fail(_draft):
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        cache.make_once(made, fail, ["bin/*"])
    assert cache.mismatch(made)
    assert ["tool"] == [path.name for path in made.parent.iterdir() if path.is_dir()]


def test_drafts_of_killed_calls_are_swept(tmp_path):
    """Whoever makes a folder removes what was left of it, and of no other."""
    for name in (".tool.abc", ".tool.abc.old", ".toolbox.abc"):
        (tmp_path / name).mkdir()
    cache.make_once(tmp_path / "tool", filled, ["bin/*"])
    assert [".toolbox.abc", "tool"] == sorted(path.name for path in tmp_path.iterdir() if path.is_dir())


def test_all_files_are_compared_when_asked(made):
    """What is not compared each time is found then; what came later is nobody's business."""
    (made / "lib/later").write_text("later")
    assert () == cache.changed_files(made)
    (made / "lib/part").write_text("port")
    assert ("", ("lib/part",)) == (cache.mismatch(made), cache.changed_files(made))
    (made / cache.ALL).unlink()
    assert () == cache.changed_files(made)


def test_what_is_noted_is_not_read_again(tmp_path, monkeypatch):
    """Of a toolchain of sixty targets the next one reads its own files; damage of the others is not noted as good."""
    (tmp_path / "old").write_text("as installed")
    cache.note_checksums(tmp_path)
    (tmp_path / "old").write_text("damaged")
    (tmp_path / "new").write_text("added")
    read = []
    monkeypatch.setattr(cache, "_hash", lambda path: read.append(path.name) or files.sha256(path))
    cache.note_checksums(tmp_path)
    assert ["new"] == read
    assert ("old",) == cache.changed_files(tmp_path)
    assert () == cache.changed_files(tmp_path, but=("old",))
