"""Choosing a route, and taking another when one has failed."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from contextlib import suppress

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from planning import request, settle, world

from crosstasks.catalog import recipes
from crosstasks.catalog.recipes import recipe
from crosstasks.catalog.targets import find
from crosstasks.config.configuration import Config
from crosstasks.core.about import PACKAGE
from crosstasks.core.errors import EngineFailed, NoRoute
from crosstasks.core.steps import Absent, Failure, Question, Refused, Step
from crosstasks.facts import lock
from crosstasks.facts.inventory import Inventory
from crosstasks.facts.rustup import Rustup
from crosstasks.planning import plan
from crosstasks.planning.plan import Plan, as_json
from crosstasks.planning.route import alike
from crosstasks.reporting import report
from crosstasks.testing import AMD64, ARM64, arm64_facts, bare_facts, config, facts, image, toolchain

UPSTREAM = "cross 0.2.5, upstream image"
BUILT = "cross 0.2.5, image built here"
ARMV7 = "armv7-unknown-linux-gnueabihf"


def failed(route, step=None, what="it broke"):
    return Failure(route=route, what=what, step=step, code=9)


def test_the_first_possible_route_is_chosen():
    """Those above it are kept with their reasons, those below by name, unless they are refused already: no bundle, no target of cargo's own."""
    planned, _ = settle("aarch64", facts(), config(fallback=["zigbuild"]))
    assert (planned.target, planned.verb, planned.route.name) == (ARM64, "build", UPSTREAM)
    assert [refused.name for refused in planned.refused] == ["cross 0.2.5, image of the engine", "cross 0.2.5, image of the mirror"]
    assert planned.below == (BUILT, "zigbuild")
    assert all(refused.why for refused in planned.refused)


@pytest.mark.parametrize("known", [facts, arm64_facts, bare_facts])
@pytest.mark.parametrize("verb", ["build", "test"])
def test_equal_facts_give_equal_plans(known, verb):
    """Nothing else enters the decision: no clock, no environment, no order of a set."""
    first, asked = settle("x86_64", known(), config("x86_64", "armv7"), verb)
    again, same = settle("x86_64", known(), config("x86_64", "armv7"), verb)
    assert (first, asked) == (again, same)


def test_facts_that_no_route_needs_change_nothing():
    """A plan made with more known is the same plan."""
    planned, asked = settle("aarch64", facts(), config())
    answers = world()
    more = facts().with_({question: answers[question.about](question.subject) for question in (*asked, Question("debian"))})
    assert plan.make(request("aarch64", more, config()), more) == planned


def test_a_failed_route_is_not_taken_again():
    """The next is, and the failure is among the reasons."""
    planned, _ = settle("aarch64", facts(failures=[failed(UPSTREAM)]), config())
    assert planned.route.name == BUILT
    assert [(refused.why) for refused in planned.refused if refused.name == UPSTREAM] == ["failed: it broke"]


def test_every_route_is_taken_once():
    """Failing each in turn goes down the ladder, and ends."""
    taken: list[str] = []
    with suppress(NoRoute):
        while len(taken) < 50:
            planned, _ = settle("aarch64", facts(failures=map(failed, taken)), config())
            taken.append(planned.route.name)
    assert taken == [
        UPSTREAM,
        BUILT,
        "cross git, upstream image",
        "cross git, image built here",
        "cross 0.2.4, upstream image",
        "cross 0.2.4, image built here",
        "zigbuild",
    ]


def test_an_image_that_was_pulled_is_the_one_of_the_registry():
    """Once pulled it is the engine's; when its route fails there, pulling it again would mend nothing."""
    ref = f"ghcr.io/cross-rs/{ARM64}:0.2.5"
    held = image(ref, digests=(f"ghcr.io/cross-rs/{ARM64}@sha256:{'2' * 64}",))
    planned, _ = settle("aarch64", facts(images={ref: held}, failures=[failed("cross 0.2.5, image of the engine")]), config())
    assert planned.route.name == BUILT
    assert {refused.name: refused.why for refused in planned.refused}[UPSTREAM] == (
        "it is the same as cross 0.2.5, image of the engine, which failed"
    )


def test_a_step_that_failed_gives_the_next_source_its_turn():
    """Where PyPI does not give cross, cargo compiles it for the same route; the failed step is in no plan again."""
    first, _ = settle("aarch64", facts(), config())
    install = next(step for step in first.steps if type(step).__name__ == "InstallWheels")
    planned, _ = settle("aarch64", facts(failures=[failed(UPSTREAM, install, "PyPI did not answer")]), config())
    assert (planned.route.name, planned.route.tool.source) == (UPSTREAM, "cargo")
    assert install not in planned.steps


