"""Build crates that are particular about Rust from an empty cache and from a full one, on each engine, and keep what came of each.

    python benchmarks/caches.py [--engine amd64] [--engine none] [--crate hexyl] [--minutes 60] [--again failed]

Three need Rust 1.88 or newer, one names nightly in the toolchain file that it is published with, and one asks for
``components = ["rust-src"]`` there. A full cache is what other projects have left, with an older release, a newer one and a
nightly; each crate adds to it. Both builds of a cell lie in the same folder, and so do both caches, since compilers write down where
sources lie. The engine keeps its images. ``nox -s renew`` writes the table of docs/real-crates.md from what is kept in caches.json.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import kept
from real_crates import SMALL, published, small

TARGET: Final = "aarch64"
CONFIG: Final = 'version = 1\ntargets = ["aarch64"]\nimages = ["local", "build"]\n'

OTHERS: Final = ("1.85.0", "1.99.1", "nightly-2026-10-30")
"""What Rust the other projects had."""

ANYHOW: Final = 'fn main() -> anyhow::Result<()> { anyhow::ensure!(std::env::args().count() > 0, "no name"); Ok(()) }\n'
UNWINDING: Final = "use unwinding as _;\nfn main() {}\n"
HOME: Final = 'fn main() { println!("{:?}", home::home_dir()); }\n'
ESCAPER: Final = 'fn main() { rustc_literal_escaper::unescape_str("a", |_, result| println!("{result:?}")); }\n'


def _needs(dependency: str, rust: str, main: str, folder: Path) -> None:
    """Write a program that uses one crate, and names the Rust which that crate names."""
    small(dependency, main, folder)
    manifest = folder / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace("[dependencies]", f'rust-version = "{rust}"\n[dependencies]'))


def _with_its_file(name: str, version: str, main: str, folder: Path) -> None:
    """Write a program that uses one crate, with the toolchain file that the crate is published with."""
    small(f'{name} = "={version}"', main, folder)
    with tempfile.TemporaryDirectory() as place:
        published(name, version, Path(place))
        (file,) = Path(place).glob("rust-toolchain*")
        shutil.copy(file, folder)


CRATES: Final[Mapping[str, Callable[[Path], None]]] = {
    "home 0.5.12, used": lambda folder: _needs('home = "=0.5.12"', "1.88", HOME, folder),
    "rustc-literal-escaper 0.0.7, used": lambda folder: _needs('rustc-literal-escaper = "=0.0.7"', "1.89", ESCAPER, folder),
    "anyhow 1.0.105, used": lambda folder: _with_its_file("anyhow", "1.0.105", ANYHOW, folder),
    "unwinding 0.2.11, used": lambda folder: _with_its_file("unwinding", "0.2.11", UNWINDING, folder),
    "hexyl 0.17.0": lambda folder: published("hexyl", "0.17.0", folder),
}


@contextmanager
def _project(folder: Path, make: Callable[[Path], None]) -> Iterator[None]:
    """Have a project in a folder, which is removed."""
    folder.mkdir()
    try:
        make(folder)
        (folder / "crosstasks.toml").write_text(CONFIG)
        yield
    finally:
        shutil.rmtree(folder)


def fill(cache: Path, folder: Path, env: Mapping[str, str]) -> None:
    """Leave in a cache what the builds of other projects leave there."""
    for release in OTHERS:
        with _project(folder, lambda folder: small("", "fn main() {}\n", folder)):
            others = {**env, "CROSSTASKS_CACHE_DIR": str(cache), "CROSSTASKS_TOOLCHAIN": release}
            done = kept.crosstasks("build", f"--target={TARGET}", cwd=folder, env=others)
        if done.returncode:
            raise SystemExit(f"{release}: {done.stderr[-2000:]}")


def one(name: str, folder: Path, cache: Path, env: Mapping[str, str]) -> dict[str, Any]:
    """Build a crate in *folder* with what lies in a cache."""
    with _project(folder, CRATES[name]):
        return kept.cell("build", TARGET, cwd=folder, env={**env, "CROSSTASKS_CACHE_DIR": str(cache)}, arguments=SMALL)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--engine", action="append", choices=kept.ENGINES, help="may be given several times; all if not given")
    parser.add_argument("--crate", action="append", help="how its name begins; may be given several times")
    parser.add_argument("--minutes", type=float, default=1e9, help="no cell is begun after that time")
    parser.add_argument("--again", action="append", default=[], help="run cells again of which that came: ok, failed, refused, or all")
    return parser.parse_args()


def main() -> None:
    """Run what is asked for, and print one line a cell."""
    asked, store, begun = _arguments(), kept.Kept("caches.json"), time.monotonic()
    for engine in asked.engine or kept.ENGINES:
        names = [name for name in CRATES if not asked.crate or name.startswith(tuple(asked.crate))]
        names = [name for name in names if store.lacks(f"{name} {engine}", asked.again)]
        with kept.engine(engine) as env, tempfile.TemporaryDirectory(prefix="caches-") as place:
            cache, full, folder = (Path(place, name) for name in ("cache", "full", "project"))
            for number, name in enumerate(names):
                if time.monotonic() - begun > 60 * asked.minutes:
                    return
                if not number:
                    fill(cache, folder, env)
                cache.rename(full)
                empty = one(name, folder, cache, env)
                shutil.rmtree(cache)
                full.rename(cache)
                cell = {"empty": empty, "full": one(name, folder, cache, env)}
                store.keep(f"{name} {engine}", cell)
                print(name, engine, *(f"{cache}: {came['result']}" for cache, came in cell.items()), flush=True)


if __name__ == "__main__":
    main()
