"""Act: ``init``, the three files of a project that begins to use crosstasks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...catalog import machines, targets
from ...config import places
from ...config.places import FILE
from ...core.errors import ConfigError
from ...core.looking import Platform
from ...project import toolchain_file
from ...project.toolchain_file import ToolchainFile
from . import adoption

if TYPE_CHECKING:
    from .adoption import Way

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

# The newest glibc that artifacts may need; without it every route decides by itself.
# glibc = "2.28"

# What holds for one target only stands in a table of its own:
# [target.{alias}]
# packages = ["libssl-dev"]
"""


def write(root: Path, way: Way) -> tuple[Path, ...]:
    """
    Write noxfile.py, tasks.py and crosstasks.toml for a Rust repository that gets crosstasks in a *way*: all of them, or none.

    Raises:
        ConfigError: as ``refuse`` says, or a file cannot be written.
    """
    refuse(root)
    return _all(root, contents(root, way))


def refuse(root: Path) -> None:
    """
    Refuse a folder that ``write`` would leave as it is.

    Raises:
        ConfigError: there is no Cargo.toml, one of the files exists, or a configuration stands elsewhere.
    """
    if not (root / "Cargo.toml").is_file():
        raise ConfigError(f"{root} holds no Cargo.toml", hint="call it in the folder of the Rust repository; `cargo init` begins one")
    there = [name for name in ("noxfile.py", "tasks.py", FILE) if os.path.lexists(root / name)]
    found = places.locate(root)
    if found and found.path.parent == root and found.path.name not in there:
        there.append(str(found))
    if there:
        hint = "`crosstasks.nox.register()` in your noxfile.py, `crosstasks.invoke.collection()` in your tasks.py, are all there is to it"
        raise ConfigError(f"{root} holds {', '.join(there)} already; nothing was written", hint=hint)


def contents(root: Path, way: Way) -> Mapping[str, str]:
    """Return the three files by name."""
    guessed, unknown = guess(root)
    rows = [targets.find(triple) for triple in guessed]
    lines = "".join(f'    "{targets.alias(row)}",  # {row.triple}\n' for row in rows)
    lines += "".join(f"    # {name!r} of rust-toolchain.toml is not known to crosstasks\n" for name in unknown)
    words = {"alias": targets.alias(rows[-1]), "triple": rows[-1].triple, "paths": adoption.paths(way)}
    noxfile, tasks = (adoption.imported(way, module) for module in ("nox", "invoke"))
    return {
        "noxfile.py": NOXFILE.format(header=adoption.header(way.listed), imported=noxfile, **words),
        "tasks.py": TASKS.format(imported=tasks, **words),
        FILE: CONFIG.format(targets=lines, alias=words["alias"]),
    }


def guess(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the targets that a project probably wants: the host's own, its toolchain file's, arm64 Linux; and names that are unknown."""
    said = toolchain_file.find(root)
    named = said.targets if isinstance(said, ToolchainFile) else ()
    known = targets.catalogue()
    wanted = [triple for triple in named if triple in known]
    listed = dict.fromkeys([*_own(), *wanted, "aarch64-unknown-linux-gnu"])
    return tuple(listed), tuple(triple for triple in named if triple not in known)


def _own() -> list[str]:
    here = machines.triple(Platform.here(), musl=any(Path("/lib").glob("ld-musl-*.so.1")))
    return [here] if isinstance(here, str) and here in targets.catalogue() else []


def _all(root: Path, files: Mapping[str, str]) -> tuple[Path, ...]:
    """Put the files in place, each whole and never over another; if one cannot be, take the others away again."""
    written: list[Path] = []
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
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if os.path.lexists(path):
            raise
        draft.rename(path)
