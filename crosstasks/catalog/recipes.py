"""Pure: what an image that is built here is made of: Debian's packages, the few files beside them, and its environment."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ..core.steps import Absent
from .ingredients import Recipe
from .machines import MACHINES, debian_name
from .targets import Target, find

VERSION: Final = 5
"""Raised when the same packages would make another image; old images are then built anew."""

SUITE: Final = "bookworm"
"""What is taken unless `base` names another: docs/routes.md says why. Rust's packages, and emulators, are always of this one."""

SUITES: Final[Mapping[str, str]] = {
    # Debian's releases, and the version of glibc in each (packages.debian.org: libc6)
    "bullseye": "2.31",
    "bookworm": "2.36",
    "trixie": "2.41",
    "forky": "2.42",
}

BASE: Final = (
    *("bash", "dash", "coreutils", "diffutils", "findutils", "grep", "gzip", "mawk", "sed", "tar", "xz-utils", "libc-bin"),
    *("gcc", "g++", "libc6-dev", "make", "cmake", "perl", "pkg-config"),
)
"""What build scripts expect: a shell and its tools, a native compiler, make, cmake, perl, pkg-config (as cross's own images)."""

TOOLS: Final = {"CC": "gcc", "CXX": "g++", "AR": "ar"}
"""What build scripts call by a variable of this name and a triple (https://docs.rs/cc)."""

NO_COMPILER: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    # cross compilers that a release has for amd64, but not for arm64 (its Packages files; seen November 2026)
    ("bookworm", "linux/arm64"): ("powerpc-linux-gnu", "powerpc64-linux-gnu", "sparc64-linux-gnu"),
    ("trixie", "linux/arm64"): ("powerpc64-linux-gnu",),
}

WITHOUT: Final[Mapping[str, tuple[str, ...]]] = {
    # architectures that are in no list of a release, so that it has no libraries for them (its Release file)
    "bullseye": ("armel", "mips64el", "mipsel", "ppc64el", "riscv64", "s390x"),
    "bookworm": ("riscv64",),
    "trixie": ("mips64el", "mipsel"),
    "forky": ("armel", "mips64el", "mipsel"),
}

EMULATORS: Final = "qemu-user-static"
"""Debian's package of all of QEMU's emulators."""

WINE: Final = "wine"
"""What runs programs for Windows; of Debian's, that for 64 bits alone, since the other is a package of i386."""

WINES: Final = ("bookworm", "trixie")
"""The releases whose wine64 has its parts where provisioning/wine.sh reads them."""

NATIVE: Final = ":native"
"""Behind a package's name: a program that runs in the image, and no library of the target."""

MINGW: Final = ("gcc", "g++", "c++", "cpp", "gcc-ar", "gcc-nm", "gcc-ranlib")
"""Tools whose plain names update-alternatives makes; cross as well takes those with POSIX threads (cross-rs/cross#1123)."""

ARMV6: Final = ": its armhf is ARMv7, whose start files no ARMv6 processor runs"

_MOMENT: Final = re.compile(r"/(\d{8}T\d{6}Z)(?:/|$)")

SPAWN: Final = "/usr/local/lib/crosstasks"
"""Where the image keeps what starts the target's programs: wine.sh, or spawn.sh and what lets emulated ones start others (spawn.c)."""

WINE_RUNNER: Final = f"{SPAWN}/wine.sh"
"""What starts a program for Windows in an image with wine."""


def lean(full: Recipe) -> Recipe:
    """Return the recipe of the same image without its emulator, whose package is a quarter of the download: to compile alone."""
    if not full.emulator:
        return full
    env = {key: value for key, value in full.env.items() if key != "QEMU_LD_PREFIX" and not key.endswith("_RUNNER")}
    packages = tuple(name for name in full.packages if name not in _emulator_packages(full.emulator))
    return _with_tag(msgspec.structs.replace(full, tag="", packages=packages, emulator="", env=env, runs=False))


