"""The archive's lists and packages, kept in our cache: an archive of the test's own is behind the door."""

import hashlib
import time

import debian_archive as archive
import pytest

from crosstasks.clients.debian import Archive, fetch
from crosstasks.core.errors import ToolMissing

SUITES = (("debian", "bookworm"), ("debian", "bookworm-updates"), ("debian-security", "bookworm-security"))
MAIN = archive.stanza("a", "1", Depends="b") + "\n" + archive.stanza("b", "1") + "\n" + archive.stanza("doc", "1", "all")


@pytest.fixture
def key():
    return archive.secret()


@pytest.fixture
def served(key, monkeypatch):
    """Return the door, with three suites behind it."""
    monkeypatch.setattr(fetch, "WAITS", (0, 0))
    door = archive.Served()
    for place, suite in SUITES:
        lists = {"amd64": MAIN, "arm64": ""} if suite == "bookworm" else {"amd64": archive.stanza("b", "2") if "security" in suite else ""}
        door.put(place, suite, lists, key)
    return door


@pytest.fixture
def debian(served, key, tmp_path):
    """Return the archive as our cache has it."""
    (tmp_path / "keys.asc").write_text(str(archive.public(key)))
    return Archive(
        tmp_path / "debian", "bookworm", say=lambda _line: None, mirror=archive.BASE, keyring=str(tmp_path / "keys.asc"), web=served
    )


def test_what_depends_on_what_is_taken_from_all_suites(debian):
    """The newest of each, with where it is and what it must be."""
    debian.update(["amd64"])
    a, b = debian.closure(["a"], "amd64")
    assert (a.file, b.file) == ("a_1_amd64.deb", "b_2_amd64.deb")
    assert (a.url, b.url) == (
        "https://archive.example/debian/pool/main/a_1_amd64.deb",
        "https://archive.example/debian-security/pool/main/b_2_amd64.deb",
    )
    assert a.digest == f"sha256:{hashlib.sha256(b'a').hexdigest()}"


def test_a_newer_list_has_a_closure_resolved_anew(debian, served, key):
    """By the call that fetched the one before as well."""
    debian.update(["amd64"])
    assert [one.version for one in debian.closure(["a"], "amd64")] == ["1", "2"]
    served.put("debian-security", "bookworm-security", {"amd64": archive.stanza("b", "3")}, key, date="Sun, 29 Nov 2026 02:15:35 UTC")
    debian.lists.forget()
    debian.update(["amd64"])
    assert [one.version for one in debian.closure(["a"], "amd64")] == ["1", "3"]


def test_versions_and_names_are_known(debian):
    """The newest first; a name that nobody has comes with one that is near."""
    debian.update(["amd64"])
    assert debian.versions("b", "amd64") == ("2", "1")
    assert debian.versions("doc", "all") == ("1",)
    assert debian.versions("b", "arm64") == ()
    assert debian.lacking(["a", "docs", "qqq"], "amd64") == {"docs": "doc", "qqq": ""}
    assert debian.single("b", "amd64", "1").version == "1"
    with pytest.raises(ToolMissing, match="has no b 3 for amd64"):
        debian.single("b", "amd64", "3")


def test_lists_are_asked_for_once_a_day(debian, served):
    """And those of another architecture when they are wanted; one that the suite does not have has no lists."""
    debian.update(["amd64"])
    asked = len(served.asked)
    debian.update(["amd64"])
    assert len(served.asked) == asked
    debian.update(["arm64", "riscv64"])
    assert sum(url.endswith("InRelease") for url in served.asked[asked:]) == 3
    assert debian.versions("a", "riscv64") == ()


def test_an_unchanged_list_is_not_fetched_again(debian, served):
    """Only whether it has changed is asked."""
    debian.update(["amd64"])
    debian.lists.forget()
    asked = len(served.asked)
    debian.update(["amd64"])
    assert {url.rpartition("/")[2] for url in served.asked[asked:]} == {"InRelease"}


