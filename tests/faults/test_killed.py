"""kill -9 in a step of provisioning: the next call finds nothing half made, and does it."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rustup_server import hollow, publish, serving

from crosstasks.catalog import recipes
from crosstasks.catalog.ingredients import CompileCross, InstallToolchain, InstallWheels, RegisterEmulator
from crosstasks.catalog.pins import pins
from crosstasks.clients.engines import OWNER, EngineClient
from crosstasks.clients.process import run
from crosstasks.facts import inventory
from crosstasks.provisioning import emulation, tools

ROOT = Path(__file__).parents[2]

TAKE = """
import sys
import msgspec
from crosstasks import pipeline, provisioning
from crosstasks.core.steps import Question
from crosstasks.catalog.ingredients import Provision
work = pipeline.start(sys.argv[1], need_config=False, say=lambda line: print(line, flush=True))
work = pipeline.look(work, [Question("host"), Question("engine"), Question("emulation")])
provisioning.take(msgspec.json.decode(sys.argv[2], type=Provision), work)
print("done", flush=True)
"""


@pytest.fixture
def take(tmp_path, monkeypatch):
    """One step in a process of its own, with a cache of its own; it is killed once it has said a word, and a moment later."""
    monkeypatch.setenv("CROSSTASKS_CACHE_DIR", str(tmp_path / "cache"))

    def call(step, *, killed_at="", moment=0.0):
        argv = (sys.executable, "-c", TAKE, str(tmp_path), msgspec.json.encode(step).decode())
        child = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = []
        for line in child.stdout:
            said.append(line)
            if killed_at and killed_at in line:
                time.sleep(moment)  # into what was only begun with that word
                child.send_signal(signal.SIGKILL)
                break
        said.append(child.communicate(timeout=600)[0])
        return child.returncode, "".join(said)

    return call


def drafts(folder):
    return [path.name for path in folder.glob(".*") if path.is_dir()]


@pytest.mark.parametrize("moment", [0.0, 0.2, 0.4])
def test_while_wheels_are_installed(take, tmp_path, moment, monkeypatch):
    """A half-made folder never counts: `.complete` is what is last made; and pip leaves nothing outside of the cache."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    step = InstallWheels(why="", name="cross", projects=("astral-dev-toolchain-cross==0.2.5",))
    code, _ = take(step, killed_at="installing", moment=moment)
    assert -signal.SIGKILL == code
    place = tmp_path / "cache/tools/cross"
    assert place.exists() == (place / ".complete").exists()
    assert 0 == take(step)[0]
    assert (place / "bin/cross").exists()
    assert [] == os.listdir(tmp_path / "temporary") == list(place.glob(".tmp"))


@pytest.fixture
def stand_in(tmp_path):
    """A git repository with a small crate that is called cross."""
    folder = tmp_path / "source"
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[package]\nname = "cross"\nversion = "0.3.0"\nedition = "2021"\n')
    (folder / "src/main.rs").write_text("fn main() {}\n")
    # else it is compiled before it can be killed
    (folder / "build.rs").write_text("fn main() { std::thread::sleep(std::time::Duration::from_secs(4)) }\n")
    subprocess.run(("cargo", "generate-lockfile"), cwd=folder, check=True, capture_output=True)
    for words in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a")):
        subprocess.run(("git", *words), cwd=folder, check=True)
    told = subprocess.run(("git", "rev-parse", "HEAD"), cwd=folder, check=True, capture_output=True, text=True)
    return f"file://{folder}", told.stdout.strip()


def test_while_cargo_compiles_cross(take, tmp_path, stand_in):
    """From git, at a revision; cargo ends with the call."""
    url, rev = stand_in
    cargo = subprocess.run(("rustup", "which", "cargo"), check=True, capture_output=True, text=True).stdout.strip()
    step = CompileCross(why="", name="git", flavour="git", install=("--git", url, "--rev", rev), cargo=cargo)
    code, _ = take(step, killed_at="compiling", moment=0.5)
    assert -signal.SIGKILL == code
    assert not (tmp_path / "cache/tools/git").exists()
    code, said = take(step)
    assert 0 == code, said
    assert (tmp_path / "cache/tools/git/bin/cross").exists()


