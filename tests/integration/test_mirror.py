"""Lock, mirror and outdated, against two real registries on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from facts_registry import push, running
from guarded import BASIC, PASSWORD, TOKEN, guarded

from crosstasks.catalog.remedies import find
from crosstasks.clients import registry_api
from crosstasks.core.errors import ImageFailed
from crosstasks.extras.offline import registry_copy

ARM64 = "aarch64-unknown-linux-gnu"


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    """A registry, by its address."""
    with running(tmp_path_factory.mktemp("upstream")) as address:
        yield address


@pytest.fixture(scope="module")
def there(tmp_path_factory):
    """Where the mirror keeps its files."""
    return tmp_path_factory.mktemp("mirror")


@pytest.fixture(scope="module")
def mirror(there):
    """Another registry."""
    with running(there) as address:
        yield address


def saved(architecture, content):
    """Return what ``docker save`` writes of an image of one layer."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        info = tarfile.TarInfo("hello")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    diff = f"sha256:{hashlib.sha256(layer.getvalue()).hexdigest()}"
    config = json.dumps({"architecture": architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}})
    manifest = json.dumps([{"Config": "config.json", "RepoTags": ["one:1"], "Layers": ["1/layer.tar"]}])
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for name, text in (("config.json", config.encode()), ("manifest.json", manifest.encode()), ("1/layer.tar", layer.getvalue())):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    stream.seek(0)
    return stream


@pytest.fixture
def both(upstream, tmp_path, request):
    """An image of two platforms, behind an index."""
    name = f"{upstream}/cross-rs/{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
    for architecture in ("amd64", "arm64"):
        content = f"{architecture} {name}".encode() * 1000
        registry_copy.push(saved(architecture, content), f"{name}:{architecture}", tmp_path)
        registry_copy.join(f"{name}:0.2.5", [f"{name}:{architecture}"])  # one after the other, as from two machines
    return f"{name}:0.2.5"


def served(ref):
    """Return digest and platforms as a registry itself says them, as podman's users ask."""
    told = registry_api.directly(ref, 10)
    listed = [entry["platform"]["architecture"] for entry in told["manifest"].get("manifests", [])]
    return told["digest"], listed


def blobs(folder):
    """Return the blobs in a registry's store, with their times."""
    return {path.parent.name: path.stat().st_mtime_ns for path in folder.glob("store/docker/registry/v2/blobs/sha256/*/*/data")}


def filled(crosstasks, crate, mirror, image):
    done = crosstasks("mirror", "--to", f"{mirror}/copies", "--target", "aarch64", "--format", "json", cwd=crate, CROSSTASKS_IMAGE=image)
    assert done.returncode == 0, done.stderr
    (copied,) = json.loads(done.stdout)["images"]
    return copied


def test_all_platforms_of_an_image_are_copied_with_equal_digests(both, mirror, crate, crosstasks):
    """The index, and what is behind it; both engines' ways to look see the same."""
    copied = filled(crosstasks, crate, mirror, both)
    to = f"{mirror}/copies/{both.partition('/')[2]}"
    assert (copied["to"], copied["platforms"], copied["copied"], copied["there"]) == (to, ["linux/amd64", "linux/arm64"], 4, 0)
    assert served(to) == served(both) == (copied["digest"], ["amd64", "arm64"])
    for architecture in ("amd64", "arm64"):
        subprocess.run(("docker", "pull", "--quiet", "--platform", f"linux/{architecture}", to), check=True, capture_output=True)
        held = subprocess.run(
            ("docker", "image", "inspect", "--format", "{{.Architecture}}", to), check=True, capture_output=True, text=True
        )
        assert held.stdout.strip() == architecture
        subprocess.run(("docker", "image", "rm", to), check=True, capture_output=True)


def test_the_attestations_beside_an_image_are_copied_too(upstream, mirror, crate, crosstasks):
    """Cross's own images are an index of an image and an attestation: without that the digest would be another."""
    push(upstream, "cross-rs/attested")
    copied = filled(crosstasks, crate, mirror, f"{upstream}/cross-rs/attested:0.2.5")
    assert copied["platforms"] == ["linux/amd64"]
    assert served(f"{mirror}/copies/cross-rs/attested:0.2.5") == served(f"{upstream}/cross-rs/attested:0.2.5")


