"""What is asked of one target, and what of it a route may refuse."""

from __future__ import annotations

from typing import get_args

import pytest
from planning import request as asked_for

from crosstasks.catalog import targets
from crosstasks.core.steps import RUNNING, Absent, Verb
from crosstasks.facts.engine import Engine
from crosstasks.facts.lock import HINT, Lock, LockRow
from crosstasks.planning.request import RustRequest
from crosstasks.testing import AMD64, ARM64, arm64_facts, bare_facts, config, facts, repository

ROW = LockRow(builder="cross", flavour="0.2.5", toolchain="1.90.0", toolchain_source="debian")
LOCKED = Lock(target={ARM64: {"linux/amd64": ROW}})


def request(name, known, own=None, verb="build"):
    return asked_for(name, known, own or config(name), verb)


@pytest.mark.parametrize(
    ("asked", "minimum", "taken", "refused"),
    [
        ("", "", ["1.85.0", "nightly-2026-01-02", "beta"], []),
        ("1.85", "", ["1.85", "1.85.0", "1.85.1"], ["1.8.5", "1.850.0", "1.86.0", "nightly"]),
        ("1.85.0", "1.85", ["1.85.0"], ["1.85.1"]),
        ("1.85.0", "1.86", [], ["1.85.0"]),
        ("", "1.86", ["1.86.0", "1.100.0", "nightly"], ["1.85.0", "1.9.0"]),
        ("nightly", "1.99", ["nightly", "nightly-2026-01-02"], ["beta", "beta-2026-01-02", "1.99.0"]),
        ("nightly-2026-01-02", "", ["nightly-2026-01-02"], ["nightly", "nightly-2026-01-03"]),
    ],
)
def test_a_release_that_is_asked_for(asked, minimum, taken, refused):
    """As a whole, by how it begins, or a day of its channel; and not older than the crate needs."""
    rust = RustRequest(target=targets.find("aarch64"), release=asked, minimum=minimum)
    assert {release: rust.accepts(release) for release in (*taken, *refused)} == dict.fromkeys(taken, True) | dict.fromkeys(refused, False)


def test_the_rust_that_is_asked_for():
    """rust-toolchain.toml's components but for those that every toolchain has, its other targets that there are, and what a verb needs."""
    written = repository(
        channel="1.85",
        rust_version="1.80",
        components=("rustc", "cargo", "rust-std", "rust-src", "clippy"),
        profile="minimal",
        targets=(ARM64, AMD64, "z80-unknown-none"),
    )
    expected = {
        "target": targets.find("aarch64"),
        "release": "1.85",
        "minimum": "1.80",
        "components": ("rust-src", "clippy"),
        "profile": "minimal",
        "more": (AMD64,),
    }
    known = facts(repository=written)
    assert request("aarch64", known).rust == RustRequest(**expected)
    assert request("aarch64", known, None, "clippy").rust == RustRequest(**expected, tools=("clippy",))
    own = config(toolchain="stable", build_std="always")
    assert request("aarch64", known, own).rust == RustRequest(**expected | {"release": "", "build_std": True})
    assert request("mips", known, config("mips")).rust.build_std
    locked = {"release": "1.90.0", "source": "debian"}
    plain = facts(repository=repository(), lock=LOCKED)
    assert request("aarch64", plain).rust == RustRequest(target=targets.find("aarch64"), **locked)
    assert request("aarch64", facts(repository=written, lock=LOCKED)).rust == RustRequest(**expected)


@pytest.mark.parametrize(
    ("written", "why", "hint"),
    [
        (
            {"toolchain_path": "../stage1"},
            "rust-toolchain.toml names a toolchain by its path, ../stage1, which no container and no other machine has",
            "`toolchain` in crosstasks.toml names a release or a channel instead",
        ),
        *(
            (
                {"channel": name},
                f"{name!r} is neither a release nor a channel of Rust",
                'name a release such as "1.85.0" or a channel such as "nightly" in rust-toolchain.toml, or as `toolchain` in crosstasks.toml',
            )
            for name in ("mine", "stable-2026-05-01")  # of stable there is none of a day
        ),
    ],
)
def test_a_rust_that_nobody_has(written, why, hint):
    """What may stand there instead is said."""
    known = facts(repository=repository(**written))
    assert request("aarch64", known).rust == Absent(why, hint)
    assert request("aarch64", known, config(toolchain="1.85.0")).rust.release == "1.85.0"


