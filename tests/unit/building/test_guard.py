"""The guard's programs as text, its marks, and what they mean; the programs run in the integration tests."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from crosstasks.building import guard as guards
from crosstasks.building import outcome
from crosstasks.building.guard import Guard
from crosstasks.building.outcome import Marks, explain
from crosstasks.catalog.ingredients import Toolchain
from crosstasks.clients import engines
from crosstasks.core.errors import (
    BuildFailed,
    ConfigError,
    EmulationFailed,
    EngineFailed,
    ImageFailed,
    NoRoute,
    ToolMissing,
)

HOST = "x86_64-unknown-linux-gnu"
ARM = "aarch64-unknown-linux-gnu"
NAME = f"1.96.0-{HOST}"
TOOLCHAIN = Toolchain(name=NAME, path=f"/home/toolchains/{NAME}", release="1.96.0", host=HOST, standard=(HOST, ARM))
GUARD = Guard(
    folder="/cache/runs/1", cargo=f"{TOOLCHAIN.path}/bin/cargo", rustc=f"{TOOLCHAIN.path}/bin/rustc", toolchain=TOOLCHAIN, lock=True
)


DATA = Path(__file__).parents[1] / "data" / "guard"


def test_the_programs_are_those_that_cross_calls():
    """A guard holds cargo and rustup; rustc only where another sysroot is to be named."""
    assert set(guards.scripts(GUARD)) == {"cargo", "rustup"}
    assert set(guards.scripts(replace(GUARD, sysroot="/other"))) == {"cargo", "rustup", "rustc"}


@pytest.mark.parametrize("name", ["cargo", "rustup", "rustc", "engine"])
def test_a_program_as_a_whole(name):
    """As a reviewer reads it, with a word for everything that the guard was told."""
    mounts = guards.Mounts(
        engine="/usr/bin/docker",
        kind="docker version 1",
        cache="/cache",
        home="/cache/cargo/1",
        run="/cache/runs/1",
        root="/p q",
        target_dir="/p q/target/crosstasks/a",
        target="/p q/target",
        read_only=(".git", "a b"),
        volumes=("/data",),
        instead="cargo nextest",
    )
    whole = replace(
        GUARD,
        toolchain=replace(TOOLCHAIN, library=False),
        cargo_home="/home/user/.cargo",
        build_dir="/cache/build",
        sysroot="/sysroot",
        host=HOST,
        compiler_output={"-vV": ("rustc 1.96.0", f"host: {ARM}")},
        engine=guards.engine_program(mounts),
    )
    assert (DATA / name).read_text() == guards.scripts(whole)[name]


def test_the_environment_names_folder_and_rustc():
    """The folder is the first on PATH, and RUSTC is the real one, or the one that stands in for it."""
    assert guards.variables(GUARD, "/usr/bin") == {"PATH": "/cache/runs/1:/usr/bin", "RUSTC": GUARD.rustc}
    assert guards.variables(replace(GUARD, sysroot="/other"), "/usr/bin")["RUSTC"] == "/cache/runs/1/rustc"


def test_the_engine_is_one_of_the_programs():
    """Where one stands in for it, cross is told to call that."""
    other = replace(GUARD, engine="#!/bin/sh")
    assert guards.scripts(other)["engine"] == "#!/bin/sh"
    assert guards.variables(other, "")["CROSS_CONTAINER_ENGINE"] == "/cache/runs/1/engine"


def test_what_the_compiler_says_is_answered_without_it():
    """To these words alone, line by line; of the host it says what cross is to believe."""
    known = {"-vV": ("rustc 1.96.0", f"host: {ARM}", "it's"), "--print target-list": ("a", "b")}
    told = guards.scripts(replace(GUARD, sysroot="/other", host=HOST, compiler_output=known))["rustc"]
    assert f"""    -vV) printf '%s\\n' 'rustc 1.96.0' 'host: {HOST}' 'it'"'"'s'; exit 0 ;;\n""" in told
    assert """    '--print target-list') printf '%s\\n' a b; exit 0 ;;\n""" in told
    assert f"host: {ARM}" in guards.scripts(replace(GUARD, sysroot="/other", compiler_output=known))["rustc"]


@pytest.mark.parametrize("evil", ["$(touch x)", "it's `x`", 'say "hi"; exit', "new\nline", "*", "back\\slash"])
def test_a_value_is_one_word_of_a_program(evil):
    """No value becomes code of a shell, whatever is in it."""
    guard = replace(GUARD, folder=f"/f{evil}", cargo=f"/c{evil}", rustc=f"/r{evil}", cargo_home=f"/h{evil}", sysroot=f"/s{evil}")
    programs = {name: shlex.split(text, comments=True) for name, text in guards.scripts(guard).items()}
    assert {f"/c{evil}", f"RUSTC=/r{evil}", f"CARGO_HOME=/h{evil}", f">/f{evil}/cargo.mark"} <= set(programs["cargo"])
    assert {f"/s{evil};", f"/r{evil}"} <= set(programs["rustc"])
    assert f">/f{evil}/rustup.mark" in programs["rustup"]


def test_what_cargo_asked_the_compiler_is_kept_apart_from_what_the_containers_asked():
    """Each would overwrite what the other noted in the target folder."""
    assert "\nexport CARGO_BUILD_BUILD_DIR='/kept here'\n" in guards.scripts(replace(GUARD, build_dir="/kept here"))["cargo"]
    assert "BUILD_DIR" not in guards.scripts(GUARD)["cargo"]


@pytest.mark.parametrize(("locked", "wanted"), [(False, "metadata --offline "), (True, "metadata --locked --offline ")])
def test_metadata_is_held_to_the_lock_and_the_disk(locked, wanted):
    """What is asked for is added to cargo metadata, and nothing else."""
    text = guards.scripts(replace(GUARD, lock=locked))["cargo"]
    (line,) = (line for line in text.splitlines() if line.startswith(GUARD.cargo) and "2>" in line)
    assert f'}} {wanted}"$@"' in line


def test_rustup_answers_what_is_there():
    """The toolchain, the targets and the components, in rustup's words and without a suffix after a name."""
    text = guards.scripts(GUARD)["rustup"]
    assert f"printf '%s\\n' {NAME};" in text
    assert f"printf '%s\\n' '{HOST} (installed)' '{ARM} (installed)';" in text
    assert f"printf '%s\\n' 'rust-std-{HOST} (installed)' 'rust-std-{ARM} (installed)' 'rust-src (installed)'\n" in text


