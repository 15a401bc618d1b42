"""Which release of Rust, and where it comes from: the first is decided without a look into our cache."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from planning import STABLE, channel, request, world

from crosstasks.catalog import targets
from crosstasks.catalog.ingredients import BringGlibc, InstallToolchain, Toolchain
from crosstasks.catalog.targets import find
from crosstasks.core.steps import Absent, Question
from crosstasks.facts.debian import Debian
from crosstasks.facts.host import Host
from crosstasks.facts.inventory import Inventory
from crosstasks.facts.lock import Lock, LockRow
from crosstasks.facts.rustup import Rustup
from crosstasks.planning import toolchains
from crosstasks.testing import AMD64, ARM64, BOOKWORM, bare_facts, config, facts, repository, toolchain

ARMV7, RISCV = "armv7-unknown-linux-gnueabihf", "riscv64gc-unknown-linux-gnu"
MIPS = "mips-unknown-linux-gnu"
AWAY = Absent("rustup's server does not answer")
DAY = "2026-10-30"


def rustup(*folders, active=None):
    name = folders[0].name if active is None and folders else active or ""
    return Rustup(command="/home/user/.cargo/bin/rustup", version="1.29.0", home="/home/user/.rustup", toolchains=folders, active=name)


def ours(*folders):
    return Inventory(home="/cache/rustup", tools_home="/cache/tools", toolchains=folders)


def choose(known, target="aarch64", *, host=AMD64, **options):
    """Choose with what is known."""
    return toolchains.choose(host, request(target, known, config(target, **options)), known)


def settle(known, target="aarch64", *, host=AMD64, around=None, **options):
    """Choose, and answer what is asked, until something is chosen."""
    answers = world() | (around or {})
    while isinstance(found := choose(known, target, host=host, **options), tuple):
        known = known.with_({question: answers[question.about](question.subject) for question in found})
    return found


def offering(**channels):
    """Return a server that has these channels, by their names, with ``_`` for ``-`` and a letter before digits; and no other."""
    named = {name.lstrip("v").replace("_", "."): changes for name, changes in channels.items()}
    return {"rust-channel": lambda name: channel(STABLE, name, **named[name]) if name in named else Absent(f"no {name} is served")}


AWAY_ONLY = {"rust-channel": lambda _: AWAY}

WHOLE = toolchain(standard=(AMD64, ARM64))


# which


@pytest.mark.parametrize(
    ("known", "options", "release"),
    [
        pytest.param(facts(), {}, "1.96.0", id="the user's active one"),
        pytest.param(facts(rustup=rustup(toolchain("1.90.0"), toolchain("1.96.0"))), {}, "1.90.0", id="not the user's newest"),
        pytest.param(
            facts(rustup=rustup(toolchain("1.90.0"))), {"toolchain": "1.85"}, "1.85.0", id="a minor release that the server resolves"
        ),
        pytest.param(facts(rustup=rustup(toolchain("1.90.0"), toolchain("1.85.1"))), {"toolchain": "1.85"}, "1.85.1", id="or the user has"),
        pytest.param(facts(rustup=rustup(toolchain("1.90.0"))), {"toolchain": "1.85.1"}, "1.85.1", id="a release that is pinned"),
        pytest.param(facts(repository=repository(channel="1.85.0")), {}, "1.85.0", id="rust-toolchain.toml"),
        pytest.param(
            facts(repository=repository(channel="1.85.0")), {"toolchain": "1.90.0"}, "1.90.0", id="the configuration wins over it"
        ),
        pytest.param(facts(repository=repository(channel=f"1.85.0-{AMD64}")), {}, "1.85.0", id="a host in it is ours to decide"),
        pytest.param(
            facts(rustup=rustup(toolchain("1.85.0")), repository=repository(rust_version="1.90")), {}, "1.96.0", id="rust-version"
        ),
        pytest.param(bare_facts(), {}, "1.96.0", id="the newest stable"),
        pytest.param(facts(rustup=rustup(toolchain("1.98.0-nightly", date=DAY))), {}, f"nightly-{DAY}", id="the user's nightly"),
        pytest.param(facts(rustup=rustup(toolchain("1.98.0-nightly"))), {}, "1.96.0", id="one that nothing names is no release"),
        pytest.param(facts(), {"toolchain": "nightly"}, f"nightly-{DAY}", id="a channel is resolved to its day"),
        pytest.param(facts(), {"toolchain": "nightly-2026-01-02"}, "nightly-2026-01-02", id="a day is kept"),
        pytest.param(facts(repository=repository(channel="beta")), {}, f"beta-{DAY}", id="beta"),
        pytest.param(
            facts(rustup=rustup(toolchain(), toolchain("1.98.0-nightly", name=f"nightly-{AMD64}", date="2026-05-20"))),
            {"toolchain": "nightly"},
            "nightly-2026-05-20",
            id="the day of the user's own",
        ),
        pytest.param(facts(), {"toolchain": "stable"}, "1.96.0", id="stable is no pin"),
    ],
)
@pytest.mark.parametrize("cached", [(), (toolchain("1.85.0", standard=(AMD64, ARM64)), toolchain("1.99.0", standard=(AMD64, ARM64)))])
def test_which_release(known, options, release, cached):
    """The rows of the table in the module, each with an empty cache and with others in it."""
    known = known.with_({Question("inventory"): ours(*cached)})
    assert release == settle(known, **options).release


def locked(release, source="rustup"):
    row = LockRow(builder="cross", toolchain=release, toolchain_source=source)
    return Lock(target={ARM64: {"linux/amd64": row}})


@pytest.mark.parametrize(
    ("release", "options", "taken"),
    [
        ("1.90.0", {}, "1.90.0"),
        ("nightly-2026-01-02", {"toolchain": "nightly"}, "nightly-2026-01-02"),
        ("nightly-2026-01-02", {"toolchain": "1.90.0"}, "1.90.0"),
        ("1.90.0", {"toolchain": "beta"}, f"beta-{DAY}"),
    ],
)
def test_what_is_locked_is_kept_if_it_is_what_is_asked_for(release, options, taken):
    """A moving channel stays on the day that was locked."""
    assert taken == settle(facts(lock=locked(release)), **options).release


@pytest.mark.parametrize(
    ("known", "options", "why"),
    [
        (facts(repository=repository(channel="mine")), {}, "'mine' is neither a release nor a channel of Rust"),
        (
            facts(repository=repository(toolchain_path="../rust/build/stage1")),
            {},
            "rust-toolchain.toml names a toolchain by its path, ../rust/build/stage1, which no container and no other machine has",
        ),
        (
            facts(repository=repository(rust_version="1.99")),
            {"toolchain": "1.85.0"},
            "toolchain: 1.85.0 is pinned, and rust-version is 1.99",
        ),
    ],
)
def test_what_no_release_can_be(known, options, why):
    """Is refused with the reason."""
    assert why == settle(known, **options).why


@pytest.mark.parametrize(("source", "origin"), [("rustup", "user"), ("debian", "debian"), ("", "user")])
def test_what_is_locked_comes_from_whom_the_lock_says(source, origin):
    """The user's own toolchains are rustup's; what is built otherwise is another compiler of that release."""
    assert origin == settle(facts(lock=locked("1.96.0", source), rustup=rustup(WHOLE))).source


def test_a_path_is_left_to_the_user_who_names_a_release():
    """What crosstasks.toml says holds for cross builds."""
    assert "1.90.0" == settle(facts(repository=repository(toolchain_path="../stage1")), toolchain="1.90.0").release


# where


def test_the_users_own_is_used_where_it_is():
    """If it has the standard library of the target."""
    assert choose(facts(rustup=rustup(WHOLE))) == Toolchain(
        name=WHOLE.name,
        release="1.96.0",
        host=AMD64,
        path=WHOLE.path,
        standard=(AMD64, ARM64),
        glibc="2.17",
        source="user",
        why=f"the user's {WHOLE.name} has the standard library of {ARM64}",
    )


def test_nothing_of_the_network_is_asked_where_the_users_own_serves():
    """Nor where ours does; else the server, of that very release."""
    assert isinstance(choose(facts(rustup=rustup(WHOLE))), Toolchain)
    assert isinstance(choose(facts(inventory=ours(WHOLE))), Toolchain)
    assert choose(facts()) == (Question("rust-channel", "1.96.0"),)


@pytest.mark.parametrize(
    ("known", "target", "why"),
    [
        (facts(), "aarch64", f"1.96.0-{AMD64} has no standard library for {ARM64}"),
        (facts(rustup=rustup(toolchain(host=ARM64))), "aarch64", f"rustup has no 1.96.0 for {AMD64}"),
        (facts(rustup=rustup(toolchain(standard=(AMD64, MIPS)))), "mips", f"1.96.0-{AMD64} has no source of the standard library"),
        (
            facts(rustup=rustup(WHOLE), repository=repository(components=("rust-src", "llvm-tools", "clippy"))),
            "aarch64",
            f"1.96.0-{AMD64} has no source of the standard library and no llvm-tools",
        ),
        (
            facts(rustup=rustup(WHOLE), repository=repository(targets=("wasm32-unknown-emscripten",))),
            "aarch64",
            f"1.96.0-{AMD64} has no standard library for wasm32-unknown-emscripten",
        ),
    ],
)
def test_the_users_own_is_refused_with_the_reason(known, target, why):
    """What it lacks is named, of the target and of rust-toolchain.toml; a tier 3 target needs the library's source."""
    assert choose(known, target, toolchains=["user"]) == Absent(f"user: {why}")


