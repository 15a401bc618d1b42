"""Pure: the version of a release, and the changelog in the form of Keep a Changelog.

https://keepachangelog.com/en/1.1.0/. Headings may be links or plain, with the date after a dash or in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ...core.errors import ConfigError
from ...project.manifest import dependencies

_OPERATOR: Final = re.compile(r"^\s*+(=|\^|~|>=)?\s*+\d[^,]*+$")


def bump(version: str, how: str) -> str:
    """Return the version that follows.

    Args:
        version: that of now.
        how: patch, minor or major, or the new version itself. Of a pre-release, patch is its release.

    Raises:
        ConfigError: it is none of these, or would not be a later one.
    """
    import semver

    try:
        now = semver.Version.parse(version)
    except ValueError as error:
        raise ConfigError(f"the version {version!r} is no semantic version", why=str(error)) from error
    if how in {"patch", "minor", "major"}:
        return str(now.next_version(how))
    try:
        new = semver.Version.parse(how)
    except ValueError as error:
        raise ConfigError(f"--bump is patch, minor, major or a version such as 1.2.3, not {how!r}") from error
    if new < now or (new == now and how != version):
        raise ConfigError(f"the new version {how} is lower than {version}", hint="others may have that version already")
    return how


def manifests(texts: Mapping[str, str], root: str, versions: Mapping[str, str]) -> dict[str, str]:
    """Return manifests with new versions: of the packages, of the workspace that they inherit from, and of dependencies by path.

    Args:
        texts: the manifests of all members and of the root, by path.
        root: the path of the root's.

    Raises:
        ConfigError: packages inherit one version and are not all released.
    """
    import tomlkit

    documents: dict[str, Any] = {path: tomlkit.parse(text) for path, text in texts.items()}
    packages = {path: document["package"] for path, document in documents.items() if "package" in document}
    heirs = {str(package["name"]) for package in packages.values() if _inherits(package)}
    if heirs & set(versions):
        _set_workspace_version(documents[root], heirs, versions)
    for package in packages.values():
        if str(package["name"]) in versions and not _inherits(package) and "version" in package:
            package["version"] = versions[str(package["name"])]
    for document in documents.values():
        for table in dependencies(document):
            _set_requirement(table, versions)
    return {path: tomlkit.dumps(document) for path, document in documents.items()}


def _inherits(package: Any) -> bool:
    version = package.get("version")
    return hasattr(version, "get") and bool(version.get("workspace"))


def _set_workspace_version(document: Any, heirs: set[str], versions: Mapping[str, str]) -> None:
    new = {versions[name] for name in heirs & set(versions)}
    others = heirs - set(versions)
    if others or len(new) > 1:
        why = f"{', '.join(sorted(others or heirs))} would get another version as well"
        raise ConfigError("packages inherit one version from the workspace", why=why, hint="release them together, or give each its own")
    document["workspace"]["package"]["version"] = new.pop()


def _set_requirement(table: Any, versions: Mapping[str, str]) -> None:
    """Let a dependency by path, which also tells a version for the registry, ask for the new one; its operator is kept."""
    for key, value in table.items():
        name = str(value.get("package", key)) if hasattr(value, "get") else ""
        requirement = str(value.get("version", "")) if name in versions and "path" in value else ""
        if requirement:
            match = _OPERATOR.match(requirement)
            value["version"] = f"{(match[1] or '') if match else ''}{versions[name]}"


def lock(text: str, versions: Mapping[str, str], before: Mapping[str, str]) -> str:
    """Return the text of a Cargo.lock with new *versions* of packages by path, which have no source in it, in place of those *before*."""
    head, *blocks = re.split(r"(?m)^(?=\[\[package\]\]$)", text)
    return head + "".join(_set_version(block, versions, before) for block in blocks)


def _set_version(block: str, versions: Mapping[str, str], before: Mapping[str, str]) -> str:
    name = re.search(r'(?m)^name = "(.*)"$', block)
    if name and name[1] in versions and not re.search(r"(?m)^source = ", block):
        block = re.sub(rf'(?m)^version = "{re.escape(before[name[1]])}"$', f'version = "{versions[name[1]]}"', block, count=1)
    for one, new in versions.items():
        block = block.replace(f'\n "{one} {before[one]}"', f'\n "{one} {new}"')  # where another crate has the same name
    return block


def order(packages: Sequence[str], edges: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return packages with each behind those that it depends on."""
    done: dict[str, None] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in done or name in above or name not in packages:
            return
        for below in edges.get(name, ()):
            visit(below, (*above, name))
        done[name] = None

    for name in packages:
        visit(name, ())
    return tuple(done)


_HEADING: Final = re.compile(r"^##[ \t]++\[?+v?+([^\]\s()]++).*+", re.MULTILINE)

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

_LINK: Final = re.compile(r"^\[unreleased\]:[ \t]*(\S*?/compare/)(\S+?)(\.\.\.)HEAD[ \t]*$", re.MULTILINE | re.IGNORECASE)

_LINKS: Final = re.compile(r"^\[[^\]\n]++\]:[ \t]*+\S++[ \t]*+$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """Return what stands below each heading of the second level, by its version, in lower case."""
    headings = list(_HEADING.finditer(text))
    ends = [*(match.start() for match in headings[1:]), *([len(text)] if headings else [])]
    return {match[1].lower(): _LINKS.sub("", text[match.end() : end]).strip() for match, end in zip(headings, ends, strict=True)}


def notes(text: str, version: str) -> str | None:
    """Return what a version's section says; None if there is none."""
    return sections(text).get(version.lower())


def date(text: str, version: str) -> str:
    """Return the date in a version's heading; empty if there is none."""
    headings = (match for match in _HEADING.finditer(text) if match[1].lower() == version.lower())
    return next((date[0] for match in headings if (date := _DATE.search(text, match.end(1), match.end()))), "")


def add_section(text: str, version: str, date: str, tag: str = "", before: str = "") -> str:
    """Return the changelog with what is not released yet under a version.

    Args:
        tag, before: the tags of this release and the last, for the links to comparisons, if there are such links.

    Raises:
        ConfigError: there is nothing to release, or the version is there already.
    """
    texts = sections(text)
    if version.lower() in texts:
        raise ConfigError(f"the changelog has a section for {version} already", hint="write what is new under Unreleased")
    if "unreleased" not in texts:
        raise ConfigError("the changelog has no heading Unreleased", hint="write `## Unreleased`, and below it what is new")
    if not texts["unreleased"]:
        raise ConfigError("the changelog has nothing under Unreleased", hint="write below Unreleased what users will notice")
    heading = next(match for match in _HEADING.finditer(text) if match[1].lower() == "unreleased")
    linked = heading[0].lstrip("# \t").startswith("[")
    name = f"[{version}]" if linked else version
    text = f"{text[: heading.end()]}\n\n## {name} - {date}{text[heading.end() :]}"
    return _LINK.sub(lambda link: _links(link, version, tag, before), text) if tag else text


def _links(link: re.Match[str], version: str, tag: str, before: str) -> str:
    head = link[0].partition(":")[0]
    return f"{head}: {link[1]}{tag}{link[3]}HEAD\n[{version}]: {link[1]}{before or link[2]}{link[3]}{tag}"
