"""Look: what a container registry says of a reference, before anything is pulled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from ..core import looking
from ..core.errors import SHAPE
from ..core.looking import BaseFacts, Look
from ..core.steps import Absent, Question


class RegistryImage(Struct, frozen=True, kw_only=True):
    """What a registry serves under a reference.

    Attributes:
        ref: the reference that was asked for, with its tag.
        digest: of the index or manifest, ``sha256:…``.
        platforms: ``linux/amd64``, …; those of attestations (``unknown/unknown``) are left out.
        index: several platforms behind one reference, so that the engine chooses and may find none.
    """

    ref: str
    digest: str
    platforms: tuple[str, ...]
    index: bool


INDEXES: Final = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS: Final = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
ASK: Final = (*INDEXES, *MANIFESTS)
"""The media types to accept: an index first, since a registry asked only for manifests hides the other platforms."""

LIFE: Final = looking.Life(positive=3600, negative=300)


def ask(look: Look, question: Question, facts: BaseFacts) -> RegistryImage | Absent:
    """Ask the registry, through Docker if it is there: its mirrors, proxies and log-ins are the engine's own."""
    answer = facts.get(Question("engine"))
    engine = None if isinstance(answer, Absent) else answer
    ref = question.subject
    through = f"{engine.kind} {engine.endpoint} {engine.context}" if engine else "directly"
    return looking.cached_answer(
        look, f"registry {ref} {through}", RegistryImage, LIFE, lambda: parse(ref, look.registry(ref, engine, look.timeout))
    )


def parse(ref: str, raw: Any) -> RegistryImage | Absent:
    """Read the answer of the client.

    Docker's distribution answer is ``{"Descriptor": {"mediaType", "digest"}, "Platforms": […]}``; a registry's own is
    ``{"mediaType", "digest", "manifest": {…}, "config": {…}}``, where *config* tells a plain manifest's platform.
    """
    try:
        described: Mapping[str, Any] = raw.get("Descriptor") or raw
        if "Platforms" in raw:
            entries = raw["Platforms"] or ()
        else:
            manifests = (raw.get("manifest") or {}).get("manifests")
            entries = [raw.get("config") or {}] if manifests is None else [entry.get("platform") or {} for entry in manifests]
        platforms = tuple(dict.fromkeys(filter(None, map(platform, entries))))
        digest, media = str(described.get("digest", "")), str(described.get("mediaType", ""))
    except SHAPE as error:
        return Absent(f"{ref}: the registry's answer cannot be read: {error}")
    if not digest:
        return Absent(f"{ref}: the registry names no digest")
    return RegistryImage(ref=ref, digest=digest, platforms=platforms, index=media in INDEXES)


def platform(entry: Mapping[str, Any]) -> str:
    """Return a platform in one word, empty for what runs nowhere. The variant is told only where it is no default."""
    os, arch, variant = (str(entry.get(key) or "") for key in ("os", "architecture", "variant"))
    if not os or not arch or "unknown" in {os, arch}:
        return ""
    return "/".join(part for part in (os, arch, "" if (arch, variant) in _DEFAULT else variant) if part)


_DEFAULT: Final = {("arm64", "v8"), ("amd64", "v1")}
"""containerd normalises these away as well, so that ``linux/arm64`` is one platform however an image calls itself."""
