"""The task ``vendor``: copies that are made, checked and renewed, and used under other names without being installed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import crosstasks

PACKAGE = Path(crosstasks.__file__).parent

WATCHED = """
import sys
before = set(sys.modules)
sys.path.insert(0, "lib/py")
import xt.nox
xt.nox.register()
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))
print(*sorted(name for name in sys.modules if name.startswith("xt")))
"""


@pytest.fixture
def vendor(run, repository):
    """The program's ``vendor``, in the repository, which git knows."""
    (repository / ".git").mkdir()

    def call(*arguments, cwd=repository, **env):
        return run("crosstasks", "vendor", *arguments, cwd=cwd, **env)

    return call


@pytest.fixture
def copy(vendor, repository):
    """A copy under another name."""
    done = vendor("--into", "lib/py/xt")
    assert 0 == done.returncode, done.stderr
    return repository / "lib" / "py" / "xt"


@pytest.fixture
def alone(repository, copy):
    """Python without our package: a program, its arguments, a folder of the repository."""
    bare = "import xt.nox\nxt.nox.register()\n"
    (repository / "noxfile.py").write_text(
        f"import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent / 'lib' / 'py'))\n{bare}"
    )
    (repository / "tasks.py").write_text(
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, str(Path(__file__).parent / 'lib' / 'py'))\n"
        "import xt.invoke\nnamespace = xt.invoke.collection()\n"
    )

    def call(*argv, cwd=repository):
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(repository.parent), "NOX_SCRIPT_MODE": "none", "NO_COLOR": "1"}
        return subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, text=True, check=False)

    return call


def test_a_copy_has_all_files_the_licence_and_its_manifest(copy):
    """Byte for byte but for the list of libraries, without the parts that nobody asked for, and with nothing that Python left in the folder."""
    without = (
        "extras/release/",
        "extras/packaging/",
        "extras/offline/",
        "extras/ci/",
        "tasks/release.py",
        "tasks/offline.py",
        "tasks/ci.py",
        "verifying/smoke.py",
        "reporting/plan.schema.json",
        "reporting/report.schema.json",
        "testing.py",
    )
    ours = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    ours = {path for path in ours if not path.startswith(without)}
    theirs = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert ours | {"LICENSE", "vendored.json"} == theirs
    assert all((PACKAGE / path).read_bytes() == (copy / path).read_bytes() for path in ours - {"requirements.txt"})
    assert (PACKAGE.parent / "LICENSE").read_bytes() == (copy / "LICENSE").read_bytes()
    made = json.loads((copy / "vendored.json").read_text())
    assert (crosstasks.__version__, []) == (made["version"], made["parts"])
    assert not {"rich", "semver", "tomlkit"} & {line.partition(">=")[0] for line in (copy / "requirements.txt").read_text().splitlines()}


def test_a_copy_is_small(copy):
    """Less than 1.1 MB in at most 160 files: what a reviewer can look through."""
    files = [path for path in copy.rglob("*") if path.is_file()]
    assert len(files) <= 160
    assert sum(path.stat().st_size for path in files) <= 1_100_000


def test_a_copy_imports_little(copy, repository, alone):
    """To list sessions for the first time it needs msgspec, nox and the name of the cache folder, and a dozen modules of its own."""
    done = alone(sys.executable, "-c", WATCHED)
    assert 0 == done.returncode, done.stderr
    libraries, modules = done.stdout.splitlines()
    expected = (
        "xt building building.arguments catalog catalog.machines catalog.targets config config.configuration config.documents config.options "
        "config.read config.session_cache core core.about core.cache core.errors core.files core.looking core.steps core.toml_file nox parts"
    )
    assert {"msgspec", "nox", "xt"} <= set(libraries.split())
    assert not set(libraries.split()) & {"docker", "elftools", "invoke", "requests", "rich", "semver", "tomlkit"}
    assert {name.removeprefix("xt.") for name in modules.split()} <= set(expected.split())


@pytest.mark.parametrize("below", [".", "src"])
def test_a_copy_serves_nox_and_invoke_without_being_installed(below, alone, repository):
    """As command and as module, from the top and from a subfolder, with our package nowhere on the path."""
    bin_ = Path(sys.executable).parent
    noxfile = ("-f", str(repository / "noxfile.py")) if below != "." else ()
    for nox in ((str(bin_ / "nox"),), (sys.executable, "-m", "nox")):
        done = alone(*nox, *noxfile, "-l", cwd=repository / below)
        assert 0 == done.returncode, done.stderr
        assert "cross-aarch64" in done.stdout
    done = alone(str(bin_ / "invoke"), "tools.targets", "--format", "json", cwd=repository / below)
    assert 0 == done.returncode, done.stderr
    assert json.loads(done.stdout)["targets"]


