"""Targets beyond Linux and glibc: one real build of each kind, with a C file where a target has C, and tests where something runs them.

rustup's server is asked, which has their standard libraries; where it cannot be reached they are compiled from Debian's source.
"""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

C = "int twice(int number) { return 2 * number; }\n"
BUILD = 'fn main() {\n    cc::Build::new().file("twice.c").compile("twice");\n}\n'
MAIN = """
extern "C" { fn twice(number: i32) -> i32; }
fn main() { println!("{}", unsafe { twice(21) }); }
#[test] fn doubles() { assert_eq!(8, unsafe { twice(4) }); }
"""
PLAIN = """
fn main() { println!("{:?}", std::env::args().skip(1).collect::<Vec<_>>()); }
#[test] fn writes_here() { std::fs::write("written", "x").unwrap(); std::fs::remove_file("written").unwrap(); }
"""
UNDER_WINE = {
    "Cargo.toml": """
[package]
name = "beyond"
version = "0.1.0"
edition = "2021"
[dependencies]
memchr = "2"
[dev-dependencies]
tempfile = "3"
[build-dependencies]
cc = "1"
""",
    "build.rs": 'fn main() {\n    cc::Build::new().cpp(true).file("twice.cc").compile("twice");\n}\n',
    "twice.cc": '#include <string>\nextern "C" int twice(int n) { try { return 2 * std::stoi(std::to_string(n)); } catch (...) { return 0; } }\n',
    "src/main.rs": """
extern "C" { fn twice(number: i32) -> i32; }
fn main() {
    let words: Vec<_> = std::env::args().skip(1).collect();
    println!("{words:?}");
    eprintln!("beside");
    match words.first().map(String::as_str) {
        Some("panic") => panic!("asked for"),
        Some("exit") => std::process::exit(7),
        _ => {}
    }
}
#[test] fn doubles() { assert_eq!(8, unsafe { twice(4) }); }
#[test] fn finds() { assert_eq!(Some(1), memchr::memchr(b'b', b"abc")); }
""",
    "tests/system.rs": r"""
use std::{fs, io::{Read, Write}, net::{TcpListener, TcpStream}, process::Command, thread};

fn run(words: &[&str]) -> (Option<i32>, String, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_beyond")).args(words).output().unwrap();
    (done.status.code(), String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap())
}

#[test]
fn starts_programs() {
    assert_eq!("windows", std::env::consts::OS);
    let words = ["a b", "\"q\"", "\u{fc}", ""];
    assert_eq!((Some(0), format!("{words:?}\n"), "beside\n".into()), run(&words));
    assert_eq!(Some(7), run(&["exit"]).0);
    let (code, _, message) = run(&["panic"]);
    assert_eq!((Some(101), true), (code, message.contains("asked for")));
    assert!(Command::new("no-such-program").spawn().is_err());
    let version = Command::new("cmd").args(["/c", "ver"]).output().unwrap().stdout;
    assert!(String::from_utf8(version).unwrap().contains("Windows 10."));
}

#[test]
fn writes_files() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "y").unwrap();
    fs::write(std::env::temp_dir().join("x"), "y").unwrap();
    assert!(fs::metadata("Cargo.toml").unwrap().is_file());
}

#[test]
fn connects() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = listener.local_addr().unwrap();
    let other = thread::spawn(move || TcpStream::connect(place).unwrap().write_all(b"hi").unwrap());
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    other.join().unwrap();
    assert_eq!("hi", text);
}

#[test]
fn fails_if_told() { assert!(std::env::var_os("FAIL").is_none(), "told to fail"); }
""",
}
BARE = """
#![no_std]
#![no_main]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[no_mangle]
pub extern "C" fn _start() -> ! { loop {} }
"""
IDENTITY = {f"GIT_{who}_{what}": "someone@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

BOARD = """{
    "arch": "arm", "llvm-target": "thumbv7em-none-eabi", "data-layout": "e-m:e-p:32:32-Fi8-i64:64-v128:64:128-a:0:32-n32-S64",
    "target-pointer-width": "32", "linker": "rust-lld", "linker-flavor": "gnu-lld", "panic-strategy": "abort", "relocation-model": "static",
    "max-atomic-width": 32, "atomic-cas": true, "abi": "eabi", "llvm-floatabi": "soft"
}"""
"""The width as rustc before 1.91 reads it, since these tests are of the Rust that Debian has."""

CLANG = """#!/bin/sh
for word; do
    shift
    case $word in
        -Wl,*) word=${word#-Wl,}; set -- "$@" $(echo "$word" | tr , ' ') ;;
        -nodefaultlibs | -pie | -no-pie | -static*) ;;
        *) set -- "$@" "$word" ;;
    esac
done
exec "$(rustc --print target-libdir)/../bin/rust-lld" -flavor gnu "$@"
"""
"""Hands what the NDK's clang is told on to a linker that is here."""

TBD = """--- !tapi-tbd
tbd-version: 4
targets: [ arm64-macos ]
install-name: /System/Library/Frameworks/Security.framework/Versions/A/Security
exports:
  - targets: [ arm64-macos ]
    symbols: [ _SecCopyErrorMessageString ]
...
"""


@pytest.fixture(scope="module")
def shelf(cache):
    """A cache that shares all but toolchains with the others, who are to find none that rustup's server has filled."""
    folder = cache / "beyond"
    folder.mkdir(exist_ok=True)
    for name in ("answers", "cargo", "debian", "images", "tools", "zig"):
        (cache / name).mkdir(exist_ok=True)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(cache / name)
    return {"CROSSTASKS_CACHE_DIR": str(folder), "RUSTUP_DIST_SERVER": None}


@pytest.fixture
def crate(tmp_path):
    """Make a crate for some targets: what is in its program, and whether it has C."""

    def made(main, *names, c=False):
        folder = tmp_path / "beyond"
        (folder / "src").mkdir(parents=True)
        more = '[build-dependencies]\ncc = "1"\n' if c else ""
        manifest = '[package]\nname = "beyond"\nversion = "0.1.0"\nedition = "2021"\n[profile.dev]\npanic = "abort"\n'
        (folder / "Cargo.toml").write_text(manifest + more)
        (folder / "src" / "main.rs").write_text(main)
        (folder / "crosstasks.toml").write_text(
            f"version = 1\ntargets = {json.dumps(names)}\nfallback = ['zigbuild']\nimages = ['build']\n"
        )
        if c:
            (folder / "twice.c").write_text(C)
            (folder / "build.rs").write_text(BUILD)
        return folder

    return made


@pytest.fixture
def built(crosstasks, shelf):
    """Call the program, and return the results by target."""

    def called(verb, folder, *arguments):
        done = crosstasks(verb, "--format", "json", *arguments, cwd=folder, **shelf)
        assert 0 == done.returncode, done.stdout + done.stderr
        return {result["target"]: result for result in json.loads(done.stdout)["results"]}

    return called


def test_programs_for_macos_and_freebsd(crate, built):
    """Without a container: zig links what Apple's and FreeBSD's systems start, for releases as old as Rust's own."""
    results = built("build", crate(MAIN, "universal2", "freebsd", c=True))
    assert {result["route"] for result in results.values()} == {"zigbuild"}
    mac, bsd = (result["artifacts"][0] for result in results.values())
    assert (mac["parts"], mac["system"], mac["minimum"], mac["signed"]) == (["EM_AARCH64", "EM_X86_64"], "macos", "11.0", "ad hoc")
    assert mac["needed"] == ["/usr/lib/libSystem.B.dylib"]
    assert (bsd["machine"], bsd["system"], bsd["interpreter"]) == ("EM_X86_64", "freebsd", "/libexec/ld-elf.so.1")


def test_programs_for_windows_are_tested_under_wine(tmp_path, crosstasks, shelf):
    """Debian's, in an image built here: programs that start others, C++, files, sockets, exit codes; a test that fails is told."""
    text = "version = 1\ntargets = ['windows']\nimages = ['build']\nfallback = []\nenv-pass = ['FAIL']\n"
    for name, content in {**UNDER_WINE, "crosstasks.toml": text}.items():
        path = tmp_path / "beyond" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    called = partial(crosstasks, cwd=tmp_path / "beyond", **shelf)
    done = called("test")
    assert 0 == done.returncode, done.stderr
    passed = ("doubles", "finds", "starts_programs", "writes_files", "connects", "fails_if_told")
    assert [name for name in passed if f"test {name} ... ok" in done.stdout + done.stderr] == [*passed]
    done = called("tools.nextest", "--target", "windows")
    assert (0, True) == (done.returncode, "6 tests run: 6 passed" in done.stdout + done.stderr), done.stderr
    done = called("test", FAIL="1")
    assert (1, True) == (done.returncode, "told to fail" in done.stdout + done.stderr), done.stderr


def test_programs_of_wasi_are_tested(crate, built):
    """Plain cargo builds them, and wasmtime runs modules and components, which see the crate's folder."""
    results = built("test", crate(PLAIN, "wasip1", "wasip2"))
    assert {triple: result["route"] for triple, result in results.items()} == {"wasm32-wasip1": "cargo", "wasm32-wasip2": "cargo"}


def test_c_for_wasi(crate, built):
    """Where C is compiled, zig has the C library that the host lacks."""
    results = built("test", crate(MAIN, "wasip1", c=True))
    assert results["wasm32-wasip1"]["route"] == "zigbuild"


def test_programs_for_bare_machines(crate, built):
    """The linker is rustc's own: a Cortex-M's, and one for a PC without a system."""
    results = built("build", crate(BARE, "thumbv7em-hf", "x86_64-none"))
    artifacts = [result["artifacts"][0] for result in results.values()]
    assert [(one["machine"], one["interpreter"], one["needed"]) for one in artifacts] == [("EM_ARM", "", []), ("EM_X86_64", "", [])]
    assert all(one["entry"] for one in artifacts)


def test_a_target_that_a_file_describes(crate, built, crosstasks, shelf):
    """Plain cargo builds it with a library of its own, its runner starts it, and a file that rustc would refuse ends in one sentence."""
    folder = crate(BARE, "targets/board.json")
    (folder / "targets").mkdir()
    (folder / "targets" / "board.json").write_text(BOARD)
    configuration = folder / "crosstasks.toml"
    configuration.write_text(configuration.read_text() + "[target.board]\nrunner = 'echo started'\n")
    (result,) = built("build", folder).values()
    (artifact,) = result["artifacts"]
    assert (result["target"], result["route"], artifact["machine"], artifact["interpreter"]) == ("board", "cargo", "EM_ARM", "")
    assert artifact["path"].endswith("target/crosstasks/board/debug/beyond")

    started = crosstasks("tools.run", "--target", "board", cwd=folder, **shelf)
    assert (0, True) == (started.returncode, "started " in started.stdout), started.stderr

    (folder / "targets" / "board.json").write_text(BOARD.replace('"data-layout"', '"data-layouts"'))
    refused = crosstasks("build", cwd=folder, **shelf)
    assert (2, True) == (refused.returncode, "targets[0]: board.json describes no target, `data-layout` is missing" in refused.stderr)


def test_a_target_that_a_file_describes_in_a_container(crate, built, crosstasks, shelf):
    """Cross compiles the library for it in an image that was built for a machine like it, and QEMU runs the program and its tests."""
    folder = crate(PLAIN, "aarch64")
    built("build", folder, "--builder", "cross")
    planned = crosstasks("plan", "--format", "json", "--builder", "cross", cwd=folder, **shelf)
    route = json.loads(planned.stdout)["plans"][0]["route"]
    rustc = (f"{route['toolchain']['path']}/bin/rustc", "-Zunstable-options", "--print=target-spec-json", "--target", route["target"])
    described = subprocess.run(rustc, env=os.environ | {"RUSTC_BOOTSTRAP": "1"}, check=True, capture_output=True, text=True)
    (folder / "targets").mkdir()  # the library of 1.85 knows the machine by the name alone
    (folder / "targets" / "aarch64-board.json").write_text(described.stdout)
    (folder / "crosstasks.toml").write_text(f"""
version = 1
targets = ["targets/aarch64-board.json"]
fallback = []
[target.aarch64-board]
image = "{route["image"]["ref"]}"
linker = "aarch64-linux-gnu-gcc"
runner = "qemu-aarch64-static -L /usr/aarch64-linux-gnu"
""")
    (result,) = built("build", folder).values()
    (artifact,) = result["artifacts"]
    assert (result["target"], result["route"], artifact["machine"]) == ("aarch64-board", "cross 0.2.5, configured image", "EM_AARCH64")
    started = crosstasks("tools.run", "--target", "aarch64-board", "--", "--", "a b", cwd=folder, **shelf)
    assert (0, True) == (started.returncode, '["a b"]' in started.stdout), started.stderr
    built("test", folder)


WINDOWS = (
    BARE.replace("_start() -> ! { loop {} }", "mainCRTStartup() -> i32 { 0 }") + '#[no_mangle] pub extern "C" fn main() -> i32 { 0 }\n'
)


def test_a_program_for_microsofts_libraries(crate, crosstasks, shelf):
    """The real cargo-xwin and linker, offline; what lies where Microsoft's files would is empty, so the program needs nothing of them."""
    folder = crate(WINDOWS, "msvc")
    kept = folder / "kept"
    for name in ("crt/lib/x86_64", "sdk/lib/um/x86_64", "sdk/lib/ucrt/x86_64"):
        (kept / "xwin" / name).mkdir(parents=True)
    (kept / "xwin" / "DONE").write_text("x86_64\n")
    (kept / "xwin" / "crt" / "lib" / "x86_64" / "msvcrt.lib").write_text("!<arch>\n")
    environ = {**shelf, "XWIN_CACHE_DIR": str(kept)}
    refused = crosstasks("build", "--builder", "xwin", cwd=folder, **environ)
    assert (4, True) == (refused.returncode, "which nobody has accepted in the configuration" in refused.stderr)

    configuration = folder / "crosstasks.toml"
    configuration.write_text(f"{configuration.read_text()}accept-microsoft-license = true\n")
    provided = crosstasks("tools.provision", cwd=folder, **environ)
    assert 0 == provided.returncode, provided.stderr
    done = crosstasks("build", "--format", "json", cwd=folder, CROSSTASKS_OFFLINE="true", **environ)
    assert 0 == done.returncode, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    (artifact,) = result["artifacts"]
    assert (result["route"], artifact["format"], artifact["machine"], artifact["system"]) == ("xwin", "pe", "EM_X86_64", "windows")
    assert artifact["path"].endswith("x86_64-pc-windows-msvc/debug/beyond.exe")


def test_an_ndk_of_the_users(crate, crosstasks, shelf, tmp_path):
    """Cargo is told its compiler as the linker; that is a program here that is laid out as the NDK's, and calls rustc's own linker."""
    programs = tmp_path / "ndk" / "toolchains" / "llvm" / "prebuilt" / "linux-x86_64" / "bin"
    programs.mkdir(parents=True)
    compiler = programs / "aarch64-linux-android21-clang"
    compiler.write_text(CLANG)
    compiler.chmod(0o755)
    folder = crate(BARE, "aarch64-android")
    done = crosstasks("build", "--format", "json", cwd=folder, **{**shelf, "ANDROID_NDK_HOME": str(tmp_path / "ndk")})
    assert 0 == done.returncode, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    (artifact,) = result["artifacts"]
    assert (result["route"], artifact["format"], artifact["machine"]) == ("ndk", "elf", "EM_AARCH64")


@pytest.mark.parametrize("name", ["x86_64-musl", "aarch64-musl", "aarch64"])
def test_programs_that_zig_linked_are_tested(crate, built, name):
    """On the machine itself, or in a container with QEMU that is built here, which has the libraries of what is not static."""
    (result,) = built("test", crate(MAIN, name, c=True), "--builder", "zigbuild").values()
    assert (result["route"], result["error"]) == ("zigbuild", "")


@pytest.mark.parametrize(("test", "code"), [("assert_eq!(4, 1 + 3)", 0), ("assert_eq!(4, 1 + 2)", 1)])
def test_programs_of_the_browsers_machine_are_tested(crate, crosstasks, shelf, test, code):
    """They can print nothing, but a test that fails ends in a trap, which wasmtime tells."""
    folder = crate(f"fn main() {{}}\n#[test] fn adds() {{ {test}; }}\n", "wasm")
    done = crosstasks("test", cwd=folder, **shelf)
    assert (code, True) == (done.returncode, ("beyond::adds" if code else "ended without a trap") in done.stderr), done.stderr


def test_a_release_of_every_kind(crate, crosstasks, shelf):
    """One call packs ELF, PE, Mach-O of two machines and wasm, named as cargo-binstall looks for them; each is verified as what it is."""
    folder = crate(PLAIN, "aarch64", "windows", "universal2", "freebsd", "wasip1")
    configuration = folder / "crosstasks.toml"
    text = configuration.read_text().replace("['build']", "['local']")  # no image: zig links them all
    configuration.write_text(f"{text}[release]\nchangelog = ''\n")
    (folder / ".gitignore").write_text("/target/\n/dist/\n")
    (folder / "Cargo.lock").write_text('version = 3\n\n[[package]]\nname = "beyond"\nversion = "0.1.0"\n')
    for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "All of it")):
        subprocess.run(("git", *words), cwd=folder, check=True, env=os.environ | IDENTITY)
    done = crosstasks("release.build", "--snapshot", cwd=folder, **shelf, **IDENTITY)
    assert 0 == done.returncode, done.stderr
    archives = [path.name for path in (folder / "dist").glob("beyond-*") if path.suffix in {".gz", ".zip"}]
    assert sorted(name.partition("-v0.1.0")[0] + Path(name).suffix for name in archives) == [
        "beyond-aarch64-unknown-linux-gnu.gz",
        "beyond-universal2-apple-darwin.gz",
        "beyond-wasm32-wasip1.gz",
        "beyond-x86_64-pc-windows-gnu.zip",
        "beyond-x86_64-unknown-freebsd.gz",
    ]
    verified = crosstasks("release.verify", "--format", "json", cwd=folder, **shelf, **IDENTITY)
    assert 0 == verified.returncode, verified.stdout + verified.stderr
    rows = json.loads(verified.stdout)["findings"]
    assert {row["target"] for row in rows if (row["check"], row["state"]) == ("format", "ok")} == {row["target"] for row in rows}


