"""Look: rustup, its toolchains, and whether its server can be reached.

What rustup has is read from its folder: that starts no program, and it holds toolchains that cannot run here as well.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ..catalog.ingredients import Toolchain, identity
from ..core import files, looking, toml_file
from ..core.errors import CrosstasksError
from ..core.looking import BaseFacts, Look
from ..core.steps import Absent, Done, Question
from ..project import manifest


class Channel(Struct, frozen=True, kw_only=True):
    """What rustup's server offers under a name.

    Attributes:
        release: what names the compiler, always the same: ``1.95.0``, ``nightly-2026-10-30``; *server* is who offers it.
        hosts: triples that the compiler and cargo run on.
        standard: triples whose standard library there is.
        source: there is the library's source as well.
    """

    release: str
    server: str = ""
    hosts: tuple[str, ...] = ()
    standard: tuple[str, ...] = ()
    source: bool = False


class Rustup(Struct, frozen=True, kw_only=True):
    """The user's rustup. *active* is the name of a toolchain, empty if there is none."""

    command: str
    version: str
    home: str
    toolchains: tuple[Toolchain, ...] = ()
    active: str = ""


GLIBC: Final = "2.17"
"""What rustup's programs for Linux need since 1.64: https://blog.rust-lang.org/2022/08/01/Increasing-glibc-kernel-requirements"""

ASK: Final = ("rustup", "--version")
ASK_RUSTC: Final = ("rustc", "-vV")
QUIET: Final[Mapping[str, str]] = {"RUSTUP_AUTO_INSTALL": "0", "RUSTUP_TOOLCHAIN": "none"}
"""``rustup --version`` also tells of the active rustc, and might install it for that: there is to be none."""

SERVER: Final = "https://static.rust-lang.org"


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Rustup | Absent:
    """Ask for the version (kept until the program changes), and read the folder."""
    command = look.which("rustup")
    if not command:
        rustc = look.which("rustc")
        return Absent(f"{rustc} is not rustup's" if rustc else "no rustup on PATH", "https://rustup.rs")

    def ask_version() -> str | Absent:
        return parse(look.run((command, *ASK[1:]), env=QUIET, cwd=str(look.home), timeout=look.timeout))

    version = looking.of_program(look, command, "rustup", ask_version, str)
    if isinstance(version, Absent):
        return version
    home = Path(look.environ.get("RUSTUP_HOME") or look.home / ".rustup")
    toolchains = tuple(_toolchain(look, path.parent) for path in sorted((home / "toolchains").glob("[!.]*/bin/")))
    settings: dict[str, Any] = {}
    with suppress(tomllib.TOMLDecodeError):
        settings = toml_file.loads(files.read(home / "settings.toml"))
    host = settings.get("default_host_triple") or next((t.host for t in toolchains if t.host), "")
    names = {toolchain.name for toolchain in toolchains}
    return Rustup(
        command=command,
        version=version,
        home=str(home),
        toolchains=toolchains,
        active=resolve(selection(look, settings), host, names),
    )


def parse(done: Done) -> str | Absent:
    """Read ``rustup 1.29.0 (28d1352db 2026-03-05)``; what follows is about rustc."""
    words = done.out.split()
    if words[:1] == ["rustup"] and len(words) > 1:
        return words[1]
    return Absent(f"rustup does not answer: {done.err.strip() or done.out.strip() or f'it exited with {done.code}'}")


def selection(look: Look, settings: Mapping[str, Any]) -> str:
    """Return what rustup takes here: ``RUSTUP_TOOLCHAIN``, else an override or toolchain file, the nearest, else the default."""
    if variable := look.environ.get("RUSTUP_TOOLCHAIN", ""):
        return variable
    overrides: Mapping[str, str] = settings.get("overrides") or {}
    default = str(settings.get("default_toolchain") or "")
    for folder in (look.cwd, *look.cwd.parents):
        # rustup writes down where links lead
        if override := overrides.get(os.path.realpath(folder)):
            return override
        file = manifest.read_toolchain_file(folder)
        if isinstance(file, manifest.ToolchainFile):
            # one that names components alone adds them to the default
            return file.channel or ("" if file.path else default)
    return default


def resolve(name: str, host: str, names: Collection[str]) -> str:
    """Return the name of the folder that a toolchain's short name stands for; empty if it is not installed."""
    return next((full for full in (name, f"{name}-{host}") if name and full in names), "")


def _toolchain(look: Look, folder: Path) -> Toolchain:
    library = folder / "lib/rustlib"
    channel, components = files.read(library / "multirust-channel-manifest.toml"), files.read(library / "components")
    release, host, date = release_of(channel, "[pkg.rustc]"), host_of(components) if channel else "", date_of(channel)
    glibc = GLIBC if host.endswith("-linux-gnu") else ""
    if not (release and host):
        release, host = _ask_rustc(look, folder)
    return Toolchain(
        name=folder.name,
        path=str(folder),
        release=release,
        host=host,
        source="user",
        standard=standard(folder),
        library=(library / "src/rust/library/Cargo.toml").is_file() or (library / "src/rust/library/std").is_dir(),
        glibc=glibc,
        date=date,
        components=components_of(components, host),
    )


