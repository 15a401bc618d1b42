"""Act: put an image together from Debian's packages, without a registry, without root, and without running anything of it.

The packages' files are streamed into layers, those below shared by all targets, and never unpacked on the host's disk; so
neither root nor a file system that keeps upper and lower case apart is wanted.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from ..catalog.recipes import BASE, SPAWN, WINE, lean
from ..clients import engines
from ..clients.debian.deb import members
from ..clients.debian.index import Package, megabytes
from ..core import cache, files
from ..core.errors import ImageFailed

if TYPE_CHECKING:
    from ..catalog.ingredients import Recipe
    from ..clients.debian import Archive
    from ..context import Context
    from ..core.steps import Say

USR_LINKS: Final = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
"""Folders that are links into usr: https://wiki.debian.org/UsrMerge; maintainer scripts make them, and none is run."""

OMIT: Final = (
    *("usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/", "usr/share/gdb/"),
    *("usr/share/bash-completion/", "usr/share/bug/", "usr/share/icons/", "usr/share/applications/", "var/cache/", "var/lib/dpkg/"),
)
"""What no build reads."""

UNREAD: Final = re.compile(r"usr/bin/(.+-)?lto-dump(-.+)?")
"""A debugging aid for gcc's own developers, of 30 MB each."""


PIECE: Final = 1 << 16
"""Bytes of a file that are copied at a time."""


class Layer(NamedTuple):
    """A layer: the *file* that holds it, its *size* in bytes, its *digest* in hex, and the paths that it *holds*."""

    file: io.BufferedRandom
    size: int
    digest: str
    holds: frozenset[str]


def compose(file: io.BufferedRandom, fill: Callable[[tarfile.TarFile], None]) -> Layer:
    """Write a layer into an empty file."""
    with tarfile.TarFile(fileobj=file, mode="w", format=tarfile.GNU_FORMAT, copybufsize=PIECE) as tar:
        fill(tar)
        holds = frozenset(member.name for member in tar.getmembers())
    size = file.tell()
    file.seek(0)
    digest = files.sha256(file)
    file.seek(0)
    return Layer(file, size, digest, holds)


def copy(tar: tarfile.TarFile, debs: Iterable[Path], takes: Callable[[str], bool], *, last: Collection[str] = ()) -> None:
    """Copy files of packages.

    Args:
        takes: tells of a path in the image whether it is copied.
        last: paths behind which a package is not read on.
    """
    names: set[str] = set()
    for deb in debs:
        for member, content in members(deb):
            name = place(member.name, deb.name)
            # a path that stands twice in a layer is refused by the engine; packages share folders, and nothing else
            if not name or name in names or f"{name}/".startswith(OMIT) or UNREAD.fullmatch(name) or not takes(name):
                continue
            plain = _plain(member, name, deb.name)
            if plain.islnk() and plain.linkname not in names:
                raise ImageFailed(f"{deb.name} holds {name!r}, a link to {plain.linkname!r}", why="that is not in the image")
            names.add(name)
            tar.addfile(plain, content)
            if name in last:
                break


def place(name: str, source: str) -> str:
    """Return where a file of a package lies in the image; empty for the root of the package.

    Raises:
        ImageFailed: the path leads out of the image.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ImageFailed(f"{source} holds the path {name!r}", why="it leads out of the image", hint="the package is not trusted")
    parts = [part for part in path.parts if part != "."]
    if parts and parts[0] in USR_LINKS:
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


def directory(name: str, mode: int = 0o755) -> tarfile.TarInfo:
    """Return a folder as an archive has it."""
    info = tarfile.TarInfo(name)
    info.type, info.mode = tarfile.DIRTYPE, mode
    return info


def link(name: str, target: str) -> tarfile.TarInfo:
    """Return a symbolic link as an archive has it."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    return info


