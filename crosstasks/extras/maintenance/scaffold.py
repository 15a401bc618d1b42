"""Act: ``init``, the three files of a project that begins to use crosstasks.

How a repository gets crosstasks, and what its noxfile.py and tasks.py say for that.

======== ================================== ==========================================
way      what the script header lists       what is needed besides
======== ================================== ==========================================
index    ``crosstasks``                     nothing
git      ``crosstasks @ git+URL@REV``       git, and leave to read the repository
wheel    ``crosstasks @ file:FILE``         the file in the repository
vendored the libraries of the copy          the copy in the repository, put on the path
======== ================================== ==========================================

Nox installs what the header lists into an environment of its own, so that ``pip install nox`` is all that a machine has to have.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from ... import parts
from ...catalog import targets
from ...config import documents, read
from ...config.session_cache import FILE
from ...core.about import NAME, PACKAGE
from ...core.errors import ConfigError
from ...project import manifest
from ...project.manifest import ToolchainFile
from .vendoring import MANIFEST, header, path_line

INDEX: Final = "crosstasks"


class Way(Struct, frozen=True, kw_only=True):
    """How a repository gets crosstasks.

    Attributes:
        listed: the lines of the script header, but for nox.
        pip: what follows ``pip install`` where there is no such header.
        folder: what is put on the path for a vendored copy, below the repository.
    """

    listed: tuple[str, ...]
    pip: str
    folder: str = ""


CHOICES: Final = "--vendor third_party, --wheel FILE, --git URL@REV or --index"


def index() -> Way:
    """Return the way of an installation from the package index."""
    return Way(listed=(INDEX,), pip=INDEX)


def git(address: str) -> Way:
    """Return the way from a git repository: ``https://host/path@revision``.

    Raises:
        ConfigError: no revision is named.
    """
    address = address.removeprefix("crosstasks @ ").removeprefix("git+")
    url, at, revision = address.rpartition("@")
    if not at or "/" in revision or "://" not in url:
        raise ConfigError(f"{address!r} names no revision of a git repository", hint="--git https://host/path/crosstasks.git@REV")
    requirement = f"{INDEX} @ git+{url}@{revision}"
    return Way(listed=(requirement,), pip=f'"{requirement}"')


def wheel(file: Path, root: Path) -> Way:
    """Return the way of a wheel that lies in the repository.

    Raises:
        ConfigError: it is none, or lies elsewhere.
    """
    file = file.absolute()
    if file.suffix != ".whl" or not file.is_file():
        raise ConfigError(f"{file} is no wheel", hint="`python -m build --wheel` in a checkout of crosstasks makes one")
    if not file.is_relative_to(root):
        raise ConfigError(f"{file} does not lie in {root}", hint="copy it into the repository, for example into third_party/")
    place = file.relative_to(root).as_posix()
    return Way(listed=(f"{INDEX} @ file:{place}",), pip=f"./{place}")


def vendored_copy(copy: Path, root: Path) -> Way:
    """Return the way of a copy in the repository."""
    text = (copy / parts.REQUIREMENTS.name).read_text("utf-8")
    place = copy.relative_to(root)
    listed = tuple(row.text for row in parts.requirements(text) if row.name != "nox")
    return Way(listed=listed, pip=f"-r {place.as_posix()}/{parts.REQUIREMENTS.name}", folder=place.parent.as_posix())


def present(root: Path) -> Way | None:
    """Return the way that this crosstasks has come; None for a checkout, and what was installed from a file elsewhere."""
    if (PACKAGE / MANIFEST).is_file() and PACKAGE.is_relative_to(root):
        return vendored_copy(PACKAGE, root)
    folder = next(iter(sorted(PACKAGE.parent.glob(f"{NAME}-*.dist-info"))), None)
    if folder is None:
        return None
    file = folder / "direct_url.json"
    return origin(json.loads(file.read_bytes()), root) if file.is_file() else index()


def origin(record: Mapping[str, Any], root: Path) -> Way | None:
    """Return the way that ``direct_url.json`` tells, which pip and uv write: https://packaging.python.org/specifications/direct-url/."""
    url = str(record.get("url", ""))
    if version := record.get("vcs_info"):
        return git(f"{url}@{version['commit_id']}") if version.get("vcs") == "git" else None
    file = Path(unquote(urlsplit(url).path))
    return wheel(file, root) if file.suffix == ".whl" and file.is_file() and file.is_relative_to(root) else None


def has_header(noxfile: str) -> bool:
    """Tell whether Nox installs by itself what a noxfile needs."""
    return "# /// script\n" in noxfile.replace("\r\n", "\n")


