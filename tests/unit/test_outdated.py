"""What upstream serves, compared with what is locked."""

from __future__ import annotations

import pytest

from crosstasks.facts.lock import Locked
from crosstasks.outdated import Row, judged, text
from crosstasks.testing import served

REF = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"
SAME, MOVED = "sha256:" + "2" * 64, "sha256:" + "3" * 64


def row(**changes):
    ready = {"builder": "cross", "platform": "linux/arm64", "toolchain": "1.96.0"}
    return Locked(**ready | changes)


@pytest.mark.parametrize(
    ("held", "platforms", "locked", "state", "note"),
    [
        (MOVED, ("linux/arm64",), row(digest=MOVED), "new", "the tag has moved; for linux/arm64"),
        ("", ("linux/amd64", "linux/arm64"), row(recipe="1"), "new", "an image for linux/arm64 is there now"),
        ("", ("linux/amd64", "linux/arm64"), row(builder="zigbuild", platform=""), "new", "an image for linux/arm64 is there now"),
        ("", ("linux/amd64", "linux/arm64"), None, "new", "an image for linux/arm64 is there now"),
        (SAME, ("linux/amd64", "linux/arm64"), row(digest=SAME, platform="linux/amd64"), "new", "the image is for linux/arm64 as well now"),
        ("", ("linux/amd64",), row(recipe="1"), "current", "for linux/amd64"),
        (SAME, ("linux/arm64",), row(digest=SAME), "current", "for linux/arm64"),
    ],
)
def test_an_arm64_engine_learns_of_native_images(held, platforms, locked, state, note):
    """The table of the docstring."""
    found = judged(served(REF, *platforms), held, ("aarch64-unknown-linux-gnu",), "linux/arm64", {"aarch64-unknown-linux-gnu": locked})
    assert (found.state, found.note, found.upstream) == (state, note, SAME)


def test_what_is_new_comes_first():
    """Then what did not answer."""
    rows = [Row(what="a", state="current"), Row(what="b", state="unknown"), Row(what="c", state="new", current=SAME)]
    assert [line.split()[0] for line in text(rows).splitlines()] == ["state", "new", "unknown", "current"]
