"""Invoke tasks and the program ``crosstasks``, called as users call them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from crosstasks.catalog import targets
from crosstasks.catalog.machines import host_triple
from crosstasks.clients import engines
from crosstasks.invoke import collection
from crosstasks.tasks import TASKS

ROOT = {"init", "plan", "build", "test", "doctor", "explain"}
"""With `release`, which is a collection, these are all that stand in none."""


@pytest.fixture
def program(run, repository):
    """The program, in the repository."""

    def call(*arguments, cwd=repository, **env):
        return run("crosstasks", *arguments, cwd=cwd, **env)

    return call


@pytest.fixture
def bare(repository):
    """The repository before it knew crosstasks."""
    for name in ("noxfile.py", "tasks.py", "crosstasks.toml"):
        (repository / name).unlink()
    return repository


def test_invoke_lists_seven_tasks_and_collections(repository, run):
    """`inv --list` has them at the root, each with one sentence, and the rest in collections."""
    done = run("invoke", "--list", "--list-format", "json", cwd=repository)
    listed = json.loads(done.stdout)
    assert ROOT == {task["name"] for task in listed["tasks"]}
    assert {"ci", "emulation", "offline", "release", "tools"} == {inner["name"] for inner in listed["collections"]}
    assert ["all"] == [inner["default"] for inner in listed["collections"] if inner["name"] == "release"]
    assert all(task["help"] for inner in (listed, *listed["collections"]) for task in inner["tasks"])


def test_a_collection_with_a_name_holds_all(repository, run):
    """Nothing of ours stands beside the project's own tasks."""
    (repository / "tasks.py").write_text("import crosstasks.invoke\nnamespace = crosstasks.invoke.collection(name='cross')\n")
    listed = json.loads(run("invoke", "--list", "--list-format", "json", cwd=repository).stdout)
    assert ([], ["cross"]) == (listed["tasks"], [inner["name"] for inner in listed["collections"]])
    assert 0 == run("invoke", "cross.tools.targets", cwd=repository).returncode


def test_the_program_shows_the_same_tasks(program):
    """`crosstasks --help` lists them, without Invoke's options for shells; `--version` tells ours."""
    done = program("--help")
    assert 0 == done.returncode
    assert {line.split()[0] for line in done.stdout.partition("Subcommands:")[2].splitlines() if line[2:3].strip()} >= ROOT
    assert "--pty" not in done.stdout
    assert program("--version").stdout.startswith("crosstasks 0.")


def test_the_program_answers_to_former_names(program):
    """`crosstasks tools.clean` is `tools.clean`; no list shows it."""
    assert program("clean", "--dry-run").stdout == program("tools.clean", "--dry-run").stdout != ""
    assert "crosstasks [--core-opts] offline.lock" in program("--help", "lock").stdout
    assert not [line for line in program("--list").stdout.splitlines() if line.startswith("  clean")]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("build", "aarch64"), "hint: crosstasks build --target aarch64"),
        (("build", "--release"), "crosstasks build -- --release"),
        (("clippy", "--all-features"), "crosstasks clippy -- --all-features"),
        (("tools.doc", "--no-deps"), "crosstasks tools.doc -- --no-deps"),
        (("plan", "--release"), "`crosstasks --help` lists all"),
    ],
)
def test_what_cannot_be_typed_is_followed_by_what_can(words, hint, program):
    """A target without its option, and an option of cargo before the `--`."""
    done = program(*words)
    assert (2, True) == (done.returncode, hint in done.stderr), done.stderr


def test_completion_knows_targets(program, repository):
    """After `--target` the configured ones, by the names that sessions have; without a configuration all."""
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["aarch64", "s390x"]\n')
    assert "aarch64\ns390x\n" == program("--complete", "--", "crosstasks build --target").stdout
    assert "aarch64\ns390x\n" == program("--complete", "--", "crosstasks build -t aar").stdout
    spec = {"llvm-target": "x86_64-unknown-none", "arch": "x86_64", "data-layout": "e", "target-pointer-width": 64}
    (repository / "my-gnu.json").write_text(json.dumps(spec))
    (repository / "crosstasks.toml").write_text('version = 1\ntargets = ["my-gnu.json"]\n')
    assert "my-gnu\n" == program("--complete", "--", "crosstasks build --target").stdout
    (repository / "crosstasks.toml").unlink()
    assert len(targets.catalogue()) == len(program("--complete", "--", "crosstasks build --target").stdout.split())


def test_a_reader_that_goes_ends_it_quietly(repository):
    """`crosstasks --help | head -1` says nothing of a broken pipe."""
    command = ("sh", "-c", f"{sys.executable} -m crosstasks --help | head -1")
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=repository, env=environ, capture_output=True, text=True, check=False)
    assert (1, "") == (len(done.stdout.splitlines()), done.stderr)


