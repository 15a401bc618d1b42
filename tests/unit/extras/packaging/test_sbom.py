"""An SBOM lists what cargo builds for one target, and is what CycloneDX's own schema wants."""

from __future__ import annotations

import json

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from crosstasks.extras.packaging.product import Crate, Product
from crosstasks.extras.packaging.sbom import Component, document, parse

ALL = """\
0whereami v0.2.0 (/home/user/hello/crates/whereami)\tMIT
1place v0.2.0 (/home/user/hello/crates/place)\tMIT
2rows v0.2.0 (proc-macro) (/home/user/hello/crates/rows)\tMIT
2serde v1.0.229\tMIT OR Apache-2.0
3serde_derive v1.0.229 (proc-macro)\tMIT OR Apache-2.0
2cc v1.11.3\tMIT/Apache-2.0
1ours v0.1.0 (https://git.example.org/ours?branch=main#abcd1234)\t
1serde v1.0.229\tMIT OR Apache-2.0 (*)
"""
SHIPPED = """\
0whereami v0.2.0 (/home/user/hello/crates/whereami)\tMIT
1place v0.2.0 (/home/user/hello/crates/place)\tMIT
2serde v1.0.229\tMIT OR Apache-2.0
1ours v0.1.0 (https://git.example.org/ours?branch=main#abcd1234)\t
"""
CHECKSUMS = {"serde-1.0.229": "ab" * 32}
CRATE = Crate(name="whereami", version="0.2.0", folder="/", tag="v0.2.0", binaries=("whereami",))
PRODUCT = Product(name="whereami", version="0.2.0", tag="v0.2.0", crates=(CRATE,))


@pytest.fixture(scope="module")
def made():
    return document(PRODUCT, "aarch64-unknown-linux-gnu", parse(ALL), parse(SHIPPED), CHECKSUMS, {"features": "tls"}, 1_700_000_000)


def test_the_document_is_valid(made):
    """By the schema itself, strictly."""
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(made.decode()) is None


def test_what_ends_in_the_program_is_told_from_what_builds_it(made):
    """Build scripts' crates and macros are listed, and marked as excluded; the program itself is no component of its own."""
    scopes = {one["name"]: one["scope"] for one in json.loads(made)["components"]}
    assert scopes == {
        "cc": "excluded",
        "ours": "required",
        "place": "required",
        "rows": "excluded",
        "serde": "required",
        "serde_derive": "excluded",
    }


def test_a_component_can_be_found_again(made):
    """By its package URL, its checksum in Cargo.lock and its licence, an old slash written as SPDX has it."""
    listed = {one["name"]: one for one in json.loads(made)["components"]}
    assert listed["serde"]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert listed["cc"]["licenses"] == [{"expression": "MIT OR Apache-2.0"}]
    assert listed["ours"]["purl"].startswith("pkg:cargo/ours@0.1.0?vcs_url=git%2Bhttps%3A%2F%2Fgit.example.org")
    assert b"/home/user" not in made


def test_dependencies_are_those_of_cargo(made):
    """What is shown a second time has its dependencies from the first."""
    edges = {one["ref"]: one["dependsOn"] for one in json.loads(made)["dependencies"]}
    assert edges["pkg:cargo/serde@1.0.229"] == ["pkg:cargo/serde_derive@1.0.229"]
    assert "pkg:cargo/place@0.2.0" in edges["pkg:cargo/whereami@0.2.0"]


def test_the_same_commit_gives_the_same_document(made):
    """No random number and no clock is in it."""
    again = document(PRODUCT, "aarch64-unknown-linux-gnu", parse(ALL), parse(SHIPPED), CHECKSUMS, {"features": "tls"}, 1_700_000_000)
    assert again == made


def test_build_metadata_of_a_version_is_quoted():
    """A plus would be read as a space."""
    assert Component(name="zstd-sys", version="2.0.1+zstd.1.5").purl == "pkg:cargo/zstd-sys@2.0.1%2Bzstd.1.5"
