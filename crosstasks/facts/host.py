"""Pure: the machine that crosstasks runs on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec import Struct

from ..core.steps import Absent

if TYPE_CHECKING:
    from ..core.steps import Question
    from . import Facts, Look


class Host(Struct, frozen=True, kw_only=True):
    """The machine that crosstasks runs on.

    Attributes:
        os: ``linux``, ``macos`` or ``windows``.
        arch: as Rust names it, ``x86_64`` or ``aarch64``, …
        triple: the host triple of Rust's programs here, ``x86_64-unknown-linux-gnu``.
        libc: ``gnu``, ``musl``, or empty where there is none to choose.
        libc_version: ``2.36``; empty if unknown.
        container: the kind of container we are in (``docker``, ``podman``, ``unknown``), empty if none.
        container_id: what the engine calls it; empty if that is not seen from inside.
        ci: the CI service (``github``, ``gitlab``, ``azure``, …, ``unknown``), empty if none.
        apt: ``apt-get`` and ``dpkg-deb`` are there.
        suite: the code name of the distribution, ``bookworm``; empty if there is none.
    """

    os: Literal["linux", "macos", "windows"]
    arch: str
    triple: str
    libc: str = ""
    libc_version: str = ""
    container: str = ""
    container_id: str = ""
    ci: str = ""
    apt: bool = False
    suite: str = ""


class Platform(Struct, frozen=True, kw_only=True):
    """What Python knows of the machine.

    Attributes:
        system: ``sys.platform``.
        machine: as the kernel names the architecture; ``release`` is the kernel's, ``node`` the machine's name.
        bits: of Python, and so of the programs that are usual here.
        libc: ``glibc 2.36``; empty if it is another.
    """

    system: str
    machine: str
    bits: int = 64
    libc: str = ""
    release: str = ""
    node: str = ""

    @classmethod
    def here(cls) -> Platform:
        """Return what it is where this runs."""
        bits = 64 if sys.maxsize > 2**32 else 32
        if sys.platform == "win32":
            machine = os.environ.get("PROCESSOR_ARCHITEW6432") or os.environ.get("PROCESSOR_ARCHITECTURE", "")
            return cls(system=sys.platform, machine=machine, bits=64, node=os.environ.get("COMPUTERNAME", ""))
        named = os.uname()
        return cls(system=sys.platform, machine=named.machine, bits=bits, libc=_libc(), release=named.release, node=named.nodename)


def _libc() -> str:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return ""  # musl and macOS do not know the name


ARCHES: Final[Mapping[str, str]] = {
    "amd64": "x86_64",
    "x86-64": "x86_64",
    "arm64": "aarch64",
    "386": "i686",
    "i386": "i686",
    "i486": "i686",
    "i586": "i686",
    "x86": "i686",
    "arm": "armv7",
    "armhf": "armv7",
    "armv7l": "armv7",
    "armv8l": "armv7",
    "armv6l": "arm",
    "armel": "arm",
    "riscv64": "riscv64gc",
    "ppc": "powerpc",
    "ppc64": "powerpc64",
    "ppc64le": "powerpc64le",
    "ppc64el": "powerpc64le",
    "mips64el": "mips64el",
    "mips64le": "mips64el",
    "mipsle": "mipsel",
    "loong64": "loongarch64",
}
"""What kernels, engines, QEMU and Debian call an architecture, where a target triple begins otherwise."""

_NARROW: Final[Mapping[str, str]] = {"x86_64": "i686", "aarch64": "armv7"}
"""The architecture of 32-bit programs on a 64-bit kernel."""

_CI: Final[Mapping[str, str]] = {
    "GITHUB_ACTIONS": "github",
    "GITLAB_CI": "gitlab",
    "TF_BUILD": "azure",
    "BUILDKITE": "buildkite",
    "CIRCLECI": "circleci",
    "TRAVIS": "travis",
    "CIRRUS_CI": "cirrus",
    "APPVEYOR": "appveyor",
    "DRONE": "drone",
    "TEAMCITY_VERSION": "teamcity",
    "BITBUCKET_BUILD_NUMBER": "bitbucket",
    "JENKINS_URL": "jenkins",
    "CODEBUILD_BUILD_ID": "codebuild",
    "CI": "unknown",
}
_OFF: Final = {"", "0", "false", "no", "off"}


def arch(name: str) -> str:
    """Return an architecture as Rust's triples name it."""
    return ARCHES.get(name.lower(), name.lower())


