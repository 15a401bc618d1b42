"""The network through a proxy that opens TLS, and none at all."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
from functools import partial

import debian_archive
import pytest
from intercepting import intercepting
from rustup_server import hollow, publish, serving

from crosstasks.catalog.ingredients import InstallToolchain
from crosstasks.catalog.pins import pins
from crosstasks.clients import registry_api
from crosstasks.clients.debian import Archive
from crosstasks.clients.process import run
from crosstasks.core.errors import CrosstasksError
from crosstasks.provisioning import toolchain, tools

TOLD = ("HTTPS_PROXY", "SSL_CERT_FILE", "PIP_CONFIG_FILE")
"""What the user of such a machine sets; the last keeps a file of the machine that runs the tests out."""

OWN = (
    *("https_proxy", "http_proxy", "no_proxy", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_DIR", "APT_CONFIG"),
    *("PIP_CERT", "CARGO_HTTP_CAINFO", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
)
"""What nobody has set there."""

HOST = f"{platform.machine()}-unknown-linux-gnu"


@pytest.fixture
def proxy(tmp_path):
    """A proxy that takes note, and whose certificates nobody knows."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    with intercepting(folder) as server:
        yield server


@pytest.fixture
def behind(proxy, monkeypatch):
    """A machine behind it, on which nobody has told a tool anything: what is set is what its user sets."""
    for name in OWN:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("HTTPS_PROXY", proxy.address)
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.ca))
    return proxy


def silent(_line):
    """Hear nothing."""


@pytest.fixture
def site(tmp_path):
    """A web server of this machine with a repository of git, one of apt and a release of Rust, seen through TLS by who goes through the proxy."""
    folder = tmp_path / "site"
    git = ("git", "-c", "init.defaultBranch=main", "-C", str(folder))
    subprocess.run(("git", "init", "--quiet", "--bare", str(folder / "one.git")), check=True)
    empty = subprocess.run(
        (*git, "-C", "one.git", "hash-object", "-t", "tree", "-w", "/dev/null"), check=True, capture_output=True, text=True
    )
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    commit = subprocess.run(
        (*git, "-C", "one.git", *who, "commit-tree", "-m", "one", empty.stdout.strip()), check=True, capture_output=True, text=True
    )
    subprocess.run((*git, "-C", "one.git", "update-ref", "HEAD", commit.stdout.strip()), check=True)
    subprocess.run((*git, "-C", "one.git", "update-server-info"), check=True)
    _debian(folder)
    with serving(folder) as address:
        port = address.rpartition(":")[2]
        publish(folder, f"https://localhost:{port}", "1.2.3", hollow(tmp_path / "rust", HOST), host=HOST, targets=())
        yield f"https://localhost:{port}"


