"""What is asked of rustup, cargo and Debian for a toolchain, and what counts as one."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from crosstasks.catalog.ingredients import InstallToolchain, Toolchain
from crosstasks.core import cache
from crosstasks.core.errors import ToolMissing
from crosstasks.core.steps import Done
from crosstasks.facts import inventory
from crosstasks.provisioning import rust_packages, toolchain

HOST = "x86_64-unknown-linux-gnu"
ARM = "aarch64-unknown-linux-gnu"
ARMV7 = "armv7-unknown-linux-gnueabihf"
S390X = "s390x-unknown-linux-gnu"
RISCV = "riscv64gc-unknown-linux-gnu"
STD = (HOST, ARM, ARMV7, S390X)
NAME = f"1.96.0-{HOST}"


class Recorder:
    """A runner that notes what it is asked, and does to the disk what the program would."""

    def __init__(self, *, codes=(), err="", make=True):
        """Answer with *codes*, then with 0."""
        self.calls, self.codes, self.err, self.make = [], list(codes), err, make

    def __call__(self, argv, *, env=None, cwd="", timeout=None, stdin=None):
        """Answer as a program does."""
        del timeout, stdin
        self.calls.append((tuple(argv), dict(env or {}), cwd))
        code = self.codes.pop(0) if self.codes else 0
        if code == 0 and self.make and "RUSTUP_HOME" in (env or {}):
            self._obey(Path(env["RUSTUP_HOME"]) / "toolchains" / NAME, argv)
        return Done(argv=tuple(argv), code=code, err=self.err)

    def _obey(self, folder, argv):
        for triple in (HOST, *(word for word in argv if word in STD)):
            (folder / "lib/rustlib" / triple).mkdir(parents=True, exist_ok=True)
        if "rust-src" in argv:
            (folder / toolchain.SOURCE).mkdir(parents=True, exist_ok=True)
        (folder / "bin").mkdir(exist_ok=True)
        (folder / "bin/rustc").touch()


class Offers:
    """An archive that offers versions, and nothing to fetch."""

    def __init__(self, versions):
        """Offer *versions* by name and architecture."""
        self.offered, self.updated = versions, ()

    def update(self, architectures):
        """Note what is asked for."""
        self.updated = tuple(architectures)

    def versions(self, name, architecture):
        """Return what is offered."""
        return self.offered.get((name, architecture), ())


def ignore(_line):
    """Hear nothing."""


def wanted(*targets, release="1.96.0", source=False):
    return InstallToolchain(why="", source="rustup", release=release, host=HOST, targets=targets, library=source)


def made(home, *targets, source=False, origin="rustup"):
    """Put a toolchain's folders and its marker into *home*."""
    folder = home / "toolchains" / NAME
    for part in ("bin", *(f"lib/rustlib/{triple}" for triple in (HOST, *targets)), *((toolchain.SOURCE,) if source else ())):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "bin/rustc").touch()
    held = Toolchain(
        name=NAME, path=str(folder), release="1.96.0", host=HOST, standard=(HOST, *targets), library=source, origin=origin, glibc="2.36"
    )
    toolchain.mark(folder, held)
    return folder


def test_nothing_there(tmp_path):
    """An empty home lacks all of it, the host's own standard library too."""
    assert ("rustc", HOST, ARM, "source") == toolchain.missing(tmp_path, wanted(ARM, source=True))
    assert () == inventory.toolchains(tmp_path)


def test_complete(tmp_path):
    """A marked toolchain with the wanted folders is complete, and one for a further target lacks just that."""
    made(tmp_path, ARM)
    assert () == toolchain.missing(tmp_path, wanted(ARM))
    assert (S390X, "source") == toolchain.missing(tmp_path, wanted(ARM, S390X, source=True))


def test_added_to(tmp_path):
    """What a toolchain holds is noted anew with its files, and no difference in itself."""
    made(tmp_path)
    folder = made(tmp_path, ARM)
    assert (HOST, ARM) == inventory.toolchains(tmp_path)[0].standard
    assert () == cache.changed_files(folder)


def test_checked_when_found_again(tmp_path):
    """A marker does not stand for what has gone from the disk."""
    folder = made(tmp_path, ARM)
    (folder / "lib/rustlib" / ARM).rmdir()
    assert (ARM,) == toolchain.missing(tmp_path, wanted(ARM))
    (folder / "bin/rustc").unlink()
    assert ("rustc", HOST, ARM) == toolchain.missing(tmp_path, wanted(ARM))


