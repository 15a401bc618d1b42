"""Where the Rust toolchain comes from: decided once for all declared targets."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from planning import request

from crosstasks.core.steps import Absent, Question, Refused
from crosstasks.facts.debian import Debian
from crosstasks.facts.host import Host
from crosstasks.facts.inventory import Inventory
from crosstasks.facts.rustup import Rustup, RustupServer
from crosstasks.planning import toolchains
from crosstasks.planning.ingredients import InstallToolchain, Toolchain
from crosstasks.planning.request import RustRequest
from crosstasks.planning.toolchains import release_for
from crosstasks.testing import AMD64, ARM64, BOOKWORM, SERVER, bare_facts, config, facts, repository, toolchain

ARMV7, RISCV = "armv7-unknown-linux-gnueabihf", "riscv64gc-unknown-linux-gnu"
MIPS = "mips-unknown-linux-gnu"
UNREACHABLE = Absent("rustup's server does not answer")


def rustup(*folders, active=None):
    name = folders[0].name if active is None and folders else active or ""
    return Rustup(command="/home/user/.cargo/bin/rustup", version="1.29.0", home="/home/user/.rustup", toolchains=folders, active=name)


def ours(*folders):
    return Inventory(home="/cache/rustup", tools_home="/cache/tools", toolchains=folders)


def choose(known, *targets, host=AMD64, **options):
    return toolchains.choose(host, request((targets or ("aarch64",))[0], known, config(*targets, **options)), known)


def test_the_users_own_is_used_where_it_is():
    """If it has the standard library of every declared target."""
    whole = toolchain(targets=(AMD64, ARM64))
    assert choose(facts(rustup=rustup(whole))) == Toolchain(
        name=whole.name,
        release="1.96.0",
        host=AMD64,
        path=whole.path,
        standard=(AMD64, ARM64),
        glibc="2.17",
        source="user",
        why=f"the user's {whole.name} has the standard library of every declared target",
    )


def test_nothing_of_the_network_is_asked_where_the_users_own_serves():
    """Nor where ours does."""
    whole = toolchain(targets=(AMD64, ARM64))
    assert isinstance(choose(facts(rustup=rustup(whole))), Toolchain)
    assert isinstance(choose(facts(inventory=ours(whole))), Toolchain)
    assert choose(facts()) == (Question("rustup-server"),)


@pytest.mark.parametrize(
    ("known", "targets", "why"),
    [
        (facts(), ("aarch64",), f"1.96.0-{AMD64} has no standard library for {ARM64}"),
        (
            facts(),
            ("aarch64", "armv7", "s390x", "riscv64", "x86_64"),
            f"1.96.0-{AMD64} has no standard library for {ARM64}, {ARMV7}, s390x-unknown-linux-gnu and 1 more",
        ),
        (facts(rustup=rustup(toolchain(host=ARM64))), ("aarch64",), f"rustup has no active toolchain for {AMD64}"),
        (facts(rustup=rustup(toolchain(targets=(AMD64, ARM64)), active="")), ("aarch64",), f"rustup has no active toolchain for {AMD64}"),
        (bare_facts(), ("aarch64",), "rustup is not on PATH"),
        (facts(rustup=rustup(toolchain(targets=(AMD64, MIPS)))), ("mips",), f"1.96.0-{AMD64} has no standard library for {MIPS}"),
    ],
)
def test_the_users_own_is_refused_with_the_reason(known, targets, why):
    """What it lacks is named; a tier 3 target needs the library's source, whatever is in the folder."""
    assert choose(known, *targets, toolchains=["user"]) == Refused(name="", why=f"user: {why}")


def test_source_serves_targets_that_nobody_ships():
    """rust-src is enough for a tier 3 target, and is what cross builds from."""
    found = choose(facts(rustup=rustup(toolchain(source=True))), "mips")
    assert (found.source, found.standard) == ("user", (AMD64,))


@pytest.mark.parametrize(
    ("folders", "pin", "taken"),
    [
        ((toolchain("1.96.0"), toolchain("1.85.0")), "1.85.0", "1.85.0"),
        ((toolchain("1.96.0"), toolchain("1.85.1")), "1.85", "1.85.1"),
        ((toolchain("1.96.0"), toolchain("1.85.0")), "", "1.96.0"),
        ((toolchain("1.96.0"), toolchain("1.85.0")), "stable", "1.96.0"),
    ],
)
def test_a_pin_is_kept(folders, pin, taken):
    """Another than the active toolchain is taken only if it is pinned; `1.85` is any of its patches."""
    known = facts(rustup=rustup(*folders))
    assert choose(known, "x86_64", toolchain=pin).release == taken
    pinned = facts(rustup=rustup(*folders), repository=repository(channel=pin))
    assert choose(pinned, "x86_64").release == taken


def test_the_configuration_wins_over_rust_toolchain_toml():
    """`toolchain` says what holds for cross builds."""
    known = facts(rustup=rustup(toolchain("1.96.0"), toolchain("1.85.0")), repository=repository(channel="1.96.0"))
    assert choose(known, "x86_64", toolchain="1.85.0").release == "1.85.0"


