"""The main job: the example is built and tested for other machines, with the real engine, cross, QEMU and zig."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HELLO = Path(__file__).parents[2] / "examples" / "hello"

NO_DEBUG = {"CARGO_PROFILE_DEV_DEBUG": "0"}
"""Nobody looks at debug information here, and a third of the time goes into it; a standard library that is built from source has a lot."""

CROSS = ("aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64")


@pytest.fixture(scope="module")
def hello(tmp_path_factory):
    """A copy of the example, so that no run sees what another built."""
    folder = tmp_path_factory.mktemp("repository") / "hello"
    shutil.copytree(HELLO, folder, ignore=shutil.ignore_patterns("target"))
    return folder


BUILD_RS = """fn main() {
    let (triple, out) = (std::env::var("TARGET").unwrap(), std::env::var("OUT_DIR").unwrap());
    let compiler = std::env::var(format!("CC_{}", triple.replace('-', "_"))).unwrap_or("cc".into());
    let done = std::process::Command::new(compiler).args(["-c", "answer.c", "-o", &format!("{out}/answer.o")]).status();
    assert!(done.unwrap().success());
    println!("cargo:rustc-link-arg={out}/answer.o");
}
"""
MAIN = """extern "C" { fn answer() -> u32; }
fn main() { println!("{} {}", std::env::consts::ARCH, unsafe { answer() }) }
"""
TESTS = """use std::{env, process::Command};
fn started(change: fn(&mut Command) -> &mut Command) {
    let output = change(&mut Command::new(env!("CARGO_BIN_EXE_whereami"))).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{} 42\n", env::consts::ARCH));
}
#[test] fn it_starts() { started(|command| command); }
#[test] fn it_starts_with_an_empty_environment() { started(|command| if cfg!(unix) { command.env_clear() } else { command }); }
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A crate without others, and so soon compiled: it has C in it, and its tests start its own program. Its targets are the example's."""
    folder = tmp_path_factory.mktemp("small")
    files = {"build.rs": BUILD_RS, "src/main.rs": MAIN, "tests/cli.rs": TESTS, "answer.c": "unsigned answer(void) { return 42; }\n"}
    files["Cargo.toml"] = '[package]\nname = "whereami"\nversion = "0.1.0"\nedition = "2021"\n'
    files["crosstasks.toml"] = (HELLO / "crosstasks.toml").read_text()
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def repository(alias, request):
    """The example for one target, the small crate for the others."""
    return request.getfixturevalue("hello" if alias == "aarch64" else "small")


def built(done):
    """Return the only result of a build that went well."""
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    return result


@pytest.mark.parametrize("alias", CROSS)
def test_cross_builds_what_was_asked_for(alias, repository, crosstasks):
    """Each gnu target that Debian has a std for is built by cross, and its artifact found at the stable path."""
    result = built(crosstasks("build", "--target", alias, "--builder", "cross", "--format", "json", cwd=repository, **NO_DEBUG))
    (artifact,) = result["artifacts"]
    assert result["route"].startswith("cross 0.2.5, image")
    assert artifact["path"] == str(repository / "target" / "crosstasks" / result["target"] / "debug" / "whereami")


@pytest.mark.parametrize("alias", CROSS)
def test_cross_runs_the_tests(alias, repository, crosstasks):
    """Tests run under QEMU, those that spawn the crate's own binary included."""
    done = crosstasks("test", "--target", alias, "--builder", "cross", cwd=repository, **NO_DEBUG)
    assert done.returncode == 0, done.stderr
    assert "test it_starts_with_an_empty_environment ... ok" in done.stdout
    assert ("3 passed; 0 failed" if alias == "aarch64" else "2 passed; 0 failed") in done.stdout


@pytest.mark.parametrize(("alias", "builder"), [("riscv64", "cross"), pytest.param("x86_64-musl", "zigbuild", marks=pytest.mark.long)])
def test_std_is_built_from_source_where_debian_has_none(alias, builder, small, crosstasks):
    """The library's own dependencies are fetched on the host, and its tests run: emulated, and natively."""
    done = crosstasks("test", "--target", alias, "--builder", builder, cwd=small, **NO_DEBUG)
    assert done.returncode == 0, done.stderr
    assert "Compiling std v" in done.stderr
    assert "test it_starts ... ok" in done.stdout