@pytest.mark.parametrize("text", ["", "{", '{"version": 2}', '{"release": "1.96.0"}'])
def test_torn_marker(tmp_path, text):
    """A marker that cannot be read makes no toolchain."""
    (made(tmp_path) / ".crosstasks.json").write_text(text)
    assert toolchain.missing(tmp_path, wanted())


def test_inspect(tmp_path):
    """What the marker says is what is told of a toolchain; a folder without one is none."""
    folder = made(tmp_path, ARM, source=True, origin="debian")
    (tmp_path / "toolchains" / "half").mkdir()
    (found,) = inventory.toolchains(tmp_path)
    assert (NAME, str(folder), "1.96.0", HOST) == (found.name, found.path, found.release, found.host)
    assert ((HOST, ARM), True, "debian", "2.36") == (found.standard, found.library, found.origin, found.glibc)


def test_rustup_installs(tmp_path):
    """One call asks rustup for the exact release, in a home that cannot be the user's, and its marker says what came."""
    run = Recorder()
    toolchain.from_rustup(wanted(ARM, source=True), home=tmp_path, rustup="/x/rustup", run=run, say=ignore)
    ((argv, env, _),) = run.calls
    flags = ("--profile", "minimal", "--force-non-host", "--no-self-update")
    assert ("/x/rustup", "toolchain", "install", NAME, *flags, "--target", ARM, "--component", "rust-src") == argv
    assert env["RUSTUP_HOME"].startswith(str(tmp_path))
    assert env["RUSTUP_TOOLCHAIN"] is None
    assert () == toolchain.missing(tmp_path, wanted(ARM, source=True))


def test_rustup_adds(tmp_path):
    """What is lacking is added to the toolchain that is there, and nothing is taken from it."""
    made(tmp_path, ARM)
    run = Recorder()
    toolchain.from_rustup(wanted(S390X, source=True), home=tmp_path, rustup="rustup", run=run, say=ignore)
    assert [
        ("rustup", "target", "add", S390X, "--toolchain", NAME),
        ("rustup", "component", "add", "rust-src", "--toolchain", NAME),
    ] == [argv for argv, _, _ in run.calls]
    assert [str(tmp_path)] * 2 == [env["RUSTUP_HOME"] for _, env, _ in run.calls]
    assert (HOST, ARM, S390X) == inventory.toolchains(tmp_path)[0].standard


def test_rustup_begins_anew(tmp_path):
    """A toolchain that rustup cannot add to is made anew with all that it had."""
    made(tmp_path, ARM)
    run = Recorder(codes=[1])
    toolchain.from_rustup(wanted(S390X), home=tmp_path, rustup="rustup", run=run, say=ignore)
    assert ("--target", ARM, "--target", S390X) == run.calls[1][0][-4:]
    assert (HOST, ARM, S390X) == inventory.toolchains(tmp_path)[0].standard


def test_rustup_adds_to_nothing_that_is_damaged(tmp_path):
    """Its files are noted again afterwards, and the damage would be noted as good: it is made anew with all that it had."""
    (made(tmp_path, ARM) / "bin/rustc").write_text("another")
    run, said = Recorder(), []
    toolchain.from_rustup(wanted(S390X), home=tmp_path, rustup="rustup", run=run, say=said.append)
    ((argv, _, _),) = run.calls
    assert ("toolchain", "install", "--target", ARM, "--target", S390X) == (*argv[1:3], *argv[-4:])
    assert f"{tmp_path / 'toolchains' / NAME} is made anew: bin/rustc is not what was installed" in said
    assert ((HOST, ARM, S390X), ()) == (inventory.toolchains(tmp_path)[0].standard, cache.changed_files(tmp_path / "toolchains" / NAME))


def test_rustup_fails(tmp_path):
    """The error of rustup is passed on without its chatter, what was whole stays, and no draft is left."""
    made(tmp_path, ARM)
    said = "info: syncing\nwarn: hm\nerror: component 'rust-std' for target 's390x' is unavailable for download for channel '1.96.0'\n"
    with pytest.raises(ToolMissing) as caught:
        toolchain.from_rustup(wanted(S390X), home=tmp_path, rustup="rustup", run=Recorder(codes=[1, 1], err=said), say=ignore)
    assert f"rustup cannot install {wanted(S390X).name}: component 'rust-std' for target 's390x' is unavailable" in caught.value.what
    assert "-Zbuild-std" in caught.value.hint
    assert () == toolchain.missing(tmp_path, wanted(ARM))
    assert [] == [path for path in (tmp_path / "making").iterdir() if path.is_dir()]