def test_a_copy_has_the_tasks_of_its_parts_and_no_other(copy, alone, vendor, repository):
    """Without releases, bundles and CI there are none of these tasks, nor options that need them; `--update --with` adds a part."""
    invoke = str(Path(sys.executable).parent / "invoke")
    listed = alone(invoke, "--list").stdout
    assert ("build" in listed, [word for word in ("release.", "offline.", "ci.") if f"  {word}" in listed]) == (True, [])
    assert "changed-since" not in alone(invoke, "build", "--help").stdout
    assert "offline.bundle" not in alone(invoke, "tools.provision", "--help").stdout
    done = vendor("--into", "lib/py/xt", "--update", "--with", "release,ci")
    assert 0 == done.returncode, done.stderr
    listed = alone(invoke, "--list").stdout
    assert {"release.": True, "offline.": False, "ci.": True} == {word: f"  {word}" in listed for word in ("release.", "offline.", "ci.")}
    assert "semver>=3.0.2  # release\n" in (copy / "requirements.txt").read_text()
    assert 0 == vendor("--into", "lib/py/xt", "--check").returncode
    assert "already" in vendor("--into", "lib/py/xt", "--update").stdout


@pytest.mark.parametrize(
    "argv", [("-m", "nox", "-l"), ("-m", "nox", "-s", "cross-aarch64"), ("-m", "invoke", "--list"), ("-m", "xt", "plan")]
)
def test_a_copy_without_its_libraries_says_in_one_sentence_what_to_install(argv, copy, alone, repository):
    """And ends with the command; no traceback, whatever is called. Sessions that are known are listed all the same."""
    nox = ("env", f"PYTHONPATH={copy.parent}", sys.executable, "-m", "nox")
    known = "-s" in argv and alone(*nox, "-l")
    hide = "import importlib.util, sys\nsys.modules['docker'] = None\nfind = importlib.util.find_spec\n"
    hide += "importlib.util.find_spec = lambda name, *rest: None if name == 'docker' else find(name, *rest)\n"
    (copy.parent / "sitecustomize.py").write_text(hide)
    assert not known or (0, known.stdout) == ((again := alone(*nox, "-l")).returncode, again.stdout)
    done = alone("env", f"PYTHONPATH={copy.parent}", sys.executable, *argv)
    said = (
        f"error: crosstasks needs docker, which {sys.executable} does not have: {sys.executable} -m pip install -r {copy}/requirements.txt"
    )
    assert (True, [said]) == (done.returncode != 0, [line for line in done.stderr.splitlines() if not line.startswith("nox >")])


