"""Why a route on the host is refused: its name, the reason, and what would help."""

from __future__ import annotations

from typing import Any

import pytest
from planning import request

from crosstasks.catalog.targets import find
from crosstasks.core.steps import Absent, Question
from crosstasks.facts.host import Host
from crosstasks.facts.sdks import Ndk, Sdks, Xwin
from crosstasks.planning import ladder
from crosstasks.testing import AMD64, ARM64, config, facts, repository

NO_PARTS: Any = None
PLAIN = f"plain cargo serves the host's own target, {AMD64}, and those that rustc links by itself"
LICENCE = "Microsoft's CRT and SDK have a licence, which nobody has accepted in the configuration"
ACCEPT = "`accept-microsoft-license = true` in crosstasks.toml accepts https://go.microsoft.com/fwlink/?LinkId=2086102"
NDK = Sdks(xwin=Xwin(folder="/x"), ndk=Ndk(folder="/ndk", programs="/ndk/bin", levels={"aarch64-linux-android": (19,)}))
NONE = Sdks(xwin=Xwin(folder="/x"), ndk=Absent("none is named"))


@pytest.mark.parametrize(
    ("route", "target", "known", "options", "verb", "why", "hint"),
    [
        ("cargo", "aarch64", facts(), {}, "build", PLAIN, ""),
        (
            "cargo",
            "x86_64",
            facts(),
            {"glibc": "2.28"},
            "build",
            "`glibc` is configured, and the host's own libraries would not keep it",
            "",
        ),
        (
            *("cargo", "x86_64", facts(), {"packages": ["x"]}, "build"),
            "`packages` is configured (crosstasks.toml), and plain cargo builds on the host",
            "leave `packages` out",
        ),
        (
            *("cargo", "wasip1", facts(repository=repository(compiles_c="zstd-sys")), {}, "build"),
            "Cargo.lock holds zstd-sys, which compiles C, and the host has no C library for wasm32-wasip1",
            "",
        ),
        ("zigbuild", "aarch64", facts(), {}, "bench", "cargo-zigbuild has no `bench`", ""),
        (
            *("zigbuild", "aarch64", facts(), {"glibc": "2.12"}, "build"),
            f"glibc = '2.12' is promised, and Rust's standard library for {ARM64} needs 2.17",
            'glibc = "2.17" is the oldest that is possible',
        ),
        (
            *("zigbuild", "ppc64le", facts(), {"glibc": "2.28"}, "build"),
            "glibc = '2.28' is promised, and zig's libunwind for powerpc64le-unknown-linux-gnu needs 2.32",
            'glibc = "2.32" is the oldest that is possible',
        ),
        (
            *("zigbuild", "msvc", facts(), {}, "build"),
            "zig does not ship Microsoft's C library, which x86_64-pc-windows-msvc needs: cargo-xwin can fetch it",
            "",
        ),
        ("zigbuild", "ios", facts(), {}, "build", "cargo-zigbuild does not know aarch64-apple-ios", ""),
        (
            *("zigbuild", "x86_64-none", facts(), {}, "build"),
            "rustc links x86_64-unknown-none by itself, and zig has no C library for it",
            "",
        ),
        ("zigbuild", "illumos", facts(), {}, "build", "zig has no C library for x86_64-unknown-illumos", ""),
        (
            *("zigbuild", "sparc64", facts(), {}, "build"),
            "programs for sparc64-unknown-linux-gnu that zig 0.17 has linked do not start: glibc's loader ends with an assertion",
            "",
        ),
        ("xwin", "windows", facts(), {}, "build", "cargo-xwin is for *-pc-windows-msvc, and not for x86_64-pc-windows-gnu", ""),
        ("xwin", "msvc", facts(), {}, "build", LICENCE, ACCEPT),
        ("xwin", "msvc", facts(), {}, "nextest", "cargo-nextest is not set up for this route", "`test` is cargo's own"),
        (
            *("xwin", "msvc", facts(sdks=NDK), {"accept_microsoft_license": True, "offline": True}, "build"),
            "offline = true, and /x does not hold Microsoft's CRT and SDK for x86_64",
            "`cargo xwin cache xwin --xwin-arch x86_64` fills the folder that XWIN_CACHE_DIR names",
        ),
        (
            *("ndk", "aarch64-android", facts(sdks=NONE), {}, "build", "none is named"),
            "ANDROID_NDK_HOME is the folder of an NDK (https://developer.android.com/ndk/downloads)",
        ),
        (
            *("ndk", "aarch64-android", facts(sdks=NDK), {}, "build"),
            "the NDK in /ndk has no compiler for aarch64-linux-android, API level 21 or newer",
            "",
        ),
        ("ndk", "aarch64-android", facts(sdks=NDK), {}, "nextest", "cargo-nextest is not set up for this route", "`test` is cargo's own"),
    ],
)
def test_why_a_route_is_refused(route, target, known, options, verb, why, hint):
    """Before anything is asked of it."""
    found = getattr(ladder, route)(request(target, known, config(target, **options), verb), known, NO_PARTS)
    assert found == Absent(why, hint)


@pytest.mark.parametrize(
    ("host", "linked"),
    [
        ("x86_64-unknown-linux-gnu", {"x86_64-unknown-linux-gnu"}),
        ("aarch64-apple-darwin", {"aarch64-apple-darwin", "x86_64-apple-darwin", "aarch64-apple-ios"}),
    ],
)
def test_what_the_hosts_own_linker_links(host, linked):
    """Apple's links for all of its machines; a universal program is no target of any."""
    row = find(host)
    known = facts(host=Host(os=row.os, arch=row.arch, triple=host, libc=row.libc if row.os == "linux" else ""))
    every = ["x86_64-pc-windows-gnu", "i686-pc-windows-gnu", "universal2", "aarch64-unknown-linux-gnu", "x86_64-unknown-linux-musl"]
    every += ["x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "i686-pc-windows-msvc", "aarch64-pc-windows-msvc"]
    every += ["aarch64-apple-darwin", "x86_64-apple-darwin", "aarch64-apple-ios"]
    refused = {name: ladder._refuse_cargo(request(name, known, config(name)), known) for name in every}  # noqa: SLF001
    assert {find(name).triple for name, refusal in refused.items() if refusal is None} == linked


@pytest.mark.parametrize(("route", "target"), [("xwin", "msvc"), ("ndk", "aarch64-android")])
def test_which_kits_there_are_is_asked_once_a_route_needs_one(route, target):
    """Not before it is known that the route may be taken."""
    options = config(target, accept_microsoft_license=True)
    assert (Question("sdks"),) == getattr(ladder, route)(request(target, facts(), options), facts(), NO_PARTS)
