"""`matrix` and `ci.generate`, as users call them; what they write passes the services' schemas and zizmor's audit."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from crosstasks.catalog.machines import host_triple
from crosstasks.catalog.pins import pins
from crosstasks.config import configuration
from crosstasks.core.looking import Platform
from crosstasks.extras.ci.matrix import Layout

BIN = Path(sys.executable).parent
FEW = 'version = 1\ntargets = ["aarch64", "s390x", "x86_64-musl"]\n'


@pytest.fixture
def few(repository):
    """The repository with three targets, at the top of a git repository."""
    (repository / "crosstasks.toml").write_text(FEW)
    (repository / ".git").mkdir()
    return repository


@pytest.fixture
def program(run, few):
    """The program, in the repository."""

    def call(*arguments, cwd=few, **env):
        return run("crosstasks", *arguments, cwd=cwd, **env)

    return call


def audit(path):
    """Run zizmor, asking the network for nothing: strictly, so that what it merely advises counts."""
    zizmor = shutil.which("zizmor", path=str(BIN)) or "zizmor"
    argv = (zizmor, "--offline", "--no-progress", "--persona=pedantic", str(path))
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.fixture
def check(run, tmp_path):
    """Compare a file with the schema that a service publishes."""
    return lambda schema, path, *more: run("check_jsonschema", "--builtin-schema", schema, *more, str(path), cwd=tmp_path)


@pytest.mark.parametrize("many", [False, True])
def test_a_workflow_of_github_is_valid_and_safe(many, program, few, repository, check):
    """For three targets, and for sixty."""
    if many:
        triples = ", ".join(f'"{triple}"' for triple in _sixty())
        (repository / "crosstasks.toml").write_text(f"version = 1\ntargets = [{triples}]\n")
    done = program("ci.generate")
    assert 0 == done.returncode, done.stderr
    path = few / ".github" / "workflows" / "crosstasks.yml"
    assert f"{path}\n" == done.stdout
    valid = check("vendor.github-workflows", path)
    assert 0 == valid.returncode, valid.stdout
    audited = audit(path)
    assert (0, True) == (audited.returncode, "No findings" in audited.stdout + audited.stderr), audited.stdout


def test_our_own_workflow_is_valid_and_safe(check):
    """It is held to what we write for others, and uses the same commits of actions."""
    path = Path(__file__).parents[2] / ".github" / "workflows" / "ci.yml"
    assert 0 == check("vendor.github-workflows", path).returncode
    audited = audit(path)
    assert (0, True) == (audited.returncode, "No findings" in audited.stdout + audited.stderr), audited.stdout
    used = set(re.findall(r"uses: (\S+)@(\w+)  # (\S+)", path.read_text()))
    assert used <= {(name, pin.rev, pin.tag) for name, pin in pins().actions.items()}


def test_a_file_of_gitlab_is_valid(program, few, check):
    """By the schema that GitLab publishes."""
    done = program("ci.generate", "--provider", "gitlab")
    assert 0 == done.returncode, done.stderr
    valid = check("vendor.gitlab-ci", few / ".gitlab-ci.yml", "--data-transform", "gitlab-ci")
    assert 0 == valid.returncode, valid.stdout


def test_the_steps_of_a_workflow_do_the_job(program, few, run):
    """What a job is told to call is called here as the service would, for the machine's own target; what is uploaded is there."""
    triple = host_triple(Platform.here())
    (few / "crosstasks.toml").write_text(f'version = 1\ntargets = ["{triple}"]\nbuilder = "cargo"\n')
    assert 0 == program("ci.generate").returncode
    job = YAML(typ="safe").load(few / ".github" / "workflows" / "crosstasks.yml")["jobs"]["cross"]
    for row in job["strategy"]["matrix"]["include"]:
        *_, step = [step for step in job["steps"] if "run" in step]
        env = {key: row["session"] if "matrix.session" in value else value for key, value in step["env"].items()}
        argv = shlex.split(step["run"].replace("$SESSION", env["SESSION"]))
        assert ["python", "-m"] == argv[:2]
        done = run(*argv[2:], cwd=few / job["defaults"]["run"]["working-directory"], **env, GITHUB_ACTIONS="true", GITHUB_STEP_SUMMARY="")
        assert 0 == done.returncode, done.stderr
        uploaded = job["steps"][-1]["with"]["path"].replace("${{ matrix.target }}", row["target"]).split()
        assert all((few / path).exists() for path in uploaded), uploaded


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_drift_is_found_and_shown(provider, program, few):
    """A file that is missing, changed by hand, or older than the configuration fails; nothing is changed by looking."""
    path = few / Layout().path(provider)
    arguments = ("ci.generate", "--provider", provider)
    assert 1 == program(*arguments, "--check").returncode
    assert not path.exists()
    program(*arguments)
    assert (0, "") == ((done := program(*arguments, "--check")).returncode, done.stdout)
    (few / "crosstasks.toml").write_text(FEW.replace("s390x", "armv7"))
    done = program(*arguments, "--check")
    assert 1 == done.returncode
    assert '-          - { session: "cross-s390x"' in done.stdout or "-cross-s390x:" in done.stdout
    assert "without --check writes it anew" in done.stderr
    before = path.read_bytes()
    assert 0 == program(*arguments).returncode
    assert before != path.read_bytes()


