"""What apt offers, put together."""

from __future__ import annotations

from facts_looks import look
from msgspec.structs import replace

from crosstasks.core.errors import CrosstasksError
from crosstasks.core.steps import Absent, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.debian import ARCHITECTURES, Debian, asks, parse, release, rust_question
from crosstasks.facts.host import Host

NEW, OLD, OLDEST = "1.96.0+dfsg1-1~deb12u2", "1.85.0+dfsg3-1~deb12u3", "1.70.0+dfsg1-9~deb12u1"
BOOKWORM = {
    ("rustc-web", "amd64"): (NEW, OLD),
    ("libstd-rust-web-dev", "amd64"): (NEW, OLD),
    ("libstd-rust-web-dev", "arm64"): (f"{NEW}+b1", OLD),
    ("libstd-rust-web-dev", "armhf"): (OLD,),
    ("libstd-rust-web-dev", "mips64el"): (OLDEST,),
    ("rust-web-src", "all"): (NEW, OLD),
}
HOST = Host(os="linux", arch="x86_64", triple="x86_64-unknown-linux-gnu", apt=True, suite="bookworm")
WANTED = Debian(suite="bookworm", rust={"1.96.0": ("amd64", "arm64"), "1.85.0": ("amd64", "arm64", "armhf")}, source=("1.96.0", "1.85.0"))


def test_a_library_fits_only_its_own_compiler():
    """Each release has the architectures of exactly that version; a rebuild is the same, an orphan is none."""
    assert WANTED == parse(BOOKWORM, suite="bookworm", host="amd64")


def test_no_compiler_is_absent():
    """Without rustc for the host, the libraries are of no use."""
    found = parse(BOOKWORM, suite="bookworm", host="s390x")
    assert isinstance(found, Absent)
    assert "rustc-web for s390x" in found.why


def test_a_release_is_what_comes_before_debians_own():
    """Epochs and revisions are Debian's."""
    assert ["1.96.0", "2.36", "7.2"] == [release(version) for version in (NEW, "2.36-9+deb12u13", "1:7.2+dfsg-7")]


def test_on_a_host_that_is_not_known_the_archive_is_not_asked(tmp_path):
    """`doctor` asks it everywhere, and says there what is wrong with the host."""
    unknown = Absent("crosstasks does not support the host 'plan9'")
    assert unknown == ask(Question("debian"), look(tmp_path), Facts(answers={Question("host"): unknown}))


def test_the_archive_is_asked_once_a_day(tmp_path):
    """All packages in one question, and the answer is kept."""
    calls, time = [], [1000.0]

    def versions(suite, wanted):
        calls.append((suite, tuple(wanted)))
        return BOOKWORM

    here, facts = look(tmp_path, debian_versions=versions, now=lambda: time[0]), Facts(answers={Question("host"): HOST})
    for time[0] in (1000.0, 80_000.0):
        assert WANTED == ask(Question("debian"), here, facts)
    assert [("bookworm", asks("amd64", ARCHITECTURES))] == calls


def test_the_archive_is_asked_for_those_architectures_that_count(tmp_path):
    """Each has a list of megabytes; what is known of some is no answer for others."""
    calls = []

    def versions(_suite, wanted):
        calls.append({architecture for _, architecture in wanted})
        return {one: BOOKWORM[one] for one in wanted if one in BOOKWORM}

    here, facts = look(tmp_path, debian_versions=versions), Facts(answers={Question("host"): HOST})
    asked = [rust_question("amd64", ("armv7-unknown-linux-gnueabihf", "x86_64-pc-windows-msvc", "unknown")), rust_question("arm64", ())]
    assert ["amd64 armhf", "arm64"] == [question.subject for question in asked]
    offers = [ask(question, here, facts).rust for question in (*asked, *asked)]
    assert {"1.96.0": ("amd64",), "1.85.0": ("amd64", "armhf")} == offers[0] == offers[2]
    assert {"1.96.0": ("arm64",), "1.85.0": ("arm64",)} == offers[1] == offers[3]
    assert [{"amd64", "armhf", "all"}, {"amd64", "arm64", "all"}] == calls


def test_an_archive_that_fails_is_absent(tmp_path):
    """Its words are the reason; offline, it is not asked. Whether apt is here, and which, is all the same."""

    def versions(_suite, _wanted):
        raise CrosstasksError("Debian's archive cannot be asked", why="no route to host")

    here = look(tmp_path, debian_versions=versions)
    for host in (HOST, replace(HOST, apt=False, suite="")):
        found = ask(Question("debian"), here, Facts(answers={Question("host"): host}))
        assert Absent("Debian's archive cannot be asked: no route to host") == found
    off = look(tmp_path, debian_versions=versions, offline=True)
    assert Absent("offline = true") == ask(Question("debian"), off, Facts(answers={Question("host"): HOST}))