def test_blobs_that_are_there_are_not_copied_again(both, there, mirror, crate, crosstasks):
    """A second time nothing is, and after a copy that was cut off only what is missing."""
    config = registry_api.directly(f"{both.rpartition(':')[0]}:arm64", 10)["manifest"]["config"]["digest"]
    to = f"{mirror}/copies/{both.partition('/')[2]}"
    here, place = registry_api.RegistryClient(both, 10), registry_api.RegistryClient(to, 10)
    body = here.get(f"blobs/{config}", "*/*").content
    registry_copy.upload(place, config, io.BytesIO(body))
    assert (filled(crosstasks, crate, mirror, both)["there"], len(blobs(there)) > 0) == (1, True)
    before = blobs(there)
    again = filled(crosstasks, crate, mirror, both)
    assert (again["copied"], again["there"], blobs(there)) == (0, 4, before)


def test_a_blob_that_is_not_what_it_says_is_not_taken(both, upstream, mirror, tmp_path_factory, tmp_path):
    """The copy fails with the reason, the tag does not come to be, and once the blob is whole the copy does."""
    layer = registry_api.directly(f"{both.rpartition(':')[0]}:arm64", 10)["manifest"]["layers"][0]["digest"].partition(":")[2]
    (path,) = tmp_path_factory.getbasetemp().glob(f"upstream0/store/docker/registry/v2/blobs/sha256/*/{layer}/data")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    to = f"{mirror}/flipped/{both.partition('/')[2]}"
    try:
        with pytest.raises(ImageFailed, match="is not what its digest says"):
            registry_copy.copy(both, to, lambda _: None)
        with pytest.raises(ImageFailed, match="is not in its registry"):
            registry_api.directly(to, 10)
    finally:
        path.write_bytes(whole)
    assert registry_copy.copy(both, to, lambda _: None).copied >= 1
    assert served(to) == served(both)


def test_a_machine_builds_from_a_mirror_that_holds_what_was_built_elsewhere(mirror, crate, crosstasks):
    """A machine that takes images from nowhere else pulls what was pushed; pushed again, nothing is copied."""
    done = crosstasks("mirror", "--to", f"{mirror}/made", "--target", "aarch64", "--format", "json", cwd=crate)
    assert done.returncode == 0, done.stderr
    (pushed,) = json.loads(done.stdout)["images"]
    layers = registry_api.directly(pushed["to"], 10)["manifest"]["layers"]
    assert (pushed["platforms"], pushed["copied"] + pushed["there"]) == (["linux/amd64"], 1 + len(layers))
    again = crosstasks("mirror", "--to", f"{mirror}/made", "--target", "aarch64", "--format", "json", cwd=crate)
    assert [(image["copied"], image["digest"]) for image in json.loads(again.stdout)["images"]] == [(0, pushed["digest"])]
    own = (crate / "crosstasks.toml").read_text()
    (crate / "crosstasks.toml").write_text(f'{own}mirror = "{mirror}/made"\nimages = ["mirror"]\nfallback = []\n')
    try:
        built = crosstasks("build", "--target", "aarch64", "--builder", "cross", "--format", "json", cwd=crate)
        assert built.returncode == 0, built.stderr
        (result,) = json.loads(built.stdout)["results"]
        assert result["route"] == "cross 0.2.5, image of the mirror"
    finally:
        subprocess.run(("docker", "image", "rm", pushed["to"]), capture_output=True, check=False)


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_a_registry_that_wants_a_log_in(both, mirror, crate, crosstasks, tmp_path, kind):
    """Docker's own is used to copy, look and ask for news; without it, or with another, that is said, and it is nowhere printed."""
    said = ""

    def call(*words, code=0, **env):
        nonlocal said
        done = crosstasks(*words, cwd=crate, **env)
        said += done.stdout + done.stderr
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    own = (crate / "crosstasks.toml").read_text()
    with guarded(mirror, kind) as door:
        there = {"DOCKER_CONFIG": door.write_log_in(tmp_path / "docker")}
        call("mirror", "--to", f"{door.address}/{kind}", "--target", "aarch64", CROSSTASKS_IMAGE=both, **there)
        assert door.refused
        ref = f"{door.address}/{kind}/{both.partition('/')[2]}"
        (crate / "crosstasks.toml").write_text(f'{own}image = "{ref}"\nfallback = []\nbuilder = "cross"\n')
        assert f"{ref} for linux/amd64" in " ".join(call("plan", "--target", "aarch64", **there).split())  # a terminal's width breaks it
        assert "for linux/amd64, linux/arm64" in call("outdated", "--target", "aarch64", "--format", "json", **there)
        for number, wrong in enumerate(
            ({"DOCKER_CONFIG": str(tmp_path)}, {"DOCKER_CONFIG": door.write_log_in(tmp_path / "old", "stale-secret")})
        ):
            other = f"{door.address}/other-{number}:1"
            told = call("plan", "--target", "aarch64", code=4, CROSSTASKS_IMAGE=other, **wrong)
            assert "registry-denied" in [row.name for row in find(told)], told
            told = call("mirror", "--to", f"{door.address}/x", "--target", "aarch64", code=9, CROSSTASKS_IMAGE=both, **wrong)
            assert "log in, or log out if an old log-in is refused" in told
    assert not [secret for secret in (PASSWORD, TOKEN, BASIC, "stale-secret") if secret in said]


