# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "nox>=2025.10.16", "invoke>=3", "docker>=7.2", "filelock>=3.16", "isal>=1.7", "msgspec>=0.19", "platformdirs>=4.3",
#     "pyelftools>=0.31", "pysequoia>=0.1.35", "rich>=13.9", "semver>=3.0.2", "tomlkit>=0.13.2",
# ]
# ///
"""Our own use of crosstasks: ``nox -s cross-aarch64`` builds the example, ``nox -s tests`` passes the tests."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # the nox command does not put the noxfile's folder there

import crosstasks.nox  # noqa: E402

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["tests"]

crosstasks.nox.register(root=ROOT / "examples" / "hello")


ARM64 = "tests/integration/test_arm64.py"
WORKSPACES = "tests/integration/test_real_workspaces.py"
IMAGES = "tests/integration/test_every_image.py"
SHORT = ("-m", "not long")
HOSTS = ("tests/integration/test_user_lands.py", "tests/integration/test_names_that_ignore_case.py")
HOURS = tuple(f"--ignore={path}" for path in (WORKSPACES, IMAGES, *HOSTS))
"""What sessions of their own run."""
SIDE_BY_SIDE = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
"""Much of these tests is waiting, for the engine and for time limits: three workers keep two processors busy."""
UNIT = ("tests/unit", "tests/frontends", "-n", "3", "--dist", "worksteal", "-p", "randomly")


CORE = ("core", "catalog", "config", "project", "facts", "planning", "clients", "provisioning", "building", "verifying", "reporting")
"""The folders that unit tests must reach nearly all of."""


def _tested(session: nox.Session, *arguments: str) -> None:
    """Install the package as its users do, with the tools for testing, and run pytest."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test"))
    session.run("pytest", *arguments, *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests: unit, then integration, the routes of an arm64 engine, faults and attacks side by side; the engine is required."""
    _tested(session, *UNIT)
    session.run("pytest", "tests/integration", "tests/faults", "tests/attacks", "-x", *SHORT, *HOURS, *SIDE_BY_SIDE, *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Run the tests of values and of the front ends, in random order: no engine, seconds; -- --changed takes those of what changed."""
    _tested(session, *UNIT)


@nox.session
def coverage(session: nox.Session) -> None:
    """Measure the lines and branches of the core that unit tests reach, in .coverage; less than 90 % fails."""
    # in one process: in workers, modules that conftest.py imports would be loaded before the measurement; what it leaves open is its own
    measured = ("--cov=crosstasks", "--cov-branch", "--cov-context=test", "--cov-report=")
    _tested(session, "tests/unit", "-p", "no:xdist", "-W", "ignore::pytest.PytestUnraisableExceptionWarning", *measured)
    included = ",".join(f"crosstasks/{folder}/*" for folder in CORE)
    session.run("coverage", "report", "--include", included, "--fail-under=90", "--skip-covered")


@nox.session(requires=["coverage"])
def mutants(session: nox.Session) -> None:
    """Change one thing at a time in what decides, 300 times, and see whether a unit test notices; less than 90 % fails. Some minutes."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "test"))
    session.run("python", ".ci/mutants.py", *session.posargs)


@nox.session
def integration(session: nox.Session) -> None:
    """Run the tests with the real engine, cross, QEMU and registries; it fails where one of them is missing."""
    _tested(session, "tests/integration", "tests/faults/test_signals.py", "-x", *SHORT, *HOURS, f"--ignore={ARM64}", *SIDE_BY_SIDE)


@nox.session
def long(session: nox.Session) -> None:
    """Run the tests with the real engine that take minutes each: targets beyond Linux, channels, verbs, a whole tutorial; an hour."""
    _tested(session, "tests/integration", "-m", "long")


@nox.session
def workspaces(session: nox.Session) -> None:
    """Build workspaces that others wrote, from the crates registry: some minutes, with the real engine."""
    _tested(session, WORKSPACES)


@nox.session
def images(session: nox.Session) -> None:
    """Build the images of ten targets for engines of both architectures, and the example in each: hours where arm64 is emulated."""
    _tested(session, IMAGES)


def _kept(session: nox.Session, name: str) -> None:
    """Run one of the long runs, which go on where they were ended, and write the pages that show what they keep."""
    session.install("-e", ".")
    session.run("python", f"benchmarks/{name}.py", *session.posargs)
    session.run("python", "docs/generate/reference.py")


@nox.session(name="every-target")
def every_target(session: nox.Session) -> None:
    """Build and test a crate for every target with each builder, with an engine and without: hours; docs/targets.md has what came of it."""
    _kept(session, "every_target")


@nox.session(name="real-crates")
def real_crates(session: nox.Session) -> None:
    """Build ripgrep, bat, OpenSSL and SQLite for five targets, and run what can be run: an hour; docs/real-crates.md has it."""
    _kept(session, "real_crates")


@nox.session(name="c-libraries")
def c_libraries(session: nox.Session) -> None:
    """Build what links C libraries without them, and with the packages that the error names: half an hour; docs/real-crates.md."""
    _kept(session, "c_libraries")


@nox.session
def caches(session: nox.Session) -> None:
    """Build crates that want a certain Rust from an empty cache and a full one, on each engine: hours; docs/real-crates.md has it."""
    _kept(session, "caches")


@nox.session
def hosts(session: nox.Session) -> None:
    """Go the whole way on user lands that are not Debian's, and on a file system that ignores case: root, many minutes."""
    _tested(session, *HOSTS, "-x", "-s")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the distributions into dist/, look at what is in them, and test the wheel, away from the sources."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "wheel", "test"))
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", "dist")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
    session.run("check-wheel-contents", *map(str, Path("dist").glob("*.whl")))
    session.install(*map(str, Path("dist").glob("*.whl")))
    away = Path(session.create_tmp(), "away")
    shutil.rmtree(away, ignore_errors=True)
    for name in ("tests", "examples", ".github"):
        shutil.copytree(name, away / name, ignore=shutil.ignore_patterns("target", "__pycache__"))
    shutil.copy("pyproject.toml", away)
    session.chdir(away)
    # the one left out copies the sources
    session.run("pytest", "tests/frontends", "-n", "2", "--deselect", "tests/frontends/test_nox.py::test_a_copy_under_another_name_works")


@nox.session
def renew(session: nox.Session) -> None:
    """Write anew what is made from the code: the schemas, the pages of options, tasks, targets and remedies, the list of tests."""
    session.install("-e", ".")
    for module in ("config_schema", "report_schema", "reference", "remedies_page", "proofs"):
        session.run("python", f"docs/generate/{module}.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site of the documentation into site/; a broken link or an unknown page is an error."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "docs"))
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "docs", "site", *session.posargs)


