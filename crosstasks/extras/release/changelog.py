"""Pure: a changelog in the form of Keep a Changelog: what is not released yet, and the section of a version.

https://keepachangelog.com/en/1.1.0/. Headings may be links or plain, with the date after a dash or in brackets.
"""

from __future__ import annotations

import re
from typing import Final

from ...core.errors import ConfigError

_HEADING: Final = re.compile(r"^##[ \t]+\[?v?([^\]\s()]+)\]?.*$", re.MULTILINE)
_LINK: Final = re.compile(r"^\[unreleased\]:[ \t]*(\S*?/compare/)(\S+?)(\.\.\.)HEAD[ \t]*$", re.MULTILINE | re.IGNORECASE)
_LINKS: Final = re.compile(r"^\[[^\]]+\]:[ \t]*\S+[ \t]*$", re.MULTILINE)


def sections(text: str) -> dict[str, str]:
    """Return what stands below each heading of the second level, by its version, in lower case."""
    found = list(_HEADING.finditer(text))
    ends = [*(match.start() for match in found[1:]), *([len(text)] if found else [])]
    return {match[1].lower(): _without_links(text[match.end() : end]) for match, end in zip(found, ends, strict=True)}


def _without_links(text: str) -> str:
    return _LINKS.sub("", text).strip()


def notes(text: str, version: str) -> str | None:
    """Return what a version's section says; None if there is none."""
    return sections(text).get(version.lower())


def released(text: str, version: str, date: str, tag: str = "", before: str = "") -> str:
    """
    Return the changelog with what is not released yet under a version.

    Args:
        text: the changelog.
        version: the new one.
        date: of the release.
        tag, before: the tags of this release and the last, for the links to comparisons, if there are such links.

    Raises:
        ConfigError: there is nothing to release, or the version is there already.
    """
    found = sections(text)
    if version.lower() in found:
        raise ConfigError(f"the changelog has a section for {version} already", hint="write what is new under Unreleased")
    if "unreleased" not in found:
        raise ConfigError("the changelog has no heading Unreleased", hint="write `## Unreleased`, and below it what is new")
    if not found["unreleased"]:
        raise ConfigError("the changelog says nothing of what is new", hint="write below Unreleased what users will notice")
    heading = next(match for match in _HEADING.finditer(text) if match[1].lower() == "unreleased")
    linked = heading[0].lstrip("# \t").startswith("[")
    name = f"[{version}]" if linked else version
    text = f"{text[: heading.end()]}\n\n## {name} - {date}{text[heading.end() :]}"
    return _LINK.sub(lambda link: _links(link, version, tag, before), text) if tag else text


def _links(link: re.Match[str], version: str, tag: str, before: str) -> str:
    head = link[0].partition(":")[0]
    return f"{head}: {link[1]}{tag}{link[3]}HEAD\n[{version}]: {link[1]}{before or link[2]}{link[3]}{tag}"
