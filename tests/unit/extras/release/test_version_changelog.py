"""A changelog in the form of Keep a Changelog is read and taken on."""

from __future__ import annotations

import pytest

from crosstasks.core.errors import ConfigError
from crosstasks.extras.release.version import add_section, date, notes, sections

LINKED = """\
# Changelog

## [Unreleased]

### Added

- A thing.

## [1.0.0] - 2026-01-02

- All.

[unreleased]: https://git.example.org/hello/compare/v1.0.0...HEAD
[1.0.0]: https://git.example.org/hello/releases/v1.0.0
"""


def test_sections_end_where_the_next_begins():
    """Links at the end belong to none."""
    assert sections(LINKED) == {"unreleased": "### Added\n\n- A thing.", "1.0.0": "- All."}


@pytest.mark.parametrize("heading", ["## 1.0.0", "## v1.0.0 (2026-01-02)", "## [1.0.0] - 2026-01-02", "## [1.0.0](https://x.example)"])
def test_headings_are_written_in_many_ways(heading):
    """All of them name the version."""
    assert notes(f"# Changes\n\n{heading}\n\n- All.\n", "1.0.0") == "- All."


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("## [1.1.0] - 2026-01-02", "2026-01-02"),
        ("## v1.1.0 (2026-01-02)", "2026-01-02"),
        ("## 1.1.0", ""),
        ("## [1.1.0-rc.1] - 2026-01-02", ""),
        ("## [11.1.0] - 2026-01-02", ""),
        ("## [1.1.0]\n\n2026-01-02", ""),
        ("1.1.0 - 2026-01-02", ""),
    ],
)
def test_the_date_of_a_version(heading, expected):
    """It stands in the version's own heading, and no other's."""
    assert expected == date(f"# Changes\n\n{heading}\n", "1.1.0")


def test_what_is_new_goes_under_the_version():
    """With the date, and with links where there are such."""
    made = add_section(LINKED, "1.1.0", "2026-03-04", "v1.1.0", "v1.0.0")
    assert "## [Unreleased]\n\n## [1.1.0] - 2026-03-04\n\n### Added\n\n- A thing.\n" in made
    assert "[unreleased]: https://git.example.org/hello/compare/v1.1.0...HEAD\n" in made
    assert "[1.1.0]: https://git.example.org/hello/compare/v1.0.0...v1.1.0\n" in made
    assert sections(made) == {"unreleased": "", "1.1.0": "### Added\n\n- A thing.", "1.0.0": "- All."}


def test_plain_headings_stay_plain():
    """And nothing is added at the end."""
    made = add_section("# Changes\n\n## Unreleased\n\n- New.\n", "1.1.0", "2026-03-04", "v1.1.0", "v1.0.0")
    assert made == "# Changes\n\n## Unreleased\n\n## 1.1.0 - 2026-03-04\n\n- New.\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Changes\n", "no heading Unreleased"),
        ("## Unreleased\n\n## 1.0.0\n\n- All.\n", "has nothing under Unreleased"),
        ("## Unreleased\n\n- New.\n\n## 1.1.0\n", "a section for 1.1.0 already"),
    ],
)
def test_a_changelog_that_cannot_be_taken_on(text, said):
    """Each says what is missing."""
    with pytest.raises(ConfigError, match=said):
        add_section(text, "1.1.0", "2026-03-04")
