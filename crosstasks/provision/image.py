"""Act: put an image together from Debian's packages, without a registry, without root, and without running anything of it.

The packages' files are streamed into two layers, one that all targets share and one for the target, and never unpacked
on the host's disk; so neither root nor a file system that keeps upper and lower case apart is wanted.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple

from .. import cache, docker_api
from ..errors import ImageFailed
from ..recipes import SPAWN, Recipe
from ..steps import Say
from .debian import Archive, Package, members

EPOCH: Final = "2024-01-01T00:00:00Z"
"""The date in every image: the same packages make the same image."""

MERGED: Final = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
"""Folders that are links into usr: https://wiki.debian.org/UsrMerge; maintainer scripts make them, and none is run."""

DROPPED: Final = (
    *("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/gdb/"),
    *("usr/share/bash-completion/", "usr/share/bug/", "usr/share/icons/", "usr/share/applications/", "var/cache/", "var/lib/dpkg/"),
)
"""What no build reads."""

PAUSE: Final = 5.0
"""Seconds between two lines that tell how far it is."""

PROGRAMS: Final = ("usr/bin/", "usr/sbin/", "usr/libexec/", "usr/games/", "usr/share/perl", "etc/")
"""Where programs lie, and what they read."""

UNREAD: Final = re.compile(r"usr/bin/(.+-)?lto-dump(-.+)?")
"""A debugging aid for gcc's own developers, of 30 MB each."""

LINKS: Final[Mapping[str, str]] = {
    # what update-alternatives would have made
    "usr/bin/cc": "gcc",
    "usr/bin/c++": "g++",
    "usr/bin/awk": "mawk",
    "usr/bin/sh": "dash",
    "usr/bin/which": "which.debianutils",
}

CERTIFICATES: Final = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def build(recipe: Recipe, *, engine: str, folder: Path, archive: Archive, spawn: Sequence[Path], say: Say) -> None:
    """
    Build the image of a recipe and load it into the engine.

    Args:
        engine: the command of docker or podman.
        folder: of our cache, for what is being made.
        spawn: the files that the image keeps in ``recipes.SPAWN``.

    Raises:
        ImageFailed: a package holds what an image must not, or the engine refuses.
        ToolMissing: apt has no such package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with cache.locked(folder / recipe.tag.replace("/", "-").replace(":", "-")):
        if docker_api.inspect(engine, (recipe.tag,)):
            return
        parts = packages(recipe, archive)
        total = sum(package.size for part in parts for package in part) / 1e6
        say(f"building {recipe.tag} from {sum(map(len, parts))} packages, {total:.0f} MB")
        files = [archive.fetch(part) for part in parts]
        # files without a name: however this process ends, they are gone with it
        with tempfile.TemporaryFile(dir=folder) as base, tempfile.TemporaryFile(dir=folder) as top:
            fill = (lambda tar: _fill_base(tar, _told(files[0], say)), lambda tar: _fill_target(tar, files[1], recipe, spawn))
            with ThreadPoolExecutor(len(fill)) as pool:
                layers = tuple(pool.map(_layer, (base, top), fill))
            say(f"loading {recipe.tag} into the engine, {sum(layer.size for layer in layers) / 1e6:.0f} MB")
            docker_api.load(engine, _archive(recipe, layers, parts))


def packages(recipe: Recipe, archive: Archive) -> tuple[tuple[Package, ...], tuple[Package, ...]]:
    """Return the packages of the layer that all targets share, and those that the target adds."""
    foreign = sorted({name.partition(":")[2] for name in recipe.packages if ":" in name} - {recipe.architecture})
    archive.update(sorted({recipe.architecture, *foreign}))
    base = archive.closure(recipe.base, recipe.architecture)
    own = [name for name in recipe.packages if name.partition(":")[2] not in foreign]
    top = archive.closure((*recipe.base, *own), recipe.architecture) if own else base
    for architecture in foreign:
        asked = [name for name in recipe.packages if name.endswith(f":{architecture}")]
        top += _libraries(archive.closure(asked, architecture), top)
    return base, tuple(package for package in top if package not in base)


def _libraries(found: Sequence[Package], there: Sequence[Package]) -> tuple[Package, ...]:
    """
    Return of a closure of the target's architecture what the image lacks.

    It is resolved by itself: together, apt wants one version of a library for all architectures, and the security
    suite serves some (amd64) and not others (s390x), so that none would resolve.
    """
    names = {package.name for package in there}
    # the cross compiler brings a libc of its own: one more beside it, of another build, and threads hang under QEMU
    doubled = {package for package in found if f"{package.name}-{package.architecture}-cross" in names}
    served = {package for package in found if package.architecture == "all" and package.name in names}
    return tuple(package for package in found if package not in doubled | served)


def _told(debs: Sequence[Path], say: Say) -> Iterator[Path]:
    """Give one package after the other, and tell now and then how many are in the layer."""
    last = time.monotonic()
    for number, deb in enumerate(debs):
        if time.monotonic() - last > PAUSE:
            last = time.monotonic()
            say(f"composing: {number} of {len(debs)} packages are in the layer that all targets share")
        yield deb


class _Layer(NamedTuple):
    file: io.BufferedRandom
    size: int
    digest: str


def _layer(file: io.BufferedRandom, fill: Callable[[tarfile.TarFile], None]) -> _Layer:
    """Write a layer."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        fill(tar)
    size = file.tell()
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return _Layer(file, size, digest)


