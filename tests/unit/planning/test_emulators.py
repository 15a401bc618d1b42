"""Where emulation comes from, and that nothing is set up without consent."""

from __future__ import annotations

import pytest

from crosstasks.catalog.ingredients import Emulator, PullImage, RegisterEmulator
from crosstasks.catalog.recipes import emulator
from crosstasks.core.steps import Absent, Failure, Question
from crosstasks.facts.emulation import Emulation
from crosstasks.facts.engine import Engine
from crosstasks.facts.host import Host
from crosstasks.facts.probes import EmulationTest
from crosstasks.planning.emulators import DOES, binfmt, choose, source_of
from crosstasks.testing import ARM64, arm64_facts, image, served

AMD64 = "linux/amd64"
PROOF = Question("emulation-test", AMD64)
NOT = Absent("nothing runs it", "set it up")
REF, TAG = binfmt()
BUILT = emulator("x86_64", "linux/arm64").tag
UNSEEN = {Question("image", REF): Absent("no"), Question("image", BUILT): Absent("no")}
OUT_OF_REACH = {**UNSEEN, Question("registry", REF): Absent("no such host")}


def known(answer=NOT, *, terminal=False, root=False, more=None, **changes):
    found = arm64_facts(**{"emulation": Emulation(terminal=terminal, root=root), **changes})
    return found.with_({PROOF: answer, **(more or {})})


def test_never_asks_nothing():
    """The configuration alone says no."""
    assert isinstance(choose(AMD64, "never", arm64_facts()), Absent)


def test_a_proof_is_asked_for_once_a_route_needs_it():
    """And is enough, whatever is registered."""
    assert (PROOF,) == choose(AMD64, "auto", arm64_facts())
    found = choose(AMD64, "auto", known(EmulationTest(platform=AMD64)))
    assert ("registered", ()) == (found.source, found.steps)


@pytest.mark.parametrize(
    ("terminal", "ci", "mode", "agreed"),
    [
        (False, "", "auto", None),
        (True, "", "auto", "asked"),
        (True, "github", "auto", None),
        (False, "", "install", "given"),
        (False, "github", "install", "given"),
    ],
)
def test_nothing_is_set_up_without_consent(terminal, ci, mode, agreed):
    """On a terminal the user is asked; in CI only the configuration agrees."""
    host = Host(os="linux", arch="aarch64", triple=ARM64, libc="gnu", ci=ci, apt=True, suite="bookworm")
    found = choose(AMD64, mode, known(terminal=terminal, host=host, more=OUT_OF_REACH))
    if agreed is None:
        assert isinstance(found, Absent)
        assert "only if you agree" in found.why
        assert "--yes" in found.hint
    else:
        assert [agreed == "asked"] == [step.ask for step in found.steps]


def test_the_pinned_image_comes_first():
    """Held by the engine, or pulled for the engine's own platform."""
    held = choose(AMD64, "install", known(more={Question("image", REF): image(REF, "linux/arm64")}))
    assert [(RegisterEmulator, "image")] == [(type(step), step.source) for step in held.steps]
    pulled = choose(AMD64, "install", known(more={**UNSEEN, Question("registry", REF): served(REF, AMD64, "linux/arm64")}))
    assert [(PullImage, "linux/arm64"), (RegisterEmulator, AMD64)] == [(type(step), step.platform) for step in pulled.steps]


def test_without_a_registry_it_is_built_here():
    """Of Debian's packages, for the engine's own platform."""
    found = choose(AMD64, "install", known(more=OUT_OF_REACH))
    assert ("build", "QEMU of bookworm's packages") == (found.source, found.why)


def test_a_source_that_failed_is_followed_by_the_next():
    """The package is last, since it stays, and wants root."""
    first = choose(AMD64, "install", known(root=True, more=OUT_OF_REACH))
    failed = (Failure(route="any", what="it broke", step=first.steps[0]),)
    facts = known(root=True, more=OUT_OF_REACH)
    assert "package" == choose(AMD64, "install", type(facts)(answers=facts.answers, failures=failed)).source
    facts = known(more=OUT_OF_REACH)
    refused = choose(AMD64, "install", type(facts)(answers=facts.answers, failures=failed))
    assert "build: failed: it broke; package: packages are installed by root" in refused.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"engine": Engine(kind="docker", command="docker", version="1", arch="aarch64", rootless=True)}, "rootless"),
        ({"engine": Absent("docker does not answer")}, "docker does not answer"),
    ],
)
def test_where_it_cannot_be_set_up_the_reason_is_said(changes, why):
    """A rootless engine has no say in the kernel's table."""
    found = choose(AMD64, "install", known(more=OUT_OF_REACH, **changes))
    assert isinstance(found, Absent)
    assert why in found.why