def test_a_newer_list_takes_the_place_of_the_older(debian, served, key):
    """Whose file goes."""
    debian.update(["amd64"])
    before = {path.name for path in debian.lists.folder.rglob("*.index")}
    served.put("debian", "bookworm", {"amd64": MAIN + "\n" + archive.stanza("c", "1")}, key, date="Sun, 29 Nov 2026 00:00:00 UTC")
    debian.lists.forget()
    debian.update(["amd64"])
    assert debian.versions("c", "amd64") == ("1",)
    after = {path.name for path in debian.lists.folder.rglob("*.index")}
    assert len(before) == len(after) == len(before & after) + 1


def test_an_older_release_does_not_turn_back_the_newer(debian, served, key):
    """A mirror that is behind is asked again in ten minutes, and what is known is used."""
    debian.update(["amd64"])
    served.put("debian-security", "bookworm-security", {"amd64": ""}, key, date="Sat, 01 Aug 2026 00:00:00 UTC")
    debian.lists.forget()
    debian.update(["amd64"])
    assert debian.versions("b", "amd64") == ("2", "1")
    assert 0 < 24 * 3600 - (time.time() - debian.lists.state().stamps["amd64"]) < 660


def test_a_release_signed_by_others_is_refused(debian, served):
    """And nothing of it is kept."""
    served.put("debian", "bookworm", {"amd64": MAIN}, archive.secret())
    with pytest.raises(ToolMissing, match="is not signed"):
        debian.update(["amd64"])
    assert debian.lists.state().sources == {}


def test_a_release_of_another_suite_is_refused(debian, served):
    """A signed one that was put in the place of what was asked for."""
    place = f"{archive.BASE}/debian/dists"
    served.files[f"{place}/bookworm/InRelease"] = served.files[f"{place}/bookworm-updates/InRelease"]
    with pytest.raises(ToolMissing, match="is of another suite"):
        debian.update(["amd64"])


def test_a_list_that_is_another_than_was_signed_is_refused(debian, served):
    """Under its hash and under its name; the suite's own must be there."""
    for url in served.files:
        if "/bookworm/main/binary-amd64/" in url:
            served.files[url] = b"x" * len(served.files[url])
    with pytest.raises(ToolMissing, match="lists of bookworm cannot be fetched"):
        debian.update(["amd64"])


def test_a_list_that_a_mirror_lacks_by_its_hash_is_taken_by_its_name(debian, served):
    """As mirrors have it that copy files only."""
    served.files = {url: content for url, content in served.files.items() if "by-hash" not in url}
    debian.update(["amd64"])
    assert debian.versions("b", "amd64") == ("2", "1")


def test_updates_that_a_mirror_lacks_are_gone_without_for_a_while(debian, served):
    """In the middle of a sync; what the others offer is used, and all is asked again in ten minutes."""
    served.files = {url: content for url, content in served.files.items() if "security/main" not in url}
    debian.update(["amd64"])
    assert debian.versions("b", "amd64") == ("1",)
    assert 0 < 24 * 3600 - (time.time() - debian.lists.state().stamps["amd64"]) < 660


def test_an_archive_that_is_out_of_reach_is_told_with_what_to_do(debian, served):
    """Not as an empty one."""
    served.files = {}
    with pytest.raises(ToolMissing) as caught:
        debian.update(["amd64"])
    assert (caught.value.what, "debian-mirror" in caught.value.hint) == ("Debian's archive does not answer for bookworm", True)


def with_packages(served):
    served.files |= {
        f"{archive.BASE}/debian/pool/main/a_1_amd64.deb": b"a",
        f"{archive.BASE}/debian-security/pool/main/b_2_amd64.deb": b"b",
    }


