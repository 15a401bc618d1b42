"""What a release leaves out."""

from __future__ import annotations

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
