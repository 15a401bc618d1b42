"""Where and how the archive is asked for, and which failures are waited out."""

from __future__ import annotations

import time
from contextlib import contextmanager, nullcontext
from types import SimpleNamespace

import pytest
import requests
from debian_archive import Served
from registry_server import Servers

from crosstasks.clients.debian import fetch

URL = "https://deb.example/file"


@pytest.fixture
def servers(monkeypatch):
    """No connection is made, and nothing is waited for; ``waits`` are the seconds that would have been."""
    servers = Servers(monkeypatch)
    servers.waits = []
    monkeypatch.setattr(time, "sleep", servers.waits.append)
    return servers


@pytest.mark.parametrize(
    ("start", "status", "expected", "asked"),
    [(0, 200, (0, b"abc"), None), (2, 206, (2, b"abc"), "bytes=2-"), (2, 200, (0, b"abc"), "bytes=2-")],
)
def test_the_rest_of_a_file_is_asked_for(servers, start, status, expected, asked):
    """A mirror that does not know of ranges sends all of it, and says so; nothing is packed on its way."""
    servers.answers[URL] = (status, {}, b"abc")
    with fetch.Web().get(URL, start) as (first, pieces):
        assert expected == (first, b"".join(pieces))
    (headers,) = servers.headers
    assert (asked, "identity") == (headers.get("Range"), headers["Accept-Encoding"])


@pytest.mark.parametrize(
    ("answer", "why", "gone"),
    [
        ((404, {}, b""), f"{URL} is not there", True),
        ((410, {}, b""), f"{URL} is not there", True),
        ((503, {}, b""), f"{URL}: 503 Server Error: None for url: {URL}", False),
        ((200, {"Content-Length": "9"}, b"abc"), f"{URL}: IncompleteRead(3 bytes read, 6 more expected)", False),
    ],
)
def test_why_a_file_cannot_be_had(servers, answer, why, gone):
    """What the mirror does not have is not asked for again; what may come is, after one second and after four."""
    servers.answers[URL] = answer
    with pytest.raises(fetch.Unreached) as raised:
        fetch.text(fetch.Web(), URL, 100)
    assert (why, gone) == (str(raised.value), raised.value.gone)
    assert ([], 1) == (servers.waits, len(servers.calls)) if gone else ([1, 4], 3) == (servers.waits, len(servers.calls))


def test_a_mirror_that_comes_back_is_no_failure(servers):
    """It is asked once more, on the same connections."""
    servers.answers[URL] = [(503, {}, b""), (200, {}, b"abc")]
    assert b"abc" == fetch.text(fetch.Web(), URL, 3)
    assert [1] == servers.waits
    servers.answers[URL] = (200, {}, b"abc")
    with pytest.raises(fetch.Unreached, match=f"^{URL} is larger than 2 bytes$"):
        fetch.text(fetch.Web(), URL, 2)


def test_the_first_failure_ends_what_has_not_begun():
    """All are done where none fails."""
    done = []
    fetch.side_by_side(Served(), [lambda number=number: done.append(number) for number in range(20)])
    assert list(range(20)) == sorted(done)

    def fail():
        raise fetch.Unreached("first")

    with pytest.raises(fetch.Unreached, match="first"):
        fetch.side_by_side(Served(), [fail, *(lambda: None for _ in range(50))])


def test_an_interrupt_stops_what_is_being_fetched():
    """Nobody who pressed Ctrl-C waits for a package of 30 MB."""
    served = Served()

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.side_by_side(served, [interrupt])
    assert served.stopped


@pytest.mark.parametrize("stops", [False, True])
def test_no_piece_is_given_once_it_is_stopped(monkeypatch, stops):
    """In no thread; a server that takes no connection is asked once, and not for longer than the user has said."""
    asked = []

    @contextmanager
    def get(_session, url, **options):
        asked.append(options["timeout"])
        if "absent" in url:
            raise requests.ConnectTimeout
        yield SimpleNamespace(status_code=200, raise_for_status=lambda: None, iter_content=lambda _size: iter((b"1", b"2")))

    monkeypatch.setattr(requests.Session, "get", get)
    web = fetch.Web(3)
    with web.get("https://here.example/a", 0) as (_, pieces):
        assert next(pieces) == b"1"
        if stops:
            web.stop()
        with pytest.raises(fetch.Unreached, match="interrupted") if stops else nullcontext():
            assert next(pieces) == b"2"
    with pytest.raises(fetch.Unreached) as raised:
        fetch.text(fetch.Web(3), "https://absent.example/a", 10)
    assert (raised.value.gone, [(3, fetch.PATIENCE)] * 2) == (True, asked)


def test_the_mirrors_of_apt(tmp_path):
    """Both forms of its files; what is switched off, is no archive of Debian's or cannot be read names none."""
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    (tmp_path / "sources.list").write_text(
        "deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main\n# deb http://off.example/debian bookworm main\n"
        "deb http://one.example/debian/ bookworm-updates main\ndeb https://security.example/debian-security bookworm-security main\n"
    )
    (folder / "debian.sources").write_text(
        "Types: deb\nURIs: https://two.example/debian/ https://three.example/deep/debian\nSuites: bookworm\n"
    )
    (folder / "broken.list").write_bytes(b"deb https://\xff.example/debian x main\n")
    (folder / "old.list.save").write_text("deb https://old.example/debian bookworm main\n")
    assert ("http://one.example", "https://two.example", "https://three.example/deep") == fetch.of_apt(tmp_path)
    assert () == fetch.of_apt(tmp_path / "absent")


@pytest.mark.parametrize(
    ("mirror", "hints", "bases"),
    [
        ("", (), ("https://deb.debian.org/{archive}",)),
        ("", ("http://one.example", "https://deb.debian.org"), ("https://deb.debian.org/{archive}", "http://one.example/{archive}")),
        ("http://mine.example/", ("http://one.example",), ("http://mine.example/{archive}",)),
        ("https://s.example/archive/{archive}/20261101T000000Z/", (), ("https://s.example/archive/{archive}/20261101T000000Z",)),
    ],
)
def test_which_addresses_are_tried(mirror, hints, bases):
    """The one that the user names is tried alone; else the official one, and then the machine's own."""
    assert bases == fetch.bases(mirror, hints)
