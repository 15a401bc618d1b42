"""Where the image to build in comes from."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, get_args

import pytest
from msgspec.structs import replace
from planning import request, world

from crosstasks.building import run
from crosstasks.catalog import targets
from crosstasks.catalog.ingredients import BuildImage, Image, PullImage
from crosstasks.catalog.pins import pins
from crosstasks.catalog.recipes import lean, recipe, shared_name
from crosstasks.config.options import ImageSource
from crosstasks.core.errors import ConfigError
from crosstasks.core.steps import Absent, Question
from crosstasks.facts.debian import MissingPackages, question
from crosstasks.facts.inventory import BundleImage, Inventory
from crosstasks.facts.lock import Lock, LockRow
from crosstasks.planning import images, plan
from crosstasks.planning import request as requests
from crosstasks.planning.images import BASE_GLIBC, sources
from crosstasks.planning.route import Route
from crosstasks.testing import config, facts, image, repository, served

ARM64 = "aarch64-unknown-linux-gnu"
REF = f"ghcr.io/cross-rs/{ARM64}:0.2.5"
OWN = "registry.example.org/cross/aarch64:1"
GONE = Absent("the engine does not hold it")
MADE = recipe(targets.find("aarch64"), "linux/amd64", "bookworm").tag


class Wanted(NamedTuple):
    """An image of a target, for one flavour of cross, on one platform."""

    name: str
    flavour: str
    platform: str


def wanted(name="aarch64", flavour="0.2.5", platform="linux/amd64"):
    return Wanted(name, flavour, platform)


def choose(source, want, known, own):
    """Ask a source, on a machine whose engine is of the image's platform."""
    arch = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}[want.platform]
    there = known.with_({Question("engine"): replace(known.engine, arch=arch)})
    return images.Search(flavour=want.flavour, platform=want.platform, request=request(want.name, there, own), facts=known).choose(source)


def test_upstream_serves_its_own_platform():
    """Pulled by digest; the base tells the glibc that runs in it, and the catalogue what is linked against."""
    found = choose("upstream", wanted(), facts(registry={REF: served(REF)}), config())
    step = PullImage(why=f"the engine does not hold {REF}", ref=REF, platform="linux/amd64", digest="sha256:" + "2" * 64)
    assert found == Image(
        ref=REF,
        platform="linux/amd64",
        source="upstream",
        digest="sha256:" + "2" * 64,
        why="cross's own image",
        glibc="2.23",
        glibc_floor="2.23",
        steps=(step,),
    )


@pytest.mark.parametrize(
    ("want", "answers", "options", "why"),
    [
        (wanted(), {}, {"offline": True}, "offline = true"),
        (wanted(), {REF: Absent("ghcr.io does not answer")}, {}, "ghcr.io does not answer"),
        (wanted(platform="linux/arm64"), {REF: served(REF)}, {}, f"{REF} is only for linux/amd64, not linux/arm64"),
        (wanted("riscv64-musl"), {}, {}, "cross 0.2.5 has no image for riscv64gc-unknown-linux-musl"),
        (wanted(), {}, {"packages": ["libssl-dev"]}, "`packages` asks for Debian packages, which only an image built here can hold"),
    ],
)
def test_upstream_is_refused_with_the_reason(want, answers, options, why):
    """An image of another platform would fail to pull, or be emulated without a word."""
    assert choose("upstream", want, facts(registry=answers), config(**options)) == Absent(why)


def test_a_registry_is_asked_only_by_the_sources_that_need_it():
    """`local` and `build` ask the engine, of all its names at once; what it holds needs no network."""
    held = facts(images={REF: image(REF)})
    assert choose("local", wanted(), held, config()) == Image(
        ref=REF,
        platform="linux/amd64",
        source="local",
        digest="sha256:" + "1" * 64,
        why="the engine has it",
        glibc="2.23",
        glibc_floor="2.23",
    )
    assert choose("local", wanted(), facts(), config()) == (Question("image", REF), Question("image", MADE))
    assert choose("build", wanted(), facts(), config()) == (Question("image", MADE),)
    assert choose("upstream", wanted(), facts(), config()) == (Question("registry", REF),)


