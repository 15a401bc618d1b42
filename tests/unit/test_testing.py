"""The public fakes: what they know, and that they refuse what they do not."""

from __future__ import annotations

import pytest

from crosstasks import testing
from crosstasks.config.configuration import Config
from crosstasks.core.errors import ConfigError, ToolMissing
from crosstasks.core.steps import Absent, Done, Failure, Question
from crosstasks.pipeline import FIRST
from crosstasks.testing import FakeRunner, arm64_facts, bare_facts, config, facts, image, served


@pytest.mark.parametrize("machine", [facts, arm64_facts, bare_facts])
def test_ready_facts_answer_what_every_plan_asks_first(machine):
    """And nothing of the network."""
    assert set(machine().answers) == set(FIRST)


def test_facts_are_changed_by_name():
    """A question with a subject is answered by that; None leaves one open; an unknown one is an error."""
    ref = "example.org/a:1"
    known = facts(images={ref: image(ref)}, registry={ref: Absent("no")}, debian=testing.BOOKWORM, engine=None)
    assert known.get(Question("image", ref)) == image(ref)
    assert known.get(Question("registry", ref)) == Absent("no")
    assert known["debian"] == testing.BOOKWORM
    assert known.open("engine", "host") == (Question("engine"),)
    assert facts(failures=[Failure(route="a", what="b")]).failures == (Failure(route="a", what="b"),)
    with pytest.raises(TypeError, match="engin"):
        facts(engin=None)


def test_a_served_image_is_of_amd64_if_nothing_else_is_said():
    """As all of cross's are."""
    assert served("a:1").platforms == ("linux/amd64",)
    assert served("a:1", "linux/arm64", index=False).platforms == ("linux/arm64",)


def test_a_configuration_is_checked_as_the_file_is():
    """And its values have the file as their source."""
    own = config("aarch64", git_url="https://example.org/cross", target={"armv7": {"glibc": "2.28"}}, release={"name": "x"})
    assert isinstance(own, Config)
    assert (own.target("armv7").glibc, own.target("aarch64").glibc, own.release.name) == ("2.28", "", "x")
    assert (own.source("git-url"), own.source("glibc", "armv7"), own.source("cross")) == ("crosstasks.toml", "crosstasks.toml", "default")
    with pytest.raises(ConfigError, match="perhaps 'image'"):
        config(imgae="x")


def test_programs_answer_from_the_table():
    """All calls are kept, with what each was given."""
    failed = Done(argv=("cargo", "test"), code=101, err="no")
    run = FakeRunner({("cargo", "--version"): "cargo 1.96.0\n", ("cargo", "test"): failed})
    assert run(["cargo", "--version"], env={"A": "1"}, cwd="/x") == Done(argv=("cargo", "--version"), code=0, out="cargo 1.96.0\n")
    assert run(("cargo", "test")) == failed
    assert (run.calls, run.envs, run.folders) == ([("cargo", "--version"), ("cargo", "test")], [{"A": "1"}, {}], ["/x", ""])


def test_a_program_that_is_not_in_the_table_is_missing():
    """One that is, must not be called otherwise."""
    run = FakeRunner({("cargo", "--version"): ""})
    with pytest.raises(ToolMissing):
        run(("rustup", "--version"))
    with pytest.raises(AssertionError, match="cargo build"):
        run(("cargo", "build"))
