"""Act: check every checksum of a bundle, then put all in its place: our cache, the engine, and cargo's own caches."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import structs

from .. import cache, docker_api, pipeline
from ..errors import ConfigError, EngineFailed, ImageFailed
from ..facts.engine import Engine, identity
from ..facts.provided import COMPLETE, IMAGES, Bundled
from ..provision import rustup_home
from ..targets import OCI_ARCH
from . import Kind, Manifest, Member, archive, crates

if TYPE_CHECKING:
    from ..work import Work


def load(work: Work, path: Path) -> Manifest:
    """
    Load what a bundle has for this machine.

    Raises:
        ConfigError: it is no bundle, damaged, not trusted, or not for this platform; then nothing was loaded.
        EngineFailed: it holds images, and no engine answers.
        ImageFailed: the engine does not take them.
    """
    work = pipeline.look(work)
    cache.prepare(work.cache)
    with archive.reading(path) as reader:
        platform = _platform(work)
        if platform not in reader.manifest.platforms:
            held = " and ".join(reader.manifest.platforms)
            raise ConfigError(f"{path} is for {held}, and this machine is {platform}", hint=f"make one with --platform {platform}")
        for member in reader.manifest.members:
            if not member.platforms or platform in member.platforms:
                work.say(f"loading {member.path}")
                PLACES[member.kind](reader, member, work)
        for image in reader.manifest.images:
            if image.engine == platform:
                _note(image, work)
        return reader.manifest


def _platform(work: Work) -> str:
    engine, host = work.facts.engine, work.facts.host
    return engine.platform if isinstance(engine, Engine) else f"{host.os}/{OCI_ARCH.get(host.arch, host.arch)}"


def _tool(reader: archive.Reader, member: Member, work: Work) -> None:
    def make(draft: Path) -> None:
        archive.unpack(reader.open(member), draft, member.path)
        if not (draft / COMPLETE).is_file():
            raise ConfigError(f"{member.path} is not whole", hint="the bundle is not trusted")

    cache.once(work.cache / "tools" / _single(member), make)


def _single(member: Member) -> str:
    """Return the name of a folder, which must be one."""
    if not member.name or member.name.startswith(".") or Path(member.name).name != member.name or "\\" in member.name:
        raise ConfigError(f"{member.path} is called {member.name!r}", why="that is no name of a folder", hint="the bundle is not trusted")
    return member.name


def _toolchain(reader: archive.Reader, member: Member, work: Work) -> None:
    home = work.cache / "rustup"
    place = home / "toolchains" / _single(member)
    with cache.locked(home / "making" / member.name):
        draft = home / "making" / f".{member.name}.bundle"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        try:
            archive.unpack(reader.open(member), draft, member.path)
            brought, held = rustup_home.marker(draft), rustup_home.marker(place)
            if brought is None or f"{brought.release}-{brought.host}" != member.name:
                raise ConfigError(f"{member.path} is not the toolchain that it is called", hint="the bundle is not trusted")
            if held is None or not _covers(held, brought):
                rustup_home.replace(draft, place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def _covers(held: rustup_home.Marker, brought: rustup_home.Marker) -> bool:
    """Tell whether what is there already holds all that the bundle would bring."""
    return held.origin == brought.origin and set(brought.targets) <= set(held.targets) and held.source >= brought.source


def _images(reader: archive.Reader, member: Member, work: Work) -> None:
    if not isinstance(work.facts.engine, Engine):
        raise EngineFailed("the bundle holds images, and no engine answers", why=work.facts.engine.why, hint=work.facts.engine.hint)
    content = reader.open(member)
    docker_api.load(work.engine.command, iter(lambda: content.read(archive.CHUNK), b""))


def _crates(reader: archive.Reader, member: Member, work: Work) -> None:
    crates.put(reader.open(member), work)


PLACES: Final[Mapping[Kind, Callable[[archive.Reader, Member, Work], None]]] = {
    "tool": _tool,
    "toolchain": _toolchain,
    "images": _images,
    "crates": _crates,
}


def _note(image: Bundled, work: Work) -> None:
    """Keep what an image is for, and its digest, which the engine does not keep; under the id that it has here."""
    held = docker_api.inspect(work.engine.command, (image.ref,), work.run)
    if not held:
        raise ImageFailed(f"the engine did not keep {image.ref}", hint="is its disk full?")
    here = structs.replace(image, id=identity(held[0]))
    # containerd's store calls an image by its manifest, which loading makes anew
    if here.id != image.id and work.engine.store != "containerd":
        raise ImageFailed(f"the engine's {image.ref} is not what the bundle says", why=f"it is {here.id}, and {image.id} is named")
    name = hashlib.sha256(f"{image.ref} {image.target} {image.flavour}".encode()).hexdigest()[:16]
    cache.write(work.cache / IMAGES / f"{name}.json", msgspec.json.encode(here).decode())
