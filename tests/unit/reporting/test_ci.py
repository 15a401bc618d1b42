"""What logs of CI services understand, as text."""

from __future__ import annotations

import pytest
import report_schema

from crosstasks.building.artifacts import Messages
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
def test_targets_fold_where_a_log_can(environ, begin, end):
    """In the words of each service; nothing elsewhere."""
    assert (begin, end) == (ci.begin("t", "test", environ, 7), ci.end("t", "test", environ, 7))


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