def _ask_rustc(look: Look, folder: Path) -> tuple[str, str]:
    """Ask a toolchain that rustup did not install what it is; one that does not run here says nothing."""
    rustc = str(folder / "bin/rustc")

    def ask() -> str | Absent:
        try:
            done = look.run((rustc, *ASK_RUSTC[1:]), timeout=look.timeout)
        except CrosstasksError as error:
            return Absent(str(error))
        return Absent(done.err.strip()) if done.code else done.out

    output = looking.of_program(look, rustc, "rustc", ask, str) if Path(rustc).is_file() else Absent("it has no rustc")
    return ("", "") if isinstance(output, Absent) else parse_rustc(output)


def parse_rustc(out: str) -> tuple[str, str]:
    """Read release and host of ``rustc -vV``."""
    values = dict(line.split(": ", 1) for line in out.splitlines() if ": " in line)
    return values.get("release", ""), values.get("host", "")


def standard(folder: Path) -> tuple[str, ...]:
    """Return the triples whose standard library is in a toolchain."""
    libraries = (folder / "lib/rustlib").glob("*/lib")
    return tuple(sorted(lib.parent.name for lib in libraries if any(lib.glob("libcore-*.rlib"))))


def release_of(manifest: str, section: str = "[pkg.rust]") -> str:
    """Read a package's release in a channel's manifest, a megabyte of TOML: ``version = "1.96.0 (e408947bf 2026-04-14)"``."""
    _, heading, below = manifest.partition(f"\n{section}\nversion = ")
    return re.split(r'[" ]', below[:80].lstrip('"'), maxsplit=1)[0] if heading else ""


def date_of(manifest: str) -> str:
    """Read the date of a channel's manifest, on its second line."""
    match = re.search(r'^date = "([0-9-]+)"$', manifest[:200], re.MULTILINE)
    return match[1] if match else ""


def components_of(text: str, host: str) -> tuple[str, ...]:
    """Return the names in the list of what rustup installed, as users write them: ``clippy``, and not ``clippy-preview-<host>``."""
    return tuple(sorted(line.removesuffix(f"-{host}").removesuffix("-preview") for line in text.splitlines() if line))


def host_of(components: str) -> str:
    """Read the host in the list of what rustup installed: ``rustc-x86_64-unknown-linux-gnu``."""
    match = re.search(r"^rustc-(\S+)$", components, re.MULTILINE)
    return match[1] if match else ""


_PACKAGE: Final = re.compile(r'^\[pkg\.([\w-]+)\.target\.(?:"([^"]+)"|([\w-]+))\]\navailable = true', re.MULTILINE)

_WITH_DATE: Final = re.compile(r"(nightly|beta)-(\d{4}-\d\d-\d\d)")

RELEASE_LIFE: Final = looking.Life(positive=7 * 24 * 3600, negative=120)
"""What a release, or a day's nightly, holds does not change."""

CHANNEL_LIFE: Final = looking.Life(positive=600, negative=120)


def ask_channel(look: Look, question: Question, _facts: BaseFacts) -> Channel | Absent:
    """Ask the server of the user's rustup what it has of a channel: a manifest of less than a megabyte."""
    url, name = (look.environ.get("RUSTUP_DIST_SERVER") or SERVER).rstrip("/"), question.subject
    dated = _WITH_DATE.fullmatch(name)
    place = f"{dated[2]}/channel-rust-{dated[1]}" if dated else f"channel-rust-{name}"
    life = RELEASE_LIFE if dated or name.count(".") == 2 else CHANNEL_LIFE

    def ask() -> Channel | Absent:
        return parse_channel(url, name, look.fetch(f"{url}/dist/{place}.toml", look.timeout))

    return looking.cached_answer(look, f"rust-channel {name} {url}", Channel, life, ask)


def parse_channel(url: str, name: str, manifest: str) -> Channel | Absent:
    """Read a channel's manifest, by its lines: reading it as TOML takes a second."""
    release = identity(release_of(manifest), date_of(manifest))
    if not release:
        return Absent(f"{url} does not serve {name}")
    offered: dict[str, list[str]] = {}
    for package, quoted, plain in _PACKAGE.findall(manifest):
        offered.setdefault(package, []).append(quoted or plain)
    hosts = [triple for triple in offered.get("rustc", ()) if triple in offered.get("cargo", ())]
    standard = tuple(offered.get("rust-std", ()))
    return Channel(release=release, server=url, hosts=tuple(hosts), standard=standard, source="rust-src" in offered)
