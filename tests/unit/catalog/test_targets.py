"""The catalogue, against the lists of what cross publishes, rustc knows and Debian has, and what follows from a triple."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from elftools.elf.enums import ENUM_E_MACHINE

from crosstasks.catalog import targets
from crosstasks.catalog.recipes import NO_COMPILER
from crosstasks.catalog.targets import ARCHES, OCI_ARCH, catalogue, default_image, find, names, variable
from crosstasks.core.errors import ConfigError


class Row(NamedTuple):
    """A line of data/cross_images.txt."""

    name: str
    base: str
    libc: str
    runner: str
    main_base: str
    main_runner: str


class Spec(NamedTuple):
    """A line of data/rustc_targets.txt."""

    triple: str
    tier: str
    bits: str
    endian: str
    arch: str
    os: str
    env: str


def lines(name: str) -> list[list[str]]:
    """The words of each line of a table in data/; ``-`` is none."""
    text = (Path(__file__).parents[1] / "data" / name).read_text("utf-8")
    return [["" if word == "-" else word for word in line.split()] for line in text.splitlines() if not line.startswith("#")]


ROWS = [Row(*(word.replace("emsdk-", "emsdk:") for word in words)) for words in lines("cross_images.txt")]
OTHER = {"cross", "zig", *(row.name for row in ROWS if row.name.endswith("-centos"))}
"""Images that are not those of a target by default: cross itself, zig's, and variants with an older glibc."""

IMAGES = [row for row in ROWS if row.name not in OTHER]
RUNNERS = {"nat/user/sys": ("native", "qemu-user", "qemu-system"), "nat/user": ("native", "qemu-user"), "": ()}

SPECS = [Spec(*words) for words in lines("rustc_targets.txt")]
COMPILERS = {package: set(architectures) for package, *architectures in lines("debian_cross.txt")}


def test_the_list_is_whole():
    """55 images of 0.2.4 and 0.2.5, 61 of main; without cross itself, zig's and the -centos variants: 53 and 57."""
    assert (sum(bool(row.base) for row in ROWS), sum(bool(row.main_base) for row in ROWS)) == (55, 61)
    assert (sum(bool(row.base) for row in IMAGES), sum(bool(row.main_base) for row in IMAGES)) == (53, 57)


@pytest.mark.parametrize("row", IMAGES, ids=lambda row: row.name)
def test_each_image_has_its_row(row):
    """Base, libc and runners are those of cross, per flavour."""
    found = catalogue()[row.name]
    of = {flavour: (image.base, image.runners) for flavour, image in found.images.items()}
    old = (row.base, RUNNERS.get(row.runner, (row.runner,)))
    new = (row.main_base, RUNNERS.get(row.main_runner, (row.main_runner,)))
    assert of == ({"0.2.5": old, "0.2.4": old} if row.base else {}) | ({"git": new} if row.main_base else {})
    assert {found.images[flavour].glibc_floor for flavour in ("0.2.5", "0.2.4") if flavour in of} == ({row.libc} if row.base else set())


def test_no_other_target_has_an_image():
    """What the catalogue knows besides, cross has no image for; and what it never runs in a container, it has none for."""
    listed = {row.name for row in IMAGES if row.base or row.main_base}
    assert {triple for triple, row in catalogue().items() if row.images} == listed
    assert [row.triple for row in catalogue().values() if row.images and not row.container] == []


@pytest.mark.parametrize(
    ("known", "contained"),
    [
        ("wasm32 wasip1 riscv32imac uefi fuchsia redox x86_64-none", False),
        ("macos x86_64-macos ios msvc aarch64-msvc i686-msvc powerpc64le-musl x86_64-gnullvm asmjs thumbv6m", True),
    ],
)
def test_what_cross_runs_in_a_container(known, contained):
    """By the words in the triple, as cross decides; Apple and MSVC want an image of the user's, and get no other."""
    assert {name: find(name).container for name in known.split()} == dict.fromkeys(known.split(), contained)


def test_main_links_against_what_its_base_has():
    """Ubuntu 24.04 has glibc 2.39 and 22.04 has 2.35; cross builds its own of 2.17 and 2.36 for three targets."""
    own = {"arm-unknown-linux-gnueabihf": "2.17", "loongarch64-unknown-linux-gnu": "2.36", "aarch64_be-unknown-linux-gnu": "2.36"}
    base = {"ubuntu:24.04": "2.39", "ubuntu:22.04": "2.35"}
    rows = [row for row in catalogue().values() if "git" in row.images and row.libc == "gnu"]
    assert {row.triple: row.images["git"].glibc_floor for row in rows} == {
        row.triple: own.get(row.triple, base[row.images["git"].base]) for row in rows
    }


