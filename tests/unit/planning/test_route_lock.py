"""crosstasks.lock: its rows, what differs, its text, and how plans keep to it."""

from __future__ import annotations

import pytest
from msgspec import structs
from planning import request, settle, world

from crosstasks.catalog import targets
from crosstasks.catalog.recipes import recipe, shared_name
from crosstasks.core.errors import ConfigError, NoRoute
from crosstasks.core.steps import Absent, Question
from crosstasks.extras.offline import locking
from crosstasks.facts.inventory import BUNDLE_PREFIX, BundleImage
from crosstasks.facts.lock import Lock, LockRow, place, read
from crosstasks.facts.lock import platform as platform_of
from crosstasks.planning.route import compare_rows, lock_row
from crosstasks.testing import AMD64, arm64_facts, bare_facts, config, facts, image, served, toolchain

ARM64 = "aarch64-unknown-linux-gnu"
REF = f"ghcr.io/cross-rs/{ARM64}:0.2.5"
DIGEST = "sha256:" + "2" * 64
MOVED = "sha256:" + "3" * 64
WHOLE = toolchain(standard=(AMD64, ARM64))
ROW = LockRow(
    builder="cross",
    flavour="0.2.5",
    image=REF,
    platform="linux/amd64",
    digest=DIGEST,
    toolchain="1.96.0",
    toolchain_source="rustup",
    glibc="2.23",
)
BUILT = recipe(targets.find("aarch64"), "linux/amd64", "bookworm").tag


def held(row=ROW, platform="linux/amd64"):
    return Lock(target={ARM64: {platform: row}})


def row_of(plan):
    return lock_row(plan.route, plan.request)


def planned(known, own=None, **around):
    own = own or config()
    plan, asked = settle("aarch64", known, own, around=world(**around))
    return plan, [question for question in asked if question.about in {"registry", "image"}]


def test_a_row_holds_all_that_a_target_is_built_with():
    """An image of a registry is held by its digest, with the tag beside it."""
    plan, _ = planned(facts())
    assert lock_row(plan.route, plan.request) == ROW


def test_an_image_built_here_is_held_by_its_recipe():
    """What it is made of; its packages move with Debian's updates."""
    plan, _ = planned(facts(), config(images=["build"]))
    row = lock_row(plan.route, plan.request)
    assert (row.image, row.recipe, row.digest, row.glibc) == (BUILT, BUILT.rpartition("-")[2], "", "2.36")


def test_a_mirror_is_not_what_is_locked():
    """Upstream's name is, whoever serves it: digests are the same everywhere."""
    own = config(mirror="mirror.example.org/m")
    plan, _ = planned(facts(), own)
    assert plan.route.image.source == "mirror"
    assert lock_row(plan.route, plan.request) == ROW


MIRRORED = REF.replace("ghcr.io", "mirror.example.org/m")


@pytest.mark.parametrize(
    ("ref", "source", "options", "name"),
    [
        (REF, "upstream", {}, REF),
        (REF, "configured", {"image": REF}, REF),
        (MIRRORED, "mirror", {}, REF),
        (MIRRORED, "local", {}, REF),
        (MIRRORED, "configured", {"image": MIRRORED}, MIRRORED),
        ("mirror.example.org/other:1", "mirror", {}, "mirror.example.org/other:1"),
        ("mirror.example.org/other:1", "mirror", {"image": "example.org/other:1"}, "example.org/other:1"),
        (f"{BUNDLE_PREFIX}x:1", "bundle", {}, REF),
        (f"{BUNDLE_PREFIX}x:1", "bundle", {"image": "example.org/other:1"}, "example.org/other:1"),
        (f"mirror.example.org/m/{BUILT}", "mirror", {}, BUILT),
    ],
)
def test_by_which_name_an_image_is_locked(ref, source, options, name):
    """The one that it has where it comes from, or that the user gave it."""
    plan, _ = planned(facts())
    route = structs.replace(plan.route, image=structs.replace(plan.route.image, ref=ref, source=source))
    own = config(target={"aarch64": options})
    assert name == lock_row(route, request("aarch64", facts(), own)).image


