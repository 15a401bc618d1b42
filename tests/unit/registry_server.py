"""Registries that answer below requests, so that all of requests takes part but its connections."""

from __future__ import annotations

import hashlib
import io
import json
import ssl
from urllib.parse import parse_qs, urlsplit

from requests import ConnectionError as NoConnection
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

OCI = "application/vnd.oci.image"
INDEX, MANIFEST = f"{OCI}.index.v1+json", f"{OCI}.manifest.v1+json"


def sha256(content):
    """Return what a blob or manifest is known by."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Servers:
    """Every server that can be reached; what is in ``answers`` comes first, else the registries have what was put into them.

    Attributes:
        manifests, blobs: by the address below ``https://``.
        calls: method, address and log-in of every request; ``headers`` are all of each, ``bodies`` what it sent.
        answers: ``(status, headers, body)`` for an address; a list is of the answers that come one after the other.
    """

    def __init__(self, monkeypatch):
        """Take the place of all connections."""
        self.manifests, self.blobs, self.calls, self.headers, self.bodies, self.answers = {}, {}, [], [], [], {}
        monkeypatch.setattr(HTTPAdapter, "send", self._send)
        # reading the machine's authorities takes longer than all else here, and nothing is encrypted
        monkeypatch.setattr(ssl, "create_default_context", lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def put(self, place, name, content, media=MANIFEST):
        """Put a manifest under a name and its digest, and return what an index says of it."""
        body = json.dumps(content).encode()
        self.manifests |= {f"{place}/manifests/{key}": (media, body) for key in (name, sha256(body))}
        return {"mediaType": media, "digest": sha256(body), "size": len(body)}

    def put_blob(self, place, content):
        """Put a blob, and return what a manifest says of it."""
        self.blobs[f"{place}/blobs/{sha256(content)}"] = content
        return {"digest": sha256(content), "size": len(content)}

    def put_image(self, place, name, *layers, architecture="amd64"):
        """Put a plain image, and return what an index says of it."""
        platform = {"os": "linux", "architecture": architecture}
        config = self.put_blob(place, json.dumps(platform).encode())
        content = {"schemaVersion": 2, "config": config, "layers": [self.put_blob(place, layer) for layer in layers]}
        return {**self.put(place, name, content), "platform": platform}

    def _send(self, request, **_options):
        self.calls.append((request.method, request.url, request.headers.get("Authorization", "")))
        self.headers.append(request.headers)
        answer = self.answers.get(request.url)
        if isinstance(answer, list):
            answer = answer.pop(0) if answer else None
        body = b"".join(iter(request.body.read, b"")) if hasattr(request.body, "read") else request.body or b""
        self.bodies.append(body)
        status, headers, content = answer or self._registry(request, urlsplit(request.url), body)
        content = b"" if request.method == "HEAD" else content
        raw = HTTPResponse(io.BytesIO(content), headers=headers, status=status, preload_content=False, request_method=request.method)
        return HTTPAdapter().build_response(request, raw)

    def _registry(self, request, url, body):
        address = url.netloc + url.path
        if url.netloc.startswith("nowhere"):
            raise NoConnection("no route to host")
        if request.method == "POST":
            return 202, {"Location": f"{url.path}one?state=1"}, b""
        if request.method == "PUT" and "/uploads/" in address:
            (digest,) = parse_qs(url.query)["digest"]
            assert sha256(body) == digest, "a registry compares what it is sent"
            self.blobs[f"{address.partition('/blobs/')[0]}/blobs/{digest}"] = body
            return 201, {}, b""
        if request.method == "PUT":
            self.manifests |= {
                f"{address.rpartition('/')[0]}/{key}": (request.headers["Content-Type"], body)
                for key in (address.rpartition("/")[2], sha256(body))
            }
            return 201, {"Docker-Content-Digest": sha256(body)}, b""
        if address in self.blobs:
            content = self.blobs[address]
            return 200, {"Content-Length": str(len(content))}, content
        if address in self.manifests:
            media, content = self.manifests[address]
            return 200, {"Content-Type": media, "Docker-Content-Digest": sha256(content)}, content
        return 404, {}, b"{}"
