"""Registries that answer without an end, in another shape, or send us elsewhere: little is read, and it ends in words and in time."""

from __future__ import annotations

import gzip
import resource
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from crosstasks.clients import registry_api
from crosstasks.core.errors import CrosstasksError

LIMIT = 3.0
"""Seconds that an answer may take."""


class Hostile(BaseHTTPRequestHandler):
    """Answers by the name that is asked for."""

    def do_GET(self):
        kind = self.path.split("/")[2]
        self.send_response(200 if kind != "turning" else 302)
        headers = {"bomb": {"Content-Encoding": "gzip"}, "elsewhere": {"Link": '<http://127.0.0.2:9/v2/x/tags/list>; rel="next"'}}
        for name, value in {**headers.get(kind, {}), **({"Location": f"{self.path}1"} if kind == "turning" else {})}.items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        try:
            for part in BODIES.get(kind, lambda: (b"{}",))():
                self.wfile.write(part)
        except OSError:
            pass

    def log_message(self, *arguments):
        """Say nothing."""


def _endless():
    while True:
        yield b" " * 65536


def _slow():
    for _ in range(60):
        yield b" "
        time.sleep(1)


BODIES = {
    "endless": _endless,
    "slow": _slow,
    "bomb": lambda: (gzip.compress(b" " * 12_000_000) for _ in range(100)),
    "list": lambda: (b"[1, 2]",),
    "deep": lambda: (b"[" * 1_000_000,),
    "text": lambda: (b'"manifest"',),
    "null": lambda: (b'{"manifests": null, "config": null, "tags": 3}',),
    "elsewhere": lambda: (b'{"tags": ["a"]}',),
}


@pytest.fixture(scope="module")
def registry():
    """Its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("kind", [*BODIES, "turning"])
@pytest.mark.parametrize("ask", [registry_api.directly, registry_api.tags], ids=["manifest", "tags"])
def test_an_answer_is_bounded(ask, kind, registry):
    """In bytes, also unpacked, in depth, in time and in redirects; what is asked in vain is told in words."""
    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    threads = threading.active_count()
    with pytest.raises(CrosstasksError) as failed:
        ask(f"{registry}/{kind}:1", LIMIT)
    assert failed.value.why or failed.value.hint
    assert time.monotonic() - begun < 3 * LIMIT
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB
    for _ in range(50):
        if kind != "slow" or not any(thread.name.startswith("ask ") for thread in threading.enumerate()):
            break
        time.sleep(0.1)
    assert kind != "slow" or threading.active_count() <= threads + 1


@pytest.mark.parametrize("kind", ["endless", "slow"])
def test_a_text_is_bounded(kind, registry):
    """Likewise."""
    begun = time.monotonic()
    with pytest.raises(CrosstasksError):
        registry_api.fetch_text(f"http://{registry}/v2/{kind}/x", LIMIT)
    assert time.monotonic() - begun < 3 * LIMIT
