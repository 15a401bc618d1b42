"""A base pinned by its digest, where Debian's archive is out of reach: pulled from a registry, and built and tested in."""

from __future__ import annotations

import json
import platform
import subprocess

import facts_registry
import pytest
import requests
from msgspec.structs import replace

from crosstasks import pipeline
from crosstasks.catalog.pins import pins

ALIAS = platform.machine()
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
OWN = MACHINES[ALIAS]
OTHER = next(name for name in MACHINES.values() if name != OWN)


@pytest.fixture
def base(busybox_layer, tmp_path, monkeypatch):
    """A registry with an image, for both platforms under one digest; it is what is pinned in this process."""
    with facts_registry.running(tmp_path / "registry") as address:
        name = f"{address}/library/buildpack-deps"
        for argv, given in (
            (("import", "-", f"{name}:own"), busybox_layer),
            (("push", f"{name}:own"), None),
            (("rmi", f"{name}:own"), None),
        ):
            subprocess.run(("docker", *argv), input=given, check=True, capture_output=True)
        digest = index(address, "library/buildpack-deps", "own")
        pin = replace(pins().images["base"], ref=name, digest=digest)
        monkeypatch.setitem(pins().images, "base", pin)
        yield f"{name}@{digest}"
        held = subprocess.run(("docker", "images", "--quiet", name), capture_output=True, text=True, check=True).stdout.split()
        for ref in {f"{name}@{digest}", *held} if held else ():
            subprocess.run(("docker", "rmi", ref), capture_output=True, check=False)


def index(address, name, tag):
    """Push an index of a manifest that is there, as of both platforms; return its digest."""
    place = f"http://{address}/v2/{name}"
    manifest = requests.get(f"{place}/manifests/{tag}", headers={"Accept": facts_registry.DOCKER}, timeout=5)
    entry = {"mediaType": facts_registry.DOCKER, "digest": manifest.headers["Docker-Content-Digest"], "size": len(manifest.content)}
    entries = [{**entry, "platform": {"os": "linux", "architecture": architecture}} for architecture in (OTHER, OWN)]
    body = json.dumps({"schemaVersion": 2, "mediaType": facts_registry.INDEX, "manifests": entries}).encode()
    put = requests.put(f"{place}/manifests/bookworm", data=body, headers={"Content-Type": facts_registry.INDEX}, timeout=5)
    put.raise_for_status()
    return put.headers["Docker-Content-Digest"]


def test_the_pinned_base_is_taken_where_debians_archive_is_out_of_reach(base, crate, environ):
    """It is pulled by the digest, for the engine's platform; a build and a test run in it, and the result says what was not to be had."""
    with (crate / "src" / "main.rs").open("a") as file:
        file.write(f'#[test]\nfn here() {{ assert_eq!(std::env::consts::ARCH, "{ALIAS}"); }}\n')
    # of another moment, so that no image of it was built before; the machine's own compiler stands in for that of the image
    closed = environ | {"CROSSTASKS_DEBIAN_MIRROR": "http://127.0.0.1:9/{archive}/20200101T000000Z", "CROSSTASKS_BUILDER": "cross"}
    closed |= {"CROSSTASKS_IMAGES": "mirror,bundle,build,base", "CROSS_CONTAINER_OPTS": facts_registry.USR}
    context = pipeline.start(crate, environ=closed, say=lambda _line: None)
    (built,) = pipeline.build((ALIAS,), context=context)
    assert (built.code, built.route) == (0, "cross 0.2.5, pinned base")
    assert [failure.what for failure in built.failures] == ["Debian's archive does not answer for bookworm"]
    (tested,) = pipeline.build((ALIAS,), verb="test", context=context)
    assert (tested.code, tested.route) == (0, "cross 0.2.5, pinned base")
    assert subprocess.run(("docker", "image", "inspect", base), capture_output=True, check=False).returncode == 0
