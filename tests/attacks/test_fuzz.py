"""Parsers of text that others write: whatever it is, they end in a value or in an error of ours.

``FUZZ_SECONDS=300`` lets all together run as long as that (`nox -s fuzz`); without it, each is given some hundred texts.
"""

from __future__ import annotations

import contextlib
import functools
import io
import json
import lzma
import os
import random
import tarfile
import time
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstasks.building import dependencies
from crosstasks.building.artifacts import Messages
from crosstasks.catalog import remedies
from crosstasks.clients import registry_api
from crosstasks.clients.debian import deb, fetch, index, release, resolve
from crosstasks.core.errors import CrosstasksError
from crosstasks.core.looking import Look
from crosstasks.core.steps import Done
from crosstasks.extras.offline import bundle
from crosstasks.facts import engine, lock, registry, rustup
from crosstasks.project import cargo_config, manifest, repository
from crosstasks.verifying import verify

UNIT = Path(__file__).parents[1] / "unit" / "data"
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0")) / 18
"""For each of the tests below."""

OURS = (CrosstasksError, OSError)
"""What may end a look: our own words, and a file that cannot be read."""


def corpus(*patterns):
    """Real files, as engines, registries, cargo and compilers wrote them."""
    found = sorted({path for pattern in patterns for path in UNIT.glob(pattern) if path.is_file()})
    assert found, patterns
    return [path.read_bytes() for path in found][:60]


