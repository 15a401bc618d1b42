"""Act: a bundle, one file with all that plans need, for machines without a network: its manifest, and how it is written and read.

A bundle is a plain tar, so that one member can be read without the others. Members are compressed, each for itself::

    tools/<name>.tar.gz         cross, cargo-zigbuild with zig
    toolchains/<name>.tar.gz    Rust, as it lies in our RUSTUP_HOME
    images/<platform>.tar.gz    what ``docker load`` reads; layers that images share are there once
    crates.tar.gz               what Cargo.lock names, as it lies in a CARGO_HOME
    crosstasks.json             the manifest, last: members, their checksums, and what they are for

``bundle_tasks`` provides for machines of the platforms asked for, and collects; it checks every checksum, then puts all in its place.
Nothing that is read is trusted.
"""

from __future__ import annotations

import glob
import hashlib
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import SEEK_END, BytesIO
from pathlib import Path, PurePosixPath
from types import MappingProxyType, SimpleNamespace
from typing import IO, Final, Literal, TypeAlias, cast

import msgspec
from isal import isal_zlib
from msgspec import Struct

from ...building import dependencies
from ...clients import engines
from ...context import Context
from ...core import cache, files
from ...core.errors import ConfigError
from ...facts.inventory import BundleImage
from ...planning.route import Route
from ...project.repository import Repository
from ...provisioning import toolchain

MANIFEST: Final = "crosstasks.json"

Kind: TypeAlias = Literal["tool", "toolchain", "images", "crates"]


class Member(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One member.

    Attributes:
        path: in the archive; *name* is what it is called where it is put.
        platforms: of the engines of machines that need it; empty for all.
        sha256, size: of the compressed member.
    """

    path: str
    kind: Kind
    name: str
    platforms: tuple[str, ...] = ()
    sha256: str
    size: int


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a bundle holds.

    Attributes:
        crosstasks: the version that made it.
        targets, platforms: what it was made for.
        images: the images in it; an *id* is what the engine called it where the bundle was made.
    """

    version: Literal[1] = 1
    crosstasks: str
    targets: tuple[str, ...]
    platforms: tuple[str, ...]
    members: tuple[Member, ...]
    images: tuple[BundleImage, ...] = ()


LEVEL: Final = 2
"""Of ISA-L's gzip: what it makes of a toolchain is 6 % larger than zlib's of level 2, in a sixth of the time (measured)."""

GZIP: Final = 16 + isal_zlib.MAX_WBITS
"""As zlib is told to write the header and the end of gzip."""

CHUNK: Final = 1 << 20

LONGEST: Final = 16 << 20
"""Bytes that a manifest may have."""

COPY_HINT: Final = "copy it again"


class Writer:
    """An archive that is being written; ``writer`` opens one."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write from where *file* stands."""
        self.file = file
        self.members: list[Member] = []

    def add(self, path: str, kind: Kind, name: str, fill: Callable[[Callable[[bytes], object]], None]) -> None:
        """Add a member: *fill* is given the function that takes its content, which is compressed on the way."""
        start, digest = self.file.tell(), hashlib.sha256()
        self.file.write(bytes(tarfile.BLOCKSIZE))
        packer = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, GZIP)

        def write(chunk: bytes) -> None:
            digest.update(chunk)
            self.file.write(chunk)

        fill(lambda chunk: write(packer.compress(chunk)))
        write(packer.flush())
        size = self._header(start, path)
        self.members.append(Member(path=path, kind=kind, name=name, sha256=digest.hexdigest(), size=size))

    def close(self, manifest: Manifest) -> None:
        """Write the manifest, and the end."""
        start = self.file.tell()
        self.file.write(bytes(tarfile.BLOCKSIZE) + msgspec.json.format(msgspec.json.encode(manifest)))
        self._header(start, MANIFEST)
        self.file.write(bytes(2 * tarfile.BLOCKSIZE))

    def _header(self, start: int, path: str) -> int:
        """Go back and write the header, now that the size is known, then on to the next whole block; return the size."""
        info = tarfile.TarInfo(path)
        info.size = self.file.tell() - start - tarfile.BLOCKSIZE
        header = info.tobuf(tarfile.GNU_FORMAT)
        if len(header) != tarfile.BLOCKSIZE:
            raise ConfigError(f"the name {path!r} is too long for a bundle")
        self.file.write(bytes(-info.size % tarfile.BLOCKSIZE))
        end = self.file.tell()
        self.file.seek(start)
        self.file.write(header)
        self.file.seek(end)
        return info.size


