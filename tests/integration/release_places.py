"""Places to publish to on this machine: a cargo registry that is really served, and a stand-in for ``gh`` that notes what it was asked."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GH = """\
#!{python}
import hashlib, json, os, pathlib, shutil, sys
state = pathlib.Path({state!r})
words = sys.argv[1:]
with open(state / "asked", "a") as asked:
    asked.write(json.dumps(words) + "\\n")
verb, tag, files = words[1], words[2], [word for word in words[3:] if word.startswith("/")]
folder = state / tag
if verb == "view":
    if not folder.is_dir():
        sys.exit("release not found")
    assets = [{{"name": p.name, "size": p.stat().st_size, "digest": "sha256:" + hashlib.sha256(p.read_bytes()).hexdigest()}}
              for p in sorted(folder.iterdir()) if not p.name.startswith(".")]
    print(json.dumps({{"tagName": tag, "isDraft": not (folder / ".shown").exists(), "assets": assets}}))
elif verb == "create":
    folder.mkdir()
elif verb == "upload":
    if (state / "fails").exists() and files[0].endswith((state / "fails").read_text()):
        sys.exit("HTTP 502: Bad Gateway")
    shutil.copy(files[0], folder)
elif verb == "edit":
    (folder / ".shown").touch()
"""


def gh(folder: Path) -> Path:
    """Put the stand-in into a folder's ``bin``; what it was asked lies in ``asked``, and releases in folders by their tags."""
    program = folder / "bin" / "gh"
    program.parent.mkdir(parents=True)
    program.write_text(GH.format(python=sys.executable, state=str(folder)))
    program.chmod(0o755)
    return program.parent


def asked(folder: Path) -> list[list[str]]:
    return [json.loads(line) for line in (folder / "asked").read_text().splitlines()]


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
    server = Registry()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