def test_a_letter_means_one_thing_everywhere():
    """An option that has a letter has it in every task, and no other option has that letter."""
    letters = {}
    for name in TASKS:
        for argument in collection()[name].get_arguments():
            for letter in (one for one in argument.names if len(one) == 1):
                assert letters.setdefault(letter, argument.names[0]) == argument.names[0]
    assert {"t": "target", "f": "format", "y": "yes", "n": "dry-run", "p": "package", "j": "jobs"} == letters


def test_a_task_explains_its_options(program):
    """`crosstasks build --help` has a line for each option."""
    done = program("build", "--help")
    assert "a triple or an alias" in done.stdout
    assert "the flavour of cross" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bogus",), "no idea what 'bogus' is"),
        (("build", "--nope"), "no idea what '--nope' is"),
        (("build", "--format"), "needed value"),
        (("build", "--target"), "--target is given no value"),
        (("build", "--target", "--format", "json"), "--target is given no value"),
        (("lock", "--platform"), "--platform is given no value"),
        (("release.build", "--package", "--snapshot"), "--package is given no value"),
        (("build", "--format", "xml"), "text or json, not 'xml'"),
        (
            ("plan", "--verb", "runs"),
            "--verb is build or test or check or clippy or doc or run or bench or nextest or nextest-archive, not 'runs', perhaps 'run'",
        ),
        (("provision", "--from", "none.tar", "--verb", "tets"), "not 'tets', perhaps 'test'"),
        (("plan", "--target", "arch64"), "no target is called 'arch64'"),
        (("plan", "--cross", "9"), "--cross"),
        (("build", "--target", "aarch64", "--", "--target", "x"), "these arguments are not handed to cargo"),
        (("test", "--target", "aarch64", "--", "+nightly"), "rust-toolchain.toml"),
    ],
)
def test_wrong_usage_is_2(arguments, words, program):
    """What the user wrote wrong ends with 2, the reason on standard error, and nothing on standard output."""
    done = program(*arguments)
    assert (2, "") == (done.returncode, done.stdout)
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_two_configurations_are_2(program, repository):
    """Two places of one folder are named; nothing is merged."""
    (repository / "pyproject.toml").write_text('[tool.crosstasks]\ntargets = ["aarch64"]\n')
    done = program("plan")
    assert (2, "") == (done.returncode, done.stdout)
    assert "crosstasks.toml and pyproject.toml [tool.crosstasks]" in done.stderr


def test_broken_toml_is_2(program, repository):
    """A file that is no TOML is named, with the line."""
    (repository / "crosstasks.toml").write_text("version = 1\ntargets = [\n")
    done = program("build")
    assert (2, "") == (done.returncode, done.stdout)
    assert "crosstasks.toml is not valid TOML" in done.stderr


def test_no_configuration_is_2(program, bare):
    """Without a configuration, and without a target, the user is told of `init`."""
    done = program("plan", cwd=bare)
    assert (2, "") == (done.returncode, done.stdout)
    assert "`crosstasks init` writes one" in done.stderr


def test_no_cargo_toml_is_2(program, repository):
    """A folder without a Rust repository is not built."""
    (repository / "Cargo.toml").unlink()
    done = program("build", "--target", "host", CROSSTASKS_BUILDER="cargo")
    assert 2 == done.returncode


def test_no_target_is_3(program, repository):
    """A configuration without targets selects nothing."""
    (repository / "crosstasks.toml").write_text("version = 1\n")
    done = program("build")
    assert (3, "") == (done.returncode, done.stdout)


def test_errors_are_the_same_under_invoke(repository, run):
    """`inv plan` ends with our own exit code and message as well."""
    done = run("invoke", "plan", "--target", "arch64", cwd=repository)
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("error: no target is called 'arch64'")


def test_targets_lists_the_catalogue(program, repository):
    """Every target of the catalogue is there, as a table and as JSON; no configuration is asked for."""
    (repository / "crosstasks.toml").unlink()
    told = json.loads(program("targets", "--format", "json").stdout)
    assert 2 == told["schema_version"]
    rows = {row["triple"]: row for row in told["targets"]}
    assert list(targets.catalogue()) == list(rows)
    assert {"0.2.5", "0.2.4", "git"} == set(rows["aarch64-unknown-linux-gnu"]["images"])
    assert rows["s390x-unknown-linux-gnu"]["tests"]
    assert len(rows) + 1 == len(program("targets").stdout.splitlines())


