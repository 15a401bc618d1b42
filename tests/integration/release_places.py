"""A cargo registry that is really served on this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from serving import served


class Registry(ThreadingHTTPServer):
    """A sparse index, downloads, and the API to publish (https://doc.rust-lang.org/cargo/reference/registry-web-api.html)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.index: dict[str, list[str]] = {}
        self.crates: dict[str, bytes] = {}
        self.published: list[str] = []
        self.tokens: set[str | None] = set()
        self.refused: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        if self.path == "/index/config.json":
            self._say({"dl": f"{self.server.url}/dl/{{crate}}/{{version}}", "api": self.server.url})
        elif self.path.startswith("/dl/") and (body := self.server.crates.get(self.path)):
            self._answer(200, body)
        elif self.path.startswith("/index/") and (lines := self.server.index.get(self.path.rpartition("/")[2])):
            self._answer(200, "\n".join(lines).encode())
        else:
            self._answer(404, b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.tokens.add(self.headers["Authorization"])
        size = int.from_bytes(body[:4], "little")
        about = json.loads(body[4 : 4 + size])
        crate = body[8 + size :]
        name, version = about["name"], about["vers"]
        if name in self.server.refused:
            self._answer(503, b'{"errors": [{"detail": "come back later"}]}')
            return
        deps = [{**dep, "req": dep["version_req"], "package": None} for dep in about["deps"]]
        row = {"name": name, "vers": version, "deps": deps, "features": {}, "cksum": hashlib.sha256(crate).hexdigest(), "yanked": False}
        self.server.index.setdefault(name, []).append(json.dumps(row))
        self.server.crates[f"/dl/{name}/{version}"] = crate
        self.server.published.append(f"{name} {version}")
        self._say({"warnings": {"invalid_categories": [], "invalid_badges": [], "other": []}})

    def _say(self, value: object) -> None:
        self._answer(200, json.dumps(value).encode())

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def registry() -> Iterator[Registry]:
    """Serve a registry that is empty at first."""
    with served(Registry()) as server:
        yield server