def test_a_step_that_failed_is_not_taken_by_the_next_route():
    """Where every source of cross 0.2.5 failed, no route with it is tried, also not one with another image."""
    failures = []
    for said in ("PyPI did not answer", "it did not compile"):
        planned, _ = settle("aarch64", facts(failures=failures), config())
        failures.append(failed(UPSTREAM, planned.steps[0], said))
    planned, _ = settle("aarch64", facts(failures=failures), config())
    why = {refused.name: refused.why for refused in planned.refused}[BUILT]
    assert planned.route.name == "cross git, upstream image"
    assert "failed: PyPI did not answer" in why
    assert "failed: it did not compile" in why


def test_steps_come_in_the_order_in_which_they_can_be_taken():
    """The tool, the toolchains, the image; each once, each with its reason."""
    planned, _ = settle("armv7", arm64_facts(), config("armv7"))
    assert [type(step).__name__ for step in planned.steps] == ["InstallWheels", "InstallToolchain", "BuildImage"]
    assert all(step.why for step in planned.steps)
    assert len(set(map(str, planned.steps))) == len(planned.steps)


def test_no_route_says_why_route_by_route():
    """Equal reasons are told once, with their number, and the first hint that there is."""
    with pytest.raises(NoRoute) as caught:
        settle("x86_64-none", facts(), config("x86_64-none"), "test")
    assert caught.value.what == "no route to test x86_64-unknown-none"
    assert len(caught.value.why.splitlines()) == 3
    offline = config("freebsd", offline=True, fallback=["git", "0.2.4"])
    with pytest.raises(NoRoute) as caught:
        settle("freebsd", facts(), offline, "test")
    assert "  cross 0.2.5, upstream image (and 2 more): offline = true" in caught.value.why.splitlines()
    with pytest.raises(NoRoute) as caught:
        settle("freebsd", bare_facts(), config("freebsd"), "test")
    assert (caught.value.what, caught.value.hint) == ("no route to test x86_64-unknown-freebsd", "start docker, or install podman")


def test_what_repeats_itself_is_told_once():
    """In one line, with the number: a registry that is out of reach is so for every tag; what differs otherwise stays apart."""
    away = "ghcr.io/cross-rs/x86_64-unknown-freebsd:{} could not be looked up: no such host"
    refused = [Refused(name=f"cross {tag}", why=away.format(tag)) for tag in ("0.2.5", "main", "0.2.4")]
    other = Refused(name="cross git, image of the mirror", why="10.0.0.1:5000/x/y:main is not in its registry")
    cargo = [Refused(name=name, why="no cargo") for name in ("cargo", "zigbuild")]
    assert alike((refused[0], other, *refused[1:], *cargo)) == [
        ("ghcr.io/cross-rs/x86_64-unknown-freebsd could not be looked up: no such host", refused),
        ("10.0.0.1:5000/x/y:main is not in its registry", [other]),
        ("no cargo", cargo),
    ]
    assert alike(refused[:1]) == [(away.format("0.2.5"), refused[:1])]


def test_json_has_all_of_it():
    """With a version, and the steps as a command line shows them."""
    planned, _ = settle("aarch64", facts(), config())
    raw = json.loads(json.dumps(as_json(planned)))
    assert (raw["schema_version"], raw["target"], raw["verb"], raw["route"]["name"]) == (2, ARM64, "build", UPSTREAM)
    assert raw["steps"] == [{"do": str(step), "why": step.why} for step in planned.steps]
    assert [refused["name"] for refused in raw["refused"]] == [refused.name for refused in planned.refused]
    schema = json.loads((PACKAGE / "reporting" / "plan.schema.json").read_text("utf-8"))
    jsonschema.validate({"schema_version": 2, "plans": [raw]}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 2, "plans": [{**raw, "route": {}}]}, schema)


def test_a_plan_has_the_steps_of_its_route():
    """A route whose parts are all there has none."""
    planned, _ = settle("aarch64", bare_facts(), config())
    assert isinstance(planned, Plan)
    assert planned.steps == planned.route.steps
    assert all(isinstance(step, Step) for step in planned.steps)


@pytest.mark.parametrize("known", [facts, arm64_facts])
def test_what_is_asked_is_decided_once(known, monkeypatch):
    """One plan works out the options of its target, the row of the lock, and the recipe of each platform once."""
    counts = Counter()

    def counted(place, name):
        act = getattr(place, name)

        def call(*arguments, **options):
            counts[name] += 1
            return act(*arguments, **options)

        monkeypatch.setattr(place, name, call)

    counted(Config, "target")
    counted(lock, "row")
    counted(recipes, "recipe")
    settle("aarch64", known(), config("aarch64", "armv7"))
    platforms = {facts: 1, arm64_facts: 2}[known]
    assert {"target": 1, "row": 1, "recipe": platforms} == counts


