"""Look: the Rust repository: Cargo's view of it, its toolchain file, Cross.toml, cargo's configuration, and the folders around it.

cross mounts the workspace, and of a path dependency outside nothing but its own folder. So a crate that inherits from another
workspace, includes a file above its own, or asks git for its version does not build (cross-rs/cross#1181, #1622, #1727)::

    /top/.git                 of a submodule: that of the outermost repository
    /top/shared/proto.txt     include_str!("../../shared/proto.txt")
    /top/services/api/        a workspace: it is given /top
    /other/libs/log/          a path dependency: it is given /other, if that is a repository, else its workspace
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from ..catalog.targets import catalogue
from ..core import files, toml_file, versions
from ..core.errors import ConfigError, CrosstasksError
from ..core.looking import BaseFacts, Look, absent
from ..core.steps import Absent, Done, Question
from ..core.toml_file import table
from . import cargo_config, manifest
from .manifest import Package, Workspace


class Volumes(Struct, frozen=True, kw_only=True):
    """What a container is given: *folders*, none below another, and *git_dir*, where git keeps a worktree's or submodule's history."""

    folders: tuple[str, ...] = ()
    git_dir: str = ""


ALONE: Final = Volumes()


def find_volumes(root: Path, outside: Iterable[str], home: Path) -> Volumes:
    """Return what lies around a workspace.

    Args:
        root: the workspace's folder.
        outside: folders of path dependencies that do not lie below it.
        home: the user's; it is never given to a container as a whole, nor what it lies in.
    """
    repository = top(root)
    candidates = [repository, *(_of_dependency(Path(folder), home) for folder in outside)]
    folders = [folder for folder in candidates if folder and not home.is_relative_to(folder) and not folder.is_relative_to(root)]
    return Volumes(folders=tuple(_outermost(folders)), git_dir=git_dir(repository) if repository else "")


def top(folder: Path) -> Path | None:
    """Return the top of the outermost repository that a folder belongs to; None if it is in none."""
    for place in (folder, *folder.parents):
        if os.path.lexists(place / ".git"):
            git_dir_ = _git_dir_in_file(place)
            above = git_dir_.parent if git_dir_ else place
            # of a submodule, git keeps the history in the repository around it
            return above if place.is_relative_to(above) else place
    return None


def git_dir(folder: Path) -> str:
    """Return the ``.git`` folder that a repository's ``.git`` file leads out of it to; empty if it does not, or nothing is there."""
    place = _git_dir_in_file(folder)
    return str(place) if place and place.is_dir() and not place.is_relative_to(folder) else ""


def _git_dir_in_file(folder: Path) -> Path | None:
    """Return the ``.git`` folder that a file ``.git`` leads into, as in submodules and worktrees."""
    text = files.read(folder / ".git").strip()
    if not text:
        return None
    place = Path(os.path.normpath(folder / text.removeprefix("gitdir:").strip()))
    return next((above for above in (place, *place.parents) if above.name == ".git"), None)


def _of_dependency(folder: Path, home: Path) -> Path:
    above = top(folder)
    if above and not home.is_relative_to(above):
        return above
    try:
        return Path(manifest.read(folder / "Cargo.toml").root)
    except ConfigError:
        return folder


def _outermost(folders: Iterable[Path]) -> Iterator[str]:
    ordered = sorted(set(folders), key=lambda folder: len(folder.parts))
    return (str(folder) for folder in ordered if not any(folder != other and folder.is_relative_to(other) for other in ordered))