@pytest.mark.parametrize("channel", ["nightly", "beta", "nightly-2026-01-01", "mine"])
def test_a_channel_that_is_no_release_is_refused(channel):
    """It is another toolchain every day; the hint names what can be done."""
    found = choose(facts(repository=repository(channel=channel)))
    assert (found.why, bool(found.hint)) == (f"the channel {channel!r} is no release", True)


def test_what_is_older_than_rust_version_is_not_taken():
    """The crate would not build; the server's stable does."""
    known = facts(
        rustup=rustup(toolchain("1.85.0", targets=(AMD64, ARM64))), repository=repository(rust_version="1.90"), rustup_server=SERVER
    )
    assert choose(known).release == "1.96.0"


@pytest.mark.parametrize(
    ("options", "why"),
    [({}, "its stable is 1.96.0, and rust-version is 1.99"), ({"toolchain": "1.85"}, "1.85 is pinned, and rust-version is 1.99")],
)
def test_a_rust_version_that_is_too_new(options, why):
    """Is refused with both releases."""
    known = facts(repository=repository(rust_version="1.99"), rustup_server=SERVER)
    assert choose(known, toolchains=["rustup"], **options).why == f"rustup: {why}"


@pytest.mark.parametrize(
    ("folders", "taken"),
    [
        ((toolchain("1.85.0", targets=(AMD64, ARM64)), toolchain("1.96.0", targets=(AMD64, ARM64))), "1.96.0"),
        ((toolchain("1.85.0", targets=(AMD64, ARM64)), toolchain("1.96.0")), "1.85.0"),
        ((toolchain("1.85.0", targets=(AMD64, ARM64)), toolchain("1.96.0", host=ARM64, targets=(AMD64, ARM64))), "1.85.0"),
    ],
)
def test_the_newest_of_ours_that_is_whole(folders, taken):
    """It runs on the host that is asked for, and lacks nothing."""
    found = choose(facts(inventory=ours(*folders)))
    assert (found.source, found.release, found.steps) == ("cache", taken, ())


@pytest.mark.parametrize(
    ("targets", "taken"), [(("aarch64",), "1.96.0"), (("armv7", "x86_64"), "1.85.0"), (("armv7", "aarch64"), "1.85.0")]
)
def test_configurations_with_different_targets_share_what_is_there(targets, taken):
    """In a monorepo: whichever crate is built next, no toolchain is made anew."""
    folders = (toolchain("1.96.0", targets=(AMD64, ARM64)), toolchain("1.85.0", targets=(AMD64, ARM64, ARMV7)))
    found = choose(facts(inventory=ours(*folders)), *targets)
    assert (taken, ()) == (found.release, found.steps)


@pytest.mark.parametrize(
    ("targets", "folder", "why"),
    [
        (("riscv64",), toolchain(origin="debian", source=True), None),
        (("armv7",), toolchain(origin="debian", source=True), f"lacks {ARMV7}"),
        (("riscv64",), toolchain(origin="debian"), f"lacks {RISCV}"),
        (("riscv64",), toolchain(source=True), f"lacks {RISCV}"),
    ],
)
def test_what_debian_lacks_is_built_from_source(targets, folder, why):
    """A toolchain of Debian's packages serves a target that Debian has no std of; rustup has it, and is asked."""
    found = choose(facts(inventory=ours(folder)), *targets, toolchains=["cache"])
    assert (found.source if why is None else found.why) == ("cache" if why is None else f"cache: {folder.name} {why}")


@pytest.mark.parametrize(("origin", "taken"), [("debian", True), ("rustup", False)])
def test_what_a_source_has_made_it_has(origin, taken):
    """Also where no cache is named, or it would be made again and again."""
    folder = toolchain("1.96.0", targets=(AMD64, ARM64), origin=origin)
    found = choose(facts(inventory=ours(folder)), toolchains=["debian"])
    assert (found.path if taken else found) == (folder.path if taken else (Question("debian"),))


def test_rustup_installs_into_a_home_of_ours():
    """The release that the user works with, and the targets, once for all that are declared."""
    known = facts(rustup=rustup(toolchain("1.90.0")), rustup_server=SERVER)
    found = choose(known, "aarch64", "armv7", "mips", host=ARM64)
    (step,) = found.steps
    assert (found.source, found.path, found.glibc) == ("rustup", f"/cache/rustup/toolchains/1.90.0-{ARM64}", "2.17")
    assert found.standard == (ARM64, ARMV7)
    assert step == InstallToolchain(
        why=step.why,
        release="1.90.0",
        host=ARM64,
        targets=(ARM64, ARMV7),
        library=True,
        source="rustup",
        rustup="/home/user/.cargo/bin/rustup",
    )


