"""The ladder: per machine and configuration, which route is taken, and why the others are not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from planning import NETWORK, request, settle, world

from crosstasks.catalog import targets
from crosstasks.catalog.ingredients import BringGlibc, BuildImage, InstallWheels
from crosstasks.catalog.pins import pins
from crosstasks.catalog.recipes import recipe
from crosstasks.catalog.specifications import parse
from crosstasks.catalog.targets import default_image, find
from crosstasks.config.read import VARIABLE, Source
from crosstasks.core.errors import NoRoute
from crosstasks.core.steps import Absent, Failure, Question
from crosstasks.facts.builders import Builder, Builders
from crosstasks.facts.emulation import Emulation, Registration
from crosstasks.facts.engine import Engine
from crosstasks.facts.host import Host
from crosstasks.facts.inventory import Inventory
from crosstasks.facts.rustup import Rustup
from crosstasks.facts.sdks import Ndk, Sdks, Xwin
from crosstasks.planning.ladder import _mode, ladder
from crosstasks.testing import AMD64, ARM64, arm64_facts, bare_facts, config, facts, image, repository, served, toolchain

REF = f"ghcr.io/cross-rs/{ARM64}:0.2.5"
MADE = recipe(find("aarch64"), "linux/amd64", "bookworm").tag
NATIVE = recipe(find("aarch64"), "linux/arm64", "bookworm").tag
OWN = "registry.example.org/cross/aarch64:1"
CLOSED = world(registry=Absent("ghcr.io does not answer"), stable=Absent("rustup's server does not answer"))
NOTHING = world(registry=Absent("no"), stable=Absent("no"), debian=Absent("no"))


def engine(**changes):
    ready = {"kind": "docker", "command": "/usr/bin/docker", "version": "20.10.24", "arch": "x86_64", "store": "overlay2"}
    return Engine(**{**ready, **changes})


def names(target, known, own, verb="build"):
    return [candidate.name for candidate in ladder(request(target, known, own, verb), known)]


SOURCES = ("image of the engine", "image of the mirror", "upstream image", "image of a bundle", "image built here", "pinned base")


def test_the_order_on_an_amd64_engine():
    """The flavour asked for with each image source, then each flavour of `fallback`; cargo and zigbuild last."""
    crosses = [f"cross {flavour}, {source}" for flavour in ("0.2.5", "git", "0.2.4") for source in SOURCES]
    assert names("aarch64", facts(), config()) == [*crosses, "cargo", "zigbuild"]


MAC = arm64_facts(
    engine=engine(arch="aarch64", desktop="Docker Desktop"),
    host=Host(os="macos", arch="aarch64", triple="aarch64-apple-darwin"),
    rustup=Rustup(
        command="rustup",
        version="1.29.0",
        home="/r",
        toolchains=(toolchain(host="aarch64-apple-darwin"),),
        active="1.96.0-aarch64-apple-darwin",
    ),
)
"""A Mac with Docker Desktop and rustup; nothing of Debian is on it."""


def test_tests_on_a_mac_are_run_in_a_native_image_or_else_a_container():
    """What zigbuild links starts in a container of the engine's own kind of machine; an amd64 image would be emulated."""
    for own, route in ((config(), "cross 0.2.5, image built here"), (config(images=["upstream"]), "zigbuild")):
        planned, _ = settle("aarch64", MAC, own, "test", around=world(proof=True))
        assert planned.route.name == route


def test_the_order_on_an_arm64_engine():
    """Native before zigbuild, and emulated last: emulation costs about eleven times."""
    flavours = ("0.2.5", "git", "0.2.4")
    native = [f"cross {flavour}, {source}" for flavour in flavours for source in SOURCES]
    emulated = [f"{name}, linux/amd64 emulated" for name in native]
    assert names("aarch64", arm64_facts(), config()) == [*native, "cargo", "zigbuild", *emulated]
    assert names("aarch64", arm64_facts(), config(image=OWN, fallback=["zigbuild"])) == [
        "cross 0.2.5, configured image",
        "cross 0.2.5, configured image, linux/amd64 emulated",
        "cargo",
        "zigbuild",
    ]


@pytest.mark.parametrize(
    ("target", "known", "options", "expected"),
    [
        ("aarch64", bare_facts(), {}, ["cross", "cargo", "zigbuild"]),
        ("wasm32", facts(), {}, ["cross", "cargo", "zigbuild"]),
        ("aarch64", facts(), {"builder": "zigbuild"}, ["zigbuild"]),
        ("aarch64", facts(), {"builder": "cargo"}, ["cargo"]),
        ("aarch64", facts(), {"builder": "cross", "fallback": [], "images": ["build"]}, ["cross 0.2.5, image built here"]),
        ("aarch64", facts(), {"fallback": [], "images": ["build"]}, ["cross 0.2.5, image built here", "cargo"]),
        (
            "aarch64",
            facts(),
            {"cross": "git", "fallback": ["0.2.5", "git"], "images": ["upstream"]},
            ["cross git, upstream image", "cross 0.2.5, upstream image", "cargo"],
        ),
        ("aarch64", facts(), {"image": OWN, "fallback": []}, ["cross 0.2.5, configured image", "cargo"]),
        (
            "aarch64",
            arm64_facts(),
            {"emulation": "never", "fallback": ["zigbuild"], "images": ["build"]},
            ["cross 0.2.5, image built here", "cargo", "zigbuild"],
        ),
    ],
)
def test_the_users_own_order(target, known, options, expected):
    """Builder, flavour, fallback, image sources and emulation are the user's to set."""
    assert names(target, known, config(target, **options)) == expected