def test_a_nightly_of_the_users_is_named_by_its_day():
    """Its release is the same every day."""
    nightly = toolchain("1.98.0-nightly", date=DAY, standard=(AMD64, ARM64))
    assert (f"nightly-{DAY}", "user") == ((found := settle(facts(rustup=rustup(nightly)), toolchain="nightly")).release, found.source)


@pytest.mark.parametrize(
    ("component", "needed"),
    [
        *((name, False) for name in ("clippy", "rustfmt", "rust-analyzer", "rust-analysis", "rust-docs")),
        ("llvm-tools", True),
        ("miri", True),
    ],
)
def test_a_component_for_people_keeps_no_toolchain_from_building(component, needed):
    """What rust-toolchain.toml names for an editor, no build asks for."""
    known = facts(rustup=rustup(WHOLE), repository=repository(channel="1.96.0", components=(component,)))
    assert needed is (settle(known).source != "user")


def test_what_another_target_lacks_does_not_count():
    """Each target has a need of its own; another that is declared, and that nobody has, changes nothing."""
    known = facts(rustup=rustup(WHOLE))
    several = config("aarch64", "riscv64", "mips")
    assert "user" == toolchains.choose(AMD64, request("aarch64", known, several), known).source


def test_rustup_installs_into_a_home_of_ours():
    """The release that was decided, and the target."""
    found = settle(facts(rustup=rustup(toolchain("1.90.0"))), "armv7", host=ARM64)
    (step,) = found.steps
    assert (found.source, found.path, found.glibc) == ("rustup", f"/cache/rustup/toolchains/1.90.0-{ARM64}", "2.17")
    assert found.standard == (ARM64, ARMV7)
    assert step == InstallToolchain(
        why=step.why,
        release="1.90.0",
        host=ARM64,
        targets=(ARMV7,),
        library=False,
        source="rustup",
        rustup="/home/user/.cargo/bin/rustup",
    )


