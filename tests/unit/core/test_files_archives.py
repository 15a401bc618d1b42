"""What of an archive is taken out, and what is wrong with the rest."""

from __future__ import annotations

import io
import tarfile
from pathlib import PurePosixPath

import pytest

from crosstasks.core import files

DIR, LINK = tarfile.DIRTYPE, tarfile.SYMTYPE
KIND, OUT, BEHIND = "it is neither file, folder nor symbolic link", "it leads out of its folder", "it lies behind a link"


def entry(name, kind=tarfile.REGTYPE, link=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, 0o7777
    return made


def archive(*entries):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for one in entries:
            tar.addfile(one)
    stream.seek(0)
    return tarfile.open(fileobj=stream)


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (entry("a"), ""),
        (entry("a", DIR), ""),
        (entry("a", LINK, "b"), ""),
        (entry("bin/a", LINK, "../lib/b"), ""),
        (entry("bin/a", LINK, "sub/../../b"), ""),
        (entry("a", LINK, "sub/../b"), ""),
        (entry("a", tarfile.LNKTYPE, "b"), KIND),
        (entry("a", tarfile.CHRTYPE), KIND),
        (entry("a", tarfile.FIFOTYPE), KIND),
        (entry("/etc/a"), OUT),
        (entry("../a"), OUT),
        (entry("a/../b"), OUT),
        (entry("link"), BEHIND),
        (entry("link/a"), BEHIND),
        (entry("link/a/b", LINK, "c"), BEHIND),
        (entry("linked"), ""),
        (entry("a", LINK, "/etc"), "it is a link to '/etc', out of its folder"),
        (entry("a", LINK, ".."), "it is a link to '..', out of its folder"),
        (entry("bin/a", LINK, "../../b"), "it is a link to '../../b', out of its folder"),
        (entry("bin/a", LINK, "../../bin/b"), "it is a link to '../../bin/b', out of its folder"),
    ],
    ids=lambda value: f"{value.name} {value.type} {value.linkname}" if isinstance(value, tarfile.TarInfo) else "",
)
def test_what_is_wrong_with_a_member(member, problem):
    """A link came before it; one that goes out on the way leads out, though it comes back."""
    assert problem == files.unfit(member, {PurePosixPath("link")})


@pytest.mark.parametrize("filtered", [True, False], ids=["Python's filter", "without it"])
def test_all_but_folders_is_told_and_no_rights_come_along(tmp_path, monkeypatch, filtered):
    """As they stand in the archive; nobody else may write, and nothing runs as its owner."""
    if filtered and not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python has no filter")
    real, options = tarfile.TarFile.extract, []

    def extract(tar, entry, folder, **given):
        options.append(given)
        real(tar, entry, folder, **given)

    monkeypatch.setattr(tarfile.TarFile, "extract", extract)
    if not filtered:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
        monkeypatch.setattr(tarfile.TarFile, "extraction_filter", staticmethod(lambda member, _: member), raising=False)
    with archive(entry("bin", DIR), entry("bin/b"), entry("bin/a", LINK, "b")) as tar:
        assert ["bin/b", "bin/a"] == files.extract(tar, tmp_path)
    assert [{"filter": "data"} if filtered else {}] * 3 == options
    assert (0o755, "b") == ((tmp_path / "bin" / "b").stat().st_mode & 0o7777, (tmp_path / "bin" / "a").readlink().name)


def test_what_came_before_a_member_that_is_wrong_stays(tmp_path):
    """The error names it, and what is wrong."""
    with archive(entry("a"), entry("b", LINK, "a"), entry("b/c"), entry("d")) as tar, pytest.raises(files.UnfitError) as caught:
        files.extract(tar, tmp_path)
    assert ("b/c", BEHIND, f"'b/c': {BEHIND}") == (caught.value.name, caught.value.problem, str(caught.value))
    assert ["a", "b"] == sorted(path.name for path in tmp_path.iterdir())