def test_init_writes_three_files_that_work(program, bare, run):
    """`init` guesses the host's own target, arm64 and what the toolchain file names; nox and invoke read the result."""
    (bare / "rust-toolchain.toml").write_text(
        '[toolchain]\nchannel = "stable"\ntargets = ["s390x-unknown-linux-gnu", "z80-unknown-none"]\n'
    )
    done = program("init", "--index", cwd=bare)
    assert [str(bare / name) for name in ("noxfile.py", "tasks.py", "crosstasks.toml")] == done.stdout.splitlines()
    text = (bare / "crosstasks.toml").read_text()
    assert {"aarch64", "s390x"} <= set(tomllib.loads(text)["targets"])
    assert "z80-unknown-none" in text
    assert "cross-s390x" in run("nox", "-l", cwd=bare).stdout
    assert 0 == run("invoke", "--list", cwd=bare).returncode
    header = (bare / "noxfile.py").read_text().partition('# ///\n"""')[0]
    assert {"crosstasks", "nox"} == set(tomllib.loads(header.replace("# ", "").partition("\n")[2])["dependencies"])
    assert not list(bare.glob(".crosstasks*"))


def test_init_asks_for_a_way_only_where_somebody_can_answer(program, bare):
    """A checkout tells nothing: the four ways are named, with exit code 2, and nothing is written."""
    done = program("init", cwd=bare)
    assert (2, "") == (done.returncode, done.stdout)
    assert "--vendor third_party, --wheel FILE, --git URL@REV or --index" in done.stderr
    assert 2 == program("init", "--index", "--vendor", "third_party", cwd=bare).returncode
    assert not (bare / "noxfile.py").exists()


def test_init_makes_a_copy_that_its_files_use(program, bare, start):
    """Nox and Invoke run with the copy, and `ci.generate` of it installs nox alone: the header lists the libraries."""
    (bare / ".git").mkdir()
    done = program("init", "--vendor", "third_party", "--with", "ci", cwd=bare)
    assert 0 == done.returncode, done.stderr
    assert "third_party" in (bare / "noxfile.py").read_text()
    where = "import crosstasks; print(crosstasks.__file__)"
    (bare / "tasks.py").write_text((bare / "tasks.py").read_text() + where + "\n")
    listed = start("invoke", "--list", cwd=bare, PYTHONPATH="").stdout
    assert f"{bare}/third_party/crosstasks/__init__.py" in listed
    assert "ci.generate" in listed
    assert "release.all" not in listed
    assert "cross-aarch64" in start("nox", "-l", cwd=bare, PYTHONPATH="").stdout
    assert 0 == start("crosstasks", "ci.generate", cwd=bare, PYTHONPATH=str(bare / "third_party")).returncode
    installed = [line for line in (bare / ".github/workflows/crosstasks.yml").read_text().splitlines() if "pip install" in line]
    assert ['      - run: python -m pip install "nox>=2025.10.16"'] == installed


def test_ci_installs_what_a_noxfile_without_a_header_needs(program, repository):
    """Crosstasks too, since Nox is told nothing of it."""
    (repository / ".git").mkdir()
    assert 0 == program("ci.generate", "--provider", "gitlab").returncode
    assert '    - python3 -m pip install "nox>=2025.10.16" crosstasks\n' in (repository / ".gitlab-ci.yml").read_text()


@pytest.mark.parametrize("there", [("tasks.py",), ("noxfile.py", "crosstasks.toml")])
def test_init_overwrites_nothing(there, program, bare):
    """If a file is there, all that are there are named, and none is written or changed."""
    for name in there:
        (bare / name).write_text("# mine\n")
    before = {path: path.read_bytes() for path in bare.rglob("*") if path.is_file()}
    done = program("init", cwd=bare)
    assert 2 == done.returncode
    assert all(name in done.stderr for name in there)
    assert before == {path: path.read_bytes() for path in bare.rglob("*") if path.is_file()}


def test_init_refuses_a_second_configuration(program, bare):
    """A configuration in Cargo.toml is not doubled by a crosstasks.toml."""
    with (bare / "Cargo.toml").open("a") as file:
        file.write('[package.metadata.crosstasks]\ntargets = ["aarch64"]\n')
    done = program("init", cwd=bare)
    assert 2 == done.returncode
    assert "Cargo.toml [package.metadata.crosstasks]" in done.stderr
    assert not (bare / "noxfile.py").exists()


def test_init_wants_a_rust_repository(program, tmp_path):
    """Without a Cargo.toml nothing is written."""
    empty = tmp_path / "empty"
    empty.mkdir()
    assert 2 == program("init", cwd=empty).returncode
    assert [] == list(empty.iterdir())


