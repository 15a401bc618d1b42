"""Toolchains made of Debian's packages and by rustup, and what they compile."""

from __future__ import annotations

import json
import platform
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rustup_server import hollow, publish, serving

from crosstasks.catalog.ingredients import InstallToolchain
from crosstasks.catalog.pins import pins
from crosstasks.clients.debian import Archive
from crosstasks.clients.debian.deb import members
from crosstasks.clients.process import run
from crosstasks.core import cache
from crosstasks.core.errors import ToolMissing
from crosstasks.facts import inventory
from crosstasks.provisioning import rust_packages, toolchain, tools

ARCHITECTURES = {"x86_64-unknown-linux-gnu": "amd64", "aarch64-unknown-linux-gnu": "arm64"}
HOST = f"{platform.machine()}-unknown-linux-gnu"
(FOREIGN,) = set(ARCHITECTURES) - {HOST}
RISCV = "riscv64gc-unknown-linux-gnu"

MAKE = """
import sys
from pathlib import Path
from crosstasks.clients.process import run
from crosstasks.catalog.ingredients import InstallToolchain
from crosstasks.provisioning import rust_packages, tools
from crosstasks.clients.debian import Archive
home, folder, release, host = sys.argv[1:]
say = lambda line: print(line, flush=True)
rust_packages.from_debian(
    InstallToolchain(why="", source="debian", release=release, host=host),
    home=Path(home), archive=Archive(Path(folder), "bookworm", say=say),
    runs_here=True, run=run, say=say,
    patchelf=lambda: tools.patchelf(Path(folder) / "tools", run=run, say=say),
)
"""


def spec(release, host, **more):
    """Return the step that installs a toolchain."""
    return InstallToolchain(why="", source="rustup", release=release, host=host, **more)


def silent(_line):
    """Hear nothing."""


@pytest.fixture(scope="session")
def archive(request):
    """Debian's, with what other tests have fetched of it."""
    made = Archive(request.getfixturevalue("cache") / "debian", "bookworm", say=silent)
    made.update(sorted(ARCHITECTURES.values()))
    return made


@pytest.fixture(scope="session")
def release(archive):
    """The newest release that both architectures have in one version."""
    theirs = archive.versions(rust_packages.STD, ARCHITECTURES[FOREIGN])
    return next(rust_packages.release(one) for one in archive.versions(rust_packages.RUSTC, ARCHITECTURES[HOST]) if one in theirs)


def start(home, archive, release):
    argv = (sys.executable, "-c", MAKE, str(home), str(archive.folder), release, HOST)
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=Path(toolchain.__file__).parents[2])


@pytest.fixture(scope="session")
def eight(archive, release, tmp_path_factory):
    """A home in which eight processes wanted the same toolchain at once, and what each of them said."""
    home = tmp_path_factory.mktemp("rustup")
    children = [start(home, archive, release) for _ in range(8)]
    said = [child.communicate()[0] for child in children]
    assert [0] * 8 == [child.returncode for child in children], said
    return home, said


@pytest.fixture(scope="session")
def made(eight, archive, release):
    """The folder of a toolchain to which the other architecture's std and the source were added, and what was said."""
    home, said = eight[0], []
    wanted = spec(release, HOST, targets=(FOREIGN,), library=True)
    before = (toolchain.path(home, wanted) / "bin/rustc").stat()
    debian(wanted, home, archive, said.append)
    assert before.st_ino == (toolchain.path(home, wanted) / "bin/rustc").stat().st_ino
    return toolchain.path(home, wanted), said


def debian(wanted, home, archive, say=silent):
    rust_packages.from_debian(
        wanted,
        home=home,
        archive=archive,
        runs_here=wanted.host == HOST,
        patchelf=lambda: tools.patchelf(archive.folder / "tools", run=run, say=say),
        run=run,
        say=say,
    )


def program(folder, name, *arguments, cwd, **env):
    return run(
        (str(folder / "bin" / name), *arguments), env={"LD_LIBRARY_PATH": None, "RUSTC": str(folder / "bin/rustc"), **env}, cwd=str(cwd)
    )


