"""What the SDK and the engine's socket are asked for, what is shown meanwhile, and how long is waited."""

from __future__ import annotations

import io
import json
import sys
import threading
import time
from types import SimpleNamespace

import docker
import pytest
from docker.context import ContextAPI
from docker.errors import APIError, DockerException
from urllib3.exceptions import ReadTimeoutError

from crosstasks.clients import docker_sdk
from crosstasks.core.errors import ImageFailed, Interrupted

EVENTS = (
    {"status": "Pulling fs layer", "id": "a"},
    {"status": "Downloading", "id": "a", "progressDetail": {"total": 2_000_000}},
    {"status": "Downloading", "id": "a", "progressDetail": {"current": 1_000_000, "total": 2_000_000}},
    {"status": "Pull complete", "id": "a"},
)


class Sdk:
    """A client whose pull tells events, and may end in an error."""

    def __init__(self, *events, error=None):
        """Be open, and asked for nothing."""
        self.events, self.error, self.asked, self.closed, self.api = events, error, [], 0, self

    def pull(self, name, **options):
        """Tell what the engine does."""
        self.asked.append((name, options))
        yield from self.events
        if self.error:
            raise self.error

    def close(self):
        """Be done."""
        self.closed += 1


@pytest.mark.parametrize(
    ("ref", "name", "tag"),
    [
        ("ghcr.io/cross-rs/a:0.2.5", "ghcr.io/cross-rs/a", "0.2.5"),
        ("localhost:5000/a", "localhost:5000/a", "latest"),
        ("debian:12@sha256:00", "debian", "sha256:00"),
    ],
)
def test_one_tag_is_pulled_for_one_platform(ref, name, tag):
    """Without a tag the SDK would pull all of them; what was pulled is told at the end."""
    sdk, lines = Sdk(*EVENTS), []
    docker_sdk.pull(sdk, ref, "linux/arm64", lines.append)
    assert [(name, {"tag": tag, "platform": "linux/arm64", "stream": True, "decode": True})] == sdk.asked
    assert ([f"pulled {ref}: 1 of 1 layers, 2 of 2 MB"], 1) == (lines, sdk.closed)


@pytest.mark.parametrize(
    ("sdk", "kind", "why", "hint"),
    [
        (Sdk({"error": "unauthorized: no"}), ImageFailed, "unauthorized: no", "log in, or log out if an old log-in is refused: `docker logout <registry>`"),
        (Sdk(error=APIError("500", explanation="no space left on device")), ImageFailed, "no space left on device", "free some space: `docker system df` tells what takes it"),
        (Sdk(error=DockerException("odd")), ImageFailed, "odd", ""),
        (Sdk(error=ReadTimeoutError(None, "/", "Read timed out.")), ImageFailed, "None: Read timed out.", "the registry is out of reach: name a mirror, or load a bundle"),
        (Sdk(error=BrokenPipeError(32, "Broken pipe")), ImageFailed, "[Errno 32] Broken pipe", ""),
        (Sdk(error=KeyboardInterrupt()), Interrupted, "", "layers that were pulled are kept by the engine"),
    ],
)  # fmt: skip
def test_a_pull_that_ends_early(sdk, kind, why, hint):
    """Each error of the SDK, of requests and of urllib3 becomes one of ours, and the client is closed."""
    with pytest.raises(kind) as raised:
        docker_sdk.pull(sdk, "x:1", "linux/amd64", lambda _line: None)
    what = "interrupted" if kind is Interrupted else "cannot pull x:1"
    assert (what, why, hint, 1) == (raised.value.what, getattr(raised.value, "why", ""), raised.value.hint, sdk.closed)


@pytest.mark.parametrize(
    ("terminal", "shown", "lines"),
    [
        (True, "\r\x1b[K  x: no layer is new\r\x1b[K  x: 0 of 1 layers, 0 of 0 MB\r\x1b[K", []),
        (False, "", ["x: 0 of 1 layers, 0 of 0 MB"]),
    ],
)
def test_progress_is_shown_now_and_then(monkeypatch, terminal, shown, lines):
    """On a terminal five times a second in one line, which is taken away; else a line each ten seconds, which stays."""
    stderr = io.StringIO()
    stderr.isatty = lambda: terminal
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    said = []
    progress = docker_sdk.PullProgress("x", said.append)
    for clock.now in (0.1, 0.3, 0.4):
        progress.show()
    progress.feed(EVENTS[0])
    clock.now = 10.1
    progress.show()
    progress.clear()
    assert (shown, lines) == (stderr.getvalue(), said)