def _fill_base(tar: tarfile.TarFile, debs: Iterable[Path]) -> None:
    top = ("etc", "root", "var", "proc", "sys", "dev", "run", "home", "project", "target")
    for name in ("usr", *(f"usr/{name}" for name in MERGED), *top):
        tar.addfile(_directory(name))
    tar.addfile(_directory("tmp", 0o1777))
    for name in MERGED:
        tar.addfile(_link(name, f"usr/{name}"))
    # bullseye's which is no alternative, and a file
    held = _copy(tar, debs, lambda name: name not in LINKS or name == "usr/bin/which")
    for name, target in LINKS.items():
        if f"usr/bin/{target}" in held and name not in held:
            tar.addfile(_link(name, target))
    _write(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")
    _write(tar, "etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    for bundle in map(Path, CERTIFICATES):
        if bundle.is_file():
            _write(tar, "etc/ssl/certs/ca-certificates.crt", bundle.read_bytes())
            break


def _fill_target(tar: tarfile.TarFile, debs: Sequence[Path], recipe: Recipe, spawn: Sequence[Path]) -> None:
    """Fill the layer on top; no link of the first may come again as a folder, it would hide what lies below."""

    def wanted(name: str) -> bool:
        # bookworm's -static is the emulator, trixie's is a link to the one without
        return "qemu-" not in name or name in {f"usr/bin/qemu-{recipe.qemu}", f"usr/bin/qemu-{recipe.qemu}-static"}

    own = [deb for deb in debs if _machine(deb) in {recipe.architecture, "all"}]
    held = _copy(tar, own, lambda name: wanted(name) and name not in recipe.links)
    # of the target's own packages only what is linked against: its programs would hide the image's
    _copy(tar, [deb for deb in debs if deb not in own], lambda name: name not in held and not name.startswith(PROGRAMS))
    for name, target in recipe.links.items():
        tar.addfile(_link(name, target))
    if recipe.qemu:
        for path in spawn:
            _write(tar, f"{SPAWN.lstrip('/')}/{path.name}", path.read_bytes(), 0o755)


def _machine(deb: Path) -> str:
    return deb.stem.rpartition("_")[2]


def _copy(tar: tarfile.TarFile, debs: Iterable[Path], wanted: Callable[[str], bool]) -> set[str]:
    """Copy what is wanted of the packages, and return the paths that the layer holds."""
    seen = {member.name for member in tar.getmembers()}
    for deb in debs:
        for member, content in members(deb):
            name = place(member.name, deb.name)
            # a path that stands twice in a layer is refused by the engine; packages share folders, and nothing else
            if not name or name in seen or f"{name}/".startswith(DROPPED) or UNREAD.fullmatch(name) or not wanted(name):
                continue
            plain = _plain(member, name, deb.name)
            if plain.islnk() and plain.linkname not in seen:
                raise ImageFailed(f"{deb.name} holds {name!r}, a link to {plain.linkname!r}", why="that is not in the image")
            seen.add(name)
            tar.addfile(plain, content)
    return seen


def place(name: str, source: str) -> str:
    """
    Return where a file of a package lies in the image; empty for the root of the package.

    Raises:
        ImageFailed: the path leads out of the image.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ImageFailed(f"{source} holds the path {name!r}", why="it leads out of the image", hint="the package is not trusted")
    parts = [part for part in path.parts if part != "."]
    if parts and parts[0] in MERGED:
        parts.insert(0, "usr")
    return "/".join(parts)


def _plain(member: tarfile.TarInfo, name: str, source: str) -> tarfile.TarInfo:
    """Return a member as it enters the image: owned by root, without set-user-id; devices are refused."""
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise ImageFailed(f"{source} holds the device {member.name!r}", hint="the package is not trusted")
    plain = tarfile.TarInfo(name)
    plain.type, plain.size, plain.mtime = member.type, member.size, member.mtime
    plain.mode = member.mode & 0o1777
    plain.linkname = place(member.linkname, source) if member.islnk() else member.linkname
    return plain


def _directory(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def _link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    return info


def _write(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


def _archive(recipe: Recipe, layers: Sequence[_Layer], parts: Sequence[Sequence[Package]]) -> Iterator[bytes]:
    """Stream the archive that ``docker load`` and ``podman load`` read."""
    system, _, machine = recipe.platform.partition("/")
    held = "\n".join(sorted(f"{package.name}:{package.architecture}={package.version}" for part in parts for package in part))
    labels = {**recipe.labels, "crosstasks.packages": hashlib.sha256(held.encode()).hexdigest()}
    config = {
        "architecture": machine,
        "os": system,
        "created": EPOCH,
        "config": {"Env": [f"{key}={value}" for key, value in recipe.env.items()], "Cmd": ["/bin/sh"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in layers]},
        "history": [{"created": EPOCH, "created_by": "crosstasks"} for _ in layers],
    }
    text = json.dumps(config, sort_keys=True).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [recipe.tag], "Layers": [f"{layer.digest}/layer.tar" for layer in layers]}]
    told = json.dumps(manifest).encode()
    yield from _entry(name, io.BytesIO(text), len(text))
    yield from _entry("manifest.json", io.BytesIO(told), len(told))
    for layer in layers:
        yield from _entry(f"{layer.digest}/layer.tar", layer.file, layer.size)
    yield b"\0" * 1024


def _entry(name: str, content: IO[bytes], size: int) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf()
    yield from iter(lambda: content.read(1 << 20), b"")
    yield b"\0" * (-info.size % 512)


__all__ = ["build", "packages", "place"]
