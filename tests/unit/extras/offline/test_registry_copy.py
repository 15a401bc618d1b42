"""Images that go from registry to registry, or from an engine into one: what is sent, in which order, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import pytest
from registry_server import INDEX, MANIFEST, Servers, sha256

from crosstasks.core.errors import ImageFailed
from crosstasks.extras.offline import registry_copy
from crosstasks.extras.offline.registry_copy import CONFIG, LAYER, Copy

HERE, THERE = "a.example/v2/x", "b.example/v2/mirror/x"
SOURCE, TO = "a.example/x:1", "b.example/mirror/x:1"
ARM64 = b'{"os": "linux", "architecture": "arm64"}'
AMD64 = b'{"os": "linux", "architecture": "amd64"}'


@pytest.fixture
def servers(monkeypatch, tmp_path):
    """An image of two platforms that share a layer, with an attestation, is in one registry."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    servers = Servers(monkeypatch)
    plain = [servers.put_image(HERE, arch, b"shared", arch.encode(), architecture=arch) for arch in ("arm64", "amd64")]
    attestation = servers.put_image(HERE, "attestation", b"in-toto", architecture="unknown")
    servers.top = servers.put(HERE, "1", {"manifests": [*plain, attestation]}, INDEX)
    return servers


def sent(servers):
    """Return what was put into the second registry: blobs by that word, manifests by their names."""
    paths = [url for method, url, _ in servers.calls if method == "PUT" and url.startswith(f"https://{THERE}")]
    return ["blob" if "/uploads/" in path else path.rpartition("/")[2] for path in paths]


def failure(act, *arguments):
    """Return the words of the failure that an image ends in."""
    with pytest.raises(ImageFailed) as raised:
        act(*arguments)
    return raised.value.what, raised.value.why


def test_an_image_is_copied_once_and_whole(servers):
    """Every platform and the attestation; blobs before what names them, and the tag last; a second copy asks, and sends nothing."""
    lines = []
    blobs = (b"shared", b"arm64", b"amd64", b"in-toto", ARM64, AMD64, ARM64.replace(b"arm64", b"unknown"))
    done = Copy(source=SOURCE, to=TO, digest=servers.top["digest"], platforms=("linux/arm64", "linux/amd64"))
    size = sum(map(len, blobs))
    assert registry_copy.copy(SOURCE, TO, lines.append) == Copy(**{**_fields(done), "copied": 7, "size": size})
    assert [f"copying {SOURCE} to {TO}"] == lines
    listed = [entry["digest"] for entry in json.loads(servers.manifests[f"{HERE}/manifests/1"][1])["manifests"]]
    assert [*["blob"] * 7, *listed, "1"] == sent(servers)
    copied = {key.replace(HERE, THERE): row for key, row in servers.manifests.items() if "sha256:" in key or key.endswith("/1")}
    assert copied == {key: row for key, row in servers.manifests.items() if key.startswith(THERE)}
    servers.calls.clear()
    assert registry_copy.copy(SOURCE, TO, lines.append) == Copy(**{**_fields(done), "there": 7})
    assert [] == sent(servers)
    assert 1 == len(lines)


def _fields(value):
    return {name: getattr(value, name) for name in value.__struct_fields__}


def test_what_is_there_is_not_copied_again(servers):
    """Nor is a layer that a manifest has only an address of; a plain image's configuration tells its platform."""
    servers.put_blob(THERE, b"shared")
    entry = servers.put_image(HERE, "2", b"shared", b"new")
    foreign = {"digest": "sha256:0", "size": 1, "urls": ["https://elsewhere.example/layer"]}
    manifest = json.loads(servers.manifests[f"{HERE}/manifests/2"][1])
    entry = servers.put(HERE, "2", {**manifest, "layers": [*manifest["layers"], foreign]})
    assert registry_copy.copy("a.example/x:2", TO, lambda _line: None) == Copy(
        source="a.example/x:2",
        to=TO,
        digest=entry["digest"],
        platforms=("linux/amd64",),
        copied=2,
        there=1,
        size=len(AMD64) + len(b"new"),
    )
    assert ["blob", "blob", "1"] == sent(servers)