def _real(tmp_path: Path, folder: str = "guard") -> Guard:
    program = tmp_path / "program"
    program.touch(0o755)
    return replace(GUARD, folder=str(tmp_path / "deep" / folder), cargo=str(program), rustc=str(program))


def test_the_folder_is_private_and_whole(tmp_path):
    """Folder and programs are the user's alone; nothing unfinished is left beside them, and nothing after the end."""
    guard = _real(tmp_path)
    with guards.active(guard):
        folder = Path(guard.folder)
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.name != "owner"} == {
            "cargo": 0o700,
            "rustup": 0o700,
        }
        assert not engines.is_abandoned(folder)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [path.name for path in folder.parent.iterdir()] == ["guard"]
    assert list(folder.parent.iterdir()) == []


def test_the_folder_goes_when_the_run_fails(tmp_path):
    """An error inside, or an interrupt, leaves no folder."""
    guard = _real(tmp_path)
    with pytest.raises(KeyboardInterrupt), guards.active(guard):
        raise KeyboardInterrupt
    assert not Path(guard.folder).exists()


@pytest.mark.parametrize("there", ["folder", "link", "file"])
def test_what_is_there_already_is_not_used(tmp_path, there):
    """A folder that someone else may have made is refused, and left as it is."""
    guard = _real(tmp_path)
    path = Path(guard.folder)
    path.parent.mkdir()
    {"folder": path.mkdir, "file": path.touch, "link": lambda: path.symlink_to(tmp_path)}[there]()
    with pytest.raises(ConfigError, match="there already"), guards.active(guard):
        pass
    assert os.path.lexists(path)


@pytest.mark.parametrize("folder", ["relative/guard", "/with:colon/guard"])
def test_a_folder_that_cannot_stand_on_path(folder):
    """PATH would not find it, and find the host's cargo instead."""
    with pytest.raises(ConfigError, match="absolute folder"), guards.active(replace(GUARD, folder=folder)):
        pass


@pytest.mark.parametrize("name", ["cargo", "rustc"])
def test_a_real_program_that_is_not_there(tmp_path, name):
    """The real cargo and rustc are looked at before anything is made."""
    guard = replace(_real(tmp_path), **{name: str(tmp_path / "nothing")})
    with pytest.raises(ToolMissing, match=name), guards.active(guard):
        pass
    assert not (tmp_path / "deep").exists()


def test_a_file_system_that_starts_no_programs_is_refused(tmp_path, monkeypatch):
    """Programs that cannot start would be passed by; nothing is left."""
    guard = _real(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, _mode: not str(path).startswith(str(tmp_path / "deep")))
    with pytest.raises(ConfigError, match=f"no program can run in '{tmp_path / 'deep'}'") as caught, guards.active(guard):
        pass
    assert "its file system is mounted noexec, and cross would pass the guard by" == caught.value.why
    assert [] == os.listdir(tmp_path / "deep")


