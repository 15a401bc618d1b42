"""What an image is put together from, in which layers, and what the engine is given: with packages of a few bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from acting import context
from debian_archive import write_deb

from crosstasks.catalog.ingredients import Recipe
from crosstasks.catalog.recipes import BASE
from crosstasks.clients import engines
from crosstasks.clients.debian.index import Package
from crosstasks.core.errors import ImageFailed
from crosstasks.provisioning import image

ARM64 = "aarch64-unknown-linux-gnu"
FILES = {
    ("dash", "amd64"): {"./bin/dash": "dash", "./usr/bin/which": "kept"},
    ("gcc", "amd64"): {"./usr/bin/gcc": "gcc", "./usr/bin/cc": "another", "./usr/bin/mawk": "mawk"},
    ("zlib1g-dev", "arm64"): {"./usr/lib/aarch64-linux-gnu/libz.so": "libz", "./usr/bin/zlib-flate": "foreign", "./etc/zlib": "foreign"},
    ("qemu-user-static", "amd64"): {"./usr/bin/qemu-aarch64": "qemu", "./usr/bin/qemu-arm": "another", "./usr/share/q": "q"},
    ("ca-certificates", "all"): {
        "./usr/share/ca-certificates/mozilla/b.crt": "B",
        "./usr/share/ca-certificates/mozilla/a.crt": "A",
        "./usr/share/ca-certificates/other/c.crt": "C",
        "./usr/share/ca-certificates/mozilla/notes": "N",
    },
    ("libasan8", "amd64"): {"./usr/lib/libasan.so.8": "asan"},
}


def package(name, architecture="amd64", size=10):
    """Return a package of the archive."""
    file = f"{name}_1_{architecture}.deb"
    return Package(name=name, version="1", architecture=architecture, url="", size=size, digest="", file=file)


class Archive:
    """An archive whose packages depend on what a table says, and are made when they are fetched."""

    def __init__(self, folder, depends):
        """Have nothing fetched yet."""
        self.folder, self.depends, self.updated, self.fetched = folder, depends, [], []

    def update(self, architectures):
        """Note whose lists are read."""
        self.updated = architectures

    def closure(self, names, architecture):
        """Return the packages of some names, and what they depend on."""
        names = [name.partition(":")[0] for name in names]
        names += [other for name in names for other in self.depends.get((name, architecture), ())]
        rows = (row if isinstance(row, tuple) else (row, architecture) for row in dict.fromkeys(names))
        return tuple(package(*row) for row in rows)

    def single(self, name, architecture):
        """Return one package."""
        return package(name, architecture)

    def fetch(self, packages):
        """Make the files of packages."""
        self.fetched += [one.name for one in packages]
        return tuple(write_deb(self.folder / one.file, FILES[one.name, one.architecture]) for one in packages)

    def fetch_each(self, groups):
        """Make those of each group, when it is asked for."""
        return (self.fetch(group) for group in groups)


def recipe(**changes):
    """Return what an image for arm64 is made of."""
    ready = {
        "tag": "localhost/crosstasks/a:1",
        "target": ARM64,
        "platform": "linux/amd64",
        "suite": "bookworm",
        "architecture": "amd64",
        "base": ("dash",),
        "packages": ("gcc", "zlib1g-dev:arm64", "qemu-user-static"),
        "emulator": "aarch64",
        "env": {"CC": "gcc"},
        "links": {"usr/bin/mawk": "other-awk"},
        "glibc": "2.36",
    }
    return Recipe(**{**ready, **changes})


@pytest.fixture
def loaded(monkeypatch):
    """Keep the archives that engines are given; they hold no image."""
    loaded = []
    monkeypatch.setattr(engines, "inspect", lambda _engine, refs: loaded.append(refs) or ())
    monkeypatch.setattr(engines, "load", lambda engine, chunks: loaded.append((engine, b"".join(chunks))))
    return loaded


def layers_of(content):
    """Return the configuration of an image, and its layers from below: what each path holds or leads to."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        (manifest,) = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(manifest["Config"]))
        packed = [tar.extractfile(name).read() for name in manifest["Layers"]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in packed]
    contents = []
    for layer in packed:
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            contents.append({one.name: tar.extractfile(one).read().decode() if one.isreg() else one.linkname for one in tar})
    return manifest, config, contents