def test_names_are_unique():
    """A failure is remembered by the route's name."""
    for known in (facts(), arm64_facts(), bare_facts()):
        listed = names("aarch64", known, config())
        assert len(listed) == len(set(listed))


@pytest.mark.parametrize(
    ("target", "known", "own", "around", "route"),
    [
        pytest.param("aarch64", facts(), config(), world(), "cross 0.2.5, upstream image", id="amd64, all can be reached"),
        pytest.param(
            "aarch64",
            facts(images={REF: image(REF)}),
            config(),
            world(),
            "cross 0.2.5, image of the engine",
            id="the engine holds upstream's",
        ),
        pytest.param("aarch64", facts(), config(), CLOSED, "cross 0.2.5, image built here", id="no registry: built here"),
        pytest.param(
            "aarch64",
            facts(images={REF: Absent("no"), MADE: image(MADE)}),
            config(),
            CLOSED,
            "cross 0.2.5, image built here",
            id="built by an earlier call",
        ),
        pytest.param(
            "aarch64",
            facts(),
            config(mirror="registry.example.org"),
            world(),
            "cross 0.2.5, image of the mirror",
            id="a mirror comes first",
        ),
        pytest.param("aarch64", facts(), config(image=OWN), world(), "cross 0.2.5, configured image", id="image of crosstasks.toml"),
        pytest.param(
            "aarch64",
            facts(repository=repository(cross={"target": {ARM64: {"image": OWN}}}, cross_origin="Cross.toml")),
            config(),
            world(),
            "cross 0.2.5, configured image",
            id="image of Cross.toml",
        ),
        pytest.param(
            "aarch64",
            facts(repository=repository(cross={"target": {ARM64: {"dockerfile": "Dockerfile"}}}, cross_origin="Cross.toml")),
            config(),
            CLOSED,
            "cross 0.2.5, configured image",
            id="dockerfile of Cross.toml",
        ),
        pytest.param("aarch64", facts(), config(cross="git"), world(), "cross git, upstream image", id="git is asked for"),
        pytest.param("riscv64-musl", facts(), config("riscv64-musl"), world(), "cross git, upstream image", id="only git has an image"),
        pytest.param(
            "x86_64-sun",
            facts(),
            config("x86_64-sun", cross="git", fallback=["0.2.4"]),
            world(),
            "cross 0.2.4, upstream image",
            id="only 0.2.x has one",
        ),
        pytest.param("aarch64", facts(), config(glibc="2.28"), world(), "cross 0.2.5, upstream image", id="a ceiling that upstream keeps"),
        pytest.param("aarch64", facts(), config(glibc="2.28"), CLOSED, "zigbuild", id="a ceiling that bookworm breaks"),
        pytest.param("aarch64", facts(), config(glibc="2.17"), world(), "zigbuild", id="a ceiling that only zig keeps"),
        pytest.param("armv7", facts(), config("armv7", packages=["libssl-dev"]), world(), "cross 0.2.5, image built here", id="packages"),
        pytest.param("x86_64", facts(), config("x86_64"), world(), "cross 0.2.5, upstream image", id="the host's own target as well"),
        pytest.param("x86_64", bare_facts(), config("x86_64"), world(), "cargo", id="no engine: cargo for the host's own"),
        pytest.param("x86_64", bare_facts(), config("x86_64", glibc="2.17"), world(), "zigbuild", id="no engine, and a ceiling"),
        pytest.param("aarch64", bare_facts(), config(), world(), "zigbuild", id="no engine: zigbuild"),
        pytest.param("x86_64-musl", bare_facts(), config("x86_64-musl"), world(), "zigbuild", id="no engine: zigbuild for musl"),
        pytest.param("windows", bare_facts(), config("windows"), world(), "zigbuild", id="no engine: zigbuild for windows"),
        pytest.param("aarch64", facts(), config(builder="zigbuild"), world(), "zigbuild", id="zigbuild is asked for"),
        pytest.param("aarch64", arm64_facts(), config(), world(), "cross 0.2.5, image built here", id="arm64: native is built"),
        pytest.param(
            "aarch64",
            arm64_facts(images={NATIVE: image(NATIVE, "linux/arm64")}),
            config(),
            world(),
            "cross 0.2.5, image built here",
            id="arm64: native was built",
        ),
        pytest.param(
            "x86_64-musl",
            arm64_facts(),
            config("x86_64-musl"),
            world(proof=True),
            "zigbuild",
            id="arm64: zigbuild where Debian has no compiler",
        ),
        pytest.param(
            "x86_64-musl",
            arm64_facts(),
            config("x86_64-musl", fallback=["git"]),
            world(proof=True),
            "cross 0.2.5, upstream image, linux/amd64 emulated",
            id="arm64: emulated where zigbuild is not wanted",
        ),
        pytest.param("x86_64-musl", arm64_facts(), config("x86_64-musl"), world(), "zigbuild", id="arm64: nothing emulates"),
        pytest.param(
            "x86_64-musl",
            arm64_facts(),
            config("x86_64-musl", emulation="never"),
            world(proof=True),
            "zigbuild",
            id="arm64: emulation is not wanted",
        ),
        pytest.param(
            "armv7",
            arm64_facts(),
            config("armv7", images=["upstream"]),
            world(proof=True),
            "zigbuild",
            id="arm64: only upstream is wanted",
        ),
        pytest.param("aarch64", MAC, config(), world(proof=True), "cross 0.2.5, image built here", id="a mac: native is built"),
        pytest.param("aarch64", MAC, config(), CLOSED, "cross 0.2.5, image built here", id="a mac: Rust of Debian's packages as well"),
        pytest.param(
            "aarch64",
            MAC,
            config(),
            world(registry=Absent("ghcr.io does not answer"), proof=True),
            "cross 0.2.5, image built here",
            id="a mac without a registry",
        ),
        pytest.param(
            "aarch64", MAC, config(packages=["libssl-dev"]), world(), "cross 0.2.5, image built here", id="a mac: libraries in an image"
        ),
        pytest.param(
            "aarch64", MAC, config(images=["upstream"]), world(proof=True), "zigbuild", id="a mac: zigbuild comes before emulation"
        ),
        pytest.param(
            "aarch64",
            MAC,
            config(image=OWN),
            world(proof=True),
            "cross 0.2.5, configured image, linux/amd64 emulated",
            id="a mac: an image that is named is used, emulated",
        ),
        pytest.param(
            "aarch64",
            MAC,
            config(images=["upstream"], fallback=["git"]),
            world(proof=True),
            "cross 0.2.5, upstream image, linux/amd64 emulated",
            id="a mac: its engine brings emulation",
        ),
        pytest.param(
            "aarch64", facts(engine=engine(kind="podman", rootless=True)), config(), world(), "cross 0.2.5, upstream image", id="podman"
        ),
        pytest.param(
            "aarch64",
            facts(engine=engine(arch="s390x")),
            config(image=OWN),
            world(proof=True),
            "cross 0.2.5, configured image, linux/amd64 emulated",
            id="an engine of another kind, which was seen to emulate",
        ),
        pytest.param(
            "aarch64",
            facts(engine=engine(arch="s390x")),
            config(emulation="never"),
            world(),
            "zigbuild",
            id="an engine of another kind, without emulation",
        ),
        pytest.param(
            "aarch64",
            facts(
                images={REF: image(REF)},
                rustup=Rustup(command="rustup", version="1.29.0", home="/r"),
                repository=repository(channel="nightly"),
            ),
            config(toolchain="1.85.0"),
            world(),
            "cross 0.2.5, image of the engine",
            id="a pin of the configuration",
        ),
    ],
)
def test_the_route_that_is_taken(target, known, own, around, route):
    """One row per outcome."""
    planned, _ = settle(target, known, own, around=around)
    assert planned.route.name == route
    assert planned.route.target == find(target).triple


