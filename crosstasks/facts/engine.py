"""Pure: the container engine, and the images it holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct


class Engine(Struct, frozen=True, kw_only=True):
    """A container engine that answers.

    Attributes:
        kind: ``docker`` or ``podman`` (also when podman answers to the name docker).
        command: the path of its command line program.
        version, api: of the engine itself; ``api`` is empty for podman.
        os, arch: of the engine, the architecture as Rust names it.
        rootless: it runs as a user.
        remote: it is on another machine: our folders cannot be mounted.
        context: the Docker context or podman connection in use; ``endpoint`` its address.
        store: the image store, ``overlay2``, ``fuse-overlayfs``, ``containerd``, …
        desktop: the product whose virtual machine it runs in (``Docker Desktop``, ``OrbStack``, ``colima``), or empty.
        selinux: labels are enforced.
    """

    kind: Literal["docker", "podman"]
    command: str
    version: str
    api: str = ""
    os: str = "linux"
    arch: str
    rootless: bool = False
    remote: bool = False
    context: str = ""
    endpoint: str = ""
    store: str = ""
    desktop: str = ""
    selinux: bool = False

    @property
    def platform(self) -> str:
        """The OCI platform that runs without emulation, ``linux/amd64``."""
        from ..targets import OCI_ARCH

        return f"{self.os}/{OCI_ARCH.get(self.arch, self.arch)}"


class LocalImage(Struct, frozen=True, kw_only=True):
    """An image in the engine. *size* is in bytes, *platform* ``linux/arm64`` with the variant if there is one."""

    ref: str
    id: str
    digests: tuple[str, ...] = ()
    platform: str
    labels: Mapping[str, str] = {}
    size: int = 0
