"""What an image built here is made of, per target and platform."""

from __future__ import annotations

import re

import pytest

from crosstasks.catalog import recipes, targets
from crosstasks.catalog.ingredients import Recipe
from crosstasks.catalog.recipes import emulator, recipe
from crosstasks.config.options import Options
from crosstasks.core.steps import Absent

AMD64, ARM64 = "linux/amd64", "linux/arm64"
SPAWN = "/usr/local/lib/crosstasks/spawn.sh"


def made(name, platform=AMD64, suite="bookworm", **more) -> Recipe:
    """Return the recipe, which must be possible."""
    found = recipe(targets.find(name), platform, suite, **more)
    assert isinstance(found, Recipe), found
    return found


def test_a_foreign_target_gets_its_compiler_and_the_one_emulator():
    """aarch64 on an amd64 engine: everything that a cross of any flavour needs stands in the image's environment."""
    found = made("aarch64")
    assert found.packages == ("gcc-aarch64-linux-gnu", "g++-aarch64-linux-gnu", "qemu-user-static")
    assert (found.architecture, found.emulator, found.runs, found.glibc, found.glibc_floor) == ("amd64", "aarch64", True, "2.36", "2.36")
    assert found.env == {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "CC_x86_64_unknown_linux_gnu": "x86_64-linux-gnu-gcc",
        "CXX_x86_64_unknown_linux_gnu": "x86_64-linux-gnu-g++",
        "AR_x86_64_unknown_linux_gnu": "x86_64-linux-gnu-ar",
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER": "x86_64-linux-gnu-gcc",
        "PKG_CONFIG_LIBDIR_x86_64_unknown_linux_gnu": "/usr/lib/x86_64-linux-gnu/pkgconfig:/usr/share/pkgconfig",
        "CC_aarch64_unknown_linux_gnu": "aarch64-linux-gnu-gcc",
        "CXX_aarch64_unknown_linux_gnu": "aarch64-linux-gnu-g++",
        "AR_aarch64_unknown_linux_gnu": "aarch64-linux-gnu-ar",
        "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER": "aarch64-linux-gnu-gcc",
        "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER": f"{SPAWN} qemu-aarch64-static -L /usr/aarch64-linux-gnu --",
        "QEMU_LD_PREFIX": "/usr/aarch64-linux-gnu",
        "PKG_CONFIG_ALLOW_CROSS": "1",
        "PKG_CONFIG_LIBDIR_aarch64_unknown_linux_gnu": "/usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig",
    }


@pytest.mark.parametrize("platform", [AMD64, ARM64])
def test_what_runs_while_it_compiles_is_linked_alike_in_all(platform):
    """Cargo compiles a build script anew for another linker."""
    names = ("x86_64", "aarch64", "armv7", "windows")
    triple = {AMD64: "X86_64_UNKNOWN_LINUX_GNU", ARM64: "AARCH64_UNKNOWN_LINUX_GNU"}[platform]
    assert len({made(name, platform).env[f"CARGO_TARGET_{triple}_LINKER"] for name in names}) == 1


@pytest.mark.parametrize(("name", "platform"), [("x86_64", AMD64), ("aarch64", ARM64)])
def test_the_engines_own_target_gets_nothing_but_the_base(name, platform):
    """The native compiler serves, under the GNU name that Debian gives it as well, and nothing is emulated."""
    found = made(name, platform)
    assert (found.packages, found.emulator, found.runs, dict(found.links)) == ((), "", True, {})
    assert not [key for key in found.env if key.endswith("_RUNNER") or key.startswith("QEMU")]
    assert found.env[f"CARGO_TARGET_{found.target.upper().replace('-', '_')}_LINKER"] == f"{targets.find(name).gnu}-gcc"


@pytest.mark.parametrize(
    ("name", "packages", "qemu"),
    [
        ("armv7", ("gcc-arm-linux-gnueabihf", "g++-arm-linux-gnueabihf"), "arm"),
        ("i686", ("gcc-i686-linux-gnu", "g++-i686-linux-gnu"), "i386"),
        ("s390x", ("gcc-s390x-linux-gnu", "g++-s390x-linux-gnu"), "s390x"),
        ("powerpc64le", ("gcc-powerpc64le-linux-gnu", "g++-powerpc64le-linux-gnu"), "ppc64le"),
        ("riscv64", ("gcc-riscv64-linux-gnu", "g++-riscv64-linux-gnu"), "riscv64"),
    ],
)
@pytest.mark.parametrize("platform", [AMD64, ARM64])
def test_each_target_has_debians_compiler_and_qemus_name(name, packages, qemu, platform):
    """The same on both platforms."""
    found = made(name, platform)
    assert found.packages == (*packages, "qemu-user-static")
    assert found.emulator == qemu


