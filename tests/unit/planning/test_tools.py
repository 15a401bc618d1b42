"""Where cross, cargo-zigbuild and rustup come from."""

from __future__ import annotations

from functools import partial

import pytest
from msgspec.structs import replace
from planning import request

from crosstasks.catalog.ingredients import CompileCross, InstallWheels, Tool
from crosstasks.catalog.pins import pins
from crosstasks.core.steps import Absent, Question
from crosstasks.facts.builders import Builder, Builders
from crosstasks.facts.host import Host
from crosstasks.facts.inventory import Inventory
from crosstasks.planning import tools
from crosstasks.testing import AMD64, ARM64, bare_facts, config, facts, toolchain

REV = "8c1a8aa4b661"
GIT_ENTRY = f"cross-git-{REV}-bdaac427-{AMD64}"
ZIG = f"zigbuild-{pins().pypi['cargo-zigbuild'].version}-zig-{pins().pypi['ziglang'].version}-{AMD64}"
RUSTUP = f"rustup-{pins().pypi['rustup'].version}-{AMD64}"


def on_path(kind, version, commit="", place="PATH"):
    return Builder(kind=kind, path=f"/usr/bin/{kind}", version=version, commit=commit, place=place)


def cross(flavour, known, own):
    return tools.cross(flavour, request("aarch64", facts(), own), known)


def zigbuild(known, own):
    return tools.zigbuild(request("aarch64", facts(), own), known)


def rustup(known, own):
    return tools.rustup(request("aarch64", facts(), own), known)


def with_builders(*found, **more):
    return facts(builders=Builders(programs=found), **more)


def with_tools(*names):
    return facts(inventory=Inventory(home="/cache/rustup", tools_home="/cache/tools", tools=names))


def with_damaged(*names):
    return facts(inventory=Inventory(home="/cache/rustup", tools_home="/cache/tools", problems=dict.fromkeys(names, "bin/x is another")))


@pytest.mark.parametrize(
    ("name", "choose"),
    [
        (f"cross-0.2.5-{AMD64}", lambda facts, config: cross("0.2.5", facts, config)),
        (ZIG, zigbuild),
    ],
)
def test_what_was_damaged_is_made_anew(name, choose):
    """It does not count, and the step that makes it says why; offline that is the reason that there is none."""
    made = choose(with_damaged(name), config())
    assert ("PyPI", True) == (made.source, made.steps[0].why.endswith(" is to be made anew: bin/x is another"))
    assert "cache: to be made anew: bin/x is another" in choose(with_damaged(name), config(offline=True)).why


@pytest.mark.parametrize(
    ("flavour", "version", "commit", "taken"),
    [
        ("0.2.5", "0.2.5", "", True),
        ("0.2.5", "0.2.5", "88f49ff 2023-02-04", True),
        ("0.2.5", "0.2.5", "8c1a8aa 2026-08-19", False),
        ("0.2.5", "0.2.4", "", False),
        ("0.2.4", "0.2.4", "", True),
        ("0.2.4", "0.2.4", "4645d93 2022-07-10", True),
        ("0.2.4", "0.2.5", "", False),
        ("git", "0.2.5", "8c1a8aa 2026-08-19", True),
        ("git", "0.2.5", "88f49ff 2023-02-04", False),
        ("git", "0.2.5", "", False),
    ],
)
def test_a_cross_on_path_is_taken_if_it_is_the_flavour(flavour, version, commit, taken):
    """The commit tells them apart: main calls itself 0.2.5 as well."""
    found = cross(flavour, with_builders(on_path("cross", version, commit)), config())
    assert isinstance(found, Tool)
    assert (found.source == "PATH", found.path == "/usr/bin/cross", found.steps == ()) == (taken, taken, taken)


def test_a_cross_of_our_cache_is_not_taken_for_one_on_path():
    """What lies in our cache is known by the name of its place."""
    found = cross("0.2.5", with_builders(on_path("cross", "0.2.5", place="cache")), config())
    assert found.source == "PyPI"