def locked(crosstasks, crate, *arguments, **env):
    done = crosstasks("lock", "--target", "aarch64", *arguments, "--format", "json", cwd=crate, **env)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_a_lock_is_kept_to_checked_and_renewed(crate, crosstasks):
    """By commands that follow; the other platform's rows stay when one is renewed."""
    platforms = ("--platform", "linux/amd64", "--platform", "linux/arm64")
    code, told = locked(crosstasks, crate, *platforms)
    assert (code, set(told["lock"]["target"][ARM64])) == (0, {"linux/amd64", "linux/arm64"})
    before = (crate / "crosstasks.lock").read_text()
    assert locked(crosstasks, crate, "--check", *platforms) == (0, {"schema_version": 2, "differences": []})
    plan = crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=crate)
    assert json.loads(plan.stdout)["plans"][0]["locked"] is True
    own = (crate / "crosstasks.toml").read_text()
    (crate / "crosstasks.toml").write_text(f'{own}builder = "zigbuild"\n')
    code, told = locked(crosstasks, crate, "--check")
    different = {row["field"]: (row["locked"], row["now"]) for row in told["differences"]}
    assert (code, different["builder"], different["flavour"]) == (1, ("cross", "zigbuild"), ("0.2.5", ""))
    refused = crosstasks("build", "--target", "aarch64", cwd=crate)
    assert refused.returncode == 4
    assert "crosstasks.lock holds builder cross, and this is zigbuild" in refused.stderr
    assert (crate / "crosstasks.lock").read_text() == before
    code, told = locked(crosstasks, crate, "--update")
    rows = told["lock"]["target"][ARM64]
    assert (code, rows["linux/amd64"]["builder"], rows["linux/arm64"]["builder"]) == (0, "zigbuild", "cross")


def test_a_lock_says_what_is_not_in_it(crate, crosstasks):
    """A target that was added is a drift, and so is one that went."""
    code, _ = locked(crosstasks, crate)
    assert code == 0
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["armv7"]\n')
    done = crosstasks("lock", "--check", "--format", "json", cwd=crate)
    rows = {(row["target"], row["now"]) for row in json.loads(done.stdout)["differences"]}
    assert (done.returncode, rows) == (1, {("armv7-unknown-linux-gnueabihf", "configured"), (ARM64, "not configured")})
    both = crosstasks("lock", "--check", "--update", cwd=crate)
    assert both.returncode == 2


def test_a_moved_tag_is_not_followed_and_outdated_says_so(both, upstream, tmp_path, crate, crosstasks):
    """The plan stays at the locked digest; what is new upstream is asked for on request only, and needs the network."""
    own = (crate / "crosstasks.toml").read_text()
    rust = crate.parent / "cross"
    rust.mkdir()
    git = ("git", "-C", str(rust), "-c", "user.name=x", "-c", "user.email=x@example.org")
    for words in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message", "one")):
        subprocess.run((*git, *words), check=True)
    head = subprocess.run((*git, "rev-parse", "HEAD"), check=True, capture_output=True, text=True).stdout.strip()
    (crate / "crosstasks.toml").write_text(f'{own}image = "{both}"\ngit-url = "file://{rust}"\nfallback = []\n')
    code, told = locked(crosstasks, crate)
    assert code == 0
    digest = told["lock"]["target"][ARM64]["linux/amd64"]["digest"]
    assert (digest, told["lock"]["target"][ARM64]["linux/amd64"]["image"]) == (served(both)[0], both)

    def asked():
        done = crosstasks("outdated", "--target", "aarch64", "--format", "json", cwd=crate)
        assert done.returncode == 0, done.stderr
        return {row["what"]: row for row in json.loads(done.stdout)["rows"]}

    assert (asked()[both]["state"], asked()["cross git"]["upstream"]) == ("current", head)
    registry_copy.push(saved("amd64", b"moved"), f"{both.rpartition(':')[0]}:amd64", tmp_path)
    moved = registry_copy.join(both, [f"{both.rpartition(':')[0]}:amd64"])
    registry_copy.join(f"{both.rpartition(':')[0]}:0.2.11", [f"{both.rpartition(':')[0]}:amd64"])
    assert asked()[both]["note"] == "the tag has moved; there is 0.2.11; for linux/amd64, linux/arm64"
    assert asked()[both] | {"note": ""} == {
        "what": both,
        "targets": [ARM64],
        "current": digest,
        "upstream": moved,
        "state": "new",
        "note": "",
    }
    plan = json.loads(crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=crate).stdout)["plans"][0]
    assert plan["route"]["image"]["ref"] == f"{both.rpartition(':')[0]}@{digest}"
    refused = crosstasks("outdated", "--offline", cwd=crate)
    assert (refused.returncode, "offline = true" in refused.stderr) == (2, True)


