"""Look: what the user set for cargo in its configuration files and variables: linkers, runners, flags, the target folder.

https://doc.rust-lang.org/cargo/reference/config.html: a variable wins over a file, the nearest file over those above it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from ..catalog.targets import catalogue, variable
from ..core import toml_file
from ..core.looking import Look


class CargoConfig(Struct, frozen=True, kw_only=True):
    """What the user set. *linkers* and *runners* are by triple; *target_dir* is absolute, empty if nobody set it.

    *rustflags* are those of files, by ``build``, a triple or a ``cfg(…)``: a text, or the lists of all files, as cargo joins them.
    """

    linkers: Mapping[str, str] = {}
    runners: Mapping[str, str] = {}
    target_dir: str = ""
    rustflags: Mapping[str, str | tuple[str, ...]] = {}


def files(look: Look) -> tuple[Path, ...]:
    """Return the configuration files that count in the project's folder, the nearest first."""
    home = Path(look.environ.get("CARGO_HOME") or look.home / ".cargo")
    folders = dict.fromkeys((*(place / ".cargo" for place in (look.cwd, *look.cwd.parents)), home))
    paths = (next((path for name in ("config", "config.toml") if (path := folder / name).is_file()), None) for folder in folders)
    return tuple(path for path in paths if path)


def ask(look: Look) -> CargoConfig:
    """Read files and variables.

    Raises:
        ConfigError: a file is no TOML.
    """
    return parse([(path, toml_file.read(path)) for path in files(look)], look.environ, look.cwd)


def parse(read: Sequence[tuple[Path, Mapping[str, Any]]], environ: Mapping[str, str], cwd: Path) -> CargoConfig:
    """Put files, the nearest first, and variables together."""
    settings: dict[str, dict[str, str]] = {"linker": {}, "runner": {}}
    folder = environ.get("CARGO_TARGET_DIR") or environ.get("CARGO_BUILD_TARGET_DIR") or ""
    for triple in catalogue():
        for key, values in settings.items():
            name = f"CARGO_TARGET_{variable(triple)}_{key.upper()}"
            if name in environ:
                values[triple] = environ[name]
    target_dir = str(cwd / folder) if folder else ""
    rustflags: dict[str, str | tuple[str, ...]] = {}
    for path, content in read:
        for triple, key, value in _of_targets(path, content):
            settings[key].setdefault(triple, value)
        build = toml_file.table(content, "build")
        for name, flags in _rustflags(content):
            nearer = rustflags.setdefault(name, flags)
            if nearer is not flags and isinstance(nearer, tuple) and isinstance(flags, tuple):
                rustflags[name] = (*flags, *nearer)
        if not target_dir and build.get("target-dir"):
            target_dir = str(_base(path) / str(build["target-dir"]))
    return CargoConfig(linkers=settings["linker"], runners=settings["runner"], target_dir=target_dir, rustflags=rustflags)


def _rustflags(content: Mapping[str, Any]) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for name, table in {"build": content.get("build"), **toml_file.table(content, "target")}.items():
        if value := toml_file.table(table).get("rustflags"):
            yield name, tuple(map(str, value)) if isinstance(value, list) else str(value)


def _of_targets(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for triple in toml_file.table(content, "target"):
        row = toml_file.table(content, "target", triple)
        for key in ("linker", "runner"):
            value = row.get(key)
            if value and not triple.startswith("cfg("):
                words = [str(word) for word in value] if isinstance(value, list) else [str(value)]
                yield triple, key, " ".join((_program(path, words[0]), *words[1:]))


def _program(path: Path, name: str) -> str:
    """Return a program as cargo finds it: a bare name is looked for on PATH, all else lies where the file's folder lies."""
    return str(_base(path) / name) if "/" in name and " " not in name else name


def _base(path: Path) -> Path:
    return path.parent.parent