@pytest.mark.parametrize(
    ("target", "known", "own", "verb", "reasons"),
    [
        pytest.param(
            "x86_64-none",
            facts(),
            config("x86_64-none"),
            "test",
            {
                "cross": "cross never runs x86_64-unknown-none in a container (it hands it to the host's cargo)",
                "cargo": "x86_64-unknown-none has no system that could start a test: name what does as `runner`",
                "zigbuild": "rustc links x86_64-unknown-none by itself, and zig has no C library for it",
            },
            id="tests of a bare machine",
        ),
        pytest.param(
            "macos",
            bare_facts(),
            config("macos"),
            "test",
            {
                "cross": "no container engine is here: neither docker nor podman is on PATH",
                "cargo": f"plain cargo serves the host's own target, {AMD64}, and those that rustc links by itself",
                "zigbuild": "programs for macOS are started on macOS alone, and this is linux",
            },
            id="tests of macos",
        ),
        pytest.param(
            "x86_64-msvc",
            bare_facts(),
            config("x86_64-msvc"),
            "build",
            {
                "cross": "no container engine is here: neither docker nor podman is on PATH",
                "cargo": f"plain cargo serves the host's own target, {AMD64}, and those that rustc links by itself",
                "xwin": "Microsoft's CRT and SDK have a licence, which nobody has accepted in the configuration",
                "zigbuild": "zig does not ship Microsoft's C library, which x86_64-pc-windows-msvc needs: cargo-xwin can fetch it",
            },
            id="msvc without an engine",
        ),
        pytest.param(
            "ppc64",
            bare_facts(),
            config("ppc64"),
            "build",
            {
                "cross": "no container engine is here: neither docker nor podman is on PATH",
                "cargo": f"plain cargo serves the host's own target, {AMD64}, and those that rustc links by itself",
                "zigbuild": "zig has no C library for powerpc64-unknown-linux-gnu",
            },
            id="a glibc that zig has no more",
        ),
        pytest.param(
            "aarch64",
            facts(repository=repository(channel="mine")),
            config(fallback=["zigbuild"], images=["upstream"]),
            "build",
            {
                "cross 0.2.5, upstream image": "no toolchain: 'mine' is neither a release nor a channel of Rust",
                "cargo": f"plain cargo serves the host's own target, {AMD64}, and those that rustc links by itself",
                "zigbuild": "'mine' is neither a release nor a channel of Rust",
            },
            id="a channel that there is not",
        ),
        pytest.param(
            "aarch64",
            bare_facts(),
            config(),
            "test",
            {
                "cross": "no container engine is here: neither docker nor podman is on PATH",
                "cargo": f"plain cargo serves the host's own target, {AMD64}, and those that rustc links by itself",
                "zigbuild": f"{ARM64} programs do not run on this host, and no container runs them: "
                "no container engine is here: neither docker nor podman is on PATH",
            },
            id="tests without an engine",
        ),
        pytest.param(
            "freebsd",
            facts(),
            config("freebsd", images=["upstream"], fallback=[]),
            "test",
            {
                "cross 0.2.5, upstream image": "its image has nothing that runs x86_64-unknown-freebsd programs",
                "cargo": f"plain cargo serves the host's own target, {AMD64}, and those that rustc links by itself",
            },
            id="tests that no image runs",
        ),
        pytest.param(
            "x86_64",
            facts(engine=Absent("docker does not answer")),
            config("x86_64", packages=["libssl-dev"], fallback=[]),
            "build",
            {
                "cross": "docker does not answer",
                "cargo": "`packages` is configured (crosstasks.toml), and plain cargo builds on the host",
            },
            id="cargo cannot keep packages",
        ),
    ],
)
def test_what_is_refused_has_its_reason(target, known, own, verb, reasons):
    """The user sees why, route by route."""
    with pytest.raises(NoRoute) as caught:
        settle(target, known, own, verb)
    assert caught.value.why == "\n".join(f"  {name}: {why}" for name, why in reasons.items())