def import_lines(way: Way, module: str) -> str:
    """Return the lines that import a module of crosstasks, and say what to install where it is not there."""
    if way.folder:
        return f"{path_line(way.folder)}import {INDEX}.{module}  # noqa: E402\n"
    command = f"python -m pip install {way.pip}".replace('"', "'")
    failed = f'    raise SystemExit("error: crosstasks is not installed: {command}") from None\n'
    return f"try:\n    import {INDEX}.{module}\nexcept ModuleNotFoundError:\n{failed}"


NOXFILE: Final = '''\
{header}"""Sessions of this project: `nox -l` lists them, `nox -s cross-{alias}` builds for {triple}."""

{paths}import nox

{imported}
# cross-<target> and cross-test-<target> for every target in crosstasks.toml, and `cross` and `cross-test` for all of them
crosstasks.nox.register()

if __name__ == "__main__":
    nox.main()
'''

TASKS: Final = '''\
"""Tasks of this project: `invoke --list` lists them, `invoke build --target {alias}` builds for {triple}."""

{paths}{imported}
namespace = crosstasks.invoke.collection()
'''

CONFIG: Final = """\
# What this project is built for: `invoke tools.targets` lists all names, `invoke plan` shows how each would be built.
version = 1

# Triples, or short names of them.
targets = [
{targets}]

# The Debian suite that images built here are made of: what is linked in them may need its glibc, 2.36, on every machine alike.
# Whoever names one has every build in such an image, and none where there is no engine.
# base = "bookworm"

# The newest glibc that artifacts may need; without it every route promises that of `base`, 2.36.
# glibc = "2.28"

# What holds for one target only stands in a table of its own:
# [target.{alias}]
# packages = ["libssl-dev"]
"""


def refuse(root: Path) -> None:
    """Refuse a folder that ``init`` leaves as it is.

    Raises:
        ConfigError: there is no Cargo.toml, one of the files exists, or a configuration stands elsewhere.
    """
    if not (root / "Cargo.toml").is_file():
        raise ConfigError(f"{root} holds no Cargo.toml", hint="call it in the folder of the Rust repository; `cargo init` begins one")
    there = [name for name in ("noxfile.py", "tasks.py", FILE) if os.path.lexists(root / name)]
    document = documents.find(root)
    if document and document.path.parent == root and document.path.name not in there:
        there.append(str(document))
    if there:
        hint = "`crosstasks.nox.register()` in your noxfile.py, `crosstasks.invoke.collection()` in your tasks.py, are all there is to it"
        raise ConfigError(f"{root} holds {', '.join(there)} already; nothing was written", hint=hint)


def contents(root: Path, way: Way) -> Mapping[str, str]:
    """Return the three files by name."""
    triples, unknown = guess(root)
    rows = [targets.find(triple) for triple in triples]
    lines = "".join(f'    "{targets.alias(row)}",  # {row.triple}\n' for row in rows)
    lines += "".join(f"    # {name!r} of rust-toolchain.toml is not known to crosstasks\n" for name in unknown)
    paths = "import sys\nfrom pathlib import Path\n\n" if way.folder else ""
    words = {"alias": targets.alias(rows[-1]), "triple": rows[-1].triple, "paths": paths}
    noxfile, tasks = (import_lines(way, module) for module in ("nox", "invoke"))
    return {
        "noxfile.py": NOXFILE.format(header=header(("nox", *way.listed)), imported=noxfile, **words),
        "tasks.py": TASKS.format(imported=tasks, **words),
        FILE: CONFIG.format(targets=lines, alias=words["alias"]),
    }


def guess(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the targets that a project probably wants: the host's own, its toolchain file's, arm64 Linux; and names that are unknown."""
    toolchain_file = manifest.find_toolchain_file(root)
    named = toolchain_file.targets if isinstance(toolchain_file, ToolchainFile) else ()
    known = targets.catalogue()
    triples = dict.fromkeys(triple for triple in (read.host(), *named, "aarch64-unknown-linux-gnu") if triple in known)
    return tuple(map(str, triples)), tuple(triple for triple in named if triple not in known)


def write(root: Path, way: Way) -> tuple[Path, ...]:
    """Write the three files for a Rust repository that gets crosstasks in a *way*, each whole and never over another: all, or none.

    Raises:
        ConfigError: one cannot be written.
    """
    files, written = contents(root, way), list[Path]()
    try:
        with tempfile.TemporaryDirectory(dir=root, prefix=".crosstasks-init.") as draft:
            for name, text in files.items():
                path = Path(draft, name)
                path.write_text(text, "utf-8")
                _place(path, root / name)
                written.append(root / name)
    except BaseException as error:
        for path in written:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ConfigError(f"cannot write into {root}", why=f"{error.strerror}: {error.filename2 or error.filename}") from error
        raise
    return tuple(written)


def _place(draft: Path, path: Path) -> None:
    try:
        os.link(draft, path)
    except OSError:  # also of a file system without links
        if os.path.lexists(path):
            raise
        draft.rename(path)