def test_rustup_fails_half_way(tmp_path):
    """What it has written into its books is no damage: bundles compare all, and would take the toolchain out."""
    folder = made(tmp_path, ARM)
    components = folder / "lib/rustlib/components"

    def adding(argv, **_options):
        components.write_text("rust-std-s390x\n")
        return Done(argv=tuple(argv), code=1)

    components.write_text("rustc\n")
    made(tmp_path, ARM)
    with pytest.raises(ToolMissing):
        toolchain.from_rustup(wanted(S390X), home=tmp_path, rustup="rustup", run=adding, say=ignore)
    assert (HOST, ARM) == inventory.toolchains(tmp_path)[0].standard
    assert () == cache.changed_files(folder)


def brought(home, *targets, origin="debian", version="1"):
    """Put a toolchain as a bundle has it into *home*."""
    folder = made(home, *targets, origin=origin)
    for triple in targets:
        (folder / "lib/rustlib" / triple / "libstd.rlib").write_text(triple)
    held = replace(inventory.toolchain(folder), architectures={triple: triple for triple in targets}, packages={"rustc-web:amd64": version})
    toolchain.mark(folder, held)
    return folder, held


def test_a_second_bundle_takes_nothing_away(tmp_path):
    """What only the toolchain that is there holds is added to the one that replaces it, and noted."""
    (place, held), (folder, other) = brought(tmp_path / "a", ARM, S390X), brought(tmp_path / "b", ARM)
    toolchain.keep(place, held, folder, other)
    (found,) = inventory.toolchains(tmp_path / "b")
    assert (HOST, ARM, S390X) == found.standard
    assert {ARM, S390X} == set(inventory.toolchain(folder).architectures)
    assert S390X == (folder / "lib/rustlib" / S390X / "libstd.rlib").read_text()
    assert () == cache.changed_files(folder)


@pytest.mark.parametrize("more", [{"version": "2"}, {"origin": "rustup"}])
def test_what_fits_no_other_rustc_is_not_lost(tmp_path, more):
    """It is said instead; nothing stands in the way of one that has all that is there."""
    (place, held), (folder, other) = brought(tmp_path / "a", ARM, S390X), brought(tmp_path / "b", ARM, **more)
    with pytest.raises(ToolMissing, match="not that of the bundle"):
        toolchain.keep(place, held, folder, other)
    toolchain.keep(place, replace(held, standard=(HOST, ARM)), folder, other)
    assert (HOST, ARM) == inventory.toolchains(tmp_path / "b")[0].standard


def test_rustup_lies(tmp_path):
    """A rustup that exits with 0 and brings nothing is found out."""
    with pytest.raises(ToolMissing, match="without rustc"):
        toolchain.from_rustup(wanted(ARM), home=tmp_path, rustup="rustup", run=Recorder(make=False), say=ignore)
    assert () == inventory.toolchains(tmp_path)


def test_rustup_adds_nothing(tmp_path):
    """A target that rustup did not add, whatever it says, is not written down as there."""
    made(tmp_path)
    with pytest.raises(ToolMissing, match="without"):
        toolchain.from_rustup(wanted(ARM), home=tmp_path, rustup="rustup", run=Recorder(make=False), say=ignore)
    assert (HOST,) == inventory.toolchains(tmp_path)[0].standard


def test_nothing_to_do(tmp_path):
    """A complete toolchain costs no program."""
    made(tmp_path, ARM)
    run = Recorder()
    toolchain.from_rustup(wanted(ARM), home=tmp_path, rustup="rustup", run=run, say=ignore)
    rust_packages.from_debian(
        wanted(ARM),
        home=tmp_path,
        archive=Offers({}),
        runs_here=True,
        patchelf=Path,
        run=run,
        say=ignore,
    )
    assert [] == run.calls


def debian(home, offers, *targets):
    rust_packages.from_debian(
        wanted(*targets),
        home=home,
        archive=offers,
        runs_here=True,
        patchelf=Path,
        run=Recorder(),
        say=ignore,
    )


def test_debian_has_no_such_target(tmp_path):
    """A target that Debian has no port for is refused before anything is asked."""
    offers = Offers({})
    with pytest.raises(ToolMissing, match=f"no standard library of {RISCV}"):
        debian(tmp_path, offers, RISCV)
    assert () == offers.updated


def test_debian_has_no_such_release(tmp_path):
    """A release that is not offered is refused with those that are."""
    offers = Offers({("rustc-web", "amd64"): ("1.90.0+dfsg1-1", "1.85.0+dfsg3-1~deb12u3")})
    with pytest.raises(ToolMissing) as caught:
        debian(tmp_path, offers, ARM)
    assert "its releases are: 1.90.0, 1.85.0" == caught.value.why


