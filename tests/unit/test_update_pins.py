"""Pins are renewed from what PyPI lists, and the rest of the file stays as it is written."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import SimpleNamespace

SCRIPT = Path(__file__).parents[2] / ".ci" / "update_pins.py"
spec = importlib.util.spec_from_file_location("update_pins", SCRIPT)
update_pins = importlib.util.module_from_spec(spec)
spec.loader.exec_module(update_pins)

TEXT = """# kept

[cross]
"0.2.5" = { crate = "0.2.5", pypi = "cross-wheels" }  # kept too

[pypi.cross-wheels]
version = "0.2.5"
hashes = [
    "sha256:aa",  # py3-none-win32
]

[pypi.tool]
version = "1.9.0"
hashes = [
    "sha256:bb",  # py3-none-win32
]
"""


def wheel(version, digest, *, tags="py3-none-win32", kind="wheel", yanked=False):
    return SimpleNamespace(
        package_type=kind, version=version, is_yanked=yanked, filename=f"tool-{version}-{tags}.whl", digests={"sha256": digest}
    )


def page(project):
    if project == "cross-wheels":
        return [wheel("0.2.5", "aa"), wheel("0.3.0", "a3")]
    return [
        wheel("1.9.0", "bb"),
        wheel("1.10.0", "c2", tags="py3-none-any"),
        wheel("1.10.0", "c1"),
        wheel("1.10.0", "c3", kind="sdist"),
        wheel("1.11.0", "d1", yanked=True),
        wheel("2.0.0rc1", "e1"),
    ]


def test_the_newest_release_with_all_its_wheels():
    """By number; no source, no pre-release, nothing withdrawn; a flavour of cross keeps the release that it is named for."""
    text, said = update_pins.renewed(TEXT, page)
    assert ["tool 1.9.0 -> 1.10.0, 2 wheels"] == said
    raw = tomllib.loads(text)
    assert {"version": "1.10.0", "hashes": ["sha256:c2", "sha256:c1"]} == raw["pypi"]["tool"]
    assert {"version": "0.2.5", "hashes": ["sha256:aa"]} == raw["pypi"]["cross-wheels"]
    assert "# py3-none-any" in text
    assert text.startswith(TEXT[: TEXT.index("[pypi.tool]")])


def test_what_is_the_newest_stays_as_it_is():
    """Not a byte of the file changes the second time."""
    text, _ = update_pins.renewed(TEXT, page)
    assert (text, []) == update_pins.renewed(text, page)
