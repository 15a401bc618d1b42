"""The real ``gh``, Debian's, and a server that stands in for GitHub: the part of its REST and GraphQL interfaces that releases need."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from serving import served

REPOSITORY = "/api/v3/repos/example/small/releases"
UPLOADS = "/api/uploads/repos/example/small/releases"
ROUTES = (
    ("POST", "/api/graphql", "query"),
    ("GET", f"{REPOSITORY}/tags/(.+)", "shown"),
    ("POST", REPOSITORY, "create"),
    ("GET", REPOSITORY + r"/(\d+)", "one"),
    ("PATCH", REPOSITORY + r"/(\d+)", "edit"),
    ("POST", UPLOADS + r"/(\d+)/assets", "upload"),
    ("GET", REPOSITORY + r"/assets/(\d+)", "download"),
    ("DELETE", REPOSITORY + r"/assets/(\d+)", "remove"),
)


class GitHub(ThreadingHTTPServer):
    """Releases of example/small, drafts among them; *tags* are pushed, *fails* names an asset whose upload is cut off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tags: set[str] = set()
        self.releases: list[dict] = []
        self.fails = ""
        self.asked: list[str] = []
        self.tokens: set[str | None] = set()

    @property
    def host(self) -> str:
        return f"localhost:{self.server_address[1]}"

    def assets(self, release: int = 0) -> dict[str, dict]:
        return {asset["name"]: asset for asset in self.releases[release]["assets"]}

    def told(self, release: dict) -> dict:
        """Return a release as GitHub does, with the addresses that gh takes from it."""
        top = f"https://{self.host}"
        assets = [
            {key: value for key, value in asset.items() if key != "body"}
            | {"size": len(asset["body"]), "url": f"{top}{REPOSITORY}/assets/{asset['id']}"}
            for asset in release["assets"]
        ]
        upload = f"{top}{UPLOADS}/{release['id']}/assets{{?name,label}}"
        return release | {"assets": assets, "url": f"{top}{REPOSITORY}/{release['id']}", "upload_url": upload}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: GitHub

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.tokens.add(self.headers.get("Authorization"))
        url = urlsplit(self.path)
        for method, pattern, name in ROUTES:
            if method == self.command and (found := re.fullmatch(pattern, url.path)):
                self.server.asked.append(name)
                getattr(self, name)(body, *found.groups())
                return
        self.say(404, {"message": "Not Found"})

    def __getattr__(self, name: str) -> object:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def query(self, body: bytes) -> None:
        """Whether a tag is pushed, or the release of a tag, drafts as well."""
        asked = json.loads(body)
        tag = asked["variables"]["tagName"]
        if "ref(" in asked["query"]:
            found = {"ref": {"id": "1"} if tag.removeprefix("refs/tags/") in self.server.tags else None}
        else:
            of_tag = next((one for one in self.server.releases if one["tag_name"] == tag), None)
            found = {"release": of_tag and {"databaseId": of_tag["id"], "isDraft": of_tag["draft"]}}
        self.say(200, {"data": {"repository": found}})

    def shown(self, _body: bytes, tag: str) -> None:
        found = next((one for one in self.server.releases if one["tag_name"] == tag and not one["draft"]), None)
        self.say(200 if found else 404, self.server.told(found) if found else {"message": "Not Found"})

    def create(self, body: bytes) -> None:
        made = {"body": "", "prerelease": False, **json.loads(body), "id": len(self.server.releases) + 1, "assets": []}
        self.server.releases.append(made)
        self.say(201, self.server.told(made))

    def one(self, _body: bytes, number: str) -> None:
        self.say(200, self.server.told(self.server.releases[int(number) - 1]))

    def edit(self, body: bytes, number: str) -> None:
        self.server.releases[int(number) - 1].update(json.loads(body))
        self.one(body, number)

    def upload(self, body: bytes, number: str) -> None:
        (name,) = parse_qs(urlsplit(self.path).query)["name"]
        release = self.server.releases[int(number) - 1]
        if any(asset["name"] == name for asset in release["assets"]):
            self.say(422, {"message": "Validation Failed", "errors": [{"code": "already_exists", "field": "name"}]})
            return
        cut = name == self.server.fails
        asset = {"id": int(number) * 1000 + len(release["assets"]), "name": name, "state": "starter" if cut else "uploaded"}
        release["assets"].append(asset | {"body": b"" if cut else body})
        self.say(502 if cut else 201, {"message": "Bad Gateway"} if cut else asset)

    def download(self, _body: bytes, number: str) -> None:
        found = next(asset for one in self.server.releases for asset in one["assets"] if asset["id"] == int(number))
        self.say(200, found["body"])

    def remove(self, _body: bytes, number: str) -> None:
        for one in self.server.releases:
            one["assets"] = [asset for asset in one["assets"] if asset["id"] != int(number)]
        self.say(204, b"")

    def say(self, code: int, value: object) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(value, bytes) else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def program(folder: Path) -> Path:
    """Return the folder of Debian's ``gh``, without installing it."""
    folder.mkdir(parents=True)
    subprocess.run(("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", "gh"), cwd=folder, check=True)
    (deb,) = folder.glob("*.deb")
    subprocess.run(("dpkg-deb", "-x", str(deb), str(folder / "root")), check=True)
    return folder / "root" / "usr" / "bin"


@contextmanager
def github(folder: Path) -> Iterator[GitHub]:
    """Serve over TLS, with a certificate of its own in ``cert.pem``: gh speaks with no other server."""
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "key.pem", "-out", "cert.pem", *names)
    subprocess.run(made, cwd=folder, check=True, capture_output=True)
    server = GitHub()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with served(server):
        yield server