def broken(seeds):
    """Real files with parts cut, doubled, flipped and swapped; and plain bytes."""

    def spoil(seed, number):
        chance = random.Random(number)  # noqa: S311  # nothing is kept secret by it
        data = bytearray(seed[:20_000])
        for _ in range(chance.randrange(1, 8)):
            if not data:
                break
            start, size = chance.randrange(len(data)), chance.randrange(1, 40)
            match chance.randrange(4):
                case 0:
                    del data[start : start + size]
                case 1:
                    data[start:start] = data[start : start + size] * chance.randrange(1, 5)
                case 2:
                    data[start] ^= 1 << chance.randrange(8)
                case _:
                    data[start : start + size] = chance.choice((b"null", b"[]", b"{}", b"-1", b'"x"', b"1e999", b"\xff", b"[" * 5000))
        return bytes(data)

    return st.one_of(st.binary(max_size=300), st.builds(spoil, st.sampled_from(seeds), st.integers(0, 2**32)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def reshaped(seeds):
    """JSON of real answers, with a value somewhere that is another kind of value."""
    documents = []
    for seed in seeds:
        try:
            documents.append(json.loads(seed))
        except ValueError:
            continue
    assert documents

    def reshape(document, path, value):
        made = json.loads(json.dumps(document))
        place, key = None, None
        for number in path:
            here = made if place is None else place[key]
            if not isinstance(here, dict | list) or not here:
                break
            place, key = here, list(here)[number % len(here)] if isinstance(here, dict) else number % len(here)
        if place is None:
            return value
        place[key] = value
        return made

    return st.builds(reshape, st.sampled_from(documents), st.lists(st.integers(0, 50), min_size=1, max_size=6), JSON)


few = settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def fuzz(test):
    """Run a test once, and then, with other texts each time, until its seconds are over."""
    once = few(test)

    @functools.wraps(once)
    def call(**fixtures):
        begun = time.monotonic()
        while True:
            once(**fixtures)
            if time.monotonic() - begun >= SECONDS:
                break

    return call


@fuzz
@given(data=broken(corpus("cargo/*")))
def test_messages_of_cargo(data):
    """They come from a container."""
    messages = Messages(lambda _line: None)
    messages.feed(data)
    messages.result()


@fuzz
@given(data=broken(corpus("programs/*", "elf/*")))
def test_programs(data, tmp_path):
    """Headers of ELF, PE, Mach-O, WebAssembly and archives."""
    path = tmp_path / "program"
    path.write_bytes(data)
    with contextlib.suppress(OURS):
        verify.inspect(path)


MANIFEST = b'[package]\nname = "a"\nversion = "1"\n[workspace]\nmembers = ["b", "c/*"]\n[dependencies]\nd = { path = "../d" }\n[[bin]]\nname = "e"\n'
CROSS = b'[build]\nenv = { volumes = ["A"], passthrough = ["B"] }\n[target.aarch64-unknown-linux-gnu]\nimage = { name = "x" }\n'


@fuzz
@given(data=broken([MANIFEST, CROSS, MANIFEST + CROSS]))
def test_files_of_the_repository(data, tmp_path):
    """Cargo.toml with what it says for cross, and Cross.toml."""
    (tmp_path / "Cargo.toml").write_bytes(data)
    (tmp_path / "Cross.toml").write_bytes(data)
    with contextlib.suppress(OURS):
        repository.cross_toml(manifest.read(tmp_path / "Cargo.toml"), {})


VALUES = st.sampled_from(["3", '"x"', "[]", "[1]", "{}", "true", "[[1]]", "{ a = 1 }", "1979-05-27"])
KEYS = ("package", "workspace", "workspace.members", "dependencies", "dependencies.d", "dependencies.d.path", "bin", "lib", "package.name")
CROSS_KEYS = ("build", "target", "build.env", "build.env.volumes", "target.aarch64-unknown-linux-gnu.image", "build.pre-build")


@fuzz
@given(key=st.sampled_from([*KEYS, *(f"workspace.metadata.cross.{key}" for key in CROSS_KEYS), "package.version"]), value=VALUES)
def test_values_of_another_kind_in_a_manifest(key, value, tmp_path):
    """A list where a table belongs, a number where a name does."""
    (tmp_path / "Cargo.toml").write_text(f"{key} = {value}\n")
    with contextlib.suppress(OURS):
        repository.cross_toml(manifest.read(tmp_path / "Cargo.toml"), {})


@fuzz
@given(key=st.sampled_from(["toolchain", "toolchain.channel", "toolchain.targets", "toolchain.components", "x"]), value=VALUES)
def test_toolchain_files(key, value):
    """In the form of TOML, and in the old one."""
    manifest.parse_toolchain_file("rust-toolchain.toml", f"{key} = {value}\n")
    manifest.parse_toolchain_file("rust-toolchain", value)


@fuzz
@given(answer=reshaped(corpus("docker/*", "podman/*")))
def test_answers_of_engines(answer):
    """Of what an engine tells of its images."""
    text = json.dumps(answer)
    with contextlib.suppress(OURS):
        engine.parse_image("x", Done(argv=(), code=0, out=text))


@fuzz
@given(answer=reshaped(corpus("registry/*")))
def test_answers_of_registries(answer):
    """Of manifests and indexes."""
    with contextlib.suppress(OURS):
        registry.parse("x/y:1", answer)


@fuzz
@given(answer=reshaped([json.dumps({"workspace_root": "/a", "target_directory": "/t", "packages": []}).encode()]))
def test_metadata_of_cargo(answer):
    """What cargo says of a workspace."""
    repository.parse_metadata(Done(argv=(), code=0, out=json.dumps(answer)))


def look_of(folder, answers):
    """What looking needs, where every program prints the next of some answers."""

    def run(argv, **_options):
        return Done(argv=tuple(argv), code=0, out=json.dumps(next(answers, {})))

    return Look(run=run, environ={}, cwd=folder, cache=folder / "cache", home=folder)


@fuzz
@given(version=reshaped(corpus("docker/version*", "podman/version*", "nerdctl/version*")), info=reshaped(corpus("*/info*.json")))
def test_what_engines_say_of_themselves(version, info, tmp_path):
    """Docker's, Podman's and nerdctl's `version` and `info`."""
    for answers in ([version, info, info], [version, {**info, "ServerVersion": "1"} if isinstance(info, dict) else info]):
        look = look_of(tmp_path, iter(answers))
        with contextlib.suppress(OURS):
            engine.read(look, "/bin/docker")


LOCK = b'version = 1\n[target.a.linux]\nbuilder = "cross"\ntoolchain = "1"\nflavour = "0.2.5"\nimage = "x"\n'
CARGO_LOCK = (
    b'version = 3\n[[package]]\nname = "a"\nversion = "1.0.0"\nsource = "registry+https://x"\nchecksum = "0a"\ndependencies = ["b"]\n'
)


@fuzz
@given(ours=broken([LOCK]), cargos=broken([CARGO_LOCK]))
def test_locks(ours, cargos, tmp_path):
    """Ours, and cargo's with what it keeps of crates."""
    (tmp_path / "crosstasks.lock").write_bytes(ours)
    (tmp_path / "Cargo.lock").write_bytes(cargos)
    with contextlib.suppress(OURS):
        lock.read(tmp_path / "crosstasks.lock")
    with contextlib.suppress(OURS):
        dependencies.check(tmp_path / "Cargo.lock", tmp_path)


CARGO = b'[build]\nrustflags = ["-a"]\ntarget-dir = "b"\n[target.aarch64-unknown-linux-gnu]\nlinker = "c"\nrunner = ["d", "e"]\n'


@fuzz
@given(data=broken([CARGO]), key=st.sampled_from(["build", "target", "target.a", "target.a.runner", "build.rustflags"]), value=VALUES)
def test_configurations_of_cargo(data, key, value, tmp_path):
    """Broken, and with values of another kind."""
    (tmp_path / ".cargo").mkdir(exist_ok=True)
    for text in (data, f"{key} = {value}\n".encode()):
        (tmp_path / ".cargo" / "config.toml").write_bytes(text)
        with contextlib.suppress(OURS):
            cargo_config.ask(look_of(tmp_path, iter(())))


PACKAGES = b"""Package: a
Version: 1.0-1
Architecture: amd64
Depends: b (>= 1), c | d:any
Provides: e (= 1), f
Filename: pool/a.deb
Size: 12
SHA256: 00

Package: b
Version: 1:2~3
Architecture: all
Size: 1
SHA256: 11

"""
RELEASE = b"""Suite: stable
Codename: bookworm
Date: Sat, 01 Nov 2026 10:00:00 UTC
Valid-Until: Sat, 08 Nov 2026 10:00:00 UTC
Architectures: all amd64
SHA256:
 00 12 main/binary-amd64/Packages.xz
 11 34 main/binary-amd64/Packages
"""


@fuzz
@given(data=broken([PACKAGES]))
def test_lists_of_debian(data):
    """As an index is made of them, and asked."""
    with contextlib.suppress(OURS):
        made = index.Index(b"".join(sorted(index.lines(index.blocks([data])))))
        for name in ("a", "b", "e"):
            for stanza in made.packages(name):
                resolve.relations(stanza.depends)
            list(made.providers(name))


@fuzz
@given(data=broken([RELEASE]))
def test_what_debian_signs(data):
    """Its Release file; and one that is not signed at all."""
    with contextlib.suppress(OURS):
        release.read(data.decode(errors="replace"), "here")
    with contextlib.suppress(OURS):
        release.signed_text(data, [], "here")


@fuzz
@given(data=broken([b"deb [arch=amd64] http://a/debian stable main\n", b"Types: deb\nURIs: http://a/debian\nSuites: stable\n"]))
def test_sources_of_apt(data, tmp_path):
    """Of both forms."""
    (tmp_path / "sources.list").write_bytes(data)
    fetch.of_apt(tmp_path)


def tarred(packing):
    """An archive with a file, a folder and a link."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=packing) as tar:
        for name, kind in (("a", tarfile.DIRTYPE), ("a/b", tarfile.REGTYPE), ("a/c", tarfile.SYMTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, "b", 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(entry, io.BytesIO(b"text"))
    return stream.getvalue()


def package():
    """A package of Debian's form."""
    parts = {"debian-binary": b"2.0\n", "data.tar.xz": lzma.compress(tarred("w"))}
    return b"!<arch>\n" + b"".join(
        f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(part):<10}`\n".encode() + part + b"\n" * (len(part) % 2)
        for name, part in parts.items()
    )


@fuzz
@given(packed=broken([tarred("w:gz")]), plain=broken([tarred("w")]), debs=broken([package()]))
def test_archives(packed, plain, debs, tmp_path_factory):
    """Bundles, what is in them, and packages of Debian."""
    folder = tmp_path_factory.mktemp("archives")
    (folder / "bundle").write_bytes(plain)
    (folder / "deb").write_bytes(debs)
    with contextlib.suppress(OURS), bundle.reader(folder / "bundle"):
        pass
    with contextlib.suppress(OURS):
        bundle.unpack(io.BytesIO(packed), folder, "bundle")
    with contextlib.suppress(OURS):
        for _, content in deb.members(folder / "deb"):
            _ = content and content.read()


LOG_INS = json.dumps({"auths": {"127.0.0.1:9": {"auth": "YTpi"}}, "credHelpers": {"x": "none"}, "HttpHeaders": {"a": "b"}}).encode()


@fuzz
@given(content=reshaped([LOG_INS]))
def test_log_ins_of_docker(content, tmp_path):
    """The user's own file of them."""
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(OURS):
        patch.setenv("DOCKER_CONFIG", str(tmp_path))
        registry_api.basic("127.0.0.1:9")


CHANNEL = b"""manifest-version = "2"
date = "2026-11-01"
[pkg.rust]
version = "1.99.1 (abc 2026-11-01)"
[pkg.rust-std.target.aarch64-unknown-linux-gnu]
available = true
"""


@fuzz
@given(data=broken([CHANNEL]))
def test_channels_of_rust(data):
    """A server's manifest."""
    text = data.decode(errors="replace")
    rustup.parse_channel("http://x", "stable", text)


@fuzz
@given(data=broken(corpus("cargo/*")))
def test_texts_to_explain(data):
    """Whatever a program prints."""
    remedies.find(data.decode(errors="replace"))


@pytest.mark.parametrize("text", ["[" * 200_000, "a = " + "{ a = " * 50_000])
def test_what_is_nested_deeply_is_no_toml(text):
    """And ends as other texts that are none."""
    from crosstasks.core import toml_file

    with pytest.raises(tomllib.TOMLDecodeError):
        toml_file.loads(text)
