"""Act: ``vendor``, a copy of this package in a folder of another repository: made, checked, renewed.

A copy is the core of the package, with the parts that its repository asks for, ``LICENSE``, and a manifest: the version, the parts, and
the hash of every file. Text is hashed with plain newlines, so that a checkout with CRLF is no change. No library is imported: ``python -m
crosstasks tools.vendor`` works where nothing is installed.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from ... import parts as known
from ...core.about import PACKAGE, __version__
from ...core.errors import ConfigError, CrosstasksError
from ...core.files import replace_folder
from ...reporting import streams

MANIFEST: Final = "vendored.json"

IGNORE: Final = ("__pycache__", ".DS_Store")
"""What Python and file browsers leave in any folder."""

Files = Mapping[str, bytes]
"""What a folder holds, by path with ``/``; a link is its own text, and so never what it leads to."""


class Manifest(NamedTuple):
    """What a copy was made of; *parts* come on top of the core."""

    version: str
    files: Mapping[str, str]
    parts: tuple[str, ...] = ()


def digest(content: bytes) -> str:
    """Return a hash that no conversion of newlines changes."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def manifest(version: str, files: Files, parts: Sequence[str] = ()) -> str:
    """Return the text of the manifest of *files*."""
    hashes = {path: digest(files[path]) for path in sorted(files)}
    return json.dumps({"version": version, "parts": sorted(parts), "files": hashes}, indent=1) + "\n"


def read_manifest(text: bytes, place: str) -> Manifest:
    """Read a manifest.

    Raises:
        ConfigError: it is none, or names a path outside its folder.
    """
    try:
        content = json.loads(text)
        copied = Manifest(content["version"], {**content["files"]}, tuple(content.get("parts", known.PARTS)))
        if not all(isinstance(value, str) for value in (copied.version, *copied.files.values(), *copied.parts)):
            raise TypeError("a value in it is no text")  # noqa: TRY301 - one message for all that is wrong
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{place} is no manifest of a copy", why=str(error), hint="restore it from your repository's history") from error
    astray = [path for path in copied.files if not _within(path)]
    if astray:
        raise ConfigError(f"{place} names paths outside its folder", problems=astray)
    return copied


