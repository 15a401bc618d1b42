"""Build small crates that link a C library of the system, without it and with the `packages` line that the error names, and keep what came.

    python benchmarks/c_libraries.py [--crate alsa-sys] [--again failed]

Each is built for aarch64 in an image that is built here: the first time the image has no library, and what the error says is kept; the
second time the image has the packages of the whole group, the line of the crate among them, and the program is run under QEMU.
``nox -s renew`` writes the table of docs/c-libraries.md from what is kept in c_libraries.json.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import kept
from msgspec import Struct

TARGET: Final = "aarch64-unknown-linux-gnu"


class Library(Struct, frozen=True, kw_only=True):
    """A crate that needs something of the system.

    Attributes:
        needs: its line below ``[dependencies]``, or ``[build-dependencies]`` if there is a *build* script.
        main: the body of the program.
        line: what `packages` has to name.
        group: crates of one group share an image.
    """

    needs: str
    main: str
    line: str
    build: str = ""
    files: dict[str, str] = {}
    group: int = 1


BINDGEN: Final = """\
fn main() {
    let bindings = bindgen::builder().header("a.h").generate().unwrap();
    bindings.write_to_file(std::path::Path::new(&std::env::var("OUT_DIR").unwrap()).join("a.rs")).unwrap();
}
"""
LIBRARIES: Final = {
    "openssl-sys": Library(
        needs='openssl-sys = "0.9"', main='println!("{:x}", unsafe { openssl_sys::OpenSSL_version_num() })', line="libssl-dev"
    ),
    "libsqlite3-sys": Library(
        needs='libsqlite3-sys = "0.35"',
        main='println!("{}", unsafe { libsqlite3_sys::sqlite3_libversion_number() })',
        line="libsqlite3-dev",
    ),
    "pq-sys": Library(needs='pq-sys = "0.7"', main='println!("{}", unsafe { pq_sys::PQlibVersion() })', line="libpq-dev"),
    "rdkafka-sys": Library(
        needs='rdkafka-sys = { version = "=4.3.0", features = ["dynamic-linking"] }',
        main='println!("{:x}", unsafe { rdkafka_sys::rd_kafka_version() })',
        line="librdkafka-dev",
    ),
    "alsa-sys": Library(
        needs='alsa-sys = "0.3"', main='println!("{}", unsafe { alsa_sys::snd_strerror(0) }.is_null())', line="libasound2-dev"
    ),
    "bindgen": Library(
        needs='bindgen = "0.72"',
        build=BINDGEN,
        files={"a.h": "enum answer { ANSWER = 42 };\n"},
        main='println!("{}", answer_ANSWER)',
        line="libclang-dev:native",
    ),
    "prost-build": Library(
        needs='prost-build = "0.14"',
        build='fn main() { prost_build::compile_protos(&["a.proto"], &["."]).unwrap(); }\n',
        files={"a.proto": 'syntax = "proto3";\npackage a;\nmessage Answer {}\n'},
        main='println!("{}", include_str!(concat!(env!("OUT_DIR"), "/a.rs")).len())',
        line="protobuf-compiler:native",
    ),
    "gtk-sys": Library(
        needs='gtk-sys = "0.18"', main='println!("{}", unsafe { gtk_sys::gtk_get_major_version() })', line="libgtk-3-dev", group=2
    ),
}


def write(folder: Path, library: Library, packages: tuple[str, ...]) -> None:
    """Write the crate, with a configuration whose image has these packages."""
    (folder / "src").mkdir()
    section = "build-dependencies" if library.build else "dependencies"
    manifest = f'[package]\nname = "uses"\nversion = "0.1.0"\nedition = "2021"\n[{section}]\n{library.needs}\n'
    (folder / "Cargo.toml").write_text(manifest)
    include = 'include!(concat!(env!("OUT_DIR"), "/a.rs"));\n' if "a.h" in library.files else ""
    (folder / "src" / "main.rs").write_text(
        f"#![allow(dead_code, non_upper_case_globals, non_camel_case_types)]\n{include}fn main() {{ {library.main}; }}\n"
    )
    for name, text in {**library.files, **({"build.rs": library.build} if library.build else {})}.items():
        (folder / name).write_text(text)
    own = f"packages = {json.dumps(packages)}\n" if packages else ""
    (folder / "crosstasks.toml").write_text(f'version = 1\nimages = ["local", "build"]\nfallback = []\n[target.{TARGET}]\n{own}')


def once(library: Library, packages: tuple[str, ...], verb: str) -> dict[str, Any]:
    """Do something with the crate in a folder of its own, which is removed."""
    folder = Path(tempfile.mkdtemp(prefix="library-"))
    try:
        write(folder, library, packages)
        return kept.cell(verb, TARGET, "--builder=cross", cwd=folder, env={})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def lines(why: str) -> list[str]:
    """Return what the error says `packages` should name, in the last line that it names."""
    found = re.findall(r"`packages = \[([^\]]*)\]`", why)
    return re.findall(r'"([^"]+)"', found[-1]) if found else []


def main() -> None:
    """Run what is asked for, and print one line a crate."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--crate", action="append", choices=LIBRARIES, help="may be given several times")
    parser.add_argument("--again", action="append", default=[], help="run crates again of which that came: ok, failed, refused, or all")
    asked, store = parser.parse_args(), kept.Kept("c_libraries.json")
    for phase in ("without", "with"):
        for name, library in LIBRARIES.items():
            key = f"{name} {phase}"
            if (asked.crate and name not in asked.crate) or not store.lacks(key, asked.again):
                continue
            group = tuple(sorted({one.line for one in LIBRARIES.values() if one.group == library.group}))
            came = once(library, group if phase == "with" else (), "tools.run" if phase == "with" else "build")
            store.keep(key, {"line": library.line, "says": lines(came.get("why", "")), phase: came})
            print(key, came["result"], store.cells[key]["says"], flush=True)


if __name__ == "__main__":
    main()
