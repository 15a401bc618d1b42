"""The table of known errors: every row is recognised, has something to do, and is on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
import remedies_page

from crosstasks.catalog import remedies
from crosstasks.catalog.remedies import Remedy, find, hint
from crosstasks.core import errors
from crosstasks.core.errors import BuildFailed, CrosstasksError, ToolMissing

ROWS = remedies.remedies()
BY_NAME = {row.name: row for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_is_recognised_by_its_example_and_by_no_other(row: Remedy):
    """So an error has one remedy."""
    assert [row.name] == [found.name for found in find(row.example)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_says_what_to_do(row: Remedy):
    """In our voice: no capital at the start, no full stop at the end."""
    assert row.what[0].islower() or row.what.startswith(("SELinux", "Cargo.lock"))
    assert row.remedy
    assert not row.what.endswith(".")
    assert not row.remedy.endswith(".")
    assert row.source == "tried" or row.source.startswith("https://") or row.source.startswith("cross-rs/cross#")


def test_names_are_unique():
    """A row is found by its name on the page."""
    assert len(ROWS) == len(BY_NAME)


@pytest.mark.parametrize("row", [row for row in ROWS if row.when], ids=lambda row: row.name)
def test_what_ends_a_run_names_its_failure(row: Remedy):
    """A class of the error tree; an ending its exit codes as well."""
    assert issubclass(getattr(errors, row.error), CrosstasksError)
    assert bool(row.codes) == (row.when == "ending")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("all is well\n", []),
        ("\x1b[1m\x1b[31merror\x1b[0m: linker `\x1b[1mcc-x\x1b[0m` not found", ["linker-missing"]),
        (
            "toolchain 'stable-x86_64-unknown-linux-gnu' may not be able to run on this system\n   1: couldn't install toolchain\n",
            ["toolchain-foreign"],
        ),
        ('docker: Error response from daemon: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host\n', ["network"]),
        (
            "/target/debug/deps/libserde_derive-1.so: version `GLIBC_2.32' not found (required by /target/debug/deps/libserde_derive-1.so)",
            ["glibc-build-script"],
        ),
        ("note: Relocations in generic ELF (EM: 183)\nerror: No space left on device (os error 28)", ["linker-foreign", "disk-full"]),
        ("/usr/bin/ld: cannot find -lc: No such file or directory", []),
        ("error: failed to read `/work/Cargo.toml`: No space left on device", ["outside-workspace", "disk-full"]),
    ],
)
def test_a_text_is_searched_for_all_of_them(text, names):
    """Colours do not hide an error, and a general row gives way to one that says more."""
    assert names == [row.name for row in find(text)]


def test_the_hint_of_a_build_that_failed_is_the_remedy():
    """What it means, and what to do; nothing where nothing is known."""
    row = BY_NAME["linker-missing"]
    assert f"{row.what}: {row.remedy}" == remedies.hint(row.example)
    assert not remedies.hint("error[E0308]: mismatched types")


def test_an_error_gets_the_remedy_of_its_reason_once():
    """Behind its own hint, which stays; without a reason nothing is added."""
    error = ToolMissing("pip did not", why="[Errno 28] No space left on device", hint="try again")
    once = remedies.with_remedy(error).hint
    assert once.startswith("try again; a disk is full")
    assert once == remedies.with_remedy(error).hint
    assert not remedies.with_remedy(BuildFailed("no space left on device")).hint


def test_the_page_is_made_of_the_table():
    """`nox -s renew` writes it."""
    assert remedies_page.page() == Path(__file__).parents[3].joinpath("docs/troubleshooting.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("Could not find directory of OpenSSL installation, and this `-sys` crate", '`packages = ["libssl-dev"]`'),
        ("/usr/bin/ld: cannot find -lsqlite3: No such file or directory", '`packages = ["libsqlite3-dev"]`'),
        ("  = note: /usr/bin/ld: cannot find -lpq", '`packages = ["libpq-dev"]`'),
        ('error: unable to find dynamic system library "rdkafka" using strategy paths_first. searched paths: none', '"librdkafka-dev"'),
        ("The system library `alsa` required by crate `alsa-sys` was not found.", '`packages = ["libasound2-dev"]`'),
        ("The system library `gtk4` required by crate `gtk4-sys` was not found.", '`packages = ["libgtk-4-dev"]`'),
        ("Package gtk+-3.0 was not found in the pkg-config search path.", '`packages = ["libgtk-3-dev"]`'),
        ("cannot find -lrare", '`packages = ["lib…-dev"]`'),
        ("Could not find `protoc`. If `protoc` is installed, try", '`packages = ["protobuf-compiler:native"]`'),
        ("is `cmake` not installed?", '`packages = ["cmake:native"]`'),
        ("Unable to find libclang: \"couldn't find any valid", '`packages = ["libclang-dev:native"]`'),
        (
            'error: unable to find system framework "Security".\nerror: unable to find system framework "CoreFoundation".',
            "Security, CoreFoundation: set SDKROOT",
        ),
        (
            'error: unable to find dynamic system library "objc" using strategy\nerror: unable to find system framework "IOKit".',
            "IOKit: set SDKROOT",
        ),
        ('error: unable to find dynamic system library "geom" using strategy no_fallback.', "geom: leave out the feature"),
    ],
)
def test_what_is_missing_is_answered_with_the_line_that_mends_it(text, advice):
    """By the name that the linker, pkg-config or the build script has for it."""
    assert advice in hint(text)


def locked(**crates):
    """The text of a Cargo.lock: what each crate depends on, by its name with ``_`` for ``-``."""
    rows = (
        f'[[package]]\nname = "{name.replace("_", "-")}"\nversion = "1.0.0"\nchecksum = "0"\ndependencies = [\n'
        + "".join(f' "{one}",\n' for one in needs)
        + "]\n"
        for name, needs in crates.items()
    )
    return "version = 4\n\n" + "\n".join(rows)


@pytest.mark.parametrize(
    ("lock", "names"),
    [
        ("", []),
        (locked(serde=("syn",)), []),
        (locked(openssl_sys=("cc", "pkg-config")), ["openssl-sys"]),
        (locked(openssl_sys=("cc", "openssl-src")), []),
        (locked(libsqlite3_sys=("cc", "pkg-config")), []),
        (locked(libsqlite3_sys=("cc 1.0.1", "pkg-config")), []),
        (locked(libsqlite3_sys=("pkg-config",), ring=("cc",)), ["libsqlite3-sys"]),
        (locked(gtk_sys=("glib-sys",), glib_sys=()), ["gtk-sys"]),
        (locked(clang_sys=(), prost_build=()), ["clang-sys", "prost-build"]),
    ],
)
def test_crates_that_need_a_library_are_known_by_name(lock, names):
    """Those that build their own do not need it."""
    assert names == [row.name for row in remedies.crates_in(lock)]


@pytest.mark.parametrize(
    ("said", "lock", "line"),
    [
        ("Could not find directory of OpenSSL installation", locked(openssl_sys=()), '`packages = ["libssl-dev"]`'),
        ("The system library `glib-2.0` required by crate `glib-sys` was not found.", locked(gtk_sys=()), '`packages = ["libgtk-3-dev"]`'),
        ("The system library `alsa` required by crate `alsa-sys` was not found.", "", '`packages = ["libasound2-dev"]`'),
        (
            "The system library `alsa` required by crate `alsa-sys` was not found.",
            locked(alsa_sys=(), pq_sys=()),
            'pq-sys, alsa-sys in Cargo.lock: `packages = ["libpq-dev", "libasound2-dev"]`',
        ),
        ("Unable to find libclang: x", locked(clang_sys=()), '`packages = ["libclang-dev:native"]`'),
        ("Could not find `protoc`.", locked(prost_build=()), '`packages = ["protobuf-compiler:native"]`'),
        ("  = note: /usr/bin/ld: cannot find -lpq: No such file", locked(pq_sys=()), '`packages = ["libpq-dev"]`'),
        ("  = note: /usr/bin/ld: cannot find -lsqlite3: No such file", locked(libsqlite3_sys=()), '`packages = ["libsqlite3-dev"]`'),
    ],
)
def test_the_line_that_mends_it_is_named(said, lock, line):
    """Once where the error tells it; and what the other crates will need as well."""
    found = hint(said, lock)
    assert line in found
    assert found.count("`packages") == 1 + ("in Cargo.lock" in line)