class Repository(Struct, frozen=True, kw_only=True):
    """The Rust repository.

    Attributes:
        root: the workspace root; *manifest* its Cargo.toml.
        target_directory: cargo's, absolute.
        packages: the members of the workspace.
        lock: Cargo.lock exists.
        compiles_c: a package in it that compiles C or C++ for others, ``cc`` or ``cmake``; empty if none is. Where there is no lock
            file yet, what the members depend on themselves.
        around: what else a build may read.
        channel: of rust-toolchain.toml or rust-toolchain, empty if there is none; *toolchain_path* (its ``path``), *profile*,
            *components* and *targets* likewise.
        rust_version: the highest ``rust-version`` of the members, empty if none says.
        cross: the content of Cross.toml, with ``metadata.cross`` of Cargo.toml below it, as one table.
        cross_origin: the file it came from, empty if there is none.
        linkers, runners: what the user set for a target, by triple (environment, then cargo's config files).
        rustflags: those of cargo's config files, by ``build``, a triple or a ``cfg(…)``.
    """

    root: str
    manifest: str
    target_directory: str
    packages: tuple[Package, ...] = ()
    lock: bool = False
    compiles_c: str = ""
    around: Volumes = ALONE
    channel: str = ""
    toolchain_path: str = ""
    profile: str = ""
    components: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    rust_version: str = ""
    cross: Mapping[str, Any] = {}
    cross_origin: str = ""
    linkers: Mapping[str, str] = {}
    runners: Mapping[str, str] = {}
    rustflags: Mapping[str, str | tuple[str, ...]] = {}

    def cross_name(self, triple: str) -> str:
        """Return what cross calls a target: one in JSON as its file lies in the workspace, which has another name in the container."""
        row = catalogue().get(triple)
        return os.path.relpath(row.specification, self.root) if row and row.specification else triple

    def cross_tables(self, triple: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Return what Cross.toml says for a target, and for all."""
        return self.cross.get("target", {}).get(self.cross_name(triple), {}), self.cross.get("build", {})


NONE: Final = Repository(root="", manifest="", target_directory="")
"""What there is to say of no repository."""

ASK: Final = ("cargo", "metadata", "--format-version", "1", "--no-deps", "--offline", "--quiet")
"""Asks neither the network nor for a lock file."""


def ask(look: Look, _question: Question, _facts: BaseFacts) -> Repository | Absent:
    """Read the manifests, and let the cargo on PATH tell better if it is there.

    The manifests alone are enough to plan with; only cargo knows every way in which a member or a program can be declared.
    """
    try:
        path = manifest.find(look.cwd)
        workspace = manifest.read(path)
        config = cargo_config.ask(look)
        cross, origin = cross_toml(workspace, look.environ)
        metadata_answer = metadata(look, str(path), look.which("cargo"))
    except ConfigError as error:
        return absent(error)
    toolchain = manifest.find_toolchain_file(look.cwd)
    if isinstance(toolchain, Absent):
        return toolchain
    around = find_volumes(Path(workspace.root), workspace.outside, Path.home())
    return parse(workspace, metadata_answer, config, toolchain, cross, origin, around)


def metadata(look: Look, path: str, cargo: str) -> Mapping[str, Any]:
    """Ask cargo; nothing is told if there is none, or rustup has none for this folder.

    Raises:
        ConfigError: cargo says that the manifest is wrong.
    """
    if not cargo:
        return {}
    try:
        argv = (cargo, *ASK[1:], "--manifest-path", path)
        done = look.run(argv, env={"RUSTUP_AUTO_INSTALL": "0"}, cwd=str(look.cwd), timeout=look.timeout)
    except CrosstasksError:
        return {}
    return parse_metadata(done)


def parse_metadata(done: Done) -> Mapping[str, Any]:
    """Read cargo's answer. It exits with 101 if the repository is at fault, while rustup's proxy exits with 1 if it has no cargo.

    Raises:
        ConfigError: the manifest is wrong, in cargo's own words.
    """
    if done.code == _CARGO_FAILED:
        what, _, why = done.err.strip().partition("\n")
        causes = " ".join(line.strip() for line in why.splitlines() if line.strip() and line.strip() != "Caused by:")
        raise ConfigError(f"cargo cannot read the repository: {what.removeprefix('error: ')}", why=causes)
    try:
        content = json.loads(done.out) if not done.code else {}
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


_CARGO_FAILED: Final = 101


def parse(  # as many files say something
    workspace: Workspace,
    metadata: Mapping[str, Any],
    config: cargo_config.CargoConfig,
    toolchain: manifest.ToolchainFile | None,
    cross: Mapping[str, Any],
    origin: str,
    around: Volumes = ALONE,
) -> Repository:
    """Put together what manifests, cargo (*metadata*, empty if it was not there), configuration and toolchain file say."""
    root = str(metadata.get("workspace_root") or workspace.root)
    packages = packages_of(metadata) or workspace.packages
    file = toolchain or manifest.ToolchainFile(origin="")
    return Repository(
        root=root,
        manifest=str(Path(root) / "Cargo.toml"),
        target_directory=str(metadata.get("target_directory") or config.target_dir or Path(root) / "target"),
        packages=packages,
        lock=(Path(root) / "Cargo.lock").is_file(),
        compiles_c=_compiles_c(Path(root) / "Cargo.lock", [Path(package.manifest) for package in packages]),
        around=around,
        channel=file.channel,
        toolchain_path=file.path,
        profile=file.profile,
        components=file.components,
        targets=file.targets,
        rust_version=versions.highest(package.rust_version for package in packages if package.rust_version),
        cross=cross,
        cross_origin=origin,
        linkers=config.linkers,
        runners=config.runners,
        rustflags=config.rustflags,
    )


_COMPILES: Final = re.compile(r'^name = "(cc|cmake)"$', re.MULTILINE)

_DEPENDS: Final = re.compile(r"^(cc|cmake)\s*=|^\[(?:[^\]\n]*\.)?build-dependencies\.(cc|cmake)\]", re.MULTILINE)


def _compiles_c(lock: Path, manifests: Iterable[Path]) -> str:
    """Return which of the packages that drive a C compiler a lock file holds; without one, which the members themselves ask for."""
    text = files.read(lock)
    match = _COMPILES.search(text) if text else next(filter(None, (_DEPENDS.search(files.read(path)) for path in manifests)), None)
    return next(filter(None, match.groups()), "") if match else ""


def packages_of(metadata: Mapping[str, Any]) -> tuple[Package, ...]:
    """Read the members in ``cargo metadata``."""
    return tuple(
        Package(
            name=package["name"],
            version=package["version"],
            manifest=package["manifest_path"],
            binaries=tuple(target["name"] for target in package["targets"] if "bin" in target["kind"]),
            rust_version=package.get("rust_version") or "",
        )
        for package in metadata.get("packages", ())
    )


def cross_toml(workspace: Workspace, environ: Mapping[str, str]) -> tuple[Mapping[str, Any], str]:
    """Return what Cross.toml says, over ``package.metadata.cross`` and ``workspace.metadata.cross`` of Cargo.toml, and its file.

    Raises:
        ConfigError: the file is no TOML, or ``CROSS_CONFIG`` names one that is not there.
    """
    root = Path(workspace.root)
    variable = environ.get("CROSS_CONFIG", "")
    path = root / (variable or "Cross.toml")
    content = toml_file.read(path) if variable or path.is_file() else {}
    below = [table(workspace.content, kind, "metadata", "cross") for kind in ("workspace", "package")]
    origin = str(path) if content else workspace.manifest if any(below) else ""
    cross = merge_tables(merge_tables(*below), content)
    if problem := next(_problems(cross), ""):
        raise ConfigError(f"{origin} is not what cross reads", why=problem)
    return cross, origin


def _problems(cross: Mapping[str, Any]) -> Iterator[str]:
    """Give what in a Cross.toml is of another kind than cross reads."""
    build, every = cross.get("build", {}), cross.get("target", {})
    if not isinstance(build, dict) or not isinstance(every, dict):
        yield f"`{'target' if isinstance(build, dict) else 'build'}` is not a table"
        return
    for place, part in (("build", build), *((f"target.{triple}", part) for triple, part in every.items())):
        if not isinstance(part, dict):
            yield f"`{place}` is not a table"
            continue
        kinds = {"image": (str, dict), "dockerfile": (str, dict), "pre-build": (str, list), "env": (dict,)}
        wrong = [key for key, kind in kinds.items() if not isinstance(part.get(key, kind[0]()), kind)]
        yield from (f"`{place}.{key}` is a {type(part[key]).__name__}" for key in wrong)
        env = part.get("env", {})
        for key in ("volumes", "passthrough") if isinstance(env, dict) else ():
            names = env.get(key, [])
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                yield f"`{place}.env.{key}` is not a list of names"


def merge_tables(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one table over another, key by key; lists and values are replaced."""
    result = dict(under)
    for key, value in over.items():
        beneath = result.get(key)
        result[key] = merge_tables(beneath, value) if isinstance(beneath, dict) and isinstance(value, dict) else value
    return result
