"""The network through a proxy, and none at all."""

from __future__ import annotations

import select
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Proxy(ThreadingHTTPServer):
    """A proxy for CONNECT, and for plain http; *asked* is where to."""

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), Tunnel)

    def handle_error(self, *_):
        """Say nothing of clients that go away."""


class Tunnel(BaseHTTPRequestHandler):
    """One connection."""

    def log_message(self, *_):
        """Write no line per request."""

    def do_CONNECT(self):
        """Hand bytes to and fro."""
        self.server.asked.append(self.path)
        host, _, port = self.path.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=60) as there:
            self.send_response(200)
            self.end_headers()
            ends = {self.connection: there, there: self.connection}
            while True:
                for end in select.select(list(ends), (), (), 120)[0]:
                    data = end.recv(65536)
                    if not data:
                        self.close_connection = True
                        return
                    ends[end].sendall(data)


@pytest.fixture
def proxy():
    """A proxy that takes note."""
    server = Proxy()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_is_provided_comes_through_the_proxy(crosstasks, crate, proxy, tmp_path):
    """Cargo fetches a dependency, pip zig and cargo-zigbuild: the proxy is asked for each server."""
    address = f"http://127.0.0.1:{proxy.server_port}"
    subprocess.run(("cargo", "add", "itoa@1", "--quiet"), cwd=crate, check=True, capture_output=True)
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "cargo"\n')
    env = {"HTTPS_PROXY": address, "https_proxy": address, "NO_PROXY": "", "no_proxy": "", "CARGO_HOME": str(tmp_path / "cargo")}
    done = crosstasks("build", cwd=crate, **env)
    assert 0 == done.returncode, done.stderr
    assert any("crates" in asked for asked in proxy.asked), proxy.asked
    proxy.asked.clear()
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "zigbuild"\ntoolchains = ["user"]\n')
    done = crosstasks("provision", cwd=crate, CROSSTASKS_CACHE_DIR=str(tmp_path / "cache"), **env)
    assert 0 == done.returncode, done.stderr
    assert any("py" in asked for asked in proxy.asked), proxy.asked


def test_offline_builds_without_any_network(crosstasks, crate, environ):
    """In a network namespace of its own, which has not even a loopback: with all provided, nothing is asked."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "cargo"\n')
    assert 0 == crosstasks("provision", cwd=crate).returncode
    argv = ("unshare", "--net", sys.executable, "-m", "crosstasks", "build", "--offline")
    done = subprocess.run(argv, cwd=crate, env=environ, check=False, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    assert "build ok" in done.stdout
