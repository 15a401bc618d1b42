"""Pure: where the container engine listens, and whether that is another machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from . import Look
    from .host import Platform

LOCAL: Final = {"localhost", "127.0.0.1", "::1"}


def docker(look: Look, version: Mapping[str, Any]) -> str:
    """Return the address that Docker's program speaks to: ``DOCKER_HOST``, else that of the context in use."""
    host = look.environ.get("DOCKER_HOST", "")
    context = (version.get("Client") or {}).get("Context") or "default"
    if host or context == "default":
        return host
    folder = Path(look.environ.get("DOCKER_CONFIG") or look.home / ".docker")
    path = folder / "contexts/meta" / hashlib.sha256(context.encode()).hexdigest() / "meta.json"
    try:
        return str(json.loads(path.read_text("utf-8"))["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def apart(name: object, kernel: object, here: Platform) -> bool:
    """Tell whether what the engine calls its machine and kernel are another machine's."""
    return (name, kernel) != (here.node, here.release)


def is_remote(address: str, environ: Mapping[str, str], *, apart: bool, machine: bool = False) -> bool:
    """
    Tell whether the engine is on another machine, where nothing of this one can be mounted.

    ==========================================  ==============================================================
    it listens at                               it is on another machine
    ==========================================  ==============================================================
    any address, and ``CROSS_REMOTE`` is set    as that says, which is cross's own word for it
    a socket or pipe                            no
    an address of this machine                  if it is *apart*: there may be a tunnel's end
    ``ssh://`` of this machine                  yes, unless it is Podman's own virtual *machine*, which has our folders
    another address                             yes
    ==========================================  ==============================================================
    """
    if said := environ.get("CROSS_REMOTE", ""):
        return said not in {"0", "false"}
    parts = _split(address)
    if not address or (parts and parts.scheme in {"unix", "npipe", "fd"}):
        return False
    if parts is None or parts.hostname not in LOCAL:
        return True
    return not machine if parts.scheme == "ssh" else apart


def start(name: str, address: str) -> str:
    """Return what to do about an engine that does not answer: *name* is its program."""
    parts = _split(address)
    if parts and parts.scheme == "ssh" and parts.hostname:
        # Docker's program takes the terminal away from ssh
        port = f"-p {parts.port} " if parts.port else ""
        user = f"{parts.username}@" if parts.username else ""
        return f"`ssh {port}{user}{parts.hostname} {name} version` must answer, and ask for nothing"
    return f"start {name}, or name another engine with CROSSTASKS_ENGINE"


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address; None if it is none, which the engine's own program will say."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # only read now
    except ValueError:
        return None
    return parts
