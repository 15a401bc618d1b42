"""Pure: a reference to an image, ``registry:port/path:tag@digest``, and its parts."""

from __future__ import annotations

from typing import Final, NamedTuple

HUB: Final = "registry-1.docker.io"
"""The server of Docker's own registry."""


class Reference(NamedTuple):
    """The parts of a reference; those that it does not have are empty."""

    registry: str
    path: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """Return the reference without tag and digest."""
        return f"{self.registry}/{self.path}" if self.registry else self.path

    @property
    def version(self) -> str:
        """Return the digest, else the tag, else the tag that engines take without one."""
        return self.digest or self.tag or "latest"

    @property
    def with_server(self) -> Reference:
        """Return the reference with the server that answers for it: without a registry, that is Docker's own."""
        if self.registry not in {"", "docker.io"}:
            return self
        return self._replace(registry=HUB, path=self.path if "/" in self.path else f"library/{self.path}")


def parse(ref: str) -> Reference:
    """Take a reference apart; its first part is a registry if it has a dot or a port, or is ``localhost``."""
    name, _, digest = ref.partition("@")
    first, slash, rest = name.partition("/")
    registry = first if slash and ("." in first or ":" in first or first == "localhost") else ""
    folder, slash, last = (rest if registry else name).rpartition("/")
    last, _, tag = last.partition(":")
    return Reference(registry, f"{folder}{slash}{last}", tag, digest)


def with_prefix(ref: str, prefix: str) -> str:
    """Return the reference that an image has below *prefix* (``host:port/path``) instead of in its registry."""
    registry = parse(ref).registry
    return f"{prefix.rstrip('/')}/{ref.removeprefix(f'{registry}/') if registry else ref}"