def test_windows_compilers_get_the_names_that_the_environment_gives_them():
    """Debian's update-alternatives would have made them; they have POSIX threads."""
    found = made("windows", ARM64)
    assert found.packages == ("gcc-mingw-w64-x86-64-posix", "g++-mingw-w64-x86-64-posix")
    assert (found.emulator, found.runs, found.glibc_floor) == ("", False, "")
    for name in ("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "CC_x86_64_pc_windows_gnu", "CXX_x86_64_pc_windows_gnu"):
        assert found.links[f"usr/bin/{found.env[name]}"] == f"{found.env[name]}-posix"


@pytest.mark.parametrize("suite", ["bookworm", "trixie"])
def test_wine_runs_programs_for_windows(suite):
    """Debian's for 64 bits, which needs nothing of another architecture; who only compiles does without."""
    found = made("windows", AMD64, suite)
    assert found.packages == ("gcc-mingw-w64-x86-64-posix", "g++-mingw-w64-x86-64-posix", "wine64")
    assert (found.emulator, found.runs) == ("wine", True)
    assert set(found.env.items()) - set(recipes.lean(found).env.items()) == {
        ("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER", "/usr/local/lib/crosstasks/wine.sh")
    }


@pytest.mark.parametrize(
    ("name", "platform", "suite"),
    [("windows", ARM64, "bookworm"), ("win32", AMD64, "bookworm"), ("windows", AMD64, "bullseye"), ("windows", AMD64, "forky")],
)
def test_nothing_runs_programs_for_windows_elsewhere(name, platform, suite):
    """An engine of arm64, programs of 32 bits, a release whose wine was not tried: the image compiles all the same."""
    found = made(name, platform, suite)
    assert (found.emulator, found.runs) == ("", False)
    assert "wine64" not in found.packages
    assert not [key for key in found.env if key.endswith("_RUNNER")]
    assert recipes.lean(found) == found


def test_libraries_are_those_of_the_targets_architecture():
    """``libssl-dev`` for aarch64 is Debian's of arm64; on its own platform as well."""
    assert made("aarch64", packages=("libssl-dev",)).packages[-1] == "libssl-dev:arm64"
    assert made("aarch64", ARM64, packages=("libssl-dev",)).packages == ("libssl-dev:arm64",)


def test_a_native_package_is_a_program_of_the_image():
    """No library of the target, so that it is possible as well where Debian has none."""
    assert made("s390x", packages=("protobuf-compiler:native", "libssl-dev")).packages[-2:] == ("protobuf-compiler", "libssl-dev:s390x")
    assert made("windows", packages=("protobuf-compiler:native",)).packages[-1] == "protobuf-compiler"


def test_the_suite_is_ours_wherever_we_are():
    """The default of `base` is the suite that Rust's packages and emulators are of."""
    assert (recipes.SUITE, Options().base, emulator("aarch64", AMD64).suite) == ("bookworm",) * 3


@pytest.mark.parametrize(
    ("mirror", "moment"),
    [
        ("https://snapshot.debian.org/archive/{archive}/20261101T000000Z", "20261101T000000Z"),
        ("https://s.example/20261101T000000Z/debian", "20261101T000000Z"),
        ("https://mirror.example.org", ""),
        ("", ""),
    ],
)
def test_a_point_in_time_is_read_from_the_mirrors_address(mirror, moment):
    """And makes another image."""
    assert recipes.moment(mirror) == moment
    tags = {recipe(targets.find("aarch64"), AMD64, "bookworm", moment=one).tag for one in ("", moment)}
    assert len(tags) == 1 + bool(moment)


@pytest.mark.parametrize(
    ("name", "platform", "suite", "packages", "why"),
    [
        ("x86_64-musl", AMD64, "bookworm", (), "Debian has no C compiler for x86_64-unknown-linux-musl"),
        ("freebsd", AMD64, "bookworm", (), "Debian has no C compiler for x86_64-unknown-freebsd"),
        ("aarch64", "linux/s390x", "bookworm", (), "images are built for linux/amd64 and linux/arm64, not for linux/s390x"),
        ("aarch64", AMD64, "buster", (), "and `base` is buster"),
        ("arm", AMD64, "bookworm", (), "its armhf is ARMv7, whose start files no ARMv6 processor runs"),
        ("riscv64", AMD64, "bookworm", ("libssl-dev",), "bookworm has no libraries for riscv64gc-unknown-linux-gnu"),
        ("mips64el", AMD64, "trixie", ("libssl-dev",), "trixie has no libraries for mips64el-unknown-linux-gnuabi64"),
        ("windows", AMD64, "bookworm", ("libssl-dev",), "Debian has no libraries for x86_64-pc-windows-gnu"),
        ("sparc64", ARM64, "bookworm", (), "bookworm has no C compiler for sparc64-unknown-linux-gnu that runs on linux/arm64"),
        ("powerpc64", ARM64, "trixie", (), "trixie has no C compiler for powerpc64-unknown-linux-gnu that runs on linux/arm64"),
    ],
)
def test_what_cannot_be_built_is_refused_with_the_reason(name, platform, suite, packages, why):
    """Before anything is asked of the archive."""
    found = recipe(targets.find(name), platform, suite, packages=packages)
    assert isinstance(found, Absent)
    assert why in found.why


def test_what_arm64_lacks_amd64_has():
    """And trixie has sparc64's compiler for arm64, where bookworm has not."""
    assert made("sparc64", AMD64).packages
    assert made("sparc64", ARM64, "trixie").packages


def test_the_tag_tells_target_and_platform_and_is_a_legal_reference():
    """It names all that is needed to find the image again, for every target that can be built."""
    rows = [(row, platform) for row in targets.catalogue().values() for platform in (AMD64, ARM64)]
    found = [one for row, platform in rows if isinstance(one := recipe(row, platform, "bookworm"), Recipe)]
    assert len(found) > 35
    assert len({one.tag for one in found}) == len(found)
    for one in found:
        assert re.fullmatch(r"crosstasks/[a-z0-9]+(?:[._-][a-z0-9_]+)*:(amd64|arm64)-[0-9a-f]{12}", one.tag), one.tag
        assert one.tag.startswith(f"crosstasks/{one.target}:{one.platform.removeprefix('linux/')}-")


@pytest.mark.parametrize(
    ("platform", "suite", "packages"), [(ARM64, "bookworm", ()), (AMD64, "trixie", ()), (AMD64, "bookworm", ("zlib1g-dev",))]
)
def test_whatever_changes_the_image_changes_its_tag(platform, suite, packages):
    """Platform, suite and packages do."""
    assert made("armv7", platform, suite, packages=packages).tag != made("armv7").tag


def test_a_raised_version_changes_every_tag(monkeypatch):
    """So that an image made by an earlier crosstasks is not taken for today's."""
    before = made("aarch64")
    assert made("aarch64").tag == before.tag
    monkeypatch.setattr(recipes, "VERSION", recipes.VERSION + 1)
    assert made("aarch64").tag != before.tag


def test_labels_tell_what_the_image_is():
    """By them facts read the glibc, and `clean` finds what is ours."""
    found = made("aarch64")
    assert found.labels == {
        "crosstasks.image": found.tag,
        "crosstasks.target": "aarch64-unknown-linux-gnu",
        "crosstasks.glibc": "2.36",
        "crosstasks.libc": "2.36",
        "crosstasks.suite": "bookworm",
        "org.opencontainers.image.title": "crosstasks image for aarch64-unknown-linux-gnu",
    }


def test_who_only_compiles_needs_no_emulator():
    """The same compilers and names of them, under another tag; what has no emulator stays as it is."""
    whole = made("aarch64", packages=["libssl-dev"])
    found = recipes.lean(whole)
    assert found.packages == ("gcc-aarch64-linux-gnu", "g++-aarch64-linux-gnu", "libssl-dev:arm64")
    assert (found.emulator, found.runs, found.glibc_floor, found.base) == ("", False, whole.glibc_floor, whole.base)
    assert set(whole.env.items()) - set(found.env.items()) == {
        ("QEMU_LD_PREFIX", "/usr/aarch64-linux-gnu"),
        ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", f"{SPAWN} qemu-aarch64-static -L /usr/aarch64-linux-gnu --"),
    }
    assert re.fullmatch(r"crosstasks/aarch64-unknown-linux-gnu:amd64-[0-9a-f]{12}", found.tag)
    assert found.tag != whole.tag
    assert recipes.lean(made("x86_64")) == made("x86_64")