@pytest.mark.parametrize(
    ("flavour", "name"),
    [
        ("0.2.5", f"cross-0.2.5-{AMD64}"),
        ("0.2.5", f"cross-0.2.5-{AMD64}-rust-1.96.0"),
        ("0.2.4", f"cross-0.2.4-{AMD64}-rust-1.96.0"),
        ("0.2.4", f"cross-0.2.4-{AMD64}-rust-1.80.0"),
        ("git", f"{GIT_ENTRY}-rust-1.96.0"),
    ],
)
def test_a_cross_in_our_cache_needs_nothing(flavour, name):
    """It was installed by an earlier call, for this host and revision."""
    expected = Tool(
        name="cross", version=flavour, path=f"/cache/tools/{name}/bin/cross", source="cache", why="installed by an earlier call"
    )
    assert cross(flavour, with_tools(name), config()) == expected


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"git_rev": "1234567"}, f"cross-git-1234567-bdaac427-{AMD64}-rust-1.96.0"),
        ({"git_url": "https://git.example.org/cross"}, f"cross-git-{REV}-3b89a0e6-{AMD64}-rust-1.96.0"),
    ],
)
def test_another_revision_is_another_cross(options, name):
    """A changed `git-rev` or `git-url` is not served by what is there."""
    found = cross("git", with_tools(f"{GIT_ENTRY}-rust-1.96.0"), config(**options))
    assert (found.source, found.path) == ("cargo", f"/cache/tools/{name}/bin/cross")


def test_what_this_rust_compiled_comes_first():
    """What another one has compiled is the same program, and better than to compile it again."""
    found = cross("0.2.4", with_tools(*(f"cross-0.2.4-{AMD64}-rust-{release}" for release in ("1.80.0", "1.96.0"))), config())
    assert found.path == f"/cache/tools/cross-0.2.4-{AMD64}-rust-1.96.0/bin/cross"


@pytest.mark.parametrize(
    ("rev", "commit", "taken"), [("8c1a8aa", "8c1a8aa4b 2026-08-19", True), ("8c1a8ab", "8c1a8aa4b 2026-08-19", False)]
)
def test_a_short_revision(rev, commit, taken):
    """Commits are shortened by git as it likes; `git-rev` may be shorter."""
    found = cross("git", with_builders(on_path("cross", "0.2.5", commit)), config(git_rev=rev))
    assert (getattr(found, "source", "") == "PATH") is taken


def test_a_rust_that_is_too_old_for_main():
    """Another one that is there compiles it; else it is refused with both versions. What another revision wants is not known."""
    old = on_path("cargo", "1.75.0")
    known = with_builders(old, rustup=Absent("rustup is not on PATH"))
    found = cross("git", known, config())
    assert found.why.endswith("cargo: cross git needs Rust 1.85, and this machine has 1.75.0")
    assert cross("git", known, config(git_rev="1234567")).steps[0].cargo == "/usr/bin/cargo"
    assert cross("0.2.4", known, config()).steps[0].cargo == "/usr/bin/cargo"
    inventory = Inventory(home="/cache/rustup", tools_home="/cache/tools", toolchains=(toolchain(home="/cache/rustup"),))
    both = with_builders(old, inventory=inventory, rustup=Absent("rustup is not on PATH"))
    assert cross("git", both, config()).steps[0].cargo.startswith("/cache/rustup/")


def test_pypi_has_the_released_cross():
    """By wheel, pinned, into our cache."""
    found = cross("0.2.5", facts(), config())
    (step,) = found.steps
    assert (found.source, found.version, found.path) == ("PyPI", "0.2.5", f"/cache/tools/cross-0.2.5-{AMD64}/bin/cross")
    assert step == InstallWheels(why=step.why, name=f"cross-0.2.5-{AMD64}", projects=("astral-dev-toolchain-cross==0.2.5",))


CARGO = "/home/user/.rustup/toolchains/1.96.0-x86_64-unknown-linux-gnu/bin/cargo"
GIT = ["--git", "https://github.com/cross-rs/cross", "--rev", "8c1a8aa4b661711f4b7b6ac07c2e8929ce2f7d27"]


@pytest.mark.parametrize(("flavour", "install"), [("0.2.4", ["--version", "0.2.4"]), ("git", GIT)])
def test_what_pypi_has_not_is_compiled(flavour, install):
    """At the pinned version or revision, with the user's active toolchain."""
    (step,) = cross(flavour, facts(), config()).steps
    assert (type(step), step.install, step.cargo) == (CompileCross, tuple(install), CARGO)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        (Host(os="linux", arch="x86_64", triple=AMD64, libc="gnu"), "PyPI"),
        (Host(os="linux", arch="aarch64", triple="aarch64-unknown-linux-gnu", libc="gnu"), "PyPI"),
        (Host(os="macos", arch="aarch64", triple="aarch64-apple-darwin"), "PyPI"),
        (Host(os="linux", arch="x86_64", triple="x86_64-unknown-linux-musl", libc="musl"), "PyPI"),
        (Host(os="linux", arch="s390x", triple="s390x-unknown-linux-gnu", libc="gnu"), "cargo"),
    ],
    ids=lambda value: getattr(value, "triple", value),
)
def test_hosts_without_a_wheel_compile(host, source):
    """There are wheels for Linux and macOS, each for x86_64 and aarch64; those for glibc serve musl too."""
    assert cross("0.2.5", facts(host=host), config()).source == source


