"""Renew crosstasks/catalog/pins.toml: the newest release on PyPI of each project that it names, and the hashes of all its wheels.

The revision of `cross = "git"` is not renewed: it is an option's default as well, and what was tried.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import tomlkit
from packaging.version import Version
from tomlkit.items import Array

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage

PINS: Final = Path(__file__).parents[1] / "crosstasks" / "catalog" / "pins.toml"

Page: TypeAlias = "Callable[[str], Iterable[DistributionPackage]]"
"""The files that PyPI has of a project."""


def wheels(files: Iterable[DistributionPackage], wanted: str = "") -> tuple[str, dict[str, str]]:
    """Return the newest release, and the tags of its wheels by their hashes.

    Args:
        files: of one project.
        wanted: the release to take; the newest final one that was not withdrawn if empty.
    """
    listed = [file for file in files if file.package_type == "wheel" and file.version and not file.is_yanked]
    versions = {file.version for file in listed if file.version and not Version(file.version).is_prerelease}
    version = wanted or max(versions, key=Version)
    chosen = sorted((file for file in listed if file.version == version), key=lambda file: file.filename)
    return version, {f"sha256:{file.digests['sha256']}": _tags(file.filename) for file in chosen}


def _tags(filename: str) -> str:
    return "-".join(filename.removesuffix(".whl").split("-")[-3:])


def fixed(pins: Mapping[str, Any]) -> dict[str, str]:
    """Return the projects whose release is what they are named for: a flavour of cross."""
    return {row["pypi"]: row["crate"] for row in pins["cross"].values() if "pypi" in row}


def renewed(text: str, page: Page) -> tuple[str, list[str]]:
    """Return the file with the newest releases, and a line for each project that changed; the rest stays as it is written."""
    document = tomlkit.parse(text)
    keep = fixed(tomllib.loads(text))
    said = []
    for project, row in document["pypi"].items():
        version, hashes = wheels(page(project), keep.get(project, ""))
        if (row["version"], set(row["hashes"])) == (version, set(hashes)):
            continue
        said.append(f"{project} {row['version']} -> {version}, {len(hashes)} wheels")
        row["version"], row["hashes"] = version, _array(hashes)
    return tomlkit.dumps(document), said


def _array(hashes: Mapping[str, str]) -> Array:
    array = tomlkit.array()
    for digest, tags in hashes.items():
        array.add_line(digest, comment=tags)
    array.add_line(indent="")
    return array


def main() -> int:
    """Renew the file, or tell with ``--check`` whether it is the newest."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 tells that something is newer")
    check = parser.parse_args().check
    from pypi_simple import PyPISimple  # installed by the session alone

    with PyPISimple() as client:
        text, said = renewed(PINS.read_text("utf-8"), lambda project: client.get_project_page(project).packages)
    print("\n".join(said) or "every pin is the newest release")
    if said and not check:
        PINS.write_text(text, "utf-8")
    return int(check and bool(said))


if __name__ == "__main__":
    raise SystemExit(main())
