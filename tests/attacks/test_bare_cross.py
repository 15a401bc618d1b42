"""The same hostile crates, built by cross 0.2.5 itself, with the same image and toolchain: the right column of docs/security.md."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest


@pytest.fixture
def home(tmp_path):
    """A CARGO_HOME with tokens in it."""
    folder = tmp_path / "cargo-home"
    folder.mkdir()
    (folder / "credentials.toml").write_text('[registry]\ntoken = "secret-9"\n')
    return folder


@pytest.fixture
def bare(crosstasks, environ, home, tmp_path):
    """Call cross as a user does who has the ingredients, and nothing of ours around it."""

    def call(crate, **env):
        provided = crosstasks("provision", cwd=crate)
        assert 0 == provided.returncode, provided.stderr
        route = json.loads(crosstasks("plan", "--format", "json", cwd=crate).stdout)["plans"][0]["route"]
        toolchain = route["toolchain"]
        folder = tmp_path / "rustup" / "toolchains"
        folder.mkdir(parents=True)
        # cross 0.2.5 does not know the active toolchain by its name, and would install it again
        for name in (toolchain["name"], "default"):
            (folder / name).symlink_to(toolchain["path"])
        (folder.parent / "settings.toml").write_text('version = "12"\ndefault_toolchain = "default"\nprofile = "minimal"\n')
        # who has rustup has its cargo, which knows +1.2.3; the tests' own Rust may be a toolchain's
        proxies = tmp_path / "proxies"
        proxies.mkdir()
        for name in ("cargo", "rustc"):
            (proxies / name).symlink_to(shutil.which("rustup", path=environ["PATH"]))
        variables = {
            "PATH": f"{proxies}{os.pathsep}{environ['PATH']}",
            "CROSS_TARGET_AARCH64_UNKNOWN_LINUX_GNU_IMAGE": route["image"]["ref"],
            "CROSS_CUSTOM_TOOLCHAIN": "1",
            "RUSTUP_HOME": str(folder.parent),
            "CARGO_HOME": str(home),
            "XARGO_HOME": str(tmp_path / "xargo"),
            "XDG_DATA_HOME": str(tmp_path / "data"),
        }
        argv = (route["tool"]["path"], f"+{toolchain['release']}", "build", "--target", route["target"])
        done = subprocess.run(argv, cwd=crate, env=environ | variables | env, capture_output=True, text=True, check=False, timeout=600)
        assert 0 == done.returncode, done.stderr

    return call


def test_what_bare_cross_lets_a_build_script_do(crate, hostile, bare, home, tmp_path):
    """Write the sources of other crates, cargo's configuration, git's and the host's own artifacts; and read every token of cargo's."""
    hostile("poisoned_home")
    parts = ["poisoned_registry", "poisoned_repository", "tells_environment"]
    shared = (crate / "build.rs").read_text()
    modules = {name: (hostile(name) / "build.rs").read_text().replace("fn main()", "pub fn main()") for name in parts}
    modules["poisoned_home"] = shared.replace("fn main()", "pub fn main()")
    text = "".join(f"mod {name} {{ {module.replace('#![allow(dead_code)]', '')} }}\n" for name, module in modules.items())
    calls = "".join(f"    {name}::main();\n" for name in ("tells_environment", *parts[:2], "poisoned_home"))
    (crate / "build.rs").write_text(f"#![allow(dead_code, unused_imports)]\n{text}fn main() {{\n{calls}}}\n")
    dependency = crate.parent / "dependency"
    (dependency / "src").mkdir(parents=True)
    (dependency / "Cargo.toml").write_text('[package]\nname = "dependency"\nversion = "0.1.0"\nedition = "2021"\n')
    (dependency / "src" / "lib.rs").write_text("")
    lines = '[dependencies]\ncfg-if = "=1.0.0"\n[build-dependencies]\ndependency = { path = "../dependency" }\n'
    (crate / "Cargo.toml").write_text((crate / "Cargo.toml").read_text() + lines)
    for folder in (".cargo", "target/debug"):
        (crate / folder).mkdir(parents=True)
    (crate / ".cargo" / "config.toml").write_text("")
    subprocess.run(("git", "init", "-q"), cwd=crate, check=True)
    bare(crate, CARGO_REGISTRY_TOKEN="secret-1", CARGO_HTTP_PROXY="", CARGO_MINE_KEY="secret-6", GITHUB_TOKEN="secret-3")
    told = (crate / "environment.txt").read_text()
    (source,) = home.glob("registry/src/*/cfg-if-1.0.0/src/lib.rs")
    done = {
        "the sources of other crates": "poisoned" in source.read_text(),
        "a configuration for other projects": "rustc-wrapper" in (home / "config").read_text(),
        "git's configuration": "fsmonitor" in (crate / ".git-away" / "config").read_text(),
        "git's hooks": (crate / ".git-away" / "hooks" / "post-checkout").exists(),
        "cargo's configuration of the workspace": "rustc-wrapper" in (crate / ".cargo" / "config.toml").read_text(),
        "what the host's cargo compiled": (crate / "target" / "debug" / "POISON").exists(),
        "a path dependency": "poisoned" in (dependency / "src" / "lib.rs").read_text(),
        "the file of tokens": "credentials.toml" in told,
        "cargo's tokens in variables": "secret-1" in told and "secret-6" in told,
    }
    assert dict.fromkeys(done, True) == done
    assert "secret-3" not in told
    shutil.rmtree(tmp_path / "rustup")
