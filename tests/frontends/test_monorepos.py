"""Several crates in one repository: sessions with prefixes, collections in a namespace, clashes."""

from __future__ import annotations

import pytest

NOXFILE = """\
import crosstasks.nox

crosstasks.nox.register(root="services/api", prefix="api")
crosstasks.nox.register(root="tools", prefix="tools")
crosstasks.nox.register(root="libs")
"""

TASKS = """\
from invoke.collection import Collection

import crosstasks.invoke

namespace = Collection()
namespace.add_collection(crosstasks.invoke.collection(root="services/api"), name="api")
namespace.add_collection(crosstasks.invoke.collection(root="tools"), name="tools")
"""


@pytest.fixture
def monorepo(tmp_path):
    """Three crates: one with its own configuration, two with the one at the top."""
    top = tmp_path / "top"
    for place in ("services/api", "tools", "libs"):
        (top / place / "src").mkdir(parents=True)
        (top / place / "Cargo.toml").write_text(f'[package]\nname = "{place.rpartition("/")[2]}"\nversion = "0.1.0"\nedition = "2021"\n')
        (top / place / "src" / "main.rs").write_text("fn main() {}\n")
    (top / ".git").mkdir()
    (top / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\n')
    (top / "tools" / "crosstasks.toml").write_text('version = 1\ntargets = ["x86_64", "armv7"]\n')
    (top / "noxfile.py").write_text(NOXFILE)
    (top / "tasks.py").write_text(TASKS)
    return top


def listed(done):
    assert 0 == done.returncode, done.stderr
    return {line.split()[1] for line in done.stdout.splitlines() if line[:2] == "- "}


def test_every_crate_has_sessions_of_its_own(monorepo, run):
    """With the prefix before each name, and the nearest configuration's targets."""
    expected = {f"{prefix}{stem}" for prefix in ("api-", "") for stem in ("cross", "cross-test", "cross-aarch64", "cross-test-aarch64")}
    expected |= {f"tools-{stem}{alias}" for stem in ("cross", "cross-test") for alias in ("", "-x86_64", "-armv7")}
    assert expected == listed(run("nox", "-l", cwd=monorepo))
    assert expected == listed(run("nox", "-l", "-f", "../noxfile.py", cwd=monorepo / "tools"))


@pytest.mark.parametrize("below", [".", "tools", "services/api/src"])
def test_two_collections_share_a_namespace(below, monorepo, run):
    """Each with its own folder, from wherever Invoke is called."""
    done = run("invoke", "tools.tools.clean", cwd=monorepo / below)
    assert (0, f"{monorepo}/tools/target/crosstasks is not there\n") == (done.returncode, done.stdout), done.stderr
    done = run("invoke", "api.tools.clean", cwd=monorepo / below)
    assert f"{monorepo}/services/api/target/crosstasks is not there\n" == done.stdout


@pytest.mark.parametrize(
    ("again", "words"),
    [
        ('crosstasks.nox.register(root="tools", prefix="api")', "there is a session 'api-cross', 'api-cross-test' already"),
        (
            'crosstasks.nox.register(root="services/api")',
            "there is a session 'cross-aarch64', 'cross', 'cross-test-aarch64' and 1 more already",
        ),
        (
            'import nox\n@nox.session(name="y-cross")\ndef own(session): pass\ncrosstasks.nox.register(prefix="y")',
            "'y-cross' already\ndefined in",
        ),
    ],
)
def test_names_that_clash_are_refused(again, words, monorepo, run):
    """With where the first stands, and what keeps them apart."""
    (monorepo / "noxfile.py").write_text(NOXFILE + again + "\n")
    done = run("nox", "-l", cwd=monorepo)
    assert 0 != done.returncode
    assert words in done.stderr
    assert "hint: give register() a `prefix`" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_none_is_named(monorepo, run):
    """Misspelled, it would be looked for upward, and the configuration at the top be found."""
    (monorepo / "noxfile.py").write_text('import crosstasks.nox\ncrosstasks.nox.register(root="tols", prefix="x")\n')
    done = run("nox", "-l", cwd=monorepo)
    assert 0 != done.returncode
    assert "tols is not a folder" in done.stderr
    (monorepo / "tasks.py").write_text('import crosstasks.invoke\nnamespace = crosstasks.invoke.collection(root="tols")\n')
    done = run("invoke", "plan", cwd=monorepo)
    assert 2 == done.returncode
    assert "tols is not a folder" in done.stderr