def test_offline_takes_what_the_engine_holds():
    """And asks no registry."""
    found = choose(AMD64, "install", known(more=UNSEEN), offline=True)
    assert "offline = true" in found.why
    held = choose(AMD64, "install", known(more={**UNSEEN, Question("image", BUILT): image(BUILT, "linux/arm64")}), offline=True)
    assert "build" == held.source


def test_a_platform_without_an_emulator_is_refused():
    """The message lists those that there are."""
    found = source_of("linux/mips", ("build",), "", known())
    assert not isinstance(found, Emulator)
    assert "linux/s390x" in found.why


@pytest.mark.parametrize(
    ("source", "facts", "offline", "why"),
    [
        ("image", known(more=UNSEEN), True, "offline = true"),
        ("image", known(more={**UNSEEN, Question("registry", REF): Absent("no such host\nat all")}), False, "no such host"),
        ("image", known(more={**UNSEEN, Question("registry", REF): served(REF, AMD64)}), False, f"{TAG} is only for linux/amd64"),
        ("build", known(more=UNSEEN), True, "offline = true, and the engine does not hold it"),
        (
            *("build", known(engine=Engine(kind="docker", command="docker", version="1", arch="riscv64")), False),
            "an image with an emulator is put together for linux/amd64 and linux/arm64, not for linux/riscv64",
        ),
        ("package", known(root=True), True, "offline = true"),
        ("package", known(root=True, host=Host(os="linux", arch="aarch64", triple=ARM64)), False, "apt is not here"),
        ("package", known(), False, "packages are installed by root"),
        (
            *("package", known(root=True, engine=Engine(kind="docker", command="docker", version="1", arch="aarch64", remote=True)), False),
            "the engine is in another machine, and packages are installed here",
        ),
        (
            *(
                "package",
                known(root=True, engine=Engine(kind="docker", command="d", version="1", arch="aarch64", desktop="Rancher")),
                False,
            ),
            "the engine is in Rancher, and packages are installed here",
        ),
    ],
)
def test_why_a_source_has_no_emulator(source, facts, offline, why):
    """Each in one line, with what would help."""
    hint = "`sudo apt-get install qemu-user-static binfmt-support`" if "root" in why else ""
    assert source_of(AMD64, (source,), "x", facts, offline=offline) == Absent(f"x; {source}: {why}", hint)


@pytest.mark.parametrize(
    ("source", "more", "root", "why"),
    [
        ("image", {Question("image", REF): image(REF, "linux/arm64")}, False, f"{TAG}, which the engine has"),
        ("image", {**UNSEEN, Question("registry", REF): served(REF, AMD64, "linux/arm64")}, False, TAG),
        ("build", UNSEEN, False, "QEMU of bookworm's packages"),
        ("package", {}, True, "bookworm's own packages"),
    ],
)
@pytest.mark.parametrize("ask", [True, False])
def test_what_is_registered_and_how(source, more, root, why, ask):
    """The user is told what is done to the machine, and why."""
    found = source_of(AMD64, (source,), "nothing runs it", known(root=root, more=more), ask=ask)
    assert isinstance(found, Emulator)
    assert (found.source, found.platform, found.why) == (source, AMD64, why)
    recipe = emulator("x86_64", "linux/arm64") if source == "build" else None
    ref = REF if source == "image" else ""
    assert found.steps[-1] == RegisterEmulator(
        why=f"nothing runs it; {DOES[source]}", platform=AMD64, source=source, ref=ref, recipe=recipe, ask=ask
    )
    pull = PullImage(why=f"the engine does not hold {TAG}", ref=REF, platform="linux/arm64", digest=served(REF).digest)
    assert found.steps[:-1] == ((pull,) if why == TAG else ())