def test_an_image_is_put_together_and_loaded(tmp_path, loaded):
    """From below: what all targets share, what is linked against, tools, the emulator, and what maintainer scripts would make."""
    spawn = tmp_path / "spawn.c"
    spawn.write_text("int main;")
    archive, lines = Archive(tmp_path, {("gcc", "amd64"): ["libasan8"]}), []
    image.build(recipe(), engine="docker", folder=tmp_path / "images", archive=archive, spawn=(spawn,), say=lines.append)
    assert ["amd64", "arm64"] == archive.updated
    assert "libasan8" not in archive.fetched
    assert ["building localhost/crosstasks/a:1 from 5 packages, 0 MB", "loading localhost/crosstasks/a:1 into the engine, 0 MB"] == lines
    refs, (engine, content) = loaded
    manifest, config, (base, libraries, tools, emulator, last) = layers_of(content)
    assert (("localhost/crosstasks/a:1",), "docker", ["localhost/crosstasks/a:1"]) == (refs, engine, manifest["RepoTags"])
    assert {"usr/bin/dash": "dash", "usr/bin/which": "kept"} == base
    assert {"usr/lib/aarch64-linux-gnu/libz.so": "libz"} == libraries
    assert {"usr/bin/gcc": "gcc", "usr/bin/cc": "another"} == tools
    assert {"usr/bin/qemu-aarch64": "qemu"} == emulator
    links = {"bin": "usr/bin", "usr/bin/sh": "dash", "usr/bin/mawk": "other-awk", "usr/bin/qemu-aarch64-static": "qemu-aarch64"}
    assert links == {name: last[name] for name in links}
    assert not {"usr/bin/cc", "usr/bin/c++", "usr/bin/which"} & set(last)
    assert ("AB", "int main;") == (last["etc/ssl/certs/ca-certificates.crt"], last[f"{image.SPAWN.lstrip('/')}/spawn.c"])
    assert ("amd64", "linux", ["CC=gcc"]) == (config["architecture"], config["os"], config["config"]["Env"])
    labels = config["config"]["Labels"]
    assert (ARM64, "2.36") == (labels["crosstasks.target"], labels["crosstasks.glibc"])
    assert [] == list((tmp_path / "images").glob("*.tmp"))


def test_the_same_packages_make_the_same_image(tmp_path, loaded):
    """Byte for byte; another emulator makes another image with the same compilers, and one that is held is not made again."""
    for name in ("one", "two"):
        image.build(recipe(), engine="docker", folder=tmp_path / name, archive=Archive(tmp_path, {}), spawn=(), say=str)
    lean = recipe(packages=("gcc", "zlib1g-dev:arm64"), emulator="")
    image.build(lean, engine="docker", folder=tmp_path, archive=Archive(tmp_path, {}), spawn=(Path("/absent"),), say=str)
    first, second, third = (content for _, content in loaded[1::2])
    assert first == second
    labels, others = (layers_of(content)[1]["config"]["Labels"] for content in (first, third))
    assert labels["crosstasks.compilers"] == others["crosstasks.compilers"]
    assert labels["crosstasks.packages"] != others["crosstasks.packages"]


class Holding:
    """An engine that holds an image of the layers that it was given last, and may have lost one by the next."""

    def __init__(self, *, loses):
        """Hold nothing yet."""
        self.loses, self.given, self.layers = loses, [], []

    def load(self, _engine, chunks):
        """Take an archive: what it brings, and what it says of layers."""
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            (manifest,) = json.load(tar.extractfile("manifest.json"))
            diff_ids = json.load(tar.extractfile(manifest["Config"]))["rootfs"]["diff_ids"]
            brought = [f"sha256:{name.partition('/')[0]}" for name in tar.getnames() if name.endswith("layer.tar")]
        self.given.append(brought)
        if self.loses and len(brought) < len(diff_ids):
            raise ImageFailed("no such file")
        self.layers = diff_ids

    def images(self, label):
        """Return what it holds of ours, as `image inspect` does."""
        assert label == "crosstasks.image"
        return [{"RootFS": {"Layers": rows}} for rows in ([], ["sha256:another", *self.layers[1:]], self.layers)]


OTHER = recipe(packages=("gcc",), emulator="", tag="crosstasks/b:1")


@pytest.fixture
def build(tmp_path, monkeypatch):
    """Make images for an engine; it tells what that was given, which packages were fetched, and what was said."""

    def call(held, *recipes, **options):
        monkeypatch.setattr(engines, "inspect", lambda _engine, _refs: ())
        monkeypatch.setattr(engines, "load", held.load)
        monkeypatch.setattr(engines.EngineClient, "images", lambda _client, label: held.images(label))
        archive, lines = Archive(tmp_path, {}), []
        for one in recipes:
            image.build(one, engine="docker", folder=tmp_path / "images", archive=archive, spawn=(), say=lines.append, **options)
        return archive.fetched, lines

    return call


