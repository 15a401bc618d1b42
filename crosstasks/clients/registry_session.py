"""Door: how registries are spoken to: whom a session trusts, and the log-ins of Docker and Podman."""

from __future__ import annotations

import base64
import os
import re
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from requests import Response, Session

HUB: Final = {"registry-1.docker.io": "docker.io"}
"""Docker Hub is logged in to under another name than it is asked by."""

FIELD: Final = re.compile(r'(\w+)="([^"]*)"')


def trusting(session: Session) -> Session:
    """Let a session trust whom OpenSSL does on this machine, SSL_CERT_FILE included, besides the authorities of certifi."""
    from requests.adapters import HTTPAdapter

    trusted = ssl.create_default_context()

    class Trusting(HTTPAdapter):
        """It asks servers, directly or through a proxy, for certificates of these authorities."""

        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            """Hand them on for servers."""
            super().init_poolmanager(*arguments, ssl_context=trusted, **options)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            """Hand them on for servers behind a proxy."""
            return super().proxy_manager_for(proxy, ssl_context=trusted, **options)

    session.mount("https://", Trusting())
    return session


class LogIn:
    """
    What a registry is told of who asks: https://distribution.github.io/distribution/spec/auth/token/.

    Attributes:
        header: to be sent to the registry, and to nobody else; empty until it asks.
    """

    def __init__(self, registry: str, session: Session, timeout: float) -> None:
        """Ask nothing yet; *registry* is ``host:port``, and *timeout* is in seconds."""
        self.registry, self.session, self.timeout = registry, session, timeout
        self.header: dict[str, str] = {}
        self._scopes: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def asked(self, response: Response) -> bool:
        """
        Answer what a registry that refused wants, as its scope is another for pushing; tell whether to try again.

        Several threads may be refused at once: what one of them was given serves the others.

        Raises:
            RequestException: who gives its tokens refuses, or cannot be reached.
        """
        sent = response.request.headers.get("Authorization")
        with self._lock:
            if self.header.get("Authorization", sent) == sent:
                self.header = self._wanted(response)
            return self.header.get("Authorization", sent) != sent

    def _wanted(self, response: Response) -> dict[str, str]:
        kind, _, told = response.headers.get("WWW-Authenticate", "").partition(" ")
        known = basic(self.registry)
        if kind.lower() == "basic" and known:
            return {"Authorization": f"Basic {known}"}
        if kind.lower() == "bearer":
            token = self._token(dict(FIELD.findall(told)), known, safe=response.url.startswith("http://"))
            return {"Authorization": f"Bearer {token}"} if token else {}
        return {}

    def _token(self, told: Mapping[str, str], known: str, *, safe: bool) -> str:
        """Ask for a token; a registry that is asked with TLS cannot have the log-in sent in the clear."""
        realm = told.get("realm", "")
        headers = {"Authorization": f"Basic {known}"} if known and (safe or realm.startswith("https://")) else {}
        asked = {name: told[name] for name in ("service",) if told.get(name)}
        if told.get("scope"):
            asked["scope"] = self._widened(told["scope"])
        response = self.session.get(realm, params=asked, headers=headers, timeout=self.timeout)
        response.raise_for_status()
        content = response.json()
        return str(content.get("token") or content.get("access_token") or "")

    def _widened(self, scope: str) -> str:
        """Add what was asked for before: threads share a token, and one that may pull only would keep another from pushing."""
        rows = []
        for one in scope.split():
            name, _, actions = one.rpartition(":")
            known = self._scopes.setdefault(name, set())
            known |= set(actions.split(","))
            rows.append(f"{name}:{','.join(sorted(known))}")
        return " ".join(rows)


def basic(registry: str) -> str:
    """Return the log-in to a registry, by Docker's file or helper, else by Podman's file; empty if there is none."""
    from docker import auth

    podman = Path(os.environ.get("REGISTRY_AUTH_FILE") or Path(os.environ.get("XDG_RUNTIME_DIR", ""), "containers/auth.json"))
    places = [auth.load_config(), *([auth.load_config(str(podman))] if podman.is_file() else [])]
    for place in places:
        try:
            found = place.resolve_authconfig(HUB.get(registry, registry))
        except auth.errors.DockerException:  # a helper that is not there
            continue
        if found and (name := found.get("username") or found.get("Username")):
            return base64.b64encode(f"{name}:{found.get('password') or found.get('Password')}".encode()).decode()
    return ""
