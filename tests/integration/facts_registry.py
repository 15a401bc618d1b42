"""Debian's docker-registry, run without root, with the two shapes of cross's images in it."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import subprocess
import tarfile
import time
from contextlib import contextmanager
from pathlib import Path

import requests

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
USR = " ".join(
    ("--network=none", "--tmpfs=/tmp:exec", *(f"--volume={path}:{path}:ro" for path in ("/usr", "/lib", "/lib64", "/etc/alternatives")))
)
"""What makes an image for a compiler of an image that has only a shell."""


def unpacked(folder: Path, *packages: str) -> Path:
    """Unpack packages of the machine's own sources, without installing them."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", *packages], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "root")], check=True, capture_output=True)
    return folder / "root"


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


@contextmanager
def running(folder: Path):
    """Run a registry on a free port of 127.0.0.1; give its ``host:port``."""
    program = unpacked(folder, "docker-registry") / "usr/bin/docker-registry"
    address = f"127.0.0.1:{free_port()}"
    config = folder / "config.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/store}}}}\nhttp: {{addr: {address}}}\n"
    )
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([str(program), "serve", str(config)], stdout=log, stderr=log)
        try:
            _wait(f"http://{address}/v2/")
            yield address
        finally:
            server.terminate()
            server.wait(10)


def _wait(url: str) -> None:
    for _ in range(100):
        try:
            if requests.get(url, timeout=1).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise TimeoutError(url)


def _blob(base: str, content: bytes) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    place = requests.post(f"{base}/blobs/uploads/", timeout=5).headers["Location"]
    joined = "&" if "?" in place else "?"
    requests.put(f"{place}{joined}digest={digest}", data=content, timeout=5).raise_for_status()
    return {"digest": digest, "size": len(content)}


def _put(base: str, tag: str, media: str, manifest: dict[str, object]) -> dict[str, object]:
    body = json.dumps(manifest).encode()
    requests.put(f"{base}/manifests/{tag}", data=body, headers={"Content-Type": media}, timeout=5).raise_for_status()
    return {"mediaType": media, "digest": f"sha256:{hashlib.sha256(body).hexdigest()}", "size": len(body)}


def push(address: str, name: str, content: bytes = b"") -> None:
    """Push an amd64 image, with *content* (a tar archive) or without any, as ``:0.2.4`` and ``:oci``, plain manifests, and as ``:0.2.5``, an index with an attestation beside it."""
    base = f"http://{address}/v2/{name}"
    layer = io.BytesIO(content)
    if not content:
        tarfile.open(fileobj=layer, mode="w").close()
    diff = f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"
    config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}}
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **_blob(base, json.dumps(config).encode())},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **_blob(base, layer.getvalue())}],
    }
    own = {**manifest["config"], "mediaType": "application/vnd.docker.container.image.v1+json"}
    gzip = [{**layer, "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip"} for layer in manifest["layers"]]
    _put(base, "0.2.4", DOCKER, {**manifest, "mediaType": DOCKER, "config": own, "layers": gzip})
    plain = _put(base, "oci", MANIFEST, manifest)
    attestation = _put(base, "attestation", MANIFEST, {**manifest, "annotations": {"vnd.docker.reference.type": "attestation-manifest"}})
    entries = [
        {**plain, "platform": {"architecture": "amd64", "os": "linux"}},
        {**attestation, "platform": {"architecture": "unknown", "os": "unknown"}},
    ]
    _put(base, "0.2.5", INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