def _emulator_packages(emulator: str) -> tuple[str, ...]:
    return {WINE: ("wine64",), "": ()}.get(emulator, (EMULATORS,))


def _with_tag(recipe: Recipe) -> Recipe:
    digest = hashlib.sha256(f"{VERSION} ".encode() + msgspec.json.encode(recipe, order="sorted")).hexdigest()[:12]
    tag = f"crosstasks/{recipe.target}:{recipe.platform.partition('/')[2]}-{digest}"
    return msgspec.structs.replace(recipe, tag=tag)


_TAG: Final = re.compile(r"(^|/)crosstasks/[^/:@]+:(amd64|arm64)-[0-9a-f]{12}$")


def is_tag(ref: str) -> bool:
    """Tell whether a reference is that of an image built by us, wherever it is kept."""
    return _TAG.search(ref) is not None


def moment(mirror: str) -> str:
    """Return the point in time of a mirror that keeps the archive as it was at one; empty for all others."""
    match = _MOMENT.search(mirror)
    return match[1] if match else ""


def recipe(target: Target, platform: str, suite: str, *, packages: Sequence[str] = (), moment: str = "") -> Recipe | Absent:
    """Say what an image for *target* on *platform* is made of.

    Args:
        packages: Debian packages for the target's architecture, such as ``libssl-dev``; ``protobuf-compiler:native`` is a
            program for the image itself.
    """
    problem = _problem(target, platform, suite, packages)
    if problem:
        return Absent(problem)
    architecture = MACHINES[platform].debian
    native = target.debian == architecture
    extra = tuple(name.removesuffix(NATIVE) if name.endswith(NATIVE) else f"{name}:{target.debian}" for name in packages)
    runner = _emulator(target, platform, suite)
    untagged = Recipe(
        target=target.triple,
        platform=platform,
        suite=suite,
        moment=moment,
        architecture=architecture,
        base=BASE,
        packages=(*(() if native else target.packages), *_emulator_packages(runner), *extra),
        emulator=runner,
        links={f"usr/bin/{target.gnu}-{tool}": f"{target.gnu}-{tool}-posix" for tool in MINGW if target.libc == "mingw"},
        env=_environment(target, platform, runner),
        glibc=SUITES[suite],
        glibc_floor=SUITES[suite] if target.libc == "gnu" else "",
        runs=native or bool(runner),
    )
    return _with_tag(untagged)


def shared_name(target: str, packages: Sequence[str] = ()) -> str:
    """Return the name under which a mirror has the images of a target for all platforms, whatever they are made of."""
    extra = f"-{hashlib.sha256(' '.join(sorted(packages)).encode()).hexdigest()[:8]}" if packages else ""
    return f"crosstasks/{target}:v{VERSION}{extra}"


def libraries(target: Target, platform: str) -> tuple[str, ...]:
    """Return Debian's packages of the C library that a target's programs load, on an engine of *platform*; none if Debian has none."""
    # of some machines no release has packages, but compilers, and with them a C library: libc6-mips-cross
    architecture = target.debian or debian_name(target.gnu.partition("-")[0])
    if target.libc != "gnu" or target.os != "linux" or not architecture:
        return ()
    suffix = "" if target.platform == platform else f"-{architecture}-cross"
    return tuple(f"{name}{suffix}" for name in ("libc6", "libgcc-s1", "libstdc++6"))


def emulator(qemu: str, platform: str, *, libraries: tuple[str, ...] = ()) -> Recipe | Absent:
    """Say what an image is made of that holds one emulator of QEMU's, for an engine of *platform*.

    It registers that with the engine's kernel, or starts programs: those that are not static need the *libraries* of their machine.
    """
    if platform not in MACHINES:
        return Absent(
            f"an image with an emulator is put together for {' and '.join(MACHINES)}, not for {platform or 'an unknown platform'}"
        )
    untagged = Recipe(
        target=f"binfmt-{qemu}",
        platform=platform,
        suite=SUITE,
        architecture=MACHINES[platform].debian,
        base=("busybox-static",),
        packages=(EMULATORS, *libraries),
        emulator=qemu,
        env={"PATH": "/usr/bin"},
        links={"usr/bin/sh": "busybox"},
        glibc="",
        runs=False,
    )
    tagged = _with_tag(untagged)
    return msgspec.structs.replace(tagged, tag=tagged.tag.replace("_", "-"))