@pytest.mark.parametrize(("name", "version"), [("aarch64-musl", "1.2.3"), ("riscv64-musl", "1.2.5"), ("emscripten", "3.1.74")])
def test_other_libcs_of_main(name, version):
    """From docker/musl.sh and the crosstool-ng configurations, where main's README is out of date."""
    assert find(name).images["git"].glibc_floor == version


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.triple)
def test_each_target_is_what_rustc_says(spec):
    """Width, byte order, machine, system, and that rustup ships the standard library of tiers 1 and 2."""
    machines = {"x86": "EM_386", "s390x": "EM_S390", "sparc64": "EM_SPARCV9", "powerpc": "EM_PPC", "powerpc64": "EM_PPC64", "wasm32": ""}
    machines |= {"mips64": "EM_MIPS", "riscv32": "EM_RISCV", "riscv64": "EM_RISCV", "loongarch64": "EM_LOONGARCH"}
    row = catalogue()[spec.triple]
    assert (str(row.bits), row.endian, row.os) == (spec.bits, spec.endian, spec.os)
    assert row.machine == machines.get(spec.arch, f"EM_{spec.arch.upper()}")
    assert row.build_std is (spec.tier == "3")
    if row.os == "linux":
        assert row.libc == spec.env


ZIG = {words[0] for words in lines("zig_libc.txt")}


def test_what_zig_links():
    """What zig calls a target is in its own list of those that it has a C library for; all of the kinds that it serves are there."""
    called = {triple: row.zig for triple, row in catalogue().items() if row.zig}
    assert {triple: name for triple, name in called.items() if name not in ZIG} == {}
    served = {row.triple for row in catalogue().values() if row.os in {"linux", "macos", "freebsd", "netbsd"} or row.libc == "mingw"}
    # zig links programs for sparc64 that do not start
    assert served - set(called) == {"powerpc-unknown-linux-gnu", "powerpc64-unknown-linux-gnu", "sparc64-unknown-linux-gnu"}
    assert set(called) - served == {"wasm32-wasip1"}


def test_what_rustc_links_by_itself():
    """The linker that rustc ships is named by it; Fuchsia's programs want libraries of its SDK as well."""
    listed = {words[0]: words[1] for words in lines("rustc_linkers.txt")}
    assert set(listed.values()) == {"rust-lld", "wasm-component-ld"}
    assert {triple for triple, row in catalogue().items() if row.plain_cargo} == set(listed) - {"x86_64-unknown-fuchsia"}


def test_what_rustc_knows_no_more():
    """Two targets of cross are gone from rustc, and so from rustup; a universal one is ours, of two that it knows."""
    gone = [row for triple, row in catalogue().items() if not set(row.triples) <= {spec.triple for spec in SPECS}]
    assert {row.triple: row.build_std for row in gone} == {"asmjs-unknown-emscripten": True, "x86_64-sun-solaris": True}


def test_a_universal_target_is_its_parts():
    """Each of which is a target by itself; all others are what they are called."""
    assert find("universal2").triples == find("universal2").parts == ("aarch64-apple-darwin", "x86_64-apple-darwin")
    assert [row.triple for row in catalogue().values() if row.triples != (row.triple,)] == ["universal2-apple-darwin"]
    assert {find(part).format for part in find("universal2").parts} == {"macho"}


def test_machines_are_those_of_elf():
    """As pyelftools names them, which reads the artifacts; wasm has none."""
    assert {row.machine for row in catalogue().values()} - set(ENUM_E_MACHINE) == {""}
    assert {row.format for row in catalogue().values() if not row.machine} == {"wasm"}


def test_names_are_unique():
    """A triple or an alias names one target, in variables as well, and every alias can stand in the name of a session."""
    every = [name for row in catalogue().values() for name in (row.triple, *row.aliases)]
    assert len(every) == len(set(every))
    assert {name: find(name).triple for name in every} == names()
    assert [name for row in catalogue().values() for name in row.aliases if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name)] == []
    assert all(row.aliases for row in catalogue().values())
    assert "host" not in every
    assert len({(variable(name), triple) for name, triple in names().items()}) == len({variable(name) for name in every})


