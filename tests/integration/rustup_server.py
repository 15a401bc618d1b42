"""A server of Rust releases on 127.0.0.1, in the form that rustup reads: a channel manifest and component archives."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Quiet(SimpleHTTPRequestHandler):
    """Serve files, each after *pause* seconds, and say nothing."""

    pause = 0.0

    def do_GET(self) -> None:
        """Serve one, but not at once."""
        time.sleep(self.pause)
        super().do_GET()

    def log_message(self, *_arguments: object) -> None:
        """Write no line per request."""


@contextmanager
def serving(folder: Path, pause: float = 0.0) -> Iterator[str]:
    """Serve *folder*; yield its address."""
    handler = type("Paused", (Quiet,), {"pause": pause})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def publish(folder: Path, url: str, release: str, toolchain: Path, *, host: str, targets: Sequence[str]) -> None:
    """Offer the files of *toolchain* as *release*: rustc, cargo, std of *host* and of *targets*, and the library's source."""
    std = {triple: f"lib/rustlib/{triple}" for triple in (host, *targets)}
    programs = ["bin/rustc", "bin/rustdoc", "lib/debian", *(f"lib/{file.name}" for file in (toolchain / "lib").glob("*.so"))]
    offered = {
        ("rustc", host): _archive(folder, toolchain, "rustc", [path for path in programs if (toolchain / path).exists()]),
        ("cargo", host): _archive(folder, toolchain, "cargo", ["bin/cargo"]),
        ("rust-src", "*"): _archive(folder, toolchain, "rust-src", ["lib/rustlib/src"]),
        **{("rust-std", triple): _archive(folder, toolchain, f"rust-std-{triple}", [path]) for triple, path in std.items()},
    }
    manifest = _manifest(url, release, offered, host).encode()
    place = folder / "dist" / f"channel-rust-{release}.toml"
    place.write_bytes(manifest)
    place.with_name(f"{place.name}.sha256").write_text(f"{hashlib.sha256(manifest).hexdigest()}  {place.name}\n")


def hollow(folder: Path, *triples: str) -> Path:
    """Make files that rustup takes for a toolchain, and that nobody can run."""
    std = (f"lib/rustlib/{triple}/lib/std" for triple in triples)
    for name in ("bin/rustc", "bin/rustdoc", "bin/cargo", *std, "lib/rustlib/src/rust/library/Cargo.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#!/bin/sh\n")
    return folder


def _archive(folder: Path, toolchain: Path, component: str, paths: Sequence[str]) -> tuple[str, str]:
    place = folder / "dist" / f"{component}.tar.gz"
    place.parent.mkdir(parents=True, exist_ok=True)
    files = [file for path in paths for file in _files(toolchain / path)]
    lines = "".join(f"file:{file.relative_to(toolchain)}\n" for file in files)
    with tarfile.open(place, "w:gz", compresslevel=1) as archive:
        for name, text in (("components", f"{component}\n"), ("rust-installer-version", "3\n"), (f"{component}/manifest.in", lines)):
            info = tarfile.TarInfo(f"{component}-0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
        for file in files:
            archive.add(file, f"{component}-0/{component}/{file.relative_to(toolchain)}")
    with place.open("rb") as file:
        return place.name, hashlib.file_digest(file, "sha256").hexdigest()


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _manifest(url: str, release: str, offered: Mapping[tuple[str, str], tuple[str, str]], host: str) -> str:
    lines = ['manifest-version = "2"', 'date = "2026-01-01"', "[renames]", "[profiles]", 'minimal = ["rustc", "cargo", "rust-std"]']
    for package in ("rustc", "cargo", "rust-std", "rust-src"):
        lines += [f"[pkg.{package}]", f'version = "{release}"']
        for (name, triple), (file, digest) in offered.items():
            if name == package:
                lines += [f'[pkg.{package}.target."{triple}"]', "available = true", f'url = "{url}/dist/{file}"', f'hash = "{digest}"']
    lines += ["[pkg.rust]", f'version = "{release}"', f'[pkg.rust.target."{host}"]', "available = true"]
    lines += [f'url = "{url}/none"', 'hash = "0"', "components = ["]
    lines += [f'  {{ pkg = "{name}", target = "{triple}" }},' for name, triple in offered if triple == host]
    lines += ["]", "extensions = ["]
    lines += [f'  {{ pkg = "{name}", target = "{triple}" }},' for name, triple in offered if triple != host]
    return "\n".join([*lines, "]", ""])
