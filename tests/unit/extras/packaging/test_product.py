"""What is released: cargo packages, tags, products, parts that are left out, hooks, and what git says."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstasks.clients.git import dirty, tags
from crosstasks.config.options import Release
from crosstasks.core.errors import ConfigError
from crosstasks.extras.packaging.product import crates, products, snapshot
from crosstasks.extras.release.build import calls
from crosstasks.extras.release.context import PARTS, parts_to_skip
from crosstasks.project.manifest import Package
from crosstasks.testing import repository

MANIFEST = '[package]\nname = "{}"\nversion = "{}"\n{}'


@pytest.fixture
def workspace(tmp_path):
    """A workspace of a server and a client with versions of their own, and a library without programs."""
    (tmp_path / "Cargo.toml").write_text('[workspace]\nmembers = ["*"]\n[workspace.package]\npublish = ["company"]\n')
    packages = []
    rows = (("server", "1.0.0", "publish = false\n", ("serverd", "admin")), ("client", "2.0.0", "", ("client",)))
    for name, version, more, binaries in (*rows, ("lib", "1.0.0", "publish.workspace = true\n", ())):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "Cargo.toml").write_text(MANIFEST.format(name, version, more))
        packages.append(Package(name=name, version=version, manifest=str(folder / "Cargo.toml"), binaries=binaries))
    return repository(root=str(tmp_path), manifest=str(tmp_path / "Cargo.toml"), packages=tuple(packages))


MONO = Release(tag="{package}-v{version}")


def test_every_package_may_have_a_tag_of_its_own(workspace):
    """With the package in the tag's name; registries are those of the manifest, inherited too."""
    found = crates(workspace, MONO)
    assert [(one.name, one.tag, one.registries) for one in found] == [
        ("server", "server-v1.0.0", ()),
        ("client", "client-v2.0.0", None),
        ("lib", "lib-v1.0.0", ("company",)),
    ]
    assert [one.goes_to("company") for one in found] == [False, True, True]
    assert [one.goes_to("") for one in found] == [False, True, False]


def test_one_tag_is_for_one_version(workspace):
    """Else the error says which package has which."""
    with pytest.raises(ConfigError, match="different versions") as caught:
        crates(workspace, Release())
    assert "client 2.0.0" in caught.value.why
    assert [one.tag for one in crates(workspace, Release(), ("client",))] == ["v2.0.0"]


def test_a_package_that_is_not_there_is_told(workspace):
    """With the likely one."""
    with pytest.raises(ConfigError, match="'sever', perhaps 'server'"):
        crates(workspace, MONO, ("sever",))


def test_documents_lie_where_the_manifest_is_that_names_them(workspace, tmp_path):
    """What the workspace names lies beside its manifest; a readme that is only said to be there is named nowhere."""
    with (tmp_path / "Cargo.toml").open("a") as root:
        root.write('license-file = "legal/terms"\nreadme = "docs/all.md"\n')
    for name, text in (
        ("server", "license-file.workspace = true\nreadme = { workspace = true }\n"),
        ("client", 'license-file = "../terms"\nreadme = true\n'),
    ):
        with (tmp_path / name / "Cargo.toml").open("a") as manifest:
            manifest.write(text)
    assert [(one.licence, one.readme) for one in crates(workspace, MONO)] == [
        (f"{tmp_path}/legal/terms", f"{tmp_path}/docs/all.md"),
        (f"{tmp_path}/client/../terms", ""),
        ("", ""),
    ]


def test_there_is_a_product_for_each_package_with_programs(workspace):
    """Or one for all of them, under the configured name."""
    assert [(one.name, one.binaries) for one in products(crates(workspace, MONO), MONO)] == [
        ("server", ("serverd", "admin")),
        ("client", ("client",)),
    ]
    named = Release(name="suite", packages=("server", "lib"))
    (only,) = products(crates(workspace, named), named)
    assert "suite-x-v1.0.0" == only.stem("x")
    assert () == products(crates(workspace, MONO, ("lib",)), MONO) == products(crates(workspace, named, ("lib",)), named)


def test_a_snapshot_tells_its_commit(workspace):
    """And has no tag."""
    (made,) = products(crates(workspace, MONO, ("client",)), MONO)
    assert "2.0.0-SNAPSHOT-012345678" == snapshot(made, "0123456789abcdef").version
    assert "2.0.0-SNAPSHOT-012345678-dirty" == snapshot(made, "0123456789abcdef", dirty=True).version


def test_parts_are_left_out_by_their_names():
    """Several in one word, or one each."""
    assert parts_to_skip(("sbom,publish", "hooks")) == {"sbom", "publish", "hooks"}


def test_a_wrong_part_lists_the_right_ones():
    """And the likely one."""
    with pytest.raises(ConfigError) as caught:
        parts_to_skip(("sbon",))
    assert "'sbon', perhaps 'sbom'" in str(caught.value)
    assert all(part in caught.value.hint for part in PARTS)


def test_git_says_what_is_not_committed():
    """A renamed file by its new name, and names with spaces as they are."""
    assert dirty("R  new name\0old\0 M a\0?? b\0") == ("new name", "a", "b")


def test_git_says_which_commit_a_tag_is():
    """Through the object of an annotated one."""
    assert tags("v1\0object\0commit\nv0\0other\0\n") == {"v1": "commit", "v0": "other"}


def test_hooks_are_called_for_each_file_or_once():
    """By what is in their words; a name with a space stays one word."""
    each = list(calls(("sign", "-o", "{artifact}.sig", "{name}"), Path("/d d"), ("a", "b")))
    assert each == [(("sign", "-o", "/d d/a.sig", "a"), ("a",)), (("sign", "-o", "/d d/b.sig", "b"), ("b",))]
    assert list(calls(("sign", "{checksums}"), Path("/dist"), ("a", "b"))) == [(("sign", "/dist/SHA256SUMS"), ("a", "b"))]
