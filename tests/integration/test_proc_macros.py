"""What the host runs while it compiles is compiled once for all targets whose images are built here."""

from __future__ import annotations

import re

import pytest

SERDE = '[dependencies]\nserde = { version = "1", default-features = false, features = ["derive"] }\n[profile.dev]\ndebug = false\n'
MAIN = """
#[derive(serde::Serialize)]
struct Here { arch: &'static str, said: &'static str }

fn derived(_: impl serde::Serialize) {}

fn main() {
    let here = Here { arch: std::env::consts::ARCH, said: include_str!(concat!(env!("OUT_DIR"), "/said")) };
    println!("{} {}", here.arch, here.said);
    derived(here);
}
#[test]
fn made_here() { assert_eq!(include_str!(concat!(env!("OUT_DIR"), "/said")), "SAID"); }
"""
BUILD = """
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    std::fs::write(format!("{}/said", std::env::var("OUT_DIR").unwrap()), "SAID").unwrap();
}
"""


@pytest.fixture
def derived(crate):
    """The crate with a derive, which is a proc-macro of some weight, and a build script of its own."""
    with (crate / "Cargo.toml").open("a") as file:
        file.write(SERDE)
    (crate / "src" / "main.rs").write_text(MAIN)
    (crate / "build.rs").write_text(BUILD)
    return crate


def compiled(done):
    """Return the crates that cargo compiled, each as often as it did."""
    assert done.returncode == 0, done.stderr
    return re.findall(r"^\s*Compiling (\S+)", done.stderr, re.MULTILINE)


def test_the_second_target_compiles_no_proc_macro(derived, crosstasks):
    """Cargo compiles what is the target's, and the program is the target's own; a changed build script is compiled anew."""
    first = compiled(crosstasks("test", "--target", "aarch64", "--builder", "cross", cwd=derived))
    assert {"syn", "proc-macro2", "serde_derive", "serde", "small"} <= set(first)
    done = crosstasks("test", "--target", "armv7", "--builder", "cross", cwd=derived)
    second = compiled(done)
    assert {"serde", "small"} <= set(second)
    assert not {"syn", "proc-macro2", "quote", "serde_derive"} & set(second)
    assert "taken over" in done.stderr
    assert "1 passed" in done.stdout
    (derived / "build.rs").write_text(BUILD.replace('"SAID"', '"NEW"'))
    (derived / "src" / "main.rs").write_text(MAIN.replace('"SAID"', '"NEW"'))
    # the image's own target, for which cargo compiles with the same linker as for what runs meanwhile
    done = crosstasks("test", "--target", "x86_64", "--builder", "cross", cwd=derived)
    third = compiled(done)
    assert "small" in third
    assert not {"syn", "serde_derive"} & set(third)
    assert "1 passed" in done.stdout


@pytest.mark.long
def test_another_release_of_the_image_compiles_its_own(derived, crosstasks):
    """Host programs of one glibc may not run with another (cross-rs/cross#724)."""
    compiled(crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=derived))
    with (derived / "crosstasks.toml").open("a") as file:
        file.write('base = "trixie"\n')
    done = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=derived)
    assert {"syn", "serde_derive"} <= set(compiled(done))
    assert "taken over" not in done.stderr