def test_debian_std_must_be_of_the_same_build(tmp_path):
    """A standard library of the same release but another build of Debian's is not taken."""
    rustc = "1.96.0+dfsg1-1~deb12u2"
    std = {("libstd-rust-web-dev", "amd64"): (rustc,), ("libstd-rust-web-dev", "armhf"): ("1.96.0+dfsg1-1~deb12u1",)}
    with pytest.raises(ToolMissing) as caught:
        debian(tmp_path, Offers({("rustc-web", "amd64"): (rustc,), **std}), ARMV7)
    assert f"Debian has no standard library of 1.96.0 for {ARMV7}" == caught.value.what
    assert rustc in caught.value.why


@pytest.mark.parametrize(
    ("version", "release"),
    [("1.96.0+dfsg1-1~deb12u2", "1.96.0"), ("1.85.0+dfsg3-1", "1.85.0"), ("1.63.0-2", "1.63.0"), ("1:1.85.0~beta-1", "1.85.0")],
)
def test_upstream(version, release):
    """Debian's version begins with Rust's release."""
    assert release == rust_packages.release(version)


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("libllvm22", True),
        ("zlib1g", True),
        ("libgcc-s1", True),
        ("libstdc++6", True),
        ("libstd-rust-web-1.96", True),
        ("rustc-web", True),
        ("cargo-web", True),
        ("libc6", False),
        ("libc6-dev", False),
        ("gcc", False),
        ("gcc-12", False),
        ("gcc-12-base", False),
        ("cpp-12", False),
        ("binutils-x86-64-linux-gnu", False),
        ("libstd-rust-web-dev", False),
        ("linux-libc-dev", False),
        ("libc-dev-bin", False),
        ("libtirpc-common", False),
    ],
)
def test_packages_worth_fetching(package, expected):
    """gcc, headers and the C library's own files are not fetched for a toolchain."""
    assert expected == rust_packages.may_hold_libraries(package)


def test_library(tmp_path):
    """The crates of std are fetched as its lock file says, by the toolchain itself, into the CARGO_HOME that is given."""
    source = tmp_path / toolchain.SOURCE
    source.mkdir(parents=True)
    (source / "Cargo.toml").touch()
    run = Recorder()
    toolchain.fetch_library(tmp_path, host_toolchain=tmp_path, cargo_home="/x/cargo", run=run, say=ignore)
    ((argv, env, cwd),) = run.calls
    assert (f"{tmp_path}/bin/cargo", "fetch", "--locked", "--manifest-path", f"{source}/Cargo.toml") == argv
    assert {"RUSTC_BOOTSTRAP": "1", "RUSTC": f"{tmp_path}/bin/rustc", "RUSTUP_TOOLCHAIN": None, "CARGO_HOME": "/x/cargo"} == env
    assert str(tmp_path) == cwd, "library/.cargo names copies that a build does not look at"


def test_library_of_a_foreign_toolchain(tmp_path):
    """A toolchain that does not run here has its crates fetched by one that does, into the user's CARGO_HOME."""
    source = tmp_path / toolchain.SOURCE
    source.mkdir(parents=True)
    (source / "Cargo.toml").touch()
    run = Recorder()
    toolchain.fetch_library(tmp_path, host_toolchain=Path("/x/own"), run=run, say=ignore)
    assert ("/x/own/bin/cargo", "/x/own/bin/rustc") == (run.calls[0][0][0], run.calls[0][1]["RUSTC"])
    assert "CARGO_HOME" not in run.calls[0][1]


def test_no_library(tmp_path):
    """Without its source there is nothing to fetch for."""
    with pytest.raises(ToolMissing, match="no source of the standard library"):
        toolchain.fetch_library(tmp_path, host_toolchain=tmp_path, run=Recorder(), say=ignore)


def members(**files):
    """Return members as a package streams them."""
    for name, content in files.items():
        info = tarfile.TarInfo(f"./{name}")
        info.size, info.mode = len(content), 0o4777
        yield info, io.BytesIO(content)
    folder = tarfile.TarInfo("./usr")
    folder.type = tarfile.DIRTYPE
    yield folder, None