def test_a_later_target_adds_to_what_is_there():
    """One target costs one target, and takes none away."""
    found = settle(facts(inventory=ours(WHOLE)), "armv7")
    assert ((ARMV7,), (AMD64, ARM64, ARMV7)) == (found.steps[0].targets, found.standard)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ({"components": ("rust-src",)}, {"library": True}),
        ({"components": ("clippy", "llvm-tools", "rustc")}, {"components": ("clippy", "llvm-tools")}),
        ({"profile": "default"}, {"profile": "default"}),
        ({"targets": (ARMV7, "x86_64-pc-none")}, {"targets": (ARM64, ARMV7)}),
    ],
)
def test_rustup_installs_what_rust_toolchain_toml_names(said, changes):
    """Components, profile and targets, so that a build finds what the user's has; what is in every toolchain is not named."""
    (step,) = settle(facts(repository=repository(channel="nightly", **said))).steps
    given = {"library": False, "components": (), "profile": "", "targets": (ARM64,), **changes}
    assert (f"nightly-{DAY}", given) == (step.release, {name: getattr(step, name) for name in given})


@pytest.mark.parametrize(
    ("target", "changes", "targets", "library"),
    [
        ("riscv64", {"standard": (AMD64, ARM64)}, (), True),
        ("aarch64", {"standard": (AMD64, ARM64)}, (ARM64,), False),
        ("aarch64", {"standard": (ARM64,), "source": False}, (ARM64,), False),
        ("mips", {}, (), True),
    ],
)
def test_what_the_server_lacks_for_a_release_is_built_from_its_source(target, changes, targets, library):
    """That target alone: the release stays, and so do the others."""
    (step,) = settle(facts(), target, around=offering(v1_96_0=changes)).steps
    assert ("1.96.0", targets, library) == (step.release, step.targets, step.library)


