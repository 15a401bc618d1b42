"""Pure: which packages an empty machine needs, so that those asked for are there with all that they depend on.

The way is Debian's (Policy, chapter 7): what is recommended is not taken, the first alternative that can be had is, a package of
the name before one that provides it, the newest version that fits. Alternatives wait until all that has none is there, and an
alternative that is there already serves. So the answer depends on the lists and the names alone, and on no order.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import eq, ge, gt, le, lt
from typing import Final, TypeAlias

from msgspec import Struct

from ...core.errors import ToolMissing
from .index import Offered, Package

ALL: Final = "all"
"""The architecture of packages that are for every one."""

PRIORITIES: Final = {"required": 0, "important": 1, "standard": 2, "optional": 3}
"""How important packages are to a system; of several that provide a name the most important is taken (``mawk`` for ``awk``)."""

_RELATION: Final = re.compile(r"(?P<name>[^\s:(\[]+)(?::(?P<qualifier>[\w-]+))?\s*(?:\((?P<operator>[<>=]+)\s*(?P<version>[^)\s]+)\s*\))?")


Part: TypeAlias = tuple[tuple[int, ...] | int, ...]
Key: TypeAlias = tuple[int, Part, Part]

_PAIR: Final = re.compile(r"(\D*)(\d*)")

OPERATORS: Final[Mapping[str, Callable[[Key, Key], bool]]] = {"<<": lt, "<=": le, "=": eq, ">=": ge, ">>": gt, "<": le, ">": ge}
"""How relations compare; a single sign is the old spelling of ``<=`` and ``>=``."""


@lru_cache(maxsize=8192)
def version_key(version: str) -> Key:
    """Return what two versions are compared by: epoch, upstream's version, Debian's revision."""
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    if not dash:
        upstream, revision = rest, "0"
    return int(epoch) if epoch.isdigit() else 0, _part(upstream), _part(revision)


def _part(text: str) -> Part:
    """Split a text into what is no digit and what is, in turn; the end sorts after ``~`` and before all else."""
    parts: list[tuple[int, ...] | int] = []
    for letters, digits in _PAIR.findall(text):
        if letters or digits:
            parts += [_letters(letters), int(digits or "0")]
    return (*parts, _letters(""))


def _letters(text: str) -> tuple[int, ...]:
    """Letters come before all other signs."""
    return (*((-1 if sign == "~" else ord(sign) if sign.isalpha() else ord(sign) + 256) for sign in text), 0)


def fits(version: str, operator: str, other: str) -> bool:
    """Tell whether a version is as a relation asks; without an operator each is."""
    return not operator or OPERATORS[operator](version_key(version), version_key(other))


class Relation(Struct, frozen=True):
    """A package that another wants: by name, with an architecture or ``any``, and in which versions."""

    name: str
    qualifier: str = ""
    operator: str = ""
    version: str = ""


class _Need(Struct, frozen=True):
    """One of *choices* is needed by a package."""

    by: Package
    choices: tuple[Relation, ...]


@lru_cache(maxsize=4096)
def relations(text: str) -> tuple[tuple[Relation, ...], ...]:
    """Read a field: groups of alternatives."""
    groups = (tuple(_relation(one) for one in group.split("|")) for group in text.split(",") if group.strip())
    return tuple(tuple(relation for relation in group if relation) for group in groups)


def _relation(text: str) -> Relation | None:
    match = _RELATION.match(text.strip())
    return Relation(*(match[name] or "" for name in ("name", "qualifier", "operator", "version"))) if match else None


def closure(names: Sequence[str], lists: Offered, native: str) -> tuple[Package, ...]:
    """Return what is asked for and all that it depends on.

    Args:
        names: ``gcc``, ``rustc-web=1.85.0+dfsg3-1~deb12u3`` or ``libssl-dev:arm64``.
        native: the architecture of the machine.

    Raises:
        ToolMissing: something is not there in a version that fits, or two packages exclude one another.
    """
    machine = _Machine(lists, native)
    for name in names:
        machine.add(machine.find(name))
    machine.settle()
    return tuple(sorted(machine.packages.values(), key=lambda one: (one.name, one.architecture)))


class _Machine:
    """A machine that was empty, and the packages for it."""

    def __init__(self, lists: Offered, native: str) -> None:
        self.lists, self.native = lists, native
        self.packages: dict[tuple[str, str], Package] = {}
        self._provided: dict[str, list[tuple[Package, str]]] = {}
        self._excluded: dict[str, list[tuple[Package, Relation]]] = {}
        self._single: deque[_Need] = deque()
        self._several: deque[_Need] = deque()

    def find(self, text: str) -> Package:
        """Return what a name stands for; one that only is provided stands for its provider."""
        name, _, version = text.partition("=")
        name, _, architecture = name.partition(":")
        relation = Relation(name, architecture or self.native, "=" if version else "", version)
        return self._choose((relation,), self.native, f"{text} is asked for")

    def add(self, package: Package) -> None:
        """Take a package, and remember what it needs, provides and excludes."""
        if (package.name, package.architecture) in self.packages:
            return
        rival = self._rival(package)
        if rival:
            raise ToolMissing(f"{package.name} and {rival.name} of Debian exclude one another", why=_why(package, rival))
        self.packages[package.name, package.architecture] = package
        self._provided.setdefault(package.name, []).append((package, package.version))
        for provided in _names(package.provides):
            self._provided.setdefault(provided.name, []).append((package, provided.version))
        for relation in _names(package.conflicts):
            self._excluded.setdefault(relation.name, []).append((package, relation))
        for choices in relations(package.depends):
            (self._several if len(choices) > 1 else self._single).append(_Need(package, choices))

    def settle(self) -> None:
        """Take what is needed until nothing is."""
        while self._single or self._several:
            need = (self._single or self._several).popleft()
            architecture = self.native if need.by.architecture == ALL else need.by.architecture
            if not any(self._is_served(relation, architecture) for relation in need.choices):
                self.add(self._choose(need.choices, architecture, f"{need.by.name} {need.by.version} depends on it"))

    def _is_served(self, relation: Relation, architecture: str) -> bool:
        return any(
            _matches(package, relation, architecture, self.native) and _in_version(version, relation)
            for package, version in self._provided.get(relation.name, ())
        )

    def _choose(self, choices: Sequence[Relation], architecture: str, reason: str) -> Package:
        rivals: list[str] = []
        for relation in choices:
            for package in self._candidates(relation, architecture):
                rival = self._rival(package)
                if not rival:
                    return package
                rivals.append(_why(package, rival))
        what = " | ".join(_text(relation) for relation in choices)
        versions = sorted({one.version for relation in choices for one in self.lists.packages(relation.name)}, key=version_key)
        offered = f"; there is {', '.join(versions)}" if versions else ""
        raise ToolMissing(f"Debian has no {what} for {architecture}", why=rivals[0] if rivals else f"{reason}{offered}")

    def _candidates(self, relation: Relation, architecture: str) -> Iterator[Package]:
        """Give what would serve: by name, the newest first, of the architecture before others; then by what it provides."""
        yield from self._sort(
            (
                one
                for one in self.lists.packages(relation.name)
                if _matches(one, relation, architecture, self.native) and _in_version(one.version, relation)
            ),
            architecture,
        )
        newest: dict[str, str] = {}
        providers = tuple(self.lists.providers(relation.name))
        for provision in providers:
            newest[provision.package] = max(newest.get(provision.package, ""), provision.package_version, key=version_key)
        names = sorted({one.package for one in providers if _in_version(one.version, relation)})
        yield from self._sort(
            (
                one
                for name in names
                for one in self.lists.packages(name)
                if one.version == newest[name] and _provides(one, relation) and _matches(one, relation, architecture, self.native)
            ),
            architecture,
        )

    def _sort(self, packages: Iterable[Package], architecture: str) -> list[Package]:
        """Sort by how near an architecture is and how important a package, then by name; of one the newest version first."""
        near = {architecture: 0, ALL: 1}
        newest = sorted(packages, key=lambda one: version_key(one.version), reverse=True)
        rank = {one.name: PRIORITIES.get(one.priority, len(PRIORITIES)) for one in reversed(newest)}
        return sorted(newest, key=lambda one: (near.get(one.architecture, 2), rank[one.name], one.name))

    def _rival(self, package: Package) -> Package | None:
        """Return what is taken already and excludes a package, or is excluded by it."""
        offers = [(package.name, package.version), *((provided.name, provided.version) for provided in _names(package.provides))]
        for name, version in offers:
            for other, relation in self._excluded.get(name, ()):
                if other.name != package.name and _in_version(version, relation):
                    return other
        for relation in _names(package.conflicts):
            for other, version in self._provided.get(relation.name, ()):
                if other.name != package.name and _in_version(version, relation):
                    return other
        return None


def _matches(package: Package, relation: Relation, architecture: str, native: str) -> bool:
    """Tell whether a package is of an architecture that serves.

    ==================  =======================================================================
    a relation          is served by a package
    ==================  =======================================================================
    ``name``            of the architecture; ``Multi-Arch: foreign`` of any; ``all`` where the
                        architecture is the machine's, or it is foreign
    ``name:any``        likewise, and ``Multi-Arch: allowed`` of any
    ``name:arm64``      of that, or ``all``
    ==================  =======================================================================
    """
    expected = architecture if relation.qualifier in {"", "any"} else relation.qualifier
    if package.architecture == expected or package.multi == "foreign":
        return True
    if relation.qualifier == "any" and package.multi == "allowed":
        return True
    return package.architecture == ALL and (expected == native or relation.qualifier not in {"", "any"})


def _in_version(version: str, relation: Relation) -> bool:
    """Tell whether a version fits; what provides a name without a version fits no relation that has one."""
    return not relation.operator or (bool(version) and fits(version, relation.operator, relation.version))


def _names(text: str) -> Iterator[Relation]:
    """Give the relations of a field that knows no alternatives."""
    return (relation for group in relations(text) for relation in group)


def _provides(package: Package, relation: Relation) -> bool:
    return any(provided.name == relation.name and _in_version(provided.version, relation) for provided in _names(package.provides))


def _text(relation: Relation) -> str:
    return f"{relation.name} ({relation.operator} {relation.version})" if relation.operator else relation.name


def _why(package: Package, rival: Package) -> str:
    return f"{package.name} {package.version} cannot be beside {rival.name} {rival.version}"
