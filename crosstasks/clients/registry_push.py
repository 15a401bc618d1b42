"""Door: put images of the engine into a registry."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from ..core.errors import ImageFailed
from ..facts.registry import MANIFESTS, platform
from .registry_api import Place, translated
from .registry_copy import CHUNK, STALL, Copied, Manifest, Sized, has, put, upload

LEVEL: Final = 3
"""Of gzip."""

LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"


def push(image: IO[bytes], to: str, folder: Path) -> Copied:
    """
    Put an image there that ``docker save`` or ``podman save`` has written, as a manifest of OCI's kind.

    Args:
        image: the archive, of one image.
        folder: for layers while they are compressed.

    Raises:
        ImageFailed: the registry refuses, or the archive is of another kind.
    """
    with translated(to), tarfile.open(fileobj=image, mode="r:") as tar:
        place = Place(to, STALL)
        (told,) = json.loads(_member(tar, "manifest.json").read())
        text = _member(tar, told["Config"]).read()
        config = {"mediaType": CONFIG, "digest": f"sha256:{hashlib.sha256(text).hexdigest()}", "size": len(text)}
        sizes, layers = [], []
        for name in told["Layers"]:
            with _compressed(_member(tar, name), folder) as (packed, digest, size):
                layers.append({"mediaType": LAYER, "digest": digest, "size": size})
                sizes.append(_send(place, digest, packed, size))
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(text)
            file.seek(0)
            sizes.append(_send(place, str(config["digest"]), file, len(text)))
        made = {"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": layers}
        manifest = Manifest(media=MANIFESTS[0], body=json.dumps(made, sort_keys=True).encode())
        put(place, place.wanted, manifest)
        return Copied(
            source=(told.get("RepoTags") or ("",))[0],
            to=to,
            digest=manifest.digest,
            platforms=(platform(json.loads(text)),),
            copied=sum(size is not None for size in sizes),
            there=sum(size is None for size in sizes),
            size=sum(filter(None, sizes)),
        )


def _send(place: Place, digest: str, content: IO[bytes], size: int) -> int | None:
    if has(place, digest):
        return None
    upload(place, digest, Sized(content, size))
    return size


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Return a file of the archive; layers that several images share may be links."""
    try:
        found = tar.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        raise ImageFailed("the engine's archive of the image cannot be read", why=f"it has no {name}")
    return found


@contextmanager
def _compressed(content: IO[bytes], folder: Path) -> Iterator[tuple[IO[bytes], str, int]]:
    """Compress a layer, always to the same bytes; one that is compressed stays as it is."""
    with tempfile.TemporaryFile(dir=folder) as file:
        start = content.read(CHUNK)
        if start[:2] == b"\x1f\x8b":
            for chunk in _chunks(start, content):
                file.write(chunk)
        else:
            with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0) as packed:
                for chunk in _chunks(start, content):
                    packed.write(chunk)
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        yield file, f"sha256:{digest}", size


def _chunks(start: bytes, content: IO[bytes]) -> Iterator[bytes]:
    yield start
    yield from iter(lambda: content.read(CHUNK), b"")
