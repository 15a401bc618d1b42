"""What starts a target's programs where they are built on the host, and why nothing does."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from crosstasks.catalog.ingredients import BuildImage, InstallWheels, Runner
from crosstasks.catalog.recipes import emulator, wine
from crosstasks.catalog.specifications import parse
from crosstasks.catalog.targets import find
from crosstasks.core.steps import RUNNING, Absent, Question, Verb
from crosstasks.facts.emulation import Emulation, Registration
from crosstasks.facts.engine import Engine, LocalImage
from crosstasks.facts.host import Host
from crosstasks.planning import emulators, request
from crosstasks.testing import bare_facts, config, facts, repository

AMD64 = emulator("aarch64", "linux/amd64")
NOWHERE = "aarch64-unknown-linux-musl programs do not run on this host, and no container runs them: "
HELD = LocalImage(ref=AMD64.tag, id="sha256:1", platform="linux/amd64")


def engine(**changes):
    return Engine(**{"kind": "docker", "command": "/usr/bin/docker", "version": "20.10.24", "arch": "x86_64", **changes})


def chosen(name, known, verb="test", **options):
    """What is chosen for a target."""
    return emulators.runner(request.make(find(name), verb, known, config(name, **options)), known)


def said(known, answer, tag=AMD64.tag):
    return known.with_({Question("image", tag): answer})


@pytest.mark.parametrize("verb", get_args(Verb))
def test_only_what_runs_needs_a_runner(verb):
    """To compile, lint or document starts nothing."""
    assert isinstance(chosen("macos", facts(), verb), Absent) is (verb in RUNNING)


@pytest.mark.parametrize("name", ["x86_64-musl", "x86_64"])
def test_the_hosts_own_programs_start_by_themselves(name):
    """Whatever their C library is: musl's is in them."""
    assert chosen(name, facts()) is None


def test_a_universal_program_is_tested_part_by_part():
    """Nowhere as it is, not even on a Mac."""
    mac = facts(host=Host(os="macos", arch="aarch64", triple="aarch64-apple-darwin"))
    found = chosen("universal2", mac)
    assert (found.why, found.hint) == (
        "a universal program is tested as its parts: aarch64-apple-darwin and x86_64-apple-darwin",
        "declare aarch64-apple-darwin as well",
    )
    assert chosen("macos", mac) is None
    assert 'this Mac is for aarch64: `runner = "arch -x86_64"`' in chosen("x86_64-macos", mac).why


def test_what_the_user_names_starts_them():
    """`runner` is words; what cargo's configuration names, cargo takes by itself."""
    named = chosen("wasm", facts(), target={"wasm": {"runner": "node run.js"}})
    assert (named.kind, named.words, named.source) == ("words", ("node", "run.js"), "configured")
    theirs = repository(runners={find("thumbv7em").triple: "qemu-system-arm"})
    assert chosen("thumbv7em", facts(repository=theirs)) is None


def test_an_emulator_of_the_machine():
    """One that is registered needs no word; one on PATH is put before the program."""
    registered = {"aarch64": Registration(name="qemu-aarch64", interpreter="/usr/bin/qemu-aarch64-static")}
    assert chosen("aarch64-musl", facts(emulation=Emulation(registered=registered))) is None
    found = chosen("aarch64-musl", facts(emulation=Emulation(programs={"aarch64": "/usr/bin/qemu-aarch64"})))
    assert (found.kind, found.words, found.steps) == ("words", ("/usr/bin/qemu-aarch64",), ())


def test_a_container_with_an_emulator():
    """The engine is asked for the image first; it is built where it is not, and then it is there."""
    assert chosen("aarch64-musl", facts()) == (Question("image", AMD64.tag),)
    held = Runner(
        kind="container",
        words=("qemu-aarch64-static",),
        image=AMD64.tag,
        source="local",
        why="QEMU of bookworm's packages, in a container",
    )
    assert held == chosen("aarch64-musl", said(facts(), HELD))
    step = BuildImage(why="no image here runs aarch64-unknown-linux-musl programs", recipe=AMD64)
    assert replace(held, source="build", steps=(step,)) == chosen("aarch64-musl", said(facts(), Absent("no")))


@pytest.mark.parametrize("name", ["windows", "x86_64-gnullvm"])
def test_a_container_with_wine(name):
    """Whatever linked a program for Windows of 64 bits: the image is that of the GNU target."""
    recipe = wine("linux/amd64")
    assert chosen(name, facts()) == (Question("image", recipe.tag),)
    found = chosen(name, said(facts(), Absent("no"), recipe.tag))
    assert (found.kind, found.words, found.image) == ("container", ("/usr/local/lib/crosstasks/wine.sh",), recipe.tag)
    assert found.why == "wine of bookworm's packages, in a container"
    assert [step.recipe.emulator for step in found.steps] == ["wine"]


def test_an_engine_of_the_targets_own_kind_emulates_nothing():
    """A container on an arm64 engine runs arm64 programs as they are."""
    recipe = emulator("aarch64", "linux/arm64")
    known = facts(engine=engine(arch="aarch64"))
    found = chosen("aarch64-musl", said(known, HELD, recipe.tag))
    assert (found.kind, found.words, found.image) == ("container", (), recipe.tag)


