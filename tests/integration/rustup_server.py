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


PROFILES = {"minimal": ("rustc", "cargo", "rust-std"), "default": ("rustc", "cargo", "rust-std", "rust-docs", "clippy")}


def publish(folder: Path, url: str, release: str, toolchain: Path, *, host: str, targets: Sequence[str], channel: str = "") -> None:
    """Offer the files of *toolchain* as *release*: rustc, cargo, std of *host* and of *targets*, and the library's source.

    Args:
        channel: ``nightly-2026-01-01`` or ``beta-2026-01-01``: it is offered as that, and as what the channel is by now.
    """
    std = {triple: f"lib/rustlib/{triple}" for triple in (host, *targets)}
    programs = ["bin/rustc", "bin/rustdoc", "lib/debian", *(f"lib/{file.name}" for file in (toolchain / "lib").glob("*.so"))]
    offered = {
        ("rustc", host): _archive(folder, toolchain, "rustc", [path for path in programs if (toolchain / path).exists()]),
        ("cargo", host): _archive(folder, toolchain, "cargo", ["bin/cargo"]),
        ("rust-src", "*"): _archive(folder, toolchain, "rust-src", ["lib/rustlib/src"]),
        **{("rust-std", triple): _archive(folder, toolchain, f"rust-std-{triple}", [path]) for triple, path in std.items()},
    }
    name, _, date = channel.partition("-")
    if channel:
        more = hollow(folder / "more", files=("bin/cargo-clippy", "share/doc/rust/README.md"))
        offered["clippy", host] = _archive(folder, more, "clippy", ["bin/cargo-clippy"])
        offered["rust-docs", host] = _archive(folder, more, "rust-docs", ["share/doc/rust/README.md"])
        number = {"nightly": "-nightly", "beta": "-beta.1"}[name]
        offer(folder, f"{date}/channel-rust-{name}", _manifest(url, f"{release}{number} (0123456789 {date})", offered, host, date))
    text = _manifest(url, release, offered, host) if not channel else (folder / "dist" / date / f"channel-rust-{name}.toml").read_text()
    offer(folder, f"channel-rust-{name or release}", text)


def offer(folder: Path, name: str, text: str) -> None:
    """Write a manifest, and the hash of it beside it, as rustup reads them."""
    place, content = folder / "dist" / f"{name}.toml", text.encode()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    place.with_name(f"{place.name}.sha256").write_text(f"{hashlib.sha256(content).hexdigest()}  {place.name}\n")


HOLLOW = ("bin/rustc", "bin/rustdoc", "bin/cargo", "lib/rustlib/src/rust/library/Cargo.toml")


def hollow(folder: Path, *triples: str, files: Sequence[str] = HOLLOW) -> Path:
    """Make files that rustup takes for a toolchain, and that nobody can run."""
    for name in (*files, *(f"lib/rustlib/{triple}/lib/std" for triple in triples)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("#!/bin/sh\n")
    return folder


def _archive(folder: Path, toolchain: Path, component: str, paths: Sequence[str]) -> tuple[str, str]:
    """Pack a component unless another channel has it packed; return its name and hash."""
    place = folder / "dist" / f"{component}.tar.gz"
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        _pack(place, toolchain, component, paths)
    with place.open("rb") as file:
        return place.name, hashlib.file_digest(file, "sha256").hexdigest()


def _pack(place: Path, toolchain: Path, component: str, paths: Sequence[str]) -> None:
    files = [file for path in paths for file in _files(toolchain / path)]
    lines = "".join(f"file:{file.relative_to(toolchain)}\n" for file in files)
    with tarfile.open(place, "w:gz", compresslevel=0) as archive:
        for name, text in (("components", f"{component}\n"), ("rust-installer-version", "3\n"), (f"{component}/manifest.in", lines)):
            info = tarfile.TarInfo(f"{component}-0/{name}")
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))
        for file in files:
            archive.add(file, f"{component}-0/{component}/{file.relative_to(toolchain)}")


def _files(path: Path) -> list[Path]:
    return [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())


def _manifest(url: str, version: str, offered: Mapping[tuple[str, str], tuple[str, str]], host: str, date: str = "2026-01-01") -> str:
    packages = dict.fromkeys(name for name, _ in offered)
    lines = ['manifest-version = "2"', f'date = "{date}"', "[renames]", "[profiles]"]
    lines += [f"{name} = {[part for part in parts if part in packages]}".replace("'", '"') for name, parts in PROFILES.items()]
    for package in packages:
        lines += [f"[pkg.{package}]", f'version = "{version}"']
        for (name, triple), (file, digest) in offered.items():
            if name == package:
                lines += [f'[pkg.{package}.target."{triple}"]', "available = true", f'url = "{url}/dist/{file}"', f'hash = "{digest}"']
    lines += ["[pkg.rust]", f'version = "{version}"', f'[pkg.rust.target."{host}"]', "available = true"]
    lines += [f'url = "{url}/none"', 'hash = "0"', "components = ["]
    lines += [f'  {{ pkg = "{name}", target = "{triple}" }},' for name, triple in offered if triple == host]
    lines += ["]", "extensions = ["]
    lines += [f'  {{ pkg = "{name}", target = "{triple}" }},' for name, triple in offered if triple != host]
    return "\n".join([*lines, "]", ""])
