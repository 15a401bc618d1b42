"""Several workspaces in one repository, built by the real cross."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from workspaces import generate

GIT = ("git", "-c", "protocol.file.allow=always", "-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")

TARGETS = 'targets = ["aarch64", "armv7", "i686", "s390x", "powerpc64le", "x86_64"]'


def write(folder, **files):
    """Write files; of their names, ``__`` is a slash and a last ``_`` a dot."""
    for name, text in files.items():
        stem, _, ending = name.replace("__", "/").rpartition("_")
        path = folder / f"{stem}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def committed(folder):
    """Make a git repository of a folder."""
    subprocess.run((*GIT, "init", "-q", str(folder)), check=True)
    subprocess.run((*GIT, "-C", str(folder), "add", "-A"), check=True)
    subprocess.run((*GIT, "-C", str(folder), "commit", "-q", "-m", "first"), check=True)


def package(name, *more):
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n' + "".join(f"{line}\n" for line in more)


@pytest.fixture
def monorepo(tmp_path):
    """A service that needs a crate of another workspace, which inherits, a text above both, a submodule, and git's word."""
    part = tmp_path / "part"
    write(part, Cargo_toml=package("part"), src__lib_rs="pub const PART: u32 = 7;\n")
    committed(part)
    top = tmp_path / "top"
    write(
        top,
        crosstasks_toml=f"version = 1\n{TARGETS}\n",
        shared__greeting_txt="good day",
        libs__Cargo_toml='[workspace]\nmembers = ["log"]\nresolver = "2"\n[workspace.package]\nversion = "3.2.1"\nedition = "2021"\n',
        libs__log__Cargo_toml='[package]\nname = "log-own"\nversion.workspace = true\nedition.workspace = true\n',
        libs__log__src__lib_rs='pub const VERSION: &str = env!("CARGO_PKG_VERSION");\n',
        services__api__Cargo_toml=package(
            "api", "[dependencies]", 'log-own = { path = "../../libs/log" }', 'part = { path = "../../parts/part" }'
        ),
        services__api__src__main_rs=(
            'fn main() { println!("{} {} {}", log_own::VERSION, part::PART, include_str!("../../../shared/greeting.txt")); }\n'
        ),
        tools__Cargo_toml=package("tools"),
        tools__src__main_rs='fn main() { println!("{}", include_str!("../../shared/greeting.txt")); }\n',
    )
    subprocess.run((*GIT, "init", "-q", str(top)), check=True)
    subprocess.run((*GIT, "-C", str(top), "submodule", "--quiet", "add", str(part), "parts/part"), check=True)
    committed(top)
    return top


def built(done):
    """Return the artifacts of a build that went well."""
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["route"].startswith("cross 0.2.5")
    return [Path(artifact["path"]) for artifact in result["artifacts"]]


def build(crosstasks, folder, *arguments):
    return built(crosstasks("build", "--target", "x86_64", "--builder", "cross", "--format", "json", *arguments, cwd=folder))


def test_what_lies_around_a_workspace_is_there_in_the_container(monorepo, crosstasks):
    """Path dependencies outside, inheritance from their workspace, a text above, a submodule."""
    (program,) = build(crosstasks, monorepo / "services" / "api")
    assert "3.2.1 7 good day\n" == subprocess.run((str(program),), check=True, capture_output=True, text=True).stdout


def test_a_second_workspace_is_provided_with_nothing(monorepo, crosstasks):
    """One configuration at the top serves both; the toolchain, the image and cross are there already."""
    build(crosstasks, monorepo / "services" / "api")
    done = crosstasks("plan", "--target", "x86_64", "--builder", "cross", "--format", "json", cwd=monorepo / "tools")
    assert [] == json.loads(done.stdout)["plans"][0]["steps"]
    (program,) = build(crosstasks, monorepo / "tools")
    assert "good day\n" == subprocess.run((str(program),), check=True, capture_output=True, text=True).stdout


def test_a_shell_has_it_as_well(monorepo, crosstasks):
    """It begins in the workspace, where that stands on the host."""
    done = crosstasks("shell", "--target", "x86_64", cwd=monorepo / "tools", stdin="pwd\ncat ../shared/greeting.txt\n")
    assert (0, f"{monorepo}/tools\ngood day") == (done.returncode, done.stdout), done.stderr


def test_a_submodule_is_a_workspace_too(monorepo, crosstasks):
    """It is built with the repository around it at hand, also for git."""
    write(
        monorepo / "parts" / "part",
        build_rs='fn main() { assert!(std::path::Path::new("../../.git/modules/parts/part/HEAD").exists()); }\n',
        src__main_rs='fn main() { println!("{}", include_str!("../../../shared/greeting.txt")); }\n',
    )
    assert build(crosstasks, monorepo / "parts" / "part")


def test_a_worktree_has_its_history(monorepo, crosstasks, tmp_path):
    """What its file .git leads to is there."""
    tree = tmp_path / "tree"
    subprocess.run((*GIT, "-C", str(monorepo), "worktree", "add", "-q", str(tree)), check=True)
    write(tree / "tools", build_rs=f'fn main() {{ assert!(std::path::Path::new("{monorepo}/.git/worktrees/tree/HEAD").exists()); }}\n')
    assert build(crosstasks, tree / "tools")


def test_packages_and_features_are_chosen_for_a_target(tmp_path, crosstasks):
    """`members`, `exclude` and `features`, each for one target only."""
    folder = generate(tmp_path / "many", 7)
    for number in (3, 6):
        with (folder / f"crates/crate-0{number}/Cargo.toml").open("a") as file:
            file.write("[features]\nloud = []\n")
        (folder / f"crates/crate-0{number}/src/main.rs").write_text('fn main() { println!("{}", cfg!(feature = "loud")); }\n')
    with (folder / "crosstasks.toml").open("a") as file:
        file.write('[target.x86_64]\nmembers = ["crate-03", "crate-06"]\nfeatures = ["crate-06/loud"]\n')
        file.write('[target.i686]\nexclude = ["crate-00", "crate-06"]\n')
    said = {}
    for program in build(crosstasks, folder):
        said[program.name] = subprocess.run((str(program),), check=True, capture_output=True, text=True).stdout
    assert {"crate-03": "false\n", "crate-06": "true\n"} == said
    done = crosstasks("build", "--target", "i686", "--builder", "cross", "--format", "json", cwd=folder)
    assert ["crate-03"] == [path.name for path in built(done)]


def test_targets_are_named_without_a_configuration(crate, crosstasks):
    """On the command line, or in a variable, which otherwise names them instead of the file."""
    config = crate / "crosstasks.toml"
    named = crosstasks("plan", "--format", "json", cwd=crate, CROSSTASKS_TARGETS="armv7 i686")
    assert ["armv7-unknown-linux-gnueabihf", "i686-unknown-linux-gnu"] == [plan["target"] for plan in json.loads(named.stdout)["plans"]]
    config.unlink()
    for arguments, env in ((("--target", "x86_64"), {}), ((), {"CROSSTASKS_TARGETS": "x86_64"})):
        done = crosstasks("plan", *arguments, "--format", "json", cwd=crate, **env)
        assert 0 == done.returncode, done.stderr
        assert ["x86_64-unknown-linux-gnu"] == [plan["target"] for plan in json.loads(done.stdout)["plans"]]