@pytest.mark.parametrize("provider", ["github", "gitlab"])
def test_each_crate_of_a_monorepo_has_a_file_of_its_own(provider, program, few):
    """Whose jobs run where the noxfile is, with the prefix that the crate was registered with."""
    crate = few / "tools" / "cli"
    shutil.copytree(few / "src", crate / "src")
    for name in ("Cargo.toml", "crosstasks.toml"):
        shutil.copy(few / name, crate / name)
    done = program("ci.generate", "--provider", provider, "--prefix", "cli", cwd=crate)
    assert 0 == done.returncode, done.stderr
    path = Path(done.stdout.strip())
    assert ("crosstasks-tools-cli.yml", True) == (path.name, path.is_relative_to(few))
    text = path.read_text()
    assert '"cli-cross-test-s390x"' in text
    assert "tools/cli/target/crosstasks/" in text
    assert "working-directory: .\n" in text or "- cd .\n" in text


def test_a_file_of_the_user_is_left_as_it_is(program, few):
    """It is named, and another can be chosen."""
    (few / ".gitlab-ci.yml").write_text("stages: [mine]\n")
    done = program("ci.generate", "--provider", "gitlab")
    assert 2 == done.returncode
    assert "was not written by crosstasks" in done.stderr
    assert "stages: [mine]\n" == (few / ".gitlab-ci.yml").read_text()
    assert 0 == program("ci.generate", "--provider", "gitlab", "--output", ".gitlab/crosstasks.yml").returncode
    assert (few / ".gitlab" / "crosstasks.yml").exists()


def test_a_provider_that_there_is_not_is_2(program):
    """The known ones are named."""
    done = program("ci.generate", "--provider", "jenkins")
    assert (2, "") == (done.returncode, done.stdout)
    assert "github or gitlab" in done.stderr


def test_every_command_of_a_matrix_is_a_session(program, few, run):
    """Nox lists what the jobs call, and their tags are the sessions' own."""
    jobs = [job for verb in ("build", "test") for job in json.loads(program("matrix", "--verb", verb, "--format", "json").stdout)["jobs"]]
    listed = {session["session"]: session for session in json.loads(run("nox", "-l", "--json", "-t", "cross", cwd=few).stdout)}
    for job in jobs:
        assert f"nox -s {job['session']}" == job["command"]
        assert job["tags"] == listed[job["session"]]["tags"]
    assert 6 == len(jobs)


def test_a_matrix_of_github_is_one_line(program):
    """As $GITHUB_OUTPUT and fromJSON want it; --runner wins."""
    done = program("matrix", "--format", "github", "--runner", "aarch64=mine", "--runner", "linux/amd64=big")
    (line,) = done.stdout.splitlines()
    assert ["mine", "big", "big"] == [row["runner"] for row in json.loads(line)["include"]]


def test_a_matrix_of_gitlab_is_a_child_pipeline(program, tmp_path, check):
    """Which is valid as a file of its own."""
    path = tmp_path / "child.yml"
    path.write_text(program("matrix", "--format", "gitlab").stdout)
    assert 0 == check("vendor.gitlab-ci", path, "--data-transform", "gitlab-ci").returncode


def test_keys_of_caches_follow_the_files(program, few):
    """The configuration is for what is provided, Cargo.lock for dependencies."""

    def keys():
        job = json.loads(program("matrix", "--target", "s390x", "--format", "json").stdout)["jobs"][0]
        return job["cache_key"], job["cargo_key"]

    first = keys()
    assert "" == first[1]
    (few / "Cargo.lock").write_text("version = 4\n")
    second = keys()
    assert (first[0], True) == (second[0], second[1].startswith("cargo-"))
    (few / "rust-toolchain.toml").write_text('[toolchain]\nchannel = "1.85.0"\n')
    assert second[0] != keys()[0]