def test_an_image_that_a_mirror_has_for_all_platforms_is_held_by_its_digest():
    """It is an index, of whatever recipe."""
    own = config(mirror="mirror.example.org/m", images=["mirror"])
    ref = f"mirror.example.org/m/{shared_name(ARM64)}"
    known = facts(lock=Lock(), host=bare_facts()["host"])
    plan, _ = planned(known, own, registry={ref: served(ref)})
    row = lock_row(plan.route, plan.request)
    assert (row.digest, row.recipe, row.glibc) == (DIGEST, "", "")
    again, asked = planned(
        facts(lock=held(row), host=bare_facts()["host"]), own, registry={(at := f"{ref.rpartition(':')[0]}@{DIGEST}"): served(at)}
    )
    assert again.route.image.ref == at
    assert Question("registry", ref) not in asked


@pytest.mark.parametrize(
    ("builder", "expected"),
    [("zigbuild", ("zigbuild", "", "0.24.0", "")), ("cross", ("cross", "git", "", "8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27"))],
)
def test_other_builders(builder, expected):
    """Zigbuild is held by its version, a git cross by its revision."""
    own = config(builder=builder, cross="git")
    plan, _ = planned(facts(), own)
    row = lock_row(plan.route, plan.request)
    assert (row.builder, row.flavour, row.tool, row.revision) == expected


def test_the_locked_digest_is_what_is_asked_for_and_pulled():
    """The tag may have moved: it is not asked for."""
    at = f"{REF.rpartition(':')[0]}@{DIGEST}"
    plan, asked = planned(facts(lock=held()), registry={at: served(at), REF: served(REF, digest=MOVED)})
    assert plan.locked
    assert [step.ref for step in plan.steps if type(step).__name__ == "PullImage"] == [at]
    assert Question("registry", REF) not in asked


def test_an_engine_that_holds_another_digest_pulls():
    """An image of the same name that is not the locked one is not used."""
    at = f"{REF.rpartition(':')[0]}@{DIGEST}"
    other = image(REF, digests=(f"ghcr.io/cross-rs/{ARM64}@{MOVED}",))
    plan, _ = planned(facts(lock=held()), registry={at: served(at)}, image={REF: other})
    assert plan.route.image.source == "upstream"


def test_an_engine_that_holds_the_locked_digest_asks_nobody():
    """Whatever its other names."""
    same = image(REF, digests=(f"mirror.example.org/x@{MOVED}", f"ghcr.io/cross-rs/{ARM64}@{DIGEST}"))
    plan, asked = planned(facts(lock=held()), image={REF: same})
    assert (plan.route.image.source, {question.about for question in asked}) == ("local", {"image"})


def test_a_locked_recipe_keeps_upstream_from_being_asked():
    """The ladder's first image is not the locked one, and a later one is."""
    row = row_of(planned(facts(), config(images=["build"]))[0])
    plan, asked = planned(facts(lock=held(row)))
    assert plan.route.image.ref == BUILT
    assert {question.about for question in asked} == {"image"}
    assert "crosstasks.lock holds crosstasks/" in "".join(refusal.why for refusal in plan.refused)


def test_the_locked_toolchain_is_kept_though_there_is_a_newer_one():
    """Release and maker; the server's stable is 1.96.0."""
    row = structs.replace(ROW, toolchain="1.85.0", toolchain_source="debian")
    at = f"{REF.rpartition(':')[0]}@{DIGEST}"
    own = config(fallback=[])
    with pytest.raises(NoRoute, match=r"needs glibc 2\.36"):  # Debian's rustc, in an image of Ubuntu 16.04
        planned(facts(lock=held(row)), own, registry={at: served(at)})
    newer = facts(lock=held(row_of(planned(facts(), config(images=["build"], toolchains=["debian"], toolchain="1.85.0"))[0])))
    plan, _ = planned(newer)
    assert (plan.route.toolchain.release, plan.route.toolchain.source) == ("1.85.0", "debian")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"cross": "git", "fallback": []}, "crosstasks.lock holds flavour 0.2.5, and this is git"),
        ({"builder": "zigbuild"}, "crosstasks.lock holds builder cross, and this is zigbuild"),
        ({"toolchain": "1.85.0"}, "crosstasks.lock holds toolchain 1.96.0, and this is 1.85.0"),
        ({"images": ["build"]}, f"crosstasks.lock holds {REF}"),
    ],
)
def test_a_configuration_that_says_otherwise_is_refused_with_what_differs(options, why):
    """The next step is to renew the lock."""
    at = f"{REF.rpartition(':')[0]}@{DIGEST}"
    with pytest.raises(NoRoute) as caught:
        planned(facts(lock=held(), rustup=facts()["rustup"]), config(**options), registry={at: served(at)})
    assert why in caught.value.why
    assert "lock --update" in caught.value.hint


