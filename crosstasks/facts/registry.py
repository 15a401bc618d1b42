"""Pure: what a container registry says of a reference, before anything is pulled."""

from __future__ import annotations

from msgspec import Struct


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