def _debian(site):
    """Put an archive there that is signed by a key of its own, with one package."""
    served, key = debian_archive.Served(), debian_archive.secret()
    package = debian_archive.stanza("libc6")
    for place, suite in (("debian", "bookworm"), ("debian", "bookworm-updates"), ("debian-security", "bookworm-security")):
        served.put(place, suite, {"amd64": package if suite == "bookworm" else ""}, key)
    served.files[f"{debian_archive.BASE}/debian/pool/main/libc6_1_amd64.deb"] = b"libc6"
    for url, content in served.files.items():
        file = site / url.removeprefix(f"{debian_archive.BASE}/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    (site / "keys.asc").write_text(str(debian_archive.public(key)))
    (site / "debian" / "Packages").write_text(package)


def _git(site, _folder):
    done = run(("git", "ls-remote", f"{site}/one.git", "HEAD"))
    if done.code:
        raise CrosstasksError(done.err)


def _archive(site, folder):
    archive = Archive(folder / "debian", "bookworm", say=silent, mirror=site, keyring=str(folder / "site" / "keys.asc"))
    archive.update(["amd64"])
    archive.fetch([archive.single("libc6", "amd64")])


def _pip_and_rustup(site, folder):
    rustup = tools.from_pypi(folder / "tools", "rustup", (f"rustup=={pins().pypi['rustup'].version}",), run=run, say=silent) / "bin/rustup"
    wanted = InstallToolchain(why="", source="rustup", release="1.2.3", host=HOST)
    toolchain.from_rustup(
        wanted, home=folder / "rustup", rustup=str(rustup), run=partial(run_with, {"RUSTUP_DIST_SERVER": site}), say=silent
    )


def run_with(more, argv, *, env=None, **options):
    return run(argv, env={**(env or {}), **more}, **options)


def _own(site, _folder):
    assert "Package: libc6" in registry_api.fetch_text(f"{site}/debian/Packages", 20)


@pytest.mark.parametrize("ask", [_git, _archive, _pip_and_rustup, _own])
def test_every_tool_trusts_whom_the_user_trusts(behind, site, ask, tmp_path):
    """The proxy is named in capitals, its authority once, and each tool comes through."""
    ask(site, tmp_path)
    assert any(one.startswith("localhost:") for one in behind.asked), behind.asked


@pytest.mark.parametrize("ask", [_git, _archive, _pip_and_rustup, _own])
def test_no_tool_trusts_whom_nobody_named(behind, site, ask, tmp_path, monkeypatch):
    """So it was that variable that let it through."""
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(CrosstasksError):
        ask(site, tmp_path)
    assert behind.asked


def test_what_is_provided_comes_through_the_proxy(behind, crosstasks, crate, tmp_path):
    """Debian's cargo fetches a dependency, pip zig and cargo-zigbuild: the proxy is asked for each server."""
    (crate / "Cargo.toml").write_text((crate / "Cargo.toml").read_text() + '[dependencies]\nitoa = "1"\n')
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "cargo"\ntoolchains = ["cache", "debian"]\n')
    env = {name: os.environ.get(name) for name in (*TOLD, *OWN)} | {"CARGO_HOME": str(tmp_path / "cargo")}
    done = crosstasks("build", cwd=crate, **env)
    assert 0 == done.returncode, done.stderr
    assert any("crates" in asked for asked in behind.asked), behind.asked
    behind.asked.clear()
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "zigbuild"\ntoolchains = ["user"]\n')
    done = crosstasks("provision", cwd=crate, CROSSTASKS_CACHE_DIR=str(tmp_path / "cache"), CROSSTASKS_TOOLCHAIN="", **env)
    assert 0 == done.returncode, done.stderr
    assert any("py" in asked for asked in behind.asked), behind.asked


def test_what_runs_in_a_container_is_told_too(behind, crosstasks, crate):
    """A build script that goes to the network, though the build itself does not: it has the proxies, and a copy of the file."""
    (crate / "build.rs").write_text(BUILD)
    (crate / "crosstasks.toml").write_text((crate / "crosstasks.toml").read_text() + 'images = ["local", "build"]\nfallback = []\n')
    env = {name: os.environ.get(name) for name in (*TOLD, *OWN)} | {"NO_PROXY": "example.org"}
    done = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=crate, **env)
    assert 0 == done.returncode, done.stderr
    (told,) = (crate / "target").rglob("build/small-*/out/told")
    proxy, none, named, cargo, text = told.read_text().split("\n", 4)
    assert (proxy, none, cargo) == (behind.address, "example.org", named)
    assert text == behind.ca.read_text()


BUILD = """
use std::{env::var, fs};
fn main() {
    let [proxy, none, named, cargo] = ["https_proxy", "NO_PROXY", "SSL_CERT_FILE", "CARGO_HTTP_CAINFO"].map(|name| var(name).unwrap());
    let text = fs::read_to_string(&named).unwrap();
    fs::write(format!("{}/told", var("OUT_DIR").unwrap()), format!("{proxy}\\n{none}\\n{named}\\n{cargo}\\n{text}")).unwrap();
}
"""


