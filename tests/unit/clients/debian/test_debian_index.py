"""A list of packages in its compact form."""

import debian_archive as archive
import pytest

from crosstasks.clients.debian.index import Index, Provision, blocks, lines

TEXT = "\n".join(
    [
        archive.stanza("mawk", "1.3.4-2", Provides="awk, awk-interpreter (= 1.3)", Multi_Arch="foreign", Pre_Depends="libc6 (>= 2.33)"),
        archive.stanza(
            "gcc", "4:12.2.0-3", Depends="cpp (= 4:12.2.0-3),\n gcc-12 (>= 12.2.0-1~)", Description="GNU C compiler\n Package: evil"
        ),
        archive.stanza("gcc-12", "12.2.0-14"),
        archive.stanza("gcc-12", "12.2.0-14+deb12u1"),
        "Package: broken\n",
    ]
)


def indexed(text, size=7):
    """Return a list's index, made from pieces."""
    data = text.encode()
    return Index(b"".join(sorted(lines(blocks(data[at : at + size] for at in range(0, len(data), size))))), "base")


def test_a_package_is_found_by_its_whole_name():
    """In each of its versions; ``gcc`` is not ``gcc-12``."""
    index = indexed(TEXT)
    assert [one.version for one in index.packages("gcc-12")] == ["12.2.0-14", "12.2.0-14+deb12u1"]
    (gcc,) = index.packages("gcc")
    assert (gcc.depends, gcc.url.partition("/")[0]) == ("cpp (= 4:12.2.0-3), gcc-12 (>= 12.2.0-1~)", "base")
    assert [list(index.packages(name)) for name in ("gc", "gcc-1", "evil", "broken", "zzz", "")] == [[]] * 6


def test_what_is_needed_before_is_needed():
    """Pre-Depends and Depends are one thing for who takes both."""
    (mawk,) = indexed(TEXT).packages("mawk")
    assert (mawk.depends, mawk.multi) == ("libc6 (>= 2.33)", "foreign")


def test_a_provided_name_is_found():
    """With the version that it is provided in, and no package is called so."""
    index = indexed(TEXT)
    assert list(index.providers("awk")) == [Provision("mawk", "1.3.4-2", "")]
    assert list(index.providers("awk-interpreter")) == [Provision("mawk", "1.3.4-2", "1.3")]
    assert list(index.packages("awk")) == []
    assert set(index.names("aw")) == {"awk", "awk-interpreter"}


@pytest.mark.parametrize("size", [1, 3, 64, 100_000])
def test_pieces_may_be_of_any_size(size):
    """The index is the same."""
    assert [one.name for one in indexed(TEXT, size).packages("gcc")] == ["gcc"]


def test_an_empty_list_has_nothing():
    """As that of an update suite may be."""
    assert list(indexed("").packages("gcc")) == []