def test_another_platforms_rows_bind_nobody_here():
    """A team of mixed architecture has one file."""
    assert not planned(facts(lock=held(platform="linux/arm64")))[0].locked
    assert platform_of(arm64_facts()) == "linux/arm64"
    assert platform_of(bare_facts()) == "none"


def test_rows_of_other_platforms_are_kept():
    """Locking replaces rows of this platform only, and an update only those of the named targets."""
    both = held(platform="linux/arm64").merge("linux/amd64", {ARM64: ROW})
    assert set(both.target[ARM64]) == {"linux/amd64", "linux/arm64"}
    assert both.without("linux/amd64", [ARM64]) == held(platform="linux/arm64")
    assert held().without("linux/amd64", [ARM64]) == Lock()
    assert both.only([]) == Lock()


def test_a_floor_that_is_not_known_yet_is_no_difference():
    """An image that is not here yet has no labels to read."""
    unknown = LockRow(**{name: getattr(ROW, name) for name in ROW.__struct_fields__} | {"glibc": ""})
    assert compare_rows(ROW, unknown) == compare_rows(unknown, ROW) == ()
    moved = LockRow(**{name: getattr(ROW, name) for name in ROW.__struct_fields__} | {"digest": MOVED})
    assert compare_rows(ROW, moved) == (("digest", DIGEST, MOVED),)


