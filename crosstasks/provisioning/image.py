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
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from ..catalog.recipes import BASE, SPAWN, WINE, lean
from ..clients import engines
from ..clients.debian.deb import members
from ..clients.debian.index import Package, megabytes
from ..core import cache, files
from ..core.errors import ImageFailed
from .layers import USR_LINKS, Layer, LayerContents, compose, copy, entry

if TYPE_CHECKING:
    from ..catalog.ingredients import Recipe
    from ..clients.debian import Archive
    from ..context import Context
    from ..core.steps import Say

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

LAYERS: Final = "layers"
"""The folder that keeps what each layer came to: one that the engine holds need not be made to be known."""

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
    folder, archive = context.cache / "images", context.debian_archive(recipe.suite)
    parts = context.engine.shares_layers
    build(recipe, engine=context.engine.command, folder=folder, archive=archive, spawn=spawn, say=context.say, shares_layers=parts)


def build(
    recipe: Recipe, *, engine: str, folder: Path, archive: Archive, spawn: Sequence[Path], say: Say, shares_layers: bool = False
) -> None:
    """Build the image of a recipe and load it into the engine.

    Args:
        engine: the command of docker or podman.
        folder: of our cache, for what is being made.
        spawn: the files that the image keeps in ``recipes.SPAWN``.
        shares_layers: the engine is given none of the layers that it holds, and they are not made again.

    Raises:
        ImageFailed: a package holds what an image must not, or the engine refuses.
        ToolMissing: Debian has no such package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with cache.lock(folder / recipe.tag.replace("/", "-").replace(":", "-"), say), ExitStack() as stack:
        if engines.inspect(engine, (recipe.tag,)):
            return

        def file() -> IO[bytes]:
            # without a name: however this process ends, they are gone with it
            return stack.enter_context(tempfile.TemporaryFile(dir=folder))

        every = packages(recipe, archive)
        parts = _parts(recipe, every)
        held = _held(parts, folder / LAYERS, engine) if shares_layers else ()
        authorities = archive.single("ca-certificates", "all")  # alone: what it depends on is for its maintainer script
        new = [*(package for part in parts[len(held) :] for package in part.packages), authorities]
        upon = f", on {len(held)} layer{'s' * (len(held) != 1)} that the engine holds" if held else ""
        say(f"building {recipe.tag} from {len(new)} packages, {megabytes(new)} MB{upon}")
        others = _other_files(recipe, archive.fetch([authorities])[0], spawn)
        layers: list[Made] = [*((layer, None) for layer in held), *_compose_each(parts[len(held) :], archive, file)]
        programs = frozenset().union(*(layer.programs for layer, _ in layers))
        layers.append(compose(file(), partial(_finish, programs, recipe, others)))
        say(f"loading {recipe.tag} into the engine, {sum(layer.size for layer, made in layers if made) / 1e6:.0f} MB")
        labels = _labels(recipe, (*every.base, *every.target, authorities), every.emulator)
        try:
            engines.load(engine, _archive(recipe, labels, layers))
        except ImageFailed:
            if not held:
                raise
            layers[: len(held)] = _compose_each(parts[: len(held)], archive, file)  # the engine has lost one since, or wants all
            engines.load(engine, _archive(recipe, labels, layers))
        (folder / LAYERS).mkdir(exist_ok=True)
        for part, (layer, made) in zip(parts, layers, strict=False):
            if made:
                files.write(folder / LAYERS / part.key, msgspec.json.encode(layer))


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


def _parts(recipe: Recipe, parts: Packages) -> tuple[LayerContents, ...]:
    """Say which packages make which layer, from below: those of all targets, the target's libraries, its tools, its emulator.

    What lies above wins where two hold the same path. No link of a layer may come again above it as a folder: it would hide what is below.
    """
    qemu = frozenset(f"usr/bin/qemu-{recipe.emulator}{ending}" for ending in ("", "-static"))
    emulators = [package for package in parts.emulator if package.name.startswith(EMULATOR)]
    tools = [package for package in parts.target if package.architecture in {recipe.architecture, "all"}]
    libraries = [package for package in parts.target if package not in tools]
    return (
        # bullseye's which is no alternative, and a file
        *(LayerContents(group, without=frozenset(LINKS) - {"usr/bin/which"}) for group in groups(parts.base)),
        # only what is linked against: their programs would hide the image's
        *(LayerContents(group, outside=PROGRAMS) for group in groups(libraries)),
        *(LayerContents(group, without=frozenset(recipe.links)) for group in groups(tools)),
        *(LayerContents(group) for group in groups([package for package in parts.emulator if package not in emulators])),
        # bookworm's -static is the emulator, trixie's is a link to the one without; sixty others lie behind it
        *(LayerContents(group, only=qemu) for group in groups(emulators)),
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


Made: TypeAlias = tuple[Layer, IO[bytes] | None]
"""A layer, and the file that holds it; none for one that the engine holds."""


def _held(parts: Sequence[LayerContents], folder: Path, engine: str) -> tuple[Layer, ...]:
    """Return the layers, from below, that were made before, and that an image of ours in the engine begins with."""
    images = [image["RootFS"]["Layers"] for image in engines.EngineClient(engine).images("crosstasks.image")]
    layers: list[Layer] = []
    with suppress(OSError, msgspec.MsgspecError):
        for part in parts:
            layer = msgspec.json.decode((folder / part.key).read_bytes(), type=Layer)
            images = [above for first, *above in filter(None, images) if first == f"sha256:{layer.digest}"]
            if not images:
                break
            layers.append(layer)
    return tuple(layers)


def _compose_each(parts: Sequence[LayerContents], archive: Archive, file: Callable[[], IO[bytes]]) -> tuple[Made, ...]:
    """Compose layers side by side, each as soon as its packages are there, while the next are fetched; the largest first."""
    order = sorted(range(len(parts)), key=lambda number: -sum(package.size for package in parts[number].packages))
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        debs_of = zip(order, archive.fetch_each([parts[number].packages for number in order]), strict=True)
        futures = {number: pool.submit(compose, file(), partial(copy, parts[number], debs)) for number, debs in debs_of}
        return tuple(futures[number].result() for number in range(len(parts)))
    finally:
        pool.shutdown(cancel_futures=True)


def _other_files(recipe: Recipe, authorities: Path, spawn: Sequence[Path]) -> dict[str, tuple[bytes, int]]:
    """Return the files that no package has as they are, each with its mode; the host's own are in no image: it is the same everywhere."""
    begin, end = AUTHORITIES
    certificates = {info.name: content.read() for info, content in members(authorities) if content and info.name.endswith(end)}
    bundle = b"".join(content for name, content in sorted(certificates.items()) if name.removeprefix("./").startswith(begin))
    programs = {f"{SPAWN.lstrip('/')}/{path.name}": (path.read_bytes(), 0o755) for path in spawn} if recipe.emulator else {}
    return {"etc/ssl/certs/ca-certificates.crt": (bundle, 0o644), **programs}