def test_no_marks(tmp_path):
    """A run that went well leaves nothing, also no folder."""
    assert outcome.marks(str(tmp_path)) == outcome.marks(str(tmp_path / "nothing")) == Marks()


@pytest.mark.parametrize(
    ("mark", "arguments"),
    [
        (b"2\0build\0--target=x\0", ("build", "--target=x")),
        (b"0\0", ()),
        (b"1\0\0", ("",)),
        (b"1\0two\nlines\0", ("two\nlines",)),
        (b"1\0\xff\0", ("\udcff",)),
        (b"", ()),
        (b"3\0buil", ("buil",)),
    ],
    ids=["plain", "none", "an empty one", "with a newline", "not UTF-8", "full disk", "disk full in the middle"],
)
def test_a_mark_is_read_whole(tmp_path, mark, arguments):
    """Every argument is as it was; a mark that the disk had no room for is a mark."""
    (tmp_path / "cargo.mark").write_bytes(mark)
    assert outcome.marks(str(tmp_path)).cargo == arguments


def test_what_cargo_said_is_read(tmp_path):
    """Its exit code and its words, which need not be UTF-8."""
    (tmp_path / "metadata.code").write_bytes(b"101")
    (tmp_path / "metadata.stderr").write_bytes(b"error: \xff")
    assert outcome.marks(str(tmp_path)) == Marks(metadata_code=101, metadata_stderr="error: �")


FELL = Marks(cargo=("build", "--target", ARM))
NOTE = "[cross] note: Falling back to `cargo` on the host.\n"
NO_IMAGE = f"[cross] warning: `cross` does not provide a Docker image for target {ARM}, specify a custom image in `Cross.toml`.\n"
ABORT = "[cross] error: Errors encountered before cross compilation, aborting.\n[cross] note: Disable this with `CROSS_NO_WARNINGS=0`\n"
FAR = 'docker: Error response from daemon: Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host\n'


@pytest.mark.parametrize(
    ("argv", "err", "error", "words"),
    [
        (("build", "--target", ARM), NO_IMAGE + NOTE, ImageFailed, "does not provide"),
        (("build", "--target", ARM), f"\x1b[1m{NO_IMAGE}".replace("warning:", "warning\x1b[0m:") + NOTE, ImageFailed, "does not provide"),
        (("-q", "build", "--target", ARM), "", NoRoute, "CARGO_TERM_QUIET"),
        (("build", "--target=wasm32-wasip1"), NOTE, NoRoute, "it called `cargo build --target=wasm32-wasip1` on the host"),
        (("build", "a b"), NOTE, NoRoute, "it called `cargo build 'a b'` on the host"),
        ((), NOTE, NoRoute, "it called `cargo` on the host"),
    ],
)
def test_a_mark_of_cargo_says_what_cross_did(argv, err, error, words):
    """It found no image, or it is told what it called, whatever the reason."""
    told = explain(Marks(cargo=argv), guards.CARGO_REFUSED, err)
    assert type(told) is error
    assert words in str(told)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("error: the package 'tiny' does not contain this feature: none\n", ConfigError, "does not contain this feature"),
        ("error: cannot update the lock file /a/Cargo.lock because --locked was passed to prevent this\n", ConfigError, "does not fit"),
        ("error: the lock file /a/Cargo.lock needs to be updated but --locked was passed to prevent this\n", ConfigError, "does not fit"),
        ("error: toolchain '1.2.3-x86_64-unknown-linux-gnu' is not installed\n", ToolMissing, "leave +channel out"),
        ("    Updating crates.io index\nerror: failed to get `a`\n\nCaused by:\n  Unable to update registry\n", BuildFailed, "cargo fetch"),
        ("error: no matching package named `serde` found\nAs a reminder, you're using offline mode (--offline)\n", BuildFailed, "serde"),
        ("", ConfigError, "cannot read the project"),
    ],
)
@pytest.mark.parametrize(("cargo", "code"), [(("build",), 97), (None, 1)], ids=["fell back", "aborted"])
def test_a_failed_metadata_is_told_in_cargos_words(said, error, words, cargo, code):
    """Whether cross then falls back or, in CI, git's cross ends."""
    told = explain(Marks(cargo=cargo, metadata_code=101, metadata_stderr=said), code, NOTE)
    assert type(told) is error
    assert words in str(told)
    assert "Updating" not in str(told)