def tree(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_standard(tmp_path):
    """Only the target's own folder is taken from a package of std, without special bits."""
    files = {f"usr/lib/rustlib/{ARM}/lib/libcore.rlib": b"core", "usr/share/doc/x": b"", f"usr/lib/rustlib/{ARM}x/lib/y": b""}
    rust_packages.standard(members(**files), ARM, tmp_path)
    assert {f"lib/rustlib/{ARM}/lib/libcore.rlib"} == tree(tmp_path)
    assert 0o755 == (tmp_path / f"lib/rustlib/{ARM}/lib/libcore.rlib").stat().st_mode & 0o7777
    with pytest.raises(ToolMissing, match=f"no standard library of {S390X}"):
        rust_packages.standard(members(**files), S390X, tmp_path)


def test_source(tmp_path):
    """Of the compiler's source only the library is taken, without Debian's copies of crates."""
    root = "usr/src/rustc-1.96.0"
    files = {f"{root}/library/Cargo.lock": b"", f"{root}/library/vendor/libc/lib.rs": b"", f"{root}/src/tools/library/x": b""}
    rust_packages.library(members(**files), "1.96.0", tmp_path)
    assert {"lib/rustlib/src/rust/library/Cargo.lock"} == tree(tmp_path)


def test_programs_absent(tmp_path):
    """Packages without cargo make no toolchain."""
    with pytest.raises(ToolMissing, match="no rustdoc, cargo"):
        rust_packages.programs(members(**{"usr/bin/rustc": b""}), tmp_path)


def test_no_escape(tmp_path):
    """No member is written outside the toolchain's folder."""
    files = {f"usr/lib/rustlib/{ARM}/../../../../../x": b""}
    with pytest.raises(ToolMissing, match="cannot be unpacked"):
        rust_packages.standard(members(**files), ARM, tmp_path / "a" / "b")


def test_a_component_of_debian_is_its_programs(tmp_path):
    """Of the package nothing else is kept; one that lacks a program is no component."""
    files = {"usr/bin/cargo-clippy": b"a", "usr/bin/clippy-driver": b"b", "usr/share/doc/x": b"c"}
    rust_packages.component(members(**files), "clippy", tmp_path)
    assert ["cargo-clippy", "clippy-driver"] == sorted(path.name for path in (tmp_path / "bin").iterdir())
    with pytest.raises(ToolMissing, match="holds no clippy-driver"):
        rust_packages.component(members(**{"usr/bin/cargo-clippy": b"a"}), "clippy", tmp_path / "other")


def test_the_librarys_own_crates_cannot_be_fetched(tmp_path):
    """Cargo's own words are told."""
    manifest = tmp_path / toolchain.SOURCE / "Cargo.toml"
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    with pytest.raises(ToolMissing) as raised:
        toolchain.fetch_library(tmp_path, host_toolchain=tmp_path, run=Recorder(codes=[101], err="error: no network\n"), say=ignore)
    assert ("the standard library's dependencies cannot be fetched", "error: no network") == (raised.value.what, raised.value.why)
    assert "is the crates registry within reach?" == raised.value.hint


def test_the_start_files_of_windows_are_compiled_once(tmp_path):
    """From the library's source, by the host's rustc; one that is there stays, and one that fails leaves nothing."""
    place = tmp_path / "lib/rustlib/x86_64-pc-windows-gnu/lib"
    place.mkdir(parents=True)
    (place / "rsend.o").write_text("ready")
    calls = []

    def run(argv, *, env):
        calls.append((argv, env))
        Path(argv[-2]).write_text("object")
        return Done(argv=argv, code=0)

    for _ in range(2):
        toolchain.start_files(tmp_path, "x86_64-pc-windows-gnu", host_toolchain=Path("/host"), run=run)
    ((argv, env),) = calls
    options = ("--target", "x86_64-pc-windows-gnu", "--emit=obj", "-O", "--crate-type=lib", "-o")
    source = str(tmp_path / toolchain.SOURCE / "rtstartup" / "rsbegin.rs")
    assert (("/host/bin/rustc", *options), (source,), {"RUSTC_BOOTSTRAP": "1"}) == (argv[:-2], argv[-1:], env)
    assert {"rsbegin.o": "object", "rsend.o": "ready"} == {path.name: path.read_text() for path in place.iterdir()}
    (place / "rsend.o").unlink()
    with pytest.raises(ToolMissing, match=r"rsend\.o of x86_64-pc-windows-gnu cannot be made\nno source"):
        toolchain.start_files(
            tmp_path, "x86_64-pc-windows-gnu", host_toolchain=Path("/host"), run=lambda argv, **_: Done(argv=argv, code=1, err="no source")
        )
    assert ["rsbegin.o"] == [path.name for path in place.iterdir()]