def test_arm64_without_emulation():
    """Upstream's images are amd64 only, and an image that cannot be run is not planned."""
    with pytest.raises(NoRoute) as caught:
        settle("armv7", arm64_facts(), config("armv7", images=["upstream"], fallback=[]))
    ref = default_image(find("armv7"), "0.2.5")
    assert caught.value.why.splitlines() == [
        f"  cross 0.2.5, upstream image: {ref} is only for linux/amd64, not linux/arm64",
        f"  cargo: plain cargo serves the host's own target, {ARM64}, and those that rustc links by itself",
        "  cross 0.2.5, upstream image, linux/amd64 emulated: nothing runs linux/amd64 programs, and emulation is set up only if you agree",
    ]


def test_the_parts_of_a_native_route_on_arm64():
    """An arm64 image, and the aarch64 toolchain in it; the same one reads the workspace."""
    planned, _ = settle("armv7", arm64_facts(), config("armv7"))
    route = planned.route
    assert (route.image.platform, route.toolchain.host, route.emulated, route.glibc_floor) == ("linux/arm64", ARM64, False, "2.36")
    assert route.host_toolchain == route.toolchain
    assert [type(step).__name__ for step in route.steps] == ["InstallWheels", "InstallToolchain", "BuildImage"]


def test_the_parts_of_an_emulated_route():
    """The toolchain is that of the image's platform; the user's own reads the workspace on the host."""
    planned, _ = settle("x86_64-musl", arm64_facts(), config("x86_64-musl", fallback=[]), around=world(proof=True))
    route = planned.route
    assert (route.image.platform, route.toolchain.host, route.host_toolchain.host, route.emulated) == ("linux/amd64", AMD64, ARM64, True)


def test_a_route_builds_std_where_its_toolchain_lacks_it():
    """Debian has no std of riscv64: it is compiled from the library's source."""
    planned, _ = settle("riscv64", facts(), config("riscv64"), around=CLOSED)
    assert (planned.route.toolchain.source, planned.route.build_std) == ("debian", True)
    planned, _ = settle("aarch64", facts(), config(), around=CLOSED)
    assert (planned.route.toolchain.source, planned.route.build_std) == ("debian", False)


def test_std_may_be_built_always_or_never():
    """Always: from the source, which the toolchain is given; never: what nobody ships is refused."""
    planned, _ = settle("aarch64", facts(), config(**{"build-std": "always"}), around=CLOSED)
    (step,) = [step for step in planned.steps if type(step).__name__ == "InstallToolchain"]
    assert (planned.route.build_std, step.library, step.targets) == (True, True, ())
    with pytest.raises(NoRoute, match=r"has no standard library for riscv64gc-unknown-linux-gnu, and build-std = \"never\""):
        settle("riscv64", facts(), config("riscv64", **{"build-std": "never"}), around=CLOSED)


ELSEWHERE = engine(remote=True, endpoint="ssh://user@builder")


def test_an_engine_of_another_machine_builds():
    """By 0.2.x, and the route says so: it has a target folder of its own."""
    planned, _ = settle("aarch64", facts(engine=ELSEWHERE), config(), around=CLOSED)
    assert ("cross 0.2.5, image built here", True) == (planned.route.name, planned.route.remote)


@pytest.mark.parametrize(
    ("options", "said", "why"),
    [
        ({"cross": "git"}, {}, "cross main, with an engine on another machine, keeps cargo's messages to itself"),
        ({}, {"build": {"pre-build": ["true"]}}, "cross 0.2.x ignores `dockerfile` and `pre-build` with an engine on another machine"),
        ({}, {"build": {"dockerfile": "x"}}, "cross 0.2.x ignores `dockerfile` and `pre-build` with an engine on another machine"),
    ],
)
def test_what_cross_cannot_do_on_another_machine_is_refused(options, said, why):
    """It would be left out, or nobody would know what was built; zigbuild needs no engine."""
    told = facts(engine=ELSEWHERE, repository=repository(cross=said))
    planned, _ = settle("aarch64", told, config(fallback=["zigbuild"], **options), around=CLOSED)
    assert "zigbuild" == planned.route.name
    assert why in [refused.why for refused in planned.refused]


def test_podman_of_another_machine_builds_too():
    """As Docker does."""
    planned, _ = settle("aarch64", facts(engine=engine(kind="podman", remote=True, endpoint="ssh://user@builder")), config(), around=CLOSED)
    assert ("cross 0.2.5, image built here", True) == (planned.route.name, planned.route.remote)


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({"image": OWN}, ["cargo", "zigbuild"]),
        ({"packages": ["libssl-dev"]}, ["cargo", "zigbuild"]),
        ({"base": "bookworm"}, ["cargo", "zigbuild"]),
        ({"engine": "podman"}, ["cargo", "zigbuild"]),
        ({"cross": "git"}, ["cargo", "zigbuild"]),
        ({"cross": "git", "fallback": ["0.2.4", "zigbuild"]}, []),
        ({"engine": "auto"}, []),
        ({"engine": "podman", "builder": "zigbuild"}, []),
        ({"engine": "podman", "builder": "cargo"}, []),
        ({"image": OWN, "builder": "zigbuild"}, ["zigbuild"]),
    ],
    ids=str,
)
def test_what_is_named_is_kept(options, refused):
    """A route without it is refused, whatever is left: a green build would not be the one that was asked for."""
    known = facts(engine=Absent("docker does not answer"))
    routes = {candidate.name: candidate.look() for candidate in ladder(request("x86_64", known, config("x86_64", **options)), known)}
    without = {name for name, outcome in routes.items() if isinstance(outcome, Absent) and "is configured" in outcome.why}
    assert sorted(refused) == sorted(without)


