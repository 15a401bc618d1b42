"""Parsers of text that others write: whatever it is, they end in a value or in an error of ours.

``FUZZ_SECONDS=300`` lets each run as long as that; without it, each is given some hundred texts.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crosstasks.building.artifacts import Messages
from crosstasks.catalog import remedies
from crosstasks.core.errors import CrosstasksError
from crosstasks.core.steps import Done
from crosstasks.facts import engine, registry
from crosstasks.project import manifest, repository
from crosstasks.verifying import verify

UNIT = Path(__file__).parents[1] / "unit" / "data"
EXAMPLES = int(os.environ.get("FUZZ_SECONDS", "0")) * 400 or 150

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


fuzz = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


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
