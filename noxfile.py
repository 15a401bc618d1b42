# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "nox>=2025.10.16", "invoke>=3", "docker>=7.2", "filelock>=3.16", "msgspec>=0.19", "oras>=0.2.30", "platformdirs>=4.3",
#     "pyelftools>=0.31", "rich>=13.9", "semver>=3.0.2", "tomlkit>=0.13.2",
# ]
# ///
"""Our own use of crosstasks: ``nox -s cross-aarch64`` builds the example, ``nox -s tests`` passes the tests."""

from __future__ import annotations

import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # the nox command does not put the noxfile's folder there

import crosstasks.nox  # noqa: E402

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["tests"]

crosstasks.nox.register(root=ROOT / "examples" / "hello")


def _tested(session: nox.Session, *arguments: str) -> None:
    """Install the package as its users do, with the tools for testing, and run pytest."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test"))
    session.run("pytest", f"--basetemp={session.create_tmp()}/pytest", *arguments, *session.posargs)


@nox.session(python=False, requires=["unit", "integration"])
def tests(session: nox.Session) -> None:
    """All tests: unit, then integration; the engine is required."""
    del session


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests of values and of the front ends: no engine, seconds."""
    _tested(session, "tests/unit", "tests/frontends", "-n", "2")


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests with the real engine, cross, QEMU and registries; it fails where one of them is missing."""
    _tested(session, "tests/integration", "tests/faults/test_signals.py", "-x")


@nox.session
def faults(session: nox.Session) -> None:
    """Run the tests that break things on purpose: registries, disks, clocks, a second engine, kill -9; root, some minutes."""
    _tested(session, "tests/faults")


@nox.session
def lint(session: nox.Session) -> None:
    """Lint, format check and types."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint", "test"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("interrogate", "crosstasks")


if __name__ == "__main__":
    nox.main()
