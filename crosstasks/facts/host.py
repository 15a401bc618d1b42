"""Look: the machine that crosstasks runs on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from ..catalog.machines import host_libc, host_triple
from ..core import files
from ..core.looking import BaseFacts, Look, Platform
from ..core.steps import Absent, Question


class Host(Struct, frozen=True, kw_only=True):
    """The machine that crosstasks runs on.

    Attributes:
        os: ``linux`` or ``macos``.
        arch: as Rust names it, ``x86_64`` or ``aarch64``, …
        triple: the host triple of Rust's programs here, ``x86_64-unknown-linux-gnu``.
        libc: ``gnu``, ``musl``, or empty where there is none to choose.
        glibc: ``2.36``; empty if unknown.
        container: the kind of container we are in (``docker``, ``podman``, ``unknown``), empty if none.
        container_id: what the engine calls it; empty if that is not seen from inside.
        ci: the CI service (``github``, ``gitlab``, ``azure``, …, ``unknown``), empty if none.
        apt: ``apt-get`` and ``dpkg-deb`` are there.
        suite: the code name of the distribution, ``bookworm``; empty if there is none.
    """

    os: Literal["linux", "macos"]
    arch: str
    triple: str
    libc: str = ""
    glibc: str = ""
    container: str = ""
    container_id: str = ""
    ci: str = ""
    apt: bool = False
    suite: str = ""


CI: Final[Mapping[str, str]] = {
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
"""The variable by which each service says that it runs this, and our name of the service."""
_OFF: Final = {"", "0", "false", "no", "off"}


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Host | Absent:
    """Look at the machine; no program is started."""
    root = look.root
    mounts = files.read(root / "proc/self/mountinfo")
    return parse(
        look.platform(),
        look.environ,
        musl=any((root / "lib").glob("ld-musl-*.so.1")),
        container=container(
            {name for name in (".dockerenv", "run/.containerenv") if (root / name).exists()},
            cgroup=files.read(root / "proc/1/cgroup"),
            mounts=mounts,
            variable=look.environ.get("container", ""),
        ),
        container_id=container_id(mounts),
        apt=bool(look.which("apt-get") and look.which("dpkg-deb")),
        suite=suite(files.read(root / "etc/os-release")),
    )


def parse(platform: Platform, environ: Mapping[str, str], *, musl: bool = False, **linux: Any) -> Host | Absent:
    """Read what Python, the environment and a few files say; *linux* are fields of what is looked for on Linux alone."""
    here = host_triple(platform, musl=musl)
    if isinstance(here, Absent):
        return here
    arch = here.partition("-")[0]
    if platform.system == "darwin":
        return Host(os="macos", arch=arch, triple=here, ci=ci(environ))
    more = {"libc": host_libc(platform, musl=musl), "glibc": platform.glibc.partition(" ")[2], **linux}
    return Host(os="linux", arch=arch, triple=here, ci=ci(environ), **more)


def ci(environ: Mapping[str, str]) -> str:
    """Name the CI service; ``CI=false`` is what people set to be rid of it."""
    if environ.get("CI", "unset").lower() in _OFF:
        return ""
    return next((name for variable, name in CI.items() if environ.get(variable, "").lower() not in _OFF), "")


def container(files: set[str], *, cgroup: str = "", mounts: str = "", variable: str = "") -> str:
    """Name the kind of container that we are in, by what an engine leaves in it: files, control groups, mounts.

    ``.dockerenv`` alone is not enough: a virtual machine made from an image has it too.
    """
    if "run/.containerenv" in files or variable == "podman" or "libpod" in cgroup or "/overlay-containers/" in mounts:
        return "podman"
    if "/docker/" in cgroup or "/docker-" in cgroup or re.search(r"/containers/[0-9a-f]{64}/hostname ", mounts):
        return "docker"
    if ".dockerenv" in files and (
        not mounts or any(" / / " in line and re.search(r" - \S{0,20}overlay", line) for line in mounts.splitlines())
    ):
        return "docker"
    if variable or any(word in cgroup for word in ("kubepods", "/lxc/", "containerd", "buildkit", "garden")):
        return "unknown"
    return ""


def container_id(mounts: str) -> str:
    """Read the id of the container that we are in: engines mount its own files by that (also with a host name of another's)."""
    match = re.search(r"containers/([0-9a-f]{64})/\S{0,200} /etc/hostname ", mounts)
    return match[1] if match else ""


def suite(os_release: str) -> str:
    """Read the code name in ``/etc/os-release``."""
    for line in os_release.splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "VERSION_CODENAME":
            return value.strip().strip("\"'")
    return ""