@contextmanager
def writer(path: Path) -> Iterator[Writer]:
    """Write a bundle, at once or not at all.

    What a killed call leaves beside it is some hundred MB: the draft is named after its owner, and the next call removes those of the dead.
    """
    start, end = f".{path.name}.", ".part"
    for rest in path.parent.glob(f"{glob.escape(start)}*{end}"):
        if not engines.alive(rest.name[len(start) : -len(end)].replace("_", ":")):
            rest.unlink(missing_ok=True)
    with files.draft(path, label=f"{engines.owner().replace(':', '_')}{end}") as file:
        yield Writer(file)


def pack(
    folder: Path,
    write: Callable[[bytes], object],
    *,
    keep: Callable[[str], bool] = lambda _: True,
    contents: Mapping[str, bytes] = MappingProxyType({}),
) -> None:
    """Write a folder as a tar: what *keep* wants, owned by nobody in particular, each file for itself, some with other *contents*."""
    with tarfile.open(fileobj=cast("IO[bytes]", SimpleNamespace(write=write)), mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not keep(name) or not (path.is_symlink() or path.is_file() or path.is_dir()):
                continue
            tar.inodes.clear()  # type: ignore[attr-defined]  # a file with two names is two files
            info = tar.gettarinfo(str(path), name)
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            if info.isreg():
                with BytesIO(contents[name]) if name in contents else path.open("rb") as content:
                    info.size = content.seek(0, SEEK_END)
                    content.seek(0)
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


class Reader:
    """A bundle whose every member has been checked against its checksum; ``reader`` opens one."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        """Read the manifest, and check the members."""
        self.path = path
        self.tar = tar
        entries = {entry.name: entry for entry in tar}
        self.manifest = self._manifest(entries.get(MANIFEST))
        named = [MANIFEST, *(member.path for member in self.manifest.members)]
        if sorted(named) != sorted(entries) or len(named) != len(tar.getmembers()):
            raise ConfigError(f"{path} does not hold what its manifest says", hint=COPY_HINT)
        for member in self.manifest.members:
            if member.size != entries[member.path].size or files.sha256(self.open(member)) != member.sha256:
                raise ConfigError(f"{path} is damaged", why=f"{member.path} has another checksum than the manifest says", hint=COPY_HINT)

    def _manifest(self, entry: tarfile.TarInfo | None) -> Manifest:
        content = self.tar.extractfile(entry) if entry and entry.isreg() and entry.size < LONGEST else None
        if content is None:
            raise ConfigError(f"{self.path} is no bundle of crosstasks", why=f"it holds no {MANIFEST}, or is cut off", hint=COPY_HINT)
        try:
            return msgspec.json.decode(content.read(), type=Manifest)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise ConfigError(f"{self.path} is a bundle of another version", why=str(error)) from error

    def open(self, member: Member) -> IO[bytes]:
        """Return the compressed content of a member."""
        content = self.tar.extractfile(member.path)
        if content is None:
            raise ConfigError(f"{self.path} is damaged", why=f"{member.path} is no file", hint=COPY_HINT)
        return content


@contextmanager
def reader(path: Path) -> Iterator[Reader]:
    """Open a bundle, and check all of it before any of it counts.

    Raises:
        ConfigError: it is not there, is no bundle, or a checksum is another.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            yield Reader(path, tar)
    except (tarfile.ReadError, EOFError) as error:
        raise ConfigError(f"{path} is no bundle of crosstasks", why=str(error), hint=COPY_HINT) from error
    except FileNotFoundError as error:
        if error.filename != str(path):
            raise
        raise ConfigError(f"there is no bundle {path}") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path} is a folder, and no bundle", hint="`crosstasks offline.bundle --to FILE` makes one") from error


