"""Door: what Docker's API does for us: the SDK pulls, with progress, and asks registries; imported only where it is used."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any, Final, TypeVar

from ..core import references
from ..core.errors import ImageFailed, Interrupted
from ..core.steps import Say

T = TypeVar("T")

# a stale log-in is refused even where everyone may read (cross-rs/cross#1508, #765)
LOG_IN: Final = "log in, or log out if an old log-in is refused: `docker logout <registry>`"

HINTS: Final = (
    (r"no matching manifest|does not match the specified platform", "the image is not offered for this platform"),
    (r"denied|unauthorized", LOG_IN),
    (r"no space left", "free some space: `docker system df` tells what takes it"),
    (r"timeout|timed out|refused|no such host|unreachable|lookup", "the registry is out of reach: name a mirror, or load a bundle"),
)


def failure(what: str, why: str) -> ImageFailed:
    """Return the failure in the engine's own words, with what can be done about it."""
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, why, re.IGNORECASE)), "")
    return ImageFailed(what, why=why, hint=hint)


class PullProgress:
    """How far a pull is, from the engine's events; it is shown on a terminal in one line, else in a line now and then."""

    def __init__(self, ref: str, say: Say) -> None:
        """Know of no layer, and show nothing yet."""
        self.ref, self.say = ref, say
        self.sizes: dict[str, tuple[int, int]] = {}
        self.complete: set[str] = set()
        self.terminal = sys.stderr.isatty()
        self.pause = 0.2 if self.terminal else 10.0
        self.next = time.monotonic() + self.pause

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event in."""
        layer, status = str(event.get("id") or ""), str(event.get("status") or "")
        progress = event.get("progressDetail") or {}
        if status == "Pulling fs layer":
            self.sizes.setdefault(layer, (0, 0))
        elif status == "Downloading" and progress.get("total"):
            self.sizes[layer] = (int(progress.get("current", 0)), int(progress["total"]))  # an engine leaves out what is 0
        elif status in {"Download complete", "Pull complete", "Already exists"}:
            total = self.sizes.get(layer, (0, 0))[1]
            self.sizes[layer] = (total, total)
            if status != "Download complete":
                self.complete.add(layer)

    def __str__(self) -> str:
        if not self.sizes:
            return "no layer is new"
        done, total = (sum(size[at] for size in self.sizes.values()) / 1e6 for at in (0, 1))
        return f"{len(self.complete)} of {len(self.sizes)} layers, {done:.0f} of {total:.0f} MB"

    def show(self) -> None:
        """Show it, unless that was just done."""
        if time.monotonic() < self.next:
            return
        self.next = time.monotonic() + self.pause
        if self.terminal:
            self._draw(f"  {self.ref}: {self}")
        else:
            self.say(f"{self.ref}: {self}")

    def clear(self) -> None:
        """Take the line away."""
        if self.terminal:
            self._draw("")

    def _draw(self, line: str) -> None:
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


def client(timeout: float) -> Any | None:
    """Return the SDK's client for the engine that the command speaks to; None if there is none, and the command has to serve."""
    import docker
    from docker.context import ContextAPI
    from docker.errors import DockerException

    address = os.environ.get("DOCKER_HOST") or ContextAPI.kwargs_from_context().get("base_url", "")
    if not knows_context() or address.startswith(SSH):
        return None
    try:
        return docker.from_env(timeout=timeout)
    except (DockerException, ValueError, TypeError, AttributeError, KeyError):  # a log-in without a colon ends in Python's own errors
        return None


SSH: Final = "ssh://"
"""How addresses begin that the SDK does not serve: it needs paramiko for them, which has rules of its own, or waits without a limit."""


def knows_context() -> bool:
    """Tell whether the SDK finds the context in use: only beside a config.json, and without it would take this machine's own engine."""
    from docker.context import ContextAPI

    name = os.environ.get("DOCKER_CONTEXT")
    return bool(not name or os.environ.get("DOCKER_HOST") or ContextAPI.get_context(name))


def pull(client: Any, ref: str, platform: str, say: Say) -> None:
    """Pull an image for one platform.

    Raises:
        ImageFailed: the registry or the engine refused.
    """
    from docker.errors import APIError, DockerException
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    what = f"cannot pull {ref}"
    progress = PullProgress(ref, say)
    reference = references.parse(ref)  # without a tag the SDK would pull every tag there is
    try:
        try:
            for event in client.api.pull(reference.name, tag=reference.version, platform=platform, stream=True, decode=True):
                if "error" in event:
                    raise failure(what, str(event["error"]))
                progress.feed(event)
                progress.show()
        finally:
            progress.clear()
    except APIError as error:
        raise failure(what, str(error.explanation or error)) from error
    except (DockerException, RequestException, HTTPError, OSError) as error:
        raise failure(what, str(error)) from error
    except KeyboardInterrupt:
        raise Interrupted("interrupted", hint="layers that were pulled are kept by the engine") from None
    finally:
        client.close()
    say(f"pulled {ref}: {progress}")


def with_timeout(act: Callable[[], T], timeout: float, what: str) -> T:
    """Act, but never longer than *timeout*: looking up a name has no limit of its own, and an engine waits for its registry.

    Raises:
        ImageFailed: it took longer; the thread is left to end by itself, and does not keep the program from ending.
    """
    answer: Future[T] = Future()

    def ask() -> None:
        try:
            answer.set_result(act())
        except BaseException as error:  # noqa: BLE001  # it is raised again, where it is waited for
            answer.set_exception(error)

    threading.Thread(target=ask, name=f"ask {what}", daemon=True).start()
    if not wait([answer], timeout).done:
        raise ImageFailed(f"{what}: no answer within {timeout:g} s", hint="`offline = true` asks nothing of the network")
    return answer.result()


DEFAULT: Final = "/var/run/docker.sock"
LIMIT: Final = 10.0
MOST: Final = 4 << 20
"""Bytes of an answer; what an engine says of one container or image is a few thousand."""


def socket_path(endpoint: str) -> str:
    """Pure: return the socket of an address; empty if it is another kind of address."""
    return endpoint.removeprefix("unix://") if endpoint.startswith("unix://") else DEFAULT if not endpoint else ""


def socket_get(place: str, what: str) -> dict[str, Any]:
    """Return the JSON object that the engine answers with; empty if it does not know of such a thing.

    Raises:
        OSError: nobody answers.
        ValueError: the answer cannot be read.
    """
    answer = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(LIMIT)
        connection.connect(place)
        # in this version of HTTP the answer comes whole, and ends with the connection
        connection.sendall(f"GET {what} HTTP/1.0\r\nHost: engine\r\n\r\n".encode())
        while (chunk := connection.recv(65536)) and len(answer) <= MOST:
            answer += chunk
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    if b" 200 " not in head.partition(b"\r\n")[0]:
        return {}
    content = json.loads(body)
    return content if isinstance(content, dict) else {}
