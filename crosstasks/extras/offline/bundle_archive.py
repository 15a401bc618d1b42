"""Act: write and read the file of a bundle, in a stream; nothing that is read is trusted."""

from __future__ import annotations

import glob
import gzip
import hashlib
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

import msgspec

from ...clients import liveness
from ...core import unpacking
from ...core.errors import ConfigError
from .bundle import MANIFEST, Kind, Manifest, Member

LEVEL: Final = 3
"""Of gzip: 6 makes a toolchain 6 % smaller, and takes twice as long (measured)."""

CHUNK: Final = 1 << 20
LONGEST: Final = 16 << 20
"""Bytes that a manifest may have."""

DAMAGED: Final = "copy it again; nothing of it was used"


class Writer:
    """An archive that is being written. Use ``writing``."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write from where *file* stands."""
        self.file = file
        self.members: list[Member] = []

    def add(self, path: str, kind: Kind, name: str, fill: Callable[[Callable[[bytes], object]], None]) -> None:
        """Add a member: *fill* is given the function that takes its content, which is compressed on the way."""
        start = self.file.tell()
        self.file.write(bytes(tarfile.BLOCKSIZE))
        counted = _Counted(self.file)
        with gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=cast("IO[bytes]", counted), mtime=0) as packed:
            fill(packed.write)
        self._header(start, path, counted.size)
        self.members.append(Member(path=path, kind=kind, name=name, sha256=counted.hash.hexdigest(), size=counted.size))

    def close(self, manifest: Manifest) -> None:
        """Write the manifest, and the end."""
        start = self.file.tell()
        text = msgspec.json.format(msgspec.json.encode(manifest))
        self.file.write(bytes(tarfile.BLOCKSIZE) + text)
        self._header(start, MANIFEST, len(text))
        self.file.write(bytes(2 * tarfile.BLOCKSIZE))

    def _header(self, start: int, path: str, size: int) -> None:
        """Go back and write the header, now that the size is known, then on to the next whole block."""
        info = tarfile.TarInfo(path)
        info.size = size
        header = info.tobuf(tarfile.GNU_FORMAT)
        if len(header) != tarfile.BLOCKSIZE:
            raise ConfigError(f"the name {path!r} is too long for a bundle")
        self.file.write(bytes(-size % tarfile.BLOCKSIZE))
        end = self.file.tell()
        self.file.seek(start)
        self.file.write(header)
        self.file.seek(end)


class _Counted:
    """What is written through it is counted, and hashed."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> int:
        self.hash.update(chunk)
        self.size += len(chunk)
        return self.file.write(chunk)

    def flush(self) -> None:
        self.file.flush()


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """
    Write a bundle, at once or not at all.

    What a killed call leaves beside it is some hundred MB: the draft is named after its owner, and the next call removes those of the dead.
    """
    start, end = f".{path.name}.", ".part"
    for left in path.parent.glob(f"{glob.escape(start)}*{end}"):
        if not liveness.alive(left.name[len(start) : -len(end)].replace("_", ":")):
            left.unlink(missing_ok=True)
    draft = path.with_name(f"{start}{liveness.owner().replace(':', '_')}{end}")
    try:
        with draft.open("x+b") as file:
            yield Writer(file)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def pack(folder: Path, write: Callable[[bytes], object], *, keep: Callable[[str], bool] = lambda _: True) -> None:
    """Write a folder as a tar: everything that *keep* wants, owned by nobody in particular, each file for itself."""
    with tarfile.open(fileobj=cast("IO[bytes]", _Sink(write)), mode="w|", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if not keep(name) or not (path.is_symlink() or path.is_file() or path.is_dir()):
                continue
            tar.inodes.clear()  # type: ignore[attr-defined]  # a file with two names is two files
            info = tar.gettarinfo(str(path), name)
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            if info.isreg():
                with path.open("rb") as content:
                    tar.addfile(info, content)
            else:
                tar.addfile(info)


class _Sink:
    def __init__(self, write: Callable[[bytes], object]) -> None:
        self.write = write


class Reader:
    """A bundle whose every member has been checked against its checksum. Use ``reading``."""

    def __init__(self, path: Path, tar: tarfile.TarFile) -> None:
        """Read the manifest, and check the members."""
        self.path = path
        self.tar = tar
        entries = {entry.name: entry for entry in tar}
        self.manifest = self._manifest(entries.get(MANIFEST))
        named = [MANIFEST, *(member.path for member in self.manifest.members)]
        if sorted(named) != sorted(entries) or len(named) != len(tar.getmembers()):
            raise ConfigError(f"{path} does not hold what its manifest says", hint=DAMAGED)
        for member in self.manifest.members:
            if member.size != entries[member.path].size or _sha256(self.open(member)) != member.sha256:
                raise ConfigError(f"{path} is damaged", why=f"{member.path} has another checksum than the manifest says", hint=DAMAGED)

    def _manifest(self, entry: tarfile.TarInfo | None) -> Manifest:
        content = self.tar.extractfile(entry) if entry and entry.isreg() and entry.size < LONGEST else None
        if content is None:
            raise ConfigError(f"{self.path} is no bundle of crosstasks", why=f"it holds no {MANIFEST}, or is cut off", hint=DAMAGED)
        try:
            return msgspec.json.decode(content.read(), type=Manifest)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{self.path} is a bundle of another version", why=str(error)) from error

    def open(self, member: Member) -> IO[bytes]:
        """Return the compressed content of a member."""
        content = self.tar.extractfile(member.path)
        if content is None:
            raise ConfigError(f"{self.path} is damaged", why=f"{member.path} is no file", hint=DAMAGED)
        return content


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """
    Open a bundle, and check all of it before any of it counts.

    Raises:
        ConfigError: it is not there, is no bundle, or a checksum is another.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            yield Reader(path, tar)
    except (tarfile.ReadError, EOFError) as error:
        raise ConfigError(f"{path} is no bundle of crosstasks", why=str(error), hint=DAMAGED) from error
    except FileNotFoundError as error:
        if error.filename != str(path):
            raise
        raise ConfigError(f"there is no bundle {path}") from error
    except IsADirectoryError as error:
        raise ConfigError(f"{path} is a folder, and no bundle", hint="`crosstasks bundle --to FILE` makes one") from error


def _sha256(content: IO[bytes]) -> str:
    digest = hashlib.sha256()
    for chunk in iter(lambda: content.read(CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()


def unpack(content: IO[bytes], folder: Path, source: str) -> Sequence[str]:
    """
    Unpack a member into a folder, and return the paths of its files.

    Raises:
        ConfigError: a path or link leads out of the folder, or it holds what no member holds; what was written before stays.
    """
    try:
        with tarfile.open(fileobj=content, mode="r|gz") as tar:
            return unpacking.taken_out(tar, folder)
    except unpacking.UnfitError as error:
        raise ConfigError(f"{source} holds {error.name!r}", why=error.problem, hint="the bundle is not trusted") from None
