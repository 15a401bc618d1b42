"""Where the files of CI services find things, and what they install: a crate may lie below its configuration, its workspace and its noxfile."""

from __future__ import annotations

import json

import pytest
from acting import context
from msgspec.structs import replace

from crosstasks.extras.maintenance import scaffold, vendoring
from crosstasks.facts.lock import Lock
from crosstasks.project.manifest import Package
from crosstasks.tasks import ci
from crosstasks.tasks.call import Call
from crosstasks.testing import config, facts, repository

LISTED = {"format": "github", "verb": "build", "packages": True, "prefix": "", "runner": None, "target": None}


@pytest.fixture
def below(tmp_path):
    """A call in services/api of a git repository; the workspace is services, and the configuration stands at the top."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "services" / "api").mkdir(parents=True)

    def below(*, built="services/target", **changes):
        options = replace(config("aarch64", "s390x", **changes), place=str(tmp_path / "crosstasks.toml"))
        packages = tuple(Package(name=name, version="0.1.0", manifest=f"/{name}/Cargo.toml") for name in ("api", "tool"))
        known = repository(root=str(tmp_path / "services"), target_directory=str(tmp_path / built), packages=packages)
        return context(tmp_path, root=tmp_path / "services" / "api", config=options, facts=facts(repository=known, lock=Lock()))

    return below


@pytest.mark.parametrize(("built", "expected"), [("services/target", "services/target"), ("built", "built"), ("/else", "services/target")])
def test_things_lie_where_they_are(built, expected, below, tmp_path):
    """The configuration and its lock at the top, what was built in the workspace's folder; one elsewhere is this machine's alone."""
    top, layout = ci._layout(below(built=built))  # noqa: SLF001 - the file that is written holds it, between much else
    assert (tmp_path, "services/api", "services/api", expected) == (top, layout.folder, layout.sessions, layout.target)
    assert ("crosstasks.toml", "crosstasks.lock") == layout.provision[:2]
    assert {f"{place}rust-toolchain.toml" for place in ("services/api/", "services/", "")} <= set(layout.provision)


def test_keys_of_caches_follow_the_workspace(below, tmp_path):
    """Cargo.lock is the workspace's; the configuration, its lock and the toolchain file may stand further up."""
    keys = [ci._hashes(below())]  # noqa: SLF001 - as above
    for name in ("crosstasks.toml", "crosstasks.lock", "services/rust-toolchain.toml"):
        (tmp_path / name).write_text("x")
        keys.append(ci._hashes(below()))  # noqa: SLF001
    assert ([""] * 4, 4) == ([cargo for _, cargo in keys], len(set(keys)))
    (tmp_path / "services" / "Cargo.lock").write_text("version = 4\n")
    assert keys[-1] != (last := ci._hashes(below()))  # noqa: SLF001
    assert "" != last[1]


def test_a_package_that_is_excluded_has_no_job(below, monkeypatch, capsys):
    """For all targets, or for one; `members` wins."""
    context = below(exclude=("tool",), target={"s390x": {"exclude": ("a*",)}})
    monkeypatch.setattr(Call, "selected", lambda *_: context)
    ci.matrix(Call(context.root, LISTED))
    jobs = json.loads(capsys.readouterr().out)["include"]
    assert [("aarch64", "api"), ("s390x", "tool")] == [(job["alias"], job["package"]) for job in jobs]


def test_a_copy_above_the_noxfile_is_installed(below, monkeypatch, tmp_path):
    """Pip is called at the top, where it lies."""
    copy = tmp_path / "third_party" / "crosstasks"
    copy.mkdir(parents=True)
    for name in ("requirements.txt", vendoring.MANIFEST):
        (copy / name).touch()
    (tmp_path / "services" / "api" / "noxfile.py").touch()
    monkeypatch.setattr(scaffold, "PACKAGE", copy)
    assert ci._install(*ci._layout(below())).endswith(" -r third_party/crosstasks/requirements.txt")  # noqa: SLF001