def test_outdated_tells_of_an_image_for_this_engine(upstream, tmp_path, crate, crosstasks):
    """It was locked to another builder while there was none; and flavours are compared with those that are locked."""
    own, name = (crate / "crosstasks.toml").read_text(), f"{upstream}/cross-rs/since"
    registry_copy.push(saved("arm64", b"first"), f"{name}:arm64", tmp_path)
    registry_copy.join(f"{name}:0.2.4", [f"{name}:arm64"])
    none = crate.parent / "none"
    (crate / "crosstasks.toml").write_text(f'{own}builder = "zigbuild"\n')
    code, told = locked(crosstasks, crate)
    (crate / "crosstasks.toml").write_text(f'{own}image = "{name}:0.2.4"\nemulation = "never"\ngit-url = "file://{none}"\n')
    assert (code, told["lock"]["target"][ARM64]["linux/amd64"]["builder"]) == (0, "zigbuild")

    def asked():
        done = crosstasks("outdated", "--target", "aarch64", "--format", "json", cwd=crate)
        return {row["what"]: row for row in json.loads(done.stdout)["rows"]}

    assert (asked()[f"{name}:0.2.4"]["state"], asked()[f"{name}:0.2.4"]["note"]) == ("current", "for linux/arm64")
    registry_copy.push(saved("amd64", b"since"), f"{name}:amd64", tmp_path)
    registry_copy.join(f"{name}:0.2.4", [f"{name}:amd64"])
    row = asked()[f"{name}:0.2.4"]
    assert (row["state"], row["note"]) == ("new", "an image for linux/amd64 is there now; for linux/amd64, linux/arm64")
    assert asked()["cross git"]["state"] == "unknown"
    lock = crate / "crosstasks.lock"
    lock.write_text(lock.read_text().replace('builder = "zigbuild"', 'builder = "cross"\nflavour = "0.2.4"\nrevision = "abc"'))
    assert (asked()["cross"]["current"], asked()["cross git"]["current"]) == ("0.2.4", "abc")


def test_outdated_waits_for_nobody_longer_than_it_may(crate, crosstasks):
    """An address that swallows what is sent to it costs the time limit, once, for all questions together."""
    own = (crate / "crosstasks.toml").read_text()
    (crate / "crosstasks.toml").write_text(f'{own}image = "192.0.2.1:5000/x:1"\ngit-url = "http://192.0.2.1/x"\nnetwork-timeout = 2\n')
    begun = time.monotonic()
    done = crosstasks("outdated", "--target", "aarch64", "--format", "json", cwd=crate)
    rows = {row["what"]: row for row in json.loads(done.stdout)["rows"]}
    assert (done.returncode, rows["cross git"]["state"], rows["192.0.2.1:5000/x:1"]["state"]) == (0, "unknown", "unknown")
    assert time.monotonic() - begun < 20
    assert Path(crate).is_dir()


def test_what_cannot_be_built_here_is_left_to_a_machine_that_can(crate, crosstasks):
    """It is told, is no drift, and an error only if it is named."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64", "x86_64-pc-windows-msvc"]\nnetwork-timeout = 2\n')
    done = crosstasks("lock", "--format", "json", cwd=crate)
    assert (done.returncode, list(json.loads(done.stdout)["lock"]["target"])) == (0, [ARM64])
    assert "x86_64-pc-windows-msvc is not locked for linux/amd64: no route" in done.stderr
    assert crosstasks("lock", "--check", cwd=crate).returncode == 0
    assert crosstasks("lock", "--target", "x86_64-pc-windows-msvc", cwd=crate).returncode == 4
