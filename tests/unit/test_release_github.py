"""What GitHub tells of a published file, against the file here."""

from __future__ import annotations

import hashlib

from crosstasks.release.github import _same


def test_a_newer_gh_tells_the_checksum(tmp_path):
    """Then nothing is fetched; one of another size is another file at once."""
    path = tmp_path / "metadata.json"
    path.write_bytes(b"{}")
    digest = f"sha256:{hashlib.sha256(b'{}').hexdigest()}"
    assert _same(None, "v1.0.0", path, {"size": 2, "digest": digest}, ())
    assert not _same(None, "v1.0.0", path, {"size": 2, "digest": "sha256:" + "0" * 64}, ())
    assert not _same(None, "v1.0.0", path, {"size": 3, "digest": digest}, ())
