"""Door: copy images from registry to registry, byte for byte, put images of the engine into one, and several behind one reference."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, cast
from urllib.parse import urljoin

from msgspec import Struct

from ...clients.registry_api import RegistryClient, digest, digest_error, translate_errors
from ...core import files
from ...core.errors import ImageFailed
from ...core.steps import Say
from ...facts.registry import ASK, INDEXES, MANIFESTS, platform

STALL: Final = 120.0
"""Seconds without a byte after which a copy has failed."""

SIDE_BY_SIDE: Final = 3
"""Blobs that are copied at a time."""

CHUNK: Final = 1 << 20


class Copy(Struct, frozen=True, kw_only=True):
    """What was done for one image.

    Attributes:
        digest: of the index or manifest, the same in both places.
        platforms: that the image is for.
        copied, there: blobs that were copied, and that were there already; *size* is of the copied, in bytes.
    """

    source: str
    to: str
    digest: str
    platforms: tuple[str, ...]
    copied: int = 0
    there: int = 0
    size: int = 0


class Manifest(Struct, frozen=True, kw_only=True):
    """A manifest or an index, byte for byte."""

    media: str
    body: bytes

    @property
    def digest(self) -> str:
        """Return what it is known by."""
        return digest(self.body)

    @property
    def content(self) -> dict[str, Any]:
        """Return what it says."""
        content: dict[str, Any] = json.loads(self.body)
        return content


def copy(source: str, to: str, say: Say) -> Copy:
    """Copy an image with everything behind its reference: every platform, and attestations; blobs that are there are not copied again.

    Raises:
        ImageFailed: a registry refuses, cannot be reached, or sends something else than it names.
    """
    with translate_errors(f"{source} -> {to}"):
        here, there = RegistryClient(source, STALL), RegistryClient(to, STALL)
        top = _manifest(here, here.version)
        current = _find(there, there.version)
        inner = [_manifest(here, entry["digest"]) for entry in top.content["manifests"]] if top.media in INDEXES else [top]
        blobs = _blobs(inner)
        sizes: list[int | None] = [None] * len(blobs)
        # a registry takes a manifest only after its blobs
        if not (current and current.digest == top.digest and all(_find(there, manifest.digest) for manifest in inner)):
            say(f"copying {source} to {to}")
            sizes = _copy_blobs(here, there, blobs)
            for manifest in inner if top.media in INDEXES else []:
                put_manifest(there, manifest.digest, manifest)
            put_manifest(there, there.version, top)
        listed = [entry.get("platform") or {} for entry in top.content["manifests"]] if top.media in INDEXES else [here.config(top.content)]
        return _summary(source, to, top, map(platform, listed), sizes)


def _summary(source: str, to: str, manifest: Manifest, platforms: Iterable[str], sizes: Sequence[int | None]) -> Copy:
    """Return what was done; *sizes* are of the blobs that were copied, None of each that was there."""
    return Copy(
        source=source,
        to=to,
        digest=manifest.digest,
        platforms=tuple(dict.fromkeys(filter(None, platforms))),
        copied=sum(size is not None for size in sizes),
        there=sum(size is None for size in sizes),
        size=sum(filter(None, sizes)),
    )


def _manifest(place: RegistryClient, version: str) -> Manifest:
    response = place.get(f"manifests/{version}", ", ".join(ASK))
    manifest = Manifest(media=response.headers.get("Content-Type", "").partition(";")[0], body=response.content)
    if manifest.media not in ASK:
        raise ImageFailed(f"{place.ref} is no image that can be copied", why=f"its manifest is {manifest.media or 'of no kind'}")
    return manifest


def _find(place: RegistryClient, version: str) -> Manifest | None:
    try:
        return _manifest(place, version)
    except ImageFailed:
        return None


def _blobs(manifests: Sequence[Manifest]) -> list[Mapping[str, Any]]:
    """Return every blob once; layers that a manifest only has an address of are the address's."""
    listed = [blob for manifest in manifests for blob in (manifest.content["config"], *manifest.content["layers"])]
    return list({blob["digest"]: blob for blob in listed if not blob.get("urls")}.values())


