"""The catalogue, against the list of what cross publishes, and what follows from a triple."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from crosstasks import targets
from crosstasks.errors import ConfigError
from crosstasks.targets import catalogue, default_image, find


class Row(NamedTuple):
    """A line of data/cross_images.txt."""

    name: str
    base: str
    libc: str
    runner: str
    main_base: str
    main_runner: str


TEXT = (Path(__file__).parent / "data" / "cross_images.txt").read_text("utf-8")
ROWS = [
    Row(*("" if word == "-" else word.replace("emsdk-", "emsdk ") for word in line.split()))
    for line in TEXT.splitlines()
    if not line.startswith("#")
]
OTHER = {"cross", "zig", "x86_64-unknown-linux-gnu-centos", "aarch64-unknown-linux-gnu-centos"}
"""Images that are not those of a target by default: cross itself, zig's, and variants with an older glibc."""

IMAGES = [row for row in ROWS if row.name not in OTHER]
RUNNERS = {"nat/user/sys": "native qemu-user qemu-system", "nat/user": "native qemu-user"}


def test_the_list_is_whole():
    """55 images of 0.2.4 and 0.2.5, 61 of main; without cross itself, zig's and the -centos variants: 53 and 57."""
    assert (sum(bool(row.base) for row in ROWS), sum(bool(row.main_base) for row in ROWS)) == (55, 61)
    assert (sum(bool(row.base) for row in IMAGES), sum(bool(row.main_base) for row in IMAGES)) == (53, 57)


@pytest.mark.parametrize("row", IMAGES, ids=lambda row: row.name)
def test_each_image_has_its_row(row):
    """Base, libc and runner are those of cross, per flavour."""
    found = catalogue()[row.name]
    of = {flavour: image.base for flavour, image in found.images.items()}
    released = {"0.2.5": row.base, "0.2.4": row.base} if row.base else {}
    assert of == released | ({"git": row.main_base} if row.main_base else {})
    if row.base:
        assert found.images["0.2.5"].libc == row.libc
    if row.base or row.main_base:
        runner = row.runner if row.base else row.main_runner
        assert " ".join(found.runners) == RUNNERS.get(runner, runner)


def test_no_other_target_has_an_image():
    """What the catalogue knows besides, cross has no image for, or never runs in a container."""
    others = [row for triple, row in catalogue().items() if triple not in {row.name for row in IMAGES if row.base or row.main_base}]
    assert [row.triple for row in others if row.images] == []
    assert [row.triple for row in others if row.containerised] == ["asmjs-unknown-emscripten"]


def test_main_links_against_what_its_base_has():
    """glibc of Ubuntu 24.04 is 2.39 and of 22.04 is 2.35; cross builds its own of 2.17 and 2.36 for three targets."""
    own = {"arm-unknown-linux-gnueabihf": "2.17", "loongarch64-unknown-linux-gnu": "2.36", "aarch64_be-unknown-linux-gnu": "2.36"}
    base = {"ubuntu:24.04": "2.39", "ubuntu:22.04": "2.35"}
    rows = [row for row in catalogue().values() if "git" in row.images and row.libc == "gnu"]
    assert {row.triple: row.images["git"].libc for row in rows} == {
        row.triple: own.get(row.triple, base[row.images["git"].base]) for row in rows
    }


def test_names_are_unique():
    """A triple or an alias names one target, and every alias can stand in the name of a session."""
    names = [name for row in catalogue().values() for name in (row.triple, *row.aliases)]
    assert len(names) == len(set(names))
    assert [name for name in names if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", name)] == []
    assert all(row.aliases for row in catalogue().values())
    assert "host" not in names


def test_the_catalogue_is_sorted():
    """In two parts, each by triple: what cross has an image for, and what it has none for."""
    triples = list(catalogue())
    first = next(place for place, row in enumerate(catalogue().values()) if not row.containerised)
    assert triples == sorted(triples[:first]) + sorted(triples[first:])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aarch64", ("aarch64", 64, "little", "EM_AARCH64", "linux", "gnu", "elf", "linux/arm64", "aarch64")),
        ("armv7", ("armv7", 32, "little", "EM_ARM", "linux", "gnu", "elf", "linux/arm/v7", "arm")),
        ("s390x", ("s390x", 64, "big", "EM_S390", "linux", "gnu", "elf", "linux/s390x", "s390x")),
        ("powerpc64le", ("powerpc64le", 64, "little", "EM_PPC64", "linux", "gnu", "elf", "linux/ppc64le", "ppc64le")),
        ("x86_64-musl", ("x86_64", 64, "little", "EM_X86_64", "linux", "musl", "elf", "linux/amd64", "x86_64")),
        ("windows", ("x86_64", 64, "little", "EM_X86_64", "windows", "mingw", "pe", "", "")),
        ("aarch64-android", ("aarch64", 64, "little", "EM_AARCH64", "android", "bionic", "elf", "", "")),
        ("macos", ("aarch64", 64, "little", "EM_AARCH64", "macos", "", "macho", "", "")),
        ("wasm32", ("wasm32", 32, "little", "", "unknown", "", "wasm", "", "")),
        ("thumbv8m-main", ("thumbv8m.main", 32, "little", "EM_ARM", "none", "newlib", "elf", "", "")),
    ],
)
def test_what_follows_from_a_triple(name, expected):
    """Architecture, system, libc, format, and the names that OCI and QEMU have for it."""
    row = find(name)
    assert (row.arch, row.bits, row.endian, row.machine, row.os, row.libc, row.format, row.platform, row.qemu) == expected


@pytest.mark.parametrize(
    ("name", "packages"),
    [
        ("aarch64", ("gcc-aarch64-linux-gnu", "g++-aarch64-linux-gnu")),
        ("x86_64", ("gcc-x86-64-linux-gnu", "g++-x86-64-linux-gnu")),
        ("windows", ("gcc-mingw-w64-x86-64-posix", "g++-mingw-w64-x86-64-posix")),
        ("windows-i686", ("gcc-mingw-w64-i686-posix", "g++-mingw-w64-i686-posix")),
        ("x86_64-musl", ()),
    ],
)
def test_debians_cross_compilers(name, packages):
    """Both compilers, named as Debian does; nothing where it has none."""
    assert find(name).packages == packages


@pytest.mark.parametrize(
    ("name", "flavour", "ref"),
    [
        ("aarch64", "0.2.5", "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.5"),
        ("aarch64", "0.2.4", "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:0.2.4"),
        ("aarch64", "git", "ghcr.io/cross-rs/aarch64-unknown-linux-gnu:main"),
        ("riscv64-musl", "0.2.5", None),
        ("x86_64-sun", "git", None),
        ("wasm32", "0.2.5", None),
    ],
)
def test_the_image_of_a_flavour(name, flavour, ref):
    """Its tag is the release's, or main; a flavour that has none has none."""
    assert default_image(find(name), flavour) == ref


def test_an_unknown_name_is_told_with_the_likely_one():
    """The error is one of the configuration."""
    with pytest.raises(ConfigError) as caught:
        find("aarch46")
    assert (caught.value.what, caught.value.why) == ("no target is called 'aarch46'", "perhaps 'aarch64' or 'aarch64-be'")
    assert targets.likely("qqqqqq") == ""


def test_tags_of_sessions():
    """Architecture, system, libc and triple, each once."""
    assert find("aarch64").tags == ("aarch64", "linux", "gnu", "aarch64-unknown-linux-gnu")
    assert find("wasm32").tags == ("wasm32", "unknown", "wasm32-unknown-unknown")
    assert targets.alias(find("aarch64-unknown-linux-gnu")) == "aarch64"
