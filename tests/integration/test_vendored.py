"""A copy in another repository builds for real: in a fresh environment with only the libraries it names, and nothing of ours on the path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAD = """\
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "third_party" / "python"))

"""


@pytest.fixture(scope="module")
def host(tmp_path_factory, environ):
    """A repository with a copy under another name, as `vendor` says it must be set up."""
    top = tmp_path_factory.mktemp("host")
    (top / "src").mkdir()
    (top / "Cargo.toml").write_text('[package]\nname = "small"\nversion = "0.1.0"\nedition = "2021"\n')
    (top / "src" / "main.rs").write_text('fn main() { println!("{}", std::env::consts::ARCH); }\n')
    (top / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]\n')
    subprocess.run(("git", "init", "-q", str(top)), check=True)
    argv = (sys.executable, "-m", "crosstasks", "vendor", "--into", "third_party/python/xt")
    told = subprocess.run(argv, cwd=top, env=environ, check=True, capture_output=True, text=True).stdout
    script = told[told.index("# /// script") :]
    header = script[: script.index("# ///\n") + len("# ///\n")]
    (top / "noxfile.py").write_text(f"{header}{HEAD}import xt.nox\n\nxt.nox.register()\n")
    (top / "tasks.py").write_text(f"{HEAD}import xt.invoke\n\nnamespace = xt.invoke.collection()\n")
    return top


@pytest.fixture(scope="module")
def fresh(host, environ, tmp_path_factory):
    """A fresh environment with the libraries that the copy names: a program of it, arguments, the folder."""
    folder = tmp_path_factory.mktemp("environment")
    python = str(folder / "bin" / "python")
    subprocess.run((sys.executable, "-m", "venv", str(folder)), check=True)
    subprocess.run((python, "-m", "pip", "install", "-q", "-r", "third_party/python/xt/requirements.txt"), cwd=host, check=True)
    changed = {key: value for key, value in environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    changed["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"

    def call(*argv, cwd=host):
        return subprocess.run((str(folder / "bin" / argv[0]), *argv[1:]), cwd=cwd, env=changed, capture_output=True, text=True, check=False)

    return call


def test_our_package_is_not_there(fresh):
    """What follows uses the copy."""
    assert "No module named 'crosstasks'" in fresh("python", "-c", "import crosstasks").stderr


@pytest.mark.parametrize(
    "argv",
    [
        ("nox", "-s", "cross-aarch64"),
        ("python", "-m", "nox", "-s", "cross-aarch64"),
        ("invoke", "build", "--target", "aarch64"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("below", [".", "src"])
def test_a_copy_builds_for_real(argv, below, fresh, host):
    """Nox as command and as module, and Invoke, from the top and from a subfolder, leave an arm64 program."""
    from crosstasks.verifying.verify import inspect

    program = host / "target" / "crosstasks" / "aarch64-unknown-linux-gnu" / "debug" / "small"
    program.unlink(missing_ok=True)
    more = ("-f", "../noxfile.py") if below == "src" and "nox" in argv else ()
    done = fresh(*argv, *more, cwd=host / below)
    assert 0 == done.returncode, done.stderr
    assert "EM_AARCH64" == inspect(program).machine