@pytest.mark.parametrize(
    ("held", "taken"),
    [
        (image(REF, "linux/amd64"), True),
        (image(REF, "linux/amd64/v1"), True),
        (image(REF, "linux/arm64/v8"), False),
        (GONE, False),
    ],
)
def test_an_image_of_the_engine_must_be_of_the_platform(held, taken):
    """The variant does not matter."""
    found = choose("local", wanted(), facts(images={REF: held, MADE: GONE}), config())
    assert isinstance(found, Image) == taken


def test_an_image_built_here_is_known_by_its_recipe():
    """What it holds is what its tag says; it runs the target's programs if the recipe has an emulator."""
    alone = config(images=["local", "build"])
    found = choose("build", wanted(), facts(images={MADE: image(MADE)}), alone)
    assert (found.ref, found.source, found.why, found.glibc, found.glibc_floor, found.runs) == (
        MADE,
        "build",
        "built here by an earlier call",
        "2.36",
        "2.36",
        True,
    )
    mingw = recipe(targets.find("windows"), "linux/amd64", "bookworm").tag
    assert choose("build", wanted("windows"), facts(images={mingw: image(mingw)}), alone).runs is True


def test_an_image_that_was_built_here_is_taken_where_it_would_be_built():
    """What comes before it is not passed over because an earlier call, without a registry, has built one."""
    known = facts(images={REF: GONE, MADE: image(MADE)})
    assert choose("local", wanted(), known, config()) == Absent(f"the engine has no {REF}")
    assert choose("build", wanted(), known, config()).ref == MADE


def test_an_image_is_built_from_the_machines_own_packages():
    """The step says all that the recipe is made of."""
    found = choose("build", wanted(), facts(images={MADE: GONE}), config())
    step = BuildImage(why=f"the engine has no {MADE}", recipe=recipe(targets.find("aarch64"), "linux/amd64", "bookworm"))
    assert found == Image(
        ref=MADE,
        platform="linux/amd64",
        source="build",
        why="put together from bookworm's packages",
        glibc="2.36",
        base="bookworm",
        glibc_floor="2.36",
        steps=(step,),
    )


def test_packages_make_another_image():
    """And upstream's is not looked for, even in the engine."""
    own = config(packages=["libssl-dev"])
    tag = recipe(targets.find("aarch64"), "linux/amd64", "bookworm", packages=("libssl-dev",)).tag
    assert tag != MADE
    assert isinstance(choose("local", wanted(), facts(images={REF: image(REF)}), own), Absent)
    asked = question("bookworm", "arm64", ["libssl-dev"])
    known = facts(images={tag: GONE})
    assert choose("build", wanted(), known, own) == (asked,)
    for answer in (MissingPackages(suite="bookworm", architecture="arm64"), Absent("apt's lists cannot be had")):
        found = choose("build", wanted(), known.with_({asked: answer}), own)
        assert "libssl-dev:arm64" in found.steps[0].recipe.packages


def test_packages_that_nobody_has_are_the_configurations_fault():
    """Each is named, with its architecture, the release and a likely word: the target's by its own, a native one by the image's."""
    own = config(packages=["libsl-dev", "protobuf-compilr:native"])
    tag = recipe(targets.find("aarch64"), "linux/amd64", "bookworm", packages=own.target(ARM64).packages).tag
    library, program = (question("bookworm", *rest) for rest in (("arm64", ["libsl-dev"]), ("amd64", ["protobuf-compilr"])))
    known = facts(images={tag: GONE})
    assert choose("build", wanted(), known, own) == (library, program)
    answers = {
        library: MissingPackages(suite="bookworm", architecture="arm64", names={"libsl-dev": "libssl-dev"}),
        program: MissingPackages(suite="bookworm", architecture="amd64", names={"protobuf-compilr": ""}),
    }
    with pytest.raises(ConfigError) as error:
        choose("build", wanted(), known.with_(answers), own)
    assert error.value.problems == (
        "bookworm has no package 'libsl-dev' for arm64, perhaps 'libssl-dev'",
        "bookworm has no package 'protobuf-compilr' for amd64",
    )


