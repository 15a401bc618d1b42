"""How a toolchain is put together from Debian's packages of Rust, what it keeps of them, and what it is tried with."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from crosstasks.catalog.ingredients import InstallToolchain
from crosstasks.clients.debian.index import Package
from crosstasks.core.errors import ToolMissing
from crosstasks.core.steps import Done
from crosstasks.facts import inventory
from crosstasks.provisioning import rust_packages, toolchain
from crosstasks.provisioning.rust_packages import Linkage

HOST, ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
VERSION = "1.96.0+dfsg1-1"
LIB = "usr/lib/x86_64-linux-gnu"
REAL = Path(__file__).parents[1] / "data" / "elf"
FILES = {
    "rustc-web": {
        "./usr/bin/rustc": "librustc_driver-0a1b.so libc.so.6",
        "./usr/bin/rustdoc": "librustc_driver-0a1b.so",
        f"./{LIB}/librustc_driver-0a1b.so": "libLLVM.so.19.1 ld-linux-x86-64.so.2 ld64.so.2",
        "./usr/share/doc/rustc/copyright": "",
    },
    "cargo-web": {"./usr/bin/cargo": "libz.so.1", "./usr/bin/other": ""},
    "libllvm19": {f"./{LIB}/libLLVM.so.19.1": "->libLLVM-19.so", f"./{LIB}/libLLVM-19.so": "->libLLVM.so.19", "./usr/lib/llvm-19/lib/libLLVM.so.19": "libz.so.1"},
    "zlib1g": {"./lib/x86_64-linux-gnu/libz.so.1": "->libz.so.1.2.13", "./lib/x86_64-linux-gnu/libz.so.1.2.13": "libc.so.6 libm.so.6 libLLVM.so.19.1 libcrypt.so.1"},
    "libcrypt1": {"./lib/x86_64-linux-gnu/libcrypt.so.1": "libc.so.6"},
    "libfoo1": {f"./{LIB}/libfoo.so.1": "libc.so.6"},
    "libstd-rust-web-dev": {f"./usr/lib/rustlib/{HOST}/lib/libstd.rlib": "std", f"./usr/lib/rustlib/{ARM}/lib/libstd.rlib": "std of arm"},
    "rust-web-src": {"./usr/src/rustc-1.96.0/library/std/lib.rs": "source", "./usr/src/rustc-1.96.0/library/vendor/a.rs": "copy"},
    "rust-web-clippy": {"./usr/bin/cargo-clippy": "", "./usr/bin/clippy-driver": "", "./usr/bin/rustfmt": ""},
}  # fmt: skip


def members(*names):
    """Return the members of packages, as they are read; a text with an arrow is a link."""
    for name, text in (row for package in names for row in FILES[package].items()):
        info = tarfile.TarInfo(name)
        info.mode = 0o755
        if text.startswith("->"):
            info.type, info.linkname = tarfile.SYMTYPE, text[2:]
        yield info, io.BytesIO(text.encode())


@pytest.fixture(autouse=True)
def linked(monkeypatch):
    """A file's content is what it asks the dynamic linker for; rustc's driver needs the newest glibc."""

    def linkage(path):
        return Linkage(needed=tuple(path.read_text().split()), glibc="2.34" if "driver" in path.name else "2.17")

    monkeypatch.setattr(rust_packages, "linkage", linkage)


def tree(folder):
    """Return the files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


PROGRAMS = [
    "bin/cargo",
    "bin/rustc",
    "bin/rustdoc",
    *(f"lib/debian/{name}" for name in ("libLLVM.so.19.1", "libcrypt.so.1", "libz.so.1")),
    "lib/librustc_driver-0a1b.so",
]


def no_links(*_paths):
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("link", [os.link, no_links])
def test_only_what_is_needed_is_kept(tmp_path, monkeypatch, link):
    """Each library by the name that it is asked for by, however many links lead there, on exFAT too; glibc's own are the machine's.

    Two may need each other.
    """
    monkeypatch.setattr(os, "link", link)
    glibc = rust_packages.programs(members("rustc-web", "cargo-web", "libllvm19", "zlib1g", "libcrypt1", "libfoo1"), tmp_path)
    assert ("2.34", PROGRAMS) == (glibc, tree(tmp_path))
    assert "libz.so.1" == (tmp_path / "lib/debian/libLLVM.so.19.1").read_text()


def test_a_library_that_no_package_holds(tmp_path):
    """It is named: the archive may be in the middle of a change."""
    with pytest.raises(ToolMissing) as raised:
        rust_packages.programs(members("rustc-web", "cargo-web", "zlib1g", "libcrypt1"), tmp_path)
    assert ("no package that rustc depends on holds libLLVM.so.19.1", "try again: the archive may be changing") == (
        raised.value.what,
        raised.value.hint,
    )