@pytest.mark.parametrize("source", ["local", "mirror", "upstream"])
def test_a_base_that_is_named_is_that_of_the_image(source):
    """Cross's own images are made of another."""
    own = config(base="bookworm", images=[source], mirror="mirror.example.org/m", fallback=[])
    known = facts(images={REF: image(REF), MADE: Absent("it is not there"), f"mirror.example.org/m/cross-rs/{ARM64}:0.2.5": image(REF)})
    with pytest.raises(NoRoute):
        settle("aarch64", known, own, around=CLOSED)


def test_what_only_an_image_can_hold_needs_one():
    """Without an engine, `packages` is refused before anything is linked."""
    with pytest.raises(NoRoute, match=r"`packages` is configured \(crosstasks.toml\), and zigbuild has no container"):
        settle("aarch64", bare_facts(), config(packages=["libssl-dev"]))


def test_debians_toolchain_does_not_run_in_upstreams_images():
    """It needs glibc 2.36, they have 2.23 to 2.31; the image built here has it."""
    planned, _ = settle("aarch64", facts(), config(), around=world(stable=Absent("rustup's server does not answer")))
    assert planned.route.name == "cross 0.2.5, image built here"
    (why,) = [refused.why for refused in planned.refused if refused.name == "cross 0.2.5, upstream image"]
    assert why == f"the toolchain 1.96.0-{AMD64} needs glibc 2.36, and {REF} has 2.23"


def test_the_ceiling_is_told():
    """Both versions, and what would keep it."""
    planned, _ = settle("aarch64", facts(), config(glibc="2.28"), around=CLOSED)
    (refused,) = [refused for refused in planned.refused if refused.name == "cross 0.2.5, image built here"]
    assert refused.why == "its artifacts need glibc 2.36, and glibc = '2.28' is promised"
    assert planned.route.glibc_floor == "2.28"
    assert refused.hint == 'builder = "zigbuild", or "zigbuild" in `fallback`, links against glibc 2.28'


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"glibc": "2.31", "packages": ["libssl-dev"]}, 'base = "bullseye" has glibc 2.31'),
        ({"glibc": "2.40", "base": "forky"}, 'base = "bookworm" has glibc 2.36'),
        (
            {"glibc": "2.28", "packages": ["libssl-dev"]},
            'without `packages`, builder = "zigbuild", or "zigbuild" in `fallback`, links against glibc 2.28',
        ),
    ],
)
def test_what_keeps_the_ceiling_where_zigbuild_is_refused(options, hint):
    """An older Debian, where only an image built here holds what is named; if none is old enough, that has to go."""
    with pytest.raises(NoRoute) as failed:
        settle("aarch64", facts(), config(**options), around=CLOSED)
    assert hint in failed.value.hint


def test_a_floor_that_no_route_reaches():
    """Rust's own standard library needs more than is promised: every route is refused, and the oldest glibc is named."""
    with pytest.raises(NoRoute) as failed:
        settle("aarch64", facts(), config(glibc="2.12"), around=CLOSED)
    assert "glibc = '2.12' is promised, and Rust's standard library for aarch64-unknown-linux-gnu needs 2.17" in failed.value.why
    planned, _ = settle("riscv64", bare_facts(), config("riscv64"))
    assert (planned.route.name, planned.route.glibc_floor) == ("zigbuild", "2.29")
    planned, _ = settle("ppc64le", bare_facts(), config("ppc64le"))
    assert (planned.route.name, planned.route.glibc_floor) == ("zigbuild", "2.32")


def test_the_oldest_glibc_is_what_rustc_says():
    """Of every target whose description names one."""
    text = (Path(__file__).parents[1] / "data" / "rustc_links.txt").read_text("utf-8")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    said = {row[0]: row[-1] for row in rows if row[-1] != "-"}
    assert said == {triple: find(triple).oldest_glibc for triple in said}


@pytest.mark.parametrize(
    ("target", "options", "libc"),
    [("aarch64", {}, "2.28"), ("aarch64", {"glibc": "2.17"}, "2.17"), ("x86_64-musl", {}, ""), ("windows", {}, "")],
)
def test_what_zigbuild_links_against(target, options, libc):
    """The glibc that is promised, else Debian 10's; nothing where there is no glibc."""
    planned, _ = settle(target, bare_facts(), config(target, **options))
    assert planned.route.glibc_floor == libc


@pytest.mark.parametrize(
    ("target", "known", "name"),
    [
        ("x86_64", bare_facts(), "cargo"),
        ("x86_64-musl", bare_facts(), "zigbuild"),
        ("aarch64-musl", bare_facts(emulation=Emulation(programs={"aarch64": "/usr/bin/qemu-aarch64-static"})), "zigbuild"),
        ("aarch64-musl", bare_facts(emulation=Emulation(registered={"aarch64": Registration(name="a", interpreter="/a")})), "zigbuild"),
        ("aarch64", facts(), "cross 0.2.5, upstream image"),
    ],
)
def test_what_runs_tests(target, known, name):
    """The host itself, an emulator of static programs, or an image of cross."""
    planned, _ = settle(target, known, config(target), "test")
    assert planned.route.name == name