@pytest.mark.parametrize(
    ("name", "known", "options", "why"),
    [
        ("x86_64-musl", facts(), {}, "Debian has no C compiler for x86_64-unknown-linux-musl"),
        ("aarch64", facts(images={MADE: GONE}), {"offline": True}, f"the engine has no {MADE}, and offline = true"),
    ],
)
def test_building_is_refused_with_the_reason(name, known, options, why):
    """Before the archive is asked."""
    assert choose("build", wanted(name), known, config(**options)) == Absent(why)


def test_the_base_is_the_one_configured():
    """Its glibc is what artifacts need; without the option it is the machine's own release."""
    want = recipe(targets.find("aarch64"), "linux/amd64", "bullseye").tag
    found = choose("build", wanted(), facts(images={want: GONE}), config(base="bullseye"))
    assert (found.ref, found.glibc_floor, found.why) == (want, "2.31", "put together from bullseye's packages")
    assert "bullseye" == found.steps[0].recipe.suite


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"base": "noble"}, "images are put together from the packages of bullseye, bookworm, trixie, forky, and `base` is noble"),
        ({"pre-build": ["true"]}, "`pre-build` runs in cross's own images, and an image built here has no apt: use `packages`"),
    ],
)
def test_what_an_image_built_here_cannot_hold_is_refused(options, why):
    """Before the archive is asked."""
    assert choose("build", wanted(), facts(), config(**options)) == Absent(why)


def test_a_mirror_serves_what_upstream_would():
    """It is asked, and pulled from, under its own name; the engine may hold it under that name as well."""
    own = config(mirror="registry.example.org:5000")
    ref = f"registry.example.org:5000/cross-rs/{ARM64}:0.2.5"
    assert choose("mirror", wanted(), facts(), own) == (Question("registry", ref),)
    found = choose("mirror", wanted(), facts(registry={ref: served(ref)}), own)
    assert (found.ref, found.source, found.glibc) == (ref, "mirror", "2.23")
    assert choose("local", wanted(), facts(images={ref: image(ref)}), own).ref == ref
    assert choose("mirror", wanted(), facts(), config()) == Absent("no mirror is configured")


@pytest.mark.parametrize(
    ("cross", "options", "expected"),
    [
        ({}, {}, ("local", "mirror", "upstream", "bundle", "build", "base")),
        ({}, {"images": ["build", "local"]}, ("build", "local")),
        ({}, {"image": OWN}, ("configured",)),
        ({"target": {ARM64: {"image": OWN}}}, {}, ("configured",)),
        ({"target": {ARM64: {"dockerfile": "Dockerfile"}}}, {}, ("configured",)),
        ({"target": {"armv7-unknown-linux-gnueabihf": {"image": OWN}}}, {}, ("local", "mirror", "upstream", "bundle", "build", "base")),
        ({"target": {ARM64: {"pre-build": ["true"]}}}, {}, ("local", "mirror", "upstream", "bundle", "build", "base")),
    ],
)
def test_an_image_that_is_named_is_the_only_one(cross, options, expected):
    """By crosstasks.toml, or by Cross.toml for that very target."""
    known = facts(repository=repository(cross=cross, cross_origin="Cross.toml"))
    assert sources(request("aarch64", known, config(**options)), known) == expected


CROSS = {
    "named": {"image": OWN},
    "table": {"image": {"name": OWN, "toolchain": ["x86_64-unknown-linux-gnu"]}},
    "dockerfile": {"dockerfile": "Dockerfile"},
    "tag": {"image": ":main"},
    "toolchain": {"image": {"toolchain": ["aarch64-unknown-linux-gnu"]}},
}


def cross_toml(said, **more):
    return facts(repository=repository(cross={"target": {ARM64: CROSS[said]}}, cross_origin="Cross.toml"), **more)