def test_windows_is_linked_by_mingw(small, crosstasks):
    """A program for Windows comes out of the container; nothing here runs it."""
    command = ("build", "--target", "windows", "--builder", "cross", "--format", "json")
    result = built(crosstasks(*command, cwd=small, **NO_DEBUG))
    (artifact,) = result["artifacts"]
    assert (artifact["format"], artifact["bits"]) == ("pe", 64)


def test_a_crate_links_the_targets_openssl(crate, crosstasks):
    """`packages` puts it into the image; openssl-sys finds it by pkg-config, and the test calls it, under QEMU."""
    test = "#[test] fn linked() { assert_eq!(0x3000_0000, unsafe { openssl_sys::OpenSSL_version_num() } & 0xf000_0000); }\n"
    (crate / "src" / "main.rs").write_text(f"fn main() {{}}\n{test}")
    with (crate / "Cargo.toml").open("a") as file:
        file.write('[dependencies]\nopenssl-sys = "0.9"\n')
    with (crate / "crosstasks.toml").open("a") as file:
        file.write('[target.aarch64]\npackages = ["libssl-dev"]\n')
    done = crosstasks("test", "--target", "aarch64", "--builder", "cross", cwd=crate)
    assert done.returncode == 0, done.stderr
    assert "test linked ... ok" in done.stdout


@pytest.mark.long
def test_clippy_and_nextest_work_in_the_container(crate, crosstasks):
    """Clippy of Debian's packages, and cargo-nextest from PyPI, which starts each test under QEMU; cross knows the first alone."""
    (crate / "src" / "main.rs").write_text('fn main() {}\n#[test] fn here() { assert_eq!("aarch64", std::env::consts::ARCH); }\n')
    linted = crosstasks("tools.clippy", "--target", "aarch64", "--builder", "cross", "--", "--", "-D", "clippy::print_stdout", cwd=crate)
    assert 0 == linted.returncode, linted.stderr
    (crate / "src" / "main.rs").write_text(
        'fn main() { println!("{:?}", std::env::args().skip(1).collect::<Vec<_>>()) }\n#[test] fn here() { assert_eq!("aarch64", std::env::consts::ARCH); }\n'
    )
    refused = crosstasks("tools.clippy", "--target", "aarch64", "--builder", "cross", "--", "--", "-D", "clippy::print_stdout", cwd=crate)
    assert (1, True) == (refused.returncode, "use of `println!`" in refused.stderr)
    ran = crosstasks("tools.run", "--target", "aarch64", "--builder", "cross", "--", "--", "--version", "a b", cwd=crate)
    assert (0, True) == (ran.returncode, '["--version", "a b"]' in ran.stdout), ran.stderr
    tested = crosstasks("tools.nextest", "--target", "aarch64", "--builder", "cross", cwd=crate)
    assert (0, True) == (tested.returncode, "1 test run: 1 passed" in tested.stderr), tested.stderr


STARTS = """
fn main() {}
#[cfg(test)] mod starts {
    use std::{io::ErrorKind, process::Command};
    fn kind(name: &str) -> Result<Option<i32>, ErrorKind> { Command::new(name).status().map(|s| s.code()).map_err(|e| e.kind()) }
    #[test] fn what_is_there() { assert_eq!(kind("true"), Ok(Some(0))); }
    #[test] fn what_is_not() { assert_eq!(kind("no-such-program"), Err(ErrorKind::NotFound)); }
    #[test] fn what_is_nowhere() { assert_eq!(kind("/nowhere/program"), Err(ErrorKind::NotFound)); }
    #[test] fn what_may_not_run() { assert_eq!(kind("/etc/passwd"), Err(ErrorKind::PermissionDenied)); }
    #[test] fn what_ends_with_the_code_of_a_shell() {
        assert_eq!(Command::new("sh").args(["-c", "[ -z \\"$LD_PRELOAD\\" ] && exit 127"]).status().unwrap().code(), Some(127));
    }
}
"""


