"""Act: have every dependency fetched on the host, and give the container a CARGO_HOME that holds no credentials.

cross mounts CARGO_HOME read-write and the user's tokens with it. Ours holds a configuration without secrets and two
mount points; the user's ``registry`` and ``git`` caches are mounted there, and cargo builds offline in the container.

Whether what cargo keeps of crates is what Cargo.lock names: cargo compares a crate when it comes, and then never.

Its sources lie unpacked beside the crate, and nobody compares them either: whoever could write there once, as a build script on the
host can, would be compiled into every project of the machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct

from ..catalog import remedies
from ..catalog.targets import catalogue
from ..clients import network
from ..core import cache, files, looking, toml_file
from ..core.errors import BuildFailed, ConfigError
from ..provisioning import toolchain
from ..reporting import progress

if TYPE_CHECKING:
    from ..context import Context
    from ..core.steps import Env
    from ..planning.route import Route


MOST: Final = 1 << 30
"""Bytes that a crate may unpack to; cargo's own limit is half of it."""


class LockedPackage(Struct, frozen=True, kw_only=True):
    """A package as Cargo.lock has it; what it does not have is empty."""

    name: Annotated[str, Meta(min_length=1)]
    version: Annotated[str, Meta(min_length=1)]
    source: str = ""
    checksum: str = ""


def locked(lock: Path) -> tuple[LockedPackage, ...]:
    """Return the packages in a Cargo.lock.

    Raises:
        ConfigError: it cannot be read, or is no such file.
    """
    try:
        return looking.convert(toml_file.read(lock).get("package", []), tuple[LockedPackage, ...])
    except msgspec.ValidationError as error:
        raise ConfigError(f"{lock} is no lock file of cargo's", hint="`cargo generate-lockfile` writes it anew") from error


def checksums(lock: Path) -> Mapping[str, str]:
    """Return the checksums of a Cargo.lock by ``name-version``; of what has none, as git dependencies, nothing."""
    rows = {f"{package.name}-{package.version}": package.checksum for package in locked(lock)}
    old = toml_file.table(toml_file.read(lock), "metadata")  # as cargo wrote it before 1.41
    rows |= {"-".join(key.split()[1:3]): str(value) for key, value in old.items() if key.startswith("checksum ")}
    return {name: value for name, value in rows.items() if value and value != "<none>"}


def mismatches(lock: Path, home: Path) -> Iterator[str]:
    """Give the paths of crates, and of sources, below a CARGO_HOME that are not what a lock file names; no other crates are read."""
    for name, checksum in checksums(lock).items():
        for crate in (home / "registry" / "cache").glob(f"*/{name}.crate"):
            if files.sha256(crate) != checksum:
                yield str(crate)
            elif source := _changed_source(crate, home / "registry" / "src" / crate.parent.name):
                yield source


def _changed_source(crate: Path, folder: Path) -> str:
    """Return the first file of a crate's sources that is not as in the crate; empty if none is, or they are not unpacked."""
    if not (folder / crate.stem).is_dir():
        return ""
    size = 0
    names = set()
    with tarfile.open(crate) as tar:
        for entry in tar:
            size += entry.size
            path = folder.joinpath(*PurePosixPath(entry.name).parts)
            names.add(path)
            if size > MOST or (entry.isfile() and _is_other(path, tar, entry)):
                return str(path)
    # what came later counts as well: a build script that cargo finds by its name alone, a configuration
    paths = (Path(place, name) for place, _, files in os.walk(folder / crate.stem) for name in files)
    return next((str(path) for path in paths if path not in names and path.name != ".cargo-ok" and not _is_left_by_zig(path, folder)), "")


def _is_left_by_zig(path: Path, folder: Path) -> bool:
    """Tell of an empty ``a.o``: ``zig cc --version`` for macOS (0.17.1) leaves it where it is called, and cc asks in a crate's folder."""
    return path.name == "a.o" and path.parent.parent == folder and not path.is_symlink() and path.stat().st_size == 0


