"""A suite's Release file: whose signature counts, and how long it holds."""

from datetime import UTC, datetime

import debian_archive as archive
import pytest

from crosstasks.clients.debian import release
from crosstasks.core.errors import ConfigError, ToolDamaged, ToolMissing

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


def test_only_what_is_signed_is_returned():
    """What stands before and behind the signed text is no part of it."""
    key = archive.secret()
    content = b"Codename: evil\n" + archive.clear_signed(key, "Codename: good\n") + b"Codename: evil\n"
    assert release.signed_text(content, [archive.public(key)], "place").strip() == "Codename: good"


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content.replace(b"good", b"evil"),
        lambda _content: b"Codename: good\n",
        lambda _content: archive.clear_signed(archive.secret(), "Codename: good\n"),
    ],
    ids=["changed on the way", "not signed", "signed by another"],
)
def test_what_the_keys_did_not_sign_is_refused(change):
    """And the error says which file."""
    key = archive.secret()
    with pytest.raises(ToolMissing, match="place is not signed"):
        release.signed_text(change(archive.clear_signed(key, "Codename: good\n")), [archive.public(key)], "place")


def test_a_release_file_names_its_lists():
    """Of the component main, as they are packed."""
    text, _ = archive.release_text("bookworm", {"amd64": "Package: a\n", "all": ""}, until="Sat, 05 Dec 2026 02:15:35 UTC")
    read = release.read(text, "place")
    assert (read.suite, read.architectures, read.apart) == ("bookworm", ("amd64", "arm64"), False)
    assert read.date == datetime(2026, 11, 28, 2, 15, 35, tzinfo=UTC)
    assert read.until == datetime(2026, 12, 5, 2, 15, 35, tzinfo=UTC)
    assert {name: entry.unpacked for name, entry in read.lists.items()} == {"amd64": 11, "all": 0}


@pytest.mark.parametrize(("more", "apart"), [("", True), ("No-Support-for-Architecture-all: Packages", False)])
def test_packages_of_all_may_have_a_list_apart(more, apart):
    """Where ``all`` is an architecture, unless each list has them."""
    text, _ = archive.release_text("bookworm", {}, architectures="all amd64", more=more)
    assert release.read(text, "place").apart is apart


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Codename: bookworm\n",
        "Codename: a\nDate: soon\nArchitectures: amd64\nSHA256:\n x\n",
        "Codename: a\nDate: 0 Nov 2200000000 0:0 UT\n",
    ],
)
def test_what_is_no_release_file_is_refused(text):
    """By its address."""
    with pytest.raises(ToolMissing, match="place cannot be read"):
        release.read(text, "place")


@pytest.mark.parametrize(
    ("known", "taken"),
    [(None, True), (datetime(2026, 11, 28, 2, 15, 35, tzinfo=UTC), True), (datetime(2026, 11, 28, 2, 15, 36, tzinfo=UTC), False)],
)
def test_an_older_release_than_the_known_one_is_not_taken(known, taken):
    """A mirror that is behind, or that is kept behind."""
    read = release.read(archive.release_text("bookworm", {})[0], "place")
    assert release.is_current(read, "place", now=NOON, known=known) is taken


def test_a_release_that_holds_no_more_is_refused():
    """With the time until which it did."""
    read = release.read(archive.release_text("bookworm", {}, until="Sun, 29 Nov 2026 11:00:00 UTC")[0], "place")
    with pytest.raises(ToolMissing) as caught:
        release.is_current(read, "place", now=NOON, known=None)
    assert caught.value.why == "it was until 2026-11-29 11:00 UTC"


def test_debians_keys_are_what_their_fingerprints_say():
    """Those of two releases, each with one for the archive and one for security."""
    assert [key.fingerprint.upper() for key in release.debian_keys()] == [
        "B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8",
        "05AB90340C0C5E797F44A8C8254CF3B5AEC0A8F0",
        "04B54C3CDCA79751B16BC6B5225629DF75B188BD",
        "5E04A1E3223A19A20706E20F9904613D4CCE68C6",
    ]


def test_a_key_that_was_changed_is_not_used(tmp_path):
    """Its fingerprint is another."""
    text = release.KEYS.read_text("utf-8")
    changed = tmp_path / "keys.toml"
    changed.write_text(text.replace("B8B80B5B623EAB6AD8775C45B7C5D7D6350947F8", "0" * 40))
    with pytest.raises(ToolDamaged, match="another key"):
        release.debian_keys(changed)


def test_the_users_keyring_is_read(tmp_path):
    """Armoured here; the keys of Debian do not count then."""
    key = archive.public(archive.secret())
    (tmp_path / "own.asc").write_text(str(key))
    assert [one.fingerprint for one in release.keyring(str(tmp_path / "own.asc"))] == [key.fingerprint]


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_a_keyring_without_keys_is_a_mistake_in_the_configuration(content, tmp_path):
    """Whether it is missing, empty or something else."""
    if content is not None:
        (tmp_path / "own.asc").write_bytes(content)
    with pytest.raises(ConfigError, match="debian-keyring"):
        release.keyring(str(tmp_path / "own.asc"))