@pytest.mark.long
@pytest.mark.parametrize("alias", ["aarch64", "s390x"])
def test_a_program_that_is_not_there_does_not_start(alias, crate, crosstasks):
    """QEMU makes vfork a fork, and glibc's posix_spawn would not hear of it; nothing of the remedy reaches what is started."""
    (crate / "src" / "main.rs").write_text(STARTS)
    done = crosstasks("test", "--target", alias, "--builder", "cross", cwd=crate)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed; 0 failed" in done.stdout


def test_a_plan_after_that_has_nothing_to_do(hello, crosstasks):
    """Provisioning leaves nothing to provide, and equal facts give equal plans."""
    plans = [crosstasks("plan", "--target", "aarch64", "--format", "json", cwd=hello) for _ in range(2)]
    assert [0, 0] == [plan.returncode for plan in plans]
    assert plans[0].stdout == plans[1].stdout
    assert [] == json.loads(plans[0].stdout)["plans"][0]["steps"]


def test_a_token_does_not_reach_the_container(tmp_path, crosstasks):
    """A build script sees the container's environment and CARGO_HOME, and no token that the user has."""
    crate = tmp_path / "leak"
    home = tmp_path / "cargo-home"
    home.mkdir()
    (home / "credentials.toml").write_text('[registry]\ntoken = "not-for-containers-1"\n')
    subprocess.run(("cargo", "init", "--quiet", "--vcs", "none", "--name", "leak", str(crate)), check=True)
    (crate / "build.rs").write_text(
        'fn main() { for (k, v) in std::env::vars() { println!("cargo:warning={k}={v}"); }\n'
        'let out = std::process::Command::new("sh").args(["-c", "ls -a /cargo; cat /cargo/credentials* /cargo/config*; cat /proc/mounts"]).output().unwrap();\n'
        'for l in String::from_utf8_lossy(&out.stdout).lines() { println!("cargo:warning={l}"); } }\n'
    )
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]\n')
    secrets = {"CARGO_REGISTRY_TOKEN": "not-for-containers-2", "CARGO_REGISTRIES_OWN_TOKEN": "not-for-containers-3"}
    done = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=crate, CARGO_HOME=str(home), **secrets)
    assert done.returncode == 0, done.stderr
    assert "CARGO_HOME=/cargo" in done.stderr
    assert "not-for-containers" not in done.stderr + done.stdout


def test_zigbuild_needs_no_engine(small, crosstasks, cache, tmp_path):
    """Where no engine answers, cargo-zigbuild from PyPI builds; what it and zig keep lies in our cache, and nothing in the user's home."""
    nothing = {"DOCKER_HOST": "unix:///nonexistent/docker.sock", "CONTAINER_HOST": "unix:///nonexistent/podman.sock"}
    theirs = {
        name: os.environ.get(name) or str(Path.home() / folder) for name, folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"))
    }
    done = crosstasks("build", "--target", "aarch64", "--format", "json", cwd=small, HOME=str(tmp_path), **nothing, **theirs)
    assert built(done)["route"] == "zigbuild"
    assert all(any((cache / "zig" / folder).iterdir()) for folder in ("objects", "wrappers"))
    assert not list(tmp_path.rglob("*"))


def test_a_crate_that_does_not_compile_takes_no_other_route(tmp_path, crosstasks):
    """A compile error is the crate's own: exit code 1, after one route."""
    subprocess.run(("cargo", "init", "--quiet", "--vcs", "none", "--name", "broken", str(tmp_path)), check=True)
    (tmp_path / "src" / "main.rs").write_text("fn main() { nonsense }\n")
    (tmp_path / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]\n')
    done = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot find value `nonsense`" in done.stderr
    assert "looking for another route" not in done.stderr


def test_bad_input_is_refused(tmp_path, crosstasks):
    """An unknown target, a refused argument, a folder without Cargo.toml: exit code 2, and nothing is touched."""
    subprocess.run(("cargo", "init", "--quiet", "--vcs", "none", "--name", "fine", str(tmp_path)), check=True)
    (tmp_path / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\n')
    assert 2 == crosstasks("build", "--target", "arch64", cwd=tmp_path).returncode
    done = crosstasks("build", "--", "--target", "x", cwd=tmp_path)
    assert 2 == done.returncode
    assert "name the target by the session" in done.stderr
    (tmp_path / "Cargo.toml").unlink()
    assert 2 == crosstasks("build", cwd=tmp_path).returncode
