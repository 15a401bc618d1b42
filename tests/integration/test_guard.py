"""The real cross 0.2.5 behind the guard: whatever it tries, the host's cargo compiles nothing."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from crosstasks.building import guard as guards
from crosstasks.building import outcome
from crosstasks.catalog.ingredients import Toolchain
from crosstasks.core import versions
from crosstasks.core.errors import BuildFailed, ConfigError, EngineFailed, ImageFailed, NoRoute, ToolMissing

HOST = "x86_64-unknown-linux-gnu"
ARM = "aarch64-unknown-linux-gnu"
MUSL = "riscv64gc-unknown-linux-musl"
WASM = "wasm32-unknown-unknown"
IMAGE = f"crosstasks-test-guard:{os.getpid()}"
NOWHERE = "127.0.0.1:1/nothing:here"
PROGRAMS = ("sh", "sleep", "mkdir", "chown", "ln", "rm", "cp", "mv", "cat", "touch", "find", "xargs")

MANIFEST = """
[package]
name = "tiny"
version = "0.1.0"
edition = "2021"

[features]
failing = []
"""

BUILD_RS = """
fn main() {
    assert!(std::path::Path::new("/.dockerenv").exists(), "compiled on the host");
}
"""

MAIN_RS = """
fn main() {
    let code = std::env::args().nth(1).map_or(0, |code| code.parse().unwrap());
    println!("ran in {}", std::env::current_dir().unwrap().display());
    std::process::exit(code);
}
#[test]
fn passes() {}
#[cfg(feature = "failing")]
#[test]
fn fails() {
    panic!("on purpose")
}
"""


@pytest.fixture(scope="session")
def cross(tmp_path_factory):
    """PyPI's cross 0.2.5."""
    folder = tmp_path_factory.mktemp("cross")
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), "astral-dev-toolchain-cross==0.2.5")
    subprocess.run(pip, check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/scripts/cross"))
        program = folder / "cross"
        program.write_bytes(archive.read(name))
    program.chmod(0o755)
    return str(program)


@pytest.fixture(scope="session")
def image():
    """An image of a shell and little more; mounting the host's /usr makes a compiler's image of it."""
    command = ("docker", "import", "-", IMAGE)
    subprocess.run(command, input=_root(), check=True, capture_output=True)
    yield IMAGE
    subprocess.run(("docker", "rmi", "--force", IMAGE), check=True, capture_output=True)


def _root() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for folder, mode in (("etc/alternatives", 0o755), ("usr", 0o755), ("tmp", 0o1777)):
            member = tarfile.TarInfo(folder)
            member.type, member.mode = tarfile.DIRTYPE, mode
            archive.addfile(member)
        for name in ("bin", "sbin", "lib", "lib64"):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, f"usr/{name}"
            archive.addfile(member)
        for path in sorted(_needed()):
            archive.add(os.path.realpath(path), f"usr{path.removeprefix('/usr')}")
    return stream.getvalue()


def _needed() -> set[str]:
    """The programs, and what they, cargo and rustc load (those two come with the toolchain)."""
    programs = [shutil.which(program) for program in PROGRAMS]
    loaded = subprocess.run(
        ("ldd", *programs, *(f"{_sysroot()}/bin/{name}" for name in ("cargo", "rustc"))), check=True, capture_output=True, text=True
    ).stdout
    libraries = re.findall(r"(?<=\s)/(?:usr/)?lib\S+(?= \()", loaded)
    return {*programs, *libraries}


def _sysroot() -> str:
    return subprocess.run(("rustc", "--print", "sysroot"), check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="session")
def toolchain():
    """The machine's own toolchain, which is only read."""
    path = _sysroot()
    return Toolchain(name=Path(path).name, path=path, host=HOST, standard=(HOST,))


class Bench:
    """A crate, and cross behind a guard in a folder whose name wants quoting."""

    def __init__(self, root, cross, image, toolchain):
        """Write the crate, and beside it programs that must never be called."""
        self.root, self.cross, self.image, self.toolchain = root, cross, image, toolchain
        self.crate, self.target, self.tripwire, self.trap = root / "crate", root / "target", root / "tripwire", root / "tripped"
        (self.crate / "src").mkdir(parents=True)
        (self.crate / "Cargo.toml").write_text(MANIFEST)
        (self.crate / "build.rs").write_text(BUILD_RS)
        (self.crate / "src" / "main.rs").write_text(MAIN_RS)
        self.tripwire.mkdir()
        for name in ("cargo", "rustup", "rustc", "xargo"):
            wire = self.tripwire / name
            wire.write_text(f'#!/bin/sh\necho "{name} $*" >>"{self.trap}"\n')
            wire.chmod(0o755)

    def guard(self, **changes) -> guards.Guard:
        """Return a guard over the machine's toolchain."""
        path = self.toolchain.path
        given = guards.Guard(
            folder=str(self.root / "it's a `guard` $HOME"),
            cargo=f"{path}/bin/cargo",
            rustc=f"{path}/bin/rustc",
            toolchain=self.toolchain,
        )
        return replace(given, **changes)

    def environment(self, guard: guards.Guard, changes) -> dict[str, str]:
        """Return the environment of cross: what it needs, and of the machine's own Rust only where its rustup keeps things."""
        kept = {name: value for name, value in os.environ.items() if name == "RUSTUP_HOME"}
        env = kept | {name: value for name, value in os.environ.items() if not name.startswith(("CARGO", "RUST", "CROSS"))}
        env |= {f"CROSS_TARGET_{triple.upper().replace('-', '_')}_IMAGE": self.image for triple in (HOST, ARM, "wasm32-unknown-unknown")}
        env |= {
            "CROSS_CONTAINER_ENGINE": "docker",
            "CROSS_CONTAINER_OPTS": "--volume /usr:/usr:ro --volume /etc/alternatives:/etc/alternatives:ro",
            "CARGO_HOME": str(self.root / "home"),
            "XARGO_HOME": str(self.root / "xargo"),
            "XDG_DATA_HOME": str(self.root / "data"),
            "CARGO_TARGET_DIR": str(self.target),
        }
        env |= guards.variables(guard, f"{self.tripwire}:{env['PATH']}") | changes
        return {name: value for name, value in env.items() if value is not None}

    def run(self, *argv, env=None, cwd="", **changes):
        """Call cross; return its end, the marks, and what they mean."""
        guard = self.guard(**changes)
        with guards.active(guard):
            command = (self.cross, *argv)
            done = subprocess.run(  # noqa: PLW1510
                command, env=self.environment(guard, env or {}), cwd=cwd or self.crate, capture_output=True, text=True, timeout=120
            )
            marks = outcome.marks(guard.folder)
        assert not Path(guard.folder).exists()
        assert not self.trap.exists(), self.trap.read_text()
        return done, marks, outcome.explain(marks, done.returncode, done.stderr)

    def compiled(self) -> list[Path]:
        """What any cargo has compiled."""
        folders = (self.target, self.crate / "target")
        return [path for folder in folders for path in folder.rglob("*") if path.suffix in {".d", ".rlib", ".rmeta", ".o"}]


@pytest.fixture
def bench(tmp_path, cross, image, toolchain):
    return Bench(tmp_path / "a folder's", cross, image, toolchain)


# the rows of "cross 0.2.5 and a guard on PATH", and of every fall-back that cross 0.2.x has
FELL_BACK = {
    "a feature that is not there": (("build", "--target", HOST, "--features", "none"), ConfigError, "does not contain this feature"),
    "a manifest that is not there": (("build", "--target", HOST, "--manifest-path", "no/Cargo.toml"), ConfigError, "does not exist"),
    "no image for the target": (("build", "--target", MUSL), ImageFailed, f"does not provide a Docker image for target {MUSL}"),
    "no image, quietly": (("-q", "build", "--target", MUSL), NoRoute, "CARGO_TERM_QUIET"),
    "no image for bare metal": (("build", "--target", "riscv32imac-unknown-none-elf"), ImageFailed, "riscv32imac-unknown-none-elf"),
    "a target that has an image and no container": (("build", "--target", WASM), NoRoute, f"`cargo build --target {WASM}`"),
    "the same, with =": (("build", f"--target={WASM}"), NoRoute, f"`cargo build --target={WASM}`"),
    "nextest": (("nextest", "run", "--target", HOST), NoRoute, f"`cargo nextest run --target {HOST}`"),
    "fmt": (("fmt", "--", "--check"), NoRoute, "`cargo fmt -- --check`"),
    "an alias": (("mine", "--target", HOST), NoRoute, f"`cargo mine --target {HOST}`"),
    "-p before build": (("-p", "tiny", "build", "--target", HOST), NoRoute, f"`cargo -p tiny build --target {HOST}`"),
    "--version": (("--version",), NoRoute, "`cargo --version`"),
    "nothing at all": ((), NoRoute, "`cargo`"),
}


@pytest.mark.parametrize(("argv", "error", "words"), FELL_BACK.values(), ids=FELL_BACK)
def test_a_fall_back_is_a_clear_error_and_compiles_nothing(bench, argv, error, words):
    """Whatever cross hands to the host's cargo leaves a mark, ends in 97 and is told in plain words."""
    (bench.crate / ".cargo").mkdir()
    (bench.crate / ".cargo" / "config.toml").write_text('[alias]\nmine = "build"\n')
    done, marks, told = bench.run(*argv)
    assert done.returncode == guards.CARGO_REFUSED
    assert marks.cargo == argv
    assert type(told) is error
    assert words in str(told)
    assert bench.compiled() == []


def test_no_project_is_told_in_cargos_words(bench, tmp_path):
    """Outside of a project cross falls back as well."""
    done, _, told = bench.run("build", "--target", HOST, cwd=tmp_path)
    assert done.returncode == guards.CARGO_REFUSED
    assert type(told) is ConfigError
    assert "could not find `Cargo.toml`" in str(told)


def test_a_broken_manifest_is_told_in_cargos_words(bench):
    """Cross hides what cargo says of a manifest; the guard keeps it."""
    (bench.crate / "Cargo.toml").write_text("[package]\nname = 7\n")
    done, marks, told = bench.run("test", "--target", HOST)
    assert done.returncode == guards.CARGO_REFUSED
    assert "invalid type" not in done.stderr
    assert "invalid type" in marks.metadata_stderr
    assert type(told) is ConfigError
    assert "invalid type" in str(told)


def test_a_dependency_out_of_reach_is_told_without_its_password(bench):
    """A dependency that cannot be had is cargo's no, and a password in its address is not shown."""
    with (bench.crate / "Cargo.toml").open("a") as manifest:
        manifest.write('[dependencies]\nother = { git = "https://someone:hunter2@localhost:1/other" }\n')
    done, _, told = bench.run("build", "--target", HOST)
    assert done.returncode == guards.CARGO_REFUSED
    assert type(told) is BuildFailed
    assert "localhost:1/other" in str(told)
    assert "hunter2" not in str(told)
    assert bench.compiled() == []


def test_a_channel_that_is_not_installed(bench):
    """With rustup's proxy as the real cargo, `+channel` reaches it, and its refusal is shown."""
    proxy = bench.crate.parent / "proxy" / "cargo"  # rustup is its own proxies, by the name that it is called by
    proxy.parent.mkdir()
    proxy.symlink_to(shutil.which("rustup"))
    done, marks, told = bench.run("+1.2.3", "build", "--target", HOST, cargo=str(proxy), env={"RUSTUP_AUTO_INSTALL": "0"})
    assert done.returncode == guards.CARGO_REFUSED
    assert marks.cargo == ("+1.2.3", "build", "--target", HOST)
    assert type(told) is ToolMissing
    assert "1.2.3" in str(told)


def test_an_unknown_triple(bench):
    """A triple that rustc does not know makes metadata fail."""
    done, _, told = bench.run("build", "--target", "x86_64-typo-linux-gnu")
    assert done.returncode == guards.CARGO_REFUSED
    assert type(told) is ConfigError
    assert "x86_64-typo-linux-gnu" in str(told)


def test_a_dockerfile_alone_is_no_image(bench):
    """0.2.x looks for an image before it reads `dockerfile` (cross-rs/cross#1340)."""
    (bench.crate / "Cross.toml").write_text(f'[target.{MUSL}]\ndockerfile = "Dockerfile"\n')
    done, _, told = bench.run("build", "--target", MUSL)
    assert done.returncode == guards.CARGO_REFUSED
    assert type(told) is ImageFailed


def test_the_old_rules_on_an_unknown_host(bench, tmp_path):
    """With CROSS_COMPATIBILITY_VERSION=0.2.1 cross runs nothing in a container on a host that it does not know."""
    rustc = tmp_path / "rustc"
    rustc.write_text(f"#!/bin/sh\n'{bench.toolchain.path}/bin/rustc' \"$@\" | sed 's/^host: .*/host: s390x-unknown-linux-gnu/'\n")
    rustc.chmod(0o755)
    done, _, told = bench.run("build", "--target", HOST, env={"RUSTC": str(rustc), "CROSS_COMPATIBILITY_VERSION": "0.2.1"})
    assert done.returncode == guards.CARGO_REFUSED
    assert type(told) is NoRoute
    assert f"it called `cargo build --target {HOST}` on the host" in str(told)


def test_a_remote_clean_is_marked_after_the_container_cleaned(bench):
    """With CROSS_REMOTE cross cleans in the container first, and then on the host."""
    # cargo 1.96 cleans only what is marked as its own
    tag = bench.crate / "target" / "CACHEDIR.TAG"
    tag.parent.mkdir(exist_ok=True)
    tag.write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    env = {"CROSS_REMOTE": "1", "CROSS_REMOTE_COPY_CACHE": "1", "CROSS_CONTAINER_OPTS": None}
    done, marks, told = bench.run("clean", "--target", HOST, env=env)
    assert done.returncode == guards.CARGO_REFUSED, done.stderr
    assert marks.cargo == ("clean", "--target", HOST)
    assert "Removed" in done.stderr
    assert type(told) is NoRoute


def test_the_list_of_subcommands_is_let_through(bench):
    """`--list` compiles nothing."""
    done, marks, told = bench.run("--list")
    assert (done.returncode, marks.cargo, told) == (0, None, None)
    assert "build" in done.stdout


@pytest.mark.parametrize("where", ["nowhere", "config"])
def test_without_target_the_hosts_own_image_is_wanted(bench, where):
    """Without `--target` cross takes the host's triple; `build.target` in cargo's configuration is not read."""
    if where == "config":
        (bench.crate / ".cargo").mkdir()
        (bench.crate / ".cargo" / "config.toml").write_text(f'[build]\ntarget = "{ARM}"\n')
    done, marks, told = bench.run("build", env={"CROSS_TARGET_X86_64_UNKNOWN_LINUX_GNU_IMAGE": NOWHERE})
    assert done.returncode == 125
    assert marks.cargo is None
    assert type(told) is ImageFailed
    assert NOWHERE in str(told)
    assert bench.compiled() == []


def test_an_engine_that_is_down(bench):
    """A daemon that does not answer is the engine's failure."""
    done, _, told = bench.run("build", "--target", HOST, env={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert done.returncode == 125
    assert type(told) is EngineFailed
    assert "nowhere.sock" in str(told)


def test_no_engine_at_all(bench):
    """No program of an engine: cross says so, and runs nothing."""
    done, marks, told = bench.run("build", "--target", HOST, env={"CROSS_CONTAINER_ENGINE": "no-such-engine"})
    assert (done.returncode, marks.cargo) == (1, None)
    assert type(told) is EngineFailed


def test_an_install_is_refused_and_named(bench):
    """Cross installs nothing; what it wanted is named."""
    done, marks, told = bench.run("+1.2.3", "build", "--target", HOST)
    assert done.returncode == 1
    assert marks.rustup == ("toolchain", "add", f"1.2.3-{HOST}", "--profile", "minimal")
    assert type(told) is NoRoute
    assert f"it called `rustup toolchain add 1.2.3-{HOST} --profile minimal` on the host" in str(told)


@pytest.mark.parametrize(("component", "verb"), [("rust-src", "build"), ("clippy", "clippy")])
def test_a_component_that_lacks_is_named(bench, component, verb):
    """A toolchain without clippy, or with neither a standard library nor its source, is told before a container starts."""
    bare = replace(bench.toolchain, path=str(bench.root), standard=(HOST,) if verb == "clippy" else ())
    done, marks, told = bench.run(verb, "--target", HOST, toolchain=bare)
    assert done.returncode == 1
    assert marks.rustup == ("component", "add", component, "--toolchain", bare.name)
    assert type(told) is NoRoute
    assert f"`rustup component add {component} " in str(told)


def test_the_guarded_cross_builds_in_the_container(bench):
    """build, then run: both in the container (the build script checks), nothing is marked."""
    done, marks, told = bench.run("build", "--target", HOST)
    assert (done.returncode, marks, told) == (0, outcome.Marks(), None), done.stderr
    assert (bench.target / HOST / "debug" / "tiny").is_file()
    done, _, _ = bench.run("run", "--target", HOST)
    assert (done.returncode, done.stdout) == (0, "ran in /project\n")


def test_what_cargo_asked_the_compiler_is_kept_apart(bench, tmp_path):
    """By cargo 1.91 and newer; an older one keeps it in the target folder, where the container's cargo writes it anew."""
    (folder := tmp_path / "answers").mkdir()
    done, _, _ = bench.run("build", "--target", HOST, build_dir=str(folder))
    assert done.returncode == 0, done.stderr
    version = subprocess.run((f"{bench.toolchain.path}/bin/cargo", "--version"), check=True, capture_output=True, text=True).stdout.split()[
        1
    ]
    assert (versions.numbers(version) >= (1, 91)) == (folder / ".rustc_info.json").is_file()


@pytest.mark.parametrize("custom", [None, "1"])
def test_a_failing_test_keeps_its_code(bench, custom):
    """After a failure 0.2.5 asks for the list of components; with an answer the code stays 101."""
    done, marks, told = bench.run("test", "--target", HOST, env={"CROSS_CUSTOM_TOOLCHAIN": custom})
    assert (done.returncode, told) == (0, None), done.stderr
    done, marks, told = bench.run("test", "--target", HOST, "--features", "failing", env={"CROSS_CUSTOM_TOOLCHAIN": custom})
    assert "1 passed; 1 failed" in done.stdout
    assert (done.returncode, marks, told) == (101, outcome.Marks(), None)


@pytest.mark.parametrize("code", [1, 97, 98, 125, 127])
def test_a_programs_own_code_is_not_mistaken(bench, code):
    """A program that exits with a code of the guard, of cross or of docker is a program that exited."""
    done, marks, told = bench.run("run", "--target", HOST, "--", str(code))
    assert done.stdout == "ran in /project\n"
    assert (done.returncode, marks, told) == (code, outcome.Marks(), None)


@pytest.mark.parametrize("locked", [False, True])
def test_a_stale_lock_file_is_not_rewritten(bench, locked):
    """`cross build --locked` alone rewrites Cargo.lock and succeeds; with the guard it is left as it is, and that is said."""
    lock = bench.crate / "Cargo.lock"
    lock.write_text('version = 4\n\n[[package]]\nname = "tiny"\nversion = "0.0.9"\n')
    before = lock.read_bytes()
    done, _, told = bench.run("build", "--locked", "--target", HOST, lock=locked)
    assert (lock.read_bytes() == before) is locked
    assert done.returncode == (guards.CARGO_REFUSED if locked else 0)
    if locked:
        assert type(told) is ConfigError
        assert "Cargo.lock" in str(told)
        assert bench.compiled() == []


def test_another_sysroot_is_what_is_mounted(bench):
    """The stand-in for rustc names the toolchain to mount, by a name that the real one would resolve away."""
    folder = bench.root / "toolchains" / f"ct-{HOST}"
    folder.parent.mkdir()
    folder.symlink_to(bench.toolchain.path)
    done, marks, told = bench.run(
        "-v", "build", "--target", HOST, sysroot=str(folder), toolchain=replace(bench.toolchain, name=folder.name)
    )
    assert (done.returncode, marks, told) == (0, outcome.Marks(), None), done.stderr
    assert f"ct-{HOST}:/rust:z,ro" in done.stdout
    assert f"rustup target list --toolchain ct-{HOST}" in done.stdout


def _answer(program, *arguments):
    return tuple(subprocess.run((program, *arguments), capture_output=True, text=True, check=True).stdout.splitlines())


@pytest.mark.parametrize("host", ["aarch64-unknown-linux-gnu", "aarch64-apple-darwin"])
@pytest.mark.parametrize("claimed", ["", HOST])
def test_on_another_host_the_toolchain_keeps_its_name(bench, host, claimed):
    """0.2.5 puts x86_64's triple in place of its host's, and finds no toolchain there; told that it runs on x86_64, it builds."""
    rustc = bench.root / "rustc"
    rustc.write_text(f"#!/bin/sh\n{bench.toolchain.path}/bin/rustc \"$@\" | sed 's/^host: .*/host: {host}/'\n")
    rustc.chmod(0o755)
    folder = bench.root / "toolchains" / f"1.85.0-{host}"
    folder.parent.mkdir()
    folder.symlink_to(bench.toolchain.path)
    answers = {"-vV": _answer(rustc, "-vV")}
    changes = {"rustc": str(rustc), "sysroot": str(folder), "toolchain": replace(bench.toolchain, name=folder.name)}
    changes |= {"host": claimed, "compiler_output": answers}
    done, marks, told = bench.run("-v", "build", "--target", HOST, **changes)
    if claimed:
        assert (done.returncode, marks, told) == (0, outcome.Marks(), None), done.stderr
        assert f"1.85.0-{host}:/rust:z,ro" in done.stdout
    else:
        assert marks.rustup == ("--verbose", "toolchain", "add", f"1.85.0-{HOST}", "--profile", "minimal")
        assert type(told) is NoRoute


def test_only_the_host_is_another(bench):
    """The stand-in changes one line of one answer; all else is the real rustc's."""
    real = _answer(bench.guard().rustc, "-vV")
    guard = bench.guard(sysroot="/other", host="sparc64-sun-solaris", compiler_output={"-vV": real})
    with guards.active(guard):
        stand_in = f"{guard.folder}/rustc"
        assert _answer(stand_in, "-vV") == tuple("host: sparc64-sun-solaris" if line.startswith("host: ") else line for line in real)
        assert _answer(stand_in, "--print", "sysroot") == ("/other",)
        assert _answer(stand_in, "--print", "target-list") == _answer(guard.rustc, "--print", "target-list")


def test_cargo_is_given_the_users_home_back(bench, tmp_path):
    """Cross has a CARGO_HOME of ours; the real cargo reads the user's configuration."""
    (tmp_path / "config.toml").write_text("[broken\n")
    done, _, told = bench.run("build", "--target", HOST, cargo_home=str(tmp_path))
    assert done.returncode == guards.CARGO_REFUSED
    assert str(tmp_path / "config.toml") in str(told)


def test_a_file_system_without_programs_is_refused(bench):
    """A call passes over a program that may not run, and would find the host's cargo: so the guard does not go there."""
    place = bench.root / "noexec"
    place.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "noexec", "tmpfs", str(place)), check=True)
    try:
        with pytest.raises(ConfigError, match="noexec"), guards.active(bench.guard(folder=str(place / "guard"))):
            pass
        assert list(place.iterdir()) == []
    finally:
        subprocess.run(("umount", str(place)), check=True)


EVIL = 'it\'s a "$HOME" `id`; exit * \\0 \n%s'
"""A name that a careless shell takes apart."""

REAL = """#!/bin/sh
printf '<%s>' "$@" "$RUSTC" "$CARGO_HOME"
echo said >&2
exit 7
"""


@pytest.fixture
def alone(tmp_path):
    """A guard with a real cargo that shows what it was given, in folders with evil names."""
    real = tmp_path / EVIL / "bin" / "cargo"
    real.parent.mkdir(parents=True)
    real.write_text(REAL)
    real.chmod(0o755)
    toolchain = Toolchain(name=EVIL.replace("\n", ""), path=str(tmp_path / EVIL), host=HOST, standard=(HOST, ARM))
    guard = guards.Guard(
        folder=str(tmp_path / "runs" / EVIL),
        cargo=str(real),
        rustc=str(real),
        toolchain=toolchain,
        lock=True,
        cargo_home=EVIL,
    )
    with guards.active(guard):
        yield guard


def _call(guard, program, *argv):
    return subprocess.run((f"{guard.folder}/{program}", *argv), capture_output=True, check=False)


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("",),
        ("build", "", "a b", EVIL),
        ("+1.96.0", "build"),
        ("+1.96.0",),
        ("metadatas",),
        ("-v", "metadata"),
        ("build", "metadata"),
        ("--list", "build"),
        ("-Z", "x", "--list"),
    ],
)
@pytest.mark.parametrize("program", ["cargo", "rustup"])
def test_what_is_refused_is_marked_word_for_word(alone, program, argv):
    """Nothing but the few allowed calls gets through, and the mark holds what it was."""
    done = _call(alone, program, *argv)
    marks = outcome.marks(alone.folder)
    assert done.returncode == {"cargo": guards.CARGO_REFUSED, "rustup": guards.RUSTUP_REFUSED}[program]
    assert (done.stdout, getattr(marks, program)) == (b"", argv)