def test_what_is_built_from_source_is_there_after_the_step():
    """The source is all that it needs."""
    made = toolchain("1.96.0", library=True)
    found = settle(facts(inventory=ours(made)), "riscv64", around=offering(v1_96_0={"standard": (AMD64,)}))
    assert ("cache", ()) == (found.source, found.steps)


def test_rustup_itself_may_have_to_be_installed():
    """Its step comes first."""
    assert [type(step).__name__ for step in settle(bare_facts()).steps] == ["InstallWheels", "InstallToolchain"]


def test_debian_serves_where_rustups_server_is_out_of_reach():
    """The packages say what they have, and what glibc their programs need."""
    found = settle(bare_facts(), around=AWAY_ONLY)
    (step,) = found.steps
    assert (found.source, found.release, found.standard, found.glibc) == ("debian", "1.96.0", (AMD64, ARM64), "2.36")
    assert step == InstallToolchain(why=step.why, release="1.96.0", host=AMD64, targets=(ARM64,), library=False, source="debian")


@pytest.mark.parametrize(("target", "targets", "library"), [("aarch64", (ARM64,), False), ("armv7", (), True), ("riscv64", (), True)])
def test_debians_newest_is_that_of_every_target(target, targets, library):
    """What its packages lack for the release is built from the library's source."""
    (step,) = settle(bare_facts(), target, around=AWAY_ONLY).steps
    assert ("1.96.0", targets, library) == (step.release, step.targets, step.library)


@pytest.mark.parametrize("target", [RISCV, ARMV7, MIPS])
def test_without_source_debian_must_have_the_std(target):
    """Nothing is planned that could not be built."""
    bare = Debian(suite="bookworm", rust={"1.96.0": ("amd64", "arm64")})
    around = {**AWAY_ONLY, "debian": lambda _: bare}
    assert settle(bare_facts(), around=around).release == "1.96.0"
    assert isinstance(settle(bare_facts(), target, around=around), Absent)


def test_the_network_is_asked_in_order():
    """First rustup's server; what Debian offers only if that does not answer."""
    known = bare_facts()
    assert choose(known) == (Question("rust-channel", "stable"),)
    here = Question("debian", "amd64 arm64")
    assert choose(known.with_({Question("rust-channel", "stable"): AWAY})) == (here,)
    assert choose(known, toolchains=["debian"]) == (here,)


