"""What a container's cargo says reaches the log of a CI service as a host's would."""

from __future__ import annotations

import json

import pytest


@pytest.mark.parametrize(("builder", "verb"), [("cross", "build"), ("cross", "test"), ("zigbuild", "build")])
def test_an_error_is_annotated_whoever_built(builder, verb, crate, crosstasks):
    """The place is the repository's, not the container's; no other route is tried, and what rustc prints is there."""
    (crate / "src" / "main.rs").write_text('fn main() {\n    let x: u32 = "";\n}\n')
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(crate), "GITHUB_STEP_SUMMARY": ""}
    done = crosstasks(verb, "--target", "aarch64", "--builder", builder, "--format", "json", cwd=crate, **variables)
    (result,) = json.loads(done.stdout)["results"]
    assert (1, 1) == (done.returncode, result["code"]), done.stderr
    assert ("src/main.rs", 2) == (result["diagnostics"][0]["path"], result["diagnostics"][0]["line"])
    wanted = "::error file=src/main.rs,line=2,endLine=2,col=18,title=error[E0308] (aarch64-unknown-linux-gnu)::mismatched types"
    assert [wanted] == [line for line in done.stderr.splitlines() if line.startswith("::error")]
    assert " --> src/main.rs:2:18" in done.stderr


def test_tests_print_where_they_would(crate, crosstasks):
    """With messages as data, what a test program prints still goes to standard output, JSON of its own included."""
    (crate / "src" / "main.rs").write_text('fn main() {}\n#[test]\nfn speaks() {\n    println!("{{\\"reason\\": \\"mine\\"}}");\n}\n')
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(crate), "GITHUB_STEP_SUMMARY": ""}
    done = crosstasks("test", "--target", "x86_64", "--builder", "cargo", "--", "--", "--nocapture", cwd=crate, **variables)
    assert 0 == done.returncode, done.stderr
    assert '{"reason": "mine"}' in done.stdout
    assert "test result: ok. 1 passed" in done.stdout
    assert "compiler-artifact" not in done.stdout + done.stderr