def _copy_blobs(here: RegistryClient, there: RegistryClient, blobs: Sequence[Mapping[str, Any]]) -> list[int | None]:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        try:
            return list(pool.map(lambda blob: _copy_blob(here, there, blob["digest"], int(blob["size"])), blobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _copy_blob(here: RegistryClient, there: RegistryClient, digest: str, size: int) -> int | None:
    """Copy a blob, and return its size; None if it is there."""
    if has(there, digest):
        return None
    with here.send("GET", f"blobs/{digest}", headers={"Accept-Encoding": "identity"}, stream=True) as response:
        upload(there, digest, DigestStream(cast("IO[bytes]", response.raw), size, digest, here.ref))
    return size


def has(place: RegistryClient, digest: str) -> bool:
    """Tell whether a repository has a blob."""
    try:
        return place.send("HEAD", f"blobs/{digest}", allow_redirects=True).ok
    except ImageFailed:
        return False


class DigestStream:
    """A stream that is compared with its digest; its last piece is only given away if all of it is what was named."""

    def __init__(self, stream: IO[bytes], size: int, digest: str, ref: str) -> None:
        """Read nothing yet; *ref* is the image that it belongs to."""
        self.stream = stream
        self.size = size
        self.digest = digest
        self.ref = ref
        self.hash = hashlib.new(digest.partition(":")[0])
        self.left = size

    def __len__(self) -> int:
        return self.size  # known, it is sent as it comes

    def read(self, count: int = CHUNK) -> bytes:
        """Return what comes next.

        Raises:
            ImageFailed: it ended too early, or is something else.
        """
        chunk = self._next(min(count, self.left)) if self.left else b""
        self.left -= len(chunk)
        self.hash.update(chunk)
        if self.left and not chunk:
            why = f"{self.left} of the {self.size} bytes of {self.digest} did not come"
            raise ImageFailed(f"{self.ref} was cut off", why=why, hint="call again: the parts that came whole are kept")
        actual = f"{self.hash.name}:{self.hash.hexdigest()}"
        if not self.left and actual != self.digest:
            raise digest_error(self.ref, self.digest, actual)
        return chunk

    def _next(self, count: int) -> bytes:
        from urllib3.exceptions import HTTPError

        try:
            return self.stream.read(count)
        except (HTTPError, OSError):  # it knows the length as well
            return b""


def upload(place: RegistryClient, digest: str, content: DigestStream | IO[bytes]) -> None:
    """Send a blob in one piece; the registry itself checks its digest, and keeps nothing of one that is cut off."""
    started = place.send("POST", "blobs/uploads/")
    address = urljoin(place.base, started.headers["Location"])
    joined = "&" if "?" in address else "?"
    headers = {"Content-Type": "application/octet-stream"}
    place.send("PUT", f"{address}{joined}digest={digest}", headers=headers, data=content)


def put_manifest(place: RegistryClient, name: str, manifest: Manifest) -> None:
    """Put a manifest under a tag or its digest."""
    done = place.send("PUT", f"manifests/{name}", headers={"Content-Type": manifest.media}, data=manifest.body)
    digest = done.headers.get("Docker-Content-Digest", manifest.digest)
    if digest != manifest.digest:
        raise ImageFailed(f"{place.ref} was changed on its way", why=f"{manifest.digest} became {digest}")


def find(source: str, to: str, image_id: str, platforms: Sequence[str]) -> Copy | None:
    """Return what there is to say of an image of the engine that is there already: *image_id* is its configuration's digest."""
    with translate_errors(to):
        place = RegistryClient(to, STALL)
        manifest = _find(place, place.version)
        if manifest is None or manifest.media not in MANIFESTS or manifest.content["config"]["digest"] != image_id:
            return None
        return _summary(source, to, manifest, platforms, [None] * len(_blobs([manifest])))


def join(to: str, refs: Sequence[str]) -> str:
    """Put plain images of the same repository behind one reference, an index, and return its digest.

    What the index already holds for other platforms stays in it.

    Raises:
        ImageFailed: the registry refuses.
    """
    with translate_errors(to):
        place = RegistryClient(to, STALL)
        before = _find(place, place.version)
        entries = {platform(entry["platform"]): entry for entry in before.content.get("manifests", ())} if before else {}
        for ref in refs:
            entry = _entry(place, ref.rpartition(":")[2])
            entries[platform(entry["platform"])] = entry
        content = {"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [entries[name] for name in sorted(entries)]}
        index = Manifest(media=INDEXES[0], body=json.dumps(content, sort_keys=True).encode())
        put_manifest(place, place.version, index)
        return index.digest


def _entry(place: RegistryClient, tag: str) -> dict[str, Any]:
    manifest = _manifest(place, tag)
    config = place.config(manifest.content)
    runs = {key: config[key] for key in ("os", "architecture", "variant") if config.get(key)}
    return {"mediaType": manifest.media, "digest": manifest.digest, "size": len(manifest.body), "platform": runs}


LEVEL: Final = 2
"""Of gzip: 3 makes a layer 2 % smaller, and takes a third longer (measured)."""

LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"

CONFIG: Final = "application/vnd.oci.image.config.v1+json"


def push(image: IO[bytes], to: str, folder: Path) -> Copy:
    """Put an image there that ``docker save`` or ``podman save`` has written, as a manifest of OCI's kind.

    Args:
        image: the archive, of one image.
        folder: for layers while they are compressed.

    Raises:
        ImageFailed: the registry refuses, or the archive is of another kind.
    """
    with translate_errors(to), tarfile.open(fileobj=image, mode="r:") as tar:
        place = RegistryClient(to, STALL)
        (listing,) = json.loads(_member(tar, "manifest.json").read())
        text = _member(tar, listing["Config"]).read()
        config = {"mediaType": CONFIG, "digest": digest(text), "size": len(text)}
        sizes, layers = [], []
        for member in listing["Layers"]:
            with _compress(_member(tar, member), folder) as (layer, name, size):
                layers.append({"mediaType": LAYER, "digest": name, "size": size})
                sizes.append(_send(place, name, layer, size))
        sizes.append(_send(place, digest(text), io.BytesIO(text), len(text)))
        content = {"schemaVersion": 2, "mediaType": MANIFESTS[0], "config": config, "layers": layers}
        manifest = Manifest(media=MANIFESTS[0], body=json.dumps(content, sort_keys=True).encode())
        put_manifest(place, place.version, manifest)
        return _summary((listing.get("RepoTags") or ("",))[0], to, manifest, [platform(json.loads(text))], sizes)


def _send(place: RegistryClient, digest: str, content: IO[bytes], size: int) -> int | None:
    if has(place, digest):
        return None
    upload(place, digest, content)
    return size


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Return a file of the archive; layers that several images share may be links."""
    try:
        file = tar.extractfile(name)
    except KeyError:
        file = None
    if file is None:
        raise ImageFailed("the engine's archive of the image cannot be read", why=f"it has no {name}")
    return file


@contextmanager
def _compress(content: IO[bytes], folder: Path) -> Iterator[tuple[IO[bytes], str, int]]:
    """Compress a layer, always to the same bytes; one that is compressed stays as it is."""
    with tempfile.TemporaryFile(dir=folder) as file:
        start = content.read(CHUNK)
        pack = partial(gzip.GzipFile, filename="", mode="wb", compresslevel=LEVEL, fileobj=file, mtime=0)
        with nullcontext(file) if start[:2] == b"\x1f\x8b" else pack() as out:
            out.write(start)
            shutil.copyfileobj(content, out, CHUNK)
        size = file.tell()
        file.seek(0)
        name = f"sha256:{files.sha256(file)}"
        file.seek(0)
        yield file, name, size