@pytest.mark.parametrize(
    ("target", "selected", "host", "more", "asked"),
    [
        ("aarch64", ("aarch64",), AMD64, (), "amd64 arm64"),
        ("aarch64", ("aarch64",), ARM64, (), "arm64"),
        ("x86_64", ("aarch64", "s390x"), AMD64, (), "amd64 arm64 s390x"),
        (ARMV7, ("windows",), AMD64, (), "amd64 armhf"),
        ("windows", ("windows",), AMD64, (ARMV7, RISCV), "amd64 armhf"),
    ],
)
def test_debian_is_asked_for_what_is_selected_and_no_more(target, selected, host, more, asked):
    """Each list is of megabytes: one target costs one target, and several ask once. The targets of rust-toolchain.toml count as well."""
    known = bare_facts(repository=repository(targets=more))
    wishes = config(*selected, toolchains=["debian"])
    assert (Question("debian", asked),) == toolchains.choose(host, request(target, known, wishes), known)


def test_who_has_asked_for_every_architecture_is_not_asked_again():
    """An answer without a subject is of all."""
    known = bare_facts(debian=BOOKWORM)
    assert "1.96.0" == choose(known, toolchains=["debian"]).release


@pytest.mark.parametrize(
    ("known", "host", "options", "why"),
    [
        (facts(), AMD64, {"offline": True}, "offline = true"),
        (facts(), "s390x-unknown-linux-gnu", {}, "Debian's rustc does not run on s390x-unknown-linux-gnu"),
        (facts(debian=Absent("the archive is away")), AMD64, {}, "the archive is away"),
        (facts(debian=BOOKWORM), AMD64, {"toolchain": "1.80"}, "Debian's releases are 1.96.0, 1.85.0, not 1.80"),
        (facts(debian=BOOKWORM), AMD64, {"toolchain": "1.80.1"}, "Debian's releases are 1.96.0, 1.85.0, not 1.80.1"),
        (
            facts(debian=BOOKWORM, repository=repository(rust_version="1.99")),
            AMD64,
            {},
            "Debian's releases are 1.96.0, 1.85.0, not 1.99 or newer",
        ),
        (facts(debian=BOOKWORM), AMD64, {"toolchain": "nightly"}, "Debian has no nightly"),
        (facts(debian=Debian(suite="bullseye")), AMD64, {"toolchain": "1.80"}, "Debian's releases are none, not 1.80"),
        (facts(debian=BOOKWORM, repository=repository(components=("llvm-tools",))), AMD64, {}, "Debian has no llvm-tools for Rust"),
    ],
)
def test_debian_is_refused_with_the_reason(known, host, options, why):
    """Before anything is fetched."""
    assert choose(known, host=host, toolchains=["debian"], **options) == Absent(f"debian: {why}")


# another release


@pytest.mark.parametrize("held", [(), (toolchain("1.85.0", standard=(AMD64, ARM64), origin="debian"),)])
def test_the_next_release_is_a_decision_that_is_told(held):
    """Where the first cannot be had and nothing names it: why, and which instead; what lies in our cache is no reason for another."""
    found = settle(facts(rustup=rustup(toolchain("1.95.0")), inventory=ours(*held)), around=AWAY_ONLY)
    assert "1.96.0" == found.release
    assert found.why.startswith("1.95.0 is not available here (user: 1.95.0-")
    assert "; 1.96.0 is taken instead: it comes from Debian's packages" in found.why


@pytest.mark.parametrize("known", [{"host": Host(os="linux", arch="x86_64", triple=AMD64, libc="gnu", ci="github")}, {}])
def test_strict_takes_no_other_release(known):
    """In CI, and where it is configured: the hint names what could be."""
    there = facts(rustup=rustup(toolchain("1.95.0")), **known)
    found = settle(there, around=AWAY_ONLY, **({} if known else {"strict": True}))
    assert isinstance(found, Absent)
    assert found.why.endswith("and strict = true does not allow 1.96.0 instead")
    assert '`toolchain = "1.96.0"` names it' == found.hint