def test_a_password_is_not_shown():
    """An address that cargo shows may hold one."""
    told = explain(Marks(cargo=(), metadata_code=101, metadata_stderr="error: cannot read https://me:hunter2@host/x\n"), 97)
    assert "https://***@host/x" in str(told)
    assert "hunter2" not in str(told)


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("toolchain", "add", "1.9-x", "--profile", "minimal"),
        ("--quiet", "toolchain", "add", "1.9-x", "--profile", "minimal", "--force-non-host"),
        ("target", "add", ARM, "--toolchain", NAME),
        ("--verbose", "component", "add", "rust-src", "--toolchain", NAME),
    ],
)
def test_an_install_is_named(argv):
    """What cross 0.2.4, 0.2.5 and git ask rustup for, with their flags; cargo was not called then, or for the same reason."""
    for marks in (Marks(rustup=argv), Marks(rustup=argv, cargo=("build",))):
        told = explain(marks, 1)
        assert type(told) is NoRoute
        assert f"it called `{' '.join(('rustup', *argv))}` on the host" in str(told)


@pytest.mark.parametrize(
    ("code", "err", "error", "words"),
    [
        (125, "docker: Cannot connect to the Docker daemon at unix:///x.sock. Is the docker daemon running?\n", EngineFailed, "x.sock"),
        (125, f"Unable to find image 'a:b' locally\n{FAR}\nRun 'docker run --help'\n", ImageFailed, "no such host"),
        (125, "docker: no matching manifest for linux/arm64/v8 in the manifest list entries.\n", ImageFailed, "linux/arm64/v8"),
        (125, "Trying to pull a:b...\nError: initializing source docker://a:b: pinging container registry\n", ImageFailed, "docker://a:b"),
        (
            125,
            "Unable to find image 'a:b' locally\nStatus: Downloaded newer image\ndocker: Error response: x\n",
            EngineFailed,
            "Error response",
        ),
        (125, "docker: Error response from daemon: invalid mode: bad.\n", EngineFailed, "invalid mode"),
        (125, "Error: container-init binary not found on the host: stat /usr/libexec/podman/catatonit\n", EngineFailed, "container-init"),
        (
            127,
            'docker: Error response from daemon: runc create failed: exec: "sh": executable file not found in $PATH\n',
            EngineFailed,
            "`sh`",
        ),
        (1, "exec /usr/bin/sh: exec format error\n", EmulationFailed, "another architecture"),
        (1, "standard_init_linux.go:228: exec user process caused: exec format error\n", EmulationFailed, "another architecture"),
        (127, "sh: 1: cargo: not found\n", ToolMissing, "sees no toolchain"),
        (1, "Error: \n   0: \x1b[91mno container engine found\x1b[0m\n", EngineFailed, "no container engine"),
        (1, "Error:\n   0: could not get os and arch\n   1: `docker version` failed\n", EngineFailed, "os and arch"),
        (1, f"{NO_IMAGE}{ABORT}", ImageFailed, "does not provide"),
        (1, f"[cross] warning: unused key `x`\n{ABORT}", ConfigError, "unused key `x`"),
        (1, f"[cross] warning: unused key `x`\n[cross] note: it is\n[cross] warning: y\n{ABORT}", ConfigError, "unused key `x`"),
        (1, ABORT, ConfigError, "CROSS_NO_WARNINGS=0"),
    ],
)
def test_what_ends_before_cargo_is_told_without_a_mark(code, err, error, words):
    """The words of real engines and crosses, each with its exit code."""
    told = explain(Marks(), code, err)
    assert type(told) is error
    assert words in str(told)


@pytest.mark.parametrize(
    ("code", "err"),
    [
        (0, ""),
        (101, "error: could not compile `tiny`\n"),
        (97, f"{NOTE}"),
        (98, ""),
        (1, "docker: Cannot connect to the Docker daemon at unix:///x.sock\n"),
        (1, f"I print {NO_IMAGE}"),
        (2, f"{NO_IMAGE}{ABORT}"),
        (125, "I exit with 125\n"),
        (125, "Unable to find image 'a:b' locally\nStatus: Downloaded newer image for a:b\nI exit with 125\n"),
        (127, "error: cargo: not found in the larder\n"),
        (1, "error: could not execute process `x` (never executed)\nCaused by: Exec format error (os error 8)\n"),
        (130, ""),
    ],
)
def test_what_cargo_or_a_program_ends_is_not_explained(code, err):
    """Without a mark, a code alone says nothing, and neither do words alone."""
    assert explain(Marks(), code, err) is None
