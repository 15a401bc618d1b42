"""Falling back: which failures lead to another route, what they change, and what ends the work."""

from __future__ import annotations

import pytest
from planning import settle, world

from crosstasks.core.errors import (
    BuildFailed,
    ConfigError,
    DiskFull,
    EmulationFailed,
    EngineFailed,
    ImageFailed,
    NoRoute,
    RefusedArgument,
    TimedOut,
    ToolMissing,
)
from crosstasks.core.steps import Absent
from crosstasks.facts.engine import INSTALL
from crosstasks.facts.host import Host
from crosstasks.planning import plan
from crosstasks.testing import AMD64, ARM64, arm64_facts, config, facts, image

UPSTREAM = "cross 0.2.5, upstream image"
BUILT = "cross 0.2.5, image built here"
CI = Host(os="linux", arch="x86_64", triple=AMD64, libc="gnu", glibc="2.36", apt=True, suite="bookworm", ci="github")


def planned(known=None, own=None):
    """Return a plan, and all that was known when it was made."""
    known, own = known or facts(), own or config()
    made, asked = settle("aarch64", known, own)
    answers = world()
    return made, known.with_({question: answers[question.about](question.subject) for question in asked}), own


def looked(known, machine=None):
    """Return what is known after the machine was looked at again."""
    return known.with_({q: fact for q, fact in (machine or facts()).answers.items() if q not in known.answers})


@pytest.mark.parametrize("kind", [BuildFailed, ConfigError, RefusedArgument, DiskFull, TimedOut])
@pytest.mark.parametrize("strict", [True, False])
def test_what_ends_the_work(kind, strict):
    """The crate's own errors, the user's, a full disk and a time limit: the error is as it was."""
    made, known, _ = planned(own=config(strict=strict))
    error = kind("it broke", hint="mend it")
    with pytest.raises(kind) as caught:
        plan.turn(made, error, known)
    assert (caught.value, caught.value.hint) == (error, "mend it")


@pytest.mark.parametrize("kind", [ToolMissing, ImageFailed, EngineFailed, EmulationFailed, NoRoute])
def test_what_leads_to_another_route(kind):
    """A tool, an image, the engine, emulation, what cross refuses: noted with its step and code, and the next is taken."""
    made, known, own = planned()
    error = kind("it broke")
    error.step = made.steps[-1]
    after = plan.turn(made, error, known)
    (failure,) = after.failures
    assert (failure.route, failure.what, failure.step, failure.code) == (UPSTREAM, "it broke", made.steps[-1], kind.code)
    assert settle("aarch64", looked(after), own)[0].route.name == BUILT


def test_failures_add_up():
    """Each route once; the later failure stands behind the earlier."""
    made, known, own = planned()
    after = plan.turn(made, ImageFailed("one"), known)
    second, _ = settle("aarch64", looked(after), own)
    after = plan.turn(second, ImageFailed("two"), after)
    assert [(failure.route, failure.what) for failure in after.failures] == [(UPSTREAM, "one"), (BUILT, "two")]


def test_a_route_with_none_below_it():
    """There is nothing to turn to: the failure itself is what the user sees."""
    made, known, _ = planned(own=config(builder="zigbuild"))
    with pytest.raises(ToolMissing, match="it broke"):
        plan.turn(made, ToolMissing("it broke"), known)


@pytest.mark.parametrize(
    ("options", "known", "hint"),
    [
        ({"strict": True}, facts(), f"mend it; next would be {BUILT}, but strict = true"),
        ({}, facts(host=CI), f"mend it; next would be {BUILT}, but strict = true"),
        (
            {"strict": True, "images": ["upstream"], "fallback": []},
            facts(),
            "mend it",
        ),
    ],
)
def test_strict_names_what_would_be_next(options, known, hint):
    """The default in CI: a build that silently took another route would be another build."""
    made, known, _ = planned(known, config(**options))
    with pytest.raises(ImageFailed) as caught:
        plan.turn(made, ImageFailed("it broke", hint="mend it"), known)
    assert caught.value.hint == hint


def test_strict_in_ci_can_be_turned_off():
    """`strict = false` falls back there as well."""
    made, known, _ = planned(facts(host=CI), config(strict=False))
    assert plan.turn(made, ImageFailed("it broke"), known).failures


@pytest.mark.parametrize(("kind", "doubted"), [(EngineFailed, {"engine"}), (EmulationFailed, set()), (ImageFailed, set())])
def test_what_a_failure_puts_in_doubt(kind, doubted):
    """An engine that failed is asked again: it may be gone, and with it every route of cross."""
    made, known, _ = planned(facts(images={"other": image("other")}))
    after = plan.turn(made, kind("it broke"), known)
    lost = {question.about for question in known.answers} - {question.about for question in after.answers}
    assert lost == doubted | {"image", "builders", "inventory", "emulation"}


def test_an_engine_that_is_gone_leaves_zigbuild():
    """Every route of cross is refused with that one reason."""
    made, known, own = planned()
    after = plan.turn(made, EngineFailed("docker does not answer"), known)
    gone = facts(engine=Absent("docker does not answer"))
    assert settle("aarch64", looked(after, gone), own)[0].route.name == "zigbuild"


def test_the_five_routes_of_an_arm64_engine():
    """Native by 0.2.5 and by git, zigbuild, emulated by 0.2.5 and by 0.2.4: in this order, when each before it has failed."""
    machine, own, taken = arm64_facts(), config(), []
    known = machine
    while True:
        made, _ = settle("aarch64", known, own, around=world(proof=True))
        taken.append((made.route.flavour or made.route.builder, made.route.emulated, made.route.toolchain.host))
        if not made.below:
            break
        known = looked(plan.turn(made, ImageFailed("it broke"), known), machine)
    assert list(dict.fromkeys(taken)) == [
        ("0.2.5", False, ARM64),
        ("git", False, ARM64),
        ("0.2.4", False, ARM64),
        ("cargo", False, ARM64),
        ("zigbuild", False, ARM64),
        ("0.2.5", True, AMD64),
        ("git", True, AMD64),
        ("0.2.4", True, AMD64),
    ]


@pytest.mark.parametrize(
    ("hint", "options", "fails"),
    [
        ("start docker", {"strict": True}, True),
        ("start docker", {"strict": False}, False),
        ("start docker", {"strict": True, "builder": "zigbuild"}, False),
        (INSTALL, {"strict": True}, False),
    ],
)
def test_no_strict_call_leaves_the_container_by_accident(hint, options, fails):
    """An engine that is there, and does not answer, is none that was never there; who names a builder has decided."""
    known = facts(engine=Absent("docker does not answer", hint))
    if not fails:
        assert settle("aarch64", known, config(**options), around=world())[0].route.isolation == "host"
        return
    with pytest.raises(EngineFailed) as caught:
        settle("aarch64", known, config(**options), around=world())
    hint = 'start docker; `builder = "zigbuild"` builds without a container, `strict = false` allows it'
    what = "aarch64-unknown-linux-gnu would be built on the host, and not in a container"
    assert (what, "docker does not answer", hint) == (caught.value.what, caught.value.why, caught.value.hint)