@pytest.mark.parametrize("loses", [False, True])
def test_what_the_engine_holds_is_not_made_again(build, loses):
    """Another target shares the layer below, whose packages are not fetched; one that the engine will not do without is made after all."""
    held, whole = Holding(loses=loses), Holding(loses=False)
    build(held, recipe(), shares_layers=True)
    first = held.layers
    fetched, lines = build(held, OTHER, shares_layers=True)
    build(whole, OTHER)
    assert (whole.layers, first[0]) == (held.layers, whole.layers[0])
    assert [first, whole.layers[1:], *([whole.layers] if loses else [])] == held.given
    assert ["ca-certificates", "gcc", *(["dash"] if loses else [])] == fetched
    assert lines[0] == "building crosstasks/b:1 from 2 packages, 0 MB, on 1 layer that the engine holds"


@pytest.mark.parametrize("kept", ["", "{}", '{"size": 1, "digest": 1, "programs": []}'])
def test_a_record_of_a_layer_that_cannot_be_read_is_none(tmp_path, build, kept):
    """The layer is made."""
    held = Holding(loses=False)
    build(held, recipe(), shares_layers=True)
    for record in (tmp_path / "images" / image.LAYERS).iterdir():
        record.write_text(kept)
    build(held, OTHER, shares_layers=True)
    assert held.layers == held.given[1]


def test_an_image_that_is_there_is_not_made(tmp_path, monkeypatch):
    """Another call may have made it while this one waited for the lock."""
    monkeypatch.setattr(engines, "inspect", lambda *_arguments: ({"Id": "1"},))
    archive = Archive(tmp_path, {})
    image.build(recipe(), engine="docker", folder=tmp_path / "images", archive=archive, spawn=(), say=str)
    assert ([], []) == (archive.updated, archive.fetched)


def test_a_library_for_the_target_brings_no_second_libc(tmp_path):
    """The cross compiler has one of its own; what is for all architectures, and there already, is taken once; a sanitizer only if it is asked for."""
    depends = {
        ("gcc", "amd64"): ["libc6-arm64-cross", ("tzdata", "all"), "libasan8"],
        ("zlib1g-dev", "arm64"): ["libc6", ("tzdata", "all"), "zlib1g"],
    }
    for asked, tops in (
        (("gcc",), ["gcc", "libc6-arm64-cross", "tzdata"]),
        (("gcc", "libasan8"), ["gcc", "libasan8", "libc6-arm64-cross", "tzdata"]),
    ):
        base, top, _ = image.packages(recipe(packages=(*asked, "zlib1g-dev:arm64")), Archive(tmp_path, depends))
        assert (["dash"], [*tops, "zlib1g-dev", "zlib1g"]) == ([one.name for one in base], [one.name for one in top])


def test_what_runs_programs_comes_last(tmp_path):
    """With all that it depends on, but for what compiles as well: the layers below are those of the image without it."""
    depends = {("gcc", "amd64"): ["zlib1g"], ("wine64", "amd64"): ["libwine", "zlib1g"]}
    packages = image.packages(recipe(packages=("gcc", "wine64"), emulator="wine"), Archive(tmp_path, depends))
    assert (["dash"], ["gcc", "zlib1g"], ["wine64", "libwine"]) == tuple([one.name for one in part] for part in packages)


def test_packages_make_layers_of_a_few_seconds_each():
    """In their order, until there are enough bytes; what is left makes the last."""
    rows = [package(str(number), size=size) for number, size in enumerate((10_000_000, 20_000_000, 30_000_000, 5))]
    assert [("0", "1"), ("2",), ("3",)] == [tuple(one.name for one in group) for group in image.groups(rows)]
    assert [] == list(image.groups(()))


@pytest.mark.parametrize(("base", "spawn"), [(BASE, True), (("busybox-static",), False)])
def test_an_image_that_builds_keeps_what_lets_programs_start_others(tmp_path, monkeypatch, base, spawn):
    """One that only emulates does not; it is made of the suite's archive, in our cache."""
    calls = []
    monkeypatch.setattr(image, "build", lambda *arguments, **options: calls.append((arguments, options)))
    call = context(tmp_path)
    image.provide(recipe(base=base), call)
    (((wanted,), options),) = calls
    assert (recipe(base=base), "/usr/bin/docker", call.cache / "images") == (wanted, options["engine"], options["folder"])
    assert ("bookworm", spawn) == (options["archive"].suite, all(path.is_file() for path in options["spawn"]) and bool(options["spawn"]))
