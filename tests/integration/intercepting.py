"""A proxy as corporate machines have it: it opens every TLS connection, and shows a certificate of its own authority."""

from __future__ import annotations

import select
import socket
import ssl
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from serving import served


class Interceptor(ThreadingHTTPServer):
    """A proxy for CONNECT, and for plain http; *asked* is where to, *ca* the file of its authority."""

    def __init__(self, folder):
        self.asked, self.folder, self.lock = [], folder, threading.Lock()
        self.ca = folder / "ca.pem"
        openssl("req", "-x509", *KEY, "-keyout", folder / "ca.key", "-out", self.ca, "-subj", "/CN=Proxy of Example Corp", "-days", "2")
        super().__init__(("127.0.0.1", 0), Opened)

    @property
    def address(self):
        """Return what HTTPS_PROXY is set to."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Say nothing of clients that go away, which those that do not trust us do."""

    def certificate(self, host):
        """Return a context with a certificate for *host*, made at its first request."""
        key, request, made = (self.folder / f"{host}.{end}" for end in ("key", "csr", "pem"))
        with self.lock:
            if not made.exists():
                names = self.folder / f"{host}.ext"
                names.write_text(f"subjectAltName = {'IP' if host[0].isdigit() else 'DNS'}:{host}\nextendedKeyUsage = serverAuth\n")
                openssl("req", *KEY, "-keyout", key, "-out", request, "-subj", "/CN=opened")
                signing = ("-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-extfile", names)
                openssl("x509", "-req", "-in", request, *signing, "-days", "2", "-out", made)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made, key)
        return context


KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def openssl(*words):
    """Let OpenSSL make a key or a certificate."""
    subprocess.run(("openssl", *map(str, words)), check=True, capture_output=True)


class Opened(BaseHTTPRequestHandler):
    """One connection."""

    def log_message(self, *_):
        """Write no line per request."""

    def do_CONNECT(self):
        """Be the server to the client, and a client to the server."""
        self.server.asked.append(self.path)
        self.close_connection = True
        host, _, port = self.path.rpartition(":")
        self.send_response(200)
        self.end_headers()
        with (
            self.server.certificate(host).wrap_socket(self.connection, server_side=True) as here,
            socket.create_connection((host, int(port)), timeout=60) as wire,
            trusted().wrap_socket(wire, server_hostname=host) if port == "443" else wire as there,
        ):
            hand_on(here, there)


def trusted():
    """Return how the proxy itself looks at servers: as this machine does."""
    return ssl.create_default_context()


def hand_on(here, there):
    """Hand bytes to and fro until one side closes; what TLS has read ahead no select sees."""
    for end in (here, there):
        end.settimeout(60)
    while True:
        ready = [end for end in (here, there) if isinstance(end, ssl.SSLSocket) and end.pending()]
        for end in ready or select.select((here, there), (), (), 60)[0]:
            data = end.recv(65536)
            if not data:
                return
            (there if end is here else here).sendall(data)


@contextmanager
def intercepting(folder):
    """Run such a proxy."""
    with served(Interceptor(folder)) as server:
        yield server
