"""What git is asked, what its answers mean, and what it does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from crosstasks.clients import git
from crosstasks.core.errors import ConfigError, CrosstasksError
from crosstasks.core.steps import Done
from crosstasks.testing import FakeRunner

ROOT = Path("/w/sub")
HERE = ("git", "-C", "/w/sub")
STATUS = (*HERE, "status", "--porcelain=v1", "-z", "--untracked-files=normal", "--", ":(top)")
ANSWERS = {
    (*HERE, "rev-parse", "--show-toplevel"): "/w\n",
    (*HERE, "log", "-1", f"--format={git.FORMAT}"): "c0ffee\0001764417000\0A subject\n",
    STATUS: "",
    (*HERE, "branch", "--show-current"): "main\n",
    (*HERE, "for-each-ref", f"--format={git.TAGS}", "refs/tags"): "v1\0tag1\0c0ffee\nv2\0beef\0\n",
}


def failed(err):
    """Return what git says that refuses."""
    return Done(argv=(), code=128, err=err)


def test_what_git_knows_is_asked_without_its_hooks():
    """Neither a hook nor a monitor that the repository names is started; folders of ours are left out, if they lie in it."""
    kept = (*STATUS, ":(top,exclude,literal)target", ":(top,exclude,literal)a/b")
    run = FakeRunner({**ANSWERS, kept: "?? new\0R  to\0from\0"})
    without = (Path("/w/target"), Path("/w/a/b"), Path("/w"), Path("/elsewhere"))
    assert git.Git(
        top="/w",
        commit="c0ffee",
        time=1764417000,
        subject="A subject",
        branch="main",
        tags={"v1": "c0ffee", "v2": "beef"},
        without=without,
        dirty=("new", "to"),
    ) == git.look(ROOT, run, without=without)
    parameters = "'core.fsmonitor=false' 'core.hooksPath=/dev/null'"
    assert all((env["GIT_CONFIG_PARAMETERS"], env["GIT_OPTIONAL_LOCKS"], env["LC_ALL"]) == (parameters, "0", "C") for env in run.envs)


def test_a_repository_may_be_reached_through_a_link(tmp_path):
    """Git tells where it really is; a folder that is a link itself is left out as the link."""
    (tmp_path / "real" / "elsewhere").mkdir(parents=True)
    (tmp_path / "real" / "dist").symlink_to("elsewhere")
    (tmp_path / "link").symlink_to("real")
    root = tmp_path / "link"
    here = ("git", "-C", str(root))
    kept = (*here, *STATUS[3:], ":(top,exclude,literal)dist", ":(top,exclude,literal)target")
    answers = {(*here, *words[3:]): answer for words, answer in ANSWERS.items()} | {kept: ""}
    answers[*here, "rev-parse", "--show-toplevel"] = f"{tmp_path / 'real'}\n"
    run = FakeRunner(answers)
    git.look(root, run, without=(root / "dist", root / "target", root))
    assert kept in run.calls


@pytest.mark.parametrize(
    ("place", "kind", "what", "hint"),
    [
        (0, ConfigError, "/w/sub is in no git repository", "a release is made of a commit"),
        (1, ConfigError, "the git repository has no commit", "commit what is to be released"),
        (2, CrosstasksError, "git does not tell what is committed", ""),
    ],
)
def test_where_git_refuses(place, kind, what, hint):
    """Its own words are told, and nothing more is asked."""
    run = FakeRunner({**ANSWERS, tuple(ANSWERS)[place]: failed("fatal: no\n")})
    with pytest.raises(kind) as raised:
        git.look(ROOT, run)
    assert (kind, what, "fatal: no", hint) == (type(raised.value), raised.value.what, raised.value.why, raised.value.hint)
    assert place + 1 == len(run.calls)


def test_the_files_of_a_commit_are_regular_ones():
    """Links and submodules are none."""
    ask = (*HERE, "ls-tree", "-r", "-z", "HEAD")
    rows = ("100644 blob 1\ta b", "100755 blob 2\tsub/run", "120000 blob 3\tlink", "160000 commit 4\tmodule", "")
    assert {ROOT / "a b", ROOT / "sub/run"} == git.head_files(ROOT, FakeRunner({ask: "\0".join(rows)}))
    with pytest.raises(CrosstasksError, match="git does not tell what is committed\nfatal: no"):
        git.head_files(ROOT, FakeRunner({ask: failed("fatal: no")}))


@pytest.mark.parametrize(
    ("content", "paths"),
    [
        (None, ()),
        (b"\xff", ()),
        (b'[submodule "a"]\n\tpath = lib/a\n\turl = x\n[submodule "b"]\n\tpath=b c\n', ("lib/a", "b c")),
        (b"path = ../up\npath = /abs\npath =\npath = in/../../up\npath = ok\n", ("ok",)),
    ],
)
def test_where_submodules_lie(tmp_path, content, paths):
    """Only places inside the repository are believed."""
    if content is not None:
        (tmp_path / ".gitmodules").write_bytes(content)
    assert paths == git.submodules(tmp_path)