def test_an_image_that_lost_a_manifest_is_copied_again(servers):
    """The tag alone does not say that all behind it is there."""
    registry_copy.copy(SOURCE, TO, lambda _line: None)
    lost = next(key for key in servers.manifests if key.startswith(f"{THERE}/manifests/sha256:") and servers.top["digest"] not in key)
    del servers.manifests[lost]
    servers.calls.clear()
    assert (0, 7) == ((done := registry_copy.copy(SOURCE, TO, lambda _line: None)).copied, done.there)
    assert lost in servers.manifests


LAYER_AT = f"https://{HERE}/blobs/{sha256(b'shared')}"
START = f"https://{THERE}/blobs/uploads/"


@pytest.mark.parametrize(
    ("url", "answer", "what", "why"),
    [
        (LAYER_AT, (200, {}, b"sha"), "a.example/x:1 was cut off", f"3 of the 6 bytes of {sha256(b'shared')} did not come"),
        # what urllib3 has read of a piece that breaks off it gives to nobody
        (LAYER_AT, (200, {"Content-Length": "6"}, b"sha"), "a.example/x:1 was cut off", f"6 of the 6 bytes of {sha256(b'shared')} did not come"),
        (LAYER_AT, (200, {}, b"SHARED"), "a.example/x:1 is not what its digest says", f"{sha256(b'shared')} was named, and {sha256(b'SHARED')} came"),
        (LAYER_AT, (404, {}, b""), "a.example/x:1 is not in its registry", ""),
        (START, (405, {}, b""), f"{SOURCE} -> {TO} could not be looked up", f"405 Client Error: None for url: {START}"),
        (START, (202, {}, b""), f"{SOURCE} -> {TO} could not be looked up", "'location'"),
        (
            f"https://{HERE}/manifests/1",
            (200, {"Content-Type": "application/vnd.docker.distribution.manifest.v1+json"}, b"{}"),
            "a.example/x:1 is no image that can be copied",
            "its manifest is application/vnd.docker.distribution.manifest.v1+json",
        ),
        (f"https://{HERE}/manifests/1", (200, {}, b"{}"), "a.example/x:1 is no image that can be copied", "its manifest is of no kind"),
    ],
)  # fmt: skip
def test_a_copy_that_fails_leaves_no_tag(servers, url, answer, what, why):
    """Whatever a registry sends instead of what it named, nothing can be pulled by the new name."""
    servers.answers[url] = answer
    assert (what, why) == failure(registry_copy.copy, SOURCE, TO, lambda _line: None)
    assert f"{THERE}/manifests/1" not in servers.manifests


def test_a_registry_that_changes_a_manifest(servers):
    """A digest that is another than what was sent is a failure: its lock would name what nobody has."""
    servers.answers[f"https://{THERE}/manifests/1"] = [None, (201, {"Docker-Content-Digest": "sha256:00"}, b"")]
    assert (f"{TO} was changed on its way", f"{servers.top['digest']} became sha256:00") == failure(
        registry_copy.copy, SOURCE, TO, lambda _line: None
    )


def test_what_is_under_a_reference(servers):
    """A plain image is known by its configuration; another is none of ours, nor is an index, or nothing."""
    entry = servers.put_image(HERE, "2", b"one", b"two")
    done = Copy(source="x", to="a.example/x:2", digest=entry["digest"], platforms=("linux/amd64",), there=3)
    assert done == registry_copy.find("x", "a.example/x:2", sha256(AMD64), ("linux/amd64",))
    others = (("a.example/x:2", ARM64), (SOURCE, AMD64), ("a.example/x:absent", AMD64))
    assert [None] * 3 == [registry_copy.find("x", ref, sha256(config), ()) for ref, config in others]


