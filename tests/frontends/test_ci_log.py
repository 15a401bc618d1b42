"""Builds that fail and succeed, with real cargo, as CI services see them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from crosstasks.catalog.machines import host_triple
from crosstasks.core.about import PACKAGE
from crosstasks.core.looking import Platform

HOST = host_triple(Platform.here())
SERVICES = {"GITHUB_ACTIONS": "", "GITLAB_CI": "", "GITHUB_STEP_SUMMARY": "", "GITHUB_WORKSPACE": "", "CI_PROJECT_DIR": ""}
WRONG = 'fn main() {\n    let unused = 1;\n    let x: u32 = "100%";\n}\n'


@pytest.fixture
def below(repository):
    """The crate two folders below the top, for the machine's own target, to be built by cargo alone."""
    (repository / "crosstasks.toml").write_text(f'version = 1\ntargets = ["{HOST}"]\nbuilder = "cargo"\n')
    place = repository.parent / "top" / "rust"
    place.parent.mkdir()
    repository.rename(place)
    return place


@pytest.fixture
def broken(below):
    (below / "src" / "main.rs").write_text(WRONG)
    return below


def github(place, **more):
    summary = place.parent / "summary.md"
    return SERVICES | {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_WORKSPACE": str(place.parent)} | more


PLACE = f"::error file=rust/src/main.rs,line=3,endLine=3,col=18,title=error[E0308] ({HOST})::mismatched types"


@pytest.mark.parametrize("call", [("crosstasks", "build"), ("nox", "-s", "cross"), ("crosstasks", "test")])
def test_an_error_is_annotated_in_github(call, broken, run):
    """Once, after the fold, with file and line; what rustc prints is still there, and the summary names the failure."""
    done = run(*call, cwd=broken, **github(broken))
    lines = done.stderr.splitlines()
    assert 1 == done.returncode
    assert [PLACE] == [line for line in lines if line.startswith("::error")]
    verb = "test" if "test" in call else "build"
    assert (
        lines.index(f"::group::{verb} {HOST}")
        < lines.index("error[E0308]: mismatched types")
        < lines.index("::endgroup::")
        < lines.index(PLACE)
    )
    assert f"| `{HOST}` | ❌ {verb}: {HOST}" in (broken.parent / "summary.md").read_text()


def test_a_build_is_summed_up_in_github(below, run):
    """Two sessions of one process share a table, with size and SHA-256; no error, no annotation; the report holds both."""
    done = run("nox", "-s", "cross", "cross-test", cwd=below, **github(below, CROSSTASKS_REPORT="report.json"))
    assert 0 == done.returncode, done.stderr
    assert "::error" not in done.stderr
    assert "test result: ok" in done.stdout
    text = (below.parent / "summary.md").read_text()
    assert 1 == text.count("### crosstasks")
    assert f"| `{HOST}` | ✅ build | " in text
    report = json.loads((below / "report.json").read_text())
    jsonschema.validate(report, json.loads((PACKAGE / "reporting" / "report.schema.json").read_text()))
    assert ["build", "test"] == [result["verb"] for result in report["results"]]
    (artifact,) = report["results"][0]["artifacts"]
    assert [] == report["results"][1]["artifacts"]
    assert artifact["sha256"] in text


def test_a_report_holds_what_went_wrong(broken, run, tmp_path):
    """Without any CI service, at the path of --report, with nothing of an earlier run; the build's code is kept."""
    path = tmp_path / "deep" / "report.json"
    for _ in range(2):
        done = run("crosstasks", "build", "--report", str(path), cwd=broken, **SERVICES)
        assert 1 == done.returncode
        (result,) = json.loads(path.read_text())["results"]
    assert ("src/main.rs", 3, "E0308") == tuple(result["diagnostics"][0][key] for key in ("path", "line", "code"))
    assert "cargo" in result["route"]
    assert "::error" not in done.stderr
    assert [path] == list(path.parent.iterdir())


def test_json_stays_alone_on_standard_output(broken, run):
    """Folds and annotations go to standard error."""
    done = run("crosstasks", "build", "--format", "json", cwd=broken, **github(broken))
    assert 1 == json.loads(done.stdout)["results"][0]["code"]
    assert PLACE in done.stderr


def test_gitlab_folds_and_is_given_code_quality(broken, run):
    """Its sections have ids, its report the place as the repository has it."""
    quality = broken.parent / "gl-code-quality-report.json"
    variables = {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(broken.parent), "CROSSTASKS_CODE_QUALITY": str(quality)}
    done = run("nox", "-s", "cross", cwd=broken, **SERVICES | variables)
    assert f":crosstasks_build_{HOST}" in done.stderr
    assert "::error" not in done.stderr
    found = json.loads(quality.read_text())
    assert {"path": "rust/src/main.rs", "lines": {"begin": 3}} in [row["location"] for row in found]


@pytest.mark.parametrize("call", [("crosstasks", "build"), ("nox", "-s", "cross")])
@pytest.mark.parametrize("place", ["file/report.json", "src"])
def test_a_report_that_cannot_be_written_is_refused(call, place, below, run):
    """Before the build, by 2: below a file, or as a folder that is there."""
    (below / "file").touch()
    done = run(*call, cwd=below, CROSSTASKS_REPORT=str(below / place))
    assert done.returncode == (2 if call[0] == "crosstasks" else 1)
    assert f"{below / place} cannot be written" in done.stderr
    assert not Path(below, "target").exists()


@pytest.mark.parametrize("call", [("crosstasks", "build", "--format", "json"), ("nox", "-s", "cross")])
def test_a_report_that_cannot_be_written_hides_no_failure(call, below, run):
    """A build that puts a folder in its place: why there is no build is told as well, and the result in JSON is still given."""
    (below / "build.rs").write_text('fn main() { std::fs::create_dir("report.json").unwrap(); panic!("not today"); }\n')
    done = run(*call, cwd=below, CROSSTASKS_REPORT=str(below / "report.json"))
    assert done.returncode
    assert "report.json cannot be written" in done.stderr
    assert "not today" in done.stderr
    if "json" in call:
        assert [1] == [result["code"] for result in json.loads(done.stdout)["results"]]


@pytest.mark.parametrize("call", [("crosstasks", "build", "--format", "json"), ("nox", "-s", "cross")])
def test_a_target_folder_that_is_closed_is_a_result(call, below, run):
    """The folder is named, by 2, and there is no traceback."""
    (below / "target").touch()
    done = run(*call, cwd=below)
    assert done.returncode
    assert f"{below / 'target' / 'crosstasks'} cannot be used\nNot a directory" in done.stderr
    assert "Traceback" not in done.stderr
    if "json" in call:
        assert [2] == [result["code"] for result in json.loads(done.stdout)["results"]]
