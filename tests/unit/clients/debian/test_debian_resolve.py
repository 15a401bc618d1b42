"""What an empty machine needs: the rows are of Debian Policy, chapter 7."""

import pytest

from crosstasks.clients.debian.index import Package, Provision
from crosstasks.clients.debian.resolve import closure, relations
from crosstasks.core.errors import ToolMissing


class Lists:
    """Packages given as ``name``, or ``name=version:architecture``, with their fields."""

    def __init__(self, **packages):
        """Read the names."""
        self.all = [_stanza(text, fields) for text, fields in packages.items()]

    def packages(self, name):
        return [one for one in self.all if one.name == name]

    def providers(self, name):
        for one in self.all:
            for group in relations(one.provides):
                for provided in group:
                    if provided.name == name:
                        yield Provision(one.name, one.version, provided.version)


def _stanza(text, fields):
    name, _, rest = text.partition("=")
    version, _, architecture = rest.partition("@")
    known = {"url": "", "size": 0, "digest": "", "file": ""} | ({"depends": fields} if isinstance(fields, str) else fields)
    return Package(name=name, version=version or "1", architecture=architecture or "amd64", **known)


def names(asked, native="amd64", **packages):
    """Return what is taken, ``name`` or ``name=version``, with the architecture if it is not the machine's."""
    taken = closure(asked.split(), Lists(**packages), native)
    return " ".join(
        f"{one.name}{'' if one.version == '1' else f'={one.version}'}{'' if one.architecture == native else f':{one.architecture}'}"
        for one in taken
    )


ROWS = {
    "all that is depended on comes along, once": ("a", {"a": "b, c", "b": "c", "c": "a"}, "a b c"),
    "of alternatives the first that there is": ("a", {"a": "x | b | c", "b": "", "c": ""}, "a b"),
    "an alternative that is there already serves": ("a c", {"a": "b | c", "b": "", "c": ""}, "a c"),
    "and one that only comes along later": ("a", {"a": "b | c, d", "b": "", "c": "", "d": "c"}, "a c d"),
    "the newest version is taken": ("a", {"a=1": "", "a=2": "", "a=1.5": ""}, "a=2"),
    "unless another is asked for": ("a=1.5", {"a=1": "", "a=2": "", "a=1.5": ""}, "a=1.5"),
    "or depended on": ("a", {"a": "b (<< 2)", "b=1.9": "", "b=2": ""}, "a b=1.9"),
    "what is there serves only in a version that fits": (
        "a b",
        {"a": "c (>= 2) | d", "b": "c (<< 2)", "c=1.5": "", "d": ""},
        "a b c=1.5 d",
    ),
    "a name that is only provided": ("a", {"a": "awk", "mawk": {"provides": "awk"}}, "a mawk"),
    "a package before one that provides its name": ("a", {"a": "x", "x": "", "b": {"provides": "x"}}, "a x"),
    "a provider that is there already serves": ("b a", {"a": "x", "x": "", "b": {"provides": "x"}}, "a b"),
    "what is provided without a version fits none": ("a", {"a": "x (>= 1) | c", "b": {"provides": "x"}, "c": ""}, "a c"),
    "what is provided in one may fit": ("a", {"a": "x (>= 1) | c", "b": {"provides": "x (= 1.2)"}, "c": ""}, "a b"),
    "of providers the first by name": ("a", {"a": "x", "c": {"provides": "x"}, "b": {"provides": "x"}}, "a b"),
    "or the one that systems have": ("a", {"a": "x", "c": {"provides": "x", "priority": "required"}, "b": {"provides": "x"}}, "a c"),
    "a provided name may be asked for": ("x", {"b": {"provides": "x"}}, "b"),
    "an alternative that is excluded is passed over": ("a d", {"a": "b | c", "b": {"conflicts": "d"}, "c": "", "d": ""}, "a c d"),
    "a package may replace what it provides itself": ("a", {"a": {"conflicts": "x", "provides": "x"}}, "a"),
    "a foreign library": ("a:arm64", {"a@arm64": "b", "a=1@arm64": "b", "b=1@arm64": "", "b=2": ""}, "a:arm64 b:arm64"),
    "a program of any architecture serves": ("a:arm64", {"a=1@arm64": "b", "b": {"multi": "foreign"}}, "a:arm64 b"),
    "the own architecture's rather than another's": (
        "a:arm64",
        {"a=1@arm64": "b", "b=1@arm64": {"multi": "foreign"}, "b": {"multi": "foreign"}},
        "a:arm64 b:arm64",
    ),
    "any, where the package allows it": ("a:arm64", {"a=1@arm64": "b:any", "b": {"multi": "allowed"}}, "a:arm64 b"),
    "what is for all is for the machine": ("a", {"a": "b", "b=1@all": "c", "c": ""}, "a b:all c"),
}


@pytest.mark.parametrize(("asked", "packages", "expected"), ROWS.values(), ids=ROWS)
def test_what_is_needed_is_taken(asked, packages, expected):
    """And nothing else."""
    assert names(asked, **{_whole(name): fields for name, fields in packages.items()}) == expected


def _whole(name):
    """``a@arm64`` is written for ``a=1@arm64``."""
    return name if "=" in name or "@" not in name else name.replace("@", "=1@")


REFUSED = {
    "a package that there is not": ("x", {}, "Debian has no x for amd64", "x is asked for"),
    "a version that there is not": ("a=3", {"a=1": "", "a=2": ""}, "Debian has no a (= 3) for amd64", "a=3 is asked for; there is 1, 2"),
    "what is depended on": ("a", {"a": "b (>= 2) | c", "b": ""}, "Debian has no b (>= 2) | c for amd64", "a 1 depends on it; there is 1"),
    "two that exclude one another": ("a b", {"a": {"conflicts": "b"}, "b": ""}, "Debian has no b for amd64", "b 1 cannot be beside a 1"),
    "a program of an architecture that does not serve": (
        "a:arm64",
        {"a=1@arm64": "b:any", "b": {"multi": "same"}},
        "Debian has no b for arm64",
        "a 1 depends on it; there is 1",
    ),
}


@pytest.mark.parametrize(("asked", "packages", "what", "why"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(asked, packages, what, why):
    """With who wants it, and what there is."""
    with pytest.raises(ToolMissing) as caught:
        names(asked, **packages)
    assert (caught.value.what, caught.value.why) == (what, why)


def test_the_order_of_lists_does_not_matter():
    """Two hosts that read them otherwise take the same."""
    packages = {"a": "x | y, c", "b": {"provides": "x"}, "d": {"provides": "x"}, "c=1": "", "c=2": "y", "y": ""}
    assert names("a", **packages) == names("a", **dict(reversed(packages.items()))) == "a c=2 y"