def test_a_release_that_is_named_is_kept_or_refused():
    """Whatever else could be had."""
    found = settle(facts(inventory=ours(WHOLE)), toolchain="1.90.0", around=AWAY_ONLY)
    assert isinstance(found, Absent)
    assert "1.96.0-" not in found.why.replace(f"1.96.0-{AMD64}", "")


def test_what_a_bundle_brought_is_what_there_is_where_nothing_can_be_asked():
    """The newest of it; and what is built from source too."""
    held = (toolchain("1.85.0", standard=(AMD64, ARM64)), toolchain("1.96.0", standard=(AMD64, ARM64)))
    assert "1.96.0" == choose(bare_facts(inventory=ours(*held)), offline=True).release
    assert "cache" == choose(bare_facts(inventory=ours(toolchain(library=True))), "mips", offline=True).source


def test_every_reason_is_told():
    """Where no source has it, each says why."""
    found = choose(facts(), offline=True)
    assert found.why == (
        f"user: 1.96.0-{AMD64} has no standard library for {ARM64}; rustup: offline = true; debian: offline = true; "
        f"cache: no 1.96.0-{AMD64} there yet"
    )


def test_hosts_of_other_systems():
    """A mac's own toolchain is looked for by its triple; the image's is Linux's."""
    mac = Host(os="macos", arch="aarch64", triple="aarch64-apple-darwin")
    own = toolchain(host="aarch64-apple-darwin", standard=("aarch64-apple-darwin", ARM64))
    known = facts(host=mac, rustup=rustup(own))
    assert settle(known, host=mac.triple).source == "user"
    assert settle(known, host=ARM64).source == "rustup"


def test_what_is_not_known_is_asked():
    """All that is on this machine, at once."""
    assert set(choose(facts(rustup=None, inventory=None))) == {Question("rustup"), Question("inventory")}


def test_a_server_that_offers_another_stable():
    """Is believed."""
    assert settle(bare_facts(), around={"rust-channel": lambda name: channel("1.97.1", name)}).release == "1.97.1"


# the same answer everywhere

RELEASES = ("1.85.0", "1.95.0", "1.96.0", "1.99.0", f"nightly-{DAY}", "nightly-2026-01-02")

CACHED = st.builds(
    toolchain,
    st.sampled_from(RELEASES),
    st.sampled_from((AMD64, ARM64)),
    standard=st.sets(st.sampled_from((AMD64, ARM64, ARMV7, RISCV))).map(lambda triples: tuple(sorted({AMD64, *triples}))),
    library=st.booleans(),
    origin=st.sampled_from(("rustup", "debian")),
    components=st.sampled_from(((), ("clippy",), ("llvm-tools",))),
)


def _had_by(folder, standard):
    """Return the targets that the source of a toolchain of ours has."""
    if folder.origin == "rustup":
        return standard
    architectures = BOOKWORM.rust.get(folder.release, ())
    return [row.triple for row in targets.catalogue().values() if row.debian_std in architectures]


USERS = st.lists(st.sampled_from(("1.85.0", "1.95.0", "1.96.0")), unique=True, max_size=2)