@pytest.mark.parametrize(
    ("name", "triple"),
    [
        ("amd64", "x86_64-unknown-linux-gnu"),
        ("x64", "x86_64-unknown-linux-gnu"),
        ("arm64", "aarch64-unknown-linux-gnu"),
        ("armhf", "armv7-unknown-linux-gnueabihf"),
        ("arm", "arm-unknown-linux-gnueabihf"),
        ("ppc64le", "powerpc64le-unknown-linux-gnu"),
        ("riscv64", "riscv64gc-unknown-linux-gnu"),
        ("x86_64-musl", "x86_64-unknown-linux-musl"),
        ("aarch64-android", "aarch64-linux-android"),
        ("x86_64-freebsd", "x86_64-unknown-freebsd"),
        ("windows", "x86_64-pc-windows-gnu"),
        ("windows-i686", "i686-pc-windows-gnu"),
        ("wasm", "wasm32-unknown-unknown"),
        ("macos", "aarch64-apple-darwin"),
        ("windows-aarch64", "aarch64-pc-windows-gnullvm"),
        ("aarch64-windows", "aarch64-pc-windows-gnullvm"),
        ("wasi", "wasm32-wasip1"),
        ("darwin", "aarch64-apple-darwin"),
        ("freebsd", "x86_64-unknown-freebsd"),
        ("musl", "x86_64-unknown-linux-musl"),
    ],
)
def test_what_people_call_a_target(name, triple):
    """An architecture alone is that of Linux with the usual libc."""
    assert find(name).triple == triple


def test_the_catalogue_is_sorted():
    """In three parts, each by triple: what is on cross's list, what it has no image for, and what it never runs in a container."""
    listed = {row.name for row in ROWS} | {"asmjs-unknown-emscripten"}
    part = {triple: 0 if triple in listed else 1 if row.container else 2 for triple, row in catalogue().items()}
    assert list(catalogue()) == sorted(catalogue(), key=lambda triple: (part[triple], triple))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("aarch64", ("aarch64", 64, "little", "EM_AARCH64", "linux", "gnu", "elf", "linux/arm64", "aarch64")),
        ("armv7", ("armv7", 32, "little", "EM_ARM", "linux", "gnu", "elf", "linux/arm/v7", "arm")),
        ("s390x", ("s390x", 64, "big", "EM_S390", "linux", "gnu", "elf", "linux/s390x", "s390x")),
        ("powerpc64le", ("powerpc64le", 64, "little", "EM_PPC64", "linux", "gnu", "elf", "linux/ppc64le", "ppc64le")),
        ("x86_64-musl", ("x86_64", 64, "little", "EM_X86_64", "linux", "musl", "elf", "linux/amd64", "x86_64")),
        ("windows", ("x86_64", 64, "little", "EM_X86_64", "windows", "mingw", "pe", "", "")),
        ("aarch64-android", ("aarch64", 64, "little", "EM_AARCH64", "android", "bionic", "elf", "", "aarch64")),
        ("x86_64-gnullvm", ("x86_64", 64, "little", "EM_X86_64", "windows", "mingw", "pe", "", "")),
        ("riscv64", ("riscv64gc", 64, "little", "EM_RISCV", "linux", "gnu", "elf", "linux/riscv64", "riscv64")),
        ("mips64el", ("mips64el", 64, "little", "EM_MIPS", "linux", "gnu", "elf", "linux/mips64le", "mips64el")),
        ("i686", ("i686", 32, "little", "EM_386", "linux", "gnu", "elf", "linux/386", "i386")),
        ("macos", ("aarch64", 64, "little", "EM_AARCH64", "macos", "", "macho", "", "")),
        ("wasm32", ("wasm32", 32, "little", "", "unknown", "", "wasm", "", "")),
        ("thumbv8m-main", ("thumbv8m.main", 32, "little", "EM_ARM", "none", "newlib", "elf", "", "")),
        ("riscv32imac", ("riscv32imac", 32, "little", "EM_RISCV", "none", "", "elf", "", "")),
    ],
)
def test_what_follows_from_a_triple(name, expected):
    """Architecture, system, libc, format, and the names that OCI and QEMU have for it."""
    row = find(name)
    assert (row.arch, row.bits, row.endian, row.machine, row.os, row.libc, row.format, row.platform, row.qemu) == expected