def test_clean_removes_builds_and_nothing_else(program, bare):
    """What cargo built by itself stays; no configuration is needed."""
    (bare / "target" / "crosstasks" / "x").mkdir(parents=True)
    (bare / "target" / "crosstasks" / "x" / "big").write_bytes(b"1" * 1_000_000)
    (bare / "target" / "debug").mkdir()
    assert f"would remove {bare}/target/crosstasks, 1.0 MB\n" == program("clean", "--dry-run", cwd=bare).stdout
    done = program("clean", cwd=bare)
    assert 0 == done.returncode, done.stderr
    assert f"removed {bare}/target/crosstasks, 1.0 MB\n" == done.stdout
    assert ["debug"] == [path.name for path in (bare / "target").iterdir()]
    assert "is not there" in program("clean", cwd=bare).stdout


def test_clean_removes_only_a_cache_that_is_marked_as_ours(program, bare, tmp_path):
    """A folder without our CACHEDIR.TAG is refused; of a marked one, what is not ours stays."""
    folder = tmp_path / "cache"
    (folder / "tools" / "cross").mkdir(parents=True)
    done = program("clean", "--cache", cwd=bare)
    assert 2 == done.returncode
    assert (folder / "tools" / "cross").is_dir()
    _mark(folder)
    (folder / "letters").mkdir()
    assert f"would remove {folder}, 0 " in program("clean", "--cache", "--dry-run", cwd=bare).stdout
    assert (folder / "tools" / "cross").is_dir()
    done = program("clean", "--cache", cwd=bare)
    assert 0 == done.returncode, done.stderr
    assert "but for letters" in done.stdout
    assert ["letters"] == [path.name for path in folder.iterdir()]


def test_clean_leaves_a_cache_in_use(program, bare, tmp_path):
    """A lock that is held, and a build that runs, keep the cache."""
    from filelock import FileLock

    folder = tmp_path / "cache"
    (folder / "tools").mkdir(parents=True)
    _mark(folder)
    with FileLock(folder / "tools" / ".cross.lock"):
        done = program("clean", "--cache", cwd=bare)
    assert 1 == done.returncode
    assert "is in use" in done.stderr
    assert (folder / "tools").is_dir()
    (folder / "runs" / "abc").mkdir(parents=True)
    assert "a build is running: abc" in program("clean", "--cache", cwd=bare).stderr
    engines.mark(folder / "runs" / "abc")
    assert "a build is running: abc" in program("clean", "--cache", cwd=bare).stderr
    with subprocess.Popen(("sleep", "60")) as child:
        (folder / "runs" / "abc" / "owner").write_text(engines.owner(child.pid))
        child.kill()
    assert 0 == program("clean", "--cache", cwd=bare).returncode
    assert not folder.exists()


def _mark(folder):
    from crosstasks.core.cache import TAG

    Path(folder, "CACHEDIR.TAG").write_text(TAG)


def test_program_and_python_give_the_same_plan(program, bare, run):
    """`crosstasks plan --format json` prints what `crosstasks.plan()` returns; a target on the command line needs no configuration."""
    script = (
        "import msgspec, crosstasks\n"
        "made = crosstasks.plan(['{0}'])\nassert made == crosstasks.plan(['{0}'])\nfrom crosstasks.planning import plan\n"
        "print(msgspec.json.encode({{'schema_version': plan.SCHEMA_VERSION, 'plans': [plan.as_json(one) for one in made]}}).decode())\n"
    )
    host = _host()
    (bare / "ask.py").write_text(script.format(host))
    env = {"CROSSTASKS_BUILDER": "cargo"}
    told = program("plan", "--target", host, "--format", "json", cwd=bare, **env)
    made = run("ask", cwd=bare, **env)
    assert 0 == told.returncode, told.stderr
    assert json.loads(told.stdout) == json.loads(made.stdout)
    (one,) = json.loads(told.stdout)["plans"]
    assert ("cargo", host) == (one["route"]["builder"], one["target"])


def _host():
    from crosstasks.core.looking import Platform

    return host_triple(Platform.here())


def test_an_error_is_explained_however_it_is_given(program, repository, run):
    """As text, as a file, and on standard input; what is not known is an error."""
    said = "error: linker `aarch64-linux-gnu-gcc` not found\n"
    (repository / "build.log").write_text(said)
    shown = [program("explain", said), program("explain", "build.log"), run("crosstasks", "explain", "-", cwd=repository, read=said)]
    assert {(0, shown[1].stdout)} == {(done.returncode, done.stdout) for done in shown}
    assert "linker-missing" in shown[0].stdout
    told = json.loads(program("explain", said, "--format", "json").stdout)
    assert ["linker-missing"] == [row["name"] for row in told["remedies"]]
    assert 1 == program("explain", "all is well").returncode
    assert 2 == program("explain").returncode