def write(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Add a file to an archive."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


EMULATOR: Final = "qemu-user"
"""How the names of the packages begin that have emulators; one needs the other in some releases."""

SANITIZER: Final = re.compile(r"lib(asan|hwasan|lsan|tsan|ubsan)\d+(-.+)?")
"""What gcc depends on for `-fsanitize`, which no release is built with: twelve megabytes of each download."""

EPOCH: Final = "2024-01-01T00:00:00Z"
"""The date in every image: the same packages make the same image."""

GROUP: Final = 25e6
"""Bytes of packages that make a layer, roughly: enough to keep a processor busy for a second or two."""

PROGRAMS: Final = ("usr/bin/", "usr/sbin/", "usr/libexec/", "usr/games/", "usr/share/perl", "etc/")
"""Where programs lie, and what they read."""

LINKS: Final[Mapping[str, str]] = {
    # what update-alternatives would have made
    "usr/bin/cc": "gcc",
    "usr/bin/c++": "g++",
    "usr/bin/awk": "mawk",
    "usr/bin/sh": "dash",
    "usr/bin/which": "which.debianutils",
}

AUTHORITIES: Final = ("usr/share/ca-certificates/mozilla/", ".crt")
"""Where the package has whom browsers trust, and how its files end; a maintainer script puts them together."""


SPAWN_FILES: Final = tuple(Path(__file__).with_name(name) for name in ("spawn.c", "spawn.sh", "spawned.c"))
"""What lets programs that QEMU runs start others."""

WINE_FILES: Final = tuple(Path(__file__).with_name(name) for name in ("wine.sh", "bcryptprimitives.c"))
"""What starts programs under wine."""


def provide(recipe: Recipe, context: Context) -> None:
    """Have the engine hold the image of a recipe.

    Raises:
        ImageFailed, ToolMissing: as of ``build``.
    """
    files = WINE_FILES if recipe.emulator == WINE else SPAWN_FILES
    spawn = files if recipe.base == BASE else ()
    archive = context.debian_archive(recipe.suite)
    build(recipe, engine=context.engine.command, folder=context.cache / "images", archive=archive, spawn=spawn, say=context.say)


def build(recipe: Recipe, *, engine: str, folder: Path, archive: Archive, spawn: Sequence[Path], say: Say) -> None:
    """Build the image of a recipe and load it into the engine.

    Args:
        engine: the command of docker or podman.
        folder: of our cache, for what is being made.
        spawn: the files that the image keeps in ``recipes.SPAWN``.

    Raises:
        ImageFailed: a package holds what an image must not, or the engine refuses.
        ToolMissing: Debian has no such package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with cache.lock(folder / recipe.tag.replace("/", "-").replace(":", "-"), say):
        if engines.inspect(engine, (recipe.tag,)):
            return
        parts = packages(recipe, archive)
        authorities = archive.single("ca-certificates", "all")  # alone: what it depends on is for its maintainer script
        every = [*(package for part in parts for package in part), authorities]
        say(f"building {recipe.tag} from {len(every)} packages, {megabytes(every)} MB")
        with ExitStack() as files:
            # without a name: however this process ends, they are gone with it
            others = _other_files(recipe, archive.fetch([authorities])[0], spawn)
            layers = _compose_layers(recipe, parts, archive, others, lambda: files.enter_context(tempfile.TemporaryFile(dir=folder)))
            say(f"loading {recipe.tag} into the engine, {sum(layer.size for layer in layers) / 1e6:.0f} MB")
            engines.load(engine, _archive(recipe, layers, every, parts.emulator))


class Packages(NamedTuple):
    """The packages of the layer that all targets share, those that compile for the target, and those that run its programs."""

    base: tuple[Package, ...]
    target: tuple[Package, ...]
    emulator: tuple[Package, ...]


def packages(recipe: Recipe, archive: Archive) -> Packages:
    """Return the packages that an image is made of."""
    every = _closure(recipe, archive)
    if not recipe.emulator:
        return Packages(*every, ())
    base, target = _closure(lean(recipe), archive)
    return Packages(base, target, tuple(one for one in every[1] if one not in target))


def _closure(recipe: Recipe, archive: Archive) -> tuple[tuple[Package, ...], tuple[Package, ...]]:
    foreign = sorted({name.partition(":")[2] for name in recipe.packages if ":" in name} - {recipe.architecture})
    archive.update(sorted({recipe.architecture, *foreign}))
    native = [name for name in recipe.packages if name.partition(":")[2] not in foreign]
    base = archive.closure(recipe.base, recipe.architecture)
    top = archive.closure((*recipe.base, *native), recipe.architecture) if native else base
    for architecture in foreign:
        names = [name for name in recipe.packages if name.endswith(f":{architecture}")]
        top += _libraries(archive.closure(names, architecture), top)
    requested = {name.partition(":")[0] for name in recipe.packages}
    unread = {package for package in (*base, *top) if SANITIZER.fullmatch(package.name) and package.name not in requested}
    return tuple(one for one in base if one not in unread), tuple(one for one in top if one not in unread and one not in base)


def _libraries(closure: Sequence[Package], there: Sequence[Package]) -> tuple[Package, ...]:
    """Return of a closure of the target's architecture what the image lacks.

    It is resolved by itself: together, Debian wants one version of a library for all architectures, and the security
    suite serves some (amd64) and not others (s390x), so that none would resolve.
    """
    names = {package.name for package in there}
    # the cross compiler brings a libc of its own: one more beside it, of another build, and threads hang under QEMU
    doubled = {package for package in closure if f"{package.name}-{package.architecture}-cross" in names}
    served = {package for package in closure if package.architecture == "all" and package.name in names}
    return tuple(package for package in closure if package not in doubled | served)


class _Part(NamedTuple):
    """A layer to be: its packages, which of their files it *takes*, and the paths behind which none is read on."""

    packages: tuple[Package, ...]
    takes: Callable[[str], bool]
    last: frozenset[str] = frozenset()

    def fill(self, debs: Sequence[Path], tar: tarfile.TarFile) -> None:
        copy(tar, debs, self.takes, last=self.last)


def _compose_layers(
    recipe: Recipe,
    parts: Packages,
    archive: Archive,
    others: Mapping[str, tuple[bytes, int]],
    file: Callable[[], Any],
) -> tuple[Layer, ...]:
    """Compose layers side by side, each as soon as its packages are there, while the next are fetched; the largest first."""
    layer_parts = _layer_parts(recipe, parts)
    order = sorted(range(len(layer_parts)), key=lambda number: -sum(package.size for package in layer_parts[number].packages))
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        debs_of = zip(order, archive.fetch_each([layer_parts[number].packages for number in order]), strict=True)
        futures = {number: pool.submit(compose, file(), partial(layer_parts[number].fill, debs)) for number, debs in debs_of}
        layers = tuple(futures[number].result() for number in range(len(layer_parts)))
    finally:
        pool.shutdown(cancel_futures=True)
    paths = frozenset().union(*(layer.holds for layer in layers))
    return (*layers, compose(file(), lambda tar: _finish(tar, paths, recipe, others)))


def _layer_parts(recipe: Recipe, parts: Packages) -> tuple[_Part, ...]:
    """Say which packages make which layer, from below: those of all targets, the target's libraries, its tools, its emulator.

    What lies above wins where two hold the same path. No link of a layer may come again above it as a folder: it would hide what is below.
    """
    qemu = frozenset(f"usr/bin/qemu-{recipe.emulator}{ending}" for ending in ("", "-static"))
    emulators = [package for package in parts.emulator if package.name.startswith(EMULATOR)]
    tools = [package for package in parts.target if package.architecture in {recipe.architecture, "all"}]
    libraries = [package for package in parts.target if package not in tools]
    return (
        # bullseye's which is no alternative, and a file
        *(_Part(group, lambda name: name not in LINKS or name == "usr/bin/which") for group in groups(parts.base)),
        # only what is linked against: their programs would hide the image's
        *(_Part(group, lambda name: not name.startswith(PROGRAMS)) for group in groups(libraries)),
        *(_Part(group, lambda name: name not in recipe.links) for group in groups(tools)),
        *(_Part(group, lambda _: True) for group in groups([package for package in parts.emulator if package not in emulators])),
        # bookworm's -static is the emulator, trixie's is a link to the one without; sixty others lie behind it
        *(_Part(group, qemu.__contains__, qemu) for group in groups(emulators)),
    )


def groups(packages: Sequence[Package]) -> Iterator[tuple[Package, ...]]:
    """Give packages in groups of about ``GROUP``, the same ones always: then targets share the layers of the base."""
    group: list[Package] = []
    for package in packages:
        group.append(package)
        if sum(one.size for one in group) >= GROUP:
            yield tuple(group)
            group = []
    if group:
        yield tuple(group)


def _other_files(recipe: Recipe, authorities: Path, spawn: Sequence[Path]) -> dict[str, tuple[bytes, int]]:
    """Return the files that no package has as they are, each with its mode; the host's own are in no image: it is the same everywhere."""
    begin, end = AUTHORITIES
    certificates = {info.name: content.read() for info, content in members(authorities) if content and info.name.endswith(end)}
    bundle = b"".join(content for name, content in sorted(certificates.items()) if name.removeprefix("./").startswith(begin))
    programs = {f"{SPAWN.lstrip('/')}/{path.name}": (path.read_bytes(), 0o755) for path in spawn} if recipe.emulator else {}
    return {"etc/ssl/certs/ca-certificates.crt": (bundle, 0o644), **programs}


def _finish(tar: tarfile.TarFile, paths: Collection[str], recipe: Recipe, others: Mapping[str, tuple[bytes, int]]) -> None:
    """Fill the last layer: what no package has, or its maintainer script would make."""
    top = ("etc", "root", "var", "proc", "sys", "dev", "run", "home", "project", "target")
    for name in ("usr", *(f"usr/{name}" for name in USR_LINKS), *top):
        tar.addfile(directory(name))
    tar.addfile(directory("tmp", 0o1777))
    for name in USR_LINKS:
        tar.addfile(link(name, f"usr/{name}"))
    # forky has dropped the emulator's second name
    named = {**LINKS, f"usr/bin/qemu-{recipe.emulator}-static": f"qemu-{recipe.emulator}"}
    for name, target in named.items():
        if f"usr/bin/{target}" in paths and name not in paths:
            tar.addfile(link(name, target))
    for name, target in recipe.links.items():
        tar.addfile(link(name, target))
    write(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n")
    write(tar, "etc/group", b"root:x:0:\nnogroup:x:65534:\n")
    for name, (content, mode) in others.items():
        write(tar, name, content, mode)


def _archive(recipe: Recipe, layers: Sequence[Layer], packages: Sequence[Package], emulator: Collection[Package]) -> Iterator[bytes]:
    """Stream the archive that ``docker load`` and ``podman load`` read."""
    system, _, machine = recipe.platform.partition("/")
    compiling = f"{recipe.target}\n{_names(package for package in packages if package not in emulator)}"
    labels = {**recipe.labels, "crosstasks.packages": _hash(_names(packages)), "crosstasks.compilers": _hash(compiling)}
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
    listing = json.dumps(manifest).encode()
    yield from _entry(name, io.BytesIO(text), len(text))
    yield from _entry("manifest.json", io.BytesIO(listing), len(listing))
    for layer in layers:
        yield from _entry(f"{layer.digest}/layer.tar", layer.file, layer.size)
    yield b"\0" * 1024


def _names(packages: Iterable[Package]) -> str:
    return "\n".join(sorted(f"{package.name}:{package.architecture}={package.version}" for package in packages))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(name: str, content: IO[bytes], size: int) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf()
    yield from iter(lambda: content.read(1 << 20), b"")
    yield b"\0" * (-info.size % 512)
