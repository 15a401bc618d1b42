"""A project to break things with, and a proxy before a registry that misbehaves."""

from __future__ import annotations

import ctypes
import fcntl
import http.client
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def configure(folder, **options):
    """Write options into crosstasks.toml, below its version and its targets: those decide which toolchain is wanted."""
    path = folder / "crosstasks.toml"
    lines = path.read_text().splitlines()[:2]
    lines += [f"{name.replace('_', '-')} = {value}" for name, value in options.items()]
    path.write_text("\n".join(lines) + "\n")


def flip(path, at=None):
    """Change one byte of a file, in the middle if no place is told; the file is another then, under whatever other names it had."""
    content, mode = bytearray(path.read_bytes()), path.stat().st_mode
    content[len(content) // 2 if at is None else at] ^= 1
    path.unlink()
    path.write_bytes(content)
    path.chmod(mode)


def within(pid, make):
    """Make a server in the network of another process: a socket stays in the network that it was made in."""
    made = []

    def act():
        with open(f"/proc/{pid}/ns/net") as there:
            assert not ctypes.CDLL(None).setns(there.fileno(), NETWORK)  # of this thread alone
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh22x", b"lo", UP))
        made.append(make())

    thread = threading.Thread(target=act)
    thread.start()
    thread.join()
    return made[0]


NETWORK, SET_FLAGS, UP = 0x40000000, 0x8914, 1
"""CLONE_NEWNET, SIOCSIFFLAGS and IFF_UP of Linux, which Python does not name."""


class Proxy(ThreadingHTTPServer):
    """A proxy before a registry. *fault* is what it does to blobs and questions."""

    def __init__(self, behind, port=0):
        self.behind, self.fault = behind, ""
        super().__init__(("127.0.0.1", port), Handler)
        self.address = f"127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Say nothing of clients that go away."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Write no line per request."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        fault, blob = self.server.fault, "/blobs/" in self.path
        if fault == "slow":
            time.sleep(20)  # longer than any question may take
        connection = http.client.HTTPConnection(self.server.behind, timeout=30)
        headers = {name: ", ".join(self.headers.get_all(name)) for name in ("Accept", "Range") if name in self.headers}
        connection.request(self.command, self.path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if fault == "forged" and "/manifests/" in self.path:
            body += b" "
        self.send_response(answer.status)
        length = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(body))
        for name, value in answer.headers.items():
            if name.lower() not in {"content-length", "connection", "date"}:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        connection.close()
        big = blob and len(body) > 100_000
        if big and fault == "wrong":
            body = body[:5000] + bytes((body[5000] ^ 1,)) + body[5001:]
        if big and fault in {"cut", "cut once"}:
            body = body[: len(body) // 2]
            self.server.fault = "" if fault == "cut once" else fault
            self.close_connection = True
        if big and fault == "drip":
            for start in range(0, len(body), 20_000):
                self.wfile.write(body[start : start + 20_000])
                time.sleep(0.2)  # a link of 100 kB/s
            return
        self.wfile.write(body)
