"""What logs of CI services understand, as text."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import pytest
import report_schema

from crosstasks.building.artifacts import Messages
from crosstasks.core.errors import ConfigError
from crosstasks.core.results import Artifact, Result
from crosstasks.core.steps import Diagnostic, Failure
from crosstasks.reporting import ci

GITHUB, GITLAB = {"GITHUB_ACTIONS": "true"}, {"GITLAB_CI": "true"}
WRONG = Diagnostic(level="error", message="100% wrong,\nreally: yes", code="E0308", path="src/a,b:c.rs", line=3, end_line=4, column=18)
WARNED = Diagnostic(level="warning", message="unused", code="unused_variables", path="src/lib.rs", line=1, end_line=1, column=1)
TOTAL = Diagnostic(level="error", message="aborting due to 1 previous error")


def result(**more):
    return Result(target="s390x-unknown-linux-gnu", verb="build", route="cross 0.2.5, image built here", seconds=1.26, **more)


@pytest.mark.parametrize(
    ("environ", "begin", "end"),
    [
        (GITHUB, "::group::test t", "::endgroup::"),
        (
            GITLAB,
            "\x1b[0Ksection_start:7:crosstasks_test_t\r\x1b[0Ktest t",
            "\x1b[0Ksection_end:7:crosstasks_test_t\r\x1b[0K",
        ),
        ({"TF_BUILD": "True"}, "", ""),
        ({}, "", ""),
    ],
)
def test_targets_fold_where_a_log_can(environ, begin, end, monkeypatch, capsys):
    """In the words of each service; nothing elsewhere."""
    monkeypatch.setattr(ci.time, "time", lambda: 7.9)
    with ci.fold("t", "test", environ):
        sys.stderr.write("between\n")
    assert "".join(f"{line}\n" for line in (begin, "between", end) if line) == capsys.readouterr().err


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [(GITHUB, True), (GITLAB, False), ({}, False), ({"CROSSTASKS_REPORT": "r.json"}, True), ({ci.QUALITY: "q"}, True)],
)
def test_messages_are_wanted_where_they_are_shown(environ, wanted):
    """Else cargo prints them itself."""
    assert wanted == ci.wants_diagnostics(environ)


def test_an_error_is_annotated_at_its_place():
    """Escaped as the service reads it; what only counts errors, and warnings, are left out."""
    failed = result(error="does not build", code=1, diagnostics=(WRONG, WARNED, TOTAL))
    assert [
        "::error file=sub/src/a%2Cb%3Ac.rs,line=3,endLine=4,col=18,title=error[E0308] (s390x-unknown-linux-gnu)::100%25 wrong,%0Areally: yes"
    ] == list(ci.github_annotations([failed], "/work/sub", "/work"))


def test_an_error_without_a_place_is_annotated_as_well():
    """A linker's has none, and one in a dependency none that the repository knows."""
    linker = Diagnostic(level="error", message="linking failed")
    outside = Diagnostic(level="error", message="no", path="/registry/x.rs", line=1)
    failed = result(error="no", diagnostics=(linker, outside))
    assert [
        "::error title=error (s390x-unknown-linux-gnu)::linking failed",
        "::error title=error (s390x-unknown-linux-gnu)::no",
    ] == list(ci.github_annotations([failed], "/w", "/w"))


def test_what_the_compiler_did_not_say_is_annotated_as_ours():
    """An engine that does not answer, a test that fails; nothing, if all went well."""
    assert ["::error title=build s390x-unknown-linux-gnu::no engine%0Ahint: start it"] == list(
        ci.github_annotations([result(error="no engine\nhint: start it", code=7)], "/w", "/w")
    )
    assert [] == list(ci.github_annotations([result(diagnostics=(WARNED,))], "/w", "/w"))


def test_a_summary_is_a_table_that_grows():
    """With a row for every artifact; a second session adds rows, but begins a table of its own below other text."""
    files = (Artifact(path="/t/one", size=1_500_000, glibc="2.34", sha256="ab" * 32), Artifact(path="/t/two.so", size=10, sha256="cd" * 32))
    failures = (Failure(route="cross git", what="no | image"),)
    first = ci.summary([result(artifacts=files, failures=failures)], "")
    assert first.startswith(
        "### crosstasks\n\n| target | | route | time | artifact | size | glibc | SHA-256 | routes that failed, or were refused |\n| --- |"
    )
    assert first.splitlines()[4:] == [
        f"| `s390x-unknown-linux-gnu` | ✅ build | cross 0.2.5, image built here | 1.3 s | `one` | 1.5 MB | 2.34 | `{'ab' * 32}` | cross git: no \\| image |",
        f"|  |  |  |  | `two.so` | 10 B |  | `{'cd' * 32}` |  |",
    ]
    more = ci.summary([result(error="broken\nfor a reason")], first)
    assert more == "| `s390x-unknown-linux-gnu` | ❌ build: broken | cross 0.2.5, image built here | 1.3 s |  |  |  |  |  |\n"
    assert ci.summary([result()], first + "\nother\n").startswith("\n### crosstasks\n")


