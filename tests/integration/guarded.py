"""A registry that lets nobody in without a log-in, as Docker's own (bearer) and simple ones (basic) ask for it: a door before an open one."""

from __future__ import annotations

import base64
import json
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from serving import served

NAME, PASSWORD, TOKEN = "me", "hunter2-secret", "a-token-of-an-hour"
BASIC = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()


class Door(ThreadingHTTPServer):
    """What stands before the registry *behind* (``host:port``); *kind* is ``basic`` or ``bearer``."""

    def __init__(self, behind, kind):
        self.behind, self.kind, self.refused = behind, kind, 0
        super().__init__(("127.0.0.1", 0), Asked)

    @property
    def address(self):
        """Return what images are named by."""
        return f"127.0.0.1:{self.server_port}"

    def write_log_in(self, folder, password=PASSWORD):
        """Write Docker's file of log-ins."""
        folder.mkdir(exist_ok=True)
        auth = base64.b64encode(f"{NAME}:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.address: {"auth": auth}}}))
        return str(folder)


class Asked(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Write no line per request."""

    def answer(self):
        """Ask for the log-in, give a token, or hand on."""
        told, body = self.headers.get("Authorization", ""), self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scope = "pull" if self.command in {"GET", "HEAD"} else "pull,push"
        if self.path.startswith("/token"):
            for_ = "pull,push" if "push" in self.path else "pull"
            token = json.dumps({"token": f"{TOKEN}-{for_}"}).encode()
            self.reply(*((200, {}, token) if told == f"Basic {BASIC}" else (401, {}, b"{}")))
        elif told not in self.welcome(scope):
            self.server.refused += 1
            realm = f"http://{self.server.address}/token" if self.server.kind == "bearer" else "a registry"
            more = f',service="registry",scope="repository:any:{scope}"' if self.server.kind == "bearer" else ""
            self.reply(401, {"WWW-Authenticate": f'{self.server.kind.title()} realm="{realm}"{more}'}, b"{}")
        else:
            self.hand_on(body)

    def welcome(self, scope):
        """Return what lets somebody in; a token for pushing is good for pulling, and not the other way."""
        if self.server.kind == "basic":
            return {f"Basic {BASIC}"}
        return {f"Bearer {TOKEN}-{scope}", f"Bearer {TOKEN}-pull,push"}

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - http.server's names

    def hand_on(self, body):
        """Ask the registry behind; it says who it is by the name that it was called."""
        there = HTTPConnection(self.server.behind, timeout=60)
        told = {name: ", ".join(self.headers.get_all(name)) for name in self.headers}  # docker says what it accepts in many lines
        there.request(self.command, self.path, body or None, {**told, "Host": self.server.address})
        got = there.getresponse()
        self.reply(got.status, {name: value for name, value in got.getheaders() if name.lower() != "transfer-encoding"}, got.read())
        there.close()

    def reply(self, status, headers, content):
        """Send an answer."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def guarded(behind, kind):
    """Run such a door."""
    with served(Door(behind, kind)) as server:
        yield server