@pytest.fixture
def crate(tmp_path):
    """A crate with nothing but std in it."""
    (tmp_path / "src").mkdir()
    (tmp_path / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\n')
    (tmp_path / "src/main.rs").write_text('fn main() { println!("{:?}", std::env::args().collect::<Vec<_>>()); }\n')
    return tmp_path


def test_once(eight):
    """Eight processes that want the same toolchain make it once."""
    home, said = eight
    assert 1 == sum("unpacking rustc" in text for text in said)
    assert 1 == len(inventory.toolchains(home))


def test_added(made):
    """A target and the source are added without fetching the rest again."""
    folder, said = made
    assert any(line.startswith("fetching 2 packages of Debian") and line.endswith(f"{FOREIGN}, source") for line in said), said
    (found,) = inventory.toolchains(folder.parent.parent)
    assert ((HOST, FOREIGN), True, "debian") == (found.standard, found.library, found.origin)
    assert () == cache.changed_files(folder)


def test_is_what_it_says(made, release, tmp_path):
    """The programs run by themselves, and know their folder and release."""
    folder, _ = made
    assert f"host: {HOST}\nrelease: {release}\n" in program(folder, "rustc", "-vV", cwd=tmp_path).out
    assert str(folder) == program(folder, "rustc", "--print", "sysroot", cwd=tmp_path).out.strip()
    assert program(folder, "cargo", "-V", cwd=tmp_path).out.startswith(f"cargo {release}")
    assert program(folder, "rustdoc", "-V", cwd=tmp_path).out.startswith(f"rustdoc {release}")


def test_own_libraries(made):
    """Nothing but the C library comes from the machine, and nothing but rustc's own lies where it could shadow the machine's."""
    folder, _ = made
    for file in (*(folder / "bin").iterdir(), *(folder / "lib").glob("*.so")):
        used = re.findall(r"=> (\S+) \(", run(("ldd", str(file))).out)
        outside = {Path(path).name for path in used if not Path(path).resolve().is_relative_to(folder)}
        assert outside <= {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2"}, file
    assert all(path.name.startswith("librustc_driver-") for path in (folder / "lib").glob("*.so*"))


def test_glibc(made):
    """The marker's glibc is the newest that any of the files names."""
    folder, _ = made
    named = set()
    for file in (*(folder / "bin").iterdir(), *(folder / "lib").glob("*.so"), *(folder / "lib/debian").iterdir()):
        named |= set(re.findall(rb"\0GLIBC_2\.(\d+)(?=\0)", file.read_bytes()))
    (found,) = inventory.toolchains(folder.parent.parent)
    assert f"2.{max(map(int, named))}" == found.glibc


def test_compiles(made, crate):
    """A library for the other architecture is compiled, and a crate for it checked."""
    folder, _ = made
    (crate / "l.rs").write_text('pub fn f(x: u32) -> String { format!("{x}") }\n')
    done = program(folder, "rustc", "--target", FOREIGN, "--crate-type", "lib", "l.rs", cwd=crate)
    assert (0, True) == (done.code, (crate / "libl.rlib").is_file()), done.err
    done = program(folder, "cargo", "check", "--offline", "--target", FOREIGN, cwd=crate)
    assert 0 == done.code, done.err


def test_build_std(made, crate):
    """Once its crates are fetched, cargo has all of the standard library offline that it builds of it; test_build.py has it built, for the same target."""
    folder, _ = made
    home = str(crate / "cargo")
    arguments = ("check", "--offline", "--unit-graph", "-Zunstable-options", "-Zbuild-std=std,panic_abort", "--target", RISCV)
    env = {"CARGO_HOME": home, "RUSTC_BOOTSTRAP": "1"}
    assert 0 != program(folder, "cargo", *arguments, cwd=crate, **env).code
    toolchain.fetch_library(folder, host_toolchain=folder, cargo_home=home, run=run, say=silent)
    done = program(folder, "cargo", *arguments, cwd=crate, **env)
    assert 0 == done.code, done.err
    assert {"core", "alloc", "std", "panic_abort"} <= {unit["target"]["name"] for unit in json.loads(done.out)["units"]}


def test_killed(archive, release, eight, tmp_path):
    """What a killed process leaves is no toolchain, and does not hinder the next."""
    del eight  # its packages are fetched by now
    child = start(tmp_path, archive, release)
    unpacked = f"making/.{release}-{HOST}.*/{release}-{HOST}/lib/debian"
    while child.poll() is None and not any(tmp_path.glob(unpacked)):
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert any(tmp_path.glob(unpacked))
    assert () == inventory.toolchains(tmp_path)
    debian(spec(release, HOST), tmp_path, archive)
    assert () == toolchain.missing(tmp_path, spec(release, HOST))
    assert [] == [path for path in (tmp_path / "making").iterdir() if path.is_dir()]


def test_foreign_host(archive, release, tmp_path):
    """A toolchain for the other architecture is made here, and runs under QEMU with nothing but that one's C library."""
    debian(spec(release, FOREIGN), tmp_path, archive)
    here, there = ARCHITECTURES[HOST], ARCHITECTURES[FOREIGN]
    qemu, libc = archive.fetch((archive.single("qemu-user-static", here), archive.single("libc6", there)))
    emulator = tmp_path / "qemu"
    wanted = f"./usr/bin/qemu-{FOREIGN.split('-')[0]}-static"
    emulator.write_bytes(next(content.read() for info, content in members(qemu) if info.name == wanted))
    emulator.chmod(0o755)
    assert 0 == run(("dpkg-deb", "-x", str(libc), str(tmp_path / "libc"))).code
    folder = toolchain.path(tmp_path, spec(release, FOREIGN))
    for name, expected in (("rustc", f"rustc {release}"), ("cargo", f"cargo {release}")):
        done = run((str(emulator), "-L", str(tmp_path / "libc"), str(folder / "bin" / name), "-V"))
        assert done.out.startswith(expected), done.err


@pytest.fixture(scope="session")
def rustup(tmp_path_factory):
    """The real rustup."""
    project = f"rustup=={pins().pypi['rustup'].version}"
    return str(tools.from_pypi(tmp_path_factory.mktemp("tools"), "rustup", (project,), run=run, say=silent) / "bin/rustup")


@pytest.fixture(scope="session")
def server(made, release, tmp_path_factory):
    """A server of the release, with the files of the toolchain made of Debian's packages."""
    folder = tmp_path_factory.mktemp("dist")
    with serving(folder) as url:
        publish(folder, url, release, made[0], host=HOST, targets=(FOREIGN,))
        yield url


@pytest.fixture
def reachable(server, monkeypatch):
    """That server, named by the user's environment."""
    monkeypatch.setenv("RUSTUP_DIST_SERVER", server)


@pytest.mark.usefixtures("reachable")
def test_rustup(rustup, release, tmp_path, monkeypatch):
    """It installs from the server that the user's environment names, and adds later; neither becomes the default."""
    monkeypatch.setenv("RUSTUP_HOME", str(tmp_path / "theirs"))
    home, wanted = tmp_path / "ours", spec(release, HOST, targets=(FOREIGN,), library=True)
    toolchain.from_rustup(spec(release, HOST), home=home, rustup=rustup, run=run, say=silent)
    assert (FOREIGN, "source") == toolchain.missing(home, wanted)
    toolchain.from_rustup(wanted, home=home, rustup=rustup, run=run, say=silent)
    assert () == toolchain.missing(home, wanted)
    assert () == cache.changed_files(toolchain.path(home, wanted))
    assert not (tmp_path / "theirs").exists()
    assert f"{release}-{HOST}" == run((rustup, "toolchain", "list"), env={"RUSTUP_HOME": str(home)}).out.strip()
    (tmp_path / "l.rs").write_text("pub fn f() {}\n")
    done = program(toolchain.path(home, wanted), "rustc", "--target", FOREIGN, "--crate-type", "lib", "l.rs", cwd=tmp_path)
    assert 0 == done.code, done.err


@pytest.fixture
def nobodys(release, tmp_path, monkeypatch):
    """A release of files that nobody runs, on a server that the user's environment names; it is soon installed."""
    with serving(tmp_path / "served") as url:
        publish(tmp_path / "served", url, release, hollow(tmp_path / "hollow", HOST, FOREIGN), host=HOST, targets=(FOREIGN,))
        monkeypatch.setenv("RUSTUP_DIST_SERVER", url)
        yield tmp_path / "home"


def test_rustup_after_a_crash(rustup, nobodys, release):
    """Files that a killed rustup left in the toolchain are no hindrance to adding a target."""
    base = spec(release, HOST)
    toolchain.from_rustup(base, home=nobodys, rustup=rustup, run=run, say=silent)
    rest = toolchain.path(nobodys, base) / "lib/rustlib" / FOREIGN / "lib/std"
    rest.parent.mkdir(parents=True, exist_ok=True)
    rest.touch()
    asked = []

    def noted(argv, **options):
        asked.append(argv[1:3])
        return run(argv, **options)

    toolchain.from_rustup(spec(release, HOST, targets=(FOREIGN,)), home=nobodys, rustup=rustup, run=noted, say=silent)
    assert [["target", "add"], ["toolchain", "install"]] == asked
    assert (HOST, FOREIGN) == inventory.toolchains(nobodys)[0].standard


def test_rustup_does_not_have_it(rustup, nobodys, release):
    """What rustup's server lacks is said in its words, and what is there stays."""
    base = spec(release, HOST)
    toolchain.from_rustup(base, home=nobodys, rustup=rustup, run=run, say=silent)
    with pytest.raises(ToolMissing) as caught:
        toolchain.from_rustup(spec(release, HOST, targets=(RISCV,)), home=nobodys, rustup=rustup, run=run, say=silent)
    assert f"for target '{RISCV}' is unavailable" in caught.value.what
    assert () == toolchain.missing(nobodys, base)


def test_rustup_server_away(rustup, release, tmp_path, monkeypatch):
    """A server that does not answer ends in an error that names the variable to set."""
    monkeypatch.setenv("RUSTUP_DIST_SERVER", "http://127.0.0.1:1")
    with pytest.raises(ToolMissing) as caught:
        toolchain.from_rustup(spec(release, HOST), home=tmp_path, rustup=rustup, run=run, say=silent)
    assert "RUSTUP_DIST_SERVER" in caught.value.hint
    assert () == inventory.toolchains(tmp_path)