def _within(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and ".." not in parts and not path.startswith("/") and "\\" not in path and ":" not in path


def compare(hashes: Mapping[str, str], files: Files) -> tuple[str, ...]:
    """Name what differs in *files* from when *hashes* were taken, each with what became of it."""
    changed = (f"changed: {path}" for path in sorted(files.keys() & hashes.keys()) if digest(files[path]) != hashes[path])
    added, missing = sorted(files.keys() - hashes.keys()), sorted(hashes.keys() - files.keys())
    return (*changed, *(f"added: {path}" for path in added), *(f"missing: {path}" for path in missing))


def unified_diff(before: Files, after: Files) -> str:
    """Return the difference between two folders as a unified diff."""
    parts: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = _lines(before.get(path)), _lines(after.get(path))
        if old != new:
            names = (f"a/{path}" if path in before else "/dev/null", f"b/{path}" if path in after else "/dev/null")
            parts += difflib.unified_diff(old, new, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in parts)


def _lines(content: bytes | None) -> list[str]:
    return (content or b"").replace(b"\r\n", b"\n").decode("utf-8", errors="replace").splitlines(keepends=True)


def header(libraries: Iterable[str]) -> str:
    """Return the script header of a noxfile: https://packaging.python.org/specifications/inline-script-metadata/."""
    lines = "".join(f'#     "{library}",\n' for library in libraries)
    return f'# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n{lines}# ]\n# ///\n'


def path_line(folder: str) -> str:
    """Return the line that puts a folder on the path, by its own path from that of the noxfile."""
    below = "".join(f' / "{part}"' for part in PurePosixPath(folder).parts)
    return f"sys.path.insert(0, str(Path(__file__).resolve().parent{below}))\n"


def needs(copy: str, requirements: str) -> str:
    """Return what a repository with a copy at *copy*, a path from its top, needs in its own files."""
    parent, _, name = copy.rpartition("/")
    libraries = (row.text for row in known.requirements(requirements))
    return NEEDS.format(copy=copy, name=name, header=header(libraries), path=path_line(parent))


NEEDS: Final = """\
noxfile.py, first of all: the libraries that the copy needs

{header}
noxfile.py and tasks.py at the top of the repository: the folder on the path, since the nox command does not put even its own there

import sys
from pathlib import Path

{path}
import {name}.nox  # noqa: E402  and in tasks.py: import {name}.invoke

{name}.nox.register()  # in tasks.py: namespace = {name}.invoke.collection()

for Invoke, and for Nox without a script header: python -m pip install -r {copy}/requirements.txt

what formatters and linters should leave alone, or the copy is no copy any more

pyproject.toml           [tool.ruff]
                         extend-exclude = ["{copy}"]
                         [tool.black]
                         force-exclude = '^/{copy}/'
                         [tool.mypy]
                         exclude = ['^{copy}/']
.pre-commit-config.yaml  exclude: ^{copy}/
.gitattributes           {copy}/** linguist-vendored
"""


def refuse(copy: Path, top: Path, package: Path) -> None:
    """Refuse a folder that a copy cannot lie in: all paths are absolute, without dots and with their links.

    Raises:
        ConfigError: its name is none for a package, it is outside the repository, or would be reached through a link.
    """
    if not copy.name.isidentifier():
        raise ConfigError(f"{copy.name!r} is no valid name of a Python package", hint="--into third_party/crosstasks, for example")
    if not copy.is_relative_to(top) or copy == top:
        raise ConfigError(
            f"{copy} is not inside a repository",
            why="no folder above it is a git repository" if copy == top else f"the repository is {top}",
            hint="call `git init` at the top of the project, or call vendor from inside its repository",
        )
    if copy.is_relative_to(package) or package.is_relative_to(copy):
        what = "is this package itself" if copy == package else "and this package lie in one another"
        raise ConfigError(f"{copy} {what}", hint="call an installed crosstasks: pipx run crosstasks tools.vendor")
    links = [place for place in (copy, *copy.parents) if place.is_relative_to(top) and place != top and place.is_symlink()]
    if links:
        raise ConfigError(f"{links[-1]} is a link", why="the copy would lie elsewhere", hint="name the folder itself")


def make(into: str, parts: Sequence[str] = ()) -> str:
    """Copy the core and *parts* of this package into a folder that is not there, or empty, and return what its repository needs.

    Raises:
        ConfigError: the folder holds something, or is no place for a copy.
    """
    copy, top = _place(into)
    if copy.is_dir() and any(copy.iterdir()):
        hint = "`tools.vendor --update` renews it" if (copy / MANIFEST).is_file() else "name a folder that is empty, or not there"
        raise ConfigError(f"{copy} holds something already", hint=hint)
    files = original(parts)
    _write(copy, files, parts)
    return needs(copy.relative_to(top).as_posix(), files[known.REQUIREMENTS.name].decode())


def update(into: str, parts: Sequence[str] = (), *, force: bool = False) -> str:
    """Renew a copy, and say what that was; with *parts* it has those instead of the ones that it was made with.

    Raises:
        ConfigError: there is none.
        CrosstasksError: it was changed, and *force* is not given.
    """
    copy, _ = _place(into)
    copied = _manifest(copy)
    local = compare(copied.files, folder_contents(copy))
    if local and not force:
        hint = "`--update --force` gives them up; `--check` shows them"
        raise CrosstasksError(f"{copy} was changed since it was made", why="\n".join(local), hint=hint)
    parts = parts or copied.parts
    fresh = original(parts)
    if not local and (copied.version, copied.parts) == (__version__, tuple(sorted(parts))) and not compare(copied.files, fresh):
        return f"{into} is crosstasks {__version__} already"
    _write(copy, fresh, parts)
    versions = f"{copied.version} -> {__version__}" if copied.version != __version__ else f"{__version__}, renewed"
    return f"{into}: crosstasks {versions}"


def check(into: str) -> tuple[str, str]:
    """Return how a copy differs from this package, as a unified diff and in words; no words if ``update`` would change nothing."""
    copy, top = _place(into, itself=True)
    copied, there = _manifest(copy), folder_contents(copy)
    local = compare(copied.files, there)
    if copy == PACKAGE:
        return "", "\n".join(local)
    fresh = original(copied.parts)
    words = (*((f"it is crosstasks {copied.version}, and this is {__version__}",) if copied.version != __version__ else ()), *local)
    shown = copy.relative_to(top).as_posix()
    diff = unified_diff({f"{shown}/{path}": fresh[path] for path in fresh}, {f"{shown}/{path}": there[path] for path in there})
    return diff, "\n".join(words or (("it is not this package",) if diff else ()))


def original(parts: Sequence[str]) -> Files:
    """Return the files of the core and of *parts*, with the libraries that these need, and the licence.

    Raises:
        ConfigError: a part is unknown or not there, or the licence is not.
    """
    installed = PACKAGE.parent.glob(f"{PACKAGE.name}-*.dist-info/licenses/LICENSE")
    licence = next((path for path in (PACKAGE / "LICENSE", PACKAGE.parent / "LICENSE", *installed) if path.is_file()), None)
    if licence is None:
        raise ConfigError(f"{PACKAGE} has no LICENSE", hint="install crosstasks anew")
    if unknown := [part for part in parts if part not in known.PARTS]:
        raise ConfigError(f"no part is called {unknown[0]!r}", hint=f"--with takes {', '.join(known.PARTS)}, with commas between them")
    if absent := [part for part in parts if not known.has(part)]:
        raise ConfigError(f"this copy of crosstasks has no part {absent[0]!r}", hint="call an installed crosstasks, or a checkout of it")
    without = {PurePosixPath(path) for part, paths in known.PARTS.items() if part not in parts for path in paths}
    files = {
        path: content
        for path, content in folder_contents(PACKAGE).items()
        if not without & {PurePosixPath(path), *PurePosixPath(path).parents}
    }
    name = known.REQUIREMENTS.name
    return {**files, name: requirements(files[name].decode(), parts).encode(), "LICENSE": licence.read_bytes()}


def requirements(text: str, parts: Sequence[str]) -> str:
    """Return the lines of requirements.txt that the core and *parts* need."""
    lines = ((line, row) for line in text.splitlines(keepends=True) for row in known.requirements(line))
    return "".join(line for line, row in lines if not row.parts or set(row.parts) & set(parts))


def _place(into: str, *, itself: bool = False) -> tuple[Path, Path]:
    """Return where the copy lies, and the top of its repository."""
    copy = Path(os.path.normpath(Path(into).absolute()))
    here = Path.cwd()
    repository = next((folder for folder in copy.parents if (folder / ".git").exists()), None)
    top = repository or (here if copy.is_relative_to(here) else copy)
    if not (itself and copy == PACKAGE):
        refuse(copy, top, PACKAGE)
    return copy, top


def _manifest(copy: Path) -> Manifest:
    try:
        return read_manifest((copy / MANIFEST).read_bytes(), str(copy / MANIFEST))
    except OSError as error:
        raise ConfigError(
            f"{copy} holds no copy of crosstasks",
            why=f"{error.strerror}: {MANIFEST}",
            hint="without --check and --update, vendor makes one",
        ) from error


def folder_contents(folder: Path) -> Files:
    """Return what lies in a folder, but for the manifest; links are not followed."""
    return {path.relative_to(folder).as_posix(): _content(path) for path in _walk(folder) if path != folder / MANIFEST}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in IGNORE:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def _content(path: Path) -> bytes:
    return b"link to " + os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def _write(copy: Path, files: Files, parts: Sequence[str]) -> None:
    """Put a whole copy in place of what is there, or leave that as it is."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=f".{copy.name}.") as folder:
            draft = Path(folder, "new")
            for path, content in {**files, MANIFEST: manifest(__version__, files, parts).encode()}.items():
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_bytes(content)
            replace_folder(draft, copy)
    except OSError as error:
        raise ConfigError(f"{copy} cannot be written", why=f"{error.strerror}: {error.filename}") from error


def act(into: str, *, check_only: bool, renew: bool, force: bool, parts: Sequence[str]) -> str:
    """Make, check or renew a copy, and return what to show.

    Raises:
        CrosstasksError: it differs, cannot be made, or the options do not fit together.
    """
    if not into:
        raise ConfigError("--into names no folder", hint="vendor --into third_party/crosstasks")
    if (check_only and renew) or (force and not renew):
        raise ConfigError("--check, --update and --update --force exclude each other", hint="name one of them")
    if renew:
        return update(into, parts, force=force)
    if not check_only:
        return make(into, parts).rstrip()
    diff, words = check(into)
    if words:
        print(diff, end="")  # noqa: T201
        raise CrosstasksError(f"{into} differs from crosstasks", why=words, hint="`tools.vendor --update` renews it")
    return ""


def main(words: Sequence[str]) -> int:
    """Do what the task of this name does where Invoke is not installed, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m crosstasks tools.vendor", description="Copy this package into another repository.")
    parser.add_argument("--into", default="", help="the folder of the copy, for example third_party/crosstasks")
    parser.add_argument("--with", dest="parts", default="", help=f"parts besides the core: {','.join(known.PARTS)}")
    parser.add_argument("--check", action="store_true", help="say how the copy differs, and change nothing")
    parser.add_argument("--update", action="store_true", help="renew the copy")
    parser.add_argument("--force", action="store_true", help="with --update: give up changes that were made by hand")
    options = parser.parse_args(words)
    try:
        text = act(options.into, check_only=options.check, renew=options.update, force=options.force, parts=part_names(options.parts))
    except CrosstasksError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return error.code
    with streams.quiet_pipe():
        print(text, end="\n" if text else "")  # noqa: T201
    return 0


def part_names(text: str) -> tuple[str, ...]:
    """Return the parts that ``--with`` names, with commas or spaces between them."""
    return tuple(text.replace(",", " ").split())
