"""Look: how a repository gets crosstasks, and what its noxfile.py and tasks.py say for that.

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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from ... import parts
from ...core.about import NAME, PACKAGE
from ...core.errors import ConfigError
from .vendoring import MANIFEST

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
    """
    Return the way from a git repository: ``https://host/path@revision``.

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
    """
    Return the way of a wheel that lies in the repository.

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


def vendored(copy: Path, root: Path) -> Way:
    """Return the way of a copy in the repository."""
    text = (copy / parts.REQUIREMENTS.name).read_text("utf-8")
    place = copy.relative_to(root)
    listed = tuple(row.text for row in parts.requirements(text) if row.name != "nox")
    return Way(listed=listed, pip=f"-r {place.as_posix()}/{parts.REQUIREMENTS.name}", folder=place.parent.as_posix())


def present(root: Path) -> Way | None:
    """Return the way that this crosstasks has come; None for a checkout, and what was installed from a file elsewhere."""
    if (PACKAGE / MANIFEST).is_file() and PACKAGE.is_relative_to(root):
        return vendored(PACKAGE, root)
    folder = next(iter(sorted(PACKAGE.parent.glob(f"{NAME}-*.dist-info"))), None)
    if folder is None:
        return None
    file = folder / "direct_url.json"
    return origin(json.loads(file.read_bytes()), root) if file.is_file() else index()


def origin(told: Mapping[str, Any], root: Path) -> Way | None:
    """Return the way that ``direct_url.json`` tells, which pip and uv write: https://packaging.python.org/specifications/direct-url/."""
    url = str(told.get("url", ""))
    if version := told.get("vcs_info"):
        return git(f"{url}@{version['commit_id']}") if version.get("vcs") == "git" else None
    file = Path(unquote(urlsplit(url).path))
    return wheel(file, root) if file.suffix == ".whl" and file.is_file() and file.is_relative_to(root) else None


def header(listed: Sequence[str]) -> str:
    """Return the script header of a noxfile: https://packaging.python.org/specifications/inline-script-metadata/."""
    lines = "".join(f'#     "{line}",\n' for line in ("nox", *listed))
    return f'# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n{lines}# ]\n# ///\n'


def has_header(noxfile: str) -> bool:
    """Tell whether Nox installs by itself what a noxfile needs."""
    return "# /// script\n" in noxfile.replace("\r\n", "\n")


def imported(way: Way, module: str) -> str:
    """Return the lines that import a module of crosstasks, and say what to install where it is not there."""
    if way.folder:
        below = "" if way.folder == "." else "".join(f' / "{part}"' for part in way.folder.split("/"))
        return f"sys.path.insert(0, str(Path(__file__).resolve().parent{below}))\nimport {INDEX}.{module}  # noqa: E402\n"
    command = f"python -m pip install {way.pip}".replace('"', "'")
    failed = f'    raise SystemExit("error: crosstasks is not installed: {command}") from None\n'
    return f"try:\n    import {INDEX}.{module}\nexcept ModuleNotFoundError:\n{failed}"


def paths(way: Way) -> str:
    """Return the imports from Python's library that ``imported`` needs."""
    return "import sys\nfrom pathlib import Path\n\n" if way.folder else ""