def test_packages_are_fetched_once(debian, served):
    """And given in the order of the groups."""
    with_packages(served)
    debian.update(["amd64"])
    a, b = debian.closure(["a"], "amd64")
    assert [[path.read_bytes() for path in files] for files in debian.fetch_each([[b], [a, b]])] == [[b"b"], [b"a", b"b"]]
    asked = len(served.asked)
    assert [path.name for path in debian.fetch([a, b])] == ["a_1_amd64.deb", "b_2_amd64.deb"]
    assert len(served.asked) == asked


def test_a_package_that_is_another_is_never_there(debian, served):
    """The lists are asked for anew by the next call: the archive may have moved on."""
    with_packages(served)
    served.files[f"{archive.BASE}/debian/pool/main/a_1_amd64.deb"] = b"z"
    debian.update(["amd64"])
    (a,) = (one for one in debian.closure(["a"], "amd64") if one.name == "a")
    with pytest.raises(ToolMissing, match="a package of Debian's bookworm cannot be fetched"):
        debian.fetch([a])
    assert list((debian.folder / "archives").glob("a_*")) == []
    assert debian.lists.state().stamps == {}


LONG = b"0123456789abcdef"


def cut(pieces):
    yield pieces[0]
    raise fetch.Unreached("the connection was reset")


@pytest.mark.parametrize("fault", [cut, lambda pieces: iter(pieces[:2])], ids=["broken off", "ended early"])
def test_a_download_goes_on_where_it_was_broken_off(fault, served, tmp_path, monkeypatch):
    """Instead of from its beginning."""
    monkeypatch.setattr(fetch, "WAITS", (0, 0))
    served.files["url"], served.faults["url"] = LONG, fault
    fetch.file(served, "url", tmp_path / "file", len(LONG), hashlib.sha256(LONG).hexdigest())
    assert ((tmp_path / "file").read_bytes(), list(tmp_path.glob("*.part"))) == (LONG, [])
    assert served.asked == ["url", f"url from {4 if fault is cut else 8}"]


def test_more_than_was_signed_is_not_read(served, tmp_path, monkeypatch):
    """Whatever the server sends."""
    monkeypatch.setattr(fetch, "WAITS", ())
    served.files["url"] = LONG
    with pytest.raises(fetch.Unreached, match="larger than the 5 bytes"):
        fetch.file(served, "url", tmp_path / "file", 5, "0" * 64)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("mirror", "hints", "expected"),
    [
        ("", (), ("https://deb.debian.org/{archive}",)),
        ("", ("http://near.example/",), ("https://deb.debian.org/{archive}", "http://near.example/{archive}")),
        ("http://mine.example/", ("http://near.example",), ("http://mine.example/{archive}",)),
        ("https://s.example/archive/{archive}/20261101T000000Z", (), ("https://s.example/archive/{archive}/20261101T000000Z",)),
    ],
)
def test_where_the_archive_is(mirror, hints, expected):
    """What the user names is alone; else the official one, and what the machine's own apt names."""
    assert fetch.bases(mirror, hints) == expected


def test_a_mirror_of_one_point_in_time_holds_for_ever(served, key, tmp_path):
    """Its Release files are as old as they are."""
    (tmp_path / "keys.asc").write_text(str(archive.public(key)))
    base = "https://s.example/{archive}/20261101T000000Z"
    for place, suite in SUITES:
        text, files = archive.release_text(
            suite, {"amd64": MAIN}, date="Sat, 31 Oct 2026 00:00:00 UTC", until="Sat, 07 Nov 2026 00:00:00 UTC"
        )
        folder = f"{base.format(archive=place)}/dists/{suite}"
        served.files |= {f"{folder}/InRelease": archive.clear_signed(key, text), **{f"{folder}/{path}": one for path, one in files.items()}}
    debian = Archive(tmp_path / "d", "bookworm", say=lambda _line: None, mirror=base, keyring=str(tmp_path / "keys.asc"), web=served)
    debian.update(["amd64"])
    assert debian.closure(["a"], "amd64")[0].url == "https://s.example/debian/20261101T000000Z/pool/main/a_1_amd64.deb"