@pytest.mark.parametrize("arch", ["x86_64", "aarch64"])
def test_a_host_of_musl_takes_wheels_for_glibc(arch):
    """Cross needs the library, and gets it; cargo-zigbuild is linked statically."""
    known = facts(host=Host(os="linux", arch=arch, triple=f"{arch}-unknown-linux-musl", libc="musl"))
    steps = [*cross("0.2.5", known, config()).steps, *zigbuild(known, config()).steps]
    assert [(step.machine, step.glibc) for step in steps] == [(f"{arch}-unknown-linux-gnu", True), (f"{arch}-unknown-linux-gnu", False)]


@pytest.mark.parametrize(
    ("rustup", "ours", "builders", "cargo"),
    [
        ("active", (), (), CARGO),
        (None, (toolchain(home="/cache/rustup"),), (), "/cache/rustup/toolchains/1.96.0-x86_64-unknown-linux-gnu/bin/cargo"),
        (None, (toolchain(host="aarch64-unknown-linux-gnu"),), (on_path("cargo", "1.75.0"),), "/usr/bin/cargo"),
        (None, (), (on_path("cargo", "1.75.0"),), "/usr/bin/cargo"),
    ],
)
def test_whose_cargo_compiles(rustup, ours, builders, cargo):
    """The user's active one, one of ours that runs here, the one on PATH."""
    more = {} if rustup else {"rustup": Absent("rustup is not on PATH")}
    inventory = Inventory(home="/cache/rustup", tools_home="/cache/tools", toolchains=ours)
    (step,) = cross("0.2.4", with_builders(*builders, inventory=inventory, **more), config()).steps
    assert step.cargo == cargo


@pytest.mark.parametrize(
    ("flavour", "known", "options", "why", "hint"),
    [
        (
            "0.2.5",
            facts(),
            {"offline": True},
            "no cross on PATH; cache: not installed yet; PyPI: offline = true; cargo: offline = true",
            "",
        ),
        (
            "git",
            bare_facts(),
            {},
            "no cross on PATH; cache: not installed yet; PyPI has no cross git; no cargo to compile it with",
            "install a newer Rust, or let `cross` be 0.2.5",
        ),
        (
            "0.2.4",
            bare_facts(builders=Builders(programs=(on_path("cross", "0.2.5", "88f49ff 2023-02-04"),))),
            {},
            ("cross on PATH is 0.2.5 (88f49ff 2023-02-04); cache: not installed yet; PyPI has no cross 0.2.4; no cargo to compile it with"),
            "install a newer Rust, or let `cross` be 0.2.5",
        ),
    ],
)
def test_no_cross_is_refused_with_every_reason(flavour, known, options, why, hint):
    """Each source says why not, and what would help stays with it."""
    assert cross(flavour, known, config(**options)) == Absent(why, hint)


def test_zigbuild_on_path_needs_zig_as_well():
    """cargo-zigbuild without zig is not enough; the pinned pair from PyPI is taken instead."""
    program, zig = on_path("cargo-zigbuild", "0.20.0"), on_path("zig", "0.14.0")
    both = zigbuild(with_builders(program, zig), config())
    theirs = {"version": "0.20.0", "path": "/usr/bin/cargo-zigbuild", "source": "PATH", "why": "it is on PATH, and so is zig"}
    assert both == Tool(name="cargo-zigbuild", **theirs)
    assert zigbuild(with_builders(program), config()).source == "PyPI"


def test_zigbuild_from_pypi_brings_zig():
    """Two pinned projects, one place."""
    found = zigbuild(facts(), config())
    (step,) = found.steps
    pinned = pins().pypi
    assert found.path == f"/cache/tools/{ZIG}/bin/cargo-zigbuild"
    projects = (f"cargo-zigbuild=={pinned['cargo-zigbuild'].version}", f"ziglang=={pinned['ziglang'].version}")
    assert step == InstallWheels(why=step.why, name=ZIG, projects=projects)
    assert replace(zigbuild(with_tools(ZIG), config()), source="", why="") == replace(found, source="", why="", steps=())


def test_zigbuild_without_a_network():
    """Offline, what is not there is refused."""
    found = zigbuild(facts(), config(offline=True))
    assert found.why == "cargo-zigbuild and zig are not both on PATH; cache: not installed yet; PyPI: offline = true"