@pytest.mark.parametrize(
    ("active", "options", "release"),
    [
        ("1.90.0", {}, "1.90.0"),
        ("1.98.0-nightly", {}, "1.96.0"),
        ("1.90.0", {"toolchain": "1.85"}, "1.85.0"),
        ("1.90.0", {"toolchain": "1.85.1"}, "1.85.1"),
        ("1.85.2", {"toolchain": "1.85"}, "1.85.2"),
        ("1.90.0", {"toolchain": "1.96"}, "1.96.0"),
    ],
)
def test_which_release_rustup_installs(active, options, release):
    """The pinned one; else the user's active one, if it is a release; else the server's stable."""
    known = facts(rustup=rustup(toolchain(active)), rustup_server=SERVER)
    assert choose(known, **options).release == release


def test_rustup_itself_may_have_to_be_installed():
    """Its step comes first."""
    found = choose(bare_facts(rustup_server=SERVER))
    assert [type(step).__name__ for step in found.steps] == ["InstallWheels", "InstallToolchain"]


def test_debian_serves_where_rustups_server_is_out_of_reach():
    """The packages say what they have, and what glibc their programs need."""
    known = facts(rustup_server=UNREACHABLE, debian=BOOKWORM)
    found = choose(known, "aarch64", "armv7")
    (step,) = found.steps
    assert (found.source, found.release, found.standard, found.glibc) == ("debian", "1.85.0", (ARM64, ARMV7), "2.36")
    assert step == InstallToolchain(why=step.why, release="1.85.0", host=AMD64, targets=(ARM64, ARMV7), library=False, source="debian")


def test_the_network_is_asked_in_order():
    """First rustup's server; what Debian offers only if that does not answer."""
    assert choose(facts()) == (Question("rustup-server"),)
    assert choose(facts(rustup_server=UNREACHABLE)) == (Question("debian"),)
    assert choose(facts(), toolchains=["debian", "rustup"]) == (Question("debian"),)


@pytest.mark.parametrize(
    ("known", "host", "options", "why"),
    [
        (facts(), AMD64, {"offline": True}, "offline = true"),
        (facts(host=replace(facts().host, glibc="2.31")), AMD64, {}, "Debian's rustc needs glibc 2.36, and here is 2.31"),
        (
            facts(host=Host(os="windows", arch="x86_64", triple="x86_64-pc-windows-msvc")),
            AMD64,
            {},
            "patchelf, which it is put together with, does not run on Windows",
        ),
        (facts(), "s390x-unknown-linux-gnu", {}, "Debian's rustc does not run on s390x-unknown-linux-gnu"),
        (facts(debian=Absent("apt-get update failed")), AMD64, {}, "apt-get update failed"),
        (facts(debian=BOOKWORM), AMD64, {"toolchain": "1.80"}, "Debian's releases are 1.96.0, 1.85.0, not 1.80"),
        (facts(debian=Debian(suite="bullseye")), AMD64, {"toolchain": "1.80"}, "Debian's releases are none, not 1.80"),
    ],
)
def test_debian_is_refused_with_the_reason(known, host, options, why):
    """Before anything is fetched."""
    assert choose(known, host=host, toolchains=["debian"], **options) == Refused(name="", why=f"debian: {why}")


@pytest.mark.parametrize(
    ("targets", "minimum", "release"),
    [
        ((ARM64,), "", "1.96.0"),
        ((ARM64, ARMV7), "", "1.85.0"),
        ((RISCV,), "", "1.96.0"),
        ((ARM64, ARMV7), "1.90", "1.96.0"),
    ],
)
def test_the_release_of_debian(targets, minimum, release):
    """The rows of the table in ``release_for``."""
    assert release_for(RustRequest(targets=targets, minimum=minimum), BOOKWORM) == release


def test_without_source_debian_must_have_every_std():
    """Nothing is planned that could not be built."""
    bare = Debian(suite="bookworm", rust={"1.96.0": ("amd64", "arm64")})
    assert release_for(RustRequest(targets=(ARM64,)), bare) == "1.96.0"
    for triple in (RISCV, ARMV7, MIPS):
        assert isinstance(release_for(RustRequest(targets=(triple,)), bare), Refused), triple


def test_every_reason_is_told():
    """Where no source has it, each says why."""
    found = choose(facts(), offline=True)
    assert found.why == (
        f"user: 1.96.0-{AMD64} has no standard library for {ARM64}; cache: none there yet; rustup: offline = true; debian: offline = true"
    )


def test_hosts_of_other_systems():
    """A mac's own toolchain is looked for by its triple; the image's is Linux's."""
    mac = Host(os="macos", arch="aarch64", triple="aarch64-apple-darwin")
    own = toolchain(host="aarch64-apple-darwin", targets=("aarch64-apple-darwin", ARM64))
    known = facts(host=mac, rustup=rustup(own), rustup_server=SERVER)
    assert choose(known, host=mac.triple).source == "user"
    assert choose(known, host=ARM64).source == "rustup"


def test_what_is_not_known_is_asked():
    """All that is on this machine, at once."""
    unknown = facts(rustup=None, inventory=None)
    assert set(choose(unknown)) == {Question("rustup"), Question("inventory")}


def test_a_server_that_offers_another_stable():
    """Is believed."""
    known = bare_facts(rustup_server=RustupServer(url="https://mirror.example.org", stable="1.97.1"))
    assert choose(known).release == "1.97.1"
