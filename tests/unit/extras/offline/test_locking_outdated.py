"""What upstream serves, compared with what is locked."""

from __future__ import annotations

import pytest

from crosstasks.extras.offline.locking import Row, compare_registry, newest, outdated_text
from crosstasks.facts.lock import LockRow
from crosstasks.testing import served

REF = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"
BOTH, FOR_BOTH = ("linux/amd64", "linux/arm64"), "for linux/amd64, linux/arm64"
SAME, MOVED = "sha256:" + "2" * 64, "sha256:" + "3" * 64


def row(**changes):
    ready = {"builder": "cross", "platform": "linux/arm64", "toolchain": "1.96.0"}
    return LockRow(**ready | changes)


@pytest.mark.parametrize(
    ("held", "platforms", "locked", "new", "note"),
    [
        (MOVED, ("linux/arm64",), row(digest=MOVED), True, "the tag has moved; for linux/arm64"),
        ("", BOTH, row(recipe="1"), True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        ("", BOTH, row(builder="zigbuild", platform=""), True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        ("", BOTH, None, True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        (SAME, BOTH, row(digest=SAME, platform="linux/amd64"), True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        (
            *(MOVED, BOTH, row(digest=MOVED, platform="linux/amd64"), True),
            f"the tag has moved; an image for linux/arm64 is there now; {FOR_BOTH}",
        ),
        ("", ("linux/amd64",), row(recipe="1"), False, "for linux/amd64"),
        (SAME, ("linux/arm64",), row(digest=SAME), False, "for linux/arm64"),
    ],
)
def test_an_arm64_engine_learns_of_native_images(held, platforms, locked, new, note):
    """The table of the docstring."""
    answer = compare_registry(served(REF, *platforms), held, "linux/arm64", (locked,))
    assert answer == (SAME, new, note)


@pytest.mark.parametrize(
    ("ref", "tags", "found"),
    [
        (REF, ("0.2.4", "0.2.5", "main", "latest"), ""),
        (REF, ("0.2.5", "0.2.10", "0.2.6", "0.3.0-centos", "main"), "0.2.10"),
        ("registry:5000/x:1.9", ("1.10", "1.9"), "1.10"),
        ("registry:5000/x:main", ("0.3.0",), ""),
        ("registry:5000/x", ("0.3.0",), ""),
        (f"registry:5000/x@{SAME}", ("0.3.0",), ""),
    ],
)
def test_a_tag_of_a_higher_version(ref, tags, found):
    """Numbers as numbers; what is no version is no older or newer one."""
    assert newest(ref, tags) == found
    note = compare_registry(served(ref, "linux/arm64"), SAME, "linux/arm64", (), tags).note
    assert (f"there is {found}; " in note) is bool(found)


def test_what_is_new_comes_first():
    """Then what did not answer."""
    rows = [Row(what="a", state="current"), Row(what="b", state="unknown"), Row(what="c", state="new", current=SAME)]
    assert [line.split()[0] for line in outdated_text(rows).splitlines()] == ["state", "new", "unknown", "current"]
