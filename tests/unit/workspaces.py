"""A generated workspace of many crates, as tests of monorepos use it."""

from __future__ import annotations

from pathlib import Path


def name(number: int) -> str:
    """Return the name of a crate."""
    return f"crate-{number:02}"


def needed(number: int) -> tuple[int, ...]:
    """Return which crates a crate needs: the one at half its number, so that all are a tree below the first."""
    return (number // 2,) if number else ()


def generate(folder: Path, count: int = 30) -> Path:
    """Write a workspace of *count* crates; every third is a program, and all inherit from the workspace."""
    root = '[workspace]\nmembers = ["crates/*"]\nresolver = "2"\n\n[workspace.package]\nversion = "0.1.0"\nedition = "2021"\n'
    inherited = "".join(f'{name(number)} = {{ path = "crates/{name(number)}" }}\n' for number in range(count))
    files = {"Cargo.toml": f"{root}\n[workspace.dependencies]\n{inherited}"}
    for number in range(count):
        own, place = name(number), f"crates/{name(number)}"
        needs = "".join(f"{name(other)}.workspace = true\n" for other in needed(number))
        head = f'[package]\nname = "{own}"\nversion.workspace = true\nedition.workspace = true\n'
        sums = "".join(f" + {name(other).replace('-', '_')}::total()" for other in needed(number))
        files[f"{place}/Cargo.toml"] = f"{head}\n[dependencies]\n{needs}"
        files[f"{place}/src/lib.rs"] = f"pub fn total() -> u32 {{ {number}{sums} }}\n"
        if number % 3 == 0:
            files[f"{place}/src/main.rs"] = f'fn main() {{ println!("{{}}", {own.replace("-", "_")}::total()); }}\n'
    packages = (
        f'[[package]]\nname = "{name(number)}"\nversion = "0.1.0"\n'
        + "".join(f'dependencies = [\n "{name(other)}",\n]\n' for other in needed(number))
        for number in range(count)
    )
    files["Cargo.lock"] = "version = 4\n\n" + "\n".join(packages)
    files["crosstasks.toml"] = 'version = 1\ntargets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]\n'
    files[".gitignore"] = "/target\n"
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