@pytest.mark.parametrize("said", ["named", "table"])
def test_cross_toml_names_an_image(said):
    """It is looked for in the engine, then in its registry; the reason says whose wish it is."""
    assert choose("configured", wanted(), cross_toml(said), config()) == (Question("image", OWN),)
    assert choose("configured", wanted(), cross_toml(said, images={OWN: GONE}), config()) == (Question("registry", OWN),)
    found = choose("configured", wanted(), cross_toml(said, images={OWN: image(OWN)}), config())
    assert (found.ref, found.why, found.steps) == (OWN, "named by Cross.toml", ())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("dockerfile", "Cross.toml has a dockerfile: cross builds it"),
        ("tag", "Cross.toml names :main: left to cross"),
        ("toolchain", "Cross.toml names a toolchain: left to cross"),
    ],
)
def test_what_only_cross_understands_is_left_to_it(said, why):
    """No image is given to cross, which reads Cross.toml itself."""
    assert choose("configured", wanted(), cross_toml(said), config()) == Image(ref="", platform="linux/amd64", source="configured", why=why)


def test_crosstasks_toml_wins_over_cross_toml():
    """The reason names the file, or the variable, that says it."""
    known = cross_toml("dockerfile", images={OWN: image(OWN, labels={"crosstasks.glibc": "2.36", "crosstasks.libc": "2.36"})})
    found = choose("configured", wanted(), known, config(image=OWN))
    assert (found.ref, found.why, found.glibc, found.glibc_floor) == (OWN, "named by `image`, crosstasks.toml", "2.36", "2.36")


def test_a_named_image_that_is_not_there():
    """Both places are told."""
    known = facts(images={OWN: GONE}, registry={OWN: Absent("it has no such tag")})
    assert choose("configured", wanted(), known, config(image=OWN)).why == f"the engine has no {OWN}; its registry: it has no such tag"


@pytest.mark.parametrize("name", ["freebsd", "solaris", "netbsd"])
def test_an_image_without_a_runner_runs_nothing(name):
    """There are images of systems that no emulator of cross runs."""
    row = targets.find(name)
    flavour = "git" if "0.2.5" not in row.images else "0.2.5"
    ref = targets.default_image(row, flavour)
    found = choose("upstream", wanted(name, flavour), facts(registry={ref: served(ref)}), config())
    assert (found.runs, found.glibc_floor) == (False, "")


def test_what_runs_is_told_by_the_flavours_own_row():
    """One flavour's image may have a runner where the other's has none."""
    asked = request("aarch64", facts(), config())
    row = asked.target
    bare = replace(row, images={**row.images, "0.2.5": replace(row.images["0.2.5"], runners=())})
    for flavour, runs in (("0.2.5", False), ("git", True)):
        ref = targets.default_image(bare, flavour)
        known = facts(registry={ref: served(ref)})
        assert (
            images.Search(flavour=flavour, platform="linux/amd64", request=dataclasses.replace(asked, target=bare), facts=known)
            .choose("upstream")
            .runs
            is runs
        )


@pytest.mark.parametrize(
    ("name", "flavour", "glibc", "floor"),
    [
        ("aarch64", "0.2.5", "2.23", "2.23"),
        ("aarch64-musl", "0.2.5", "2.27", ""),
        ("arm", "0.2.5", "2.27", "2.17"),
        ("aarch64-android", "0.2.5", "2.31", ""),
        ("aarch64", "git", "2.39", "2.39"),
        ("aarch64-freebsd", "git", "2.39", ""),
        ("mips64el", "git", "2.35", "2.35"),
    ],
)
def test_the_glibc_in_an_image_is_not_what_programs_are_linked_against(name, flavour, glibc, floor):
    """The first is Ubuntu's, and starts the toolchain; the second is of the C compiler for the target, if that is of glibc."""
    ref = targets.default_image(targets.find(name), flavour)
    found = choose("upstream", wanted(name, flavour), facts(registry={ref: served(ref)}), config(name))
    assert (glibc, floor) == (found.glibc, found.glibc_floor)