def test_a_copy_is_made_by_python_alone(vendor, repository):
    """Of a checkout or an unpacked wheel, with no library installed."""
    (repository / ".git").mkdir(exist_ok=True)
    words = ["crosstasks", "vendor", "--into", "third_party/crosstasks", "--with", "ci"]
    program = f"import runpy, sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); sys.argv = {words}; runpy.run_module('crosstasks', run_name='__main__')"
    bare = (sys.executable, "-I", "-S", "-c", program)
    done = subprocess.run(bare, cwd=repository, capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert "python -m pip install -r third_party/crosstasks/requirements.txt" in done.stdout
    assert ["ci"] == json.loads((repository / "third_party" / "crosstasks" / "vendored.json").read_text())["parts"]
    assert 0 == vendor("--into", "third_party/crosstasks", "--check").returncode


def test_check_passes_after_a_checkout_with_other_newlines(copy, vendor):
    """CRLF, as git makes it on Windows, is no drift."""
    for path in copy.rglob("*.py"):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    done = vendor("--into", "lib/py/xt", "--check")
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_check_shows_drift(copy, vendor):
    """A changed, a new and a missing file fail, with a patch on standard output."""
    with (copy / "invoke.py").open("a") as file:
        file.write("# ours\n")
    (copy / "own.py").write_text("own = 1\n")
    (copy / "LICENSE").unlink()
    done = vendor("--into", "lib/py/xt", "--check")
    assert 1 == done.returncode
    assert "--- a/lib/py/xt/invoke.py\n+++ b/lib/py/xt/invoke.py\n" in done.stdout
    assert "+# ours\n" in done.stdout
    assert "--- /dev/null\n+++ b/lib/py/xt/own.py\n" in done.stdout
    assert "changed: invoke.py\nadded: own.py\nmissing: LICENSE\n" in done.stderr


def test_check_shows_drift_that_the_manifest_hides(copy, vendor):
    """A changed file with its new hash in the manifest is still not this package."""
    with (copy / "invoke.py").open("a") as file:
        file.write("# ours\n")
    from crosstasks.extras.maintenance import vendoring

    (copy / "vendored.json").write_text(vendoring.manifest(crosstasks.__version__, vendoring.folder_contents(copy)))
    done = vendor("--into", "lib/py/xt", "--check")
    assert 1 == done.returncode
    assert "+# ours\n" in done.stdout
    assert "it is not this package" in done.stderr


def test_a_copy_checks_itself(copy, alone):
    """Without the package: by its manifest."""
    argv = (sys.executable, "-m", "xt", "vendor", "--into", "xt", "--check")
    assert 0 == alone(*argv, cwd=copy.parent).returncode
    (copy / "invoke.py").write_text((copy / "invoke.py").read_text() + "# ours\n")
    done = alone(*argv, cwd=copy.parent)
    assert 1 == done.returncode
    assert "changed: invoke.py" in done.stderr


def test_update_renews(copy, vendor):
    """A copy of an older version becomes this one; what the older had and this has not is gone."""
    from crosstasks.extras.maintenance import vendoring

    (copy / "gone.py").write_text("old = 1\n")
    (copy / "vendored.json").write_text(vendoring.manifest("0.0.9", vendoring.folder_contents(copy)))
    assert "it is crosstasks 0.0.9, and this is" in vendor("--into", "lib/py/xt", "--check").stderr
    done = vendor("--into", "lib/py/xt", "--update")
    assert (0, f"lib/py/xt: crosstasks 0.0.9 -> {crosstasks.__version__}\n") == (done.returncode, done.stdout)
    assert not (copy / "gone.py").exists()
    assert 0 == vendor("--into", "lib/py/xt", "--check").returncode
    assert "already" in vendor("--into", "lib/py/xt", "--update").stdout


def test_update_keeps_local_changes_unless_told(copy, vendor):
    """They are named, and nothing is touched; with --force they are given up."""
    (copy / "own.py").write_text("own = 1\n")
    done = vendor("--into", "lib/py/xt", "--update")
    assert 1 == done.returncode
    assert "added: own.py" in done.stderr
    assert (copy / "own.py").exists()
    assert 0 == vendor("--into", "lib/py/xt", "--update", "--force").returncode
    assert not (copy / "own.py").exists()
    assert {"xt"} == {path.name for path in copy.parent.iterdir()}


def test_an_update_that_fails_leaves_the_copy_as_it_was(copy, vendor, start, repository):
    """A disk that takes no more: the reason is told, and no draft is left."""
    (copy / "own.py").write_text("own = 1\n")
    script = (
        "import resource, signal, sys\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "sys.argv = ['crosstasks', 'vendor', '--into', 'lib/py/xt', '--update', '--force']\nfrom crosstasks.__main__ import main\nmain()\n"
    )
    (repository / "full.py").write_text(script)
    done = start("full", cwd=repository, PYTHONDONTWRITEBYTECODE="1")
    assert 2 == done.returncode
    assert "cannot be written\nFile too large" in done.stderr
    assert (copy / "own.py").exists()
    assert {"xt"} == {path.name for path in copy.parent.iterdir()}
    assert 0 == vendor("--into", "lib/py/xt", "--update", "--force").returncode


def test_a_link_in_a_copy_is_never_followed(copy, vendor, tmp_path):
    """It is drift, and what it leads to is neither read nor written."""
    outside = tmp_path / "outside.py"
    outside.write_text((copy / "invoke.py").read_text())
    (copy / "invoke.py").unlink()
    (copy / "invoke.py").symlink_to(outside)
    assert "changed: invoke.py" in vendor("--into", "lib/py/xt", "--check").stderr
    before = outside.read_text()
    assert 0 == vendor("--into", "lib/py/xt", "--update", "--force").returncode
    assert before == outside.read_text()
    assert not (copy / "invoke.py").is_symlink()


@pytest.mark.parametrize(
    ("into", "words"),
    [
        ("lib/cross-tasks", "'cross-tasks' is no valid name of a Python package"),
        ("../elsewhere", "is not inside a repository"),
        (".", "is not inside a repository"),
        ("src", "holds something already"),
        ("link/xt", "link is a link"),
        (str(PACKAGE), "is this package itself"),
        (str(PACKAGE / "facts" / "xt"), "lie in one another"),
    ],
)
def test_places_that_are_none_are_refused(into, words, vendor, repository, tmp_path):
    """Exit code 2, with the reason, and nothing is written."""
    (repository / "link").symlink_to(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    done = vendor("--into", into)
    assert 2 == done.returncode
    assert words in done.stderr
    assert before == sorted(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "arguments", [(), ("--into", "x", "--check", "--update"), ("--into", "x", "--force"), ("--into", "nothing", "--check")]
)
def test_wrong_usage_is_2(arguments, vendor):
    """No folder, two things at once, a folder without a copy."""
    done = vendor(*arguments)
    assert (2, "") == (done.returncode, done.stdout)
    assert "Traceback" not in done.stderr


def test_a_folder_with_a_copy_is_not_copied_over(copy, vendor):
    """The next step is named."""
    done = vendor("--into", "lib/py/xt")
    assert 2 == done.returncode
    assert "`tools.vendor --update` renews it" in done.stderr


def test_a_copy_makes_copies(copy, alone, repository):
    """It holds all that a copy needs, its licence too."""
    done = alone(sys.executable, "-m", "xt", "vendor", "--into", str(repository / "third"), cwd=copy.parent)
    assert 0 == done.returncode, done.stderr
    shutil.rmtree(copy / "__pycache__", ignore_errors=True)
    assert (copy / "vendored.json").read_text() == (repository / "third" / "vendored.json").read_text()