def test_offline_builds_without_any_network(crosstasks, crate, environ):
    """In a network namespace of its own, which has not even a loopback: with all provided, nothing is asked."""
    (crate / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64"]\nbuilder = "cargo"\n')
    assert 0 == crosstasks("provision", cwd=crate).returncode
    argv = ("unshare", "--net", sys.executable, "-m", "crosstasks", "build", "--offline")
    done = subprocess.run(argv, cwd=crate, env=environ, check=False, capture_output=True, text=True)
    assert 0 == done.returncode, done.stderr
    assert "build ok" in done.stdout


@pytest.mark.parametrize("kept", [True, False])
def test_offline_asks_nothing(proxy, crosstasks, crate, tmp_path, kept):
    """Of no proxy, whether all that is needed is there or nothing is; then the reason is said."""
    (crate / "crosstasks.toml").write_text((crate / "crosstasks.toml").read_text() + "offline = true\n")
    assert 0 == crosstasks("provision", "--target", "aarch64", cwd=crate, CROSSTASKS_OFFLINE="0").returncode
    env = dict.fromkeys(("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"), proxy.address) | {"NO_PROXY": "", "no_proxy": ""}
    env |= {} if kept else {"CROSSTASKS_CACHE_DIR": str(tmp_path / "cache"), "CARGO_HOME": str(tmp_path / "cargo")}
    for words in (("plan",), ("doctor",), ("build", "--target", "aarch64", "--builder", "cross")):
        done = crosstasks(*words, cwd=crate, **env)
        assert (done.returncode == 0) is kept or words == ("doctor",), (words, done.stderr)
        assert kept or words == ("doctor",) or "offline" in done.stderr + done.stdout, (words, done.stderr)
    assert [] == proxy.asked


@pytest.fixture
def simple(tmp_path):
    """An index of PyPI's kind with the wheel of cross."""
    name = "astral-dev-toolchain-cross"
    place = tmp_path / "site/simple" / name
    wanted = (f"{name}=={pins().pypi[name].version}", "--no-deps", "--dest", str(place))
    subprocess.run((sys.executable, "-m", "pip", "download", "--quiet", *wanted), check=True)
    (wheel,) = place.iterdir()
    (place / "index.html").write_text(f'<a href="{wheel.name}">{wheel.name}</a>')


MIRRORED = '[source.crates-io]\nreplace-with = "mirror"\n[source.mirror]\nregistry = "sparse+{site}/crates/"\n'


@pytest.mark.usefixtures("simple")
def test_mirrors_are_what_the_tools_own_settings_name(behind, site, crosstasks, crate, without, tmp_path):
    """PyPI's by pip's variable, the crates registry's by cargo's file, in the container as well; nobody asks anywhere else."""
    _crates(tmp_path / "site", tmp_path / "mirrored", site)
    home = tmp_path / "cargo"
    home.mkdir()
    (home / "config.toml").write_text(MIRRORED.format(site=site))
    with (crate / "Cargo.toml").open("a") as file:
        file.write('[dependencies]\nmirrored = "1"\n')
    (crate / "src/main.rs").write_text("fn main() { mirrored::said() }\n")
    behind.asked.clear()
    env = {name: os.environ.get(name) for name in (*TOLD, *OWN)} | {"CARGO_HOME": str(home), "PIP_INDEX_URL": f"{site}/simple"}
    done = crosstasks("build", "--target", "aarch64", "--builder", "cross", cwd=crate, CROSSTASKS_CACHE_DIR=without(), **env)
    assert 0 == done.returncode, done.stderr
    assert {"localhost"} == {one.partition(":")[0] for one in behind.asked}


def _crates(site, crate, address):
    """Offer a crate as a registry of cargo's kind."""
    (crate / "src").mkdir(parents=True)
    (crate / "Cargo.toml").write_text('[package]\nname = "mirrored"\nversion = "1.0.0"\nedition = "2021"\n')
    (crate / "src/lib.rs").write_text("pub fn said() {}\n")
    subprocess.run(("cargo", "package", "--quiet", "--allow-dirty", "--no-verify"), cwd=crate, check=True, capture_output=True)
    content = (crate / "target/package/mirrored-1.0.0.crate").read_bytes()
    place = site / "crates"
    (place / "mi/rr").mkdir(parents=True)
    (place / "mirrored.crate").write_bytes(content)
    (place / "config.json").write_text(json.dumps({"dl": f"{address}/crates/{{crate}}.crate"}))
    row = {"name": "mirrored", "vers": "1.0.0", "deps": [], "features": {}, "cksum": hashlib.sha256(content).hexdigest(), "yanked": False}
    (place / "mi/rr/mirrored").write_text(json.dumps(row))