@pytest.mark.parametrize(
    ("changes", "enabled"),
    [(None, True), ({"enabled": False}, True), ({"lost": True}, True), ({}, False)],
)
def test_what_runs_no_tests(changes, enabled):
    """A static program without an emulator that is on, and there; or where the kernel's table as a whole is off."""
    registered = {} if changes is None else {"aarch64": Registration(name="a", interpreter="/a", **changes)}
    with pytest.raises(NoRoute):
        settle("aarch64-musl", bare_facts(emulation=Emulation(registered=registered, enabled=enabled)), config("aarch64-musl"), "test")


def whole(**more):
    """Return a machine where all that is needed was provided."""
    return facts(
        rustup=Rustup(
            command="rustup", version="1.29.0", home="/r", toolchains=(toolchain(standard=(AMD64, ARM64)),), active=toolchain().name
        ),
        builders=Builders(programs=(Builder(kind="cross", path="/usr/bin/cross", version="0.2.5"),)),
        **more,
    )


def test_nothing_of_the_network_is_asked_when_all_is_there():
    """A local image, the user's toolchain and a cross on PATH are enough, and nothing is left to do."""
    planned, asked = settle("aarch64", whole(images={REF: image(REF)}), config(), around=NOTHING)
    assert (planned.route.steps, asked) == ((), [])
    planned, asked = settle("aarch64", whole(), config(), around=world(image={REF: image(REF)}))
    assert {question.about for question in asked} & NETWORK == set()


def test_only_what_a_route_needs_is_asked():
    """The registry is asked once the engine has said no, and never of a flavour further down."""
    _, asked = settle("aarch64", whole(), config())
    assert asked == [Question("image", REF), Question("image", MADE), Question("registry", REF)]


def test_offline_asks_the_network_for_nothing():
    """And takes what is there."""
    zig = Inventory(home="/cache/rustup", tools_home="/cache/tools", toolchains=(toolchain(standard=(AMD64, ARM64)),))
    zigs = tuple(Builder(kind=kind, path=f"/usr/bin/{kind}", version="1") for kind in ("cargo-zigbuild", "zig"))
    planned, asked = settle("aarch64", bare_facts(inventory=zig, builders=Builders(programs=zigs)), config(offline=True))
    assert (planned.route.name, planned.route.steps, asked) == ("zigbuild", (), [])
    with pytest.raises(NoRoute):
        settle("aarch64", facts(), config(offline=True), around=NOTHING)


def test_open_questions_of_one_route_are_asked_together():
    """Image, toolchain and cross are looked at side by side: the network is waited for once."""
    known = facts(images={REF: Absent("no"), MADE: Absent("no")})
    _, asked = settle("aarch64", known, config())
    assert asked == [Question("registry", REF), Question("rust-channel", "1.96.0")]


def test_a_registry_of_two_platforms_serves_both():
    """A mirror may hold native images."""
    own = config(image=OWN)
    planned, _ = settle("aarch64", arm64_facts(), own, around=world(registry=lambda ref: served(ref, "linux/amd64", "linux/arm64")))
    assert (planned.route.name, planned.route.image.platform) == ("cross 0.2.5, configured image", "linux/arm64")


APART = {"engine": engine(apart=True, desktop="colima", context="colima")}


def test_an_engine_that_may_be_in_a_machine_of_its_own_must_see_our_folders():
    """It is asked for the project and the cache; nothing is asked where it is plainly here, or cross finds the folders itself."""
    planned, asked = settle("aarch64", facts(**APART), config(), around=CLOSED)
    assert "cross 0.2.5, image built here" == planned.route.name
    assert [Question("shared", "project"), Question("shared", "cache")] == [question for question in asked if question.about == "shared"]
    inside = facts(**APART, host=replace(facts().host, container="docker"))
    for known in (facts(), inside):
        assert not [question for question in settle("aarch64", known, config())[1] if question.about == "shared"]


def test_a_folder_that_the_engine_does_not_see_leads_to_zigbuild():
    """With the folder, and what to do, in the reason."""
    unseen = Absent("the engine does not see /work", "share it: `colima start --mount /work:w`")
    planned, _ = settle("aarch64", facts(**APART), config(), around={**CLOSED, "shared": lambda _folder: unseen})
    assert "zigbuild" == planned.route.name
    refused = planned.refused[0]
    assert ("cross", unseen.why, unseen.hint) == (refused.name, refused.why, refused.hint)