def test_the_glibc_of_every_base_is_known():
    """Ubuntu's; emsdk's image runs node, and its glibc is of no use to a route."""
    rows = [row for target in targets.catalogue().values() for row in target.images.values()]
    bases = {row.base for row in rows}
    assert {base for base in bases if not base.startswith("emsdk")} <= set(BASE_GLIBC)


def test_a_source_is_a_row():
    """Every word of the option has one."""
    assert set(images.SOURCES) == {"configured", "registry", *get_args(ImageSource)}


LEAN = lean(recipe(targets.find("aarch64"), "linux/amd64", "bookworm"))


def build(verb, *held, asked=True, known=None):
    """Plan for a verb with an engine that holds images of these names, and nothing that can be asked; return the image."""
    held = {ref: image(ref, labels={"crosstasks.compilers": "c"}) for ref in held}
    around = world(registry=Absent("no registry answers"), image=held)
    known = known or facts()
    made = requests.make(targets.find("aarch64"), verb, known, config(), lean=asked)
    while not isinstance(found := plan.make(made, known), plan.Plan):
        known = known.with_({question: around[question.about](question.subject) for question in found})
    return found.route.image


@pytest.mark.parametrize(
    ("verb", "held", "ref", "built"),
    [
        ("build", (), LEAN.tag, True),
        ("clippy", (), LEAN.tag, True),
        ("build", (LEAN.tag,), LEAN.tag, False),
        ("build", (LEAN.tag, MADE), LEAN.tag, False),
        ("test", (), MADE, True),
        ("test", (LEAN.tag,), MADE, True),
        ("run", (LEAN.tag, MADE), MADE, False),
    ],
)
def test_an_emulator_is_fetched_by_who_starts_programs(verb, held, ref, built):
    """What only compiles takes the smaller image that is there; a verb that runs programs needs the other."""
    found = build(verb, *held)
    assert (found.ref, bool(found.steps)) == (ref, built)


def test_what_is_provided_for_every_verb_has_the_emulator():
    """A bundle, a mirror, `provision`, and what a lock holds."""
    locked = Lock(target={ARM64: {"linux/amd64": LockRow(builder="cross", flavour="0.2.5", image=MADE, toolchain="1.96.0")}})
    assert MADE == build("build", asked=False).ref
    assert requests.make(targets.find("aarch64"), "build", facts(lock=locked), config(), lean=True).lean is False


