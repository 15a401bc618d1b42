"""Images built here for every kind of target, on engines of both architectures; each builds the example, which has C and a proc-macro.

Not part of ``tests``: where arm64 programs are emulated, compiling a standard library in one takes a quarter of an hour.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import arm64_engine
import foreign
import pytest
from msgspec.structs import replace

from crosstasks.catalog import recipes, targets
from crosstasks.clients.debian import Archive
from crosstasks.provisioning import image
from crosstasks.verifying import verify

ROOT = Path(__file__).parents[2]
ENGINES = ("linux/amd64", "linux/arm64")
SPAWN = tuple(Path(image.__file__).parent / name for name in ("spawn.c", "spawn.sh"))
HOST = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
TARGETS = {
    "aarch64": ("EM_AARCH64", 64, "little"),
    "armv7": ("EM_ARM", 32, "little"),
    "arm-gnueabi": ("EM_ARM", 32, "little"),
    "i686": ("EM_386", 32, "little"),
    "x86_64": ("EM_X86_64", 64, "little"),
    "riscv64": ("EM_RISCV", 64, "little"),
    "powerpc64le": ("EM_PPC64", 64, "little"),
    "s390x": ("EM_S390", 64, "big"),
    "mips64el": ("EM_MIPS", 64, "little"),
    "windows": ("EM_X86_64", 64, "little"),
}


@pytest.fixture(scope="module")
def engines(cache, busybox):
    """The address of an engine of each architecture; the one that is not this machine's only says so, and its programs are emulated."""
    foreign.arm64_runs(cache, busybox)
    with tempfile.TemporaryDirectory(prefix="arm64-") as folder, arm64_engine.running(Path(folder)) as address:
        yield {HOST: {}, "linux/arm64": {"DOCKER_HOST": address}}


@pytest.fixture
def example(tmp_path):
    """The example, with one target that only cross may build, in an image put together here."""

    def copied(name):
        folder = tmp_path / "hello"
        shutil.copytree(ROOT / "examples" / "hello", folder, ignore=shutil.ignore_patterns("target"))
        only = 'builder = "cross"\ncross = "0.2.5"\nfallback = []\nimages = ["build"]\n'
        (folder / "crosstasks.toml").write_text(f'version = 1\ntargets = ["{name}"]\n{only}')
        return folder

    return copied


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("on", ENGINES)
def test_the_example_is_built(on, name, engines, example, crosstasks):
    """By 0.2.5, without a turn, into programs of the target: their headers are read, and symbols of glibc compared with the image's."""
    done = crosstasks("build", "--target", name, "--format", "json", cwd=example(name), **engines[on])
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert (result["route"], result["failures"]) == ("cross 0.2.5, image built here", [])
    found = {(artifact["machine"], artifact["bits"], artifact["endian"]) for artifact in result["artifacts"]}
    assert found == {TARGETS[name]}


@pytest.mark.parametrize("on", ENGINES)
def test_armv6_with_hardware_floats_is_refused(on, engines, example, crosstasks):
    """Debian's armhf would bring ARMv7 code into its programs."""
    done = crosstasks("plan", "--target", "arm", cwd=example("arm"), **engines[on])
    assert done.returncode == 4
    assert "whose start files no ARMv6 processor runs" in done.stdout + done.stderr


@pytest.mark.parametrize(("base", "needs"), [("bullseye", "2.17"), ("bookworm", "2.34"), ("trixie", "2.34")])
def test_the_base_decides_which_glibc_is_needed(base, needs, cache, tmp_path, request):
    """A program that starts a thread, whose symbol got another version in 2.34, compiled and run by what each release has for aarch64."""
    # under a name of the test's own: others rely on there being no such image
    recipe = replace(recipes.recipe(targets.find("aarch64"), HOST, base), tag=f"crosstasks-test/base:{base}")
    archive = Archive(cache / "debian", base, say=print)
    request.addfinalizer(lambda: subprocess.run(("docker", "rmi", "--force", recipe.tag), check=True, capture_output=True))
    image.build(recipe, engine="docker", folder=cache / "images", archive=archive, spawn=SPAWN, say=print)
    script = "cd /tmp && cat >a.c && $CC_aarch64_unknown_linux_gnu a.c -o a -pthread && $CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER ./a && cat a"
    thread = "static void *run(void *it) { return it; }"
    program = (
        f"#include <pthread.h>\n{thread}\nint main(void) {{ pthread_t t; return pthread_create(&t, 0, run, 0) || pthread_join(t, 0); }}\n"
    )
    argv = ("docker", "run", "--rm", "--interactive", recipe.tag, "sh", "-c", script)
    made = tmp_path / "a"
    made.write_bytes(subprocess.run(argv, input=program.encode(), check=True, stdout=subprocess.PIPE).stdout)
    assert verify.inspect(made).glibc == needs
