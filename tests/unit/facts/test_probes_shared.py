"""Whether the engine sees our folders: when that is tried, with what, and what is said if it does not."""

from __future__ import annotations

import pytest
from facts_looks import Programs, look
from msgspec.structs import replace

from crosstasks.core.steps import Absent, Done, Question
from crosstasks.facts import ask
from crosstasks.facts.engine import Engine
from crosstasks.facts.probes import CODE, SharedFolder, doubtful, maps_folders
from crosstasks.testing import facts, repository

ENGINE = Engine(kind="docker", command="docker", version="1", arch="x86_64", apart=True, desktop="colima", store="overlay2")
HERE = facts().host
PROJECT = Question("shared", "project")


def programs(code, err=""):
    said = {"docker load": Done(argv=(), code=0), "docker rmi": Done(argv=(), code=0)}
    return Programs({**said, "docker run": Done(argv=(), code=code, err=err)})


def known(tmp_path, engine=ENGINE):
    return facts(engine=engine, repository=repository(target_directory=str(tmp_path / "target")))


@pytest.mark.parametrize(
    ("engine", "host", "expected"),
    [
        (replace(ENGINE, apart=False, desktop=""), HERE, False),
        (ENGINE, HERE, True),
        (replace(ENGINE, desktop=""), HERE, True),
        (replace(ENGINE, apart=False), HERE, True),
        (replace(ENGINE, remote=True), HERE, False),
        (replace(ENGINE, apart=False, desktop="", store="containerd"), replace(HERE, container="docker"), True),
        (ENGINE, replace(HERE, container="docker"), False),
        (replace(ENGINE, store="fuse-overlayfs"), replace(HERE, container="docker"), True),
        (ENGINE, replace(HERE, container="unknown"), True),
    ],
)
def test_when_it_is_tried(engine, host, expected):
    """Not with an engine that is plainly here, nor on another machine, nor where cross finds the folders of our container."""
    assert expected is doubtful(engine, host)
    assert maps_folders(engine, host) is (host.container == "docker" and engine.store == "overlay2")


@pytest.mark.parametrize("subject", ["project", "cache"])
def test_a_program_in_the_folder_is_run_and_removed(tmp_path, subject):
    """It ends with a code of its own; that is kept, so that the next call asks nothing."""
    runner = programs(CODE)
    question, folder = Question("shared", subject), tmp_path / {"project": "target/crosstasks", "cache": "cache"}[subject]
    for _ in range(2):
        assert SharedFolder(folder=str(folder)) == ask(question, look(tmp_path, runner), known(tmp_path))
    (call,) = [call for call in runner.calls if call[1] == "run"]
    assert f"--mount=type=bind,source={folder},target=/shared" in call
    assert "--security-opt=label=disable" not in call
    assert [] == list(folder.glob(".shared-*"))


def test_what_is_not_shared_is_named_with_the_setting(tmp_path):
    """As the product calls it; an engine that is not known by name has none. It is asked anew, since it may have been mended."""
    runner = programs(125, "bind source path does not exist: /x")
    folder = tmp_path / "target" / "crosstasks"
    for _ in range(2):
        found = ask(PROJECT, look(tmp_path, runner), known(tmp_path))
    assert f"the engine does not see {folder}: it runs in the machine of colima, and its container says: bind source" in found.why
    assert (
        f"share it: `colima stop`, then `colima start --mount {folder}:w`; or `CROSS_REMOTE=1` has all copied to it; zigbuild needs no engine"
        == found.hint
    )
    assert 2 == len([call for call in runner.calls if call[1] == "run"])
    other = ask(PROJECT, look(tmp_path, runner), known(tmp_path, replace(ENGINE, desktop="")))
    assert "let the engine have it at the same path; or `CROSS_REMOTE=1` has all copied to it; zigbuild needs no engine" == other.hint


def test_labels_of_selinux_do_not_hide_a_folder(tmp_path):
    """It is there all the same: cross has it labelled."""
    runner = programs(CODE)
    ask(PROJECT, look(tmp_path, runner), known(tmp_path, replace(ENGINE, selinux=True)))
    (call,) = [call for call in runner.calls if call[1] == "run"]
    assert "--security-opt=label=disable" in call


def test_without_a_program_for_it_nothing_is_said_against_it(tmp_path):
    """Then cross itself will find out."""
    found = ask(PROJECT, look(tmp_path), known(tmp_path, replace(ENGINE, arch="sparc64")))
    assert SharedFolder(folder=str(tmp_path / "target" / "crosstasks")) == found


def test_reasons_of_others_stay(tmp_path):
    """No engine, no repository, an engine that takes no image, a folder that cannot be written."""
    gone = Absent("docker is not on PATH")
    assert gone == ask(PROJECT, look(tmp_path), facts(engine=gone))
    assert gone == ask(PROJECT, look(tmp_path), facts(engine=ENGINE, repository=gone))
    refusing = Programs({"docker load": Done(argv=(), code=1, err="no space"), "docker rmi": Done(argv=(), code=0)})
    assert "does not take an image" in ask(PROJECT, look(tmp_path, refusing), known(tmp_path)).why
    folder = tmp_path / "target" / "crosstasks"
    folder.rmdir()
    folder.touch()
    assert "cannot be written" in ask(PROJECT, look(tmp_path, programs(CODE)), known(tmp_path)).why