def test_arguments_need_not_be_text(alone):
    """Paths are bytes."""
    _call(alone, "cargo", b"build", b"\xff\n")
    assert outcome.marks(alone.folder).cargo == ("build", os.fsdecode(b"\xff\n"))


@pytest.mark.parametrize(("proxy", "channel"), [(True, "<+1.96.0>"), (False, "")])
def test_metadata_goes_to_the_real_cargo(alone, proxy, channel):
    """With our flags, the user's home and its own exit code; only rustup's proxy is given a channel."""
    if not proxy:
        Path(alone.toolchain.path, "lib", "rustlib").mkdir(parents=True)
    done = _call(alone, "cargo", "+1.96.0", "metadata", "--features", EVIL)
    assert done.stdout.decode() == f"{channel}<metadata><--locked><--offline><--features><{EVIL}><{alone.rustc}><{EVIL}>"
    assert (done.returncode, done.stderr) == (7, b"")
    assert outcome.marks(alone.folder) == outcome.Marks(metadata_code=7, metadata_stderr="said\n")


def test_rustup_answers_in_its_words(alone):
    """The lists are what cross parses: a name a line, and the word in brackets."""
    name = alone.toolchain.name
    assert _call(alone, "rustup", "toolchain", "list").stdout.decode() == f"{name}\n"
    assert _call(alone, "rustup", "target", "list", "--toolchain", name).stdout.decode() == f"{HOST} (installed)\n{ARM} (installed)\n"
    components = _call(alone, "rustup", "component", "list", "--toolchain", name).stdout.decode().splitlines()
    assert components == [f"rust-std-{HOST} (installed)", f"rust-std-{ARM} (installed)", "rust-src (installed)"]
    assert outcome.marks(alone.folder).rustup is None
    assert _call(alone, "rustup", "target", "list", "--toolchain", "other").returncode == guards.RUSTUP_REFUSED


