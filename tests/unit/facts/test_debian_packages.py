"""Whether a release has the packages that an image is to hold."""

from __future__ import annotations

from dataclasses import replace

from facts_looks import look

from crosstasks.core.errors import ToolMissing
from crosstasks.core.steps import Absent, Question
from crosstasks.facts import Facts, ask
from crosstasks.facts.debian import MissingPackages, question
from crosstasks.facts.host import Host

FACTS = Facts(answers={Question("host"): Host(os="linux", arch="x86_64", triple="x86_64-unknown-linux-gnu", apt=True, suite="bookworm")})
ASKED = question("bullseye", "arm64", ["libsl-dev", "zlib1g-dev"])


def test_the_archive_is_asked_for_the_names_once_a_day(tmp_path):
    """In the release and for the architecture of the question; and the answer is kept, for the mirror that was asked."""
    calls, time = [], [1000.0]

    def lacking(*asked):
        calls.append(asked)
        return {"libsl-dev": "libssl-dev"}

    here = look(tmp_path, debian_missing=lacking, now=lambda: time[0])
    for time[0] in (1000.0, 80_000.0):
        assert ask(ASKED, here, FACTS) == MissingPackages(suite="bullseye", architecture="arm64", names={"libsl-dev": "libssl-dev"})
    assert calls == [("bullseye", "arm64", ["libsl-dev", "zlib1g-dev"])]
    ask(ASKED, replace(here, debian_mirror="https://mirror.example"), FACTS)
    assert len(calls) == 2


def test_an_archive_that_cannot_say_is_absent(tmp_path):
    """So is one that must not be asked."""

    def lacking(*_asked):
        raise ToolMissing("Debian's lists cannot be had")

    assert ask(ASKED, look(tmp_path, debian_missing=lacking), FACTS) == Absent("Debian's lists cannot be had")
    assert ask(ASKED, look(tmp_path, debian_missing=lacking, offline=True), FACTS) == Absent("offline = true")