def test_rustup_is_the_users_own_or_pypis():
    """PATH, cache, PyPI; a machine without Rust is served too."""
    theirs = {"version": "1.29.0", "path": "/home/user/.cargo/bin/rustup", "source": "PATH", "why": "the user's own, with a home of ours"}
    assert rustup(facts(), config()) == Tool(name="rustup", **theirs)
    (step,) = rustup(bare_facts(), config()).steps
    assert step == InstallWheels(why=step.why, name=RUSTUP, projects=(f"rustup=={pins().pypi['rustup'].version}",))
    inventory = Inventory(home="/cache/rustup", tools_home="/cache/tools", tools=(RUSTUP,))
    assert rustup(bare_facts(inventory=inventory), config()).path == f"/cache/tools/{RUSTUP}/bin/rustup"
    assert rustup(bare_facts(), config(offline=True)) == Absent("offline = true")


@pytest.mark.parametrize(
    ("choose", "needed"),
    [
        (lambda known: cross("0.2.5", known, config()), {"builders", "inventory", "host", "rustup"}),
        (lambda known: zigbuild(known, config()), {"builders", "inventory", "host"}),
        (lambda known: rustup(known, config()), {"rustup", "inventory", "host"}),
    ],
)
def test_what_is_not_known_is_asked(choose, needed):
    """All at once, and nothing about the network."""
    unknown = facts(**{name.replace("-", "_"): None for name in ("host", "builders", "inventory", "rustup")})
    assert set(choose(unknown)) == {Question(about) for about in needed}


NEXT = f"nextest-{pins().pypi[tools.NEXTEST].version}"


@pytest.mark.parametrize(
    ("known", "triple", "own", "source"),
    [
        (with_builders(on_path("cargo-nextest", "0.9.100")), AMD64, {}, "PATH"),
        (with_builders(on_path("cargo-nextest", "0.9.100")), ARM64, {"in_image": True}, "PyPI"),
        (with_tools(f"{NEXT}-{ARM64}"), ARM64, {}, "cache"),
        (facts(), AMD64, {}, "PyPI"),
        (facts(), AMD64, {"offline": True}, "offline = true, and cargo-nextest is not here"),
        (
            facts(host=Host(os="linux", arch="x86_64", triple="x86_64-unknown-linux-musl", libc="musl")),
            "x86_64-unknown-linux-musl",
            {},
            "cargo-nextest: no wheel for x86_64-unknown-linux-musl",
        ),
    ],
)
def test_where_cargo_nextest_comes_from(known, triple, own, source):
    """What is on PATH runs on this host alone; an image has a wheel, which needs no new glibc."""
    in_image = own.pop("in_image", False)
    found = tools.nextest(triple, request("aarch64", facts(), config("aarch64", **own)), known, in_image=in_image)
    assert source == (found.why if isinstance(found, Absent) else found.source)
    assert [f"{NEXT}-{triple}"] * (source == "PyPI") == [step.name for step in getattr(found, "steps", ())]


@pytest.mark.parametrize(
    ("tool", "name"),
    [
        ("cargo-xwin", f"xwin-{pins().pypi['cargo-xwin'].version}-{AMD64}"),
        ("wasmtime", f"wasmtime-{pins().pypi['wasmtime'].version}-{AMD64}"),
    ],
)
def test_what_pypi_alone_has(tool, name):
    """Once fetched it is in our cache; offline, and on a machine without a wheel, there is none."""
    choose = partial(tools.from_pypi, tool)
    asked, version = request("aarch64", facts(), config()), pins().pypi[tool].version
    step = InstallWheels(why=f"{tool} {version} is not installed yet", name=name, projects=(f"{tool}=={version}",))
    place = {"version": version, "path": f"/cache/tools/{name}/bin/{tool}"}
    fetched = Tool(name=tool, source="PyPI", why=f"PyPI has {tool} for this host", steps=(step,), **place)
    assert choose(asked, facts(inventory=Inventory(home="/cache/rustup", tools_home="/cache/tools"))) == fetched
    assert choose(asked, with_tools(name)) == Tool(name=tool, source="cache", why="installed by an earlier call", **place)
    assert choose(request("aarch64", facts(), config(offline=True)), facts()) == Absent("offline = true")
    other = facts(host=Host(os="linux", arch="s390x", triple="s390x-unknown-linux-gnu", libc="gnu"))
    assert choose(asked, other) == Absent("no wheel for s390x-unknown-linux-gnu")
    assert set(choose(asked, facts(inventory=None, host=None))) == {Question("inventory"), Question("host")}