@pytest.mark.parametrize(
    ("linked", "own", "cargo", "taken"),
    [
        (True, {}, repository(), "cargo"),
        (False, {"target": {"my-board": {"linker": "my-gcc"}}}, repository(), "cargo"),
        (False, {}, repository(linkers={"my-board": "my-gcc"}), "cargo"),
        (False, {"image": "mine/my-board:1"}, repository(), "cross 0.2.5, configured image"),
        (False, {}, repository(root="/crate", cross={"target": {"my-board.json": {"image": "mine:1"}}}), "cross 0.2.5, configured image"),
        (False, {}, repository(), ""),
    ],
)
def test_a_target_in_json(monkeypatch, linked, own, cargo, taken):
    """Cargo builds it where something is known to link it, or cross in an image of the user's; else it is refused with what would help."""
    spec = {"llvm-target": "x86_64-unknown-linux-gnu", "arch": "x86_64", "data-layout": "e", "target-pointer-width": 64, "os": "linux"}
    row = parse(
        Path("/crate/my-board.json"), json.dumps({**spec, "env": "gnu", "linker-flavor": "gnu-lld" if linked else "gnu-cc"}).encode()
    )
    monkeypatch.setattr(targets, "_FROM_FILES", {"my-board": row})
    known = facts(repository=cargo)
    if not taken:
        with pytest.raises(NoRoute, match=r"cargo: my-board\.json names no linker") as error:
            settle("my-board", known, config("my-board", **own))
        hint = "`linker` in [target.my-board] names one, or `image` what holds one"
        why = "my-board.json names no linker, and the host's C compiler is not known to be one for my-board"
        assert error.value.hint == hint
        (candidate,) = (row for row in ladder(request("my-board", known, config("my-board")), known) if row.name == "cargo")
        assert candidate.look() == Absent(why, hint)
        return
    planned, _ = settle("my-board", known, config("my-board", **own))
    route = planned.route
    assert (route.name, route.build_std, route.glibc_floor) == (taken, True, "")


def test_a_target_in_json_on_another_machine(monkeypatch):
    """Cross calls the container as its file is called, with a slash, which no engine takes."""
    row = parse(Path("/crate/targets/board.json"), b'{"llvm-target": "x", "arch": "arm", "data-layout": "e", "target-pointer-width": 32}')
    monkeypatch.setattr(targets, "_FROM_FILES", {"board": row})
    with pytest.raises(NoRoute, match=r"after board\.json and its folder, which no engine takes"):
        settle("board", facts(engine=ELSEWHERE), config("board", image=OWN), around=CLOSED)


# kits of others

KITS = Sdks(
    xwin=Xwin(folder="/cache/xwin"),
    ndk=Ndk(folder="/ndk", programs="/ndk/bin", levels={"aarch64-linux-android": (19, 21, 35), "armv7a-linux-androideabi": (21,)}),
)


def outcome(name, route, *, kits=KITS, verb="build", **options):
    """What looking at one route gives, with everything answered."""
    known, own = facts(sdks=kits, engine=Absent("no engine")), config(name, **options)
    while True:
        (candidate,) = (c for c in ladder(request(name, known, own, verb), known) if c.name == route)
        found = candidate.look()
        if not isinstance(found, tuple):
            return found
        known = known.with_({question: world()[question.about](question.subject) for question in found})


def test_microsofts_linker_is_not_needed_where_its_licence_is_accepted():
    """Cargo-xwin builds then, with a folder of ours; tests still want Windows, or what the user names."""
    route = outcome("msvc", "xwin", accept_microsoft_license=True)
    assert (route.builder, route.sdk, route.tool.name, route.isolation) == ("xwin", "/cache/xwin", "cargo-xwin", "host")
    assert outcome("msvc", "xwin", accept_microsoft_license=True, verb="test").why.startswith(
        "x86_64-pc-windows-msvc programs are started on Windows"
    )
    wine = {"x86_64-pc-windows-msvc": {"runner": "wine", "accept-microsoft-license": True}}
    assert outcome("msvc", "xwin", target=wine, verb="test").runner.words == ("wine",)


def test_a_licence_that_nobody_accepted():
    """The hint has its address, and the option."""
    refused = outcome("msvc", "xwin")
    assert refused.why == "Microsoft's CRT and SDK have a licence, which nobody has accepted in the configuration"
    assert "https://go.microsoft.com/fwlink/?LinkId=2086102" in refused.hint


def test_a_licence_is_accepted_in_the_configuration_only():
    """A variable is set for whole machines, by people who never saw the repository."""
    own = config("msvc")
    own = replace(
        own, accept_microsoft_license=True, sources={**own.sources, "accept_microsoft_license": Source(name="CROSSTASKS_X", rank=VARIABLE)}
    )
    known = facts(sdks=KITS, engine=Absent("no engine"))
    (candidate,) = (c for c in ladder(request("msvc", known, own), known) if c.name == "xwin")
    assert candidate.look().why == "Microsoft's licence is accepted in the configuration only, and not by CROSSTASKS_X"


@pytest.mark.parametrize(("name", "arch"), [("msvc", "x86_64"), ("i686-msvc", "x86"), ("aarch64-msvc", "aarch64")])
def test_offline_microsofts_files_have_to_be_here(name, arch):
    """Of the very machine; its toolchain too, which is another reason."""
    refused = outcome(name, "xwin", accept_microsoft_license=True, offline=True)
    assert refused.why == f"offline = true, and /cache/xwin does not hold Microsoft's CRT and SDK for {arch}"
    held = replace(KITS, xwin=Xwin(folder="/kept", arches=(arch,)))
    assert "toolchain" not in outcome(name, "xwin", kits=held, accept_microsoft_license=True).name
    assert "CRT" not in outcome(name, "xwin", kits=held, accept_microsoft_license=True, offline=True).why


@pytest.mark.parametrize(
    ("name", "compiler"),
    [
        ("aarch64-android", "/ndk/bin/aarch64-linux-android21-clang"),
        *((f"{arch}-linux-androideabi", "/ndk/bin/armv7a-linux-androideabi21-clang") for arch in ("arm", "armv7", "thumbv7neon")),
    ],
)
def test_an_ndk_of_the_users_links(name, compiler):
    """By the oldest API level that Rust's library runs with."""
    route = outcome(name, "ndk")
    assert (route.builder, route.sdk, route.isolation) == ("cargo", compiler, "host")


