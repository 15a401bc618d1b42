"""A copy of the package: its manifest, its differences, what its repository is told."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

import crosstasks
from crosstasks import parts
from crosstasks.core.errors import ConfigError
from crosstasks.extras.maintenance import vendoring

PACKAGE = Path(crosstasks.__file__).parent
ROOT = PACKAGE.parent

FILES = {"__init__.py": b"a\nb\n", "data/rows.toml": b"x = 1\n"}


def hashes(files=FILES):
    return vendoring.read_manifest(vendoring.manifest("1.2.3", files).encode(), "vendored.json").files


def test_a_manifest_is_read_as_it_was_written():
    """The version, and a hash for every file."""
    found = vendoring.read_manifest(vendoring.manifest("1.2.3", FILES).encode(), "vendored.json")
    assert ("1.2.3", FILES.keys()) == (found.version, found.files.keys())


def test_a_manifest_names_the_parts():
    """One that was written before there were any stands for all of them."""
    found = vendoring.read_manifest(vendoring.manifest("1.2.3", FILES, ("release", "ci")).encode(), "vendored.json")
    assert ("ci", "release") == found.parts
    assert tuple(parts.PARTS) == vendoring.read_manifest(b'{"version": "1", "files": {}}', "vendored.json").parts


def test_newlines_are_no_difference():
    """A checkout with CRLF is the same copy, in the hashes and in the diff."""
    windows = {path: content.replace(b"\n", b"\r\n") for path, content in FILES.items()}
    assert not vendoring.compare(hashes(), windows)
    assert "" == vendoring.unified_diff(FILES, windows)


def test_every_kind_of_change_is_named():
    """Changed, added and missing files, each by its path."""
    found = vendoring.compare(hashes(), {"__init__.py": b"a\nc\n", "own.py": b""})
    assert ["changed: __init__.py", "added: own.py", "missing: data/rows.toml"] == list(found)


def test_the_difference_is_a_patch():
    """A unified diff, with what is new and what is gone against nothing, and the end of a file without a newline marked."""
    shown = vendoring.unified_diff(FILES, {"__init__.py": b"a\nc", "own.py": b"d\n"})
    assert "--- a/__init__.py\n+++ b/__init__.py\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n" in shown
    assert "--- a/data/rows.toml\n+++ /dev/null\n" in shown
    assert "--- /dev/null\n+++ b/own.py\n" in shown


@pytest.mark.parametrize("path", ["../own.py", "/etc/passwd", "a/../../b", "C:\\x", "..\\x"])
def test_paths_outside_are_refused(path):
    """A manifest that names something outside its folder is none."""
    with pytest.raises(ConfigError, match="outside its folder"):
        vendoring.read_manifest(vendoring.manifest("1", {path: b""}).encode(), "vendored.json")


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"version": 1}', b'{"version": "1", "files": {"a": 1}}', b'{"version": 1, "files": {}}', b"\xff"]
)
def test_what_is_no_manifest_is_refused(text):
    """With the file named."""
    with pytest.raises(ConfigError, match=r"vendored\.json is no manifest"):
        vendoring.read_manifest(text, "vendored.json")


@pytest.mark.parametrize(
    ("copy", "line", "module"),
    [
        ("third_party/crosstasks", 'parent / "third_party"))', "import crosstasks.nox"),
        ("build/py/xt", 'parent / "build" / "py"))', "import xt.nox"),
        ("crosstasks", ".parent))", "import crosstasks.nox"),
    ],
)
def test_the_repository_is_told_what_it_needs(copy, line, module):
    """The path, the module's name, the libraries, and what formatters leave alone."""
    told = vendoring.needs(copy, "nox>=1\ninvoke>=3\n")
    assert all(word in told for word in (line, module, '#     "nox>=1",', f'extend-exclude = ["{copy}"]', f"{copy}/** linguist-vendored"))


def test_the_libraries_are_named_once():
    """requirements.txt, which a copy takes along, says what pyproject.toml and our own noxfile say."""
    listed = [row.text for row in parts.requirements((PACKAGE / "requirements.txt").read_text())]
    assert sorted(listed) == sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    header = "".join(line[2:] for line in (ROOT / "noxfile.py").read_text().partition("# ///\n")[0].splitlines(keepends=True)[1:])
    assert sorted(listed) == sorted(tomllib.loads(header)["dependencies"])


def test_a_copy_is_told_the_libraries_of_its_parts():
    """The core's, and those that a line names one of its parts for."""
    text = "nox>=1\nsemver>=3  # release\ntomlkit>=0.13  # release, offline\n"
    assert "nox>=1\n" == vendoring.requirements(text, ())
    assert "nox>=1\ntomlkit>=0.13  # release, offline\n" == vendoring.requirements(text, ("offline", "ci"))
    assert "semver" not in vendoring.needs("third_party/crosstasks", vendoring.requirements(text, ()))


def test_a_part_that_is_unknown_is_refused():
    """With those that there are."""
    with pytest.raises(ConfigError, match="no part is called 'bundles'") as raised:
        vendoring.original(("bundles",))
    assert "release, offline, ci, testing" in raised.value.hint


def test_the_package_can_lie_anywhere():
    """No module asks for what only an installed package has."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            assert not [
                name for name in names if name.startswith(("importlib.metadata", "importlib.resources", "pkg_resources", "crosstasks"))
            ], path


def test_parts_are_named_as_they_are_typed():
    """With commas, spaces or both between them, as other lists of words are."""
    assert (
        ("release", "ci") == vendoring.part_names("release, ci") == vendoring.part_names("release,ci") == vendoring.part_names("release ci")
    )
    assert () == vendoring.part_names("")