def unpack(content: IO[bytes], folder: Path, source: str) -> Sequence[str]:
    """Unpack a member into a folder, and return the paths of its files.

    Raises:
        ConfigError: a path or link leads out of the folder, or it holds what no member holds; what was written before stays.
    """
    try:
        with tarfile.open(fileobj=content, mode="r|gz") as tar:
            return files.extract(tar, folder)
    except files.UnfitError as error:
        raise ConfigError(f"{source} holds {error.name!r}", why=error.problem, hint="the bundle is not trusted") from None
    except (tarfile.TarError, EOFError, zlib.error, ValueError) as error:
        raise ConfigError(
            f"{source} cannot be unpacked", why=str(error), hint="`crosstasks offline.bundle` makes the bundle anew"
        ) from error


PARTS: Final = ("registry/cache/", "registry/index/", "git/db/")
"""Of a CARGO_HOME, what cannot be made anew from the rest."""

SETTINGS: Final = ("config.toml", "config", "credentials.toml", "credentials")
"""What cargo reads of the user's CARGO_HOME; it is lent while fetching, and never enters the bundle."""


def collect(routes: Sequence[Route], context: Context, write: Callable[[bytes], object]) -> None:
    """Write what Cargo.lock names for these routes, and what building their standard library from source needs.

    All is fetched into a CARGO_HOME of its own, so that it is that and no more. The cargo is that of the first route.

    Raises:
        ConfigError, BuildFailed: as of ``dependencies.fetch``.
    """
    theirs = dependencies.user_home(context.environ)
    with cache.temporary(context.cache) as home:
        for name in SETTINGS:
            if (theirs / name).is_file():
                (home / name).symlink_to(theirs / name)
        dependencies.cargo_fetch(routes, context, {"CARGO_HOME": str(home)})
        host_toolchain = Path(routes[0].host_toolchain.path)
        for place in {Path(route.toolchain.path) for route in routes if route.build_std}:
            toolchain.fetch_library(place, host_toolchain=host_toolchain, cargo_home=str(home), run=context.run, say=context.say)
        pack(home, write, keep=lambda name: f"{name}/".startswith(PARTS) and not name.rpartition("/")[2].startswith(".package-cache"))


def put_crates(content: IO[bytes], context: Context) -> None:
    """Put what a bundle has into the user's CARGO_HOME, file by file. Cargo compares a crate with its checksum only where it downloads it.

    Raises:
        ConfigError: a crate is not the one that Cargo.lock names; or a path leads elsewhere, or is a link: what a later bundle puts behind
            it would be elsewhere.
    """
    theirs = dependencies.user_home(context.environ)
    theirs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=theirs, prefix=".crosstasks-") as draft:
        names = [name for name in unpack(content, Path(draft), "crates.tar.gz") if name.startswith(PARTS)]
        links = [name for name in names if Path(draft, name).is_symlink()]
        if links:
            raise ConfigError(f"the bundle's crates hold the link {links[0]!r}", why="cargo keeps none", hint="the bundle is not trusted")
        lock = Path(context.repository.root, "Cargo.lock") if isinstance(context.facts.repository, Repository) else None
        if lock and lock.is_file() and (crate := next(dependencies.mismatches(lock, Path(draft)), "")):
            what = f"the bundle's {Path(crate).name} is not what Cargo.lock names"
            raise ConfigError(what, why="its checksum is another", hint="the bundle is not trusted")
        for name in filter(_is_data, names):
            place = theirs / name
            place.parent.mkdir(parents=True, exist_ok=True)
            Path(draft, name).replace(place)


def _is_data(name: str) -> bool:
    """Leave out what gives git orders in a repository that cargo keeps: its configuration and hooks; git does without both."""
    return not name.startswith("git/db/") or PurePosixPath(name).parts[3:4] not in {("config",), ("hooks",), ("info",)}