@pytest.mark.parametrize(
    ("name", "known", "options", "why"),
    [
        ("macos", facts(), {}, "programs for macOS are started on macOS alone, and this is linux"),
        ("ios", facts(), {}, "programs for iOS are started on iOS alone, and this is linux"),
        ("thumbv7em", facts(), {}, "thumbv7em-none-eabi has no system that could start a test: name what does as `runner`"),
        ("win32", facts(), {}, "i686-pc-windows-gnu programs are started on Windows, or by the `runner` that you name, and this is linux"),
        (
            "windows",
            facts(engine=engine(arch="aarch64")),
            {},
            NOWHERE.replace("aarch64-unknown-linux-musl", "x86_64-pc-windows-gnu")
            + "Debian's wine for 64 bits is for linux/amd64, and the engine is linux/arm64",
        ),
        ("uefi", facts(), {}, "x86_64-unknown-uefi has no system that could start a test: name what does as `runner`"),
        ("freebsd", facts(), {}, "x86_64-unknown-freebsd programs do not run on this host, and no container runs them"),
        ("loongarch64", facts(), {}, "loongarch64-unknown-linux-gnu programs do not run on this host, and no container runs them"),
        (
            "loongarch64-musl",
            facts(),
            {},
            (
                "loongarch64-unknown-linux-musl programs do not run on this host, and no container runs them: QEMU 7.2, which Debian 12 has, "
                "knows no LSX, the vector instructions in Rust's programs for LoongArch"
            ),
        ),
        (
            "aarch64-musl",
            bare_facts(),
            {},
            NOWHERE + "no container engine is here: neither docker nor podman is on PATH",
        ),
        (
            "aarch64-musl",
            said(facts(), Absent("no")),
            {"offline": True},
            NOWHERE + f"offline = true, and the engine does not hold {AMD64.tag}",
        ),
        (
            "aarch64-musl",
            facts(engine=engine(remote=True)),
            {},
            NOWHERE + "the engine is on another machine, which does not see what was built here",
        ),
    ],
)
def test_why_nothing_starts_them(name, known, options, why):
    """Each in words that are true of this machine."""
    found = chosen(name, known, **options)
    assert isinstance(found, Absent)
    assert found.why == why


def test_a_folder_that_the_engine_does_not_see_starts_nothing():
    """As it was found out, with what helps."""
    known = facts().with_({Question("shared", "project"): Absent("it does not see /project", "share /project with it")})
    assert chosen("aarch64-musl", known) == Absent(f"{NOWHERE}it does not see /project", "share /project with it")


def test_a_program_that_is_not_static_finds_its_libraries_in_the_container():
    """Debian's of that machine, or the engine's own; what emulates on this machine's PATH has none of them."""
    known = facts(emulation=Emulation(programs={"aarch64": "/usr/bin/qemu-aarch64"}))
    recipe = emulator("aarch64", "linux/amd64", libraries=("libc6-arm64-cross", "libgcc-s1-arm64-cross", "libstdc++6-arm64-cross"))
    found = chosen("aarch64", said(known, HELD, recipe.tag))
    assert (found.words, found.image) == (("qemu-aarch64-static", "-L", "/usr/aarch64-linux-gnu"), recipe.tag)
    own = emulator("aarch64", "linux/arm64", libraries=("libc6", "libgcc-s1", "libstdc++6"))
    assert chosen("aarch64", said(facts(engine=engine(arch="aarch64")), HELD, own.tag)).words == ()


@pytest.mark.parametrize(
    ("name", "qemu", "port", "place"),
    [
        ("i586", "i386", "i386", "i686-linux-gnu"),
        ("mips64", "mips64", "mips64", "mips64-linux-gnuabi64"),
        ("mips", "mips", "mips", "mips-linux-gnu"),
        ("powerpc64", "ppc64", "ppc64", "powerpc64-linux-gnu"),
    ],
)
def test_libraries_that_come_with_compilers_alone_start_programs_too(name, qemu, port, place):
    """No release has packages of that machine, but its C library for those who compile for it."""
    recipe = emulator(qemu, "linux/amd64", libraries=(f"libc6-{port}-cross", f"libgcc-s1-{port}-cross", f"libstdc++6-{port}-cross"))
    found = chosen(name, said(facts(), HELD, recipe.tag))
    assert (found.words, found.image) == ((f"qemu-{qemu}-static", "-L", f"/usr/{place}"), recipe.tag)


@pytest.mark.parametrize("name", ["arm", "powerpc.json"])
def test_what_has_no_compilers_has_no_libraries(name):
    """Debian's are ARMv7's, and what a file describes is not known to be its machine."""
    fields = b'"llvm-target": "x", "arch": "powerpc", "data-layout": "e", "target-pointer-width": 32, "os": "linux", "env": "gnu"'
    target = parse(Path(name), b"{%b}" % fields) if name.endswith("json") else find(name)
    why = f"{target.triple} programs do not run on this host, and no container runs them"
    assert emulators.runner(request.make(target, "test", facts(), config()), facts()) == Absent(why)


def test_what_prints_nothing_is_tested_and_its_tests_are_not_listed():
    """A trap tells that a test failed; cargo-nextest would read a list."""
    assert "wasmtime" == chosen("wasm", facts()).kind
    refusal = chosen("wasm", facts(), "nextest")
    why = "programs for wasm32-unknown-unknown print nothing, so that nobody can list their tests"
    assert refusal == Absent(why, "`test`")


@pytest.mark.parametrize("name", ["wasip1", "wasip2"])
def test_wasmtime_runs_programs_of_wasi(name):
    """From PyPI, once, and then from our cache; offline there is none."""
    found = chosen(name, facts())
    assert isinstance(found, Runner)
    assert (found.kind, [type(step) for step in found.steps]) == ("wasmtime", [InstallWheels])
    assert found.words == (f"{facts().inventory.tools_home}/{found.steps[0].name}",)
    assert isinstance(chosen(name, facts(), offline=True), Absent)
