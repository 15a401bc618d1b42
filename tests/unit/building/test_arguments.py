"""What users hand on to cargo."""

from __future__ import annotations

import pytest

from crosstasks.building.arguments import OURS, check
from crosstasks.core.errors import RefusedArgument


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--release", "--features", "tls"),
        ("--targets-of-mine",),
        ("-p", "server", "--", "--target", "x", "-q", "+nightly"),
        ["--release"],
    ],
)
def test_cargos_own_arguments_pass_as_they_are(arguments):
    """What follows ``--`` is for the program or the test, and none of our business."""
    assert check(arguments) == tuple(arguments)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--target", "'--target': name the target by the session"),
        ("--target=aarch64-unknown-linux-gnu", "'--target=aarch64-unknown-linux-gnu': name the target by the session"),
        ("--target-dir=out", "'--target-dir=out': every route has a target folder of its own"),
        ("--message-format=json", "'--message-format=json': the artifacts are read from cargo's JSON messages"),
        ("-C", "'-C': call crosstasks in that folder; in a noxfile, `register(root=…)` names it"),
        ("-q", "'-q': cross would hide what it does as well"),
        ("--quiet", "'--quiet': cross would hide what it does as well"),
        ("+nightly", "'+nightly': set `toolchain` in crosstasks.toml"),
    ],
)
def test_what_is_ours_to_set_is_refused_with_what_to_use_instead(argument, said):
    """It would make cross build something else than what is planned and verified."""
    with pytest.raises(RefusedArgument) as caught:
        check(("--release", argument))
    (problem,) = caught.value.problems
    assert problem.startswith(said)


def test_all_of_them_are_named_at_once():
    """One run tells all that has to be changed."""
    with pytest.raises(RefusedArgument) as caught:
        check(("+stable", *OURS, "--", "-q"))
    assert len(caught.value.problems) == len(OURS) + 1