def _is_other(path: Path, tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bool:
    content = tar.extractfile(entry)
    try:
        return path.is_symlink() or path.stat().st_size != entry.size or (content is not None and path.read_bytes() != content.read())
    except OSError:
        return path.name != ".cargo-ok"  # cargo writes that one itself


CACHES: Final = ("registry", "git")
LOCKS: Final = (".package-cache", ".package-cache-mutate")
"""Files that cargo locks while it reads and writes the caches beside them; who shares these has to share those."""

_ONE_TARGET: Final = tuple(f"1.{minor}." for minor in range(64))
"""Releases of cargo that know one ``--target`` only; without any they fetch for all."""


def user_home(environ: Mapping[str, str]) -> Path:
    """Return the user's CARGO_HOME."""
    return Path(environ.get("CARGO_HOME") or Path.home() / ".cargo").absolute()


def home(context: Context) -> Path:
    """Return the CARGO_HOME for containers, made if need be; its name tells the configuration and the authorities that are in it."""
    user = user_home(context.environ)
    for name in CACHES:
        (user / name).mkdir(parents=True, exist_ok=True)
    text = _config(user, without_secrets)
    authorities = network.authorities(context.environ)
    certificates = Path(authorities).read_bytes() if authorities else b""

    def make(draft: Path) -> None:
        for name in (*CACHES, "bin", "xargo"):  # the engine would make the mount points itself, as root
            (draft / name).mkdir()
        (draft / "config.toml").write_text(text, "utf-8")
        if authorities:
            (draft / network.CERTIFICATES).write_bytes(certificates)

    return cache.make_once(context.cache / "cargo" / _key(text.encode() + certificates), make, ["*"])


def host_home(context: Context) -> Path:
    """Return the CARGO_HOME for builds on the host: the user's caches, programs and configuration, without tokens.

    Its name is the same from call to call, since it is part of what cargo compiles again for.
    """
    user = user_home(context.environ)
    text = _config(user, without_tokens)

    def make(draft: Path) -> None:
        for name in (*CACHES, "bin"):
            (user / name).mkdir(parents=True, exist_ok=True)
            (draft / name).symlink_to(user / name)
        for name in LOCKS:
            (draft / name).symlink_to(user / name)
        (draft / "config.toml").write_text(text, "utf-8")

    folder = cache.make_once(context.cache / "cargo" / f"host-{_key(f'{user} {LOCKS} {text}'.encode())}", make, ["config.toml"])
    (folder / "config").unlink(missing_ok=True)  # cargo takes this name first, and a build script may have left it
    return folder


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def without_tokens(config: Mapping[str, Any]) -> dict[str, Any]:
    """Pure: return cargo's configuration without what logs in: tokens, what provides them, and proxies with a password."""
    secret = {"token", "secret-key", "credential-provider", "global-credential-providers"}
    public = {
        key: without_tokens(value) if isinstance(value, Mapping) else value
        for key, value in config.items()
        if key not in secret and not (key == "proxy" and "@" in str(value))
    }
    public.pop("credential-alias", None)
    return public


def _config(user: Path, select: Callable[[Mapping[str, Any]], dict[str, Any]]) -> str:
    for name in ("config", "config.toml"):
        path = user / name
        if path.is_file():
            try:
                return toml_file.dumps(select(toml_file.read(path)))
            except ConfigError as error:
                error.hint = "cargo cannot read it either"
                raise
    return ""


def without_secrets(config: Mapping[str, Any]) -> dict[str, Any]:
    """Pure: return of cargo's configuration what a container needs to find the fetched crates, and to build as on the host.

    Kept: source replacement, the index of registries, patches, profiles, and the targets' own flags. Left out: tokens,
    credential providers, proxies, wrappers and everything else that speaks of the host (cross-rs/cross#621, #360).
    """
    tables: dict[str, Any] = {key: config[key] for key in ("source", "patch", "profile") if key in config}
    keys = {"registries": {"index"}, "target": {"linker", "runner", "rustflags"}}
    parts = {
        name: {
            row: {key: content[key] for key in content if key in keys[name]}
            for row, content in toml_file.table(config, name).items()
            if isinstance(content, Mapping) and (name == "target" or "index" in content)
        }
        for name in keys
    }
    parts["build"] = {key: value for key, value in toml_file.table(config, "build").items() if key == "rustflags"}
    return tables | {name: part for name, part in parts.items() if part}


def fetch(route: Route, context: Context) -> None:
    """Fetch what Cargo.lock names, with the user's own CARGO_HOME and credentials; nothing if an earlier call did.

    Raises:
        ConfigError: Cargo.lock does not fit Cargo.toml.
        BuildFailed: a dependency cannot be fetched.
    """
    repository = context.repository
    lock = Path(repository.root) / "Cargo.lock"
    stamp = Path(repository.target_directory) / "crosstasks" / f".fetched-{route.target}.json"
    if not _is_current(stamp, _stamp_key(lock, route)):
        cargo_fetch((route,), context)
        user = user_home(context.environ)
        check(lock, user)
        sources = _source_folders(lock, user) if lock.exists() else []
        files.write(stamp, json.dumps({"key": _stamp_key(lock, route), "crates": sources}))
    if route.build_std:
        folder, host_folder = Path(route.toolchain.path), Path(route.host_toolchain.path)
        toolchain.fetch_library(folder, host_toolchain=host_folder, run=context.run, say=context.say)
        if route.target.endswith("-windows-gnu") and route.toolchain.source != "user":
            toolchain.start_files(folder, route.target, host_toolchain=host_folder, run=context.run)


def _stamp_key(lock: Path, route: Route) -> str:
    content = lock.read_bytes() if lock.exists() else b""
    return hashlib.sha256(b"\0".join((content, route.host_toolchain.release.encode()))).hexdigest()


def _is_current(stamp: Path, key: str) -> bool:
    try:
        content = json.loads(stamp.read_text("utf-8"))
        return bool(content["key"] == key and all(Path(crate).exists() for crate in content["crates"]))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def cargo_fetch(routes: Sequence[Route], context: Context, cargo_home: Env = {}) -> None:
    """Let the cargo of the first route fetch what all of them need, with the user's CARGO_HOME or the one that *cargo_home* sets.

    Raises:
        ConfigError, BuildFailed: as of ``fetch``.
    """
    root, host_toolchain, targets = context.repository.root, routes[0].host_toolchain, [catalogue()[route.target] for route in routes]
    # cargo build wants what any chain of dependencies needs for the target or, link by link, for the host: ask for both at once
    triples = dict.fromkeys((*(triple for target in targets for triple in target.triples), host_toolchain.host))
    fetches_all = host_toolchain.release.startswith(_ONE_TARGET) or any(target.specification for target in targets)
    options = [] if fetches_all else [f"--target={triple}" for triple in triples]
    env: Env = {"RUSTC": f"{host_toolchain.path}/bin/rustc", "CARGO_TERM_COLOR": "never", "RUSTUP_TOOLCHAIN": None, **cargo_home}
    argv = (f"{host_toolchain.path}/bin/cargo", "fetch", *(("--locked",) if Path(root, "Cargo.lock").exists() else ()), *options)
    context.say(f"fetching the dependencies of {Path(root).name}")
    with progress.timer("fetch the dependencies"):
        done = context.run(argv, env=env, cwd=root)
    if not done.code:
        return
    output = done.err.strip() or f"cargo exited with {done.code}"
    if "--locked" in output:
        hint = "run `cargo update --workspace`, and commit Cargo.lock"
        raise ConfigError("Cargo.lock does not fit Cargo.toml", why=output, hint=hint)
    error = BuildFailed("the dependencies cannot be fetched", why=output, hint="`cargo fetch --locked` in the repository says the same")
    remedies.with_remedy(error)
    raise error


def check(lock: Path, user: Path) -> None:
    """Compare with Cargo.lock what cargo has of the crates.

    Raises:
        ConfigError: something was changed after it had come.
    """
    if lock.exists() and (wrong := tuple(islice(mismatches(lock, user), 4))):
        why = "\n".join(wrong[:3]) + ("\n…" if wrong[3:] else "")
        hint = "cargo does not compare again what it has: remove it, and the crate beside it, and they are fetched anew"
        raise ConfigError("what cargo keeps of a crate is not what Cargo.lock names", why=why, hint=hint)


def _source_folders(lock: Path, user: Path) -> list[str]:
    """Return where the crates of the lock file lie unpacked; those of other targets were not fetched."""
    names = [f"{package.name}-{package.version}" for package in locked(lock) if package.source.startswith(("registry", "sparse"))]
    folders = (source / name for source in (user / "registry" / "src").glob("*") for name in names)
    return [str(folder) for folder in folders if folder.is_dir()]


def carry(place: Path, route: Route, context: Context) -> None:
    """Make the folder *place*, a CARGO_HOME that holds itself what the route needs of the user's: for an engine on another machine."""
    user = user_home(context.environ)
    shutil.copytree(home(context), place)
    library = (Path(route.toolchain.path, toolchain.SOURCE, "Cargo.lock"),) if route.build_std else ()
    for lock in filter(Path.exists, (Path(context.repository.root, "Cargo.lock"), *library)):
        for package in locked(lock):
            for path in _parts(user, package):
                target = place / path.relative_to(user)
                target.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    shutil.copytree(path, target, symlinks=True, dirs_exist_ok=True)
                else:
                    shutil.copy2(path, target)


def _parts(user: Path, package: LockedPackage) -> Iterator[Path]:
    """Give what a CARGO_HOME holds of a package: the crate and its row in the index of each registry, or the repository."""
    if package.source.startswith("git+"):
        repository = PurePosixPath(urlsplit(package.source).path).name.removesuffix(".git")
        yield from (path for folder in ("db", "checkouts") for path in (user / "git" / folder).glob(f"{repository}-*"))
    elif package.source:
        short = package.name.lower()
        folders = {1: ("1",), 2: ("2",), 3: ("3", short[0])}.get(len(short), (short[:2], short[2:4]))
        row = Path(".cache", *folders, short)
        for index in (user / "registry" / "index").glob("*"):
            listed = (index / row, *(index / other for other in ("config.json", ".git", ".last-updated")))
            yield from (path for path in listed if path.exists())
        yield from (user / "registry" / "cache").glob(f"*/{package.name}-{package.version}.crate")
