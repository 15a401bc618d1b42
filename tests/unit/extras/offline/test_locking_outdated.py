"""What upstream serves, compared with what is locked."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from crosstasks.context import Context, look_of
from crosstasks.core.errors import ConfigError, CrosstasksError
from crosstasks.core.looking import Look
from crosstasks.core.steps import Absent, Done, Question
from crosstasks.extras.offline.locking import Row, compare_registry, newest, outdated, outdated_text
from crosstasks.facts.engine import Engine
from crosstasks.facts.lock import Lock, LockRow
from crosstasks.facts.rustup import Channel
from crosstasks.testing import ARM64, FakeRunner, config, facts, served

REF = "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"
BOTH, FOR_BOTH = ("linux/amd64", "linux/arm64"), "for linux/amd64, linux/arm64"
SERVER = "https://static.rust-lang.org"
STABLE = {Question("rust-channel", "stable"): Channel(release="1.96.0", server=SERVER)}
SAME, MOVED = "sha256:" + "2" * 64, "sha256:" + "3" * 64


def row(**changes):
    ready = {"builder": "cross", "platform": "linux/arm64", "toolchain": "1.96.0"}
    return LockRow(**ready | changes)


@pytest.mark.parametrize(
    ("held", "platforms", "locked", "new", "note"),
    [
        (MOVED, ("linux/arm64",), row(digest=MOVED), True, "the tag has moved; for linux/arm64"),
        ("", BOTH, row(recipe="1"), True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        ("", BOTH, row(builder="zigbuild", platform=""), True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        ("", BOTH, None, True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        (SAME, BOTH, row(digest=SAME, platform="linux/amd64"), True, f"an image for linux/arm64 is there now; {FOR_BOTH}"),
        (
            *(MOVED, BOTH, row(digest=MOVED, platform="linux/amd64"), True),
            f"the tag has moved; an image for linux/arm64 is there now; {FOR_BOTH}",
        ),
        ("", ("linux/amd64",), row(recipe="1"), False, "for linux/amd64"),
        (SAME, ("linux/arm64",), row(digest=SAME), False, "for linux/arm64"),
    ],
)
def test_an_arm64_engine_learns_of_native_images(held, platforms, locked, new, note):
    """The table of the docstring."""
    answer = compare_registry(served(REF, *platforms), held, "linux/arm64", (locked,))
    assert answer == (SAME, new, note)


@pytest.mark.parametrize(
    ("ref", "tags", "found"),
    [
        (REF, ("0.2.4", "0.2.5", "main", "latest"), ""),
        (REF, ("0.2.5", "0.2.10", "0.2.6", "0.3.0-centos", "main"), "0.2.10"),
        ("registry:5000/x:1.9", ("1.10", "1.9"), "1.10"),
        ("registry:5000/x:main", ("0.3.0",), ""),
        ("registry:5000/x", ("0.3.0",), ""),
        (f"registry:5000/x@{SAME}", ("0.3.0",), ""),
    ],
)
def test_a_tag_of_a_higher_version(ref, tags, found):
    """Numbers as numbers; what is no version is no older or newer one."""
    assert newest(ref, tags) == found
    note = compare_registry(served(ref, "linux/arm64"), SAME, "linux/arm64", (), tags).note
    assert (f"there is {found}; " in note) is bool(found)


def test_what_is_new_comes_first():
    """Then what did not answer; of a digest as much as tells it from others."""
    rows = [Row(what="a", state="current"), Row(what="b", state="unknown"), Row(what="c", state="new", current=SAME)]
    assert [line.split()[0] for line in outdated_text(rows).splitlines()] == ["state", "new", "unknown", "current"]
    rows = [Row(what="x", state="new", current=SAME, upstream=MOVED, note="the tag has moved"), Row(what="rust", state="unknown")]
    assert [line.split() for line in outdated_text(rows).splitlines()] == [
        ["state", "what", "here", "upstream"],
        ["new", "x", SAME[:19], MOVED[:19], "the", "tag", "has", "moved"],
        ["unknown", "rust", "-", "-"],
    ]


URL, PINNED = "https://github.com/cross-rs/cross", "8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27"
ASK = ("/usr/bin/git", "ls-remote", URL, "HEAD")
CRATES = [{"vers": "0.2.10", "yanked": True}, {"vers": "0.3.0-rc1", "yanked": False}, {"vers": "0.2.5", "yanked": False}]


@pytest.fixture
def ask(monkeypatch):
    """Ask for everything, of a world in which nothing is new if nothing else is said."""

    def ask(*, crates=CRATES, git=f"{PINNED}\tHEAD\n", known=None, images=None, tags=(), own=None):
        from crosstasks.clients import registry_api

        fetched = []

        def fetch(url, timeout):
            fetched.append((url, timeout))
            if isinstance(crates, Exception):
                raise crates
            return "\n".join(map(json.dumps, crates))

        def look(ref, engine, timeout):
            assert (engine, timeout) == (known.engine if isinstance(known.engine, Engine) else None, 10.0)
            return (images or {}).get(ref, {"mediaType": "x", "digest": SAME, "config": {"os": "linux", "architecture": "amd64"}})

        known, own = known or facts().with_(STABLE), own or config()
        monkeypatch.setattr(registry_api, "fetch_text", fetch)
        monkeypatch.setattr(registry_api, "look", look)
        monkeypatch.setattr(registry_api, "tags", lambda _ref, _timeout: tags)
        monkeypatch.setattr(Look, "which", lambda _, name: f"/usr/bin/{name}" if git is not None else None)
        runner = FakeRunner({ASK: git or ""})
        here = Path("/project")
        context = Context(
            config=own,
            root=here,
            cache=Path("/cache"),
            environ={},
            run=runner,
            say=lambda _: None,
            look=look_of(here, Path("/cache"), own, {}, runner),
            facts=known,
        )
        rows = {row.what: row for row in outdated(context, ())}
        assert [("https://index.crates.io/cr/os/cross", 10.0)] == fetched
        assert all(env == {"GIT_TERMINAL_PROMPT": "0", "GIT_ASKPASS": "", "SSH_ASKPASS": ""} for env in runner.envs)
        return rows

    return ask


def told(row):
    return row.current, row.upstream, row.state, row.note


def test_everything_is_asked_for(ask):
    """In this order; both flavours of cross have an image."""
    git = REF.replace(":0.2.5", ":main")
    assert {name: told(row) for name, row in ask().items()} == {
        "cross": ("0.2.5", "0.2.5", "current", "the crates registry"),
        "cross git": (PINNED, PINNED, "current", URL),
        "rust": ("", "1.96.0", "current", "https://static.rust-lang.org"),
        REF: ("", SAME, "current", "for linux/amd64"),
        git: ("", SAME, "current", "for linux/amd64"),
    }
    assert list(ask()) == ["cross", "cross git", "rust", REF, git]


def test_offline_nothing_is():
    """What to set is said."""
    with pytest.raises(ConfigError, match="`outdated` asks the network, and offline = true") as caught:
        outdated(cast("Context", SimpleNamespace(config=config(offline=True))), ())
    assert caught.value.hint == "CROSSTASKS_OFFLINE=0 asks all the same, this once"


@pytest.mark.parametrize(
    ("crates", "flavour", "expected"),
    [
        ([{"vers": "0.2.10", "yanked": False}, *CRATES], "", ("0.2.5", "0.2.10", "new", "the crates registry")),
        (CRATES, "0.2.4", ("0.2.4", "0.2.5", "new", "the crates registry")),
        ([{"vers": "0.2.4", "yanked": False}], "0.2.5", ("0.2.5", "0.2.4", "current", "the crates registry")),
        (CRATES, "git", ("0.2.5", "0.2.5", "current", "the crates registry")),
        ([{"vers": "0.2.5"}], "", ("0.2.5", "", "unknown", "'yanked'")),
        (CrosstasksError("it does not answer", why="no\nroute"), "", ("0.2.5", "", "unknown", "it does not answer: no route")),
    ],
)
def test_a_newer_cross(ask, crates, flavour, expected):
    """A higher version that is neither yanked nor a look at one to come, than the one that is locked, else the pinned one."""
    locked = Lock(target={ARM64: {"linux/amd64": row(flavour=flavour, image=REF, platform="linux/amd64")}}) if flavour else Lock()
    assert expected == told(ask(crates=crates, known=facts(lock=locked).with_(STABLE))["cross"])


@pytest.mark.parametrize(
    ("git", "revision", "expected"),
    [
        (f"{MOVED[7:47]}\tHEAD\n", "", (PINNED, MOVED[7:47], "new", URL)),
        (f"{PINNED}\tHEAD\n", PINNED[:8], (PINNED[:8], PINNED, "current", URL)),
        (f"{PINNED}\tHEAD\n", "0123456", ("0123456", PINNED, "new", URL)),
        ("", "", (PINNED, "", "unknown", f"{URL} has no HEAD")),
        (Done(argv=ASK, code=128, err="a\nfatal: no such host\n"), "", (PINNED, "", "unknown", "fatal: no such host")),
        (Done(argv=ASK, code=128, out=PINNED), "", (PINNED, "", "unknown", f"{URL} has no HEAD")),
        (None, "", (PINNED, "", "unknown", "git is not here")),
    ],
)
def test_a_newer_commit_of_cross(ask, git, revision, expected):
    """Than the one that is locked, which may be short."""
    locked = Lock(target={ARM64: {"linux/amd64": row(flavour="git", revision=revision)}}) if revision else Lock()
    assert expected == told(ask(git=git, known=facts(lock=locked).with_(STABLE))["cross git"])


@pytest.mark.parametrize(
    ("toolchain", "expected"),
    [
        ("", ("", "1.96.0", "current", SERVER)),
        ("stable", ("stable", "1.96.0", "current", SERVER)),
        ("1.96.0", ("1.96.0", "1.96.0", "current", SERVER)),
        ("1.95.0", ("1.95.0", "1.96.0", "new", SERVER)),
        ("1.100.0", ("1.100.0", "1.96.0", "current", SERVER)),
        ("nightly-2026-10-30", ("nightly-2026-10-30", "nightly-2026-11-02", "new", SERVER)),
        ("nightly-2026-11-02", ("nightly-2026-11-02", "nightly-2026-11-02", "current", SERVER)),
        ("beta-2026-10-30", ("beta-2026-10-30", "", "unknown", "the server has no such channel")),
    ],
)
def test_a_newer_rust(ask, toolchain, expected):
    """Than the one that is locked: the stable one of a release, a channel's by its day."""
    known = facts().with_(
        {
            **STABLE,
            Question("rust-channel", "nightly"): Channel(release="nightly-2026-11-02", server=SERVER),
            Question("rust-channel", "beta"): Absent("the server has no such channel"),
        }
    )
    for found in (
        ask(known=known.with_({Question("lock"): Lock(target={ARM64: {"linux/amd64": row(toolchain=toolchain)}})})),
        ask(known=known, own=config(toolchain=toolchain)),
    ):
        assert expected == told(found["rust"])


def test_a_server_that_does_not_answer(ask):
    """Says nothing of what is newer."""
    known = facts().with_({question: Absent("the server does not answer") for question in STABLE})
    assert told(ask(known=known, own=config(toolchain="1.95.0"))["rust"]) == ("1.95.0", "", "unknown", "the server does not answer")


def test_each_image_is_asked_for_once(ask):
    """For all targets that it is for, and apart from those whose digest is locked; one that is configured is the only one of its target."""
    own = config("aarch64", "armv7", "s390x", target={name: {"image": "x:1"} for name in ("armv7", "s390x")})
    locked = Lock(target={ARM64: {"linux/amd64": row(image=REF, digest=MOVED, platform="linux/amd64")}})
    found = ask(own=own, known=facts(lock=locked).with_(STABLE), images={"x:1": {}}, tags=("0.2.5", "0.3.0"))
    assert told(found[REF]) == (MOVED, SAME, "new", "the tag has moved; there is 0.3.0; for linux/amd64")
    assert (found[REF].targets, found["x:1"].targets) == ((ARM64,), ("armv7-unknown-linux-gnueabihf", "s390x-unknown-linux-gnu"))
    assert (found["x:1"].state, found["rust"].targets) == ("unknown", ())
    assert len(found) == 6
