"""What apt is asked, how its answers are read, and what is kept of them."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from crosstasks.clients import apt as debian
from crosstasks.clients.apt import Archive
from crosstasks.clients.deb import Package
from crosstasks.core.errors import ToolMissing
from crosstasks.core.steps import Done

DATA = Path(__file__).parents[1] / "data/apt"


def recorded(name, code=0):
    """Return what the real apt answered."""
    out, err = (DATA / f"{name}.out", DATA / f"{name}.err")
    return Done(argv=(), code=code, out=out.read_text() if out.exists() else "", err=err.read_text() if err.exists() else "")


class Apt:
    """A runner that plays apt: it answers by the words of a call, and notes each call."""

    def __init__(self, **answers):
        """Answer a call that holds a word with what stands for it: one answer, or several in turn."""
        self.answers, self.calls = {key: value if isinstance(value, list) else [value] for key, value in answers.items()}, []

    def __call__(self, argv, *, env=None, cwd="", timeout=None, stdin=None):
        """Answer as apt does."""
        del timeout, stdin
        self.calls.append((tuple(argv), dict(env or {}), cwd))
        turns = next((turns for word, turns in self.answers.items() if word in argv), [Done(argv=(), code=0)])
        answer = turns.pop(0) if len(turns) > 1 else turns[0]
        return answer(argv, cwd) if callable(answer) else answer

    def asked(self, word):
        """Return the calls that hold a word, without their options."""
        return [tuple(part for part in argv if not part.startswith("-")) for argv, _, _ in self.calls if word in argv]

    def options(self):
        """Return the last call's ``-o`` options; those of one name together."""
        listed = [part[2:].split("=", 1) for part in self.calls[-1][0] if part.startswith("-o")]
        return {key: [value for name, value in listed if name == key] for key, _ in listed}


@pytest.fixture
def archive(tmp_path):
    """Make an archive whose apt is played, and hear what it says."""

    def make(apt):
        said = []
        made = Archive(tmp_path / "debian", run=apt, say=said.append)
        made.said = said
        return made

    return make


def stamp(archive, **ages):
    """Note lists of architectures as so many seconds old."""
    archive.folder.mkdir(parents=True, exist_ok=True)
    (archive.folder / "stamps.json").write_text(json.dumps({name: time.time() - age for name, age in ages.items()}))


def package(content, name="gcc", version="1:2", architecture="amd64"):
    """Return a package of this content."""
    file = f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    named = {"name": name, "version": version, "architecture": architecture, "file": file}
    return Package(**named, url=f"http://m/{file}", size=len(content), digest=digest)


def delivering(**files):
    """Play ``apt-get download``: put each package asked for into the folder it runs in."""

    def answer(argv, cwd):
        for part in argv:
            name = part.partition(":")[0]
            if "=" in part and not part.startswith("-") and name in files:
                Path(cwd, package(b"", name).file).write_bytes(files[name])
        return Done(argv=(), code=0)

    return answer


def test_a_closure_is_read_with_versions_sizes_and_sha256(archive):
    """Also a version with an epoch, which a file's name spells %3a."""
    found = archive(Apt(install=recorded("closure"))).closure(["zlib1g", "tzdata"], "amd64")
    assert [one.name for one in found] == ["debconf", "gcc-12-base", "libc6", "libgcc-s1", "tzdata", "zlib1g"]
    assert found[-1] == Package(
        name="zlib1g",
        version="1:1.2.13.dfsg-1",
        architecture="amd64",
        url="http://deb.debian.org/debian/pool/main/z/zlib/zlib1g_1.2.13.dfsg-1_amd64.deb",
        size=86684,
        digest="sha256:d7dd1d1411fedf27f5e27650a6eff20ef294077b568f4c8c5e51466dc7c08ce4",
        file="zlib1g_1%3a1.2.13.dfsg-1_amd64.deb",
    )
    assert found[0].architecture == "all"


def test_a_foreign_closure_plays_a_machine_of_both_architectures(archive):
    """``name:arm64`` makes arm64 a foreign architecture of the machine that apt plays."""
    apt = Apt(install=recorded("closure-foreign"))
    found = archive(apt).closure(["zlib1g:arm64"], "amd64")
    assert {one.architecture for one in found} == {"arm64"}
    assert apt.options()["APT::Architecture"] == ["amd64"]
    assert apt.options()["APT::Architectures::"] == ["", "amd64", "arm64"]
    assert apt.asked("install") == [("apt-get", "install", "zlib1g:arm64")]
    assert {"--print-uris", "--yes", "--no-install-recommends"} <= set(apt.calls[0][0])


