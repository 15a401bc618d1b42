"""A reference to an image is taken apart in one place."""

from __future__ import annotations

import pytest

from crosstasks.core.references import parse, with_prefix

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("ref", "parts"),
    [
        ("ubuntu", ("", "ubuntu", "", "")),
        ("ubuntu:22.04", ("", "ubuntu", "22.04", "")),
        ("cross-rs/aarch64:0.2.5", ("", "cross-rs/aarch64", "0.2.5", "")),
        ("ghcr.io/cross-rs/aarch64:0.2.5", ("ghcr.io", "cross-rs/aarch64", "0.2.5", "")),
        ("localhost/a", ("localhost", "a", "", "")),
        ("host:5000/a/b/c", ("host:5000", "a/b/c", "", "")),
        (f"host:5000/a:1@{DIGEST}", ("host:5000", "a", "1", DIGEST)),
        (f"a@{DIGEST}", ("", "a", "", DIGEST)),
        ("[::1]:5000/a:1", ("[::1]:5000", "a", "1", "")),
    ],
)
def test_the_parts_of_a_reference(ref, parts):
    """A port is no tag, and the first part is a registry only if it looks like one."""
    assert parts == tuple(parse(ref))


@pytest.mark.parametrize(
    ("ref", "name", "version"),
    [
        ("ubuntu", "registry-1.docker.io/library/ubuntu", "latest"),
        ("docker.io/ubuntu:22.04", "registry-1.docker.io/library/ubuntu", "22.04"),
        ("cross-rs/a", "registry-1.docker.io/cross-rs/a", "latest"),
        (f"ghcr.io/cross-rs/a:1@{DIGEST}", "ghcr.io/cross-rs/a", DIGEST),
    ],
)
def test_what_a_registry_is_asked_for(ref, name, version):
    """Docker's own registry is meant where none is named."""
    assert (name, version) == (parse(ref).with_server.name, parse(ref).version)


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("ghcr.io/cross-rs/a:1", "host:5000/m/cross-rs/a:1"),
        ("cross-rs/a:1", "host:5000/m/cross-rs/a:1"),
        (f"ghcr.io/a@{DIGEST}", f"host:5000/m/a@{DIGEST}"),
    ],
)
def test_the_copy_in_a_mirror(ref, expected):
    """Only the registry is another."""
    assert expected == with_prefix(ref, "host:5000/m/")