def test_what_a_real_program_asks_for(monkeypatch):
    """Read by the tables of the dynamic linker; a static program has none."""
    monkeypatch.undo()
    assert Linkage(needed=("libc.so.6",), glibc="2.34") == rust_packages.linkage(REAL / "aarch64-gnu")
    assert Linkage() == rust_packages.linkage(REAL / "riscv64-static")


class Programs:
    """A runner whose rustc and cargo tell their versions, and which keeps all calls."""

    def __init__(self, *, rustc=f"rustc 1.96.0\nhost: {HOST}\nrelease: 1.96.0\n", cargo="cargo 1.96.0 (x)\n", code=0):
        self.words, self.code, self.calls = {"rustc": rustc, "cargo": cargo}, code, []

    def __call__(self, argv, *, env=None, cwd=""):
        self.calls.append((tuple(argv), env, cwd))
        return Done(argv=tuple(argv), code=self.code, out=self.words.get(Path(argv[0]).name, ""))


def test_libraries_are_found_wherever_the_folder_lies(tmp_path):
    """By run paths relative to each file, which patchelf sets for all of a folder at once."""
    rust_packages.programs(members("rustc-web", "cargo-web", "libllvm19", "zlib1g", "libcrypt1"), tmp_path)
    run = Programs()
    rust_packages.set_run_paths(tmp_path, Path("/t/patchelf"), run=run)
    bin_, driver, *private = (f"{tmp_path}/{name}" for name in ("bin", "lib/librustc_driver-0a1b.so", *PROGRAMS[3:6]))
    assert [
        ("/t/patchelf", "--set-rpath", "$ORIGIN/../lib:$ORIGIN/../lib/debian", f"{bin_}/cargo", f"{bin_}/rustc", f"{bin_}/rustdoc"),
        ("/t/patchelf", "--set-rpath", "$ORIGIN/debian", driver),
        ("/t/patchelf", "--set-rpath", "$ORIGIN", *private),
    ] == [argv for argv, _, _ in run.calls]
    with pytest.raises(ToolMissing, match="the toolchain's run path could not be set\npatchelf exited with 1"):
        rust_packages.set_run_paths(tmp_path, Path("/t/patchelf"), run=Programs(code=1))


def wanted(*targets, **changes):
    """Return what is asked for of Debian."""
    ready = {"why": "", "source": "debian", "release": "1.96.0", "host": HOST, "targets": targets, "library": False}
    return InstallToolchain(**{**ready, **changes})


@pytest.mark.parametrize(
    ("run", "program", "why"),
    [
        (Programs(), "", ""),
        (Programs(rustc="rustc 1.95.0\nhost: x\nrelease: 1.95.0\n"), "rustc", "rustc 1.95.0\nhost: x\nrelease: 1.95.0"),
        (Programs(cargo=""), "cargo", "it exited with 0"),
        (Programs(rustc="", code=127), "rustc", "it exited with 127"),
    ],
)
def test_a_toolchain_is_tried_before_it_gets_its_name(tmp_path, run, program, why):
    """With nothing but its own run path to find libraries by, and it must be what was asked for."""
    if not program:
        rust_packages.prove(tmp_path, wanted(), run)
        bin_ = tmp_path / "bin"
        expected = [
            ((f"{bin_}/rustc", "-vV"), {"LD_LIBRARY_PATH": None}, str(tmp_path)),
            ((f"{bin_}/cargo", "-V"), {"LD_LIBRARY_PATH": None}, str(tmp_path)),
        ]
        assert expected == run.calls
        return
    with pytest.raises(ToolMissing) as raised:
        rust_packages.prove(tmp_path, wanted(), run)
    what = f"the {program} made of Debian's packages does not run as 1.96.0-{HOST}"
    assert (what, why) == (raised.value.what, raised.value.why)


class Archive:
    """An archive that has one version of everything, and a file for each package by its name."""

    def __init__(self, version=VERSION, **rebuilt):
        self.version, self.updated, self.fetched, self.asked = version, [], [], []
        self.rebuilt = {("rustc-web" if name == "rustc" else "libstd-rust-web-dev", "amd64"): rebuilt[name] for name in rebuilt}

    def update(self, architectures):
        """Note whose lists are read."""
        self.updated = architectures

    def versions(self, name, architecture):
        """Return the one version, of which each architecture counts its rebuilds."""
        return (self.rebuilt.get((name, architecture), self.version),)

    def single(self, name, architecture, version):
        """Return one package."""
        return Package(name=name, version=version, architecture=architecture, url="", size=1_000_000, digest="", file=name)

    def closure(self, names, architecture):
        """Return all that the programs need, some of which holds no library."""
        self.asked = names
        listed = ("rustc-web", "cargo-web", "libllvm19", "zlib1g", "libcrypt1", "libfoo1", "gcc-12", "libc6-dev")
        return tuple(self.single(name, architecture, self.version) for name in listed)

    def fetch(self, packages):
        """Return the packages' files."""
        self.fetched = [f"{one.name}:{one.architecture}" for one in packages]
        return tuple(Path(one.file) for one in packages)


