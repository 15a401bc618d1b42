"""Nox sessions, as nox itself lists and runs them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from crosstasks.catalog import targets
from crosstasks.config import read

ROOT = Path(__file__).parents[2]
MANY = tuple(targets.catalogue())[:60]

HEAVY = ("docker", "elftools", "filelock", "platformdirs", "pysequoia", "requests", "rich", "semver", "tomlkit")

WATCHED = f"""
import atexit, sys

def tell(event, arguments):
    if event in {{"subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "os.system", "socket.connect"}}:
        print("ACTED", event, arguments, file=sys.stderr)

def heavy():
    return sorted(name for name in sys.modules if name.partition(".")[0] in {HEAVY!r})

sys.addaudithook(tell)
before = heavy()
import crosstasks.nox
crosstasks.nox.register()
atexit.register(lambda: print("IMPORTED", sorted(set(heavy()) - set(before)), file=sys.stderr))
"""


def names(listing):
    """Return the names of the sessions in what ``nox -l`` prints."""
    return [line.split()[1] for line in listing.splitlines() if line[:2] in {"- ", "* "}]


def test_every_target_has_a_build_and_a_test_session(repository, run):
    """`nox -l` shows two sessions for each of 60 targets, and one each for all of them; none runs by default."""
    done = run("nox", "-l", cwd=repository)
    aliases = [targets.alias(targets.find(triple)) for triple in MANY]
    expected = [f"{stem}-{alias}" for stem in ("cross", "cross-test") for alias in aliases] + ["cross", "cross-test"]
    assert 0 == done.returncode, done.stderr
    assert sorted(expected) == sorted(names(done.stdout))
    assert 122 == len(set(expected))
    assert not [line for line in done.stdout.splitlines() if line.startswith("* ")]


LIGHT = """
import atexit, sys
import crosstasks.nox
crosstasks.nox.register()
atexit.register(lambda: print("MODEL", "msgspec" in sys.modules, file=sys.stderr))
"""


def test_what_is_declared_is_kept_until_a_file_or_a_variable_changes(repository, start, tmp_path):
    """The second listing needs no model of the options; a new target is there at once, and what is wrong is told as ever."""
    (repository / "noxfile.py").write_text(LIGHT)
    first, second = (start("nox", "-l", cwd=repository) for _ in range(2))
    assert ("MODEL True" in first.stderr, "MODEL False" in second.stderr, first.stdout) == (True, True, second.stdout)
    assert names(start("nox", "-l", cwd=repository, CROSSTASKS_TARGETS="s390x").stdout)[:1] == ["cross-s390x"]
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["armv7"]\n')
    assert names(start("nox", "-l", cwd=repository).stdout)[:1] == ["cross-armv7"]
    (repository / "pyproject.toml").write_text('[tool.crosstasks]\ntargets = ["aarch64"]\n')
    assert "two configurations" in start("nox", "-l", cwd=repository).stderr
    (repository / "pyproject.toml").unlink()
    (kept,) = (tmp_path / "cache" / "answers").glob("declared-*.json")
    kept.write_text(kept.read_text().replace("armv7", "armv6"))
    again = start("nox", "-l", cwd=repository)
    assert (names(again.stdout)[:1], "MODEL True" in again.stderr) == (["cross-armv7"], True)
    (tmp_path / "file").touch()
    assert 0 == start("nox", "-l", cwd=repository, CROSSTASKS_CACHE_DIR=str(tmp_path / "file")).returncode


def test_other_libraries_are_not_heard(repository, run):
    """Nox prints what any library logs; of a server that is asked in vain, only our own words are shown."""
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64"]\ntoolchains = ["rustup"]\n')
    away = {"DOCKER_HOST": f"unix://{repository}/none", "RUSTUP_DIST_SERVER": "http://127.0.0.1:9"}
    done = run("nox", "-s", "cross-aarch64", cwd=repository, **away)
    assert 1 == done.returncode
    assert "http://127.0.0.1:9" in done.stderr
    assert [] == [line for line in done.stderr.splitlines() if " > " in line and not line.startswith("nox > ")]


def test_the_command_and_the_module_list_the_same(repository, run):
    """`nox` and `python -m nox` find the same sessions."""
    program = Path(sys.executable).with_name("nox")
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "NOX_SCRIPT_MODE": "none", "HOME": str(repository)}
    done = subprocess.run((str(program), "-l"), cwd=repository, env=environ, capture_output=True, text=True, check=True)
    assert names(done.stdout) == names(run("nox", "-l", cwd=repository).stdout)


def test_tags_select_by_what_a_target_is(repository, run):
    """Verb, architecture, system, libc and triple are tags; each session says in a line what it does."""
    done = run("nox", "-l", "--json", "-t", "cross", cwd=repository)
    sessions = {session["session"]: session for session in json.loads(done.stdout)}
    assert 120 == len(sessions)
    triple = "aarch64-unknown-linux-gnu"
    assert ["cross", "build", "aarch64", "linux", "gnu", triple] == sessions["cross-aarch64"]["tags"]
    assert "test" in sessions["cross-test-aarch64"]["tags"]
    assert f"Build for {triple}." == sessions["cross-aarch64"]["description"]
    assert f"Test for {triple}." == sessions["cross-test-aarch64"]["description"]


def test_the_sessions_for_all_require_the_others(repository, run):
    """`cross` runs every build session, `cross-test` every test session."""
    (repository / "noxfile.py").write_text(
        "import crosstasks.nox, nox\nfor name in crosstasks.nox.register(): pass\n"
        "found = nox.registry.get()\nprint('REQUIRES', found['cross'].requires, found['cross-test'].requires)\n"
    )
    done = run("nox", "-l", cwd=repository)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("REQUIRES")]
    assert 60 == line.count("'cross-test-")
    assert 120 == line.count("'cross-")


def test_listing_starts_nothing_and_imports_nothing_heavy(repository, start):
    """`nox -l` starts no program, opens no connection, and imports no docker, rich, requests, …"""
    (repository / "noxfile.py").write_text(WATCHED)
    done = start("nox", "-l", cwd=repository)
    assert 122 == len(names(done.stdout))
    assert "ACTED" not in done.stderr
    assert "IMPORTED []" in done.stderr


def test_watching_would_see_a_program_and_a_heavy_import(repository, start):
    """The test above can fail: what it watches for is seen when it is there."""
    (repository / "noxfile.py").write_text(f"{WATCHED}\nimport subprocess, tomlkit\nsubprocess.run(('true',))\n")
    done = start("nox", "-l", cwd=repository)
    assert "ACTED subprocess.Popen" in done.stderr
    assert "'tomlkit'" in done.stderr


def test_two_crates_are_kept_apart_by_a_prefix(repository, run):
    """Two calls with prefixes register two sets of sessions; the functions come back by name."""
    (repository / "noxfile.py").write_text(
        "import crosstasks.nox\n"
        "one = crosstasks.nox.register(prefix='one', names=['aarch64'])\n"
        "two = crosstasks.nox.register(prefix='two', names=['aarch64'])\n"
        "print('BACK', *one, *two)\n"
    )
    done = run("nox", "-l", cwd=repository)
    expected = [f"{prefix}-{name}" for prefix in ("one", "two") for name in ("cross-aarch64", "cross", "cross-test-aarch64", "cross-test")]
    assert expected == names(done.stdout)
    assert f"BACK {' '.join(expected)}" in done.stdout


@pytest.mark.parametrize(
    ("noxfile", "where"),
    [
        ("crosstasks.nox.register()\ncrosstasks.nox.register()\n", "another call of crosstasks.nox.register()"),
        ("@nox.session\ndef cross(session): ...\ncrosstasks.nox.register()\n", "noxfile.py"),
    ],
    ids=["registered twice", "a session of the user's own"],
)
def test_a_name_that_is_taken_is_an_error_without_a_traceback(noxfile, where, repository, run):
    """Nox would keep the last session of a name; instead the clash is told, with what to do."""
    (repository / "noxfile.py").write_text(f"import nox\nimport crosstasks.nox\n{noxfile}")
    done = run("nox", "-l", cwd=repository)
    assert 1 == done.returncode
    assert "Traceback" not in done.stderr
    assert "error: ConfigError: there is a session 'cross" in done.stderr
    assert where in done.stderr
    assert "hint: give register() a `prefix`" in done.stderr


def test_a_clash_can_be_caught(repository, run):
    """It is a ConfigError to whoever catches it, and no session has been added."""
    (repository / "noxfile.py").write_text(
        "import nox, crosstasks.nox\nfrom crosstasks.core.errors import ConfigError\n"
        "@nox.session\ndef cross(session): ...\n"
        "try:\n    crosstasks.nox.register()\nexcept ConfigError as error:\n    print('CAUGHT', error.what)\n"
    )
    done = run("nox", "-l", cwd=repository)
    assert "CAUGHT there is a session 'cross' already" in done.stdout
    assert ["cross"] == names(done.stdout)


def test_every_problem_of_the_configuration_is_told_without_a_traceback(repository, run):
    """A wrong crosstasks.toml shows all its problems once."""
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["arch64"]\nbulider = "cross"\n')
    done = run("nox", "-l", cwd=repository)
    assert 1 == done.returncode
    assert "Traceback" not in done.stderr
    assert 1 == done.stderr.count("no target is called 'arch64'")
    assert 1 == done.stderr.count("bulider")


def test_a_noxfile_that_catches_the_error_has_its_problems(repository, run):
    """One by one, as from the configuration itself."""
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["arch64"]\nbulider = "cross"\n')
    lines = ("try:", "    crosstasks.nox.register()", "except ConfigError as error:", "    print(f'{len(error.problems)} problems')")
    (repository / "noxfile.py").write_text(
        "\n".join(("import crosstasks.nox", "from crosstasks.core.errors import ConfigError", *lines, ""))
    )
    assert "2 problems" in run("nox", "-l", cwd=repository).stdout


@pytest.mark.parametrize("argument", ["--target", "--target-dir=x", "--message-format=json", "-q", "+nightly"])
def test_arguments_that_are_ours_are_refused(argument, repository, run):
    """What crosstasks must set itself is refused by its class, with what to use instead, and nox ends with 1."""
    done = run("nox", "-s", "cross-aarch64", "--", argument, cwd=repository)
    assert 1 == done.returncode
    assert "RefusedArgument: these arguments are not handed to cargo" in done.stderr
    assert repr(argument) in done.stderr
    assert not (repository / "target").exists()


def test_a_failure_names_its_class(repository, run):
    """Under nox every failure is 1, so the message carries the class; variables of crosstasks are honoured."""
    (repository / "Cargo.toml").unlink()
    done = run("nox", "-s", "cross-aarch64", cwd=repository)
    assert 1 == done.returncode
    assert "aborted: ConfigError: there is no Rust repository here" in done.stderr
    done = run("nox", "-s", "cross-aarch64", cwd=repository, CROSSTASKS_BUILDER="nonsense")
    assert "CROSSTASKS_BUILDER" in done.stderr


def test_a_copy_under_another_name_works(repository, start, tmp_path):
    """The package can be vendored: copied into another package and imported by that name."""
    copy = tmp_path / "copied" / "build_tools" / "ct"
    shutil.copytree(ROOT / "crosstasks", copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy.parent / "__init__.py").touch()
    (repository / "noxfile.py").write_text(
        "import build_tools.ct.nox as cross\nassert cross.__name__ == 'build_tools.ct.nox'\ncross.register()\n"
    )
    done = start("nox", "-l", cwd=repository, PYTHONPATH=str(tmp_path / "copied"))
    assert 122 == len(names(done.stdout)), done.stderr


AS_ON_WINDOWS = """
import os, platformdirs, signal, sys  # what is loaded before its name changes sees the system that this is

for name in ("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "confstr", "fork", "geteuid", "getuid", "posix_fallocate", "uname"):
    vars(os).pop(name, None)
del signal.SIGHUP
sys.platform = "win32"
import crosstasks.nox
crosstasks.nox.register()
"""


def test_on_windows_sessions_are_listed_and_end_in_a_sentence(repository, start):
    """Which names what to do instead; nothing there asks for what Python does not have on it."""
    (repository / "noxfile.py").write_text(AS_ON_WINDOWS)
    done = start("nox", "-l", cwd=repository)
    assert 122 == len(names(done.stdout)), done.stderr
    done = start("nox", "-s", "cross-aarch64", cwd=repository)
    assert (done.returncode != 0, "in WSL 2 of Windows, not on 'win32'" in done.stderr, "Traceback" in done.stderr) == (
        True,
        True,
        False,
    ), done.stderr


VERBS = """
import crosstasks.nox
crosstasks.nox.register(names=["aarch64", "wasm"], verbs=("build", "test", "clippy"))
"""


def test_each_verb_has_its_sessions(repository, run):
    """On request; the usual two are build and test."""
    (repository / "noxfile.py").write_text(VERBS)
    done = run("nox", "-l", cwd=repository)
    stems = ("cross", "cross-test", "cross-clippy")
    assert sorted(names(done.stdout)) == sorted([*stems, *(f"{stem}-{alias}" for stem in stems for alias in ("aarch64", "wasm32"))])
    assert "-> Clippy for aarch64-unknown-linux-gnu." in done.stdout


def test_host_is_a_name_as_in_the_file(repository, run):
    """It stands for the machine's own target, and has one session where that is named as well."""
    machine = read.host()
    (repository / "noxfile.py").write_text(f"import crosstasks.nox\ncrosstasks.nox.register(names=['host', {machine!r}])\n")
    done = run("nox", "-l", cwd=repository)
    alias = targets.alias(targets.find(machine))
    assert sorted(names(done.stdout)) == sorted(["cross", "cross-test", f"cross-{alias}", f"cross-test-{alias}"]), done.stderr


def test_what_is_no_verb_is_refused_before_anything_else(repository, run):
    """In a session of the user's own as well; the likely one is named."""
    (repository / "noxfile.py").write_text(VERBS.replace("clippy", "clipy"))
    done = run("nox", "-l", cwd=repository)
    assert "not 'clipy', perhaps 'clippy'" in done.stderr
    own = "import nox, crosstasks.nox\n@nox.session(python=False)\ndef own(session):\n    crosstasks.nox.cross(session, 'nowhere', 'publish')\n"
    (repository / "noxfile.py").write_text(own)
    assert "not 'publish'" in run("nox", "-s", "own", cwd=repository).stderr


def test_a_target_that_a_file_describes_has_sessions(repository, run):
    """By the file's stem, also where the noxfile itself names it; `targets` shows them, and a wrong file is told without a traceback."""
    spec = {"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "data-layout": "e", "target-pointer-width": 64}
    (repository / "targets").mkdir()
    (repository / "targets" / "thing.json").write_text(json.dumps(spec))
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["targets/thing.json"]\n')
    for noxfile in ("register()", 'register(names=["targets/thing.json"])'):
        (repository / "noxfile.py").write_text(f"import crosstasks.nox\ncrosstasks.nox.{noxfile}\n")
        listed = run("nox", "-l", cwd=repository)
        assert {"cross-thing", "cross", "cross-test-thing", "cross-test"} == set(names(listed.stdout)), listed.stderr
    shown = run("crosstasks", "targets", "--target", "thing", "--format", "json", cwd=repository)
    assert [("thing", "cross-thing")] == [(row["triple"], row["session"]) for row in json.loads(shown.stdout)["targets"]]

    (repository / "targets" / "thing.json").write_text("{")
    wrong = run("nox", "-l", cwd=repository)
    assert "thing.json describes no target" in wrong.stderr
    assert "Traceback" not in wrong.stderr