def _finish(programs: Collection[str], recipe: Recipe, others: Mapping[str, tuple[bytes, int]], tar: tarfile.TarFile) -> None:
    """Fill the last layer: what no package has, or its maintainer script would make. *programs* are those that lie below."""
    top = ("etc", "root", "var", "proc", "sys", "dev", "run", "home", "project", "target")
    for name in ("usr", *(f"usr/{name}" for name in USR_LINKS), *top):
        tar.addfile(entry(name, 0o755, tarfile.DIRTYPE))
    tar.addfile(entry("tmp", 0o1777, tarfile.DIRTYPE))
    # forky has dropped the emulator's second name
    named = {**LINKS, f"usr/bin/qemu-{recipe.emulator}-static": f"qemu-{recipe.emulator}"}
    lacking = {name: target for name, target in named.items() if f"usr/bin/{target}" in programs and name not in programs}
    links = {**{name: f"usr/{name}" for name in USR_LINKS}, **lacking, **recipe.links}
    for name, target in links.items():
        tar.addfile(entry(name, 0o777, tarfile.SYMTYPE, target=target))
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"
    texts = {"etc/passwd": (users, 0o644), "etc/group": (b"root:x:0:\nnogroup:x:65534:\n", 0o644), **others}
    for name, (content, mode) in texts.items():
        tar.addfile(entry(name, mode, size=len(content)), io.BytesIO(content))


def _labels(recipe: Recipe, compilers: Sequence[Package], emulator: Sequence[Package]) -> Mapping[str, str]:
    everything, compiling = _hash((*compilers, *emulator)), _hash(compilers, f"{recipe.target}\n")
    return {**recipe.labels, "crosstasks.packages": everything, "crosstasks.compilers": compiling}


def _archive(recipe: Recipe, labels: Mapping[str, str], layers: Sequence[Made]) -> Iterator[bytes]:
    """Stream the archive that ``docker load`` and ``podman load`` read, without the layers that the engine holds."""
    system, _, machine = recipe.platform.partition("/")
    config = {
        "architecture": machine,
        "os": system,
        "created": EPOCH,
        "config": {"Env": [f"{key}={value}" for key, value in recipe.env.items()], "Cmd": ["/bin/sh"], "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer, _ in layers]},
        "history": [{"created": EPOCH, "created_by": "crosstasks"} for _ in layers],
    }
    text = json.dumps(config, sort_keys=True).encode()
    name = f"{hashlib.sha256(text).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": [recipe.tag], "Layers": [f"{layer.digest}/layer.tar" for layer, _ in layers]}]
    listing = json.dumps(manifest).encode()
    yield from _entry(name, io.BytesIO(text), len(text))
    yield from _entry("manifest.json", io.BytesIO(listing), len(listing))
    for layer, file in layers:
        if file:
            yield from _entry(f"{layer.digest}/layer.tar", file, layer.size)
    yield b"\0" * 1024


def _hash(packages: Iterable[Package], begin: str = "") -> str:
    names = sorted(f"{package.name}:{package.architecture}={package.version}" for package in packages)
    return hashlib.sha256((begin + "\n".join(names)).encode()).hexdigest()


def _entry(name: str, content: IO[bytes], size: int) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = size
    content.seek(0)
    yield info.tobuf()
    yield from iter(lambda: content.read(1 << 20), b"")
    yield b"\0" * (-info.size % 512)