def make(tmp_path, monkeypatch, step, *, archive=None, runs_here=True, run=None, said=None):
    """Make a toolchain, or add to it, and return what lies in its folder."""
    monkeypatch.setattr(rust_packages, "members", lambda deb: members(deb.name))
    rust_packages.from_debian(
        step,
        home=tmp_path,
        archive=archive or Archive(),
        runs_here=runs_here,
        patchelf=lambda: Path("/t/patchelf"),
        run=run or Programs(),
        say=(said if said is not None else []).append,
    )
    folder = toolchain.path(tmp_path, step)
    return tree(folder), inventory.toolchain(folder)


def test_a_toolchain_is_made_and_then_added_to(tmp_path, monkeypatch):
    """All of one version of rustc's; what it lacks later is fetched alone, and goes into the same folder."""
    archive, lines, run = Archive(), [], Programs()
    files, made = make(tmp_path, monkeypatch, wanted(), archive=archive, said=lines, run=run)
    assert [f"{name}={VERSION}" for name in ("rustc-web", "cargo-web", "libstd-rust-web-dev", "libstd-rust-web-1.96")] == archive.asked
    assert ["amd64"] == archive.updated
    assert [
        f"{name}:amd64" for name in ("rustc-web", "cargo-web", "libllvm19", "zlib1g", "libcrypt1", "libfoo1", "libstd-rust-web-dev")
    ] == archive.fetched
    assert f"fetching 7 packages of Debian, 7 MB: Rust 1.96.0 for {HOST}: rustc, cargo, {HOST}" == lines[0]
    assert {*PROGRAMS, f"lib/rustlib/{HOST}/lib/libstd.rlib"} <= set(files)
    assert ("2.34", "debian", (HOST,)) == (made.glibc, made.origin, made.standard)
    more, again = Archive(), Programs()
    want = wanted(ARM, library=True, components=("clippy",))
    files, made = make(tmp_path, monkeypatch, want, archive=more, run=again)
    assert ["libstd-rust-web-dev:arm64", "rust-web-src:all", "rust-web-clippy:amd64"] == more.fetched
    added = {"bin/cargo-clippy", "bin/clippy-driver", f"lib/rustlib/{ARM}/lib/libstd.rlib", "lib/rustlib/src/rust/library/std/lib.rs"}
    assert {*PROGRAMS, *added} <= set(files)
    assert not [name for name in files if "vendor" in name or "rustfmt" in name]
    assert {*archive.fetched, *more.fetched} == set(made.packages)
    # what is there is not proved again
    assert ["/t/patchelf"] == [argv[0] for argv, _, _ in again.calls]


def test_what_was_rebuilt_fits(tmp_path, monkeypatch):
    """On one architecture alone: its sources, and the release that it says, are the same; so the plan has it too."""
    archive = Archive(rustc=f"{VERSION}+b1", std=f"{VERSION}+b1")
    _, made = make(tmp_path, monkeypatch, wanted(ARM, library=True), archive=archive)
    std = {name: version for name, version in made.packages.items() if name.startswith("libstd")}
    assert {"libstd-rust-web-dev:amd64": f"{VERSION}+b1", "libstd-rust-web-dev:arm64": VERSION} == std
    assert made.packages["rust-web-src:all"] == VERSION


def test_a_version_that_has_gone_is_made_anew(tmp_path, monkeypatch):
    """A standard library fits only the rustc that it was built with; on another machine nothing is tried."""
    make(tmp_path, monkeypatch, wanted())
    archive, run = Archive("1.96.0+dfsg1-2"), Programs()
    files, made = make(tmp_path, monkeypatch, wanted(ARM), archive=archive, runs_here=False, run=run)
    assert {"1.96.0+dfsg1-2"} == set(made.packages.values())
    assert f"lib/rustlib/{ARM}/lib/libstd.rlib" in files
    assert ["/t/patchelf"] * 3 == [argv[0] for argv, _, _ in run.calls]


def test_a_toolchain_that_does_not_run_gets_no_name(tmp_path, monkeypatch):
    """Nothing of it lies where toolchains are looked for."""
    with pytest.raises(ToolMissing, match="does not run as"):
        make(tmp_path, monkeypatch, wanted(), run=Programs(rustc="of another host"))
    assert () == inventory.toolchains(tmp_path)
