"""What GitHub tells of a published file, against the file here."""

from __future__ import annotations

import hashlib

import pytest

from crosstasks.extras.release.publish import _early, _same


def test_a_newer_gh_tells_the_checksum(tmp_path):
    """Then nothing is fetched; one of another size is another file at once."""
    path = tmp_path / "metadata.json"
    path.write_bytes(b"{}")
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    assert _same(None, "v1.0.0", path, {"size": 2, "digest": digest}, ())
    assert not _same(None, "v1.0.0", path, {"size": 2, "digest": "sha256:" + "0" * 64}, ())
    assert not _same(None, "v1.0.0", path, {"size": 3, "digest": digest}, ())


@pytest.mark.parametrize(
    ("version", "early"), [("1.0.0", False), ("1.0.0-preview.1", True), ("1.0.0-rc.1+x", True), ("1.0.0+dev-2", False)]
)
def test_what_comes_before_a_release_is_marked(version, early):
    """By the version alone: a v in it is none of the tag's."""
    assert early == _early(version)
