"""Build programs and libraries that others wrote for five targets, run what can be run, and keep what came of each cell.

    python benchmarks/real_crates.py [--crate ripgrep] [--target aarch64] [--minutes 60] [--again failed]

ripgrep and bat are taken from the crates registry with the Cargo.lock that their authors published; openssl builds its own OpenSSL
(``vendored``, with perl and make), rusqlite its own SQLite (``bundled``). What was run is not run again, unless ``--again`` says so.
``nox -s renew`` writes docs/real-crates.md from what is kept in real_crates.json.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import kept

from crosstasks.building.dependencies import user_home
from crosstasks.catalog.targets import find

TARGETS: Final = ("aarch64", "aarch64-musl", "windows", "macos", "freebsd")

SMALL: Final = ("--config", "profile.dev.debug=false")
"""Arguments of cargo: that there is no debug information halves the time of linking."""

OPENSSL: Final = """\
fn main() {
    let sum = openssl::hash::hash(openssl::hash::MessageDigest::sha256(), b"abc").unwrap();
    println!("{} {}", openssl::version::version(), sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
}
"""
SQLITE: Final = """\
fn main() {
    let base = rusqlite::Connection::open_in_memory().unwrap();
    let sum: i64 = base.query_row("select 40 + 2", [], |row| row.get(0)).unwrap();
    println!("SQLite {} {sum}", rusqlite::version());
}
"""


def published(name: str, version: str, folder: Path) -> None:
    """Put a crate into *folder* as the registry has it, with its own Cargo.lock."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "src").mkdir()
        (Path(place) / "src" / "lib.rs").touch()
        manifest = f'[package]\nname = "fetch"\nversion = "0.1.0"\nedition = "2021"\n[workspace]\n[dependencies]\n{name} = "={version}"\n'
        (Path(place) / "Cargo.toml").write_text(manifest)
        subprocess.run(("cargo", "fetch", "--quiet"), cwd=place, check=True)
    (source,) = (user_home({}) / "registry" / "src").glob(f"*/{name}-{version}")
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".cargo-ok", ".cargo_vcs_info.json"))


def small(dependency: str, main: str, folder: Path) -> None:
    """Write a program that uses one crate."""
    (folder / "src").mkdir()
    (folder / "Cargo.toml").write_text(f'[package]\nname = "uses"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\n{dependency}\n')
    (folder / "src" / "main.rs").write_text(main)


CRATES: Final[Mapping[str, Callable[[Path], None]]] = {
    "ripgrep 15.2.0": lambda folder: published("ripgrep", "15.2.0", folder),
    "openssl 0.10, vendored": lambda folder: small('openssl = { version = "0.10", features = ["vendored"] }', OPENSSL, folder),
    "rusqlite 0.43, bundled": lambda folder: small('rusqlite = { version = "0.43", features = ["bundled"] }', SQLITE, folder),
    "bat 0.26.1": lambda folder: published("bat", "0.26.1", folder),
}


def one(make: Callable[[Path], None], target: str) -> dict[str, Any]:
    """Build and run one cell in a folder of its own, which is removed."""
    folder = Path(tempfile.mkdtemp(prefix="crate-"))
    try:
        make(folder)
        (folder / "crosstasks.toml").write_text('version = 1\nimages = ["local", "build"]\n')
        build = kept.cell("build", target, cwd=folder, env={}, arguments=SMALL)
        if build["result"] != "ok":
            return {"build": build}
        return {"build": build, "run": kept.cell("tools.run", target, cwd=folder, env={}, arguments=(*SMALL, "--", "--version"))}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Run what is asked for, and print one line a cell."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--crate", action="append", help="how its name begins; may be given several times")
    parser.add_argument("--target", action="append", help="a triple or an alias; may be given several times")
    parser.add_argument("--minutes", type=float, default=1e9, help="no cell is begun after that time")
    parser.add_argument("--again", action="append", default=[], help="run cells again of which that came: ok, failed, refused, or all")
    asked, store, begun = parser.parse_args(), kept.Kept("real_crates.json"), time.monotonic()
    for name, make in CRATES.items():
        for triple in (find(target).triple for target in asked.target or TARGETS):
            key = f"{name} {triple}"
            chosen = not asked.crate or name.startswith(tuple(asked.crate))
            if chosen and time.monotonic() - begun < 60 * asked.minutes and store.lacks(key, asked.again):
                store.keep(key, one(make, triple))
                print(key, *(f"{verb}: {cell['result']}" for verb, cell in store.cells[key].items()), flush=True)


if __name__ == "__main__":
    main()
