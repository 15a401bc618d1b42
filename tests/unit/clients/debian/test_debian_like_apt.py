"""Recipes of images, resolved as apt does: ``apt.json`` is what apt-get answered on Debian 12 in November 2026, the indexes are the lines
of bookworm's lists that were read for it.
"""

import json
from pathlib import Path

import pytest

from crosstasks.catalog import recipes, targets
from crosstasks.clients.debian.index import Index, Offered
from crosstasks.clients.debian.resolve import closure
from crosstasks.provisioning import image

DATA = Path(__file__).parents[2] / "data" / "debian"
CASES = json.loads((DATA / "apt.json").read_text("utf-8"))


class Recorded:
    """The archive as it was."""

    def update(self, architectures):
        """Nothing is newer."""

    def closure(self, packages, architecture):
        """Return what an empty machine needs."""
        lists = Offered([Index((DATA / f"bookworm-{architecture}.index").read_bytes())])
        return tuple(sorted(closure(packages, lists, architecture), key=lambda one: one.file))


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join((case["target"], case["platform"], *case["packages"])))
def test_an_image_has_the_packages_that_apt_would_take(case):
    """By name, version, architecture and order, which makes the layers, the emulator's last; -fsanitize's are left out on purpose."""
    recipe = recipes.recipe(targets.find(case["target"]), case["platform"], "bookworm", packages=case["packages"])
    if recipe.emulator == recipes.WINE:  # apt was not asked for that
        recipe = recipes.lean(recipe)
    taken = (one for part in image.packages(recipe, Recorded()) for one in part)
    expected = [line for line in case["apt"] if not image.SANITIZER.fullmatch(line.partition(":")[0])]
    expected.sort(key=lambda line: line.startswith(image.EMULATOR))
    assert [f"{one.name}:{one.architecture}={one.version}" for one in taken] == expected