@settings(deadline=None, max_examples=300)
@given(
    cached=st.lists(CACHED, max_size=4),
    users=USERS,
    target=st.sampled_from(("aarch64", "armv7", "riscv64", "mips")),
    host=st.sampled_from((AMD64, ARM64)),
    pin=st.sampled_from(("", "", "stable", "1.96", "1.95.0", "nightly", f"nightly-{DAY}")),
    minimum=st.sampled_from(("", "1.90")),
    components=st.sampled_from(((), ("rust-src",), ("clippy",), ("llvm-tools",))),
    standard=st.sampled_from(((AMD64, ARM64), (AMD64, ARM64, ARMV7, RISCV))),
    away=st.booleans(),
)
def test_what_lies_in_the_cache_changes_no_plan(cached, users, target, host, pin, minimum, components, standard, away):
    """With an empty cache and with any fuller one the release is the same, and so is what is built from source; only steps go.

    Whose build of a release it is, is the same too, unless its maker cannot be asked, and what it gave before is there; and where the
    release that was decided cannot be had but from the cache, an empty one makes another be taken, which is told.
    """
    around = AWAY_ONLY if away else {"rust-channel": lambda name: channel(STABLE, name, standard=standard)}
    there = repository(rust_version=minimum, components=components)
    found = []
    # what a source gave once it has: a release does not change
    held = [replace(one, standard=tuple(t for t in one.standard if t in _had_by(one, standard))) for one in cached]
    for inventory in (ours(), ours(*held)):
        known = facts(rustup=rustup(*map(toolchain, users)), repository=there, inventory=inventory, debian=BOOKWORM)
        found.append(settle(known, target, host=host, around=around, **({"toolchain": pin} if pin else {})))
    empty, full = found
    if isinstance(empty, Absent):  # where nothing can be asked, what is there is all that there is
        assert away
        return
    decided, _, instead = empty.why.partition(" is not available here ")
    if instead and full.release == decided:
        assert away
        return
    assert (empty.release, empty.host, empty.name) == (full.release, full.host, full.name)
    if not away:
        triple = request(target, facts(), config(target)).target.triple
        assert (empty.origin, triple in empty.standard) == (full.origin, triple in full.standard)


def test_a_universal_target_needs_the_library_of_each_part():
    """One of them is not enough, and only what is there already is not fetched."""
    mac, amd64 = find("universal2").parts
    assert settle(facts(rustup=rustup(toolchain(standard=(AMD64, mac)))), "universal2").steps[-1].targets == (mac, amd64)
    assert settle(facts(rustup=rustup(toolchain(standard=(AMD64, mac, amd64)))), "universal2").source == "user"


# what a verb needs


def for_clippy(known, sources=("cache", "rustup", "debian"), **options):
    """Choose for ``clippy``, and answer what is asked."""
    answers, own = world(), config("aarch64", toolchains=list(sources), **options)
    while isinstance(found := toolchains.choose(AMD64, request("aarch64", known, own, "clippy"), known), tuple):
        known = known.with_({question: answers[question.about](question.subject) for question in found})
    return found


@pytest.mark.parametrize("source", ["rustup", "debian"])
def test_clippy_is_installed_where_it_is_asked_for(source):
    """Whatever rust-toolchain.toml names: by rustup as a component, by Debian as a package."""
    (step,) = for_clippy(facts(debian=BOOKWORM), (source,)).steps
    assert (source, ("clippy",)) == (step.source, step.components)


@pytest.mark.parametrize("made", [{}, {"library": True}, {"components": ("clippy",)}])
def test_a_toolchain_without_clippy_is_added_to(made):
    """No source of the library makes up for it; one that has it is taken as it is."""
    folder = replace(WHOLE, **made)
    assert bool(for_clippy(facts(inventory=ours(folder)), ("cache", "rustup")).steps) is ("components" not in made)


@pytest.mark.parametrize(
    ("names", "steps", "brought"),
    [((), (), True), (("glibc-x-debian",), (), False), (("glibc-x-debian",), ("install",), True), (("glibc-x-rustup",), (), True)],
)
def test_glibc_is_brought_once_for_a_toolchain_that_is_there(names, steps, brought):
    """One that is still to be installed has none yet, whatever an earlier one left."""
    install = tuple(InstallToolchain(why=step, release="1.63.0", host=AMD64, source="debian") for step in steps)
    given = Toolchain(name="x", path="/t", host=AMD64, origin="debian", release="1.63.0", steps=install)
    known = facts(inventory=Inventory(home="/cache/rustup", tools_home="/cache/tools", tools=names))
    why = f"programs of {AMD64} do not run here by themselves"
    step = BringGlibc(why=why, name="glibc-x-debian", toolchain="/t", machine=AMD64)
    found = toolchains.with_glibc(given, known)
    assert found == replace(
        given,
        path="/cache/tools/glibc-x-debian",
        why="x, with glibc of Debian's packages",
        steps=(*install, *((step,) if brought else ())),
    )
