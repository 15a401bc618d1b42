"""Programs that build, by what they say of themselves."""

from __future__ import annotations

import pytest
from facts_looks import Programs, look, program, recorded

from crosstasks.core import cache
from crosstasks.core.steps import Absent, Done, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.builders import Builder, parse

CROSS = recorded("programs/cross-0.2.5-pypi.out", code=1, err="programs/cross-0.2.5-pypi.err")


def said(out, code=0):
    return Done(argv=("it",), code=code, out=out)


@pytest.mark.parametrize(
    ("done", "found"),
    [
        (CROSS, ("0.2.5", "88f49ff 2023-02-04")),
        (said("cross 0.2.5\n"), ("0.2.5", "")),
        (said("cross 0.2.4 (4645d93 2022-07-10)\ncargo 1.96.0\n"), ("0.2.4", "4645d93 2022-07-10")),
        (said("cargo-zigbuild 0.24.0\n"), ("0.24.0", "")),
        (said("0.17.1\n"), ("0.17.1", "")),
        (said("cargo 1.85.0 (d73d2caf9 2024-12-31)\n"), ("1.85.0", "d73d2caf9 2024-12-31")),
    ],
)
def test_version_and_commit_are_in_the_first_line(done, found):
    """How the program ended does not matter."""
    assert found == parse(done)


def test_what_says_nothing_is_no_builder():
    """Silence is a reason."""
    assert isinstance(parse(said("", code=1)), Absent)
    assert isinstance(parse(said("usage: cross\n")), Absent)


def test_cross_is_asked_where_it_can_do_nothing_else(tmp_path):
    """It gets an empty folder as PATH, a stand-in for rustc, and no reason to fail in CI."""
    run = Programs({"cross --version": CROSS})
    here = look(tmp_path, run, programs=("cross", "true", "docker"))
    (cross,) = ask(Question("builders"), here, Facts()).programs
    assert Builder(kind="cross", path=f"{tmp_path}/bin/cross", version="0.2.5", commit="88f49ff 2023-02-04") == cross
    env = run.envs[0]
    assert (f"{tmp_path}/bin/true", "0") == (env["RUSTC"], env["CROSS_NO_WARNINGS"])
    assert str(tmp_path / "bin") not in str(env["PATH"])


def test_a_second_look_starts_no_program(tmp_path):
    """What they say is kept until their files change."""
    run = Programs({"cross --version": CROSS, "zig version": said("0.17.1")})
    here = look(tmp_path, run, programs=("cross", "zig", "true"))
    assert ask(Question("builders"), here, Facts()) == ask(Question("builders"), here, Facts())
    assert 2 == len(run.calls)


def test_our_cache_counts_after_path(tmp_path):
    """A tool in our cache counts once it is whole."""
    run = Programs({"cross --version": CROSS})
    here = look(tmp_path, run, programs=("cross", "true"))
    for name, ready in (("cross-git-8c1a8aa4b661-x86_64-unknown-linux-gnu", True), ("cross-0.2.4-x86_64-unknown-linux-gnu", False)):
        place = tmp_path / "cache/tools" / name
        if ready:
            cache.make_once(place, lambda draft: program(draft / "bin", "cross"), ["bin/*"])
        else:
            program(place / "bin", "cross")
    found = ask(Question("builders"), here, Facts()).all("cross")
    assert ["PATH", "cache"] == [builder.place for builder in found]


def test_what_was_damaged_is_not_run(tmp_path):
    """Not even to ask for its version."""
    run = Programs({"cross --version": CROSS})
    place = tmp_path / "cache/tools/cross-0.2.5-x86_64-unknown-linux-gnu"
    cache.make_once(place, lambda draft: program(draft / "bin", "cross"), ["bin/*"])
    program(place / "bin", "cross", "another")
    assert () == ask(Question("builders"), look(tmp_path, run, programs=("true",)), Facts()).programs
    assert [] == run.calls


def test_rustups_cargo_is_a_proxy_and_another_is_a_builder(tmp_path):
    """A proxy's version is that of whatever toolchain is active."""
    run = Programs({"cargo --version": said("cargo 1.85.0")})
    here = look(tmp_path, run, programs=("cargo", "rustup", "true"))
    assert () == ask(Question("builders"), here, Facts()).programs
    (tmp_path / "bin/rustup").unlink()
    assert "1.85.0" == ask(Question("builders"), here, Facts()).all("cargo")[0].version


def test_zig_may_be_a_module_of_python(tmp_path):
    """cargo-zigbuild calls `python3 -m ziglang`, so the zig of that Python is one."""
    run = Programs({"zig version": said("0.17.1")})
    here = look(tmp_path, run, programs=("python3",))
    program(tmp_path / "lib/python3.12/site-packages/ziglang", "zig")
    assert "0.17.1" == ask(Question("builders"), here, Facts()).all("zig")[0].version


def test_a_broken_program_is_left_out(tmp_path):
    """One that cannot be run does not keep the others from being found."""
    run = Programs({"zig version": said("0.17.1")})
    assert ["zig"] == [
        builder.kind for builder in ask(Question("builders"), look(tmp_path, run, programs=("cross", "zig")), Facts()).programs
    ]