@pytest.mark.parametrize(
    ("options", "libc", "glibc"),
    [
        ({"glibc": "2.28"}, "", "2.28"),
        ({"glibc": "2.36"}, "2.23", "2.36"),
        ({}, "2.23", "2.36"),
        ({}, "2.41", "2.41"),
        ({}, "", "2.36"),
        ({"base": "bullseye"}, "2.31", "2.31"),
    ],
    ids=[
        "an image that says nothing",
        "more than the image needs",
        "what every route keeps",
        "a route that cannot keep it",
        "nothing is known",
        "another base",
    ],
)
def test_what_is_promised_is_what_is_configured_else_the_same_everywhere(options, libc, glibc):
    """And that is what artifacts are verified against, whatever the builder and the image."""
    planned, _ = settle("aarch64", facts(), config(**options))
    planned = dataclasses.replace(planned, route=replace(planned.route, glibc_floor=libc))
    assert (ARM64, glibc) == (planned.promise.triple, planned.promise.glibc)


@pytest.mark.parametrize(("named", "glibc"), [({}, ""), ({"glibc": "2.31"}, "2.31")])
def test_an_image_of_the_users_own_promises_what_is_configured(named, glibc):
    """Nothing is known of what it links against."""
    planned, _ = settle("aarch64", facts(), config(image="registry.example.org/me/img:1", **named))
    assert glibc == planned.promise.glibc


MACHINES = {"amd64": facts, "arm64": arm64_facts, "none": bare_facts}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("registry", [{}, {"registry": Absent("no registry answers")}], ids=["registry", "none"])
@pytest.mark.parametrize("target", ["aarch64", "armv7", "riscv64", "x86_64"])
def test_the_promise_is_the_same_everywhere(machine, registry, target):
    """With and without an engine and a registry; only plain cargo on a newer machine gives less, and the plan says so."""
    planned, _ = settle(target, MACHINES[machine](), config(), around=world(**registry))
    assert "2.36" == planned.promise.glibc


def test_a_route_that_cannot_keep_the_promise_says_so():
    """Plain cargo links against the host's glibc; the plan names what rules it out."""
    newer = bare_facts(host=replace(bare_facts().host, glibc="2.41"))
    planned, _ = settle("x86_64", newer, config(builder="cargo"))
    assert "2.41" == planned.promise.glibc
    told = 'programs run with glibc 2.41 or newer: this route cannot keep 2.36, which others do; `glibc = "2.36"` rules it out'
    assert told in " ".join(report.plan_text(planned).split())
    planned, _ = settle("aarch64", facts(), config())
    told = "programs run with glibc 2.36 or newer, on every machine; by this route with 2.23"
    assert told in " ".join(report.plan_text(planned).split())


# the same answer everywhere

FOLDERS = st.builds(
    toolchain,
    st.sampled_from(("1.85.0", "1.95.0", "1.96.0", "1.99.0", "nightly-2026-10-30")),
    st.sampled_from((AMD64, ARM64)),
    standard=st.sets(st.sampled_from((AMD64, ARM64, ARMV7))).map(lambda triples: tuple(sorted({AMD64, *triples}))),
    library=st.booleans(),
    origin=st.just("rustup"),
)
TOOLS = (
    f"cross-0.2.5-{AMD64}",
    f"cross-0.2.4-{AMD64}-rust-1.95.0",
    f"cross-git-8c1a8aa4b661-1f0c2b7e-{AMD64}-rust-1.95.0",
    f"zigbuild-0.1-{AMD64}",
    f"rustup-1.29.0-{AMD64}",
)


def built_here(name, platform, **more):
    """Return the tags of what may be built for a target, with an emulator and without."""
    made = recipe(find(name), f"linux/{platform}", "bookworm", **more)
    return (made.tag, recipes.lean(made).tag)


@st.composite
def caches(draw, target):
    """Give the steps' own places, and what other projects, and calls without a network, may have left there."""
    tags = {tag: platform for platform in ("amd64", "arm64") for tag in built_here(target, platform)}
    upstream = [f"ghcr.io/cross-rs/{find(target).triple}:{version}" for version in ("0.2.5", "0.2.4")]
    images = {ref: image(ref, f"linux/{tags.get(ref, 'amd64')}") for ref in draw(st.sets(st.sampled_from((*tags, *upstream))))}
    there = Inventory(
        home="/cache/rustup",
        tools_home="/cache/tools",
        toolchains=tuple({one.name: one for one in draw(st.lists(FOLDERS, max_size=4))}.values()),
        tools=tuple(sorted(draw(st.sets(st.sampled_from(TOOLS))))),
    )
    return there, images


