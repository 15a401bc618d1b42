"""Act: ``vendor``, a copy of this package in a folder of another repository: made, checked, renewed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ...core.about import PACKAGE, __version__
from ...core.errors import ConfigError, CrosstasksError
from . import vendored
from .vendored import IGNORED, MANIFEST, Files, Manifest

HINT: Final = "`--update --force` gives them up; `--check` shows them"


def make(into: str) -> str:
    """
    Copy this package into a folder that is not there, or empty, and return what its repository needs.

    Raises:
        ConfigError: the folder holds something, or is no place for a copy.
    """
    copy, top = _place(into)
    if copy.is_dir() and any(copy.iterdir()):
        hint = "`vendor --update` renews it" if (copy / MANIFEST).is_file() else "name a folder that is empty, or not there"
        raise ConfigError(f"{copy} holds something already", hint=hint)
    _write(copy, original())
    return vendored.needs(copy.relative_to(top).as_posix(), (PACKAGE / "requirements.txt").read_text("utf-8"))


def update(into: str, *, force: bool = False) -> str:
    """
    Renew a copy, and say what that was.

    Raises:
        ConfigError: there is none.
        CrosstasksError: it was changed, and *force* is not given.
    """
    copy, _ = _place(into)
    made = _manifest(copy)
    local = vendored.compare(made.files, held(copy))
    if local and not force:
        raise CrosstasksError(f"{copy} was changed since it was made", why="\n".join(local.lines()), hint=HINT)
    fresh = original()
    if not local and made.version == __version__ and not vendored.compare(made.files, fresh):
        return f"{into} is crosstasks {__version__} already"
    _write(copy, fresh)
    return f"{into}: crosstasks {made.version} -> {__version__}"


def check(into: str) -> tuple[str, str]:
    """Return how a copy differs from this package, as a unified diff and in words; no words if ``update`` would change nothing."""
    copy, top = _place(into, itself=True)
    made, there = _manifest(copy), held(copy)
    local = tuple(vendored.compare(made.files, there).lines())
    if copy == PACKAGE:
        return "", "\n".join(local)
    fresh = original()
    words = (*((f"it is crosstasks {made.version}, and this is {__version__}",) if made.version != __version__ else ()), *local)
    shown = copy.relative_to(top).as_posix()
    diff = vendored.unified({f"{shown}/{path}": fresh[path] for path in fresh}, {f"{shown}/{path}": there[path] for path in there})
    return diff, "\n".join(words or (("it is not this package",) if diff else ()))


def original() -> Files:
    """
    Return the files of this package, and its licence.

    Raises:
        ConfigError: the licence is not there.
    """
    licence = next((path for path in (PACKAGE / "LICENSE", PACKAGE.parent / "LICENSE") if path.is_file()), None)
    if licence is None:
        raise ConfigError(f"{PACKAGE} has no LICENSE", hint="install crosstasks anew")
    return {**held(PACKAGE), "LICENSE": licence.read_bytes()}


def _place(into: str, *, itself: bool = False) -> tuple[Path, Path]:
    """Return where the copy lies, and the top of its repository."""
    copy = Path(os.path.normpath(Path(into).absolute()))
    here = Path.cwd()
    inside = next((folder for folder in copy.parents if (folder / ".git").exists()), None)
    top = inside or (here if copy.is_relative_to(here) else copy)
    if not (itself and copy == PACKAGE):
        vendored.refuse(copy, top, PACKAGE)
    return copy, top


def _manifest(copy: Path) -> Manifest:
    try:
        return vendored.read((copy / MANIFEST).read_bytes(), str(copy / MANIFEST))
    except OSError as error:
        raise ConfigError(
            f"{copy} holds no copy of crosstasks", why=f"{error.strerror}: {MANIFEST}", hint="without --check and --update one is made"
        ) from error


def held(folder: Path) -> Files:
    """Return what lies in a folder, but for the manifest; links are not followed."""
    return {path.relative_to(folder).as_posix(): _content(path) for path in _walk(folder) if path != folder / MANIFEST}


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in IGNORED:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def _content(path: Path) -> bytes:
    return b"link to " + os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def _write(copy: Path, files: Files) -> None:
    """Put a whole copy in place of what is there, or leave that as it is."""
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent, prefix=f".{copy.name}.") as folder:
            draft = Path(folder, "new")
            for path, content in {**files, MANIFEST: vendored.manifest(__version__, files).encode()}.items():
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_bytes(content)
            _swap(draft, copy, Path(folder, "old"))
    except OSError as error:
        raise ConfigError(f"{copy} cannot be written", why=f"{error.strerror}: {error.filename}") from error


def _swap(draft: Path, copy: Path, aside: Path) -> None:
    if not copy.exists():
        draft.rename(copy)
        return
    copy.rename(aside)
    try:
        draft.rename(copy)
    except BaseException:
        if copy.exists():
            shutil.rmtree(copy)
        aside.rename(copy)
        raise