def ask(look: Look, _question: Question, _facts: Facts) -> Host | Absent:
    """Look at the machine; no program is started."""
    root = look.root
    mounts = _text(root / "proc/self/mountinfo")
    apt = bool(look.which("apt-get") and look.which("dpkg-deb"))
    return parse(
        look.platform(),
        look.environ,
        musl=any((root / "lib").glob("ld-musl-*.so.1")),
        container=container(
            {name for name in (".dockerenv", "run/.containerenv") if (root / name).exists()},
            cgroup=_text(root / "proc/1/cgroup"),
            mounts=mounts,
            variable=look.environ.get("container", ""),
        ),
        container_id=container_id(mounts),
        apt=apt,
        suite=suite(_text(root / "etc/os-release")),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace")
    except OSError:
        return ""


def parse(  # as many things are looked at
    platform: Platform,
    environ: Mapping[str, str],
    *,
    musl: bool = False,
    container: str = "",
    container_id: str = "",
    apt: bool = False,
    suite: str = "",
) -> Host | Absent:
    """
    Read what Python, the environment and a few files say.

    ========  =======  ============================
    system    machine  triple
    ========  =======  ============================
    linux     x86_64   x86_64-unknown-linux-gnu
    linux     aarch64  aarch64-unknown-linux-musl (where musl's loader is, and no glibc)
    darwin    arm64    aarch64-apple-darwin
    win32     AMD64    x86_64-pc-windows-msvc
    ========  =======  ============================
    """
    here = arch(platform.machine)
    service = ci(environ)
    match platform.system:
        case "darwin":
            return Host(os="macos", arch=here, triple=f"{here}-apple-darwin", ci=service)
        case "win32" | "cygwin" | "msys":
            return Host(os="windows", arch=here, triple=f"{here}-pc-windows-msvc", ci=service)
        case "linux":
            if platform.bits == 32:
                here = _NARROW.get(here, here)
            libc = "musl" if musl and not platform.libc else "gnu"
            version = platform.libc.partition(" ")[2]
            triple = f"{here}-unknown-linux-{libc}{_EABI.get(here, '')}"
            return Host(
                os="linux",
                arch=here,
                triple=triple,
                libc=libc,
                libc_version=version,
                container=container,
                container_id=container_id,
                ci=service,
                apt=apt,
                suite=suite,
            )
        case other:
            return Absent(f"crosstasks knows no host of the kind {other!r}", "Linux, macOS and Windows are known")


_EABI: Final[Mapping[str, str]] = {"armv7": "eabihf", "arm": "eabi"}


def ci(environ: Mapping[str, str]) -> str:
    """Name the CI service; ``CI=false`` is what people set to be rid of it."""
    if environ.get("CI", "unset").lower() in _OFF:
        return ""
    return next((name for variable, name in _CI.items() if environ.get(variable, "").lower() not in _OFF), "")


def container(files: set[str], *, cgroup: str = "", mounts: str = "", variable: str = "") -> str:
    """
    Name the kind of container that we are in, by what an engine leaves in it: files, control groups, mounts.

    ``.dockerenv`` alone is not enough: a virtual machine made from an image has it too.
    """
    if "run/.containerenv" in files or variable == "podman" or "libpod" in cgroup or "/overlay-containers/" in mounts:
        return "podman"
    if "/docker/" in cgroup or "/docker-" in cgroup or re.search(r"/containers/[0-9a-f]{64}/hostname ", mounts):
        return "docker"
    if ".dockerenv" in files and (not mounts or re.search(r" / / .* - \S*overlay", mounts)):
        return "docker"
    if variable or any(word in cgroup for word in ("kubepods", "/lxc/", "containerd", "buildkit", "garden")):
        return "unknown"
    return ""


def container_id(mounts: str) -> str:
    """Read the id of the container that we are in: engines mount its own files by that (also with a host name of another's)."""
    found = re.search(r"containers/([0-9a-f]{64})/\S* /etc/hostname ", mounts)
    return found[1] if found else ""


def suite(os_release: str) -> str:
    """Read the code name in ``/etc/os-release``."""
    for line in os_release.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "VERSION_CODENAME":
            return value.strip().strip("\"'")
    return ""