def _problem(target: Target, platform: str, suite: str, packages: Sequence[str]) -> str:
    if suite not in SUITES:
        return f"images are put together from the packages of {', '.join(SUITES)}, and `base` is {suite}"
    if platform not in MACHINES:
        return f"images are built for {' and '.join(MACHINES)}, not for {platform}"
    if not target.packages and target.debian != MACHINES[platform].debian:
        return f"Debian has no C compiler for {target.triple}{ARMV6 if target.triple == 'arm-unknown-linux-gnueabihf' else ''}"
    if target.gnu in NO_COMPILER.get((suite, platform), ()):
        return f"{suite} has no C compiler for {target.triple} that runs on {platform}"
    libraries = [name for name in packages if not name.endswith(NATIVE)]
    if libraries and not target.debian:
        return f"Debian has no libraries for {target.triple}, so `packages` cannot be installed"
    if libraries and target.debian in WITHOUT.get(suite, ()):
        return f"{suite} has no libraries for {target.triple}, so `packages` cannot be installed; `base` names another release"
    return ""


def _emulator(target: Target, platform: str, suite: str) -> str:
    """Return what runs the target's programs in an image of *platform*; empty if they run by themselves, or nothing does."""
    if target.os == "windows":
        # on arm64 wine would want programs for arm64, or an emulator below it
        return WINE if target.arch == "x86_64" == MACHINES[platform].arch and suite in WINES else ""
    native = target.debian == MACHINES[platform].debian
    return "" if native or target.libc != "gnu" or target.os != "linux" else target.qemu


def wine(platform: str) -> Recipe | Absent:
    """Say what an image is made of that runs programs for Windows, whatever they were linked by, on an engine of *platform*."""
    result = recipe(find("x86_64-pc-windows-gnu"), platform, SUITE)
    if isinstance(result, Absent) or not result.runs:
        return Absent(f"Debian's wine for 64 bits is for linux/amd64, and the engine is {platform}")
    return result


def _environment(target: Target, platform: str, emulator: str) -> dict[str, str]:
    """Return what names the compilers, for the target and for what runs in the image while it compiles.

    Cargo's fingerprints hold the linker's name: the same in all images, so that the build scripts of one serve another (building/run.py).
    And a linker that the user's own configuration of cargo names for this machine is not in the image.
    """
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "PKG_CONFIG_ALLOW_CROSS": "1"}
    machine = MACHINES[platform]
    for triple, gnu in dict.fromkeys(((machine.triple, machine.gnu), (target.triple, target.gnu))):
        name = triple.replace("-", "_").replace(".", "_")
        env |= {f"{key}_{name}": f"{gnu}-{tool}" for key, tool in TOOLS.items()}
        env[f"CARGO_TARGET_{name.upper()}_LINKER"] = f"{gnu}-gcc"
        env[f"PKG_CONFIG_LIBDIR_{name}"] = f"/usr/lib/{gnu}/pkgconfig:/usr/share/pkgconfig"
    if emulator == WINE:
        env[f"CARGO_TARGET_{name.upper()}_RUNNER"] = WINE_RUNNER
    elif emulator:
        sysroot = f"/usr/{target.gnu}"
        env[f"CARGO_TARGET_{name.upper()}_RUNNER"] = f"{SPAWN}/spawn.sh qemu-{emulator}-static -L {sysroot} --"
        env["QEMU_LD_PREFIX"] = sysroot
    return env