def test_code_quality_names_each_place_once():
    """However many targets say it; with the severity that GitLab knows, and nothing outside the repository."""
    outside = Diagnostic(level="warning", message="old", path="/registry/src/lib.rs", line=1)
    found = ci.quality([result(diagnostics=(WARNED, WRONG, outside)), result(diagnostics=(WARNED,))], "/work/sub", "/work")
    assert [("minor", "sub/src/lib.rs", "unused_variables"), ("major", "sub/src/a,b:c.rs", "E0308")] == [
        (row["severity"], row["location"]["path"], row["check_name"]) for row in found
    ]
    assert len({row["fingerprint"] for row in found}) == 2


def test_messages_of_the_compiler_are_kept_and_shown(capsys):
    """Each once, with its primary place; what cargo would have printed is printed."""
    from pathlib import Path

    lines = (Path(__file__).parents[1] / "data" / "cargo" / "diagnostics.jsonl").read_bytes()
    messages = Messages()
    messages.feed(lines)
    messages.feed(lines)
    (said,) = messages.result().diagnostics
    assert ("error", "E0425", "src/main.rs", 1, 12) == (said.level, said.code, said.path, said.line, said.column)
    assert "error[E0425]: cannot find value `x` in this scope\n --> src/main.rs:1:12\n" in capsys.readouterr().err


@pytest.mark.parametrize("path", report_schema.SHIPPED, ids=lambda path: path.name)
def test_the_schemas_that_are_shipped_are_those_of_the_values(path):
    """`nox -s renew` writes them anew."""
    assert report_schema.text(report_schema.SHIPPED[path]) == path.read_text("utf-8")


def test_a_fold_ends_also_after_an_error(capsys):
    """Its lines go where progress goes; without a service there are none."""
    with pytest.raises(ZeroDivisionError), ci.fold("t", "test", GITHUB):
        raise ZeroDivisionError
    with ci.fold("t", "test", {}):
        pass
    assert ("", "::group::test t\n::endgroup::\n") == tuple(capsys.readouterr())


@pytest.fixture
def call(tmp_path, monkeypatch):
    """A call in CI that has every file written, by a process that has written none yet."""
    monkeypatch.setattr(ci, "_RESULTS", {})
    files = {name: str(tmp_path / name.lower()) for name in ("GITHUB_STEP_SUMMARY", ci.REPORT, ci.QUALITY)}
    return SimpleNamespace(root=tmp_path / "crate", environ={**GITHUB, **files, "GITHUB_WORKSPACE": str(tmp_path)})


def test_sessions_of_one_process_fill_the_same_files(call, tmp_path, capsys):
    """The report holds each target and verb once, as it went last; of an earlier process nothing stays in it."""
    (tmp_path / "crosstasks_report").write_text("of an earlier process")
    ci.finish([result(error="no engine", code=7)], call)
    ci.finish([result(diagnostics=(WARNED,)), Result(target="t", verb="test")], call)
    report = json.loads((tmp_path / "crosstasks_report").read_text())
    assert [("s390x-unknown-linux-gnu", "build", 0), ("t", "test", 0)] == [
        (row["target"], row["verb"], row.get("code", 0)) for row in report["results"]
    ]
    assert 0o644 == (tmp_path / "crosstasks_report").stat().st_mode & 0o777
    (place,) = [row["location"] for row in json.loads((tmp_path / "crosstasks_code_quality").read_text())]
    assert {"path": "crate/src/lib.rs", "lines": {"begin": 1}} == place
    summary = (tmp_path / "github_step_summary").read_text()
    assert (1, 3) == (summary.count("### crosstasks"), summary.count("\n| `"))
    assert "::error title=build s390x-unknown-linux-gnu::no engine\n" == capsys.readouterr().err


def test_the_top_of_the_repository_is_where_it_was_checked_out(call, tmp_path):
    """Without a service it is the workspace's own folder, and the compiler's paths begin there, not at a member."""
    (call.root / "member" / "src").mkdir(parents=True)
    (call.root / "Cargo.toml").write_text('[workspace]\nmembers = ["member"]\n')
    (call.root / "member" / "Cargo.toml").write_text('[package]\nname = "member"\nversion = "0.1.0"\n')
    (call.root / "member" / "src" / "lib.rs").touch()
    call.root = call.root / "member"
    for environ, path in (({"CI_PROJECT_DIR": str(tmp_path)}, "crate/src/lib.rs"), ({}, "src/lib.rs")):
        call.environ = {**environ, ci.QUALITY: str(tmp_path / "quality")}
        ci.finish([result(diagnostics=(WARNED,))], call)
        assert [path] == [row["location"]["path"] for row in json.loads((tmp_path / "quality").read_text())]


@pytest.mark.parametrize(
    ("place", "why"), [("deep/report.json", ""), ("folder", "Is a directory"), ("file/report.json", "File exists"), ("", "")]
)
def test_a_file_that_cannot_be_written_is_refused_before_the_work(tmp_path, place, why):
    """Its folder is made; nothing is left of the trial."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    environ = {ci.REPORT: str(tmp_path / place) if place else ""}
    if not why:
        ci.ready(environ)
    else:
        with pytest.raises(ConfigError) as raised:
            ci.ready(environ)
        assert (f"{tmp_path / place} cannot be written", why) == (raised.value.what, raised.value.why)
    assert sorted(path.name for path in tmp_path.rglob("*")) == sorted(["folder", "file", *(["deep"] if place.startswith("deep") else [])])