def test_the_file_says_what_the_lock_says(tmp_path):
    """Sorted, whatever came first."""
    path = tmp_path / "crosstasks.lock"
    one = held(platform="linux/arm64").merge("linux/amd64", {ARM64: ROW, AMD64: ROW})
    other = Lock().merge("linux/amd64", {AMD64: ROW, ARM64: ROW}).merge("linux/arm64", {ARM64: ROW})
    path.write_text(locking.dump(one))
    assert read(path) == one
    assert locking.dump(one) == locking.dump(other)
    assert locking.dump(Lock()).endswith("version = 1\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [("version = 2\n", "Invalid enum value 2"), ("version = 1\n[target.x.y]\nbulider = 1\n", "bulider"), ("version", "is not TOML")],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path, text, why):
    """It is never taken for none."""
    path = tmp_path / "crosstasks.lock"
    path.write_text(text)
    with pytest.raises(ConfigError, match=why):
        read(path)
    with pytest.raises(ConfigError, match="told"):
        planned(facts(lock=Absent("told")))


def test_it_lies_beside_the_configuration(tmp_path):
    """So that a workspace has one, wherever in it a command is given."""
    assert place(str(tmp_path / "crosstasks.toml"), tmp_path / "crates" / "one") == tmp_path / "crosstasks.lock"
    assert place("", tmp_path) == tmp_path / "crosstasks.lock"


def test_tables_for_people():
    """What is locked, and what differs."""
    rows = {"linux/arm64": structs.replace(ROW, digest="", recipe="0123456789ab", flavour="git", revision=MOVED[7:]), "linux/amd64": ROW}
    plain = LockRow(builder="zigbuild", tool="0.24.0", toolchain="1.96.0")
    assert [line.split() for line in locking.text(Lock(target={AMD64: {"linux/amd64": plain}, ARM64: rows})).splitlines()] == [
        ["target", "platform", "builder", "image", "pinned", "by", "toolchain", "glibc"],
        [ARM64, "linux/amd64", "cross", "0.2.5", REF, DIGEST[:19], "1.96.0", "rustup", "2.23"],
        [ARM64, "linux/arm64", "cross", "git", MOVED[7:19], REF, "recipe", "0123456789ab", "1.96.0", "rustup", "2.23"],
        [AMD64, "linux/amd64", "zigbuild", "0.24.0", "-", "-", "1.96.0", "-"],
    ]
    found = locking.Difference(target=ARM64, platform="linux/amd64", field="toolchain_source", locked="debian", now="")
    assert [line.split() for line in locking.differences_text([found]).splitlines()] == [
        ["target", "platform", "what", "crosstasks.lock", "now"],
        [ARM64, "linux/amd64", "toolchain-source", "debian", "-"],
    ]
    assert locking.differences_text([]) == "crosstasks.lock holds"


def brought(**changes):
    """Return what is known of a machine that a bundle brought an image to."""
    ready = {"ref": f"crosstasks/bundle/{ARM64}:sha256-222222222222", "id": "sha256:" + "1" * 64, "digest": DIGEST, "target": ARM64}
    row = BundleImage(**ready | {"platform": "linux/amd64", "flavour": "0.2.5"} | changes)
    return structs.replace(facts().inventory, images=(row,)), row.ref


def test_an_image_of_a_bundle_has_the_digest_that_is_locked():
    """An engine forgets the digest of an image that it loads; what the bundle said of it is kept, and no registry is asked."""
    inventory, ref = brought()
    plan, asked = planned(facts(lock=held(), inventory=inventory), image={ref: image(ref)})
    assert (plan.route.image.ref, plan.locked, {question.about for question in asked}) == (ref, True, {"image"})
    assert lock_row(plan.route, plan.request) == ROW
    assert compare_rows(ROW, lock_row(plan.route, plan.request)) == ()


def test_an_image_of_a_bundle_with_another_digest_is_not_the_locked_one():
    """It is pulled then."""
    at = f"{REF.rpartition(':')[0]}@{DIGEST}"
    inventory, ref = brought(digest=MOVED)
    plan, _ = planned(facts(lock=held(), inventory=inventory), image={ref: image(ref)}, registry={at: served(at)})
    assert plan.route.image.source == "upstream"


@pytest.mark.parametrize("changes", [{"platform": "linux/arm64"}, {"packages": ("libssl-dev",)}, {"flavour": "git"}, {"target": AMD64}])
def test_an_image_of_a_bundle_is_for_what_it_was_made_for(changes):
    """Another platform's, or one with other packages, is not looked at."""
    inventory, ref = brought(**changes)
    plan, asked = planned(facts(inventory=inventory), config(fallback=[]), image={ref: image(ref)})
    assert Question("image", ref) not in asked
    assert plan.route.image.source == "upstream"


def test_a_machine_that_could_not_build_an_image_uses_one_of_a_bundle():
    """Of another suite, or without apt; with `local` or without."""
    tag = recipe(targets.find("aarch64"), "linux/amd64", "trixie").tag
    inventory, _ = brought(ref=tag, digest="", flavour="")
    labels = {"crosstasks.glibc": "2.41", "crosstasks.libc": "2.41"}
    for images in (["local"], ["bundle"]):
        plan, _ = planned(facts(inventory=inventory), config(images=images), image={tag: image(tag, labels=labels)})
        assert (plan.route.image.ref, plan.route.image.source, plan.route.glibc_floor) == (tag, *images, "2.41")


def test_a_named_image_is_held_by_its_digest_as_well():
    """It is found in the engine by its digest, as what a bundle brought, or by its tag if that is still the same."""
    named = "registry.example.org/own:1"
    own, row = config(image=named), structs.replace(ROW, image=named, glibc="")
    at = f"registry.example.org/own@{DIGEST}"
    assert row_of(planned(facts(), own, registry={named: served(named)})[0]) == row
    plan, asked = planned(facts(lock=held(row)), own, image={named: image(named, digests=(at,))})
    assert (plan.route.image.ref, {question.about for question in asked}) == (named, {"image"})
    inventory, ref = brought()
    plan, asked = planned(facts(lock=held(row), inventory=inventory), own, image={ref: image(ref)})
    assert (plan.route.image.ref, {question.about for question in asked}) == (ref, {"image"})
    plan, _ = planned(facts(lock=held(row)), own, image={named: image(named)}, registry={at: served(at)})
    assert [step.ref for step in plan.steps if type(step).__name__ == "PullImage"] == [at]