def test_apt_keeps_to_our_folder_and_its_own_sources(archive):
    """Every folder that apt writes to is ours; where it gets packages from, and whom it trusts, is not touched."""
    apt = Apt(install=recorded("closure"))
    made = archive(apt)
    made.closure(["zlib1g"], "amd64")
    options = apt.options()
    assert {"Dir::State", "Dir::State::lists", "Dir::State::status", "Dir::Cache", "Dir::Cache::archives"} <= set(options)
    folders = [value for key, (value, *_) in options.items() if key.startswith("Dir::") and "pkgcache" not in key]
    assert all(Path(folder).is_relative_to(made.folder) for folder in folders), folders
    assert not [key for key in options if key.startswith(("Dir::Etc", "Acquire::Allow", "APT::Get::Allow", "Acquire::http"))]
    assert (made.folder / "state/status").read_text() == ""


def test_the_hooks_of_the_machine_are_cleared(archive):
    """A file clears them, since no option on the command line can."""
    apt = Apt(install=recorded("closure"))
    archive(apt).closure(["zlib1g"], "amd64")
    (config,) = [part.partition("=")[2] for part in apt.calls[0][0] if part.startswith("--config-file=")]
    cleared = Path(config).read_text().splitlines()
    assert cleared[:3] == [f"#clear APT::Update::{hook};" for hook in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")]
    assert "#clear Acquire::IndexTargets::deb::DEP-11;" in cleared
    assert not [line for line in cleared if "Packages" in line or "Translations" in line]


def test_what_apt_does_not_have_is_named(archive):
    """Of many packages the one that is missing, in apt's words."""
    with pytest.raises(ToolMissing) as error:
        archive(Apt(install=recorded("closure-missing", 100))).closure(["bash", "gcc", "no-such-thing"], "amd64")
    assert str(error.value) == "apt cannot give no-such-thing for amd64\nUnable to locate package no-such-thing"


def test_what_apt_cannot_resolve_is_told_with_its_reason(archive):
    """Its error says only that packages are held; which of them do not fit stands in its output."""
    with pytest.raises(ToolMissing) as error:
        archive(Apt(install=recorded("closure-unmet", 100))).closure(["libssl-dev:s390x"], "amd64")
    assert error.value.why == "libssl-dev:s390x : Depends: libssl3:s390x (= 3.0.20-1~deb12u2) but it is not installable"


@pytest.mark.parametrize(
    ("answer", "name", "architecture", "wanted"),
    [
        ("madison", "gcc-12", "amd64", ("12.2.0-14+deb12u1",)),
        ("madison-foreign", "libc6", "arm64", ("2.36-9+deb12u14", "2.36-9+deb12u7")),
        ("madison", "gcc", "amd64", ()),
        ("nothing", "no-such", "amd64", ()),
    ],
)
def test_versions_are_those_of_the_package_newest_first(archive, answer, name, architecture, wanted):
    """A package of another name is no version of it; none is an answer."""
    assert wanted == archive(Apt(madison=recorded(answer))).versions(name, architecture)


def test_a_single_package_comes_without_what_it_depends_on(archive):
    """In exactly the version asked for."""
    apt = Apt(download=recorded("single"))
    found = archive(apt).single("libc6", "arm64", "2.36-9+deb12u14")
    assert (found.name, found.version, found.architecture) == ("libc6", "2.36-9+deb12u14", "arm64")
    assert apt.asked("download") == [("apt-get", "download", "libc6:arm64=2.36-9+deb12u14")]


def test_a_single_package_that_is_not_there_is_missing(archive):
    """With apt's own words."""
    with pytest.raises(ToolMissing, match="apt has no no-such:amd64\nUnable to locate package no-such:amd64"):
        archive(Apt(download=recorded("single-missing", 100))).single("no-such", "amd64")


def test_lists_are_asked_for_once_a_day_and_architecture(archive):
    """A second call asks nothing, a further architecture only for itself, and after a day all is asked anew."""
    apt = Apt(madison=recorded("madison-foreign"))
    made = archive(apt)
    made.update(["arm64"])
    made.update(["arm64"])
    assert len(apt.asked("update")) == 1
    made.update(["arm64", "amd64"])
    assert len(apt.asked("update")) == 2
    assert made.said[-1] == "asking apt's sources what they offer for amd64"
    stamp(made, arm64=debian.FRESH + 1, amd64=debian.FRESH - 60)
    made.update(["arm64", "amd64"])
    assert made.said[-1] == "asking apt's sources what they offer for arm64"


def test_a_mirror_in_the_middle_of_a_sync_is_asked_again(archive):
    """Three times in all; once it is whole, the lists are good for a day."""
    bad = recorded("update-mid-sync", 100)
    apt = Apt(update=[bad, bad, Done(argv=(), code=0)], madison=recorded("madison-foreign"))
    made = archive(apt)
    made.update(["arm64"])
    assert len(apt.asked("update")) == debian.TRIES
    assert json.loads((made.folder / "stamps.json").read_text())["arm64"] > time.time() - 60


def test_what_half_a_mirror_offers_is_used_but_not_for_a_day(archive):
    """When one suite stays broken, the others' lists serve, and apt is asked again ten minutes later."""
    apt = Apt(update=recorded("update-mid-sync", 100), madison=recorded("madison-foreign"))
    made = archive(apt)
    made.update(["arm64"])
    asked = len(apt.asked("update"))
    made.update(["arm64"])
    assert len(apt.asked("update")) == asked
    left = debian.FRESH - (time.time() - json.loads((made.folder / "stamps.json").read_text())["arm64"])
    assert 0 < left <= debian.SOON


def test_no_lists_at_all_is_an_error_and_not_remembered(archive):
    """With apt's reason, and what to do."""
    made = archive(Apt(update=recorded("update-mid-sync", 100)))
    with pytest.raises(ToolMissing, match=r"apt's lists for arm64 cannot be had\n.*unexpected size.*\nhint: ") as error:
        made.update(["arm64"])
    assert error.value.code == 5
    assert not (made.folder / "stamps.json").exists()


def test_only_what_is_missing_is_fetched_in_the_order_asked(archive):
    """What lies in the cache and has its hash is not asked for; progress tells packages and megabytes."""
    apt = Apt(download=delivering(gcc=b"compiler", make=b"make"))
    made = archive(apt)
    gcc, make = package(b"compiler"), package(b"make", "make")
    assert made.fetch([make]) == (made.folder / "archives" / make.file,)
    files = made.fetch([gcc, make, gcc])
    assert [file.read_bytes() for file in files] == [b"compiler", b"make", b"compiler"]
    assert [call[2:] for call in apt.asked("download")] == [("make:amd64=1:2",), ("gcc:amd64=1:2",)]
    assert made.said == ["fetched 1 of 1 packages, 0 of 0 MB"] * 2


def test_a_damaged_package_in_the_cache_is_fetched_anew(archive):
    """Of the same length but other content."""
    made = archive(Apt(download=delivering(gcc=b"compiler")))
    (file,) = made.fetch([package(b"compiler")])
    file.write_bytes(b"COMPILER")
    assert made.fetch([package(b"compiler")])[0].read_bytes() == b"compiler"


@pytest.mark.parametrize("got", [{}, {"gcc": b"COMPILER"}], ids=["nothing", "another hash"])
def test_what_is_not_the_package_is_refused_and_the_lists_forgotten(archive, got):
    """Nothing of it stays, and the next call asks for new lists: the mirror may have a newer version by now."""
    made = archive(Apt(download=delivering(**got), madison=recorded("madison-foreign")))
    stamp(made, amd64=0)
    with pytest.raises(ToolMissing, match=r"apt did not get gcc_1%3a2_amd64\.deb"):
        made.fetch([package(b"compiler")])
    assert [path.name for path in (made.folder / "archives").iterdir() if path.suffix != ".lock"] == []
    made.update(["amd64"])
    assert made.said[-1] == "asking apt's sources what they offer for amd64"


def test_what_a_killed_call_left_is_removed(archive):
    """A folder of half fetched packages goes with the next fetch."""
    made = archive(Apt(download=delivering(gcc=b"compiler")))
    left = made.folder / "archives/.fetch.killed"
    left.mkdir(parents=True)
    (left / "half.deb").write_bytes(b"half")
    made.fetch([package(b"compiler")])
    assert not left.exists()


def test_a_package_without_a_hash_is_known_by_its_size(archive):
    """Old repositories give none; apt has checked what it fetched."""
    made = archive(Apt(download=delivering(gcc=b"compiler")))
    unhashed = replace(package(b"compiler"), digest="")
    assert made.fetch([unhashed])[0].read_bytes() == b"compiler"


@pytest.mark.parametrize(
    ("environ", "told"),
    [({}, True), ({"APT_CONFIG": "/theirs"}, False), ({"SSL_CERT_FILE": "/nowhere"}, False)],
)
def test_whom_the_user_trusts_is_where_apt_reads_first(archive, tmp_path, monkeypatch, environ, told):
    """So the machine's own configuration wins, and a variable of apt's own is left."""
    (tmp_path / "corp.pem").touch()
    monkeypatch.delenv("APT_CONFIG", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "corp.pem"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    apt = Apt()
    archive(apt).versions("libc6", "amd64")
    first = tmp_path / "debian/state/first.conf"
    assert (apt.calls[-1][1].get("APT_CONFIG"), first.exists()) == ((str(first), True) if told else (None, False))
    if told:
        assert f'Acquire::https::CaInfo "{tmp_path}/corp.pem";\n' == first.read_text()
