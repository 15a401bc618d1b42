"""Build and test a small crate for every target of the catalogue, along every builder, and keep what came of each cell.

    python benchmarks/every_target.py [--engine amd64] [--engine none] [--target NAME] [--minutes 60] [--again failed]

A cell is an engine, a target and a builder. What was run is not run again, unless ``--again`` names its result, or ``all``; so a run may
be ended at any time, and go on later. ``nox -s renew`` writes the table of docs/targets.md from what is kept in every_target.json.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import kept

from crosstasks.catalog.targets import Target, catalogue, find

COMMON: Final = (
    *("aarch64", "x86_64", "x86_64-musl", "aarch64-musl", "windows", "macos", "x86_64-macos", "freebsd", "armv7", "wasip1", "wasip2"),
    *("wasm", "armv7-musl", "i686", "riscv64", "s390x", "powerpc64le", "aarch64-windows", "thumbv7em-hf", "uefi", "x86_64-none"),
)
"""What people build for most, by the names of the catalogue; all others come after them."""

BUILDERS: Final = ("zigbuild", "cargo", "cross")

C: Final = "int twice(int number) { return 2 * number; }\n"
BUILD: Final = 'fn main() {\n    cc::Build::new().file("twice.c").compile("twice");\n}\n'
WITH_C: Final = """\
extern "C" { fn twice(number: i32) -> i32; }
fn main() { println!("{}", unsafe { twice(21) }); }
#[test] fn doubles() { assert_eq!(8, unsafe { twice(4) }); }
"""
PLAIN: Final = """\
fn main() { println!("{}", std::env::args().count()); }
#[test] fn adds() { assert_eq!(4, [1, 3].iter().sum::<i32>()); }
"""
BARE: Final = """\
#![no_std]
#![no_main]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { loop {} }
#[no_mangle]
pub extern "C" fn NAME() -> ! { loop {} }
"""


def crate(folder: Path, target: Target, builder: str) -> str:
    """Write a crate that suits target and builder, and say what is in it: ``C``, ``no_std`` or ``Rust``."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    kind = "no_std" if not target.std else "Rust" if target.plain_cargo and builder == "cargo" else "C"
    main = {"C": WITH_C, "Rust": PLAIN, "no_std": BARE.replace("NAME", "efi_main" if target.os == "uefi" else "_start")}[kind]
    more = '[build-dependencies]\ncc = "1"\n' if kind == "C" else ""
    # of the library's source one build serves programs and tests, but where nothing can unwind
    profiles = "".join(f'[profile.{name}]\npanic = "abort"\n' for name in ("dev", "release") if kind == "no_std")
    (folder / "Cargo.toml").write_text(f'[package]\nname = "cell"\nversion = "0.1.0"\nedition = "2021"\n{profiles}{more}')
    (folder / "src" / "main.rs").write_text(main)
    if more:
        (folder / "twice.c").write_text(C)
        (folder / "build.rs").write_text(BUILD)
    # what nobody ships is compiled from the library's source, and images are built here; the variable: see kept.engine
    (folder / "crosstasks.toml").write_text('version = 1\nimages = ["local", "build"]\nfallback = []\nenv-pass = ["QEMU_GUEST_BASE"]\n')
    return kind


def _pairs(names: list[str], builders: list[str]) -> Iterator[tuple[Target, str]]:
    """Give the targets with each builder, the commonest first."""
    rows = [find(name) for name in names] if names else [*map(find, COMMON), *catalogue().values()]
    for row in {row.triple: row for row in rows}.values():
        yield from ((row, builder) for builder in builders)


def one(folder: Path, target: Target, builder: str, env: Mapping[str, str]) -> dict[str, Any]:
    """Build and test one cell. The crate is written anew: of what was built for another engine cargo takes the libraries alone."""
    kind = crate(folder, target, builder)
    build = kept.cell("build", target.triple, f"--builder={builder}", cwd=folder, env=env)
    test = kept.cell("test", target.triple, f"--builder={builder}", cwd=folder, env=env) if build["result"] == "ok" else None
    return {"crate": kind, "build": build, **({"test": test} if test else {})}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--engine", action="append", choices=kept.ENGINES, help="may be given several times; none and amd64 if not given")
    parser.add_argument("--builder", action="append", choices=BUILDERS)
    parser.add_argument("--target", action="append", help="a triple or an alias; may be given several times")
    parser.add_argument("--minutes", type=float, default=1e9, help="no cell is begun after that time")
    parser.add_argument("--again", action="append", default=[], help="run cells again of which that came: ok, failed, refused, or all")
    return parser.parse_args()


def main() -> None:
    """Run what is asked for, and print one line a cell."""
    asked, store, begun = _arguments(), kept.Kept("every_target.json"), time.monotonic()
    with ExitStack() as stack:
        engines = asked.engine or ["none", "amd64"]
        envs = {name: stack.enter_context(kept.engine(name)) for name in engines}
        for target, builder in _pairs(asked.target or [], asked.builder or list(BUILDERS)):
            with tempfile.TemporaryDirectory(prefix="cell-", ignore_cleanup_errors=True) as folder:
                for engine in engines:
                    key = f"{target.triple} {engine} {builder}"
                    if store.lacks(key, asked.again) and time.monotonic() - begun < 60 * asked.minutes:
                        store.keep(key, cell := one(Path(folder), target, builder, envs[engine]))
                        print(key, *(f"{verb}: {cell[verb]['result']}" for verb in ("build", "test") if verb in cell), flush=True)


if __name__ == "__main__":
    main()