@nox.session
def pictures(session: nox.Session) -> None:
    """Draw docs/pictures anew from what the program prints, with one build of the example; and the benchmarks from their kept results."""
    session.install("-e", ".")
    session.run("python", "docs/pictures.py")
    session.run("python", "benchmarks/run.py", "--draw")


@nox.session
def arm64(session: nox.Session) -> None:
    """Build along every route of an engine that says arm64; arm64 programs are run by QEMU, so this takes some minutes."""
    _tested(session, ARM64, "-x", *SHORT)


@nox.session
def faults(session: nox.Session) -> None:
    """Run the tests that break things on purpose: registries, disks, clocks, a second engine, kill -9; root, some minutes."""
    _tested(session, "tests/faults", "-x", "--ignore=tests/faults/test_signals.py", *SIDE_BY_SIDE)


@nox.session
def attacks(session: nox.Session) -> None:
    """Run hostile crates, configurations, registries and engines against crosstasks, with the real engine: some minutes."""
    _tested(session, "tests/attacks", "-x", *SIDE_BY_SIDE)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Give every parser of foreign text broken texts, for five minutes in all; the last result is in docs/security.md."""
    session.env["FUZZ_SECONDS"] = "300"
    _tested(session, "tests/attacks/test_fuzz.py")


NAMED = "not leave_the_container and not host_is_said"
"""Where the engine is named, as Podman is there, nothing is built on the host at all."""


@nox.session(name="attacks-podman")
def attacks_podman(session: nox.Session) -> None:
    """Run the hostile crates against containers of Debian's podman, as root and rootless; the last result is in docs/security.md."""
    for kind in ("podman", "podman-rootless"):
        session.env["ATTACKS_ENGINE"] = kind
        _tested(session, *(f"tests/attacks/test_{name}.py" for name in ("leaving", "staying", "isolation")), "-k", NAMED)


@nox.session
def lint(session: nox.Session) -> None:
    """Lint, format check, types, spelling and style."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint", "test"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("interrogate", "crosstasks")
    session.run("codespell")
    pages = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("crosstasks/**/*.py"),
        ROOT / "crosstasks" / "catalog" / "remedies.toml",
    ]
    session.run("proselint", "check", "--config", ".ci/proselint.json", *map(str, pages))
    session.run("vulture")
    session.run("python", "docs/generate/proofs.py", "--check")


@nox.session
def dead(session: nox.Session) -> None:
    """Name code that nothing but a test uses; what others call by its name is allowed in pyproject.toml, with the reason. Part of lint."""
    session.install(*nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint"))
    session.run("vulture", *session.posargs)


@nox.session
def typing(session: nox.Session) -> None:
    """Type-check code that uses the public API, as its users would."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "lint"))
    session.run("mypy", "--strict", "tests/typing")


@nox.session(name="update-pins", default=False)
def update_pins(session: nox.Session) -> None:
    """Renew crosstasks/catalog/pins.toml from PyPI; with --check only tell what is newer."""
    session.install("-e", ".", *nox.project.dependency_groups(nox.project.load_toml("pyproject.toml"), "pins"))
    session.run("python", ".ci/update_pins.py", *session.posargs)


if __name__ == "__main__":
    nox.main()