def test_sixty_targets_of_thirty_crates_take_less_than_a_second(program, repository):
    """The work itself, without starting Python: 1800 jobs."""
    import crosstasks.tasks.ci as task
    from crosstasks.tasks.call import Call

    triples = ", ".join(f'"{triple}"' for triple in _sixty())
    (repository / "crosstasks.toml").write_text(f"version = 1\ntargets = [{triples}]\n")
    for number in range(30):
        crate = repository / "crates" / f"c{number}"
        (crate / "src").mkdir(parents=True)
        (crate / "src" / "lib.rs").touch()
        (crate / "Cargo.toml").write_text(f'[package]\nname = "c{number}"\nversion = "0.1.0"\nedition = "2021"\n')
    (repository / "Cargo.toml").write_text('[workspace]\nmembers = ["crates/*"]\n')
    done = program("matrix", "--packages", "--format", "json")
    assert 1800 == len(json.loads(done.stdout)["jobs"]), done.stderr
    options = {"target": None, "verb": "build", "format": "json", "packages": True, "prefix": "", "runner": None, "changed_since": ""}
    begun = time.process_time()
    task.matrix(Call(repository, options))
    assert time.process_time() - begun < 1


@pytest.fixture
def changed(few):
    """The repository as a workspace of three crates, one of which has changed since ``main``."""
    (few / ".git").rmdir()
    for name, needs in {"base": "", "server": 'base = { path = "../base" }\n', "tool": ""}.items():
        (few / name / "src").mkdir(parents=True)
        (few / name / "src" / "main.rs").write_text("fn main() {}\n")
        (few / name / "src" / "lib.rs").touch()
        (few / name / "Cargo.toml").write_text(f'[package]\nname = "{name}"\nversion = "0.1.0"\n\n[dependencies]\n{needs}')
    (few / "Cargo.toml").write_text('[workspace]\nmembers = ["base", "server", "tool"]\nresolver = "2"\n')
    (few / "crosstasks.toml").write_text(FEW + '\n[target.s390x]\nmembers = ["tool"]\n')
    git = ("git", "-C", str(few), "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-q", "-m", "first")):
        subprocess.run((*git, *words), check=True)
    (few / "base" / "src" / "lib.rs").write_text("// changed\n")
    return few


def test_a_matrix_has_only_what_a_change_reaches(changed, program):
    """The targets that a changed crate is built for; with --packages the crates that need it, and no others."""
    listed = json.loads(program("matrix", "--changed-since", "main", "--format", "json").stdout)["jobs"]
    assert ["nox -s cross-aarch64", "nox -s cross-x86_64-musl"] == [job["command"] for job in listed]
    done = program("matrix", "--changed-since", "main", "--packages", "--target", "aarch64", "--format", "json")
    assert [f"nox -s cross-aarch64 -- -p {name}" for name in ("base", "server")] == [
        job["command"] for job in json.loads(done.stdout)["jobs"]
    ]
    done = program("matrix", "--packages", "--format", "json", CROSSTASKS_CHANGED_SINCE="HEAD", cwd=changed)
    assert 4 == len(json.loads(done.stdout)["jobs"]), done.stderr


def test_a_package_has_a_job_of_its_own_in_gitlab(changed, program, tmp_path, check):
    """Under a name of its own, and its session builds nothing else, whatever the configuration chooses."""
    path = tmp_path / "child.yml"
    path.write_text(program("matrix", "--packages", "--format", "gitlab").stdout)
    assert 0 == check("vendor.gitlab-ci", path, "--data-transform", "gitlab-ci").returncode
    job = YAML(typ="safe").load(path)["cross-s390x:tool"]
    assert {"SESSION": "cross-s390x", "CROSSTASKS_MEMBERS": "tool"}.items() <= job["variables"].items()
    loaded = configuration.load(changed, environ={"CROSSTASKS_MEMBERS": "base"})
    assert ("base",) == loaded.target("s390x-unknown-linux-gnu").members


@pytest.mark.parametrize("more", [(), ("--target", "s390x")])
def test_a_matrix_of_nothing_is_3(more, changed, program):
    """Nothing has changed, or nothing that is built for the target: there is no job, and the reason is told."""
    if not more:
        (changed / "base" / "src" / "lib.rs").write_text("")
    done = program("matrix", "--changed-since", "main", "--format", "github", *more)
    assert (3, "") == (done.returncode, done.stdout)
    assert "nothing is selected" in done.stderr


def _sixty():
    from crosstasks.catalog import targets

    return [triple for triple in targets.catalogue() if triple != "asmjs-unknown-emscripten"][:60]  # which nothing builds any more


def test_a_file_outside_of_the_repository_is_compared_too(program, tmp_path):
    """`--output` may name any place; it is shown as it was given."""
    done = program("ci.generate", "--check", "--output", str(tmp_path / "else.yml"))
    assert 1 == done.returncode
    assert done.stdout.startswith(f"--- {tmp_path / 'else.yml'}\n")
    assert "Traceback" not in done.stderr