def test_plain_images_are_joined_behind_one_reference(servers):
    """A platform that comes anew takes the place of its old image; the others stay, and all are in one order."""
    old = servers.put_image(THERE, "old", b"old")
    servers.put(THERE, "all", {"manifests": [old, servers.put_image(THERE, "s390x", architecture="s390x")]}, INDEX)
    for arch in ("arm64", "amd64"):
        servers.put_image(THERE, f"1-{arch}", arch.encode(), architecture=arch)
    digest = registry_copy.join("b.example/mirror/x:all", [f"b.example/mirror/x:1-{arch}" for arch in ("arm64", "amd64")])
    media, body = servers.manifests[f"{THERE}/manifests/all"]
    assert (INDEX, sha256(body)) == (media, digest)
    named = {
        arch: servers.manifests[f"{THERE}/manifests/{tag}"][1]
        for arch, tag in (("amd64", "1-amd64"), ("arm64", "1-arm64"), ("s390x", "s390x"))
    }
    assert json.loads(body) == {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {"mediaType": MANIFEST, "digest": sha256(text), "size": len(text), "platform": {"os": "linux", "architecture": arch}}
            for arch, text in named.items()
        ],
    }
    assert digest == registry_copy.join("b.example/mirror/x:all", ["b.example/mirror/x:1-arm64"])


def saved(members, tags=("x:1",)):
    """Return an archive as ``docker save`` writes it."""
    file = io.BytesIO()
    listing = [{"Config": "config.json", "RepoTags": tags, "Layers": ["one/layer.tar", "two/layer.tar"]}]
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in {"manifest.json": json.dumps(listing).encode(), **members}.items():
            row = tarfile.TarInfo(name)
            row.size = len(content)
            tar.addfile(row, io.BytesIO(content))
    file.seek(0)
    return file


def test_an_image_of_the_engine_is_pushed_the_same_each_time(servers, tmp_path):
    """Layers are compressed without a date, and those that are stay as they are: the second time nothing is sent but the manifest."""
    packed = gzip.compress(b"two")
    members = {"config.json": ARM64, "one/layer.tar": b"one", "two/layer.tar": packed}
    done = registry_copy.push(saved(members), TO, tmp_path)
    manifest = json.loads(servers.manifests[f"{THERE}/manifests/1"][1])
    first = servers.blobs[f"{THERE}/blobs/{manifest['layers'][0]['digest']}"]
    assert (b"one", bytes(4)) == (gzip.decompress(first), first[4:8])
    assert manifest == {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": sha256(ARM64), "size": len(ARM64)},
        "layers": [{"mediaType": LAYER, "digest": sha256(blob), "size": len(blob)} for blob in (first, packed)],
    }
    size = len(first) + len(packed) + len(ARM64)
    assert done == Copy(source="x:1", to=TO, digest=done.digest, platforms=("linux/arm64",), copied=3, size=size)
    assert ["blob", "blob", "blob", "1"] == sent(servers)
    again = registry_copy.push(saved(members, tags=None), TO, tmp_path)
    assert again == Copy(source="", to=TO, digest=done.digest, platforms=("linux/arm64",), there=3)
    assert ["blob", "blob", "blob", "1", "1"] == sent(servers)


@pytest.mark.parametrize("lost", ["config.json", "two/layer.tar"])
def test_an_archive_that_lacks_a_part(servers, tmp_path, lost):
    """It is named, and no tag is put."""
    members = {"config.json": ARM64, "one/layer.tar": b"one", "two/layer.tar": b"two"}
    del members[lost]
    what = "the engine's archive of the image cannot be read"
    assert (what, f"it has no {lost}") == failure(registry_copy.push, saved(members), TO, tmp_path)
    assert f"{THERE}/manifests/1" not in servers.manifests