def kept(planned):
    """Return what a plan decides, but for steps, for where things lie, and for an emulator that nothing starts."""
    route, of_image = planned.route, planned.route.image
    made = of_image and of_image.ref.startswith("crosstasks/")
    return {
        "route": (route.builder, route.flavour, route.build_std, route.emulated, route.glibc_floor, route.tool and route.tool.version),
        "rust": [(one.release, one.host, one.origin) for one in (route.toolchain, route.host_toolchain)],
        "image": of_image and (of_image.platform, of_image.glibc, of_image.base, "built here" if made else of_image.ref),
        "promise": planned.promise,
    }


@settings(deadline=None, max_examples=150)
@given(
    data=st.data(),
    target=st.sampled_from(("aarch64", "armv7", "x86_64")),
    machine=st.sampled_from(tuple(MACHINES)),
    verb=st.sampled_from(("build", "test")),
    registry=st.booleans(),
    emulates=st.booleans(),
    options=st.fixed_dictionaries(
        {},
        optional={
            "builder": st.sampled_from(("auto", "cross", "zigbuild")),
            "cross": st.sampled_from(("0.2.5", "0.2.4", "git")),
            "fallback": st.sampled_from((["zigbuild"], ["git", "0.2.4", "zigbuild"])),
            "images": st.sampled_from((["local", "build"], ["upstream", "build"], ["local", "build", "upstream"])),
            "packages": st.just(["libssl-dev"]),
            "toolchain": st.sampled_from(("1.95.0", "nightly")),
            "glibc": st.sampled_from(("2.28", "2.31")),
            "build-std": st.sampled_from(("auto", "always")),
        },
    ),
)
def test_a_fuller_cache_changes_no_plan(data, target, machine, verb, registry, emulates, options):
    """Whatever lies there of toolchains, tools and images: release, image, route and promise are those of an empty one.

    An image of cross's own that the engine holds is what its registry would give, and no less so where that does not answer.
    """
    there, held = data.draw(caches(target))
    held = {ref: one for ref, one in held.items() if registry or ref.startswith("crosstasks/")}
    found = []
    for inventory, in_engine in ((Inventory(home="/cache/rustup", tools_home="/cache/tools"), {}), (there, held)):
        answers = {} if registry else {"registry": Absent("no registry answers")}
        around = world(image=in_engine, proof=emulates, **answers)
        try:
            planned, _ = settle(target, MACHINES[machine](inventory=inventory), config(**options), verb, around=around)
        except (NoRoute, EngineFailed) as error:
            found.append(type(error))  # why an image does not do differs: it is not there, or its glibc is too new
        else:
            found.append(kept(planned))
    empty, full = found
    assert empty == full


# what better was refused

NOT_HAD = (
    f"1.95.0 is not available here (user: 1.95.0-{AMD64} has no standard library for {ARM64}; debian: Debian's releases are 1.96.0, 1.85.0, "
    "not 1.95.0); 1.96.0 is taken instead: it comes from Debian's packages"
)
STOPPED = Absent("docker does not answer", hint="start docker")


@pytest.mark.parametrize(
    ("known", "options", "around", "told"),
    [
        (facts(), {}, {}, ""),
        (facts(), {}, {"registry": Absent("no registry answers")}, ""),
        (facts(), {"builder": "zigbuild"}, {}, ""),
        (facts(engine=STOPPED), {}, {}, "cross: docker does not answer"),
        (
            facts(),
            {"images": ["upstream"]},
            {"registry": Absent("no registry\nanswers")},
            "cross 0.2.5: no registry answers",
        ),
        (
            facts(rustup=Rustup(command="r", version="1", home="/r", toolchains=(toolchain("1.95.0"),), active=f"1.95.0-{AMD64}")),
            {"toolchains": ["user", "debian"]},
            {"registry": Absent("no registry answers")},
            NOT_HAD,
        ),
    ],
    ids=["the first", "another source of images", "it is named", "no engine", "no image", "another release"],
)
def test_what_better_was_refused_is_told_in_one_line(known, options, around, told):
    """Another kind of route, or another release of Rust; where an image comes from is no difference."""
    planned, _ = settle("aarch64", known, config(**options), around=world(**around))
    assert told == planned.better.partition("; and ")[0]


def test_the_next_release_is_stated_in_the_plan():
    """And a route that nothing replaces has no such line."""
    there = Rustup(command="r", version="1", home="/r", toolchains=(toolchain("1.95.0"),), active=f"1.95.0-{AMD64}")
    planned, _ = settle("aarch64", facts(rustup=there), config(toolchains=["user", "debian"]), around=world(registry=Absent("none")))
    assert "rust 1.95.0 is not available here" in " ".join(report.plan_text(planned).split())
    assert "is not available" not in report.plan_text(settle("aarch64", facts(), config())[0])