def test_a_missing_framework_is_named(crate, crosstasks, shelf):
    """Apple's SDK alone has them, and who may use it is the user's to know."""
    asks = '#[link(name = "Security", kind = "framework")]\nextern "C" { fn SecCopyErrorMessageString(); }\n'
    folder = crate(asks + "fn main() { unsafe { SecCopyErrorMessageString() } }\n", "macos")
    done = crosstasks("build", cwd=folder, **shelf)
    assert 1 == done.returncode
    assert "Security: set SDKROOT to a macOS SDK" in done.stderr

    sdk = folder.joinpath("Platforms", "MacOSX.platform", "Developer", "SDKs", "MacOSX.sdk")  # laid out as Apple's, for which it stands
    framework = sdk / "System" / "Library" / "Frameworks" / "Security.framework"
    framework.mkdir(parents=True)
    (framework / "Security.tbd").write_text(TBD)
    done = crosstasks("build", "--format", "json", cwd=folder, **{**shelf, "DEVELOPER_DIR": str(folder)})
    assert 0 == done.returncode, done.stderr
    (artifact,) = json.loads(done.stdout)["results"][0]["artifacts"]
    assert "/System/Library/Frameworks/Security.framework/Versions/A/Security" in artifact["needed"]


def test_lint_check_document_and_run(crate, crosstasks, shelf):
    """Each verb in its own words of cargo's; an argument of the program reaches it, and clippy is installed when it is asked for."""
    folder = crate(PLAIN, "wasip1")
    verbs = {
        "check": "Checking beyond",
        "doc": "Documenting beyond",
        "run": '["a b"]',
        "clippy": "Checking beyond",
        "nextest": "1 test run: 1 passed",
    }
    for verb, words in verbs.items():
        more = ("--", "--", "a b") if verb == "run" else ()
        done = crosstasks(f"tools.{verb}", "--target", "wasip1", *more, cwd=folder, **shelf)
        assert (0, True) == (done.returncode, words in done.stderr + done.stdout), done.stderr