def test_architectures_as_oci_names_them():
    """By Rust's names; an architecture without images has none."""
    known = {"x86_64": "amd64", "aarch64": "arm64", "armv7": "arm", "i686": "386", "s390x": "s390x", "riscv64gc": "riscv64"}
    known |= {"powerpc64le": "ppc64le", "mips64el": "mips64le", "loongarch64": "loong64"}
    assert {name: OCI_ARCH[name] for name in known} == known
    assert "sparc64" not in OCI_ARCH
    assert {row.arch for row in catalogue().values()} == set(ARCHES)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("x86_64", "native"),
        ("i586-musl", "native"),
        ("aarch64", "qemu"),
        ("thumbv7m", "qemu"),
        ("i686-android", "qemu"),
        ("windows", "wine"),
        ("emscripten", "node"),
        ("freebsd", ""),
        ("wasm32", ""),
    ],
)
def test_how_tests_run(name, how):
    """In cross's images, which are for amd64."""
    runners = find(name).runners
    assert any(runner.startswith(how) for runner in runners) if how else runners == ()


def test_every_cross_compiler_is_one_of_debians():
    """Each package is there for amd64 and arm64, but the native one, and those that recipes refuse."""
    for row in catalogue().values():
        for package in row.packages:
            refused = {"arm64"} if row.gnu in NO_COMPILER["bookworm", "linux/arm64"] else set()
            assert COMPILERS[package] == {"amd64", "arm64"} - {row.debian} - refused, package


def test_no_cross_compiler_of_debians_is_missed():
    """A GNU target without one: Debian has none, or only one that compiles for a newer processor."""
    without = {row.triple for row in catalogue().values() if row.os == "linux" and row.libc == "gnu" and not row.packages}
    assert {"arm-unknown-linux-gnueabihf", "aarch64_be-unknown-linux-gnu", "loongarch64-unknown-linux-gnu"} == without
    assert {f"gcc-{name}-linux-gnu" for name in ("aarch64-be", "loongarch64")} & set(COMPILERS) == set()


def test_standard_libraries_of_debian():
    """Each package of libstd-rust-web-dev in bookworm holds the one triple (dpkg-deb -c)."""
    assert {row.debian_std: row.triple for row in catalogue().values() if row.debian_std} == {
        "amd64": "x86_64-unknown-linux-gnu",
        "arm64": "aarch64-unknown-linux-gnu",
        "armhf": "armv7-unknown-linux-gnueabihf",
        "i386": "i686-unknown-linux-gnu",
        "mips64el": "mips64el-unknown-linux-gnuabi64",
        "ppc64el": "powerpc64le-unknown-linux-gnu",
        "s390x": "s390x-unknown-linux-gnu",
    }


def test_libraries_of_debian():
    """Only of architectures that a release has; those for armel, which are ARMv5, serve every ARM without hard float."""
    released = {"amd64", "arm64", "armel", "armhf", "i386", "mips64el", "mipsel", "ppc64el", "riscv64", "s390x", ""}
    assert {row.debian for row in catalogue().values()} == released
    assert {row.arch for row in catalogue().values() if row.debian == "armel"} == {"arm", "armv5te", "armv7"}


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
        ("riscv64-musl", "0.2.5", ""),
        ("x86_64-sun", "git", ""),
        ("wasm32", "0.2.5", ""),
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
    assert caught.value.hint == "`crosstasks tools.targets` lists all"
    assert targets.likely("qqqqqq") == ""


def test_tags_of_sessions():
    """Architecture, system, libc and triple, each once."""
    assert find("aarch64").tags == ("aarch64", "linux", "gnu", "aarch64-unknown-linux-gnu")
    assert find("wasm32").tags == ("wasm32", "unknown", "wasm32-unknown-unknown")
    assert targets.alias(find("aarch64-unknown-linux-gnu")) == "aarch64"


def test_nothing_is_read_at_import():
    """`nox -l` pays for the catalogue once, when it first asks for a target."""
    spec = importlib.util.spec_from_file_location("crosstasks.catalog.targets_anew", targets.__file__)
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    counts = [fresh.builtin.cache_info().misses]
    for name in ("aarch64", "armv7"):
        assert fresh.find(name).triple == find(name).triple
        counts.append(fresh.builtin.cache_info().misses)
    assert counts == [0, 1, 1]