@pytest.mark.parametrize(
    ("options", "key", "hint"),
    [
        ({}, "", ""),
        ({"image": "x:1"}, "image", "leave `image` out"),
        ({"packages": ["libssl-dev"], "base": "bookworm"}, "packages", "leave `packages` out"),
        ({"target": {"aarch64": {"pre-build": ["true"]}}}, "pre-build", "leave `pre-build` out"),
        ({"base": "bookworm"}, "base", 'leave `base` out, or say `builder = "zigbuild"`'),
        ({"engine": "podman"}, "engine", 'leave `engine` out, or say `builder = "zigbuild"`'),
        ({"engine": "auto"}, "", ""),
        ({"cross": "git"}, "cross", 'leave `cross` out, or say `builder = "zigbuild"`'),
        ({"cross": "git", "fallback": ["zigbuild"]}, "", ""),
        ({"engine": "podman", "builder": "cross"}, "engine", 'leave `engine` out, or say `builder = "zigbuild"`'),
        ({"engine": "podman", "builder": "zigbuild"}, "", ""),
    ],
    ids=str,
)
def test_what_only_a_container_has(options, key, hint):
    """The first that the user names is told, with where, and how to be rid of it."""
    where = f"crosstasks.toml, [target.{ARM64}]" if "target" in options else "crosstasks.toml"
    refused = request("aarch64", facts(), config(**options)).without("zigbuild", "zigbuild has no container")
    if not key:
        assert refused is None
        return
    assert refused is not None
    assert refused.hint == hint
    assert refused.why in {f"`{key}` is configured ({place}), and zigbuild has no container" for place in (where, "crosstasks.toml")}


@pytest.mark.parametrize(
    ("options", "here"), [({}, False), ({"packages": ["x"]}, True), ({"base": "bookworm"}, True), ({"image": "x:1"}, False)], ids=str
)
def test_what_only_an_image_built_here_has(options, here):
    """Debian's packages, of a release of it."""
    assert here is request("aarch64", facts(), config(**options)).needs_debian


@pytest.mark.parametrize(
    ("name", "options", "promise"),
    [
        ("aarch64", {}, "2.36"),
        ("aarch64", {"glibc": "2.28"}, "2.28"),
        ("aarch64", {"base": "trixie"}, "2.41"),
        ("aarch64-musl", {}, ""),
        ("aarch64-android", {}, ""),
        ("windows", {}, ""),
    ],
)
def test_the_glibc_that_is_promised(name, options, promise):
    """What is configured, else that of images built here, where there is one at all."""
    assert promise == request(name, facts(), config(name, **options)).promise


def test_what_differs_from_the_lock():
    """The first field that does; without a lock nothing does."""
    locked = request("aarch64", facts(lock=LOCKED))
    assert locked.lock_row == ROW
    assert locked.unlike_lock(builder="cross", flavour="0.2.5") is None
    refused = locked.unlike_lock(builder="cross", flavour="git")
    assert refused is not None
    assert ("0.2.5" in refused.why, "git" in refused.why, refused.hint) == (True, True, HINT)
    assert request("aarch64", facts()).unlike_lock(builder="cargo") is None


@pytest.mark.parametrize(
    ("known", "options", "platforms"),
    [
        (facts(), {}, ["linux/amd64"]),
        (arm64_facts(), {}, ["linux/arm64", "linux/amd64"]),
        (arm64_facts(), {"emulation": "never"}, ["linux/arm64"]),
        (facts(engine=Engine(kind="docker", command="docker", version="1", arch="s390x")), {}, ["linux/amd64"]),
        (bare_facts(), {}, []),
    ],
    ids=["amd64", "arm64", "arm64 that emulates nothing", "a machine that no image is built for", "no engine"],
)
def test_the_platforms_that_an_image_could_be_built_for(known, options, platforms):
    """The engine's own, and the one that it may emulate."""
    assert platforms == list(request("aarch64", known, config(**options)).recipes)


def test_an_image_may_do_without_an_emulator_where_nothing_is_started():
    """Unless a lock holds for all verbs."""
    from crosstasks.planning.request import make

    row, own = targets.find("aarch64"), config()
    for verb in get_args(Verb):
        assert make(row, verb, facts(), own, lean=True).lean is (verb not in RUNNING)
        assert not make(row, verb, facts(), own).lean
        assert not make(row, verb, facts(lock=LOCKED), own, lean=True).lean
