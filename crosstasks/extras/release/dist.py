"""The folder of archives: what was made for each target, checksums, what is in it as JSON, and which of it is published.

::

    hello-<triple>-v1.2.0.tar.gz      and .sha256 beside it
    hello-<triple>-v1.2.0.cdx.json    what it is made of
    SHA256SUMS                        of all of them, for ``sha256sum -c``
    artifacts.json, metadata.json     for other programs
    .parts/<triple>.json              how each target went, so that the next call goes on
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from ...catalog.targets import catalogue
from ...config.configuration import Config
from ...core import cache, files, versions
from ...core.about import SCHEMA_VERSION, __version__
from ...core.errors import CrosstasksError
from ..packaging import archive
from ..packaging.contents import SUMS, checksums, is_of

if TYPE_CHECKING:
    from ..packaging.product import Product
    from .context import ReleaseContext

Kind: TypeAlias = Literal["archive", "sbom"]

HOOKS: Final = ".parts/hooks.json"


class Program(Struct, frozen=True, kw_only=True):
    """A program in an archive, and what its headers tell."""

    name: str
    size: int
    sha256: str
    glibc: str = ""
    static: bool = False


class File(Struct, frozen=True, kw_only=True):
    """A file of the release."""

    name: str
    kind: Kind
    product: str
    version: str
    target: str
    size: int
    sha256: str
    programs: tuple[Program, ...] = ()


class Part(Struct, frozen=True, kw_only=True):
    """How one target went.

    Attributes:
        commit: that it was built of, empty if not everything was committed; *key* stands for how it was built.
        route: how.
        glibc: the newest that its programs were promised to need; empty if none was.
        files: what was made; none if there is an *error*.
        notes: what was left out, each with its reason.
        reused: it had been made by an earlier call.
    """

    target: str
    commit: str = ""
    key: str = ""
    route: str = ""
    glibc: str = ""
    seconds: float = 0.0
    files: tuple[File, ...] = ()
    notes: tuple[str, ...] = ()
    error: str = ""
    code: int = 0
    reused: bool = False


def _place(dist: Path, target: str) -> Path:
    return dist / ".parts" / f"{target}.json"


def remember(dist: Path, part: Part) -> None:
    """Write how a target went."""
    archive.write(_place(dist, part.target), msgspec.json.format(msgspec.json.encode(part)) + b"\n")


def part(dist: Path, target: str) -> Part | None:
    """Return how a target went the last time, if its files are as they were then."""
    try:
        result = msgspec.json.decode(_place(dist, target).read_bytes(), type=Part)
        whole = all((dist / file.name).is_file() and files.sha256(dist / file.name) == file.sha256 for file in result.files)
    except (OSError, msgspec.DecodeError):
        return None
    return result if whole else None


def parts(dist: Path, targets: Iterable[str]) -> tuple[Part, ...]:
    """Return how each target went, of those that were built."""
    return tuple(result for target in targets if (result := part(dist, target)))


def finish(release: ReleaseContext, triples: Iterable[str]) -> tuple[File, ...]:
    """Write checksums and JSON of all that is there for this release, and remove what an earlier version or commit left.

    That is what was made of this very commit, not only by this call, and not only for targets that are declared.
    """
    dist, commit = release.dist, "" if release.git.dirty else release.git.commit
    versions = {(product.name, product.version) for product in release.products}
    with cache.lock(dist / ".parts" / SUMS, release.context.say):
        others = sorted(path.stem for path in (dist / ".parts").glob("*.json") if path.stem in catalogue())
        every = parts(dist, dict.fromkeys((*release.context.config.all_targets, *triples, *others)))
        files_ = (file for part in every if part.commit == commit for file in part.files)
        listed = sorted((file for file in files_ if (file.product, file.version) in versions), key=lambda file: file.name)
        _sweep(dist, {file.name: file.sha256 for file in listed})
        for file in listed:
            archive.write(dist / f"{file.name}.sha256", f"{file.sha256}  {file.name}\n".encode())
        archive.write(dist / SUMS, "".join(f"{file.sha256}  {file.name}\n" for file in listed).encode())
        archive.write(dist / "artifacts.json", _json({"artifacts": listed}))
        archive.write(dist / "metadata.json", _json(_metadata(release, listed, every)))
    return tuple(listed)


def _sweep(dist: Path, listed: Mapping[str, str]) -> None:
    """Remove what was listed before and no longer is, such as an earlier version, and what hooks made of that and of lists that change."""
    before = checksums(dist / SUMS)
    if before == listed:
        return
    other = {*ALSO, *(name for name, checksum in before.items() if listed.get(name) != checksum)}
    remember_calls(dist, {key: name for key, name in calls(dist).items() if name not in other})
    for path in [path for path in dist.iterdir() if not path.is_dir()]:
        if path.name in before.keys() - listed.keys() or path.name.startswith(tuple(f"{name}." for name in other)):
            path.unlink()


def calls(dist: Path) -> dict[str, str]:
    """Return which hooks were called, each with the name of the file that it was for; if it was for all, that is the list of them."""
    try:
        return msgspec.json.decode((dist / HOOKS).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError):
        return {}


def remember_calls(dist: Path, made: Mapping[str, str]) -> None:
    """Write which hooks were called."""
    archive.write(dist / HOOKS, msgspec.json.encode(made))


def _json(value: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode({"schema_version": SCHEMA_VERSION, **value})) + b"\n"


def _metadata(release: ReleaseContext, listed: Sequence[File], parts: Sequence[Part]) -> dict[str, Any]:
    """Return what holds for the whole release; nothing in it differs from call to call on one commit."""
    config = release.context.config
    triples, made = dict.fromkeys(file.target for file in listed), {part.target: part for part in parts}
    floors = {triple: newest(one for file in listed if file.target == triple for one in file.programs) for triple in triples}
    return {
        "crosstasks": __version__,
        "commit": release.git.commit,
        "date": release.git.time,
        "dirty": bool(release.git.dirty),
        "snapshot": release.snapshot,
        "products": [{"name": one.name, "version": one.version, "tag": one.tag, "binaries": one.binaries} for one in release.products],
        "profile": config.release.profile,
        "targets": {
            triple: {
                "glibc": promised_glibc(made.get(triple), triple, config),
                "glibc_floor": floor,
                "features": config.target(triple).features,
                "default_features": config.target(triple).default_features,
            }
            for triple, floor in floors.items()
        },
    }


def promised_glibc(made: Part | None, triple: str, config: Config) -> str:
    """Return the newest glibc that programs may need: what is configured, else what the build promised; empty if that is not known."""
    return config.target(triple).glibc or (made.glibc if made else "")


def newest(programs: Iterable[Program]) -> str:
    """Return the newest glibc that one of the programs needs: none of them starts with an older one; empty if none needs any."""
    return versions.highest(one.glibc for one in programs)


ALSO: Final = (SUMS, "artifacts.json", "metadata.json")
"""What is published beside the files that are listed."""


def files_to_publish(release: ReleaseContext) -> tuple[Path, ...]:
    """Return the files of the selected targets to publish, their checksums, what hooks made of them, and the lists themselves.

    Raises:
        CrosstasksError: there are none, or one is not as it is listed.
    """
    named = selection(release)
    if not named:
        raise CrosstasksError(f"there is nothing to publish in {release.dist}", hint="`release.build` makes it")
    for name, checksum in named.items():
        path = release.dist / name
        if not _is_ours(path) or files.sha256(path) != checksum:
            raise CrosstasksError(f"{path} is not as {SUMS} has it", hint="`release.build` makes it anew")
    if strange := sorted(named.items() - {(row.name, row.sha256) for row in artifacts(release.dist)}):
        raise CrosstasksError(f"artifacts.json does not list {strange[0][0]} as {SUMS} does", hint="`release.build` makes both anew")
    heads = (*named, *ALSO)
    more = sorted(path for path in release.dist.iterdir() if any(path.name.startswith(f"{head}.") for head in heads))
    there = (release.dist / name for name in heads)
    paths = tuple(dict.fromkeys(path for path in (*there, *more) if path.is_file()))
    if link := next((path for path in paths if not _is_ours(path)), None):
        raise CrosstasksError(f"{link} is a link, and is not published", hint="nothing of ours makes links there: remove it")
    return paths


def _is_ours(path: Path) -> bool:
    """Tell whether what is published under a name is a file of the folder, and not another of the user's that a link leads to."""
    return path.is_file() and not path.is_symlink()


class _Row(Struct):
    name: str = ""
    sha256: str = ""
    product: str = ""


class _Rows(Struct):
    artifacts: tuple[_Row, ...] = ()


def artifacts(folder: Path) -> tuple[_Row, ...]:
    """Return what artifacts.json lists; nothing if it is not there, or lists something else."""
    try:
        return msgspec.json.decode((folder / "artifacts.json").read_bytes(), type=_Rows).artifacts
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return ()


def selection(release: ReleaseContext) -> dict[str, str]:
    """Return what SHA256SUMS lists of the selected targets."""
    triples = release.context.config.selection
    return {name: checksum for name, checksum in checksums(release.dist / SUMS).items() if is_of(name, triples)}


def product(release: ReleaseContext, path: Path) -> Product:
    """Return the product whose file it is; lists of several products are the first one's."""
    fitting = (one for one in release.products if path.name.startswith(f"{one.name}-") and f"-v{one.version}" in path.name)
    return max(fitting, key=lambda one: len(one.name), default=release.products[0])
