"""Flags that a build needs stand beside the user's own, wherever these are."""

from __future__ import annotations

import pytest

from crosstasks.building.environment import add_flags, remap_flags
from crosstasks.testing import ARM64

FLAG = "--remap-path-prefix=/home/a b=/source"
IN_TARGET = f'--config=target."{ARM64}".rustflags='


def test_nothing_is_said_without_a_flag():
    """A build that needs none is called as before."""
    assert add_flags([ARM64], (), {"build": ("-Cx",)}, {"RUSTFLAGS": "-Dwarnings"}) == ({}, ())


@pytest.mark.parametrize(
    ("environ", "theirs"),
    [
        ({"RUSTFLAGS": "-Dwarnings -Cx"}, ["-Dwarnings", "-Cx"]),
        ({"CARGO_ENCODED_RUSTFLAGS": "-Ca b\x1f-Cx"}, ["-Ca b", "-Cx"]),
        ({"CARGO_ENCODED_RUSTFLAGS": "-Cx", "RUSTFLAGS": "-Dwarnings"}, ["-Cx"]),
        ({"RUSTFLAGS": ""}, []),
    ],
)
def test_variables_win_in_cargo_and_are_added_to(environ, theirs):
    """What cargo would have taken is kept; a path with a space stays one flag."""
    found = add_flags([ARM64], (FLAG,), {"build": ("-Cignored",)}, environ)
    assert found == ({"CARGO_ENCODED_RUSTFLAGS": "\x1f".join([*theirs, FLAG])}, ())


@pytest.mark.parametrize(
    ("said", "environ", "arguments"),
    [
        ({}, {}, [f'--config=build.rustflags=["{FLAG}"]']),
        ({"build": ("-Cx",)}, {}, [f'--config=build.rustflags=["{FLAG}"]']),
        ({"build": "-Cx -Cy"}, {}, [f'--config=build.rustflags="-Cx -Cy {FLAG}"']),
        ({ARM64: ("-Cx",), "build": ("-Cy",)}, {}, [f'{IN_TARGET}["{FLAG}"]']),
        ({}, {"CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS": "-Cx"}, [f'{IN_TARGET}["{FLAG}"]']),
        (
            {'cfg(target_os = "linux")': ("-Cx",), "build": ("-Cy",)},
            {},
            [f'--config=target."cfg(target_os = \\"linux\\")".rustflags=["{FLAG}"]', f'--config=build.rustflags=["{FLAG}"]'],
        ),
    ],
)
def test_files_are_added_to_in_the_table_that_cargo_takes(said, environ, arguments):
    """Lists are joined by cargo; a text is replaced, and so repeated."""
    assert add_flags([ARM64], (FLAG,), said, environ) == ({}, tuple(arguments))


def test_flags_for_several_targets():
    """Each has its own table if one is there, and all others share what cargo falls back to."""
    parts = ["aarch64-apple-darwin", "x86_64-apple-darwin"]
    said = {parts[1]: ("-Cx",), "build": ("-Cy",)}
    expected = (f'--config=target."{parts[1]}".rustflags=["{FLAG}"]', f'--config=build.rustflags=["{FLAG}"]')
    assert add_flags(parts, (FLAG,), said, {}) == ({}, expected)
    told = tuple(f'--config=target."{part}".rustflags=["{FLAG}"]' for part in parts)
    assert add_flags(parts, (FLAG,), dict.fromkeys(parts, ("-Cx",)), {}) == ({}, told)


def test_folders_are_given_other_names():
    """One flag each, in the order given."""
    assert remap_flags([("/a", "/source"), ("/b", "/rust")]) == ("--remap-path-prefix=/a=/source", "--remap-path-prefix=/b=/rust")
