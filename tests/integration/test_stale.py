"""What no configuration wants any more is removed, and what one wants stays; in a cache and with a label of the test's own."""

from __future__ import annotations

import subprocess
from uuid import uuid4

import pytest
from filelock import FileLock

from crosstasks import pipeline
from crosstasks.core import errors
from crosstasks.extras.maintenance import cleaning
from crosstasks.testing import AMD64


@pytest.fixture
def label():
    """A label that nothing else carries."""
    return f"crosstasks.test.{uuid4().hex[:12]}"


@pytest.fixture
def image(label, busybox_layer):
    """A small image with the label, under a name of its own."""
    ref = f"crosstasks-test/stale:{uuid4().hex[:12]}"
    argv = ("docker", "import", "--change", f"LABEL {label}=x", "-", ref)
    subprocess.run(argv, input=busybox_layer, check=True, capture_output=True)
    yield ref
    subprocess.run(("docker", "rmi", "--force", ref), check=False, capture_output=True)


@pytest.fixture
def monorepo(tmp_path):
    """Two workspaces and their configurations, in one repository; both are built by cargo-zigbuild."""
    top = tmp_path / "top"
    for place, pin in (("api", "1.85"), ("tools", "1.84")):
        (top / place / "src").mkdir(parents=True)
        (top / place / "Cargo.toml").write_text(f'[package]\nname = "{place}"\nversion = "0.1.0"\nedition = "2021"\n')
        (top / place / "src" / "main.rs").write_text("fn main() {}\n")
        (top / place / "crosstasks.toml").write_text(f'version = 1\ntargets = ["x86_64"]\nbuilder = "zigbuild"\ntoolchain = "{pin}"\n')
    (top / ".git").mkdir()
    return top


@pytest.fixture
def there(tmp_path):
    """A cache with two toolchains that are pinned and one that is not, and an old tool."""
    cache = tmp_path / "cache"
    for release in ("1.85.0", "1.84.1", "1.70.0"):
        folder = cache / "rustup" / "toolchains" / f"{release}-{AMD64}"
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "rustc").write_text("")
        marker = f'{{"version": 1, "release": "{release}", "host": "{AMD64}", "targets": ["{AMD64}"]}}'
        (folder / ".crosstasks.json").write_text(marker)
    (cache / "tools" / "zigbuild-0.1.0-old").mkdir(parents=True)
    (cache / "tools" / "zigbuild-0.1.0-old" / ".complete").write_text("")
    return cache


@pytest.fixture
def clean(monorepo, there, label, environ):
    """Remove what is stale, as seen from one of the workspaces; what was said."""

    def call(folder=monorepo / "api", **more):
        fixed = {"CROSSTASKS_CACHE_DIR": str(there), "CROSSTASKS_TOOLCHAINS": "cache", "CROSSTASKS_TOOLCHAIN": ""}
        return list(cleaning.clean_stale(pipeline.start(folder, environ={**environ, **fixed}, need_config=False), label=label, **more))

    return call


def test_what_every_configuration_wants_stays(clean, there, image):
    """Not only the one of this folder: the other workspace's toolchain is kept as well; the rest goes, with its size."""
    lines = clean()
    assert {f"1.85.0-{AMD64}", f"1.84.1-{AMD64}"} == {path.name for path in (there / "rustup" / "toolchains").iterdir()}
    assert [] == [path.name for path in (there / "tools").iterdir()]
    assert ["1.70.0", "zigbuild-0.1.0-old", image] == [
        next(word for word in ("1.70.0", "zigbuild-0.1.0-old", image) if word in line) for line in lines
    ]
    assert all(line.startswith("removed ") and line[-1] == "B" for line in lines)
    assert ["nothing is stale: plans need everything that is there"] == clean()


def test_a_dry_run_removes_nothing(clean, there, image):
    """It says what would go, and a real one then removes just that."""
    would = clean(dry=True)
    assert [line.replace("would remove ", "removed ") for line in would] == clean()
    assert all(line.startswith("would remove ") for line in would)
    assert image in would[-1]


def test_old_target_folders_go(clean, monorepo):
    """Those of builders and images that no plan names; artifacts stay."""
    built = monorepo / "tools" / "target" / "crosstasks"
    for name in (".cross-0123456789ab/debug", f"{AMD64}/debug", ".other"):
        (built / name).mkdir(parents=True)
    clean()
    assert {".other", AMD64} == {path.name for path in built.iterdir()}


def test_what_is_in_use_stays(clean, there):
    """A lock that somebody holds, and a program that runs from a folder, each named; nothing at all while a build runs."""
    old = there / "rustup" / "toolchains" / f"1.70.0-{AMD64}"
    with FileLock(old.with_name(f".{old.name}.lock")):
        assert f"kept {old}: it is locked" in clean()
    child = subprocess.Popen(("sleep", "300"), cwd=old)
    try:
        assert f"kept {old}: process {child.pid} runs from it" in clean()
    finally:
        child.kill()
        child.wait()
    (there / "runs" / "abc").mkdir(parents=True)
    with pytest.raises(errors.CrosstasksError, match="is in use\na build is running: abc"):
        clean()
    assert old.is_dir()


def test_a_configuration_that_is_wrong_keeps_everything(clean, monorepo, there):
    """It is not known then what it wants."""
    (monorepo / "tools" / "crosstasks.toml").write_text("version = 1\ntargets = [\n")
    with pytest.raises(errors.ConfigError, match="is not valid TOML"):
        clean()
    for place in ("api", "tools"):
        (monorepo / place / "crosstasks.toml").unlink()
    with pytest.raises(errors.ConfigError, match="no configuration in"):
        clean()
    assert 3 == len(list((there / "rustup" / "toolchains").iterdir()))


def test_what_cargo_cannot_read_wants_nothing(clean, monorepo, there, capsys):
    """A package that no workspace has as a member, for a test: it is named, and does not stand in the way."""
    (monorepo / "api" / "tests" / "data").mkdir(parents=True)
    (monorepo / "api" / "tests" / "data" / "Cargo.toml").write_text('[package]\nname = "data"\nversion = "0.1.0"\n')
    with (monorepo / "api" / "Cargo.toml").open("a") as file:
        file.write("[workspace]\n")
    assert 2 == len([line for line in clean() if line.startswith("removed ")])
    assert "data is skipped: " in capsys.readouterr().err


def test_workspaces_are_found_once(monorepo):
    """Members of a workspace, targets, hidden folders and what is no manifest are passed over."""
    for place in ("many/one", "many/target/package/x", ".hidden", "template"):
        (monorepo / place).mkdir(parents=True)
        (monorepo / place / "Cargo.toml").write_text(
            '[package]\nname = "one"\nversion = "0.1.0"\n' if place != "template" else "{{ name }}"
        )
    (monorepo / "many" / "Cargo.toml").write_text('[workspace]\nmembers = ["one"]\n')
    assert [monorepo / "api", monorepo / "many", monorepo / "tools"] == list(cleaning.workspaces(monorepo))