def test_what_an_ndk_does_not_do():
    """It has no compiler for the target, there is none, or a test has nowhere to run."""
    assert outcome("i686-android", "ndk").why == "the NDK in /ndk has no compiler for i686-linux-android, API level 21 or newer"
    assert outcome("aarch64-android", "ndk", kits=replace(KITS, ndk=Absent("none is named"))).why == "none is named"
    assert "do not run on this host" in outcome("aarch64-android", "ndk", verb="test").why


def test_only_what_they_are_for_asks_for_kits():
    """No other target's plan looks for them."""
    every = [
        name
        for name in ("aarch64", "windows", "freebsd", "wasm32")
        for candidate in names(name, facts(), config(name))
        if candidate in {"ndk", "xwin"}
    ]
    assert every == []


MUSL = Host(os="linux", arch="x86_64", triple="x86_64-unknown-linux-musl", libc="musl")
OLD = replace(facts().host, glibc="2.31")


@pytest.mark.parametrize(("host", "programs"), [(MUSL, True), (OLD, False)], ids=["musl", "an old glibc"])
def test_on_a_host_without_a_new_glibc_rust_of_the_container_runs_there_too(host, programs):
    """With glibc of Debian's packages, and no second toolchain; the wheel of cross needs it on musl alone."""
    known = bare_facts(host=host, engine=facts().engine)
    planned, _ = settle("aarch64", known, config(toolchains=["debian"]), around=world())
    route = planned.route
    assert route.name == "cross 0.2.5, image built here"
    assert route.host_toolchain.path == f"{known.inventory.tools_home}/glibc-{route.toolchain.name}-debian"
    assert [step.machine for step in route.steps if isinstance(step, BringGlibc)] == [AMD64]
    assert [step.glibc for step in route.steps if isinstance(step, InstallWheels)] == [programs]


def test_rust_that_needs_a_newer_glibc_builds_nothing_on_the_host():
    """Build scripts would be compiled and run there."""
    with pytest.raises(NoRoute, match=r"Rust from debian needs glibc 2\.36, and this machine has 2\.31"):
        settle("aarch64", bare_facts(host=OLD), config(toolchains=["debian"], builder="zigbuild"), around=world())


OUT_OF_REACH = "Debian's archive does not answer for bookworm"


def without_an_archive(machine, own, target, **around):
    """Return the plan where no image can be built here, as after the attempts."""
    failures = []
    while True:
        planned, _ = settle(target, machine(failures=failures), own, around=world(**around))
        building = [step for step in planned.steps if isinstance(step, BuildImage)]
        if not building:
            return planned
        failures.append(Failure(route=planned.route.name, what=OUT_OF_REACH, step=building[0]))


@pytest.mark.parametrize(("machine", "native", "foreign"), [(facts, "x86_64", "aarch64"), (arm64_facts, "aarch64", "x86_64")])
def test_without_debians_archive_the_pinned_base_serves_the_engines_own_platform(machine, native, foreign):
    """It is asked of its registry; another target has zigbuild, and each way that was not taken its reason."""
    pin = pins().images["base"]
    ref = f"{pin.ref}@{pin.digest}"
    reached = {"registry": {ref: served(ref, "linux/amd64", "linux/arm64")}}
    planned = without_an_archive(machine, config(images=["build", "base"]), native, **reached)
    assert (planned.route.name, planned.route.image.ref, planned.route.glibc_floor) == ("cross 0.2.5, pinned base", ref, "2.36")
    planned = without_an_archive(machine, config(images=["mirror", "bundle", "build", "base"]), foreign, **reached)
    assert planned.route.name == "zigbuild"
    reasons = {refused.name: refused.why for refused in planned.refused}
    assert reasons["cross 0.2.5, image built here"] == f"needs a step that failed: {OUT_OF_REACH}"
    assert "and for nothing else" in reasons["cross 0.2.5, pinned base"]
    assert reasons["cross 0.2.5, image of the mirror"] == "no mirror is configured"
    assert "no bundle brought an image" in reasons["cross 0.2.5, image of a bundle"]


@pytest.mark.parametrize(
    ("name", "triple", "known"), [("win32", "i686-pc-windows-gnu", facts()), ("windows", "x86_64-pc-windows-gnu", arm64_facts())]
)
def test_a_runner_that_the_user_names_runs_in_any_image(name, triple, known):
    """What `packages` puts into an image built here, for one; without it nothing there starts what wine64 on amd64 does not."""
    alone = {"packages": ["qemu-user:native"], "images": ["build"], "fallback": []}
    planned, _ = settle(name, known, config(name, **alone, target={name: {"runner": "some-wine"}}), "test")
    assert planned.route.name.endswith("built here")
    with pytest.raises(NoRoute, match=f"its image has nothing that runs {triple} programs"):
        settle(name, known, config(name, **alone), "test")


def test_tests_of_windows_run_in_an_image_built_here():
    """With wine, on the engine's own kind of machine."""
    planned, _ = settle("windows", facts(), config("windows", images=["build"], fallback=[]), "test")
    assert (planned.route.name, planned.route.image.runs) == ("cross 0.2.5, image built here", True)


@pytest.mark.parametrize(
    ("mode", "rank", "taken"),
    [("install", 1, "auto"), ("install", 2, "install"), ("install", 3, "install"), ("auto", 2, "auto"), ("never", 1, "never")],
)
def test_a_file_does_not_agree_to_emulation(mode, rank, taken):
    """A variable or an option of the call does."""
    own = config(emulation=mode)
    own = replace(own, sources={**own.sources, "emulation": Source(name="x", rank=rank)})
    assert taken == _mode(request("aarch64", facts(), own))