HOST, OTHER = f"{platform.machine()}-unknown-linux-gnu", "riscv64gc-unknown-linux-gnu"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Return rustup itself."""
    place = tmp_path_factory.mktemp("rustup")
    return tools.from_pypi(place, "rustup", (f"rustup=={pins().pypi['rustup'].version}",), run=run, say=lambda _line: None) / "bin/rustup"


@pytest.fixture
def rustup(program, tmp_path, monkeypatch):
    """What rustup is to install, and its server on this machine, which takes its time; the release is of files that nobody runs."""
    with serving(tmp_path / "served", pause=0.2) as url:
        publish(tmp_path / "served", url, "1.2.3", hollow(tmp_path / "hollow", HOST, OTHER), host=HOST, targets=(OTHER,))
        monkeypatch.setenv("RUSTUP_DIST_SERVER", url)
        yield InstallToolchain(why="", release="1.2.3", host=HOST, targets=(), library=False, source="rustup", rustup=str(program))


@pytest.mark.parametrize(("first", "moment"), [(True, 0.3), (True, 1.0), (False, 0.3)])
def test_while_rustup_installs(take, tmp_path, rustup, first, moment):
    """A toolchain, or a target for one that is there: what is whole stays so; rustup ends with the call."""
    if not first:
        assert 0 == take(rustup)[0]
    wanted = replace(rustup, targets=(OTHER,), library=True)
    code, said = take(wanted, killed_at="installs", moment=moment)
    assert -signal.SIGKILL == code, said
    home = tmp_path / "cache/rustup"
    assert [(HOST,)][first:] == [one.standard for one in inventory.toolchains(home)]
    code, said = take(wanted)
    assert 0 == code, said
    time.sleep(1.5)  # for what the killed call's rustup might still do to the folder, if it went on
    (found,) = inventory.toolchains(home)
    assert (set(found.standard), found.library) == ({HOST, OTHER}, True)
    assert all((Path(found.path) / name).is_file() for name in ("bin/rustc", "bin/cargo", f"lib/rustlib/{OTHER}/lib/std"))


@pytest.fixture
def proofs():
    """Remove the images that a proof leaves when it is killed: they carry our label."""

    def images():
        listed = ("docker", "images", "--quiet", "--no-trunc", "--filter", "label=crosstasks.proof")
        return set(subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split())

    before = images()
    yield
    deadline = time.monotonic() + 20  # a container of one may still be ending
    while left := images() - before:
        subprocess.run(("docker", "rmi", "--force", *left), check=time.monotonic() > deadline, capture_output=True)


@pytest.mark.usefixtures("proofs")
@pytest.mark.parametrize(("word", "moment"), [("building", 0.0), ("loading", 0.1), ("setting up", 0.5)])
def test_while_an_emulator_is_registered(take, word, moment):
    """The image is built, loaded, or run: the next call registers, and the entry can be taken away."""
    here = f"linux/{ {'x86_64': 'amd64', 'aarch64': 'arm64'}[platform.machine()] }"
    recipe = recipes.emulator(emulation.qemu("linux/mips64le"), here)
    step = RegisterEmulator(why="", platform="linux/mips64le", source="build", recipe=recipe)
    table = Path("/proc/sys/fs/binfmt_misc")
    code, said = take(step, killed_at=word, moment=moment)
    assert code in {-signal.SIGKILL, 0}, said
    code, said = take(step)
    try:
        assert (0, "done") == (code, said.splitlines()[-1]), said
    finally:
        subprocess.run((sys.executable, "-m", "crosstasks", "emulation.uninstall", "--platform", "linux/mips64le"), cwd=ROOT, check=True)
    assert not (table / "qemu-mips64el").exists()


@pytest.mark.serial
@pytest.mark.usefixtures("proofs")
def test_while_a_program_proves_a_platform(crosstasks, crate, tmp_path):
    """The container is known as the killed call's, and goes; the image carries our label, and `tools.clean --images` removes it."""
    told = ("docker", "events", "--filter", "type=container", "--filter", "event=create", "--format", "{{json .Actor.Attributes}}")
    cache = str(tmp_path / "cache")  # another's answers would do without a container
    with subprocess.Popen(told, stdout=subprocess.PIPE, text=True) as events:
        late = threading.Timer(60, events.kill)
        late.start()
        time.sleep(0.5)  # until the engine tells
        child = crosstasks.start("emulation.status", "--platform", "linux/amd64", cwd=crate, CROSSTASKS_CACHE_DIR=cache)
        container = json.loads(events.stdout.readline())
        child.kill()
        late.cancel()
        events.kill()
    child.communicate()
    assert ("linux/amd64", child.pid) == (container["crosstasks.proof"], int(container[OWNER].split(":")[1]))
    assert "native" in crosstasks("emulation.status", "--platform", "linux/amd64", cwd=crate, CROSSTASKS_CACHE_DIR=cache).stdout
    time.sleep(1)  # for one that was only being made
    EngineClient("docker", run).sweep()
    left = ("docker", "ps", "--all", "--quiet", "--filter", f"label={OWNER}={container[OWNER]}")
    assert not subprocess.run(left, check=True, capture_output=True, text=True).stdout