def test_images_that_differ_in_the_emulator_share_a_target_folder():
    """So a test compiles nothing that the build before it has; other packages make another folder."""
    names = [
        run.folder(Route(name="r", target=ARM64, builder="cross", toolchain=None, host_toolchain=None, image=made), repository()).name
        for made in (
            build("build", LEAN.tag),
            build("test", MADE),
            replace(build("test", MADE), compilers="d"),
            replace(build("test", MADE), compilers=""),
        )
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 3


PIN = pins().images["base"]
BASE = f"{PIN.ref}@{PIN.digest}"


def test_the_pinned_base_is_pulled_by_its_digest():
    """For the engine's own platform, of the suite that images built here are of; no second name of it is asked for."""
    known = facts(images={BASE: GONE}, registry={BASE: served(BASE, "linux/amd64", "linux/arm64")})
    found = choose("base", wanted(platform="linux/arm64"), known, config())
    step = PullImage(why=f"the engine does not hold {BASE}", ref=BASE, platform="linux/arm64", digest=found.digest)
    assert (found.ref, found.source, found.glibc_floor, found.runs, found.steps) == (BASE, "base", "2.36", True, (step,))


def test_a_mirror_has_the_pinned_base_under_the_same_digest():
    """It is asked before the registry that the base is of, which may be out of reach."""
    copy = f"mirror.example.org/all/library/buildpack-deps@{PIN.digest}"
    known = facts(images={BASE: GONE}, registry={copy: served(copy, "linux/amd64", "linux/arm64")})
    assert choose("base", wanted(platform="linux/arm64"), known, config(mirror="mirror.example.org/all")).ref == copy


@pytest.mark.parametrize(
    ("want", "options", "why"),
    [
        (
            wanted(),
            {},
            "docker.io/library/buildpack-deps:bookworm compiles for x86_64-unknown-linux-gnu on linux/amd64, and for nothing else",
        ),
        (wanted("x86_64"), {"packages": ["libssl-dev"]}, "`packages` asks for Debian packages, which only an image built here can hold"),
        (wanted("x86_64"), {"offline": True}, f"the engine has no {BASE}; its registry: offline = true"),
    ],
)
def test_the_pinned_base_is_refused_with_the_reason(want, options, why):
    """It has no cross compiler, and nothing is installed into it."""
    assert choose("base", want, facts(images={BASE: GONE}), config(**options)).why == why


MIRROR = "mirror.example.org/m"
SHARED = f"{MIRROR}/{shared_name(ARM64)}"
DIGEST = "sha256:" + "2" * 64
OTHER = "crosstasks/aarch64-unknown-linux-gnu:amd64-0123456789ab"
BY_DIGEST = LockRow(builder="cross", flavour="0.2.5", image=REF, digest=DIGEST, toolchain="1.96.0")
ZLIBS = ("zlib1g-dev",)
ZLIB = recipe(targets.find("aarch64"), "linux/amd64", "bookworm", packages=ZLIBS).tag
COPY, MIRROR_TAG = f"{MIRROR}/cross-rs/{ARM64}:0.2.5", f"{MIRROR}/{MADE}"
BY_RECIPE = LockRow(builder="cross", flavour="0.2.5", image=OTHER, recipe="0123456789ab", toolchain="1.96.0")


def pinned(ref):
    return f"{ref.rpartition(':')[0]}@{DIGEST}"


@pytest.mark.parametrize(
    ("source", "row", "options", "asked"),
    [
        ("mirror", None, {}, []),
        ("mirror", None, {"mirror": MIRROR}, [COPY, MIRROR_TAG, SHARED]),
        (
            "mirror",
            None,
            {"mirror": f"{MIRROR}/", "packages": ["zlib1g-dev"]},
            [f"{MIRROR}/{ZLIB}", f"{MIRROR}/{shared_name(ARM64, ZLIBS)}"],
        ),
        ("mirror", BY_DIGEST, {"mirror": MIRROR}, [pinned(COPY), pinned(SHARED)]),
        ("mirror", BY_RECIPE, {"mirror": MIRROR}, [f"{MIRROR}/{OTHER}"]),
        ("local", None, {"mirror": MIRROR}, [COPY, REF, MIRROR_TAG, SHARED, MADE]),
        ("local", None, {"images": ["local", "build", "upstream"]}, []),
        ("local", None, {"images": ["local", "upstream", "build"]}, [REF, MADE]),
        ("local", None, {"images": ["local", "build"], "mirror": MIRROR}, [COPY, MIRROR_TAG, SHARED, MADE]),
        ("local", BY_DIGEST, {}, [pinned(REF), REF, MADE]),
        ("local", BY_DIGEST, {"mirror": MIRROR}, [pinned(COPY), COPY, pinned(REF), REF, pinned(SHARED), MADE]),
        ("local", BY_RECIPE, {"mirror": MIRROR}, [COPY, REF, f"{MIRROR}/{OTHER}", OTHER]),
        ("build", None, {}, [MADE]),
        ("build", BY_RECIPE, {}, [OTHER]),
        ("upstream", BY_DIGEST, {}, [pinned(REF)]),
    ],
)
def test_which_names_are_asked_for(source, row, options, asked):
    """In this order: cross's own, unless others are locked or built instead, and what was built here, which a mirror may hold as well."""
    known = facts(lock=Lock(target={ARM64: {"linux/amd64": row}} if row else {}))
    names = []
    while isinstance(found := choose(source, wanted(), known, config(**options)), tuple):
        names += [one.subject for one in found if one.about in {"registry", "image"}]
        known = known.with_(dict.fromkeys(found, GONE))
    assert asked == names
    assert isinstance(found, Image if source == "build" else Absent)


def bundled(**changes):
    return BundleImage(**{"ref": "crosstasks-bundle/x:1", "id": "sha256:1", "target": ARM64, "platform": "linux/amd64"} | changes)


@pytest.mark.parametrize(
    ("name", "row", "traits"),
    [
        ("aarch64", bundled(flavour="0.2.5"), {"glibc": "2.23", "glibc_floor": "2.23"}),
        ("aarch64", bundled(flavour=""), {}),
        ("riscv64-musl", bundled(flavour="0.2.5", target="riscv64gc-unknown-linux-musl"), {}),
        ("aarch64", bundled(flavour="git"), None),
        ("aarch64", bundled(platform="linux/arm64"), None),
        ("aarch64", bundled(packages=("zlib1g-dev",)), None),
        ("armv7", bundled(), None),
    ],
)
def test_what_a_bundle_brought_serves_what_it_was_made_for(name, row, traits):
    """That target, platform, flavour of cross and list of packages; what was built is known by its labels alone."""
    found = choose(
        "bundle",
        wanted(name),
        facts(inventory=Inventory(home="", tools_home="", images=(row,)), images={row.ref: image(row.ref)}),
        config(name),
    )
    if traits is None:
        triple = targets.find(name).triple
        assert found == Absent(f"no bundle brought an image for {triple} on linux/amd64")
    else:
        ready = {
            "ref": row.ref,
            "platform": "linux/amd64",
            "source": "bundle",
            "digest": "sha256:" + "1" * 64,
            "why": "a bundle brought it",
        }
        assert found == Image(**ready, **traits)


OWN_COPY = f"{MIRROR}/cross/aarch64:1"


@pytest.mark.parametrize(
    ("row", "mirror", "asked"),
    [
        (None, "", [("image", OWN), ("registry", OWN)]),
        (None, MIRROR, [("image", OWN), ("image", OWN_COPY), ("registry", OWN_COPY), ("registry", OWN)]),
        (BY_DIGEST, "", [("image", pinned(OWN)), ("image", "crosstasks-bundle/x:1"), ("image", OWN), ("registry", pinned(OWN))]),
    ],
)
@pytest.mark.parametrize("there", range(-1, 4))
def test_where_an_image_that_is_named_is_looked_for(row, mirror, asked, there):
    """In the engine, also as a bundle brought it; as the mirror's copy; in its own registry. The first that has it is taken."""
    names, brought = [], Inventory(home="", tools_home="", images=(bundled(digest=DIGEST, flavour="0.2.5"),))
    known = facts(inventory=brought, lock=Lock(target={ARM64: {"linux/amd64": row}} if row else {}))
    options = {"image": OWN, **({"mirror": mirror} if mirror else {})}
    while isinstance(found := choose("configured", wanted(), known, config(**options)), tuple):
        (one,) = found
        names.append((one.about, one.subject))
        held = {"image": lambda ref: image(ref, digests=(f"x@{DIGEST}",)), "registry": served}[one.about](one.subject)
        known = known.with_({one: held if len(names) == there + 1 else GONE})
    if not 0 <= there < len(asked):
        assert (names, type(found)) == (asked, Absent)
        return
    about, ref = asked[there]
    why = "named by `image`, crosstasks.toml" + ("; the mirror has a copy" if ref == OWN_COPY else "")
    step = PullImage(why=f"the engine does not hold {ref}", ref=ref, platform="linux/amd64", digest=DIGEST)
    ready = {"ref": ref, "platform": "linux/amd64", "source": "configured", "why": why}
    pulled = {"digest": DIGEST, "steps": (step,)} if about == "registry" else {"digest": f"x@{DIGEST}"}
    assert (names, found) == (asked[: there + 1], Image(**ready, **pulled))