@pytest.mark.parametrize(
    ("environ", "context", "error", "there"),
    [
        ({}, {}, None, True),
        ({"DOCKER_HOST": "tcp://builder:2376"}, {}, None, True),
        ({"DOCKER_HOST": "ssh://builder"}, {}, None, False),
        ({}, {"base_url": "ssh://builder"}, None, False),
        ({"DOCKER_CONTEXT": "other"}, {}, None, False),
        ({"DOCKER_CONTEXT": "known"}, {}, None, True),
        ({"DOCKER_CONTEXT": "other", "DOCKER_HOST": "unix:///s"}, {}, None, True),
        ({}, {}, DockerException("no socket"), False),
        ({}, {}, ValueError("a log-in without a colon"), False),
    ],
)
def test_when_the_sdk_serves(monkeypatch, environ, context, error, there):
    """Where it speaks to the engine that the command speaks to; by ssh, or with a context that it does not find, the command serves."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ContextAPI, "kwargs_from_context", lambda: context)
    monkeypatch.setattr(ContextAPI, "get_context", lambda name: name if name == "known" else None)
    made = []

    def from_env(**options):
        made.append(options)
        if error:
            raise error
        return "client"

    monkeypatch.setattr(docker, "from_env", from_env)
    assert ("client" if there else None) == docker_sdk.client(3.0)
    assert ([{"timeout": 3.0}] if there or error else []) == made


def test_nothing_is_waited_for_longer_than_told():
    """What is done in time is returned or raised; else the wait ends, and says how to have none."""
    assert 7 == docker_sdk.with_timeout(lambda: 7, 5.0, "x")
    with pytest.raises(ZeroDivisionError):
        docker_sdk.with_timeout(lambda: 1 // 0, 5.0, "x")
    end = threading.Event()
    with pytest.raises(ImageFailed) as raised:
        docker_sdk.with_timeout(end.wait, 0.01, "r.example/x")
    assert ("r.example/x: no answer within 0.01 s", "`offline = true` asks nothing of the network") == (
        raised.value.what,
        raised.value.hint,
    )
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "ask r.example/x")
    assert thread.daemon
    end.set()
    thread.join(5)


@pytest.mark.parametrize(
    ("endpoint", "path"),
    [
        ("", "/var/run/docker.sock"),
        ("unix:///run/user/1/docker.sock", "/run/user/1/docker.sock"),
        ("tcp://builder:2376", ""),
        ("ssh://b", ""),
    ],
)
def test_which_socket_an_engine_listens_at(endpoint, path):
    """Without an address at Docker's own; other kinds of address have none."""
    assert path == docker_sdk.socket_path(endpoint)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (b'HTTP/1.0 200 OK\r\nServer: Docker\r\n\r\n{"Id": "1"}', {"Id": "1"}),
        (b'HTTP/1.0 404 Not Found\r\n\r\n{"message": "no such container, 200 others"}', {}),
        (b"HTTP/1.0 200 OK\r\n\r\n[]", {}),
        (b"", {}),
    ],
)
def test_what_an_engine_answers_on_its_socket(monkeypatch, answer, value):
    """An object is returned; of what it does not know, and of what is no object, nothing."""
    calls = []

    class Socket:
        """A socket whose other end answers in pieces of seven bytes."""

        def __init__(self, family):
            self.left = answer

        def __enter__(self):
            return self

        def __exit__(self, *_error):
            calls.append("close")

        def recv(self, _most):
            piece, self.left = self.left[:7], self.left[7:]
            return piece

        def __getattr__(self, name):
            return lambda argument: calls.append((name, argument))

    monkeypatch.setattr(docker_sdk.socket, "socket", Socket)
    assert value == docker_sdk.socket_get("/s", "/containers/x/json")
    request = b"GET /containers/x/json HTTP/1.0\r\nHost: engine\r\n\r\n"
    assert [("settimeout", 10.0), ("connect", "/s"), ("sendall", request), "close"] == calls


def test_an_answer_without_an_end_is_not_read_on(monkeypatch):
    """Nor is one that cannot be read taken for nothing."""

    class Endless:
        """A socket whose other end does not stop."""

        pieces = 0

        def __init__(self, _family):
            """Be connected."""

        __exit__ = settimeout = connect = sendall = lambda *_arguments: None

        def __enter__(self):
            return self

        def recv(self, most):
            Endless.pieces += 1
            return b"HTTP/1.0 200 OK\r\n\r\n".ljust(most)

    monkeypatch.setattr(docker_sdk.socket, "socket", Endless)
    with pytest.raises(json.JSONDecodeError):
        docker_sdk.socket_get("/s", "/x")
    assert (4 << 20) // 65536 + 2 == Endless.pieces