def test_a_full_disk_leaves_a_mark_all_the_same(alone, tmp_path):
    """Nothing is run when nothing can be written, and that there was a call is still to be seen."""
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)), check=True)
    try:
        with guards.active(replace(alone, folder=str(small / "guard"))) as guard:
            with pytest.raises(OSError, match="No space left"):
                (small / "filling").write_bytes(b"x" * 100_000)
            assert _call(guard, "cargo", "build").returncode == guards.CARGO_REFUSED
            assert outcome.marks(guard.folder).cargo is not None
    finally:
        subprocess.run(("umount", str(small)), check=True)


@pytest.mark.parametrize(("name", "there"), [("cross-aarch64-a1b2-17", True), ("cross-targets/board.json-a1b2-17", False)])
def test_a_path_names_no_container(tmp_path, name, there):
    """Cross's main branch has a target's own name in it, which is a path where a file describes the target: the engine then finds a name."""
    folders = {"home": "/cache/cargo/1", "run": "/cache/runs/1", "root": "/p", "target_dir": "/p/target/a", "target": "/p/target"}
    program = tmp_path / "engine"
    program.write_text(guards.engine_program(guards.Mounts(engine="/bin/echo", kind="docker", cache="/cache", **folders)))
    words = ("run", "--name", name, "--rm", "-v", "/cache/cargo/1:/cargo:z", "-v", "/p:/project:z", "image", "sh")
    done = subprocess.run(("sh", program, *words), capture_output=True, text=True, check=True)
    assert (f"--name {name} --rm" in done.stdout, "name" in done.stdout) == (there, there)
