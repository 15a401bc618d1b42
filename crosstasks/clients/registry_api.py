"""Door: container registries and web servers, asked with a time limit that counts for names and connections as well.

A session trusts the authorities that the user names, and has the log-ins of Docker and Podman.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from ..core import references
from ..core.errors import SHAPE, ConfigError, CrosstasksError, EngineFailed, ImageFailed, UnknownRegistry
from ..facts.engine import LOCAL, Engine
from ..facts.registry import ASK, INDEXES
from . import docker_sdk, network
from .docker_sdk import with_timeout

if TYPE_CHECKING:
    from requests import Response, Session

LOG_INS: Final = {references.HUB: "docker.io"}
"""Docker Hub is logged in to under another name than it is asked by."""

FIELD: Final = re.compile(r'\b(\w++)="([^"]*+)"')


def trust_authorities(session: Session) -> Session:
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
    """What a registry is told of who asks: https://distribution.github.io/distribution/spec/auth/token/.

    Attributes:
        header: to be sent to the registry, and to nobody else; empty until it asks.
    """

    def __init__(self, registry: str, session: Session, timeout: float) -> None:
        """Ask nothing yet; *registry* is ``host:port``, and *timeout* is in seconds."""
        self.registry, self.session, self.timeout = registry, session, timeout
        self.header: dict[str, str] = {}
        self._scopes: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def answer(self, response: Response) -> bool:
        """Answer what a registry that refused wants, as its scope is another for pushing; tell whether to try again.

        Several threads may be refused at once: what one of them was given serves the others.

        Raises:
            RequestException: who gives its tokens refuses, or cannot be reached.
        """
        sent = response.request.headers.get("Authorization")
        with self._lock:
            if self.header.get("Authorization", sent) == sent:
                self.header = self._authorization(response)
            return self.header.get("Authorization", sent) != sent

    def _authorization(self, response: Response) -> dict[str, str]:
        kind, _, challenge = response.headers.get("WWW-Authenticate", "").partition(" ")
        credentials = basic(self.registry)
        if kind.lower() == "basic" and credentials:
            return {"Authorization": f"Basic {credentials}"}
        if kind.lower() == "bearer":
            token = self._token(dict(FIELD.findall(challenge)), credentials, safe=response.url.startswith("http://"))
            return {"Authorization": f"Bearer {token}"} if token else {}
        return {}

    def _token(self, challenge: Mapping[str, str], credentials: str, *, safe: bool) -> str:
        """Ask for a token; a registry that is asked with TLS cannot have the log-in sent in the clear."""
        realm = challenge.get("realm", "")
        headers = {"Authorization": f"Basic {credentials}"} if credentials and (safe or realm.startswith("https://")) else {}
        scope = self._widen(challenge.get("scope", ""))
        parameters = {name: value for name, value in (("service", challenge.get("service")), ("scope", scope)) if value}
        response = read_all(self.session.get(realm, params=parameters, headers=headers, timeout=self.timeout, stream=True), self.timeout)
        response.raise_for_status()
        content = response.json()
        return str(content.get("token") or content.get("access_token") or "")

    def _widen(self, scope: str) -> str:
        """Add what was asked for before: threads share a token, and one that may pull only would keep another from pushing."""
        rows = []
        for one in scope.split():
            name, _, actions = one.rpartition(":")
            allowed = self._scopes.setdefault(name, set())
            allowed |= set(actions.split(","))
            rows.append(f"{name}:{','.join(sorted(allowed))}")
        return " ".join(rows)


def basic(registry: str) -> str:
    """Return the log-in to a registry, by Docker's file or helper, else by Podman's file; empty if there is none."""
    from docker import auth

    podman = Path(os.environ.get("REGISTRY_AUTH_FILE") or Path(os.environ.get("XDG_RUNTIME_DIR", ""), "containers/auth.json"))
    places = [_log_ins(None), *([_log_ins(str(podman))] if podman.is_file() else [])]
    for place in places:
        try:
            entry = place.resolve_authconfig(LOG_INS.get(registry, registry))
        except auth.errors.DockerException:  # a helper that is not there
            continue
        except SHAPE as error:
            raise _unread("Docker's config.json", error) from error
        if entry and (name := entry.get("username") or entry.get("Username")):
            return base64.b64encode(f"{name}:{entry.get('password') or entry.get('Password')}".encode()).decode()
    return ""


def _log_ins(path: str | None) -> Any:
    """Read a file of log-ins.

    Raises:
        ConfigError: it is none; Docker's SDK ends in errors of Python's own.
    """
    from docker import auth

    try:
        return auth.load_config(path)
    except (*SHAPE, auth.errors.DockerException) as error:  # a log-in without a colon, a list for a table
        raise _unread(path or "Docker's config.json", error) from error


def _unread(name: str, error: Exception) -> ConfigError:
    return ConfigError(f"the log-ins of {name} cannot be read", why=str(error), hint="`docker login` writes them anew")


NOT_FOUND: Final = 404

REFUSED: Final = {401, 403}


def look(ref: str, engine: Engine | None, timeout: float) -> dict[str, Any]:
    """Ask what a registry serves under *ref*, without pulling it; ``facts.registry.parse`` reads the answer.

    Docker asks itself, with its own proxies, mirrors and log-ins. Podman's service has no such question
    (https://docs.podman.io/en/latest/_static/api.html has no ``/distribution``), and by ssh only Docker's program speaks
    to Docker: so then, and without an engine, we ask.

    Raises:
        ImageFailed: the registry does not know it, or refuses.
        EngineFailed: the engine does not answer.
    """
    asks = engine if engine and engine.program.api and not engine.endpoint.startswith(docker_sdk.SSH) else None
    return with_timeout(lambda: _through_docker(ref, asks, timeout) if asks else directly(ref, timeout), timeout, ref)


def _through_docker(ref: str, engine: Engine, timeout: float) -> dict[str, Any]:
    from docker.errors import APIError, DockerException, ImageNotFound, NotFound

    try:
        with closing(_client(engine, timeout)) as client:
            attributes: dict[str, Any] = client.images.get_registry_data(ref).attrs
    except (NotFound, ImageNotFound) as error:
        raise ImageFailed(f"{ref} is not in its registry", why=str(error.explanation or "")) from error
    except APIError as error:
        raise _lookup_failure(ref, str(error.explanation or error)) from error
    except (DockerException, OSError) as error:
        raise EngineFailed("docker does not answer", why=str(error)) from error
    # Docker 20.10 names no platform for a plain manifest of OCI's kind, only for one of its own
    return attributes if attributes.get("Platforms") else directly(ref, timeout)


def _client(engine: Engine, timeout: float) -> Any:
    """Return a client of the engine that was found: its context has the certificates."""
    import docker

    by_context = engine.context not in {"", "default"} and docker_sdk.knows_context()
    address = {"DOCKER_HOST": engine.endpoint} if engine.endpoint and not by_context else {}
    try:
        return docker.from_env(timeout=timeout, environment={**os.environ, **address})
    except (ValueError, TypeError, AttributeError, KeyError) as error:  # of Docker's log-ins, as in _log_ins
        raise ImageFailed("Docker's log-ins cannot be read", why=str(error), hint="`docker login` writes them anew") from error


UNRESOLVED: Final = re.compile("no such host|server misbehaving|Name or service not known|name resolution|nodename nor servname")
"""How Docker and Python say that a name leads to no machine."""


def _lookup_failure(ref: str, why: str, words: str = "") -> ImageFailed:
    """Return the failure in the client's own words, with what can be done about it."""
    hint = docker_sdk.LOG_IN if re.search("denied|unauthorized|no basic auth credentials", words or why, re.IGNORECASE) else ""
    kind = UnknownRegistry if UNRESOLVED.search(why) else ImageFailed
    return kind(f"{ref} could not be looked up", why=why, hint=hint)


SHA256: Final = "sha256:"


def digest(content: bytes) -> str:
    """Return what content is known by."""
    return f"{SHA256}{hashlib.sha256(content).hexdigest()}"


def digest_error(ref: str, expected: str, actual: str) -> ImageFailed:
    """Say that a registry, or what is before it, sent something else than it named."""
    hint = "nothing of it was used; call again, and if that does not help, look at the registry, its mirror or the proxy before it"
    return ImageFailed(f"{ref} is not what its digest says", why=f"{expected} was named, and {actual} came", hint=hint)


MOST: Final = 4 << 20
"""Bytes of a manifest, a configuration, a list of tags or a token, also after they are unpacked; the specification asks for this much."""

REDIRECTS: Final = 5


def read_all(response: Response, seconds: float) -> Response:
    """Read an answer to its end, but not more than ``MOST``, nor longer than *seconds* from now.

    Raises:
        ValueError: it is longer, or takes longer.
    """
    with closing(response):
        content = b"".join(pieces(response, MOST, seconds))
    response._content = content  # noqa: SLF001  # requests itself reads all that comes, however much that is
    return response


def pieces(response: Response, most: int, seconds: float) -> Iterator[bytes]:
    """Give what comes as it comes, but not more than *most* bytes, nor longer than *seconds* from now.

    Raises:
        ValueError: it is longer, takes longer, or breaks off.
    """
    from urllib3.exceptions import HTTPError

    size, end = 0, time.monotonic() + seconds
    try:
        # iter_content waits until a piece is full, however slowly that comes
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            size += len(chunk)
            if size > most:
                raise ValueError(f"its answer is longer than {most >> 20} MB")
            if time.monotonic() > end:
                raise ValueError(f"its answer took longer than {seconds:g} s")
            yield chunk
    except HTTPError as error:
        raise ValueError(str(error)) from error


class RegistryClient:
    """A repository of a registry, asked with the log-in in Docker's or Podman's configuration, else anonymously."""

    def __init__(self, ref: str, timeout: float) -> None:
        """Ask nothing yet; *timeout* is of each answer, in seconds."""
        import requests

        reference = references.parse(ref).with_server
        self.ref = ref
        self.version = reference.version
        self.timeout = timeout
        self.session = trust_authorities(requests.Session())
        self.session.max_redirects = REDIRECTS
        # a registry whose cookies come back takes us for a browser (Harbor wants a CSRF token then)
        self.session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.log_in = LogIn(reference.registry, self.session, timeout)
        # in the clear on this machine, as both engines do
        self.origin = f"{'http' if urlsplit(f'//{reference.registry}').hostname in LOCAL else 'https'}://{reference.registry}"
        self.base = f"{self.origin}/v2/{reference.path}"

    def send(self, method: str, path: str, *, headers: Mapping[str, str] = {}, **options: Any) -> Response:
        """Send a request, and log in if the registry asks for it; *path* is below the repository, or a whole address.

        Raises:
            ImageFailed: the registry does not know it.
            RequestException: it refuses, or cannot be reached.
        """
        url = path if "://" in path else f"{self.base}/{path}"
        # what an upload goes to may be elsewhere, and our log-in is not for that
        ours = url.startswith(f"{self.origin}/")
        response = self._send(method, url, headers, ours=ours, **options)
        if response.status_code in REFUSED and ours and self.log_in.answer(response):
            response.close()
            data: Any = options.get("data")
            if hasattr(data, "seek"):  # it has been read
                data.seek(0)
            response = self._send(method, url, headers, ours=ours, **options)
        if not response.ok:
            response.close()  # what it says is not read, and its connection would stay open
        if response.status_code == NOT_FOUND:
            raise ImageFailed(f"{self.ref} is not in its registry")
        response.raise_for_status()
        return response

    def _send(self, method: str, url: str, headers: Mapping[str, str], *, ours: bool, **options: Any) -> Response:
        all_headers = {**headers, **(self.log_in.header if ours else {})}
        response: Response = self.session.request(method, url, headers=all_headers, timeout=self.timeout, **options)
        return response

    def get(self, path: str, accept: str) -> Response:
        """Fetch a manifest or a small blob.

        Raises:
            ImageFailed: it is not what its digest says: the one asked for, or the registry's own.
        """
        response = read_all(self.send("GET", path, headers={"Accept": accept}, stream=True), self.timeout)
        version = path.rpartition("/")[2]
        expected = version if version.startswith(SHA256) else response.headers.get("Docker-Content-Digest", "")
        actual = digest(response.content)
        if expected.startswith(SHA256) and expected != actual:
            raise digest_error(self.ref, expected, actual)
        return response

    def config(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Fetch the configuration that a plain manifest names; see ``get``."""
        config: dict[str, Any] = self.get(f"blobs/{manifest['config']['digest']}", "*/*").json()
        return config


@contextmanager
def translate_errors(ref: str) -> Iterator[None]:
    """Say what a registry refused, and what can be done about it."""
    from requests.exceptions import RequestException

    try:
        yield
    except (RequestException, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:  # a list where a table belongs
        raise _lookup_failure(ref, network.root_cause(error), str(error)) from error


def directly(ref: str, timeout: float) -> dict[str, Any]:
    """Ask the registry itself.

    Raises:
        ImageFailed: the registry does not know it, refuses, or cannot be reached.
    """
    with translate_errors(ref):
        place = RegistryClient(ref, timeout)
        response = place.get(f"manifests/{place.version}", ", ".join(ASK))
        manifest = response.json()
        media = response.headers.get("Content-Type", "").partition(";")[0]
        # of a plain image, only its configuration names the platform
        config = {} if media in INDEXES else place.config(manifest)
        return {"mediaType": media, "digest": digest(response.content), "manifest": manifest, "config": config}


PAGES: Final = 20
"""Pages of tags that are read; registries give a hundred or a thousand on each."""


def tags(ref: str, timeout: float) -> tuple[str, ...]:
    """Return the tags beside that of *ref*, in the registry's order.

    Raises:
        ImageFailed: the registry does not know the repository, refuses, or cannot be reached within *timeout* seconds.
    """
    return with_timeout(lambda: _tags(ref, timeout), timeout, ref)


def _tags(ref: str, timeout: float) -> tuple[str, ...]:
    tags: list[str] = []
    with translate_errors(ref):
        place, path = RegistryClient(ref, timeout), "tags/list"
        for _ in range(PAGES):
            page = place.get(path, "application/json")
            tags += page.json().get("tags") or ()
            following = page.links.get("next", {}).get("url", "")
            if not following:
                break
            path = urljoin(page.url, following)
            if not path.startswith(f"{place.origin}/"):
                raise ImageFailed(f"{ref} could not be looked up", why=f"its registry sends us on to {path}, which is another")
    return tuple(tags)


def fetch_text(url: str, timeout: float) -> str:
    """Fetch a text file, through the user's proxies.

    Raises:
        CrosstasksError: it cannot be fetched in time.
    """
    return with_timeout(lambda: _fetch(url, timeout), timeout, url)


def _fetch(url: str, timeout: float) -> str:
    import requests

    try:
        with trust_authorities(requests.Session()) as session, session.get(url, timeout=timeout, stream=True) as response:
            response.raise_for_status()
            return b"".join(pieces(response, MOST_TEXT, timeout)).decode("utf-8", errors="replace")
    except (requests.RequestException, ValueError) as error:
        raise CrosstasksError(f"{url} cannot be fetched", why=network.root_cause(error)) from error


CHUNK: Final = 16_384

MOST_TEXT: Final = 64 << 20
"""Bytes of a text; the manifest of a channel of Rust has one."""
