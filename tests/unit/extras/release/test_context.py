"""What a release leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstasks.core.errors import ConfigError
from crosstasks.extras.release import context


@pytest.mark.parametrize(
    ("words", "parts"),
    [((), set()), (("sbom",), {"sbom"}), (("sbom,tag", "hooks"), {"sbom", "tag", "hooks"}), (("sbom, tag",), {"sbom", "tag"})],
)
def test_the_parts_to_leave_out(words, parts):
    """One in a word, or several."""
    assert parts == context.parts_to_skip(words)


def test_a_part_that_there_is_not():
    """Each is named, with what it may have been meant for; the parts that there are stand below."""
    with pytest.raises(ConfigError) as caught:
        context.parts_to_skip(("sbom,tga", "x"))
    assert caught.value.why == "no part of a release is called 'tga', perhaps 'tag'\nno part of a release is called 'x'"
    assert caught.value.hint == "there are changelog, tag, sbom, hooks, verify, publish, directory, github, registry"


@pytest.mark.parametrize(
    ("snapshot", "status", "products"),
    [
        (False, "", [("0.1.0", "v0.1.0")]),
        (False, " M src/main.rs\0", [("0.1.0", "v0.1.0")]),
        (True, "", [("0.1.0-SNAPSHOT-aaaaaaaaa", "")]),
        (True, " M src/main.rs\0", [("0.1.0-SNAPSHOT-aaaaaaaaa-dirty", "")]),
    ],
)
def test_what_is_released(make, tmp_path, snapshot, status, products):
    """The version of the crate, with its tag; of a snapshot the commit, and whether there is more than that."""
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "hello"\nversion = "0.1.0"\n')
    answers = {"rev-parse": f"{tmp_path}\n", "log": f"{'a' * 40}\x001700000000\x00Release\n", "status": status}
    made = make({("git", "-C"): lambda argv: answers.get(argv[3], "")})
    found = context.look(made.context, skip=("sbom",), snapshot=snapshot)
    assert products == [(one.version, one.tag) for one in found.products]
    assert (snapshot, frozenset({"sbom"}), "a" * 40, bool(status)) == (found.snapshot, found.skip, found.git.commit, bool(found.git.dirty))


@pytest.mark.parametrize(
    ("template", "folder"),
    [("", ""), ("out", "/project/out"), ("../out/{version}/{name}", "/out"), ("{version}", ""), ("/srv/a/../b/{version}", "/srv/b")],
)
def test_the_folder_that_is_published_to(template, folder):
    """As far as it is the same for every version: what lies there is no change of the repository."""
    assert ((Path(folder),) if folder else ()) == context._publish_folders(Path("/project"), template)  # noqa: SLF001
